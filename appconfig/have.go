package appconfig

import (
	"maps"
	"slices"
)

// DomainLists are server domains by list.
type DomainLists map[List][]string

// Have is what an app has, of the kinds that were read.
type Have struct {
	// Domains and Webview are by the way they came to the app.
	Domains DomainsHave
	Webview WebviewHave
	// Testers are the WeChat ids that are known to be bound, or not to be: WeChat
	// lists testers without their ids, so that only an attempt tells.
	Testers map[string]bool
	// NoTesters says that there is none at all.
	NoTesters bool
	Rules     []Rule
	// Library is the lowest base library, as 2.32.0.
	Library string
	Serving bool
	// Guideline is the draft of the privacy guideline, or if there is none the live one.
	Guideline Guideline
}

// DomainsHave are an app's server domains.
type DomainsHave struct {
	// Console are those set at mp.weixin.qq.com, which a release by the platform deletes.
	Console DomainLists
	// Platform and Direct came by those ways.
	Platform, Direct DomainLists
	// Effective are those a release would leave.
	Effective DomainLists
}

// by are the domains that came by a way.
func (h DomainsHave) by(w Way) DomainLists {
	if w == Direct {
		return h.Direct
	}
	return h.Platform
}

// WebviewHave are an app's web-view domains; see DomainsHave.
type WebviewHave struct{ Console, Platform, Direct, Effective []string }

func (h WebviewHave) by(w Way) []string {
	if w == Direct {
		return h.Direct
	}
	return h.Platform
}

// Guideline is a privacy guideline.
type Guideline struct {
	Owner Owner
	// File is the media id of a guideline of the owner's own beside it; it is kept.
	File string
	Uses []Use
}

func (g Guideline) same(o Guideline) bool {
	return g.Owner == o.Owner && maps.Equal(texts(g.Uses), texts(o.Uses))
}

func texts(uses []Use) map[string]string {
	m := make(map[string]string, len(uses))
	for _, u := range uses {
		m[u.Key] = u.Text
	}
	return m
}

// edited is a list after an edit: what stays in its order, then what is new.
func (e Edit) edited(have []string) []string {
	if e.Set != nil {
		out := intersect(have, e.Set)
		return append(out, without(e.Set, have)...)
	}
	out := without(have, e.Remove)
	return append(out, without(e.Add, have)...)
}

// without are those of a that aren't in b.
func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(v string) bool { return slices.Contains(b, v) })
}

func intersect(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(v string) bool { return !slices.Contains(b, v) })
}

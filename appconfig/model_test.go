package appconfig_test

import (
	"slices"

	"github.com/wxrollout/wxrollout/appconfig"
)

// wrote is what an app has after WeChat took a change: the rules of its calls, in short.
func wrote(h appconfig.Have, c appconfig.Change) appconfig.Have {
	switch c.Kind {
	case appconfig.Domains:
		lists := &h.Domains.Platform
		if c.Way == appconfig.Direct {
			lists = &h.Domains.Direct
		}
		next := appconfig.DomainLists{}
		for _, name := range appconfig.Lists() {
			next[name] = listed(c.Verb, (*lists)[name], c.Domains[name])
		}
		*lists = next
	case appconfig.Webview:
		list := &h.Webview.Platform
		if c.Way == appconfig.Direct {
			list = &h.Webview.Direct
		}
		*list = listed(c.Verb, *list, c.List)
	case appconfig.Testers:
		known := map[string]bool{c.Name: c.Verb == appconfig.VerbAdd}
		for id, bound := range h.Testers {
			if id != c.Name {
				known[id] = bound
			}
		}
		h.Testers, h.NoTesters = known, false
	case appconfig.QRRules:
		rules := slices.DeleteFunc(slices.Clone(h.Rules), func(r appconfig.Rule) bool { return r.Prefix == c.Name })
		if c.Verb != appconfig.VerbRemove {
			rule := c.Rule
			rule.Published = false
			rules = append(rules, rule)
		}
		h.Rules = rules
	case appconfig.QRPublish:
		h.Rules = slices.Clone(h.Rules)
		for i := range h.Rules {
			h.Rules[i].Published = h.Rules[i].Published || h.Rules[i].Prefix == c.Name
		}
	case appconfig.Library:
		h.Library = c.Value
	case appconfig.Visibility:
		h.Serving = c.Value == appconfig.VisibilityOpen
	case appconfig.Privacy:
		h.Guideline = c.Guideline
	}
	return h
}

func listed(verb appconfig.Verb, have, sent []string) []string {
	var out []string
	if verb != appconfig.VerbSet {
		out = slices.DeleteFunc(slices.Clone(have), func(v string) bool { return slices.Contains(sent, v) })
	}
	if verb != appconfig.VerbRemove {
		out = append(out, sent...)
	}
	return out
}

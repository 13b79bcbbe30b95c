package appconfig

import (
	"net/url"
	"slices"
	"strings"
	"time"
)

// Limits of QR code rules. The number of rules is not published; 100 is the simulator's choice.
const (
	maxRules       = 100
	maxDebugLinks  = 5
	rulesPublished = 100 // in a month
)

// Rule is a QR code rule of an app.
type Rule struct {
	Prefix    string   `json:"prefix"`
	SubRule   int64    `json:"permit_sub_rule"`
	Path      string   `json:"path"`
	Version   int64    `json:"open_version"`
	DebugURLs []string `json:"debug_url"`
	State     int      `json:"state"`
}

// States of a rule.
const (
	ruleUnpublished = 1
	rulePublished   = 2
)

// AddRule adds a rule, or edits it if isEdit is 1. Editing a published rule takes it back until it is published again.
func (p *Platform) AddRule(appid string, c *Config, r Rule, isEdit int64) (code int) {
	u, err := url.Parse(r.Prefix)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || BareHost(u.Hostname()) == "":
		return 85066
	case r.SubRule < 1 || r.SubRule > 2 || r.Version < 1 || r.Version > 3 || isEdit < 0 || isEdit > 1 || r.Path == "",
		len(r.DebugURLs) > maxDebugLinks:
		return 85067
	case slices.ContainsFunc(r.DebugURLs, func(link string) bool { return !strings.HasPrefix(link, r.Prefix) }):
		return 85068
	}
	r.State = ruleUnpublished
	i, edit := c.findRule(r.Prefix), isEdit == 1
	p.mu.Lock()
	defer p.mu.Unlock()
	owner := p.prefixes[r.Prefix]
	switch {
	case !p.files[appid+" "+BareHost(u.Hostname())]:
		return 85069
	case edit && i < 0:
		return 85067
	case edit:
		c.Rules[i] = r
		return 0
	case i >= 0:
		return 85071
	case len(c.Rules) >= maxRules:
		return 85073
	case owner != "" && owner != appid:
		return 85072
	}
	p.prefixes[r.Prefix] = appid
	c.Rules = append(c.Rules, r)
	return 0
}

func (c *Config) findRule(prefix string) int {
	return slices.IndexFunc(c.Rules, func(r Rule) bool { return r.Prefix == prefix })
}

// DeleteRule deletes a rule and frees its prefix.
func (p *Platform) DeleteRule(c *Config, prefix string) (code int) {
	i := c.findRule(prefix)
	if i < 0 {
		return 85066
	}
	c.Rules = slices.Delete(c.Rules, i, i+1)
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.prefixes, prefix)
	return 0
}

// PublishRule publishes a rule. Publishing a published rule again costs nothing.
func (c *Config) PublishRule(prefix string, live bool, now time.Time) (code int) {
	i := c.findRule(prefix)
	switch {
	case i < 0:
		return 85066
	case !live:
		return 85074
	case c.Rules[i].State == rulePublished:
		return 0
	case !c.publications.Take(now, rulesPublished):
		return 89030
	}
	c.Rules[i].State = rulePublished
	return 0
}

// PublicationsLeft is how many rules may still be published this month.
func (c *Config) PublicationsLeft(now time.Time) int { return c.publications.Left(now, rulesPublished) }

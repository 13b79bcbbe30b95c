package settings_test

import (
	"slices"

	"github.com/wxrollout/wxrollout/rollout/settings"
)

// wrote is what an app has after WeChat took a change: the rules of its calls, in short.
func wrote(h settings.Have, c settings.Change) settings.Have {
	switch c.Kind {
	case settings.Domains:
		lists := &h.Domains.Platform
		if c.Way == settings.Direct {
			lists = &h.Domains.Direct
		}
		next := settings.DomainLists{}
		for _, name := range settings.Lists() {
			next[name] = listed(c.Verb, (*lists)[name], c.Domains[name])
		}
		*lists = next
	case settings.Webview:
		list := &h.Webview.Platform
		if c.Way == settings.Direct {
			list = &h.Webview.Direct
		}
		*list = listed(c.Verb, *list, c.List)
	case settings.Testers:
		known := map[string]bool{c.Name: c.Verb == settings.VerbAdd}
		for id, bound := range h.Testers {
			if id != c.Name {
				known[id] = bound
			}
		}
		h.Testers, h.NoTesters = known, false
	case settings.QRRules:
		rules := slices.DeleteFunc(slices.Clone(h.Rules), func(r settings.Rule) bool { return r.Prefix == c.Name })
		if c.Verb != settings.VerbRemove {
			rule := c.Rule
			rule.Published = false
			rules = append(rules, rule)
		}
		h.Rules = rules
	case settings.QRPublish:
		h.Rules = slices.Clone(h.Rules)
		for i := range h.Rules {
			h.Rules[i].Published = h.Rules[i].Published || h.Rules[i].Prefix == c.Name
		}
	case settings.Library:
		h.Library = c.Value
	case settings.Visibility:
		h.Serving = c.Value == settings.VisibilityOpen
	case settings.Privacy:
		h.Guideline = c.Guideline
	}
	return h
}

func listed(verb settings.Verb, have, sent []string) []string {
	var out []string
	if verb != settings.VerbSet {
		out = slices.DeleteFunc(slices.Clone(have), func(v string) bool { return slices.Contains(sent, v) })
	}
	if verb != settings.VerbRemove {
		out = append(out, sent...)
	}
	return out
}

package wxsim

import (
	"net/url"
	"slices"
	"strings"
	"sync"
)

// Limits of QR code rules. How many rules there may be is not published; this is the simulator's.
const (
	maxRules       = 100
	maxDebugLinks  = 5
	rulesPublished = 100 // in a month
)

// qrRule is a QR code rule of an app.
type qrRule struct {
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

// prefixOwners says whose each prefix is.
type prefixOwners struct {
	mu sync.Mutex
	by map[string]string
}

// claim gives a free prefix to an app; false means it is another's.
func (p *prefixOwners) claim(prefix, appid string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.by == nil {
		p.by = map[string]string{}
	}
	if owner := p.by[prefix]; owner != "" && owner != appid {
		return false
	}
	p.by[prefix] = appid
	return true
}

func (p *prefixOwners) free(prefix string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.by, prefix)
}

// rulesAllowed answers the code all changes of rules of a personal app get.
func (c *call) rulesAllowed() int {
	if c.app.personal {
		return 85075
	}
	return 0
}

// parseRule reads the body of qrcodejumpadd.
func (c *call) parseRule() (r qrRule, edit bool, code int) {
	var ok, ok2, ok3, ok4 bool
	r.Prefix, ok = c.f.text("prefix")
	r.Path, ok2 = c.f.text("path")
	r.SubRule, ok3 = c.f.number("permit_sub_rule", true)
	r.Version, ok4 = c.f.number("open_version", true)
	isEdit, ok5 := c.f.number("is_edit", true)
	var ok6 bool
	r.DebugURLs, ok6 = list[string](c.f, "debug_url")
	r.DebugURLs = some(r.DebugURLs)
	u, err := url.Parse(r.Prefix)
	switch {
	case !ok || !ok2 || !ok3 || !ok4 || !ok5 || !ok6:
		return r, false, 47001
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || bareHost(u.Hostname()) == "":
		return r, false, 85066
	case r.SubRule < 1 || r.SubRule > 2 || r.Version < 1 || r.Version > 3 || isEdit < 0 || isEdit > 1 || r.Path == "":
		return r, false, 85067
	case len(r.DebugURLs) > maxDebugLinks:
		return r, false, 85067
	case slices.ContainsFunc(r.DebugURLs, func(link string) bool { return !strings.HasPrefix(link, r.Prefix) }):
		return r, false, 85068
	case !c.sim.platform.placed(c.app.id, bareHost(u.Hostname())):
		return r, false, 85069
	}
	r.State = ruleUnpublished
	return r, isEdit == 1, 0
}

// addRule plays qrcodejumpadd. Editing a published rule takes it back until it is published again.
func (c *call) addRule() reply {
	if code := c.rulesAllowed(); code != 0 {
		return failure(code)
	}
	r, edit, code := c.parseRule()
	a := c.app
	i := c.findRule(r.Prefix)
	switch {
	case code != 0:
		return failure(code)
	case edit && i < 0:
		return failure(85067)
	case edit:
		a.rules[i] = r
		return success(nil)
	case i >= 0:
		return failure(85071)
	case len(a.rules) >= maxRules:
		return failure(85073)
	case !c.sim.prefixes.claim(r.Prefix, a.id):
		return failure(85072)
	}
	a.rules = append(a.rules, r)
	return success(nil)
}

func (c *call) findRule(prefix string) int {
	return slices.IndexFunc(c.app.rules, func(r qrRule) bool { return r.Prefix == prefix })
}

// rules plays qrcodejumpget.
func (c *call) rules() reply {
	a := c.app
	opened := 0
	if len(a.rules) > 0 {
		opened = 1
	}
	list := slices.Clone(a.rules)
	if list == nil {
		list = []qrRule{}
	}
	return success(payload{
		"rule_list": list, "qrcodejump_open": opened, "list_size": len(a.rules), "total_count": len(a.rules),
		"qrcodejump_pub_quota": a.publications.left(c.now, rulesPublished),
	})
}

// namedRule finds the rule a body names.
func (c *call) namedRule() (index, code int) {
	if code := c.rulesAllowed(); code != 0 {
		return 0, code
	}
	prefix, ok := c.f.text("prefix")
	if !ok {
		return 0, 47001
	}
	i := c.findRule(prefix)
	if i < 0 {
		return 0, 85066
	}
	return i, 0
}

// deleteRule plays qrcodejumpdelete.
func (c *call) deleteRule() reply {
	i, code := c.namedRule()
	if code != 0 {
		return failure(code)
	}
	c.sim.prefixes.free(c.app.rules[i].Prefix)
	c.app.rules = slices.Delete(c.app.rules, i, i+1)
	return success(nil)
}

// publishRule plays qrcodejumppublish. Publishing a published rule again costs nothing.
func (c *call) publishRule() reply {
	i, code := c.namedRule()
	a := c.app
	switch {
	case code != 0:
		return failure(code)
	case a.live == nil:
		return failure(85074)
	case a.rules[i].State == rulePublished:
		return success(nil)
	case !a.publications.take(c.now, rulesPublished):
		return failure(89030)
	}
	a.rules[i].State = rulePublished
	return success(nil)
}

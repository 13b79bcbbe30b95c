package wxsim

import (
	"net"
	"net/url"
	"slices"
	"strings"
)

const (
	maxDomains     = 200 // of one list of an app
	domainChanges  = 50  // of an app, and of the component, in a month
	ownersDirectly = 100 // apps one domain may serve without being registered
)

// domainKinds are the lists of server domains with their schemes.
var domainKinds = []struct{ key, scheme string }{
	{"requestdomain", "https"}, {"wsrequestdomain", "wss"}, {"uploaddomain", "https"}, {"downloaddomain", "https"},
	{"udpdomain", "udp"}, {"tcpdomain", "tcp"},
}

// webviewKind is the key of web-view domains, in the same sets as the server domains.
const webviewKind = "webviewdomain"

// domainSet is lists of domains by key. A set that was stored is never modified.
type domainSet map[string][]string

// keep is the set without what f refuses.
func (d domainSet) keep(f func(key, domain string) bool) domainSet {
	out := domainSet{}
	for key, list := range d {
		for _, domain := range list {
			if f(key, domain) {
				out[key] = append(out[key], domain)
			}
		}
	}
	return out
}

// with is the set and another one.
func (d domainSet) with(other domainSet) domainSet {
	out := domainSet{}
	for _, set := range []domainSet{d, other} {
		for key, list := range set {
			for _, domain := range list {
				if !slices.Contains(out[key], domain) {
					out[key] = append(out[key], domain)
				}
			}
		}
	}
	return out
}

// without is the set less another one.
func (d domainSet) without(other domainSet) domainSet {
	return d.keep(func(key, domain string) bool { return !slices.Contains(other[key], domain) })
}

// same reports that two sets hold the same domains.
func (d domainSet) same(other domainSet) bool {
	return d.without(other).size() == 0 && other.without(d).size() == 0
}

func (d domainSet) size() int {
	n := 0
	for _, list := range d {
		n += len(list)
	}
	return n
}

// server is the payload of the server domains, every list present.
func (d domainSet) server() payload {
	p := payload{}
	for _, k := range domainKinds {
		p[k.key] = some(d[k.key])
	}
	return p
}

// appDomains are the domains of an app; the app's lock guards it.
type appDomains struct {
	console domainSet // set on mp.weixin.qq.com: gone with the first release by the platform
	third   domainSet // set through the component's lists
	direct  domainSet // set without them
	live    domainSet // what the live version may reach
	changes monthly
}

// effective is what a release at this moment would leave: of the first way only what is registered on the component.
func (s *Sim) effective(d *appDomains) domainSet {
	return d.third.keep(s.platform.registered).with(d.direct)
}

// releaseDomains applies the rule of releases to a locked app: this is where domains that were taken off the component
// between commit and release disappear from the live version.
func (s *Sim) releaseDomains(a *app) {
	d := &a.domains
	d.live = s.effective(d)
	d.third = d.third.keep(s.platform.registered)
	d.console = nil
}

// hostOf is the host of a domain with a scheme; empty if it is no domain.
func hostOf(domain, scheme string) string {
	u, err := url.Parse(domain)
	if err != nil || u.Scheme != scheme || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return ""
	}
	return bareHost(u.Hostname())
}

// bareHost is the host if it can be a domain of an app, else empty.
func bareHost(host string) string {
	if net.ParseIP(host) != nil || !strings.Contains(host, ".") || strings.ContainsAny(host, " /:?#@") || host == "api.weixin.qq.com" {
		return ""
	}
	return strings.ToLower(host)
}

// domainChange is the body of modify_domain and modify_domain_directly.
type domainChange struct {
	action  string
	good    domainSet
	invalid payload
}

// parseDomains reads such a body; malformed domains are told in the reply and otherwise ignored.
func parseDomains(f fields) (domainChange, int) {
	ch := domainChange{good: domainSet{}, invalid: payload{}}
	var ok bool
	if ch.action, ok = f.text("action"); !ok {
		return ch, 47001
	}
	if !slices.Contains([]string{"add", "delete", "set", "get"}, ch.action) {
		return ch, 85022
	}
	for _, k := range domainKinds {
		given, ok := list[string](f, k.key)
		if !ok {
			return ch, 47001
		}
		var bad []string
		for _, domain := range given {
			if hostOf(domain, k.scheme) == "" {
				bad = append(bad, domain)
			} else if !slices.Contains(ch.good[k.key], domain) {
				ch.good[k.key] = append(ch.good[k.key], domain)
			}
		}
		if bad != nil {
			ch.invalid["invalid_"+k.key] = bad
		}
	}
	return ch, 0
}

// applied is the set after a change.
func (ch domainChange) applied(to domainSet) domainSet {
	switch ch.action {
	case "add":
		return to.with(ch.good)
	case "delete":
		return to.without(ch.good)
	default:
		// set leaves the web-view domains alone: they have calls of their own.
		return ch.good.with(domainSet{webviewKind: to[webviewKind]})
	}
}

// modifyDomain plays modify_domain.
func (c *call) modifyDomain() reply {
	return c.changeDomains(&c.app.domains.third, func(ch domainChange) int {
		if ch.good.keep(c.sim.platform.registered).size() != ch.good.size() {
			return 85018
		}
		return 0
	})
}

// modifyDomainDirectly plays modify_domain_directly. A domain too many owners have is 85016.
func (c *call) modifyDomainDirectly() reply {
	rep := c.changeDomains(&c.app.domains.direct, func(ch domainChange) int {
		if !c.sim.platform.mayUse(c.app.id, ch.good.hosts()) {
			return 85016
		}
		return 0
	})
	c.sim.platform.use(c.app.id, c.app.domains.direct.hosts())
	return rep
}

// hosts are the hosts of the server domains.
func (d domainSet) hosts() []string {
	var out []string
	for _, k := range domainKinds {
		for _, domain := range d[k.key] {
			out = append(out, hostOf(domain, k.scheme))
		}
	}
	return out
}

// changeDomains changes one of an app's sets; allowed has the last word on what is added.
func (c *call) changeDomains(set *domainSet, allowed func(domainChange) int) reply {
	ch, code := parseDomains(c.f)
	if code != 0 {
		return failure(code)
	}
	if ch.action == "get" {
		return success(set.server())
	}
	if ch.action != "delete" {
		if code := allowed(ch); code != 0 {
			return failure(code)
		}
	}
	next := ch.applied(*set)
	if code := c.storeDomains(set, next, maxDomains, 85017, 85016); code != 0 {
		return failure(code)
	}
	p := next.server()
	for key, bad := range ch.invalid {
		p[key] = bad
	}
	return success(p)
}

// storeDomains stores a changed set if it differs, is not too large and the month has changes left.
func (c *call) storeDomains(set *domainSet, next domainSet, limit, unchanged, tooMany int) int {
	for _, list := range next {
		if len(list) > limit {
			return tooMany
		}
	}
	switch {
	case next.same(*set):
		return unchanged
	case !c.app.domains.changes.take(c.now, domainChanges):
		return 86102
	}
	*set = next
	return 0
}

// effectiveDomain plays get_effective_domain.
func (c *call) effectiveDomain() reply {
	d := &c.app.domains
	return success(payload{
		"mp_domain": d.console.server(), "third_domain": d.third.server(), "direct_domain": d.direct.server(),
		"effective_domain": c.sim.effective(d).server(),
	})
}

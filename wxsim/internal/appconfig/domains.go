package appconfig

import (
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/wxrollout/wxrollout/wxsim/internal/clock"
)

const (
	maxDomains     = 200 // of one list of an app
	domainChanges  = 50  // of an app, and of the component, in a month
	ownersDirectly = 100 // apps that may set one domain directly
)

// DomainKinds are the lists of server domains with their schemes.
var DomainKinds = []struct{ Key, Scheme string }{
	{"requestdomain", "https"}, {"wsrequestdomain", "wss"}, {"uploaddomain", "https"}, {"downloaddomain", "https"},
	{"udpdomain", "udp"}, {"tcpdomain", "tcp"},
}

// WebviewKey is the key of web-view domains, in the same sets as the server domains.
const WebviewKey = "webviewdomain"

// The actions of domain calls.
const (
	Add    = "add"
	Delete = "delete"
	Set    = "set"
	Get    = "get"
)

// KnownAction reports an action of domain calls.
func KnownAction(action string) bool { return slices.Contains([]string{Add, Delete, Set, Get}, action) }

// DomainSet is lists of domains by key. A stored set is never modified.
type DomainSet map[string][]string

// keep is the set without the domains that f refuses.
func (d DomainSet) keep(f func(key, domain string) bool) DomainSet {
	out := DomainSet{}
	for key, list := range d {
		for _, domain := range list {
			if f(key, domain) {
				out[key] = append(out[key], domain)
			}
		}
	}
	return out
}

// with is the union with another set.
func (d DomainSet) with(other DomainSet) DomainSet {
	out := DomainSet{}
	for _, set := range []DomainSet{d, other} {
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

// without is the difference to another set.
func (d DomainSet) without(other DomainSet) DomainSet {
	return d.keep(func(key, domain string) bool { return !slices.Contains(other[key], domain) })
}

// changed is the set after add, delete or set, which keeps a part of it.
func (d DomainSet) changed(action string, given, kept DomainSet) DomainSet {
	switch action {
	case Add:
		return d.with(given)
	case Delete:
		return d.without(given)
	}
	return given.with(kept)
}

// same reports that two sets hold the same domains.
func (d DomainSet) same(other DomainSet) bool {
	return d.without(other).size() == 0 && other.without(d).size() == 0
}

func (d DomainSet) size() int {
	n := 0
	for _, list := range d {
		n += len(list)
	}
	return n
}

// hosts are the hosts of the server domains.
func (d DomainSet) hosts() []string {
	var out []string
	for _, k := range DomainKinds {
		for _, domain := range d[k.Key] {
			out = append(out, HostOf(domain, k.Scheme))
		}
	}
	return out
}

// only is the part of the set under one key.
func (d DomainSet) only(key string) DomainSet { return DomainSet{key: d[key]} }

// Domains are the domains of an app.
type Domains struct {
	// Console was set on mp.weixin.qq.com; the first release by the platform deletes it.
	Console DomainSet
	// Third was set within the component's lists, Direct outside of them.
	Third, Direct DomainSet
	// Live is what the live version may reach.
	Live DomainSet

	changes clock.Monthly
}

// SetConsole sets request domains as if on mp.weixin.qq.com.
func (d *Domains) SetConsole(domains []string) {
	d.Console = DomainSet{"requestdomain": domains}
	d.Live = d.Live.with(d.Console)
}

// Effective is what a release would leave at this moment: of Third, only the domains the component has published.
func (p *Platform) Effective(d *Domains) DomainSet { return d.Third.keep(p.listed).with(d.Direct) }

// ReleaseDomains applies the rule of releases: domains that were taken off the component's lists between commit and
// release disappear from the live version here.
func (p *Platform) ReleaseDomains(d *Domains) {
	d.Live = p.Effective(d)
	d.Third = d.Third.keep(p.listed)
	d.Console = nil
}

// HostOf is the host of a domain with a scheme; empty if it is no domain.
func HostOf(domain, scheme string) string {
	u, err := url.Parse(domain)
	if err != nil || u.Scheme != scheme || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return ""
	}
	return BareHost(u.Hostname())
}

// BareHost is the host in lower case if it can be a domain of an app, else empty.
func BareHost(host string) string {
	if net.ParseIP(host) != nil || !strings.Contains(host, ".") || strings.ContainsAny(host, " /:?#@") || host == "api.weixin.qq.com" {
		return ""
	}
	return strings.ToLower(host)
}

// ModifyDomains changes the server domains within the component's lists, and returns the new set.
func (p *Platform) ModifyDomains(_ string, d *Domains, action string, given DomainSet, now time.Time) (next DomainSet, code int) {
	if action != Delete && given.keep(p.listed).size() != given.size() {
		return nil, 85018
	}
	return d.modify(&d.Third, action, given, d.Third.only(WebviewKey), now, 85017, 85016)
}

// ModifyDomainsDirectly changes the server domains outside of the component's lists. A domain of too many apps is 85016.
func (p *Platform) ModifyDomainsDirectly(appid string, d *Domains, action string, given DomainSet, now time.Time) (next DomainSet, code int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if action != Delete && slices.ContainsFunc(given.hosts(), func(host string) bool {
		apps := p.direct[host]
		return !apps[appid] && len(apps) >= ownersDirectly
	}) {
		return nil, 85016
	}
	if next, code = d.modify(&d.Direct, action, given, d.Direct.only(WebviewKey), now, 85017, 85016); code != 0 {
		return nil, code
	}
	hosts := next.hosts()
	for host, apps := range p.direct {
		if !slices.Contains(hosts, host) {
			delete(apps, appid)
		}
	}
	for _, host := range hosts {
		if p.direct[host] == nil {
			p.direct[host] = map[string]bool{}
		}
		p.direct[host][appid] = true
	}
	return next, 0
}

// modify changes one of the app's sets if that makes a difference, leaves no list too long, and the month has changes
// left. The action set keeps a part of the old set: server and web-view domains have separate calls.
func (d *Domains) modify(set *DomainSet, action string, given, kept DomainSet, now time.Time, unchanged, tooMany int) (next DomainSet, code int) {
	next = set.changed(action, given, kept)
	for _, list := range next {
		if len(list) > maxDomains {
			return nil, tooMany
		}
	}
	switch {
	case next.same(*set):
		return nil, unchanged
	case !d.changes.Take(now, domainChanges):
		return nil, 86102
	}
	*set = next
	return next, 0
}

// ModifyWebview changes the web-view domains within the component's list, subdomains included. An empty action copies
// the whole list.
func (p *Platform) ModifyWebview(_ string, d *Domains, action string, domains []string, now time.Time) (next DomainSet, code int) {
	p.mu.Lock()
	jumps := p.jump.published
	p.mu.Unlock()
	if action == "" {
		action = Set
		for _, host := range jumps {
			domains = append(domains, "https://"+host)
		}
	}
	if action == Add || action == Set {
		if len(jumps) == 0 {
			return nil, 89020
		}
		for _, domain := range domains {
			if !p.listed(WebviewKey, domain) {
				return nil, 89021
			}
		}
	}
	return d.modifyWebview(&d.Third, action, domains, now)
}

// ModifyWebviewDirectly changes the web-view domains outside of the component's list: the app's confirm file must be on
// every one.
func (p *Platform) ModifyWebviewDirectly(appid string, d *Domains, action string, domains []string, now time.Time) (next DomainSet, code int) {
	if action == Add || action == Set {
		for _, domain := range domains {
			if !p.placed(appid, HostOf(domain, "https")) {
				return nil, 86103
			}
		}
	}
	return d.modifyWebview(&d.Direct, action, domains, now)
}

// modifyWebview changes the web-view domains of one of the app's sets; get only reads.
func (d *Domains) modifyWebview(set *DomainSet, action string, domains []string, now time.Time) (next DomainSet, code int) {
	if action == Get {
		return *set, 0
	}
	return d.modify(set, action, DomainSet{WebviewKey: domains}, set.without(set.only(WebviewKey)), now, 89019, 89029)
}

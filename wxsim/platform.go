package wxsim

import (
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Sizes of the component's own lists.
const (
	maxPlatformServers = 1000
	maxPlatformJumps   = 200
)

// platform is what is registered on the component: domains, and the confirm files an operator has put on them.
type platform struct {
	mu     sync.Mutex
	server hostList
	jump   hostList
	files  map[string]bool            // by appid and host
	direct map[string]map[string]bool // apps by host that was set without being registered
}

// hostList is one list of the component in its two versions.
type hostList struct {
	published, testing []string
	changes            monthly
}

// registered reports that a domain of an app may be used by the first way: its host is published on the component, for
// web-views a subdomain of one will do.
func (p *platform) registered(key, domain string) bool {
	u, err := url.Parse(domain)
	if err != nil {
		return false
	}
	host := strings.ToLower(u.Hostname())
	p.mu.Lock()
	defer p.mu.Unlock()
	if key != webviewKind {
		return slices.Contains(p.server.published, host)
	}
	return slices.ContainsFunc(p.jump.published, func(own string) bool { return host == own || strings.HasSuffix(host, "."+own) })
}

// jumps are the published web-view domains.
func (p *platform) jumps() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.jump.published
}

// placed reports that the confirm file of an app (of the component if appid is empty) lies on a host.
func (p *platform) placed(appid, host string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.files[appid+" "+host]
}

// mayUse reports that none of the hosts is used directly by too many other apps.
func (p *platform) mayUse(appid string, hosts []string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !slices.ContainsFunc(hosts, func(host string) bool {
		apps := p.direct[host]
		return !apps[appid] && len(apps) >= ownersDirectly
	})
}

// use notes which hosts an app uses directly.
func (p *platform) use(appid string, hosts []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for host, apps := range p.direct {
		if !slices.Contains(hosts, host) {
			delete(apps, appid)
		}
	}
	for _, host := range hosts {
		if p.direct == nil {
			p.direct = map[string]map[string]bool{}
		}
		if p.direct[host] == nil {
			p.direct[host] = map[string]bool{}
		}
		p.direct[host][appid] = true
	}
}

// PlaceFile puts the confirm file of an app (of the component if appid is empty) at the root of a host, such as
// shop.example.com, where web-view domains and QR code rules look for it.
func (s *Sim) PlaceFile(appid, host string) {
	p := &s.platform
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.files == nil {
		p.files = map[string]bool{}
	}
	p.files[appid+" "+strings.ToLower(host)] = true
}

// hostChange is the body of the component's two domain calls.
type hostChange struct {
	action    string
	good, bad []string
	both      bool // the published version too
}

func parseHosts(f fields, key string) (hostChange, int) {
	action, ok := f.text("action")
	joined, ok2 := f.text(key)
	both, ok3 := f.flag("is_modify_published_together")
	ch := hostChange{action: action, both: both}
	switch {
	case !ok || !ok2 || !ok3:
		return ch, 47001
	case !slices.Contains([]string{"add", "delete", "set", "get"}, action):
		return ch, 40097
	}
	for host := range strings.SplitSeq(joined, ";") {
		switch {
		case host == "":
		case bareHost(host) == "":
			ch.bad = append(ch.bad, host)
		case !slices.Contains(ch.good, bareHost(host)):
			ch.good = append(ch.good, bareHost(host))
		}
	}
	if action != "get" && action != "set" && len(ch.good)+len(ch.bad) == 0 {
		return ch, 40097
	}
	return ch, 0
}

// applied is a list after the change.
func (ch hostChange) applied(to []string) []string {
	switch ch.action {
	case "set":
		return ch.good
	case "delete":
		return slices.DeleteFunc(slices.Clone(to), func(h string) bool { return slices.Contains(ch.good, h) })
	}
	out := slices.Clone(to)
	for _, host := range ch.good {
		if !slices.Contains(out, host) {
			out = append(out, host)
		}
	}
	return out
}

// change applies a change to the list; a code other than 0 refuses it.
func (l *hostList) change(ch hostChange, limit int, now time.Time) int {
	next := ch.applied(l.testing)
	switch {
	case len(next) > limit:
		return 85016
	case !l.changes.take(now, domainChanges):
		return 45104
	}
	l.testing = next
	if ch.both {
		l.published = ch.applied(l.published)
	}
	return 0
}

// platformHosts plays the component's domain calls.
func (c *call) platformHosts(l *hostList, key string, limit int, usable func(host string) bool) reply {
	ch, code := parseHosts(c.f, key)
	if code != 0 {
		return failure(code)
	}
	if ch.action != "delete" {
		for _, host := range ch.good {
			if !usable(host) {
				ch.bad = append(ch.bad, host)
			}
		}
		ch.good = slices.DeleteFunc(ch.good, func(h string) bool { return slices.Contains(ch.bad, h) })
	}
	p := &c.sim.platform
	p.mu.Lock()
	defer p.mu.Unlock()
	if ch.action != "get" {
		if code := l.change(ch, limit, c.now); code != 0 {
			return failure(code)
		}
	}
	return success(payload{
		"published_" + key: strings.Join(l.published, ";"), "testing_" + key: strings.Join(l.testing, ";"),
		"invalid_" + key: strings.Join(ch.bad, ";"),
	})
}

// platformServers plays modify_wxa_server_domain.
func (c *call) platformServers() reply {
	return c.platformHosts(&c.sim.platform.server, "wxa_server_domain", maxPlatformServers, func(string) bool { return true })
}

// platformJumps plays modify_wxa_jump_domain: hosts without the component's confirm file are told as invalid.
func (c *call) platformJumps() reply {
	return c.platformHosts(&c.sim.platform.jump, "wxa_jump_h5_domain", maxPlatformJumps, func(host string) bool {
		return c.sim.platform.placed("", host)
	})
}

// platformFile plays get_domain_confirmfile.
func (c *call) platformFile() reply { return success(c.sim.confirmFile("")) }

package appconfig

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/wxrollout/wxrollout/wxsim/internal/clock"
)

// Sizes of the component's own lists.
const (
	maxPlatformServers = 1000
	maxPlatformJumps   = 200
)

// hostList is one list of the component in its two versions.
type hostList struct {
	published, testing []string
	changes            clock.Monthly
}

// HostChange is a change of one of the component's lists.
type HostChange struct {
	Action string
	// Good are the valid hosts, Bad the others.
	Good, Bad []string
	// Both changes the published version, too.
	Both bool
}

// listed reports that a domain of an app is on the component's published list; for web-views a subdomain suffices.
func (p *Platform) listed(key, domain string) bool {
	u, err := url.Parse(domain)
	if err != nil {
		return false
	}
	host := strings.ToLower(u.Hostname())
	p.mu.Lock()
	defer p.mu.Unlock()
	if key != WebviewKey {
		return slices.Contains(p.server.published, host)
	}
	return slices.ContainsFunc(p.jump.published, func(own string) bool { return host == own || strings.HasSuffix(host, "."+own) })
}

// ChangeServers changes the server hosts of the component, and returns both versions of the list.
func (p *Platform) ChangeServers(ch *HostChange, now time.Time) (published, testing []string, code int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.server.change(*ch, maxPlatformServers, now)
}

// ChangeJumps changes the web-view hosts of the component. Hosts without its confirm file are moved to ch.Bad.
func (p *Platform) ChangeJumps(ch *HostChange, now time.Time) (published, testing []string, code int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if ch.Action != Delete {
		ch.Good = slices.DeleteFunc(ch.Good, func(host string) bool {
			placed := p.files[" "+host]
			if !placed {
				ch.Bad = append(ch.Bad, host)
			}
			return !placed
		})
	}
	return p.jump.change(*ch, maxPlatformJumps, now)
}

// change applies a change to the list; get only reads.
func (l *hostList) change(ch HostChange, limit int, now time.Time) (published, testing []string, code int) {
	if ch.Action != Get {
		next := ch.applied(l.testing)
		switch {
		case len(next) > limit:
			return nil, nil, 85016
		case !l.changes.Take(now, domainChanges):
			return nil, nil, 45104
		}
		l.testing = next
		if ch.Both {
			l.published = ch.applied(l.published)
		}
	}
	return l.published, l.testing, 0
}

// applied is a list after the change.
func (ch HostChange) applied(to []string) []string {
	return DomainSet{"": to}.changed(ch.Action, DomainSet{"": ch.Good}, nil)[""]
}

package wxsim

import (
	"fmt"
	"sync"
	"time"
)

// Lives of credentials, from WeChat's pages and official answers.
const (
	ticketLife    = 12 * time.Hour
	overlapLife   = 5 * time.Minute // of a replaced component token or refresh token
	authCodeLife  = 10 * time.Minute
	preAuthLife   = 1800 * time.Second
	ticketsKept   = 200
	authCodesKept = 10000
)

// component is the third-party platform's own credentials.
type component struct {
	mu       sync.Mutex
	tickets  map[string]time.Time // by text: when it was issued
	order    []string             // oldest first
	nTickets uint64
	stopped  bool // ticket pushes are off
	bearers  []*bearer
	issued   uint64
	preAuths uint64
	preAuth  map[string]time.Time // codes that were not used: when they expire
	renewals int64
	codes    map[string]*authCode
	nCodes   uint64
	calls    [numEndpoints]uint64
	clears   monthly // of call counts
}

func (co *component) open(ticket string, now time.Time) {
	co.tickets = map[string]time.Time{ticket: now}
	co.order = []string{ticket}
	co.codes = map[string]*authCode{}
	co.preAuth = map[string]time.Time{}
}

func (co *component) count(ep *endpoint) uint64 {
	co.mu.Lock()
	defer co.mu.Unlock()
	n := co.calls[ep.index]
	co.calls[ep.index]++
	return n
}

// newTicket issues a component_verify_ticket; older ones stay valid for their 12 hours.
func (s *Sim) newTicket(now time.Time) string {
	co := &s.component
	co.mu.Lock()
	defer co.mu.Unlock()
	co.nTickets++
	text := "ticket@@@" + opaque(s.set.Load().Seed, "ticket", s.opt.ComponentAppID, co.nTickets, 86)
	co.tickets[text] = now
	co.order = append(co.order, text)
	if len(co.order) > ticketsKept {
		delete(co.tickets, co.order[0])
		co.order = co.order[1:]
	}
	return text
}

// platform checks component_appid of a body.
func (c *call) platform() int {
	id, ok := c.f.text("component_appid")
	switch {
	case !ok:
		return 47001
	case id == "":
		return 41018
	case id != c.sim.opt.ComponentAppID:
		return 40013
	}
	return 0
}

// secret checks the secret of a body under either of its names. One that does not look like a secret is 40125, one that
// does but is wrong is 40001.
func (c *call) secret(key string) int {
	got, ok := c.f.text(key)
	switch {
	case !ok:
		return 47001
	case got == "":
		return 41004
	case len(got) != len(c.sim.opt.Secret):
		return 40125
	case got != c.sim.opt.Secret:
		return 40001
	}
	return 0
}

// componentToken plays api_component_token: a new token leaves the one before it valid for five minutes.
func (c *call) componentToken() reply {
	if code := c.platform(); code != 0 {
		return failure(code)
	}
	if code := c.secret("component_appsecret"); code != 0 {
		return failure(code)
	}
	ticket, ok := c.f.text("component_verify_ticket")
	if !ok {
		return failure(47001)
	}
	s, co := c.sim, &c.sim.component
	co.mu.Lock()
	defer co.mu.Unlock()
	since, known := co.tickets[ticket]
	if !known {
		return failure(61006)
	}
	if c.now.Sub(since) >= ticketLife {
		return failure(61005)
	}
	co.issued++
	co.renewals++
	text := fmt.Sprintf("%d_%s", 90, opaque(c.set.Seed, "component", s.opt.ComponentAppID, co.issued, 133))
	co.bearers = s.tokens.issue(text, nil, c.now.Add(s.opt.TokenTTL), c.now.Add(overlapLife), co.bearers)
	return token(payload{"component_access_token": text, "expires_in": int(s.opt.TokenTTL.Seconds())})
}

// startPushTicket plays api_start_push_ticket; its body says component_secret where the token call says appsecret.
func (c *call) startPushTicket() reply {
	if code := c.platform(); code != 0 {
		return failure(code)
	}
	if code := c.secret("component_secret"); code != 0 {
		return failure(code)
	}
	co := &c.sim.component
	co.mu.Lock()
	was := co.stopped
	co.stopped = false
	co.mu.Unlock()
	if was {
		c.sim.push.ticket()
		return reply{msg: "ok"}
	}
	return reply{msg: "in a normal state"}
}

// createPreAuthCode plays api_create_preauthcode.
func (c *call) createPreAuthCode() reply {
	if code := c.platform(); code != 0 {
		return failure(code)
	}
	co := &c.sim.component
	co.mu.Lock()
	defer co.mu.Unlock()
	co.preAuths++
	text := "preauthcode@@@" + opaque(c.set.Seed, "preauth", c.sim.opt.ComponentAppID, co.preAuths, 64)
	if len(co.preAuth) >= authCodesKept {
		co.preAuth = map[string]time.Time{}
	}
	co.preAuth[text] = c.now.Add(preAuthLife)
	return token(payload{"pre_auth_code": text, "expires_in": int(preAuthLife.Seconds())})
}

// queryAuth plays api_query_auth: a code works once.
func (c *call) queryAuth() reply {
	if code := c.platform(); code != 0 {
		return failure(code)
	}
	text, ok := c.f.text("authorization_code")
	if !ok {
		return failure(47001)
	}
	co := &c.sim.component
	co.mu.Lock()
	ac := co.codes[text]
	delete(co.codes, text)
	co.mu.Unlock()
	if ac == nil {
		return failure(61009)
	}
	if !c.now.Before(ac.expires) {
		return failure(61010)
	}
	a := ac.app
	a.mu.Lock()
	defer a.mu.Unlock()
	info := a.authorizationInfo()
	delete(info, "authorizer_refresh_token")
	access := c.sim.newAccess(a, c.now)
	info["authorizer_access_token"] = access
	info["expires_in"] = int(c.sim.opt.TokenTTL.Seconds())
	info["authorizer_refresh_token"] = a.refresh
	return token(payload{"authorization_info": info})
}

// authorizerToken plays api_authorizer_token: the access token before it dies at once.
func (c *call) authorizerToken() reply {
	if code := c.platform(); code != 0 {
		return failure(code)
	}
	a, code := c.authorizer()
	if code != 0 {
		return failure(code)
	}
	refresh, ok := c.f.text("authorizer_refresh_token")
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.authorized {
		return failure(61003)
	}
	if !ok || refresh == "" || refresh != a.refresh && (refresh != a.refreshOld || !c.now.Before(a.refreshUntil)) {
		return failure(61023)
	}
	a.renewals++
	if c.sim.opt.RotateRefreshTokens {
		c.sim.rotate(a, c.now.Add(overlapLife))
	}
	return token(payload{
		"authorizer_access_token":  c.sim.newAccess(a, c.now),
		"expires_in":               int(c.sim.opt.TokenTTL.Seconds()),
		"authorizer_refresh_token": a.refresh,
	})
}

// authorizer finds the app a body names.
func (c *call) authorizer() (*app, int) {
	id, ok := c.f.text("authorizer_appid")
	if !ok {
		return nil, 47001
	}
	a := c.sim.apps.find(id)
	if a == nil {
		return nil, 40013
	}
	return a, 0
}

// newAccess issues an access token of a locked app.
func (s *Sim) newAccess(a *app, now time.Time) string {
	a.issued++
	text := fmt.Sprintf("%d_%s", 91, opaque(s.set.Load().Seed, "access", a.id, a.issued, 150))
	a.bearers = s.tokens.issue(text, a, now.Add(s.opt.TokenTTL), now, a.bearers)
	return text
}

// rotate gives a locked app a new refresh token; the old one works until the given time.
func (s *Sim) rotate(a *app, until time.Time) {
	a.refreshes++
	a.refreshOld, a.refreshUntil = a.refresh, until
	a.refresh = "refreshtoken@@@" + opaque(s.set.Load().Seed, "refresh", a.id, a.refreshes, 43)
}

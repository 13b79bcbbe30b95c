package model

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wxrollout/wxrollout/wxsim/internal/clock"
)

// Lives of credentials, from WeChat's pages and official answers.
const (
	ticketLife   = 12 * time.Hour
	overlapLife  = 5 * time.Minute // of a replaced component token or refresh token
	authCodeLife = 10 * time.Minute
	PreAuthLife  = 1800 * time.Second
)

// Bounds of what is kept.
const (
	ticketsKept     = 200
	authCodesKept   = 10000
	bearersKept     = 4  // per owner; older ones are unknown (40014)
	clearsPerMonth  = 10 // of call counts, per account
	componentPrefix = 90
	appPrefix       = 91
)

// component is the platform's own credentials.
type component struct {
	sync.Mutex
	tickets  map[string]time.Time // when it was issued, by text
	order    []string             // oldest first
	nTickets uint64
	stopped  bool // no ticket callbacks
	bearers  []*Bearer
	issued   uint64
	renewals int64
	preAuth  map[string]time.Time // unused codes: when they expire
	preAuths uint64
	codes    map[string]authCode
	nCodes   uint64
	clears   clock.Monthly // of call counts
}

// authCode is an authorization_code that a merchant's approval made.
type authCode struct {
	app     *App
	expires time.Time
}

func (co *component) open(ticket string, now time.Time) {
	co.tickets = map[string]time.Time{ticket: now}
	co.order = []string{ticket}
	co.codes = map[string]authCode{}
	co.preAuth = map[string]time.Time{}
}

// Bearer is one access token.
type Bearer struct {
	// App is the app of the token, nil for a component_access_token.
	App     *App
	text    string
	expires atomic.Int64 // UnixNano; 42001 from then on
	dead    atomic.Int64 // UnixNano; 40001 from then on, 0 while it is the latest
}

// Usable is the code of a call with the bearer.
func (b *Bearer) Usable(now time.Time) (code int) {
	at := now.UnixNano()
	if dead := b.dead.Load(); dead != 0 && at >= dead {
		return 40001
	}
	if at >= b.expires.Load() {
		return 42001
	}
	return 0
}

type tokenStore struct {
	mu     sync.RWMutex
	byText map[string]*Bearer
}

// Bearer is the bearer with a text, or nil.
func (w *World) Bearer(text string) *Bearer {
	w.tokens.mu.RLock()
	defer w.tokens.mu.RUnlock()
	return w.tokens.byText[text]
}

// issue adds a bearer to the chain of its owner, newest last. The others of the chain die at oldDie.
func (st *tokenStore) issue(b *Bearer, expires, oldDie time.Time, chain []*Bearer) []*Bearer {
	b.expires.Store(expires.UnixNano())
	defer hold(&st.mu)()
	if st.byText == nil {
		st.byText = map[string]*Bearer{}
	}
	for _, old := range chain {
		if d := old.dead.Load(); d == 0 || d > oldDie.UnixNano() {
			old.dead.Store(oldDie.UnixNano())
		}
	}
	chain = append(chain, b)
	for len(chain) > bearersKept {
		delete(st.byText, chain[0].text)
		chain = chain[1:]
	}
	st.byText[b.text] = b
	return chain
}

// expire makes every bearer of a chain answer 42001 from now on.
func expire(chain []*Bearer, now time.Time) {
	for _, b := range chain {
		b.expires.Store(min(b.expires.Load(), now.UnixNano()))
	}
}

// newTicket issues a component_verify_ticket; older ones stay valid for their 12 hours.
func (w *World) newTicket(now time.Time) string {
	co := &w.component
	defer hold(co)()
	co.nTickets++
	text := "ticket@@@" + w.opaque("ticket", w.ComponentAppID, co.nTickets, 86)
	co.tickets[text] = now
	co.order = append(co.order, text)
	if len(co.order) > ticketsKept {
		delete(co.tickets, co.order[0])
		co.order = co.order[1:]
	}
	return text
}

// ComponentToken issues a component_access_token for a ticket. The one before it stays valid for five minutes.
func (w *World) ComponentToken(ticket string, now time.Time) (token string, code int) {
	co := &w.component
	defer hold(co)()
	since, known := co.tickets[ticket]
	if !known {
		return "", 61006
	}
	if now.Sub(since) >= ticketLife {
		return "", 61005
	}
	co.issued++
	co.renewals++
	b := &Bearer{text: fmt.Sprintf("%d_%s", componentPrefix, w.opaque("component", w.ComponentAppID, co.issued, 133))}
	co.bearers = w.tokens.issue(b, now.Add(w.TokenTTL), now.Add(overlapLife), co.bearers)
	return b.text, 0
}

// StartTickets resumes stopped ticket callbacks and sends a ticket; it reports whether they were stopped.
func (w *World) StartTickets() (stopped bool) {
	w.component.Lock()
	stopped, w.component.stopped = w.component.stopped, false
	w.component.Unlock()
	if stopped {
		w.SendTicket()
	}
	return stopped
}

// PreAuthCode makes a pre_auth_code.
func (w *World) PreAuthCode(now time.Time) string {
	co := &w.component
	defer hold(co)()
	co.preAuths++
	text := "preauthcode@@@" + w.opaque("preauth", w.ComponentAppID, co.preAuths, 64)
	if len(co.preAuth) >= authCodesKept {
		co.preAuth = map[string]time.Time{}
	}
	co.preAuth[text] = now.Add(PreAuthLife)
	return text
}

// usePreAuth uses up a pre_auth_code; false means that it is unknown, used or expired.
func (w *World) usePreAuth(text string, now time.Time) bool {
	defer hold(&w.component)()
	until, known := w.component.preAuth[text]
	delete(w.component.preAuth, text)
	return known && now.Before(until)
}

// UseAuthCode uses up an authorization_code and returns its app.
func (w *World) UseAuthCode(text string, now time.Time) (a *App, code int) {
	co := &w.component
	defer hold(co)()
	ac, known := co.codes[text]
	delete(co.codes, text)
	switch {
	case !known:
		return nil, 61009
	case !now.Before(ac.expires):
		return nil, 61010
	}
	return ac.app, 0
}

// Renew issues an access token for a refresh token. The one before it dies immediately.
func (a *App) Renew(refresh string, now time.Time) (token string, code int) {
	if refresh == "" || refresh != a.Refresh && (refresh != a.refreshOld || !now.Before(a.refreshUntil)) {
		return "", 61023
	}
	a.renewals++
	if a.world.RotateRefreshTokens {
		a.rotate(now.Add(overlapLife))
	}
	return a.AccessToken(now), 0
}

// AccessToken issues an access token.
func (a *App) AccessToken(now time.Time) string {
	a.issued++
	b := &Bearer{App: a, text: fmt.Sprintf("%d_%s", appPrefix, a.world.opaque("access", a.ID, a.issued, 150))}
	a.bearers = a.world.tokens.issue(b, now.Add(a.world.TokenTTL), now, a.bearers)
	return b.text
}

// rotate replaces the refresh token; the old one works until the given time.
func (a *App) rotate(until time.Time) {
	a.refreshes++
	a.refreshOld, a.refreshUntil = a.Refresh, until
	a.Refresh = "refreshtoken@@@" + a.world.opaque("refresh", a.ID, a.refreshes, 43)
}

// SpendClear spends one of the month's clearings of an app's call counts, or of the component's if a is nil; false means
// that none was left. The app must not be locked.
func (w *World) SpendClear(a *App, now time.Time) bool {
	if a == nil {
		defer hold(&w.component)()
		return w.component.clears.Take(now, clearsPerMonth)
	}
	defer hold(a)()
	return a.clears.Take(now, clearsPerMonth)
}

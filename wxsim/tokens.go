package wxsim

import (
	"sync"
	"sync/atomic"
	"time"
)

// bearer is one access token that was handed out.
type bearer struct {
	text    string
	app     *app         // nil: a component_access_token
	expires atomic.Int64 // UnixNano; 42001 from then on
	dead    atomic.Int64 // UnixNano; 40001 from then on, 0 while it is the latest
}

// code is what using the bearer at a moment answers: 0 while it is good.
func (b *bearer) code(now time.Time) int {
	at := now.UnixNano()
	if dead := b.dead.Load(); dead != 0 && at >= dead {
		return 40001
	}
	if at >= b.expires.Load() {
		return 42001
	}
	return 0
}

// tokenStore finds bearers by their text. Each owner keeps its last few; older ones are unknown (40014).
type tokenStore struct {
	mu     sync.RWMutex
	byText map[string]*bearer
}

func (st *tokenStore) find(text string) *bearer {
	st.mu.RLock()
	defer st.mu.RUnlock()
	return st.byText[text]
}

// rememberedTokens is how many bearers of one owner stay known.
const rememberedTokens = 4

// issue makes text the newest bearer of an owner whose earlier ones are in chain, newest last; they die at the given
// time. It returns the new chain.
func (st *tokenStore) issue(text string, a *app, expires, oldDie time.Time, chain []*bearer) []*bearer {
	b := &bearer{text: text, app: a}
	b.expires.Store(expires.UnixNano())
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.byText == nil {
		st.byText = map[string]*bearer{}
	}
	for _, old := range chain {
		if d := old.dead.Load(); d == 0 || d > oldDie.UnixNano() {
			old.dead.Store(oldDie.UnixNano())
		}
	}
	chain = append(chain, b)
	for len(chain) > rememberedTokens {
		delete(st.byText, chain[0].text)
		chain = chain[1:]
	}
	st.byText[text] = b
	return chain
}

// kill makes every bearer of a chain answer the code of expiry (42001) from now on.
func (st *tokenStore) kill(chain []*bearer, now time.Time) {
	for _, b := range chain {
		b.expires.Store(min(b.expires.Load(), now.UnixNano()))
	}
}

// authenticate resolves the token of the query string; a code other than 0 refuses the call.
func (c *call) authenticate() int {
	if c.ep.auth == authNone {
		return 0
	}
	q := c.r.URL.Query()
	text := q.Get("access_token")
	if c.ep.oldOnly || text == "" && c.ep.old {
		text = q.Get("component_access_token")
	}
	if text == "" {
		return 41001
	}
	b := c.sim.tokens.find(text)
	if b == nil {
		return 40014
	}
	c.by = b
	if code := b.code(c.now); code != 0 {
		return code
	}
	switch {
	case c.ep.auth == authComponent && b.app != nil:
		return 61014
	case c.ep.auth == authApp && b.app == nil:
		return 61015
	}
	if c.ep.auth == authApp {
		c.app = b.app
	}
	if b.app == nil {
		return 0
	}
	b.app.mu.Lock()
	defer b.app.mu.Unlock()
	return b.app.reachable(c.ep)
}

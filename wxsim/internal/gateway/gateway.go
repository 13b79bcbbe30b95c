// Package gateway is the part of the simulated API that is the same for every call: method, token, limits and shape of
// the body, faults, lost replies, overlapping calls, and the record of refused calls.
package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/wxrollout/wxrollout/wxsim/internal/chance"
	"github.com/wxrollout/wxrollout/wxsim/internal/model"
)

// Bodies above these sizes are refused.
const (
	maxJSON = 1 << 20
	maxForm = 12 << 20
)

// Traits are what the gateway has to know about an endpoint.
type Traits int

// The traits. A call takes the kinds of tokens whose traits are set; without one, a secret is in its body.
const (
	ComponentToken Traits = 1 << iota // component_access_token
	AppToken                          // authorizer_access_token
	OldName                           // component_access_token is also the name of the token,
	OldOnly                           // and here no other is accepted
	Library                           // takes an app's token, too, if Quirks.LibraryByApp is set
	Code                              // needs permission set 18 and a mini program
	Write                             // changes an app: subject to LostRate and to 9402202
	Configures                        // a write of an app configuration, counted as such
	Form                              // the body is multipart instead of JSON
	Bare                              // success has no errcode and errmsg
)

// Endpoint is one call of the API.
type Endpoint struct {
	Method, Path string
	Traits       Traits
	// Limit is the limit at the start.
	Limit Limit
	// Play runs the call: it returns the members of the reply, or an errcode. An app whose token the call carries is locked.
	Play func(*Call) (Payload, int)

	index   int
	limiter limiter
}

func (ep *Endpoint) is(t Traits) bool { return ep.Traits&t != 0 }

// token is the kinds of tokens of the endpoint.
func (ep *Endpoint) token() Traits { return ep.Traits & (ComponentToken | AppToken) }

// Token names the kinds of tokens of the endpoint: none, component, app or either.
func (ep *Endpoint) Token() string {
	return [...]string{"none", "component", "app", "either"}[ep.token()]
}

// Call is one request on its way through the simulator.
type Call struct {
	World *model.World
	R     *http.Request
	Now   time.Time
	// App is nil unless the endpoint takes an app's token.
	App *model.App
	// By is the token, nil if there is none or a bad one.
	By   *model.Bearer
	Body []byte
	// F is the decoded JSON body of a POST.
	F Fields
	// JPEG is set for a reply that is not JSON.
	JPEG []byte

	gateway *Gateway
	ep      *Endpoint
	set     *model.Settings
	nth     uint64 // calls of this endpoint on this app (or the platform) before this one
}

// Timer is time.NewTimer, but for tests: it times latency and slow answers.
type Timer func(time.Duration) (fired <-chan time.Time, stop func() bool)

// Gateway serves endpoints.
type Gateway struct {
	world     *model.World
	endpoints []*Endpoint
	byPath    map[string]*Endpoint
	timer     Timer
	wall      func() time.Time // real time, for overlaps only
	rids      atomic.Uint64
	faults    faultList
	records   recordStore
	component traffic
	apps      sync.Map // *traffic by *model.App
}

// New is a gateway to a world. A nil timer means the real one.
func New(w *model.World, endpoints []*Endpoint, timer Timer) *Gateway {
	if timer == nil {
		timer = func(d time.Duration) (<-chan time.Time, func() bool) {
			t := time.NewTimer(d)
			return t.C, t.Stop
		}
	}
	g := &Gateway{world: w, endpoints: endpoints, byPath: map[string]*Endpoint{}, timer: timer, wall: time.Now}
	var paths []string
	for i, ep := range endpoints {
		ep.index = i
		ep.limiter.set(ep.Limit)
		g.byPath[ep.Path] = ep
		paths = append(paths, ep.Path)
	}
	w.Books.Open(paths)
	return g
}

// ServeHTTP implements http.Handler.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ep := g.byPath[r.URL.Path]
	if ep == nil {
		g.world.Books.Count(&g.world.Books.Book.Strangers)
		http.Error(w, fmt.Sprintf("wxsim: %s %s is not played: it is no path of the Open Platform, or one the simulator lacks", r.Method, r.URL.Path),
			http.StatusNotFound)
		return
	}
	c := &Call{World: g.world, R: r, gateway: g, ep: ep, set: g.world.Settings()}
	limit := int64(maxJSON)
	if ep.is(Form) {
		limit = maxForm
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var tooBig *http.MaxBytesError
	if err != nil && !errors.As(err, &tooBig) {
		panic(http.ErrAbortHandler) // the client disconnected while it was sending
	}
	c.Body = body
	c.Now = g.world.Clock.Now()
	switch code := c.admit(tooBig != nil); {
	case code != 0:
		c.answer(w, reply{code: code})
	case c.App != nil:
		c.serveApp(w)
	default:
		c.servePlatform(w)
	}
}

// admit checks what does not depend on the state of an app's code: method, token, limits and shape of the body.
func (c *Call) admit(tooBig bool) (code int) {
	if c.R.Method != c.ep.Method {
		if c.ep.Method == http.MethodGet {
			return 43001
		}
		return 43002
	}
	if code := c.authenticate(); code != 0 {
		return code
	}
	if code := c.ep.limiter.take(c.Now); code != 0 {
		return code
	}
	switch {
	case tooBig:
		return 45002
	case c.ep.Method != http.MethodPost || c.ep.is(Form):
		return 0
	case len(bytes.TrimSpace(c.Body)) == 0:
		return 44002
	case !utf8.Valid(c.Body) || json.Unmarshal(c.Body, &c.F) != nil || c.F == nil:
		return 47001
	case strings.HasPrefix(c.ep.Path, "/wxa/") && c.Escaped():
		return 47002
	}
	return 0
}

// authenticate resolves the token of the query string.
func (c *Call) authenticate() (code int) {
	if c.ep.token() == 0 {
		return 0
	}
	q := c.R.URL.Query()
	text := q.Get("access_token")
	if c.ep.is(OldOnly) || text == "" && c.ep.is(OldName) {
		text = q.Get("component_access_token")
	}
	if text == "" {
		return 41001
	}
	if c.By = c.World.Bearer(text); c.By == nil {
		return 40014
	}
	if code := c.By.Usable(c.Now); code != 0 {
		return code
	}
	a, either := c.By.App, c.ep.is(Library) && c.set.Quirks.LibraryByApp
	switch {
	case c.ep.token() == ComponentToken && a != nil && !either:
		return 61014
	case c.ep.token() == AppToken && a == nil:
		return 61015
	case a == nil:
		return 0
	case c.ep.token() == AppToken:
		c.App = a
	}
	a.Lock()
	defer a.Unlock()
	switch {
	case !a.Authorized:
		return 61003
	case c.ep.is(Code) && !a.MiniProgram:
		return 48001
	case c.ep.is(Code) && !a.Set18:
		return 61007
	}
	return 0
}

// Escaped reports a \uXXXX escape in the JSON body: WeChat wants plain UTF-8. An escaped backslash before a u is none.
func (c *Call) Escaped() bool {
	for i := 0; i+1 < len(c.Body); i++ {
		if c.Body[i] != '\\' {
			continue
		}
		if c.Body[i+1] == 'u' {
			return true
		}
		i++
	}
	return false
}

// servePlatform runs a call that belongs to no app.
func (c *Call) servePlatform(w http.ResponseWriter) {
	subject, _ := c.F.Text("authorizer_appid")
	c.nth = c.gateway.component.count(c)
	if f := c.gateway.faults.take(c.ep.Path, subject); f != nil {
		c.suffer(w, f, c.play, func() {})
		return
	}
	if c.set.BusyCredentials && c.Draw(subject, "busy") < c.set.BusyRate {
		c.answer(w, reply{code: -1})
		return
	}
	rep := c.play()
	if !c.gateway.pause(c.R.Context(), c.set.Latency.At(c.Draw(subject, "latency"))) {
		c.lose(rep)
	}
	c.answer(w, rep)
}

// serveApp runs a call on an app. Several may be in flight, but only one at a time has the app locked.
func (c *Call) serveApp(w http.ResponseWriter) {
	g, a := c.gateway, c.App
	v, _ := g.apps.LoadOrStore(a, &traffic{})
	t := v.(*traffic)
	c.nth = t.count(c)
	fl, blocked := t.enter(c, g.wall())
	leave := func() { t.leave(fl, c) }
	effect := func() reply {
		if blocked {
			return reply{code: 9402202}
		}
		a.Lock()
		defer a.Unlock()
		if code := a.Writable(); code != 0 && c.writes() {
			return reply{code: code}
		}
		rep := c.play()
		if rep.code == 0 && c.ep.is(Configures) && c.writes() {
			c.World.Books.Count(&c.World.Books.Book.SettingWrites)
		}
		return rep
	}
	if f := g.faults.take(c.ep.Path, a.ID); f != nil {
		c.suffer(w, f, effect, leave)
		return
	}
	if c.Draw(a.ID, "busy") < c.set.BusyRate {
		leave()
		c.answer(w, reply{code: -1})
		return
	}
	rep := effect()
	whole := g.pause(c.R.Context(), c.set.Latency.At(c.Draw(a.ID, "latency")))
	leave()
	if !whole || c.writes() && c.Draw(a.ID, "lost") < c.set.LostRate {
		c.lose(rep)
	}
	c.answer(w, rep)
}

// play runs the call itself.
func (c *Call) play() reply {
	data, code := c.ep.Play(c)
	if code != 0 {
		return reply{code: code}
	}
	return reply{data: data, bare: c.ep.is(Bare), jpeg: c.JPEG}
}

// writes reports a call that changes an app: a domain call with the action get does not.
func (c *Call) writes() bool {
	action, _ := c.F.Text("action")
	return c.ep.is(Write) && action != "get"
}

// Draw is this call's draw of a kind: 0 <= u < 1.
func (c *Call) Draw(appid, kind string) float64 {
	return chance.Draw(c.set.Seed, appid, kind+c.ep.Path, c.nth)
}

// answer counts the reply and sends it. All books are written before the first byte leaves.
func (c *Call) answer(w http.ResponseWriter, rep reply) {
	c.World.Books.Call(c.ep.index, rep.code)
	if rep.code != 0 {
		rep.rid = c.gateway.rid()
		c.record(rep)
	}
	rep.write(w)
}

// lose counts a reply that never reaches the client, and breaks the connection.
func (c *Call) lose(rep reply) {
	c.World.Books.Call(c.ep.index, rep.code)
	c.World.Books.Lost(c.ep.index)
	panic(http.ErrAbortHandler)
}

// pause waits d of real time, or less if the client disconnects or the simulator closes. It reports whether all of d has
// passed.
func (g *Gateway) pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	fired, stop := g.timer(d)
	defer stop()
	select {
	case <-fired:
		return true
	case <-ctx.Done():
		return false
	case <-g.world.Closing.Done():
		return false
	}
}

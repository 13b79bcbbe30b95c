package wxsim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"
)

// Bodies above these sizes are refused.
const (
	maxJSON = 1 << 20
	maxForm = 12 << 20
)

// call is one request on its way through the simulator.
type call struct {
	sim  *Sim
	ep   *endpoint
	r    *http.Request
	now  time.Time
	set  *settings
	app  *app    // nil unless the token is an app's and the call is about that app
	by   *bearer // nil for calls without a token, or with a bad one
	body []byte
	f    fields // decoded JSON body of a POST
	nth  uint64 // how many calls of this endpoint came before on this app (or platform)
}

// ServeHTTP plays WeChat, and the levers under /_sim/.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, leverPrefix) {
		s.serveLever(w, r)
		return
	}
	ep := s.byPath[r.URL.Path]
	if ep == nil {
		s.books.stranger()
		http.Error(w, fmt.Sprintf("wxsim: %s %s is not played: it is no path of the Open Platform, or one the simulator lacks", r.Method, r.URL.Path),
			http.StatusNotFound)
		return
	}
	c := &call{sim: s, ep: ep, r: r, set: s.set.Load()}
	limit := int64(maxJSON)
	if ep.form {
		limit = maxForm
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var tooBig *http.MaxBytesError
	if err != nil && !errors.As(err, &tooBig) {
		panic(http.ErrAbortHandler) // the client went away while it was sending
	}
	c.body = body
	c.now = s.clock.Now()
	switch refused := c.admit(tooBig != nil); {
	case refused != nil:
		c.answer(w, *refused)
	case c.app != nil:
		c.playApp(w)
	default:
		c.playPlatform(w)
	}
}

// admit checks everything that does not depend on the state of an app: method, token, limits and shape of the body.
func (c *call) admit(tooBig bool) *reply {
	fail := func(code int) *reply { r := failure(code); return &r }
	if c.r.Method != c.ep.method {
		if c.ep.method == http.MethodGet {
			return fail(43001)
		}
		return fail(43002)
	}
	if code := c.authenticate(); code != 0 {
		return fail(code)
	}
	if code := c.ep.limit.take(c.now); code != 0 {
		return fail(code)
	}
	if tooBig {
		return fail(45002)
	}
	if c.ep.method != http.MethodPost || c.ep.form {
		return nil
	}
	if len(bytes.TrimSpace(c.body)) == 0 {
		return fail(44002)
	}
	if !utf8.Valid(c.body) || json.Unmarshal(c.body, &c.f) != nil || c.f == nil {
		return fail(47001)
	}
	if strings.HasPrefix(c.ep.path, "/wxa/") && escaped(c.body) {
		return fail(47002)
	}
	return nil
}

// escaped reports a \uXXXX escape in JSON text: WeChat wants plain UTF-8. An escaped backslash followed by u is none.
func escaped(body []byte) bool {
	for i := 0; i+1 < len(body); i++ {
		if body[i] != '\\' {
			continue
		}
		if body[i+1] == 'u' {
			return true
		}
		i++
	}
	return false
}

// playPlatform runs a call that belongs to no app.
func (c *call) playPlatform(w http.ResponseWriter) {
	s, subject := c.sim, c.subject()
	c.nth = s.component.count(c.ep)
	if f := s.faults.take(c.ep.path, subject); f != nil {
		c.suffer(w, f, func() reply { return c.ep.play(c) }, func() {})
		return
	}
	if c.set.BusyCredentials && c.luck(subject, "busy") < c.set.BusyRate {
		c.answer(w, failure(-1))
		return
	}
	rep := c.ep.play(c)
	if !s.pause(c.r.Context(), c.set.Latency.at(c.luck(subject, "latency"))) {
		c.vanish(rep)
	}
	c.answer(w, rep)
}

// playApp runs a call on an app: one at a time has the app's state, but several may be in flight.
func (c *call) playApp(w http.ResponseWriter) {
	s, a := c.sim, c.app
	a.mu.Lock()
	c.nth = a.count(c.ep)
	fl, blocked := a.enter(c, s.wall())
	a.mu.Unlock()
	leave := func() {
		a.mu.Lock()
		a.leave(fl, s)
		a.mu.Unlock()
	}
	effect := func() reply {
		if blocked {
			return failure(9402202)
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		if code := c.allowed(); code != 0 {
			return failure(code)
		}
		rep := c.ep.play(c)
		if rep.code == 0 && c.ep.sets && c.writes() {
			s.books.settings.Add(1)
		}
		return rep
	}
	if f := s.faults.take(c.ep.path, a.id); f != nil {
		c.suffer(w, f, effect, leave)
		return
	}
	if c.luck(a.id, "busy") < c.set.BusyRate {
		leave()
		c.answer(w, failure(-1))
		return
	}
	rep := effect()
	whole := s.pause(c.r.Context(), c.set.Latency.at(c.luck(a.id, "latency")))
	leave()
	if !whole || c.writes() && c.luck(a.id, "lost") < c.set.LostRate {
		c.vanish(rep)
	}
	c.answer(w, rep)
}

// writes reports a call that changes an app: asking a domain call what there is does not.
func (c *call) writes() bool {
	action, _ := c.f.text("action")
	return c.ep.write && action != "get"
}

// luck is this call's draw for one kind of mishap.
func (c *call) luck(appid, kind string) float64 {
	return unit(hash(c.set.Seed, appid, kind+c.ep.path, c.nth))
}

// subject is the appid a platform call is about, for faults: empty if it names none.
func (c *call) subject() string {
	id, _ := c.f.text("authorizer_appid")
	return id
}

// answer books the reply and sends it. The app's books are closed before the first byte leaves.
func (c *call) answer(w http.ResponseWriter, rep reply) {
	c.sim.books.call(c.ep.index, rep.code)
	if rep.code != 0 {
		rep.rid = c.sim.rid()
		c.remember(rep.rid, rep.json())
	}
	rep.write(w)
}

// vanish books a reply that never reaches the client and breaks the connection.
func (c *call) vanish(rep reply) {
	c.sim.books.call(c.ep.index, rep.code)
	c.sim.books.lost(c.ep.index)
	panic(http.ErrAbortHandler)
}

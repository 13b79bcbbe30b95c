package chaos

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"
)

// Paths of calls that change something at WeChat.
const (
	pathCommit  = "/wxa/commit"
	pathSubmit  = "/wxa/submit_audit"
	pathRelease = "/wxa/release"
)

// wechat stands between one worker and the simulator.
type wechat struct {
	sim  string
	srv  *httptest.Server
	http *http.Client
	kill func() // kills the worker

	mu    sync.Mutex
	rules []*rule
}

// rule makes calls go wrong; it may be in force for several workers.
type rule struct {
	paths  []string // nil means every call
	mishap func(*wechat, *call)

	mu    sync.Mutex
	skip  int // calls that go well first
	left  int // how many go wrong; negative means until the rule is lifted
	count int
	fired chan struct{} // closed with the first
}

func newRule(paths []string, skip, left int, mishap func(*wechat, *call)) *rule {
	return &rule{paths: paths, skip: skip, left: left, mishap: mishap, fired: make(chan struct{})}
}

// strikes reports whether a call suffers, and uses the rule up.
func (r *rule) strikes(path string) bool {
	if r.paths != nil && !slices.Contains(r.paths, path) {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.left == 0:
		return false
	case r.skip > 0:
		r.skip--
		return false
	}
	r.left--
	if r.count++; r.count == 1 {
		close(r.fired)
	}
	return true
}

// struck is how often it fired.
func (r *rule) struck() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count
}

func newWeChat(t *testing.T, sim string, kill func()) *wechat {
	w := &wechat{sim: sim, kill: kill, http: &http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost: 200, DisableCompression: true,
		DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
	}}}
	w.srv = httptest.NewServer(w)
	t.Cleanup(func() {
		w.srv.CloseClientConnections()
		w.srv.Close()
		w.http.CloseIdleConnections()
	})
	return w
}

// suffer puts a rule in force.
func (w *wechat) suffer(r *rule) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rules = append(w.rules, r)
}

// lift ends a rule.
func (w *wechat) lift(r *rule) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rules = slices.DeleteFunc(w.rules, func(x *rule) bool { return x == r })
}

// rule finds the rule that a call suffers.
func (w *wechat) rule(path string) *rule {
	w.mu.Lock()
	defer w.mu.Unlock()
	if i := slices.IndexFunc(w.rules, func(r *rule) bool { return r.strikes(path) }); i >= 0 {
		return w.rules[i]
	}
	return nil
}

// call is one call on its way.
type call struct {
	w    http.ResponseWriter
	r    *http.Request
	body []byte
}

// ServeHTTP implements http.Handler.
func (w *wechat) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the worker went away while it was sending
	}
	c := &call{w: rw, r: r, body: body}
	if rule := w.rule(r.URL.Path); rule != nil {
		rule.mishap(w, c)
		return
	}
	header, answer, status := w.forward(r.Context(), c)
	reply(c, header, answer, status)
}

// forward plays the call and returns WeChat's answer; a broken connection breaks
// the worker's.
func (w *wechat) forward(ctx context.Context, c *call) (http.Header, []byte, int) {
	req, err := http.NewRequestWithContext(ctx, c.r.Method, w.sim+c.r.URL.RequestURI(), bytes.NewReader(c.body))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	req.Header = c.r.Header.Clone()
	resp, err := w.http.Do(req)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	return resp.Header, answer, resp.StatusCode
}

func reply(c *call, header http.Header, answer []byte, status int) {
	c.w.Header().Set("Content-Type", header.Get("Content-Type"))
	c.w.WriteHeader(status)
	_, _ = c.w.Write(answer) // the worker may be gone
}

// The mishaps.

// killBefore kills the worker while its call is on the way: it never arrives.
func killBefore(w *wechat, _ *call) {
	w.kill()
	panic(http.ErrAbortHandler)
}

// killAfter kills the worker after the call took effect, before the reply arrives.
func killAfter(w *wechat, c *call) {
	w.forward(context.WithoutCancel(c.r.Context()), c)
	w.kill()
	panic(http.ErrAbortHandler)
}

// refuse breaks the connection: WeChat can't be reached.
func refuse(*wechat, *call) { panic(http.ErrAbortHandler) }

// lose lets the call take effect and loses the reply.
func lose(w *wechat, c *call) {
	w.forward(context.WithoutCancel(c.r.Context()), c)
	panic(http.ErrAbortHandler)
}

// loris lets the call take effect and sends the reply so slowly that it never ends.
func loris(w *wechat, c *call) {
	header, answer, status := w.forward(context.WithoutCancel(c.r.Context()), c)
	c.w.Header().Set("Content-Type", header.Get("Content-Type"))
	c.w.WriteHeader(status)
	tick := time.NewTicker(300 * time.Millisecond)
	defer tick.Stop()
	for i := range answer[:len(answer)-1] {
		if _, err := c.w.Write(answer[i : i+1]); err != nil {
			panic(http.ErrAbortHandler)
		}
		_ = http.NewResponseController(c.w).Flush()
		select {
		case <-tick.C:
		case <-c.r.Context().Done():
			panic(http.ErrAbortHandler)
		}
	}
	<-c.r.Context().Done()
}

// late delivers the call after the worker gave it up, by more than its time limit
// and less than what it waits before it believes that nothing happened.
func late(w *wechat, c *call) {
	wait(context.Background(), lateBy)
	w.forward(context.WithoutCancel(c.r.Context()), c)
	panic(http.ErrAbortHandler)
}

// wait waits for d or the end of ctx; false means that ctx ended first.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

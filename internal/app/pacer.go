package app

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/metrics"
	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/wxclient"
)

// pacer lets calls to WeChat through at rates that all workers share: one of all
// calls, and one of each endpoint, which is a part of it. They halve when WeChat
// refuses and climb back; see refusals. One app's throttling touches neither: it
// is that target's wait in the ledger.
type pacer struct {
	whole  *ratelimit.Throttle
	parts  map[string]*ratelimit.Throttle // by endpoint
	pacers map[string]*ratelimit.Pacer    // by endpoint; "" of calls to no known one
	base   string                         // path of WeChat's base URL
	next   http.RoundTripper
	now    func() time.Time
	log    zerolog.Logger
	slows  chan string // endpoints to slow, "" = all calls

	mu   sync.Mutex
	seen refusals
}

// newPacer makes the rates of a platform: rate calls per second, 0 for none until
// WeChat refuses.
func newPacer(whole *ratelimit.Throttle, base string, next http.RoundTripper, log zerolog.Logger) *pacer {
	p := &pacer{
		whole: whole, next: next, now: time.Now, log: log, slows: make(chan string, 64),
		parts: make(map[string]*ratelimit.Throttle), pacers: map[string]*ratelimit.Pacer{"": ratelimit.NewPacer(whole, nil)},
	}
	if u, err := url.Parse(base); err == nil {
		p.base = strings.TrimSuffix(u.Path, "/")
	}
	for _, endpoint := range metrics.Endpoints() {
		p.parts[endpoint] = whole.Part(endpoint)
		p.pacers[endpoint] = ratelimit.NewPacer(p.parts[endpoint], nil)
	}
	return p
}

// RoundTrip passes each request through its rates. A request whose context ends
// while it waits was certainly not sent.
func (p *pacer) RoundTrip(r *http.Request) (*http.Response, error) {
	gate, known := p.pacers[strings.TrimPrefix(r.URL.Path, p.base)]
	if !known {
		gate = p.pacers[""]
	}
	if err := gate.Wait(r.Context()); err != nil {
		return nil, err
	}
	return p.next.RoundTrip(r)
}

// saw takes in how WeChat answered one call. It does not block.
func (p *pacer) saw(c wxclient.Call) {
	if c.Class == "" || p.parts[c.Endpoint] == nil { // no answer, or an endpoint of nobody's
		return
	}
	p.mu.Lock()
	slow := p.seen.add(p.now(), c)
	p.mu.Unlock()
	for _, endpoint := range slow {
		select {
		case p.slows <- endpoint:
		default: // it is asked for often enough
		}
	}
}

// run slows what saw asks for, until ctx ends.
func (p *pacer) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case endpoint := <-p.slows:
			p.slow(ctx, endpoint)
		}
	}
}

func (p *pacer) slow(ctx context.Context, endpoint string) {
	t, name := p.parts[endpoint], endpoint
	if endpoint == "" {
		t, name = p.whole, metrics.AllEndpoints
	}
	factor, err := t.Slow(ctx)
	switch {
	case err == nil:
		p.log.Warn().Str("endpoint", name).Float64("factor", factor).Msg("WeChat refuses calls: slowed for all workers; it climbs back by itself")
	case ctx.Err() == nil:
		p.log.Warn().Err(err).Str("endpoint", name).Msg("WeChat refuses calls, and they could not be slowed")
	}
}

// rates are what is in force, by endpoint; metrics.AllEndpoints is the whole.
func (p *pacer) rates(ctx context.Context) (map[string]ratelimit.ThrottleState, error) {
	all, err := p.whole.Parts(ctx, metrics.Endpoints()...)
	if err != nil {
		return nil, err
	}
	all[metrics.AllEndpoints] = all[""]
	delete(all, "")
	return all, nil
}

const (
	// burstOf is how many of the last answers are looked at, burstMin how many of
	// them must be refusals, and burstWithin how old the oldest may be.
	burstOf     = 20
	burstMin    = 10
	burstWithin = 10 * time.Second
	// slowEvery is how often one worker asks to slow the same thing: the rate is
	// halved as often at most.
	slowEvery = ratelimit.SlowEvery
)

// answer is how one call ended.
type answer struct {
	at       time.Time
	endpoint string
	refused  bool
}

// refusals decides when WeChat is asked too much. An errcode that names a limit of
// the endpoint (45009, 45011) slows that endpoint at once. Busy answers (-1) are a
// part of life: half of an endpoint's last answers must be such, or limits, and
// half of all answers, of several endpoints, to slow all calls.
type refusals struct {
	last   map[string][]answer // by endpoint, "" = all; newest last
	slowed map[string]time.Time
}

// add takes in an answer and says what to slow, "" being all calls.
func (f *refusals) add(now time.Time, c wxclient.Call) (slow []string) {
	if f.last == nil {
		f.last, f.slowed = make(map[string][]answer), make(map[string]time.Time)
	}
	limit := limited(c)
	a := answer{now, c.Endpoint, limit || c.Class == wxclient.ClassRetryBusy}
	for _, of := range []string{c.Endpoint, ""} {
		f.last[of] = append(f.last[of], a)
		f.last[of] = f.last[of][max(0, len(f.last[of])-burstOf):]
		tooMuch := limit && of != "" || burst(f.last[of], now, of == "")
		if tooMuch && now.Sub(f.slowed[of]) >= slowEvery {
			f.slowed[of], f.last[of] = now, nil
			slow = append(slow, of)
		}
	}
	return slow
}

// limited tells of an errcode that names a limit on calls. 85085 is none: it
// counts submissions.
func limited(c wxclient.Call) bool {
	return c.Class == wxclient.ClassThrottlePlatform && c.Code != 85085
}

// burst tells whether enough of the answers are refusals; several: of more than
// one endpoint.
func burst(list []answer, now time.Time, several bool) bool {
	n := 0
	var of []string
	for _, a := range list {
		if a.refused && now.Sub(a.at) <= burstWithin {
			n++
			of = append(of, a.endpoint)
		}
	}
	slices.Sort(of)
	return n >= burstMin && (!several || len(slices.Compact(of)) > 1)
}

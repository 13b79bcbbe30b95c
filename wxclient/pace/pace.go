// Package pace limits the rate of calls to WeChat over all workers of a platform.
//
// A [Pacer] is an http.RoundTripper under a wxclient.Client. Each call waits for the shared rate of its
// endpoint, which is a part of the shared rate of all calls. [Pacer.Observe] receives the outcome of
// each call; refusals halve a rate for all workers, and it climbs back to the full rate.
//
// One app's throttling changes no rate: the ledger parks that target.
package pace

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/wxclient"
)

// All means all calls in place of an endpoint.
const All = ""

// Options configure a Pacer.
type Options struct {
	// BaseURL is WeChat's base URL, whose path is no part of an endpoint.
	BaseURL string
	// Endpoints are the paths with separate rates; other calls pass the rate of all calls only.
	Endpoints []string
	// Next makes the request.
	Next http.RoundTripper
	// Slowed, if set, is called after a rate was halved: the endpoint, or All, and the part of the full
	// rate that is left. With an error the rate is unchanged.
	Slowed func(endpoint string, factor float64, err error)
	// Now is the clock of the policy; nil means time.Now.
	Now func() time.Time
}

// Pacer lets calls through at shared rates. It is safe for concurrent use.
type Pacer struct {
	o      Options
	whole  *ratelimit.Throttle
	parts  map[string]*ratelimit.Throttle // by endpoint
	pacers map[string]*ratelimit.Pacer    // by endpoint; All for calls to any other
	base   string                         // path of the base URL
	slows  chan string                    // endpoints to slow

	mu   sync.Mutex
	seen refusals
}

// New returns a Pacer of the platform whose rate of all calls is whole.
func New(whole *ratelimit.Throttle, o Options) *Pacer {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Slowed == nil {
		o.Slowed = func(string, float64, error) {}
	}
	p := &Pacer{
		o: o, whole: whole, slows: make(chan string, 64),
		parts: make(map[string]*ratelimit.Throttle), pacers: map[string]*ratelimit.Pacer{All: ratelimit.NewPacer(whole, nil)},
	}
	if u, err := url.Parse(o.BaseURL); err == nil {
		p.base = strings.TrimSuffix(u.Path, "/")
	}
	for _, endpoint := range o.Endpoints {
		p.parts[endpoint] = whole.Part(endpoint)
		p.pacers[endpoint] = ratelimit.NewPacer(p.parts[endpoint], nil)
	}
	return p
}

// RoundTrip waits for the rates of a request and makes it. A request whose context ends while it waits
// was not sent.
func (p *Pacer) RoundTrip(r *http.Request) (*http.Response, error) {
	pacer, known := p.pacers[strings.TrimPrefix(r.URL.Path, p.base)]
	if !known {
		pacer = p.pacers[All]
	}
	if err := pacer.Wait(r.Context()); err != nil {
		return nil, err
	}
	return p.o.Next.RoundTrip(r)
}

// Observe records the outcome of one call. It does not block.
func (p *Pacer) Observe(c wxclient.Call) {
	if c.Class == "" || p.parts[c.Endpoint] == nil { // no readable reply, or an endpoint without a rate
		return
	}
	p.mu.Lock()
	slow := p.seen.add(p.o.Now(), c)
	p.mu.Unlock()
	for _, endpoint := range slow {
		select {
		case p.slows <- endpoint:
		default: // enough requests to slow are waiting
		}
	}
}

// Run halves the rates that Observe found too high, until ctx ends.
func (p *Pacer) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case endpoint := <-p.slows:
			t := p.whole
			if endpoint != All {
				t = p.parts[endpoint]
			}
			if factor, err := t.Slow(ctx); ctx.Err() == nil {
				p.o.Slowed(endpoint, factor, err)
			}
		}
	}
}

// Rates returns the rates in force by endpoint, and under All the rate of all calls.
func (p *Pacer) Rates(ctx context.Context) (map[string]ratelimit.ThrottleState, error) {
	return p.whole.Parts(ctx, p.o.Endpoints...)
}

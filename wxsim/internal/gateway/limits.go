package gateway

import (
	"sync"
	"time"

	"github.com/wxrollout/wxrollout/wxsim/internal/clock"
)

// Limit bounds the calls of one endpoint over the whole platform. Zero fields do not bound.
type Limit struct {
	// Daily is the number of calls until 45009, counted from 00:00 UTC+8.
	Daily int `json:"daily"`
	// PerMinute is the number of calls until 45011, counted per clock minute.
	PerMinute int `json:"per_minute"`
}

// limiter counts the calls of one endpoint.
type limiter struct {
	mu          sync.Mutex
	limit       Limit
	day, minute int64
	today, now  int
}

func (l *limiter) set(to Limit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limit = to
}

func (l *limiter) roll(at time.Time) {
	if d := clock.Day(at); d != l.day {
		l.day, l.today = d, 0
	}
	if m := at.Unix() / 60; m != l.minute {
		l.minute, l.now = m, 0
	}
}

// take counts one call, unless a limit refuses it.
func (l *limiter) take(at time.Time) (code int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.roll(at)
	switch {
	case l.limit.Daily > 0 && l.today >= l.limit.Daily:
		return 45009
	case l.limit.PerMinute > 0 && l.now >= l.limit.PerMinute:
		return 45011
	}
	l.today++
	l.now++
	return 0
}

// usage is the limit and the calls of the day.
func (l *limiter) usage(at time.Time) (limit Limit, today int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.roll(at)
	return l.limit, l.today
}

// clear sets the day's calls to zero.
func (l *limiter) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.today = 0
}

// SetLimit bounds the calls of an endpoint, given by path; a zero Limit frees it. It reports whether the path exists.
func (g *Gateway) SetLimit(path string, l Limit) bool {
	ep := g.byPath[path]
	if ep != nil {
		ep.limiter.set(l)
	}
	return ep != nil
}

// Usage is the limit of an endpoint and the calls of the day, for the kind of account that asks.
func (c *Call) Usage(path string) (limit Limit, today, code int) {
	ep := c.gateway.byPath[path]
	switch {
	case ep == nil:
		return limit, 0, 76021
	case ep.token() == AppToken && c.By.App == nil, ep.token() == ComponentToken && c.By.App != nil:
		return limit, 0, 76022
	}
	limit, today = ep.limiter.usage(c.Now)
	return limit, today, 0
}

// ClearCounts sets the day's calls of the apps' endpoints, or of the others, to zero.
func (c *Call) ClearCounts(apps bool) {
	for _, ep := range c.gateway.endpoints {
		if (ep.token() == AppToken) == apps {
			ep.limiter.clear()
		}
	}
}

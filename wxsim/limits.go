package wxsim

import (
	"strings"
	"sync"
	"time"
)

// unlimited is the daily_limit shown for endpoints without one.
const unlimited = 10_000_000

// limiter counts the calls of one endpoint in calendar days (UTC+8) and clock minutes.
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
	if d := dayOf(at); d != l.day {
		l.day, l.today = d, 0
	}
	if m := at.Unix() / 60; m != l.minute {
		l.minute, l.now = m, 0
	}
}

// take counts one call, or answers the code that refuses it.
func (l *limiter) take(at time.Time) int {
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

// apiQuota plays openapi/quota/get for the endpoints the simulator has.
func (c *call) apiQuota() reply {
	path, ok := c.f.text("cgi_path")
	if !ok {
		return failure(47001)
	}
	if !strings.HasPrefix(path, "/") {
		return failure(76003)
	}
	ep := c.sim.byPath[path]
	if ep == nil {
		return failure(76021)
	}
	if ep.auth == authApp && c.by.app == nil || ep.auth == authComponent && c.by.app != nil {
		return failure(76022)
	}
	l := &ep.limit
	l.mu.Lock()
	defer l.mu.Unlock()
	l.roll(c.now)
	daily, minute := unlimited, unlimited
	if l.limit.Daily > 0 {
		daily = l.limit.Daily
	}
	if l.limit.PerMinute > 0 {
		minute = l.limit.PerMinute
	}
	rate := payload{"call_count": minute, "refresh_second": 60}
	return success(payload{
		"quota":      payload{"daily_limit": daily, "used": l.today, "remain": daily - l.today},
		"rate_limit": rate, "component_rate_limit": rate,
	})
}

// SetLimit bounds the calls of an endpoint, given by path; a zero Limit frees it. It reports whether the path is played.
func (s *Sim) SetLimit(path string, l Limit) bool {
	ep := s.byPath[path]
	if ep != nil {
		ep.limit.set(l)
	}
	return ep != nil
}

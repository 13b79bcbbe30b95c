package wxsim

import (
	"sync"
	"time"
)

// closingsKept bounds the list of closings.
const closingsKept = 1000

// Closing is a span in which the platform had no quota left.
type Closing struct {
	// From is when the last unit went; To is when it was raised, zero while it is still closed.
	From time.Time `json:"from"`
	To   time.Time `json:"to,omitzero"`
	// Refused is how many submissions were answered 85085 meanwhile.
	Refused int64 `json:"refused"`
}

// quotaPool is the platform's submission quota. Months are looked at when it is used, in UTC+8.
type quotaPool struct {
	mu           sync.Mutex
	limit, rest  int
	speedLimit   int
	speedRest    int
	month        int64
	refill       time.Duration
	refilled     time.Time // the last multiple of refill that was reached
	spent        int64
	refused      int64
	closings     []Closing
	nClosings    int64
	closed       bool
	speedupsUsed int64
}

func (q *quotaPool) open(o QuotaOptions, now time.Time) {
	or := func(v, def int) int {
		if v == 0 {
			return def
		}
		return max(v, 0)
	}
	q.limit = or(o.Limit, DefaultQuota)
	q.rest = or(o.Rest, q.limit)
	q.speedLimit = or(o.SpeedupLimit, 10)
	q.speedRest = q.speedLimit
	q.month, q.refill, q.refilled = monthOf(now), o.Refill, now
	q.mark(now)
}

// roll applies month ends and refills that have passed.
func (q *quotaPool) roll(now time.Time) {
	fresh := false
	if m := monthOf(now); m != q.month {
		q.month, fresh = m, true
	}
	if q.refill > 0 && now.Sub(q.refilled) >= q.refill {
		q.refilled = q.refilled.Add(now.Sub(q.refilled).Truncate(q.refill))
		fresh = true
	}
	if fresh {
		q.rest, q.speedRest = q.limit, q.speedLimit
		q.mark(now)
	}
}

// mark opens or ends a closing to fit what is left.
func (q *quotaPool) mark(now time.Time) {
	switch {
	case q.rest == 0 && !q.closed:
		q.closed = true
		q.nClosings++
		if len(q.closings) == closingsKept {
			q.closings = append(q.closings[:0], q.closings[1:]...)
		}
		q.closings = append(q.closings, Closing{From: now})
	case q.rest > 0 && q.closed:
		q.closed = false
		q.closings[len(q.closings)-1].To = now
	}
}

// take spends one unit; false means 85085.
func (q *quotaPool) take(now time.Time) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.roll(now)
	if q.rest == 0 {
		q.refused++
		q.closings[len(q.closings)-1].Refused++
		return false
	}
	q.rest--
	q.spent++
	q.mark(now)
	return true
}

func (q *quotaPool) takeSpeedup(now time.Time) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.roll(now)
	if q.speedRest == 0 {
		return false
	}
	q.speedRest--
	q.speedupsUsed++
	return true
}

// queryQuota plays queryquota: any app's token shows the platform's numbers.
func (c *call) queryQuota() reply {
	q := &c.sim.quota
	q.mu.Lock()
	defer q.mu.Unlock()
	q.roll(c.now)
	return success(payload{"rest": q.rest, "limit": q.limit, "speedup_rest": q.speedRest, "speedup_limit": q.speedLimit})
}

// SetQuota sets what is left of the month's submissions and what each month (or refill) restores.
func (s *Sim) SetQuota(rest, limit int) {
	q, now := &s.quota, s.clock.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.roll(now)
	q.rest, q.limit = max(rest, 0), max(limit, 0)
	q.mark(now)
}

// SetRefill restores the quota to its limit every so often from now on; zero leaves it to the calendar.
func (s *Sim) SetRefill(every time.Duration) {
	q, now := &s.quota, s.clock.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.roll(now)
	q.refill, q.refilled = every, now
}

package model

import (
	"slices"
	"sync"
	"time"

	"github.com/wxrollout/wxrollout/wxsim/internal/books"
	"github.com/wxrollout/wxrollout/wxsim/internal/clock"
)

// DefaultQuota is the monthly submission quota when QuotaOptions.Limit is zero.
const DefaultQuota = 10000

// closingsKept bounds the list of closings.
const closingsKept = 1000

// QuotaOptions is the platform's submission quota at the start.
type QuotaOptions struct {
	// Limit is what each month starts with; zero means DefaultQuota, negative means none at all.
	Limit int
	// Rest is what is left of it now; zero means Limit, negative means nothing.
	Rest int
	// Refill, when positive, restores Rest to Limit at this interval, as if months were that short.
	Refill time.Duration
	// SpeedupLimit is the monthly number of speed-ups; zero means 10, negative means none.
	SpeedupLimit int
}

// Allowance is what queryquota answers.
type Allowance struct{ Rest, Limit, SpeedupRest, SpeedupLimit int }

// quota is the platform's submission quota. The ends of months, in UTC+8, are applied when it is used.
type quota struct {
	mu       sync.Mutex
	now      Allowance
	month    int64
	refill   time.Duration
	refilled time.Time // the last multiple of refill that was reached
	closed   bool
	past     books.Quota // all but Rest and Limit
}

func (q *quota) open(o QuotaOptions, now time.Time) {
	or := func(v, def int) int {
		if v == 0 {
			return def
		}
		return max(v, 0)
	}
	limit, speedups := or(o.Limit, DefaultQuota), or(o.SpeedupLimit, 10)
	q.now = Allowance{Rest: or(o.Rest, limit), Limit: limit, SpeedupRest: speedups, SpeedupLimit: speedups}
	q.month, q.refill, q.refilled = clock.Month(now), o.Refill, now
	q.mark(now)
}

// at locks the quota and applies month ends and refills that have passed.
func (q *quota) at(now time.Time) (unlock func()) {
	q.mu.Lock()
	month := clock.Month(now)
	fresh := month != q.month
	q.month = month
	if q.refill > 0 && now.Sub(q.refilled) >= q.refill {
		q.refilled = q.refilled.Add(now.Sub(q.refilled).Truncate(q.refill))
		fresh = true
	}
	if fresh {
		q.now.Rest, q.now.SpeedupRest = q.now.Limit, q.now.SpeedupLimit
		q.mark(now)
	}
	return q.mu.Unlock
}

// mark opens or ends a closing to match the rest.
func (q *quota) mark(now time.Time) {
	p := &q.past
	switch {
	case q.now.Rest == 0 && !q.closed:
		q.closed = true
		p.NClosings++
		if len(p.Closings) == closingsKept {
			p.Closings = append(p.Closings[:0], p.Closings[1:]...)
		}
		p.Closings = append(p.Closings, books.Closing{From: now})
	case q.now.Rest > 0 && q.closed:
		q.closed = false
		p.Closings[len(p.Closings)-1].To = now
	}
}

// take spends one unit; false means 85085.
func (q *quota) take(now time.Time) bool {
	defer q.at(now)()
	if q.now.Rest == 0 {
		q.past.Refused++
		q.past.Closings[len(q.past.Closings)-1].Refused++
		return false
	}
	q.now.Rest--
	q.past.Spent++
	q.mark(now)
	return true
}

func (q *quota) takeSpeedup(now time.Time) bool {
	defer q.at(now)()
	if q.now.SpeedupRest == 0 {
		return false
	}
	q.now.SpeedupRest--
	q.past.SpeedupsSpent++
	return true
}

func (q *quota) book(now time.Time) books.Quota {
	defer q.at(now)()
	out := q.past
	out.Rest, out.Limit, out.Closings = q.now.Rest, q.now.Limit, slices.Clone(out.Closings)
	return out
}

// Allowance is the state of the submission quota.
func (w *World) Allowance(now time.Time) Allowance {
	defer w.quota.at(now)()
	return w.quota.now
}

// SetQuota sets the rest of the month's submissions and what each month (or refill) restores.
func (w *World) SetQuota(rest, limit int) {
	q, now := &w.quota, w.Clock.Now()
	defer q.at(now)()
	q.now.Rest, q.now.Limit = max(rest, 0), max(limit, 0)
	q.mark(now)
}

// SetRefill restores the quota to its limit at an interval from now on; zero leaves it to the calendar.
func (w *World) SetRefill(every time.Duration) {
	q, now := &w.quota, w.Clock.Now()
	defer q.at(now)()
	q.refill, q.refilled = every, now
}

package run

import (
	"context"
	"time"

	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/classify"
)

// Timing bounds assignments and holds the waits of outcomes. The zero value stands for the defaults.
type Timing struct {
	// Lease is how long an assignment lasts after each save. Default 60 s.
	Lease time.Duration
	// Assignment bounds one run of a handler; shorter than Lease by at least the longest call.
	// Default 40 s.
	Assignment time.Duration
	classify.Waits
}

// WithDefaults fills the zero fields.
func (t Timing) WithDefaults() Timing {
	if t.Lease <= 0 {
		t.Lease = time.Minute
	}
	if t.Assignment <= 0 {
		t.Assignment = 40 * time.Second
	}
	t.Waits = t.Waits.WithDefaults()
	return t
}

// Saver stores targets under the fence of their assignment.
type Saver interface {
	Save(ctx context.Context, was, next rollout.Target, o rollout.SaveOptions) (rollout.Target, error)
}

// Permits is the subset of pool.Pools that a run uses.
type Permits interface {
	stagePools
	holder
	settler
}

// stagePools are the pools as they were a moment ago.
type stagePools interface {
	// Open reports whether the calls of a stage need no permit.
	Open(ctx context.Context, stage rollout.Stage) bool
	// ClosedFor is why the pool of a stage is closed; "" if it is open.
	ClosedFor(ctx context.Context, stage rollout.Stage) string
}

// holder checks permits.
type holder interface {
	// Holds is the last check before a call that needs a permit; opening is the pool's opening in
	// which the permit is held, for Close.
	Holds(ctx context.Context, stage rollout.Stage, id string) (ok bool, opening int64, err error)
}

// settler takes permits back.
type settler interface {
	// Settle records how a permit, or a call whose reply was lost, was used; pool is the plan's, which
	// is charged if the permit has lapsed.
	Settle(ctx context.Context, stage rollout.Stage, pool, id string, use ratelimit.Use) error
}

// Hooks observe the handlers, for metrics. Each may be nil.
type Hooks struct {
	// Transition: a target was saved after an event. An assignment that goes on at the next stage may
	// save, and report, both at once.
	Transition func(from rollout.Target, event string, to rollout.Target)
	// Dropped: a task was not run; why is stale or lost.
	Dropped func(stage rollout.Stage, why string)
	// Closed: the pool of a stage was closed for a reason.
	Closed func(stage rollout.Stage, reason string)
	// Seen: an app was read. It must return quickly.
	Seen func(ctx context.Context, appid string, s Seen)
	// Quota: queryquota answered.
	Quota func(rest, limit int64)
}

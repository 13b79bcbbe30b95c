package operator

import (
	"context"
	"iter"
	"time"

	"github.com/wxrollout/wxrollout/internal/quota"
	"github.com/wxrollout/wxrollout/internal/view"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
)

// Snapshot is a rollout at one moment.
type Snapshot struct {
	At time.Time `json:"at"`
	view.Summary
	// PerMinute is how many targets end per minute; nil when not enough was seen.
	PerMinute *float64 `json:"per_minute"`
	ETA       Estimate `json:"eta"`
	// Pools are the submit pool and those that are not open.
	Pools []quota.Pool `json:"pools"`
	// Fault is the fault of the platform that stops everything; nil if none is active.
	Fault *ledger.PlatformFault `json:"platform_fault,omitempty"`
	// Workers is the concurrency of the live workers by queue.
	Workers map[rollout.QueueName]int `json:"workers"`
}

// Watch looks at a rollout again and again: at once, then each time every has
// passed. It ends when ctx does or the caller stops. An error is one look that
// failed; the next may be better.
func (o *Operator) Watch(ctx context.Context, id string, every time.Duration) iter.Seq2[Snapshot, error] {
	return func(yield func(Snapshot, error) bool) {
		var p pace
		for range ticks(ctx, every) {
			s, err := o.snapshot(ctx, id, &p)
			if ctx.Err() != nil || !yield(s, err) {
				return
			}
		}
	}
}

// snapshot looks once.
func (o *Operator) snapshot(ctx context.Context, id string, p *pace) (Snapshot, error) {
	r, err := o.d.Ledger.Rollout(ctx, id)
	if err != nil {
		return Snapshot{}, err
	}
	s := Snapshot{At: o.d.Now(), Summary: view.Summarize(r)}
	p.see(s.At, s.Done)
	rate, known := p.perMinute(r.Started)
	if known {
		s.PerMinute = &rate
	}
	pools, err := o.d.Quota.Pools(ctx)
	if err != nil {
		return s, err
	}
	for i, pool := range pools {
		if i == 0 || !pool.Open() {
			s.Pools = append(s.Pools, pool)
		}
	}
	if s.Fault, err = o.d.Ledger.PlatformFault(ctx); err != nil {
		return s, err
	}
	s.Halt(pools, s.Fault)
	limits, err := o.d.Quota.Limits(ctx, r)
	if err != nil {
		return s, err
	}
	s.Limit = limits[0]
	s.ETA = estimate(r, s.Summary, pools[0], rate, known, s.At)
	s.Workers, err = o.d.Ledger.Capacity(ctx)
	return s, err
}

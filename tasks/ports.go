package tasks

import (
	"context"
	"time"

	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
)

// WeChat is the union of what the stages call; *wxclient.Client implements it.
type WeChat interface {
	preflightAPI
	commitAPI
	checkAPI
	submitAPI
	itemsAPI
	verdictAPI
	releaseAPI
	grayAPI
	undoAPI
	revertAPI
	readBackAPI
	merchantAPI
	outcomeAPI
}

// Ledger is the union of what the handlers need of the store; *ledger.Ledger implements it.
type Ledger interface {
	starter
	saver
	stopper
}

// starter begins assignments.
type starter interface {
	Start(ctx context.Context, a rollout.Assignment, lease time.Duration) (rollout.Started, error)
	Plan(ctx context.Context, rolloutID string, revision int) (rollout.Plan, error)
}

// saver stores targets under the fence of their assignment.
type saver interface {
	Save(ctx context.Context, was, next rollout.Target, o rollout.SaveOptions) (rollout.Target, error)
}

// stopper holds up more than one target.
type stopper interface {
	Pause(ctx context.Context, rolloutID, by, why string) error
	// NotePlatformFault records a fault that an app met: nothing is dispatched while it lasts.
	NotePlatformFault(ctx context.Context, f rollout.PlatformFault, app string) (rollout.FaultReport, error)
}

// Permits is the union of what the handlers need of the pools; *pool.Pools implements it.
type Permits interface {
	stagePools
	holder
	settler
	closer
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

// closer records refusals and readings of the quota.
type closer interface {
	// Close closes the pool of a stage for everyone; retry 0 leaves the wait to the pool. It returns a
	// *ratelimit.ReopenedError if an operator opened the pool after the opening of the refusal.
	Close(ctx context.Context, stage rollout.Stage, f ratelimit.Refusal, retry time.Duration) error
	// Refused records a submission that was refused for lack of quota, and reports whether the pool is
	// closed; if not, only this app is refused. It returns a *ratelimit.ReopenedError as Close does.
	Refused(ctx context.Context, f ratelimit.Refusal) (closed bool, err error)
	// Refill stores a reading of queryquota, which read makes.
	Refill(ctx context.Context, read func(context.Context) (rest, limit int64, err error)) (rest int64, err error)
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

package tasks

import (
	"context"
	"time"

	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/run"
	"github.com/wxrollout/wxrollout/tasks/stage"
)

// WeChat is the union of what the stages call; *wxclient.Client implements it.
type WeChat interface {
	stage.API
	outcomeAPI
}

// Ledger is the union of what the handlers need of the store; *ledger.Ledger implements it.
type Ledger interface {
	starter
	run.Saver
	stopper
}

// starter begins assignments.
type starter interface {
	Start(ctx context.Context, a rollout.Assignment, lease time.Duration) (rollout.Started, error)
	Plan(ctx context.Context, rolloutID string, revision int) (rollout.Plan, error)
}

// stopper holds up more than one target.
type stopper interface {
	Pause(ctx context.Context, rolloutID, by, why string) error
	// NotePlatformFault records a fault that an app met: nothing is dispatched while it lasts.
	NotePlatformFault(ctx context.Context, f rollout.PlatformFault, app string) (rollout.FaultReport, error)
}

// Permits is the union of what the handlers need of the pools; *pool.Pools implements it.
type Permits interface {
	run.Permits
	closer
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

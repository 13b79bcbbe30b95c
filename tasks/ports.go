package tasks

import (
	"context"
	"time"

	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient"
)

// WeChat is what the handlers call; *wxclient.Client implements it.
type WeChat interface {
	AuthorizerInfo(ctx context.Context, appid string) (wxclient.AuthorizerInfo, error)
	VersionInfo(ctx context.Context, appid string) (wxclient.VersionInfo, error)
	Categories(ctx context.Context, appid string) ([]wxclient.Category, error)
	Pages(ctx context.Context, appid string) ([]string, error)
	Commit(ctx context.Context, appid string, r wxclient.CommitRequest) error
	CodePrivacyInfo(ctx context.Context, appid string) (wxclient.PrivacyInfo, error)
	LatestAudit(ctx context.Context, appid string) (wxclient.Audit, error)
	AuditStatus(ctx context.Context, appid string, auditID int64) (wxclient.Audit, error)
	SubmitAudit(ctx context.Context, appid string, r wxclient.SubmitRequest) (int64, error)
	UndoAudit(ctx context.Context, appid string) error
	QueryQuota(ctx context.Context, appid string) (wxclient.Quota, error)
	Release(ctx context.Context, appid string) error
	GrayRelease(ctx context.Context, appid string, r wxclient.GrayRequest) error
	GrayPlan(ctx context.Context, appid string) (wxclient.GrayPlan, error)
	RevertRelease(ctx context.Context, appid string, appVersion *int64) error
	RevertGray(ctx context.Context, appid string) error
}

// Ledger is what the handlers need of the store; *ledger.Ledger implements it.
type Ledger interface {
	Start(ctx context.Context, t rollout.Assignment, lease time.Duration) (rollout.Started, error)
	Save(ctx context.Context, was, next rollout.Target, o rollout.SaveOptions) (rollout.Target, error)
	Plan(ctx context.Context, rolloutID string, revision int) (rollout.Plan, error)
	Rollout(ctx context.Context, rolloutID string) (rollout.Rollout, error)
	Pause(ctx context.Context, rolloutID, by, why string) error
	// NotePlatformFault records a fault that an app met: no assignments are given while it stands.
	NotePlatformFault(ctx context.Context, f rollout.PlatformFault, app string) (rollout.FaultReport, error)
}

// Permits is the platform's allowance as a handler sees it; *Pools implements it.
type Permits interface {
	// Holds is the last look before a call that needs a permit; opening says for
	// Close since which opening of the pool it is held.
	Holds(ctx context.Context, stage rollout.Stage, id string) (ok bool, opening int64, err error)
	// Settle gives a permit back, or tells what became of a call whose reply was lost; pool is
	// the plan's, to charge a unit to if the permit has lapsed.
	Settle(ctx context.Context, stage rollout.Stage, pool, id string, use ratelimit.Use) error
	// Open tells, as of a moment ago, whether a stage's calls need no permit now.
	Open(ctx context.Context, stage rollout.Stage) bool
	// ClosedFor tells, as of a moment ago, why a stage's pool is closed; "" if it is open.
	ClosedFor(ctx context.Context, stage rollout.Stage) string
	// Close shuts a stage's pool for everyone; retry 0 leaves the wait to the pool. With
	// the opening that Holds told it is a *ratelimit.ReopenedError if an operator has
	// opened the pool since: the refusal is older than that.
	Close(ctx context.Context, stage rollout.Stage, f ratelimit.Refusal, retry time.Duration) error
	// Refused notes a submission that was refused for lack of quota, and tells whether the
	// pool is closed: false means that only this app is refused. The error may be a
	// *ratelimit.ReopenedError, as Close's.
	Refused(ctx context.Context, f ratelimit.Refusal) (closed bool, err error)
	// Refill tells the submit pool what queryquota says; read makes the call.
	Refill(ctx context.Context, read func(context.Context) (rest, limit int64, err error)) (rest int64, err error)
}

// Hooks are told what happens, for metrics. Each may be nil.
type Hooks struct {
	// Transition: a target was saved after an event; one of an assignment that goes on at
	// the next stage may be saved, and told, with what came of that one.
	Transition func(from rollout.Target, event string, to rollout.Target)
	// Dropped: a task was not run; why is one of stale, payload, acting.
	Dropped func(stage rollout.Stage, why string)
	// Closed: a stage's pool was closed for a reason.
	Closed func(stage rollout.Stage, reason string)
	// Seen: an app was looked at. It must not take long.
	Seen func(ctx context.Context, appid string, s Seen)
	// Quota: queryquota answered.
	Quota func(rest, limit int64)
}

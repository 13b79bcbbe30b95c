package tasks

import (
	"context"
	"errors"

	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/classify"
	"github.com/wxrollout/wxrollout/tasks/run"
	"github.com/wxrollout/wxrollout/wxclient"
)

// outcomeAPI reads what an outcome depends on.
type outcomeAPI interface {
	AuthorizerInfo(ctx context.Context, appid string) (wxclient.AuthorizerInfo, error)
	QueryQuota(ctx context.Context, appid string) (wxclient.Quota, error)
}

// actor is the one place that acts on outcomes: it closes pools, pauses rollouts, records faults of
// the platform, and gives the event for the target.
type actor struct {
	*run.Run
	h     *Handler
	wx    outcomeAPI
	store stopper
	pools closer
}

// failed acts on an error of a stage.
func (a actor) failed(ctx context.Context, err error) rollout.Event {
	f := a.Facts()
	if f.Stopping = ctx.Err() != nil; !f.Stopping {
		a.observe(ctx, &f, classify.Judge(err))
	}
	o := classify.Of(f, err)
	switch o.Read {
	case classify.ReadQuota:
		return a.quotaRefused(ctx, err)
	case classify.ReadPermission:
		return a.permissionRefused(ctx, err)
	}
	a.Permit.RefusedProbe = o.Outage != nil && o.Outage.Probe
	if o.Outage != nil {
		a.closeForOutage(ctx, *o.Outage)
	}
	if o.Fault != nil && a.record(ctx, o.Fault.Fault) == rollout.FaultAlone {
		return o.Fault.Alone
	}
	if o.Close != nil && !a.close(ctx, *o.Close) {
		return o.Close.Reopened
	}
	if o.Pause != nil {
		a.pause(ctx, *o.Pause)
	}
	return a.Draw(o)
}

// observe counts calls without an answer, and reads whether too many are.
func (a actor) observe(ctx context.Context, f *classify.Facts, j classify.Judged) {
	if j.Answers() {
		a.h.breaker.Answered(j.Endpoint)
	}
	if j.Scope == classify.ScopeStage {
		f.Broken = a.h.breaker.Busy(a.Assignment.Stage, j.Endpoint, a.Assignment.AppID)
		f.Closed = a.Permits.ClosedFor(ctx, a.Assignment.Stage)
	}
}

// closeForOutage closes the stage until its next probe.
func (a actor) closeForOutage(ctx context.Context, o classify.Outage) {
	at, probe := a.Assignment.Stage, a.Timing.OutageProbe
	a.h.breaker.Closed(at)
	if err := a.pools.Close(context.WithoutCancel(ctx), at, a.Refusal(classify.ReasonOutage), probe); err != nil {
		a.Log.Warn().Err(err).Msg("stage not closed for an outage")
		return
	}
	if o.Probe {
		return
	}
	a.closedHook(classify.ReasonOutage)
	a.Log.Error().Int64("errcode", o.LastError.Code).Str("rid", o.LastError.RID).Str("last_error", o.LastError.Text).Dur("probe", probe).
		Msg("WeChat answers no app at this stage: it is closed, and one app at a time probes it")
}

// record stores a fault of the platform. The result is "" if it could not be stored, and
// [rollout.FaultAlone] if only this app is affected.
func (a actor) record(ctx context.Context, f rollout.PlatformFault) rollout.FaultReport {
	report, err := a.store.NotePlatformFault(context.WithoutCancel(ctx), f, a.Assignment.AppID)
	switch {
	case err != nil:
		a.Log.Error().Err(err).Msg("fault of the platform not recorded; the target is tried again")
		return ""
	case report == rollout.FaultBegan:
		a.Log.Error().Int64("errcode", f.Code).Str("endpoint", f.Endpoint).Str("ip", f.IP).Str("rid", f.RID).Str("cause", f.Text).
			Msg("fault of the platform: nothing is dispatched until a probe succeeds")
	}
	return report
}

// close closes the pool of the stage. It returns false if an operator opened the pool after the
// refused call had begun.
func (a actor) close(ctx context.Context, c classify.Close) bool {
	err := a.pools.Close(context.WithoutCancel(ctx), a.Assignment.Stage, a.Refusal(c.Reason), c.Retry)
	switch {
	case errors.As(err, new(*ratelimit.ReopenedError)):
		a.Log.Warn().Int64("errcode", c.LastError.Code).Str("rid", c.LastError.RID).Msg("pool not closed: an operator opened it after this call had begun")
		return false
	case err != nil:
		a.Log.Error().Err(err).Msg("pool not closed")
	default:
		a.closedHook(c.Reason)
	}
	if c.Penalty {
		a.Log.Error().Int64("errcode", c.LastError.Code).Str("rid", c.LastError.RID).Dur("for", c.Retry).
			Msg("WeChat punishes the platform: no app of any rollout is submitted until one is tried again, or enqueue quota open submit")
	}
	return true
}

func (a actor) closedHook(reason string) {
	if a.Hooks.Closed != nil {
		a.Hooks.Closed(a.Assignment.Stage, reason)
	}
}

// pause pauses the rollout and logs the cause. If the ledger refuses, the error is only logged.
func (a actor) pause(ctx context.Context, p classify.Pause) {
	if err := a.store.Pause(context.WithoutCancel(ctx), a.Assignment.Rollout, rollout.ByWorker, p.Why); err != nil {
		a.Log.Error().Err(err).Msg("rollout not paused")
	}
	a.Log.Error().Int64("errcode", p.LastError.Code).Str("rid", p.LastError.RID).Str("class", p.LastError.Class).Msg("rollout paused")
}

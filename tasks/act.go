package tasks

import (
	"context"
	"errors"
	"fmt"

	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/classify"
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
	*run
	wx    outcomeAPI
	store stopper
	pools closer
}

// failed acts on an error of a stage.
func (a actor) failed(ctx context.Context, err error) rollout.Event {
	f := a.facts()
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
	a.permit.refusedProbe = o.Outage != nil && o.Outage.Probe
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
	return a.draw(o)
}

// observe counts calls without an answer, and reads whether too many are.
func (a actor) observe(ctx context.Context, f *classify.Facts, j classify.Judged) {
	if j.Answers() {
		a.h.breaker.Answered(j.Endpoint)
	}
	if j.Scope == classify.ScopeStage {
		f.Broken = a.h.breaker.Busy(a.assignment.Stage, j.Endpoint, a.assignment.AppID)
		f.Closed = a.h.permits.ClosedFor(ctx, a.assignment.Stage)
	}
}

// closeForOutage closes the stage until its next probe.
func (a actor) closeForOutage(ctx context.Context, o classify.Outage) {
	stage, probe := a.assignment.Stage, a.h.timing.OutageProbe
	a.h.breaker.Closed(stage)
	if err := a.pools.Close(context.WithoutCancel(ctx), stage, a.refusal(classify.ReasonOutage), probe); err != nil {
		a.log.Warn().Err(err).Msg("stage not closed for an outage")
		return
	}
	if o.Probe {
		return
	}
	a.closedHook(classify.ReasonOutage)
	a.log.Error().Int64("errcode", o.LastError.Code).Str("rid", o.LastError.RID).Str("last_error", o.LastError.Text).Dur("probe", probe).
		Msg("WeChat answers no app at this stage: it is closed, and one app at a time probes it")
}

// record records a fault of the platform.
func (a actor) record(ctx context.Context, f rollout.PlatformFault) rollout.FaultReport {
	report, err := a.store.NotePlatformFault(context.WithoutCancel(ctx), f, a.assignment.AppID)
	switch {
	case err != nil:
		a.log.Error().Err(err).Msg("fault of the platform not recorded; the target is tried again")
		return ""
	case report == rollout.FaultBegan:
		a.log.Error().Int64("errcode", f.Code).Str("endpoint", f.Endpoint).Str("ip", f.IP).Str("rid", f.RID).Str("cause", f.Text).
			Msg("fault of the platform: nothing is dispatched until a probe succeeds")
	}
	return report
}

// close closes the pool of the stage. It returns false if an operator opened the pool after the
// refused call had begun.
func (a actor) close(ctx context.Context, c classify.Close) bool {
	err := a.pools.Close(context.WithoutCancel(ctx), a.assignment.Stage, a.refusal(c.Reason), c.Retry)
	switch {
	case errors.As(err, new(*ratelimit.ReopenedError)):
		a.log.Warn().Int64("errcode", c.LastError.Code).Str("rid", c.LastError.RID).Msg("pool not closed: an operator opened it after this call had begun")
		return false
	case err != nil:
		a.log.Error().Err(err).Msg("pool not closed")
	default:
		a.closedHook(c.Reason)
	}
	if c.Penalty {
		a.log.Error().Int64("errcode", c.LastError.Code).Str("rid", c.LastError.RID).Dur("for", c.Retry).
			Msg("WeChat punishes the platform: no app of any rollout is submitted until one is tried again, or enqueue quota open submit")
	}
	return true
}

func (a actor) closedHook(reason string) {
	if a.h.hooks.Closed != nil {
		a.h.hooks.Closed(a.assignment.Stage, reason)
	}
}

// pause pauses the rollout.
func (a actor) pause(ctx context.Context, p classify.Pause) {
	if err := a.store.Pause(context.WithoutCancel(ctx), a.assignment.Rollout, "worker", p.Why); err != nil {
		a.log.Error().Err(err).Msg("rollout not paused")
	}
	a.log.Error().Int64("errcode", p.LastError.Code).Str("rid", p.LastError.RID).Str("class", p.LastError.Class).Msg("rollout paused")
}

// quotaRefused reads the quota through the app that was refused for lack of it, and records the
// refusal.
func (a actor) quotaRefused(ctx context.Context, refused error) rollout.Event {
	ctx, cancel := a.deadline.bound(context.WithoutCancel(ctx))
	defer cancel()
	rest, err := a.pools.Refill(ctx, func(ctx context.Context) (int64, int64, error) {
		q, err := a.wx.QueryQuota(ctx, a.assignment.AppID)
		if err == nil && a.h.hooks.Quota != nil {
			a.h.hooks.Quota(q.Rest, q.Limit)
		}
		return q.Rest, q.Limit, err
	})
	if err != nil {
		a.log.Warn().Err(err).Msg("quota not read after a submission was refused for lack of it")
	}
	f := a.refusal(fmt.Sprint(classify.Code(refused)))
	f.Left = err == nil && rest > 0
	closed, err := a.pools.Refused(context.WithoutCancel(ctx), f)
	reopened := errors.As(err, new(*ratelimit.ReopenedError))
	switch {
	case err != nil && !reopened:
		a.log.Error().Err(err).Msg("refusal for lack of quota not recorded")
	case closed && !reopened:
		a.closedHook(f.Reason)
	}
	return a.draw(classify.AfterQuota(a.facts(), refused, f.Left, closed, reopened))
}

// permissionRefused reads what a refusal for lack of rights means: the merchant may have given
// permission set 18 to another platform since preflight.
func (a actor) permissionRefused(ctx context.Context, refused error) rollout.Event {
	timed, cancel := a.deadline.bound(ctx)
	defer cancel()
	info, err := a.wx.AuthorizerInfo(timed, a.assignment.AppID)
	switch {
	case classify.NoPermission(classify.Code(err)) && classify.ScopeOf(err) != classify.ScopePlatform:
		return a.draw(classify.AfterPermission(a.facts(), refused, false))
	case err != nil:
		return a.failed(ctx, fmt.Errorf("read the app's permissions after errcode %d: %w", classify.Code(refused), err))
	}
	a.saw(ctx, Seen{Account: &info})
	return a.draw(classify.AfterPermission(a.facts(), refused, !info.Has(permissionSet)))
}

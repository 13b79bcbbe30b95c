package tasks

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/wxrollout/wxrollout/rollout"
)

// ReasonOutage is why a stage's pool is closed at which WeChat answers no app: -1, no connection,
// no reply, a status of 5xx.
const ReasonOutage = "busy"

// outageWords say so in a target's timeline.
const outageWords = "WeChat answers no app at this stage: one app at a time probes it"

// outage tells whether the stage was closed for an outage since this assignment was given. While WeChat
// answers, nothing is asked.
func (r *run) outage(ctx context.Context) bool {
	stage := r.assignment.Stage
	if r.assignment.Permit && stage != rollout.StageSubmit { // this is the probe
		return false
	}
	tried := len(r.t.Tries) > 0
	return (tried || r.breaker.suspects(stage)) && stage != rollout.StageSubmit && r.permits.ClosedFor(ctx, stage) == ReasonOutage
}

// unanswered counts what WeChat gave no app an answer for, and any answer as one. Nil leaves the
// error to its own rule; else the stage is closed for everyone, and the target keeps its place
// without a try being counted.
func (r *run) unanswered(ctx context.Context, j judged, err error, lastError rollout.LastError) rollout.Event {
	stage := r.assignment.Stage
	if answers(j) {
		r.breaker.answered(j.endpoint)
	}
	if j.scope != ScopeStage {
		return nil
	}
	broken := r.breaker.busy(stage, j.endpoint, r.assignment.AppID)
	closed := r.permits.ClosedFor(ctx, stage)
	probe := closed == ReasonOutage && r.assignment.Permit
	if closed == "" && broken || probe {
		r.closeForOutage(ctx, lastError, probe)
		closed = ReasonOutage
	}
	r.refusedProbe = probe
	if closed != ReasonOutage || errors.As(err, new(*lostError)) {
		return nil // a lost reply is read back
	}
	if probe { // another app probes next, or one that is broken itself would hold up everyone
		d := backingOff(3*r.timing.OutageProbe, 20*r.timing.OutageProbe, r.t.Polls)
		d = r.jitter(func(rnd *rand.Rand) time.Duration { return spread(d, rnd) })
		return rollout.Waited{At: r.now(), Reason: rollout.ReasonBusy, For: d, Again: true, Note: outageWords, LastError: &lastError}
	}
	if r.t.Intent != nil { // no closed stage holds it: it would come again at once
		d := backingOff(3*r.timing.OutageProbe, 20*r.timing.OutageProbe, r.t.Polls)
		return rollout.Waited{At: r.now(), Reason: rollout.ReasonUnknown, For: d, Again: true, Note: outageWords, LastError: &lastError}
	}
	return r.unbegun(outageWords)
}

// closeForOutage shuts the stage's pool until the next probe.
func (r *run) closeForOutage(ctx context.Context, lastError rollout.LastError, probe bool) {
	stage := r.assignment.Stage
	r.breaker.closed(stage)
	if err := r.permits.Close(context.WithoutCancel(ctx), stage, r.refusal(ReasonOutage), r.timing.OutageProbe); err != nil {
		r.log.Warn().Err(err).Msg("stage not closed for an outage")
		return
	}
	if probe {
		return
	}
	if r.hooks.Closed != nil {
		r.hooks.Closed(stage, ReasonOutage)
	}
	r.log.Error().Int64("errcode", lastError.Code).Str("rid", lastError.RID).Str("last_error", lastError.Text).Dur("probe", r.timing.OutageProbe).
		Msg("WeChat answers no app at this stage: it is closed, and one app at a time probes it")
}

package tasks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/classify"
	"github.com/wxrollout/wxrollout/wxclient"
)

// run is what the stages of one assignment share: the target, the fence under which it is saved, and
// the intent of each call with effect.
type run struct {
	h          *Handler
	assignment rollout.Assignment
	// t is the target as stored, with the applied events that are not stored yet.
	t rollout.Target
	// stored is the target as last read or saved, if t is ahead of it.
	stored *rollout.Target
	// from is the target as it came to its stage.
	from rollout.Target
	// ended are the ends of stages that are not stored yet.
	ended []ending
	parsedPlan
	started rollout.Started
	clock   clock
	// deadline ends the calls. The lease runs from the start at the store, which was after this
	// process asked for it, however long the reply took.
	deadline processTime
	permit   permit
	log      zerolog.Logger
}

// now is the time on the clock of Redis, for events.
func (r *run) now() time.Time { return r.clock.now().t }

// facts are what outcomes depend on, now.
func (r *run) facts() classify.Facts {
	return classify.Facts{Assignment: r.assignment, Target: r.t, Now: r.now(), Waits: r.h.timing.Waits}
}

// draw is the event of an outcome with its wait drawn.
func (r *run) draw(o classify.Outcome) rollout.Event { return o.Drawn(r.h.random) }

// wait parks for a reason, and counts it as the reason's own cause.
func (r *run) wait(reason rollout.Reason, d time.Duration, lastError rollout.LastError) rollout.Event {
	return r.draw(r.facts().Wait(reason, d, lastError))
}

// apply makes an event part of the target without saving it.
func (r *run) apply(e rollout.Event) error {
	next, err := rollout.Step(r.t, e)
	if err != nil {
		return err
	}
	if r.stored == nil {
		was := r.t
		r.stored = &was
	}
	r.t = next
	return nil
}

// save stores the target with the applied events.
func (r *run) save(ctx context.Context, call bool) error {
	was := r.t
	if r.stored != nil {
		was = *r.stored
	}
	saved, err := r.h.ledger.Save(ctx, was, r.t, rollout.SaveOptions{Call: call, Lease: r.h.timing.Lease, Version: r.plan.Template.Version})
	if err != nil {
		return err
	}
	r.t, r.stored = saved, nil
	r.report()
	return nil
}

// attempt stores the intent, makes a call that must not be repeated blindly, and clears the intent if
// WeChat certainly refused the call or never got it. After an error of unknown outcome the intent
// stays.
func (r *run) attempt(ctx context.Context, op rollout.Op, call func(context.Context) error) error {
	return r.attemptOf(ctx, op, "", call)
}

// attemptOf is attempt for one of several calls of a kind.
func (r *run) attemptOf(ctx context.Context, op rollout.Op, what string, call func(context.Context) error) error {
	if by, ok := r.superseded(); ok {
		return &classify.SupersededError{By: by}
	}
	if r.permit.lost && (r.assignment.Stage == rollout.StageSubmit || r.h.permits.ClosedFor(ctx, r.assignment.Stage) != "") {
		return &classify.YieldError{Why: "the stage is limited: waits for a permit"}
	}
	before, stored := r.t, r.stored
	if err := r.apply(rollout.Intended{At: r.now(), Op: op, What: what}); err != nil {
		return err
	}
	name := r.t.Intent.String()
	if err := r.save(ctx, true); err != nil {
		r.t, r.stored = before, stored
		return fmt.Errorf("%s was not begun: %w", name, err)
	}
	// A process that was stopped since may have lost its lease: check the clock again.
	if err := r.inTime(ctx); err != nil {
		return errors.Join(err, r.apply(rollout.Resolved{At: r.now()}))
	}
	err := call(ctx)
	if err == nil {
		return nil
	}
	if wxclient.IsOutcomeUnknown(err) {
		return &classify.LostError{Op: name, Err: err}
	}
	if e := r.apply(rollout.Resolved{At: r.now()}); e != nil {
		return e
	}
	if errors.As(err, new(*wxclient.Error)) {
		return &classify.RefusedWrite{Err: err}
	}
	return err
}

func (r *run) inTime(ctx context.Context) error {
	if r.h.now().passed(ctx) {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}

// unresolved decides on a read-back that found no effect of the open intent. Too soon after the call
// it waits; nil means that the intent was cleared and counted, and the call may be repeated. A write
// that was denied too often fails the target.
func (r *run) unresolved() (rollout.Event, error) {
	if r.t.Intent == nil {
		return nil, nil
	}
	op, last := r.t.Intent, r.t.LastError
	if event := r.facts().TooSoon(); event != nil {
		return event, nil
	}
	if err := r.apply(rollout.Resolved{At: r.now(), Note: "read back: it had not taken effect", Denied: true}); err != nil {
		return nil, err
	}
	r.permit.denied = op.Op == rollout.OpSubmit
	return r.facts().Denied(op, last), nil
}

// superseded is the release of a later rollout that the app is left to: see rollout.Superseded. The
// app is this rollout's since its assignment was started, so that nothing else releases meanwhile.
func (r *run) superseded() (by rollout.Release, ok bool) {
	if r.assignment.Stage == rollout.StageUndo { // an undo is no downgrade of the plan's
		return by, false
	}
	by, ok = rollout.Superseded(r.plan, r.assignment.Rollout, r.started.Created, r.started.Releases)
	if ok && r.assignment.Stage == rollout.StagePreflight && by.Version == r.plan.Template.Version {
		return by, false // preflight finds it up to date
	}
	return by, ok
}

// saw passes what was read of the app to the hook.
func (r *run) saw(ctx context.Context, s Seen) {
	if r.h.hooks.Seen != nil {
		r.h.hooks.Seen(ctx, r.assignment.AppID, s)
	}
}

package tasks

import (
	"context"
	"errors"
	"fmt"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/classify"
	"github.com/wxrollout/wxrollout/tasks/queue"
	"github.com/wxrollout/wxrollout/tasks/run"
	"github.com/wxrollout/wxrollout/tasks/stage"
)

// An assignment goes on at the next stage of the same queue: preflight, commit and check are one
// assignment, submit and verdict another. That spares a target most of its passes through the queue,
// which cost more than the calls between them.

// goesOnWithin is the part of an assignment's time after which it does not go on: the calls of the
// next stage need the rest.
const goesOnWithin = 4

// delivery is one delivery of an assignment, at one stage after the other.
type delivery struct {
	*run.Run
	h      *Handler
	status rollout.Status
}

// through runs the stages, and stores the end.
func (d delivery) through(ctx context.Context) error {
	event := d.decide(ctx)
	for d.goesOn(ctx, event) {
		if ok, err := d.pass(ctx, event.(rollout.Advanced)); !ok {
			return err
		}
		event = d.decide(ctx)
	}
	return d.conclude(ctx, event)
}

// decide runs the stage and turns errors into events.
func (d delivery) decide(ctx context.Context) (event rollout.Event) {
	defer func() {
		if p := recover(); p != nil {
			event = d.panicked(p)
		}
	}()
	act, failed := stage.Of(d.Run, d.h.wx), d.h.actor(d.Run).failed
	if !d.status.Moves(d.Assignment.Stage) {
		switch {
		case d.Target.Intent == nil:
			return d.Facts().Unbegun("the rollout is " + string(d.status))
		case d.status == rollout.StatusAborted:
			back := stage.NewReadBack(d.Run, d.h.wx, d.h.actor(d.Run).record)
			act, failed = back.Act, back.Failed
		} // else the ledger lets no call with effect begin
	}
	if d.Target.Intent == nil && d.outage(ctx) {
		return d.Facts().Unbegun(classify.OutageNote)
	}
	var err error
	if d.Parsed, err = d.h.readPlan(ctx, d.Assignment.Rollout, d.Target.Revision); err != nil {
		return failed(ctx, fmt.Errorf("read the plan: %w", err))
	}
	if by, ok := d.Superseded(); ok && d.Target.Intent == nil {
		return rollout.Skipped{At: d.Now(), Note: by.Words()}
	}
	timed, cancel := d.Deadline.Bound(ctx)
	defer cancel()
	if event, err = act(timed); err != nil {
		event = failed(ctx, err)
	} else {
		d.h.breaker.Passed(d.Assignment.Stage)
	}
	return d.Facts().Bounded(event, d.Plan.Deadline)
}

// outage reports whether the stage was closed for an outage since this assignment was given. While
// WeChat answers, it reads no pool.
func (d delivery) outage(ctx context.Context) bool {
	at := d.Assignment.Stage
	if at == rollout.StageSubmit || d.Assignment.Permit { // a permit of another stage is the probe
		return false
	}
	suspect := len(d.Target.Tries) > 0 || d.h.breaker.Suspects(at)
	return suspect && d.Permits.ClosedFor(ctx, at) == classify.ReasonOutage
}

// goesOn reports whether the assignment has a next stage after an event. While the calls of that
// stage need permits, the controller decides which app goes first.
func (d delivery) goesOn(ctx context.Context, event rollout.Event) bool {
	next, more := d.Assignment.Stage.Next()
	if _, done := event.(rollout.Advanced); !done || !more || next.QueueName() != d.Assignment.Stage.QueueName() {
		return false
	}
	if d.Assignment.Permit && d.Assignment.Stage != rollout.StageSubmit {
		return false // the one probe of a closed pool
	}
	total := d.Timing.Assignment
	return ctx.Err() == nil && d.Deadline.Sub(d.Clock()) >= total-total/goesOnWithin && d.Permits.Open(ctx, next)
}

// pass ends a stage and takes the assignment to the next one. It is not ok if the assignment was lost,
// which is no error, or Redis was unreachable. Only the result of a submission is stored at once: after
// a crash before the next save the stage runs again, which reads, or reads its intent back.
func (d delivery) pass(ctx context.Context, done rollout.Advanced) (ok bool, err error) {
	done.Keep = true
	if d.Assignment.Stage == rollout.StageSubmit {
		if ok, err := d.end(ctx, done); !ok {
			return false, err
		}
		d.Assignment.Permit = false // settled
	} else if err := d.Step(done); err != nil {
		return false, err
	}
	d.Enter()
	return true, nil
}

// conclude ends the assignment with an event.
func (d delivery) conclude(ctx context.Context, event rollout.Event) error {
	ok, err := d.end(ctx, event)
	if !ok {
		return err
	}
	if f, ok := event.(rollout.Finished); ok && f.End == rollout.StateReleased {
		d.Saw(ctx, run.Seen{Live: d.Plan.Template.Version})
	}
	if s, ok := event.(rollout.Stalled); ok {
		return &queue.Again{Delay: s.For, Cause: s.LastError.Text}
	}
	return nil
}

// end stores the result of an event and settles the permit. It is not ok if the assignment was lost,
// which is no error, or Redis was unreachable.
func (d delivery) end(ctx context.Context, event rollout.Event) (ok bool, err error) {
	// The effect of a call must be stored even while the worker stops; the rest of the lease bounds it,
	// and the connection's own timeouts bound each try.
	ctx, cancel := d.Clock().Add(d.Timing.Lease - d.Timing.Assignment).Bound(context.WithoutCancel(ctx))
	defer cancel()
	if event != nil {
		if err = d.Step(event); err == nil {
			err = d.Save(ctx, false)
		}
	}
	d.Settle(ctx, event)
	if event == nil || errors.As(err, new(*rollout.StaleError)) {
		d.h.dropped(d.Assignment.Stage, "lost")
		d.Log.Warn().Int64("fence", d.Assignment.Fence).Msg("assignment lost to another worker")
		return false, nil
	}
	if err != nil {
		d.Log.Error().Err(err).Str("event", event.Kind()).Msg("outcome not stored; the target is read back when its lease ends")
		return false, err
	}
	return true, nil
}

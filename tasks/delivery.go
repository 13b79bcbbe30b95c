package tasks

import (
	"context"
	"errors"
	"fmt"

	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/classify"
	"github.com/wxrollout/wxrollout/tasks/queue"
)

// An assignment goes on at the next stage of the same queue: preflight, commit and check are one
// assignment, submit and verdict another. That spares a target most of its passes through the queue,
// which cost more than the calls between them.

// goesOnWithin is the part of an assignment's time after which it does not go on: the calls of the
// next stage need the rest.
const goesOnWithin = 4

// delivery is one delivery of an assignment, at one stage after the other.
type delivery struct {
	*run
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
	stage := stageOf(d.run)
	if !d.status.Moves(d.assignment.Stage) {
		switch {
		case d.t.Intent == nil:
			return d.facts().Unbegun("the rollout is " + string(d.status))
		case d.status == rollout.StatusAborted:
			stage = readBack{d.run, d.h.wx, d.h.actor(d.run)}
		} // else the ledger lets no call with effect begin
	}
	if d.t.Intent == nil && d.outage(ctx) {
		return d.facts().Unbegun(classify.OutageNote)
	}
	var err error
	if d.parsedPlan, err = d.h.readPlan(ctx, d.assignment.Rollout, d.t.Revision); err != nil {
		return stage.failed(ctx, fmt.Errorf("read the plan: %w", err))
	}
	if by, ok := d.superseded(); ok && d.t.Intent == nil {
		return rollout.Skipped{At: d.now(), Note: by.Words()}
	}
	timed, cancel := d.deadline.bound(ctx)
	defer cancel()
	if event, err = stage.act(timed); err != nil {
		event = stage.failed(ctx, err)
	} else {
		d.h.breaker.Passed(d.assignment.Stage)
	}
	return d.facts().Bounded(event, d.plan.Deadline)
}

// outage reports whether the stage was closed for an outage since this assignment was given. While
// WeChat answers, it reads no pool.
func (d delivery) outage(ctx context.Context) bool {
	stage := d.assignment.Stage
	if stage == rollout.StageSubmit || d.assignment.Permit { // a permit of another stage is the probe
		return false
	}
	suspect := len(d.t.Tries) > 0 || d.h.breaker.Suspects(stage)
	return suspect && d.h.permits.ClosedFor(ctx, stage) == classify.ReasonOutage
}

// goesOn reports whether the assignment has a next stage after an event. While the calls of that
// stage need permits, the controller decides which app goes first.
func (d delivery) goesOn(ctx context.Context, event rollout.Event) bool {
	next, more := d.assignment.Stage.Next()
	if _, done := event.(rollout.Advanced); !done || !more || next.QueueName() != d.assignment.Stage.QueueName() {
		return false
	}
	if d.assignment.Permit && d.assignment.Stage != rollout.StageSubmit {
		return false // the one probe of a closed pool
	}
	total := d.h.timing.Assignment
	return ctx.Err() == nil && d.deadline.sub(d.h.now()) >= total-total/goesOnWithin && d.h.permits.Open(ctx, next)
}

// pass ends a stage and takes the assignment to the next one. It is not ok if the assignment was lost,
// which is no error, or Redis was unreachable. Only the result of a submission is stored at once: after
// a crash before the next save the stage runs again, which reads, or reads its intent back.
func (d delivery) pass(ctx context.Context, done rollout.Advanced) (ok bool, err error) {
	done.Keep = true
	if d.assignment.Stage == rollout.StageSubmit {
		if ok, err := d.end(ctx, done); !ok {
			return false, err
		}
		d.assignment.Permit = false // settled
	} else if err := d.step(done); err != nil {
		return false, err
	}
	d.enter()
	return true, nil
}

// enter begins the stage of the target.
func (r *run) enter() {
	if r.assignment.Stage != r.t.Stage { // another delivery of an assignment that went on
		r.assignment.Stage, r.assignment.Permit = r.t.Stage, false
	}
	r.from, r.permit = r.t, permit{}
	r.log = r.h.log.With().Str("rollout", r.assignment.Rollout).Str("target", r.assignment.AppID).Str("stage", string(r.assignment.Stage)).
		Int("attempt", r.t.Attempt).Logger()
}

// conclude ends the assignment with an event.
func (d delivery) conclude(ctx context.Context, event rollout.Event) error {
	ok, err := d.end(ctx, event)
	if !ok {
		return err
	}
	if f, ok := event.(rollout.Finished); ok && f.End == rollout.StateReleased {
		d.saw(ctx, Seen{Live: d.plan.Template.Version})
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
	ctx, cancel := d.h.now().add(d.h.timing.Lease - d.h.timing.Assignment).bound(context.WithoutCancel(ctx))
	defer cancel()
	if event != nil {
		if err = d.step(event); err == nil {
			err = d.save(ctx, false)
		}
	}
	d.settle(ctx, event)
	if event == nil || errors.As(err, new(*rollout.StaleError)) {
		d.h.dropped(d.assignment.Stage, "lost")
		d.log.Warn().Int64("fence", d.assignment.Fence).Msg("assignment lost to another worker")
		return false, nil
	}
	if err != nil {
		d.log.Error().Err(err).Str("event", event.Kind()).Msg("outcome not stored; the target is read back when its lease ends")
		return false, err
	}
	return true, nil
}

// ending is the end of a stage.
type ending struct {
	from, to rollout.Target
	event    rollout.Event
	log      zerolog.Logger
}

// step makes the event that ends a stage part of the target without saving it.
func (d delivery) step(e rollout.Event) error {
	if err := d.apply(e); err != nil {
		return err
	}
	d.ended = append(d.ended, ending{from: d.from, to: d.t, event: e, log: d.log})
	return nil
}

// report passes the ends that were just stored to the hook and the log. The last one is as the store
// returned it.
func (r *run) report() {
	for i, e := range r.ended {
		if i == len(r.ended)-1 && e.to.Stage == r.t.Stage {
			e.to = r.t
		}
		if r.h.hooks.Transition != nil {
			r.h.hooks.Transition(e.from, e.event.Kind(), e.to)
		}
		e.write()
	}
	r.ended = r.ended[:0]
}

// write is the one log line of a stage.
func (e ending) write() {
	level := zerolog.InfoLevel
	switch e.event.(type) {
	case rollout.Failed, rollout.Rejected:
		level = zerolog.WarnLevel
	case rollout.Yielded, rollout.Stalled, rollout.Waited:
		level = zerolog.DebugLevel
	}
	line := e.log.WithLevel(level).Str("event", e.event.Kind()).Str("state", string(e.to.State))
	if e.to.Reason != "" {
		line = line.Str("reason", string(e.to.Reason))
	}
	if last := e.to.LastError; last != nil {
		line = line.Str("class", last.Class).Int64("errcode", last.Code).Str("rid", last.RID).Str("last_error", last.Text)
	}
	line.Msg("assignment ended")
}

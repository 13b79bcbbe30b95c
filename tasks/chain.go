package tasks

import (
	"context"

	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/rollout"
)

// An assignment goes on at the next stage if that is of the same queue: preflight, commit
// and check are one assignment, submit and verdict another. That spares a target most of
// its ways through the queue, which cost more than the calls between them.

// goesOnWithin is the part of an assignment's time after which it doesn't go on: the next
// stage's calls need the rest.
const goesOnWithin = 4

// goesOn tells whether the assignment has a next stage after an event. While calls of that
// stage need permits, the controller decides who goes first.
func (r *run) goesOn(ctx context.Context, event rollout.Event) bool {
	next, more := r.assignment.Stage.Next()
	if _, done := event.(rollout.Advanced); !done || !more || next.QueueName() != r.assignment.Stage.QueueName() {
		return false
	}
	if r.assignment.Permit && r.assignment.Stage != rollout.StageSubmit {
		return false // the one probe of a closed pool
	}
	return ctx.Err() == nil && r.deadline.Sub(r.Handler.now()) >= r.timing.Assignment-r.timing.Assignment/goesOnWithin && r.permits.Open(ctx, next)
}

// pass ends a stage and takes the assignment to the next one. It isn't ok if the assignment was
// lost, which is no error, or Redis could not be reached. Only what a submission
// did is stored at once: a crash before the next save makes the stage again, which
// reads, or reads its intent back.
func (r *run) pass(ctx context.Context, done rollout.Advanced) (ok bool, err error) {
	done.Keep = true
	if r.assignment.Stage == rollout.StageSubmit {
		if ok, err := r.end(ctx, done); !ok {
			return false, err
		}
		r.assignment.Permit = false // settled
	} else if err := r.step(done); err != nil {
		return false, err
	}
	r.enter()
	return true, nil
}

// enter begins the stage where the target stands.
func (r *run) enter() {
	if r.assignment.Stage != r.t.Stage { // another delivery of an assignment that went on
		r.assignment.Stage, r.assignment.Permit = r.t.Stage, false
	}
	r.from, r.use, r.denied, r.lost, r.opening, r.refusedProbe = r.t, "", false, false, 0, false
	r.log = r.Handler.log.With().Str("rollout", r.assignment.Rollout).Str("target", r.assignment.AppID).Str("stage", string(r.assignment.Stage)).
		Int("attempt", r.t.Attempt).Logger()
}

// ending is how a stage ended.
type ending struct {
	from, to rollout.Target
	event    rollout.Event
	log      zerolog.Logger
}

// step makes the event that ends a stage part of the target without saving it yet.
func (r *run) step(e rollout.Event) error {
	if err := r.apply(e); err != nil {
		return err
	}
	r.ended = append(r.ended, ending{from: r.from, to: r.t, event: e, log: r.log})
	return nil
}

// tell reports the ends that were just stored. The last one is as the store has it.
func (r *run) tell() {
	for i, e := range r.ended {
		if i == len(r.ended)-1 && e.to.Stage == r.t.Stage {
			e.to = r.t
		}
		if r.hooks.Transition != nil {
			r.hooks.Transition(e.from, e.event.Kind(), e.to)
		}
		e.report()
	}
	r.ended = r.ended[:0]
}

// report writes the one log line of a stage.
func (e ending) report() {
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
	if tr := e.to.LastError; tr != nil {
		line = line.Str("class", tr.Class).Int64("errcode", tr.Code).Str("rid", tr.RID).Str("last_error", tr.Text)
	}
	line.Msg("assignment ended")
}

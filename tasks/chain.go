package tasks

import (
	"context"

	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/rollout"
)

// A turn goes on at the next stage if that is of the same lane: preflight, commit
// and check are one turn, submit and verdict another. That spares a target most of
// its ways through the queue, which cost more than the calls between them.

// goesOnWithin is the part of a turn's time after which it doesn't go on: the next
// stage's calls need the rest.
const goesOnWithin = 4

// goesOn tells whether the turn has a next stage after an event. While calls of that
// stage need permits, the conductor decides who goes first.
func (r *run) goesOn(ctx context.Context, event rollout.Event) bool {
	next, more := r.turn.Stage.Next()
	if _, done := event.(rollout.Advanced); !done || !more || next.Lane() != r.turn.Stage.Lane() {
		return false
	}
	if r.turn.Permit && r.turn.Stage != rollout.StageSubmit {
		return false // the one probe of a closed pool
	}
	return ctx.Err() == nil && r.deadline.Sub(r.Handler.now()) >= r.timing.Turn-r.timing.Turn/goesOnWithin && r.permits.Open(ctx, next)
}

// pass ends a stage and takes the turn to the next one. It isn't ok if the turn was
// lost, which is no error, or Redis could not be reached. Only what a submission
// did is stored at once: a crash before the next save makes the stage again, which
// reads, or reads its intent back.
func (r *run) pass(ctx context.Context, done rollout.Advanced) (ok bool, err error) {
	done.Keep = true
	if r.turn.Stage == rollout.StageSubmit {
		if ok, err := r.end(ctx, done); !ok {
			return false, err
		}
		r.turn.Permit = false // settled
	} else if err := r.step(done); err != nil {
		return false, err
	}
	r.enter()
	return true, nil
}

// enter begins the stage where the target stands.
func (r *run) enter() {
	if r.turn.Stage != r.t.Stage { // another delivery of a turn that went on
		r.turn.Stage, r.turn.Permit = r.t.Stage, false
	}
	r.from, r.use, r.denied, r.lost, r.opening, r.refusedProbe = r.t, "", false, false, 0, false
	r.log = r.Handler.log.With().Str("rollout", r.turn.Rollout).Str("target", r.turn.AppID).Str("stage", string(r.turn.Stage)).
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
	if tr := e.to.Trouble; tr != nil {
		line = line.Str("class", tr.Class).Int64("errcode", tr.Code).Str("rid", tr.RID).Str("trouble", tr.Text)
	}
	line.Msg("turn ended")
}

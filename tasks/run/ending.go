package run

import (
	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/rollout"
)

// Enter begins the stage of the target.
func (r *Run) Enter() {
	if r.Assignment.Stage != r.Target.Stage { // another delivery of an assignment that went on
		r.Assignment.Stage, r.Assignment.Permit = r.Target.Stage, false
	}
	r.from, r.Permit = r.Target, Permit{}
	r.Log = r.Env.Log.With().Str("rollout", r.Assignment.Rollout).Str("target", r.Assignment.AppID).Str("stage", string(r.Assignment.Stage)).
		Int("attempt", r.Target.Attempt).Logger()
}

// ending is the end of a stage.
type ending struct {
	from, to rollout.Target
	event    rollout.Event
	log      zerolog.Logger
}

// Step makes the event that ends a stage part of the target without saving it.
func (r *Run) Step(e rollout.Event) error {
	if err := r.Apply(e); err != nil {
		return err
	}
	r.ended = append(r.ended, ending{from: r.from, to: r.Target, event: e, log: r.Log})
	return nil
}

// report passes the ends that were just stored to the hook and the log. The last one is as the store
// returned it.
func (r *Run) report() {
	for i, e := range r.ended {
		if i == len(r.ended)-1 && e.to.Stage == r.Target.Stage {
			e.to = r.Target
		}
		if r.Hooks.Transition != nil {
			r.Hooks.Transition(e.from, e.event.Kind(), e.to)
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

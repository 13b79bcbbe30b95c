package tasks

import (
	"fmt"
	"runtime/debug"

	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/classify"
)

// panicLimit is the number of panics at one stage at which a target fails.
const panicLimit = 3

// panicked ends an assignment whose handler panicked: the target waits and is tried again until it
// fails at panicLimit. Events that were not stored are dropped, so that an open intent is read back.
func (d delivery) panicked(value any) rollout.Event {
	r := d.run
	r.log.Error().Str("panic", classify.Clip(fmt.Sprint(value))).Bytes("stack", debug.Stack()).Int("times", r.t.Panics+1).Msg("handler panicked")
	if r.stored != nil {
		r.t, r.stored, r.ended = *r.stored, nil, r.ended[:0]
	}
	r.enter()
	if in := r.t.Intent; in != nil && in.Op == rollout.OpSubmit && r.assignment.Permit {
		r.permit.use = ratelimit.Doubtful
	}
	lastError := rollout.LastError{
		Stage: r.assignment.Stage, Class: rollout.ClassPanic, At: r.now(), Text: classify.Clip(fmt.Sprintf("the handler panicked: %v", value)),
	}
	switch n := r.t.Panics + 1; {
	case n < panicLimit:
		return r.wait(rollout.ReasonBusy, r.h.timing.BusyPark, lastError)
	case d.status == rollout.StatusAborted && r.assignment.Stage != rollout.StageUndo:
		return rollout.Aborted{At: r.now(), Holder: true, LastError: &lastError, Note: lastError.Text}
	default:
		lastError.Text = classify.Clip(fmt.Sprintf("the handler panicked %d times: %v", n, value))
		return r.facts().Failed(lastError)
	}
}

// caught turns a panic while an outcome is stored into an error; the lease brings the target back.
func (r *run) caught(value any) error {
	r.log.Error().Str("panic", classify.Clip(fmt.Sprint(value))).Bytes("stack", debug.Stack()).Msg("handler panicked while it stored an outcome")
	return fmt.Errorf("handler panicked while it stored an outcome: %v", value)
}

package tasks

import (
	"fmt"
	"runtime/debug"

	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/classify"
	"github.com/wxrollout/wxrollout/tasks/run"
)

// panicLimit is the number of panics at one stage at which a target fails.
const panicLimit = 3

// panicked ends an assignment whose handler panicked: the target waits and is tried again until it
// fails at panicLimit. Events that were not stored are dropped, so that an open intent is read back.
func (d delivery) panicked(value any) rollout.Event {
	r := d.Run
	r.Log.Error().Str("panic", classify.Clip(fmt.Sprint(value))).Bytes("stack", debug.Stack()).Int("times", r.Target.Panics+1).Msg("handler panicked")
	r.Forget()
	r.Enter()
	if in := r.Target.Intent; in != nil && in.Op == rollout.OpSubmit && r.Assignment.Permit {
		r.Permit.Use = ratelimit.Doubtful
	}
	lastError := rollout.LastError{
		Stage: r.Assignment.Stage, Class: rollout.ClassPanic, At: r.Now(), Text: classify.Clip(fmt.Sprintf("the handler panicked: %v", value)),
	}
	switch n := r.Target.Panics + 1; {
	case n < panicLimit:
		return r.Wait(rollout.ReasonBusy, r.Timing.BusyPark, lastError)
	case d.status == rollout.StatusAborted && r.Assignment.Stage != rollout.StageUndo:
		return rollout.Aborted{At: r.Now(), Holder: true, LastError: &lastError, Note: lastError.Text}
	default:
		lastError.Text = classify.Clip(fmt.Sprintf("the handler panicked %d times: %v", n, value))
		return r.Facts().Failed(lastError)
	}
}

// caught turns a panic while an outcome is stored into an error; the lease brings the target back.
func caught(r *run.Run, value any) error {
	r.Log.Error().Str("panic", classify.Clip(fmt.Sprint(value))).Bytes("stack", debug.Stack()).Msg("handler panicked while it stored an outcome")
	return fmt.Errorf("handler panicked while it stored an outcome: %v", value)
}

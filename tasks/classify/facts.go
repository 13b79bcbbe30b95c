package classify

import (
	"errors"
	"fmt"
	"time"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient/errcode"
)

// Facts are what an outcome depends on besides the error.
type Facts struct {
	Assignment rollout.Assignment
	// Target includes the events of this assignment so far.
	Target rollout.Target
	// Now is on the clock of Redis, as all times of a target are.
	Now   time.Time
	Waits Waits
	// Stopping is set when the worker stops: its calls fail for that reason alone.
	Stopping bool
	// Closed is why the pool of the stage is closed; "" if it is open. Only an error of [ScopeStage]
	// needs it.
	Closed string
	// Broken is set when too many apps in a row got no answer from the endpoint of the error.
	Broken bool
}

// LastError describes an error for the ledger.
func (f Facts) LastError(err error) rollout.LastError {
	t := rollout.LastError{Stage: f.Assignment.Stage, Text: Clip(err.Error()), At: f.Now}
	var api *errcode.Error
	if errors.As(err, &api) {
		t.Class, t.Code, t.RID = string(api.Class), api.Code, api.RID
	}
	return t
}

// Retry is the command that tries this target again.
func (f Facts) Retry(flags string) string {
	cmd := "enqueue retry " + f.Assignment.Rollout + " --app " + f.Assignment.AppID
	if flags != "" {
		cmd += " " + flags
	}
	return cmd
}

// Failed fails the target.
func (f Facts) Failed(lastError rollout.LastError) rollout.Event {
	return rollout.Failed{At: f.Now, LastError: lastError}
}

// Unbegun gives the assignment back without a call.
func (f Facts) Unbegun(why string) rollout.Event {
	return rollout.Yielded{At: f.Now, Note: why}
}

// Wait parks for a reason, and counts it as the reason's own cause.
func (f Facts) Wait(reason rollout.Reason, d time.Duration, lastError rollout.LastError) Outcome {
	return f.WaitFor("", reason, d, lastError)
}

// WaitFor parks for a reason, and counts it for a cause.
func (f Facts) WaitFor(cause rollout.Cause, reason rollout.Reason, d time.Duration, lastError rollout.LastError) Outcome {
	return Outcome{
		Event:  rollout.Waited{At: f.Now, Reason: reason, For: d, Note: lastError.Text, LastError: &lastError, Cause: cause},
		Spread: fifth(d),
	}
}

// Growing is a wait that is three times as long after each try for a cause.
func (f Facts) Growing(c rollout.Cause, first time.Duration) time.Duration {
	return tripled(first, f.Target.Tries[c])
}

// Unread waits and reads again: a reply does not show what is there. Nothing is written meanwhile.
func (f Facts) Unread(what string) rollout.Event {
	reason := rollout.ReasonExternal
	if f.Target.Intent != nil {
		reason = rollout.ReasonUnknown
	}
	lastError := rollout.LastError{Stage: f.Assignment.Stage, Class: rollout.ClassUnread, At: f.Now, Text: "WeChat's reply does not show " + what}
	return rollout.Waited{
		At: f.Now, Reason: reason, For: f.Growing(rollout.CauseUnread, f.Waits.Settle), Note: lastError.Text,
		Cause: rollout.CauseUnread, LastError: &lastError,
	}
}

// readLater returns back, the end of an assignment that WeChat refused to everyone, unless a call of
// unknown outcome is still to be read back: then the target waits, at least as long as the refusal
// asks for, and the wait is counted. No closed stage or pause holds a read-back, so that it would
// return at once.
func (f Facts) readLater(least time.Duration, lastError rollout.LastError, back rollout.Event) rollout.Event {
	if f.Target.Intent == nil {
		return back
	}
	return rollout.Waited{
		At: f.Now, Reason: rollout.ReasonUnknown, For: max(least, f.Growing(rollout.CauseUnread, f.Waits.Settle)), Note: lastError.Text,
		Cause: rollout.CauseUnread, LastError: &lastError,
	}
}

// NotShown waits before it reads back a write that WeChat accepted and does not show. The intent is
// open.
func (f Facts) NotShown(text string) rollout.Event {
	return rollout.Waited{
		At: f.Now, Reason: rollout.ReasonUnknown, For: f.Growing(rollout.CauseUnshown, f.Waits.Settle), Note: text,
		LastError: &rollout.LastError{Stage: f.Assignment.Stage, Class: rollout.ClassUnshown, Text: text, At: f.Now},
	}
}

// Contradicted waits and tries again a few times: WeChat refused a write for a state that the reads
// deny. text states both sides; next is what helps if they never agree.
func (f Facts) Contradicted(refused error, text, next string) rollout.Event {
	lastError := f.LastError(refused)
	lastError.Text, lastError.Next = Clip(text+": "+lastError.Text), next
	return rollout.Waited{
		At: f.Now, Reason: rollout.ReasonExternal, For: f.Growing(rollout.CauseContradicted, f.Waits.Settle), Note: text,
		Cause: rollout.CauseContradicted, LastError: &lastError,
	}
}

// TooSoon waits until a read-back that found nothing may be believed; nil if it may be now.
func (f Facts) TooSoon() rollout.Event {
	op := f.Target.Intent
	left := f.Growing(rollout.CauseUnshown, f.Waits.Settle) - f.Now.Sub(op.At)
	if left <= 0 {
		return nil
	}
	return rollout.Waited{
		At: f.Now, Reason: rollout.ReasonUnknown, For: left, Again: true, LastError: f.Target.LastError,
		Note: fmt.Sprintf("the outcome of %s is unknown; reads it back", op),
	}
}

// Denied fails a target whose write op had no effect once more; nil if it may be repeated. last is
// the target's error from before.
func (f Facts) Denied(op *rollout.Intent, last *rollout.LastError) rollout.Event {
	over := f.Target.Repeatable(f.Now)
	if over == nil {
		return nil
	}
	lastError := rollout.LastError{Stage: f.Assignment.Stage, Class: rollout.ClassUnshown, At: f.Now, Text: op.String() + " shows no effect at WeChat"}
	if op.Op == rollout.OpRelease {
		lastError.Next = CompareLive + f.Retry("")
	}
	if last != nil {
		lastError.Code, lastError.RID = last.Code, last.RID
		lastError.Text += "; the last answer: " + last.Text
	}
	return f.gaveUp(*over, lastError)
}

// CompareLive is the next step when WeChat's answers about the live version disagree; a command
// follows.
const CompareLive = "compare the live version at mp.weixin.qq.com and release there; then "

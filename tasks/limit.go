package tasks

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient"
)

// bounded applies the one rule that ends repeats and waits: a target that has tried or waited
// enough fails with the last reply and the next step.
func (r *run) bounded(e rollout.Event) rollout.Event {
	e, over := rollout.Bound(r.t, e, r.plan.Deadline)
	if over == nil {
		return e
	}
	lastError := rollout.LastError{Stage: r.assignment.Stage, Class: "deadline", At: r.now()}
	switch e := e.(type) {
	case rollout.Stalled:
		lastError = e.LastError
	case rollout.Waited:
		if e.LastError != nil {
			lastError = *e.LastError
		} else {
			lastError.Text = "the target still waits: " + string(e.Reason)
		}
	}
	return r.gaveUp(*over, lastError)
}

// gaveUp fails the target at a limit.
func (r *run) gaveUp(over rollout.Over, lastError rollout.LastError) rollout.Event {
	lastError.Text = clip(over.String() + ": " + lastError.Text)
	if lastError.Next == "" {
		lastError.Next = r.next(over)
	}
	return r.failed(lastError)
}

// next is the one step that helps at a limit.
func (r *run) next(over rollout.Over) string {
	retry := r.retry("")
	switch over.Key {
	case "verdict":
		return "ask WeChat about the audit, or withdraw it at mp.weixin.qq.com; then " + retry
	case "merchant":
		return "ask the merchant once more; then " + retry
	case "check":
		return r.retry("--recommit")
	case "submit":
		return "find out at mp.weixin.qq.com which audit goes on, and end it; then " + retry
	}
	switch over.Cause {
	case rollout.CauseToken:
		return "look for another system that renews this app's tokens, see docs/token-broker.md; then " + retry
	case rollout.CauseUnlisted:
		return "look the reply up at WeChat, with its rid; then " + retry
	case rollout.CauseQuota:
		return "ask WeChat with the rid why it refuses this app alone for lack of quota while the platform has some; then " + retry
	case rollout.CauseThrottle:
		return "wait until the limit of this app ends; then " + retry
	case rollout.CauseUnshown, rollout.CauseUnread, rollout.CauseContradicted:
		return "compare the app at mp.weixin.qq.com; then " + retry
	default:
		return "ask WeChat with the rid why it does not answer for this app; then " + retry
	}
}

// retry is the command that tries this target once more.
func (r *run) retry(flags string) string {
	cmd := "enqueue retry " + r.assignment.Rollout + " --app " + r.assignment.AppID
	if flags != "" {
		cmd += " " + flags
	}
	return cmd
}

// growLimit bounds a wait that grows with each try.
const growLimit = time.Hour

// growing is a wait that is three times as long after each try for a cause.
func (r *run) growing(c rollout.Cause, first time.Duration) time.Duration {
	d := first
	for range r.t.Tries[c] {
		if d *= 3; d >= growLimit {
			return max(first, growLimit)
		}
	}
	return d
}

// unread waits and reads again: a reply does not say what is there. Nothing is written meanwhile.
func (r *run) unread(what string) rollout.Event {
	reason := rollout.ReasonExternal
	if r.t.Intent != nil {
		reason = rollout.ReasonUnknown
	}
	lastError := rollout.LastError{Stage: r.assignment.Stage, Class: rollout.ClassUnread, At: r.now(), Text: "WeChat's reply does not tell " + what}
	return rollout.Waited{
		At: r.now(), Reason: reason, For: r.growing(rollout.CauseUnread, r.timing.Settle), Note: lastError.Text,
		Cause: rollout.CauseUnread, LastError: &lastError,
	}
}

// readLater gives an assignment back that WeChat refused to everyone. One that reads back a call of
// unknown outcome waits, and is counted: no closed stage or pause holds it, so that it would come
// again at once. least is the wait that the refusal asks for.
func (r *run) readLater(least time.Duration, lastError rollout.LastError, back rollout.Event) rollout.Event {
	if r.t.Intent == nil {
		return back
	}
	return rollout.Waited{
		At: r.now(), Reason: rollout.ReasonUnknown, For: max(least, r.growing(rollout.CauseUnread, r.timing.Settle)), Note: lastError.Text,
		Cause: rollout.CauseUnread, LastError: &lastError,
	}
}

// notShown waits before a write is read back that WeChat took and does not show. Its intent is open.
func (r *run) notShown(text string) rollout.Event {
	return rollout.Waited{
		At: r.now(), Reason: rollout.ReasonUnknown, For: r.growing(rollout.CauseUnshown, r.timing.Settle), Note: text,
		LastError: &rollout.LastError{Stage: r.assignment.Stage, Class: rollout.ClassUnshown, Text: text, At: r.now()},
	}
}

// contradicted waits and tries again a few times: WeChat refused a write for a state that the reads
// deny. text says both sides, next what helps if they never agree.
func (r *run) contradicted(refused error, text, next string) rollout.Event {
	lastError := r.lastError(refused)
	lastError.Text, lastError.Next = clip(text+": "+lastError.Text), next
	return rollout.Waited{
		At: r.now(), Reason: rollout.ReasonExternal, For: r.growing(rollout.CauseContradicted, r.timing.Settle), Note: text,
		Cause: rollout.CauseContradicted, LastError: &lastError,
	}
}

// unresolved is a read-back that found nothing, too soon after the call to be
// believed: nil if the intent is old enough, and then cleared and counted. A write that was denied
// too often ends the target.
func (r *run) unresolved() (rollout.Event, error) {
	if r.t.Intent == nil {
		return nil, nil
	}
	op := r.t.Intent
	if left := r.growing(rollout.CauseUnshown, r.timing.Settle) - r.now().Sub(op.At); left > 0 {
		return rollout.Waited{
			At: r.now(), Reason: rollout.ReasonUnknown, For: left, Again: true, LastError: r.t.LastError,
			Note: fmt.Sprintf("the outcome of %s is unknown; reads it back", op),
		}, nil
	}
	last := r.t.LastError
	if err := r.apply(rollout.Resolved{At: r.now(), Note: "read back: it had not taken effect", Denied: true}); err != nil {
		return nil, err
	}
	r.denied = op.Op == rollout.OpSubmit
	over := r.t.Repeatable(r.now())
	if over == nil {
		return nil, nil
	}
	lastError := rollout.LastError{Stage: r.assignment.Stage, Class: rollout.ClassUnshown, At: r.now(), Text: op.String() + " shows no effect at WeChat"}
	if op.Op == rollout.OpRelease {
		lastError.Next = compareLive + r.retry("")
	}
	if last != nil {
		lastError.Code, lastError.RID = last.Code, last.RID
		lastError.Text += "; the last answer: " + last.Text
	}
	return r.gaveUp(*over, lastError), nil
}

// refusedWrite is WeChat's refusal of a write: it certainly had no effect.
type refusedWrite struct{ err error }

func (e *refusedWrite) Error() string { return e.err.Error() }
func (e *refusedWrite) Unwrap() error { return e.err }

// wrote tells whether an error is the refusal of a write.
func wrote(err error) bool { return errors.As(err, new(*refusedWrite)) }

// busyCause is what a busy reply counts for.
func busyCause(err error) rollout.Cause {
	if api := (*wxclient.Error)(nil); errors.As(err, &api) && api.Code == -1 && api.Endpoint == "/wxa/submit_audit" {
		return rollout.CauseSubmitBusy
	}
	return rollout.CauseBusy
}

// busy tries again in the queue after a jittered delay; a target that stays busy is parked.
func (r *run) busy(err error, lastError rollout.LastError) rollout.Event {
	cause := busyCause(err)
	n := r.t.Tries[cause]
	if n >= r.timing.BusyTries {
		return r.waitFor(cause, rollout.ReasonBusy, r.timing.BusyPark, lastError)
	}
	delay := r.jitter(func(rnd *rand.Rand) time.Duration { return r.timing.Busy.Delay(n, rnd) })
	return rollout.Stalled{At: r.now(), For: delay, LastError: lastError, Cause: cause}
}

// refusedToken tries once more at once, then less and less often: each try costs renewals, and
// spends a call twice.
func (r *run) refusedToken(lastError rollout.LastError) rollout.Event {
	if r.t.Tries[rollout.CauseToken] == 0 {
		delay := r.jitter(func(rnd *rand.Rand) time.Duration { return r.timing.Busy.Delay(0, rnd) })
		return rollout.Stalled{At: r.now(), For: delay, LastError: lastError, Cause: rollout.CauseToken}
	}
	return r.waitFor(rollout.CauseToken, rollout.ReasonBusy, r.growing(rollout.CauseToken, r.timing.BusyPark), lastError)
}

// wait parks for a reason, and counts it as the reason's own cause.
func (r *run) wait(reason rollout.Reason, d time.Duration, lastError rollout.LastError) rollout.Event {
	return r.waitFor("", reason, d, lastError)
}

func (r *run) waitFor(cause rollout.Cause, reason rollout.Reason, d time.Duration, lastError rollout.LastError) rollout.Event {
	d = r.jitter(func(rnd *rand.Rand) time.Duration { return spread(d, rnd) })
	return rollout.Waited{At: r.now(), Reason: reason, For: d, Note: lastError.Text, LastError: &lastError, Cause: cause}
}

// beijing is WeChat's zone: its daily limits begin again at 00:00 (documented for withdrawals),
// those of a month presumably on the first.
var beijing = time.FixedZone("UTC+8", 8*60*60)

// untilTomorrow is how long a limit of the day lasts.
func untilTomorrow(now time.Time) time.Duration {
	y, m, d := now.In(beijing).Date()
	return wholeSeconds(time.Date(y, m, d+1, 0, 0, 0, 0, beijing).Sub(now))
}

// untilNextMonth is how long a limit of the month lasts.
func untilNextMonth(now time.Time) time.Duration {
	y, m, _ := now.In(beijing).Date()
	return wholeSeconds(time.Date(y, m+1, 1, 0, 0, 0, 0, beijing).Sub(now))
}

package classify

import (
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient/errcode"
)

// Bounded applies the one rule that ends repeats and waits: a target that has tried or waited enough
// fails with the last reply and the next step. deadline is the plan's.
func (f Facts) Bounded(e rollout.Event, deadline rollout.Deadlines) rollout.Event {
	e, over := rollout.Bound(f.Target, e, deadline)
	if over == nil {
		return e
	}
	lastError := rollout.LastError{Stage: f.Assignment.Stage, Class: "deadline", At: f.Now}
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
	return f.gaveUp(*over, lastError)
}

// gaveUp fails the target at a limit.
func (f Facts) gaveUp(over rollout.Over, lastError rollout.LastError) rollout.Event {
	lastError.Text = Clip(over.String() + ": " + lastError.Text)
	if lastError.Next == "" {
		lastError.Next = f.next(over, lastError)
	}
	return f.Failed(lastError)
}

// next is the one step that helps at a limit.
func (f Facts) next(over rollout.Over, lastError rollout.LastError) string {
	retry := f.Retry("")
	switch over.Key {
	case "verdict":
		return "ask WeChat about the audit, or withdraw it at mp.weixin.qq.com; then " + retry
	case "merchant":
		return "ask the merchant once more; then " + retry
	case "check":
		return f.Retry("--recommit")
	case "submit":
		return "find out at mp.weixin.qq.com which audit goes on, and end it; then " + retry
	}
	if lastError.Class == rollout.ClassUnread {
		return "compare the app at mp.weixin.qq.com; if nothing is wrong there, report the reply as a defect of this program; then " + retry
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
	case rollout.CauseRefused, rollout.CauseExternal: // WeChat did answer
		if _, next := errcode.AdviceFor(lastError.Code, "", lastError.Text); next != "" {
			return next + "; then " + retry
		}
		return "compare the app at mp.weixin.qq.com; then " + retry
	case rollout.CauseUnshown, rollout.CauseUnread, rollout.CauseContradicted:
		return "compare the app at mp.weixin.qq.com; then " + retry
	default:
		return "ask WeChat with the rid why it does not answer for this app; then " + retry
	}
}

package rollout

import (
	"fmt"
	"slices"
	"time"
)

// IllegalError reports an event that doesn't apply to a target in its present state: a bug, or an
// event that came too late. Nothing was changed.
type IllegalError struct {
	Rollout, AppID string
	Stage          Stage
	State          State
	Event          string
	Why            string
}

func (e *IllegalError) Error() string {
	return fmt.Sprintf("rollout %s, app %s: event %s is not allowed at %s/%s: %s",
		e.Rollout, e.AppID, e.Event, e.Stage, e.State, e.Why)
}

// Step is the target's state machine: it returns the target after the event. The caller stores the
// result if the stored version is still t's. An event that doesn't apply is an *IllegalError.
func Step(t Target, e Event) (Target, error) {
	next, why := t, notRunning
	next.Wait = 0
	if t.State == StateRunning || !ofHandler(e) {
		why = e.apply(&next)
	}
	if why != "" {
		return t, &IllegalError{Rollout: t.Rollout, AppID: t.AppID, Stage: t.Stage, State: t.State, Event: e.Kind(), Why: why}
	}
	return next, nil
}

const notRunning = "only a running target can take it"

// ofHandler reports whether only the handler that holds the assignment causes such events.
func ofHandler(e Event) bool {
	switch e.(type) {
	case Woken, Retried, Undo, Skipped, Aborted:
		return false
	default:
		return true
	}
}

// opStages are the stages whose handlers make a call of this kind.
var opStages = map[Op][]Stage{
	OpCommit: {StageCommit}, OpSubmit: {StageSubmit}, OpRelease: {StageRelease},
	OpConfigure: {StageCommit, StageCheck, StageRelease},
	OpUndo:      {StageSubmit, StageUndo}, OpRevert: {StageUndo}, OpRevertGray: {StageUndo},
}

func (e Intended) apply(t *Target) string {
	switch {
	case !slices.Contains(opStages[e.Op], t.Stage):
		return fmt.Sprintf("%s is not this stage's call", e.Op)
	case t.Intent != nil:
		return fmt.Sprintf("the %s of %s is still unknown: read it back first", t.Intent, t.Intent.At.Format(time.RFC3339))
	}
	t.Intent = &Intent{Op: e.Op, At: e.At, What: e.What}
	return ""
}

func (e Resolved) apply(t *Target) string {
	if t.Intent == nil {
		return "nothing is unknown without an intent"
	}
	if e.Note != "" {
		t.note(Entry{At: e.At, Stage: t.Stage, What: t.Intent.String(), Note: e.Note})
	}
	if e.Denied {
		t.count(CauseUnshown)
	}
	t.Intent = nil
	return ""
}

func (e Advanced) apply(t *Target) string {
	next, ok := t.Stage.Next()
	switch {
	case !ok:
		return "this stage has no next one: finish it"
	case t.Stage == StageSubmit && e.AuditID == 0:
		return "a submission without an audit id can't be followed"
	case e.Keep && next.QueueName() != t.Stage.QueueName():
		return "an assignment ends with its queue"
	}
	switch t.Stage {
	case StageSubmit:
		t.submitted(e.AuditID)
	case StageVerdict:
		t.Spent.Approved++
	}
	t.note(Entry{At: e.At, Stage: t.Stage, What: "done", Note: e.Note})
	t.enter(next, e.At)
	if e.Keep {
		t.State, t.Reason = StateRunning, ReasonActing
	}
	return ""
}

// pend makes the target pending, to be read back if it has a call of unknown outcome.
func (t *Target) pend() {
	t.State, t.Reason = StatePending, ""
	if t.Intent != nil {
		t.Reason = ReasonUnknown
	}
}

// enter makes the target pending at a stage and clears the records of the stage before.
func (t *Target) enter(s Stage, at time.Time) {
	t.Stage, t.State, t.Reason, t.Since = s, StatePending, "", at
	t.Intent, t.LastError = nil, nil
	t.Polls, t.Panics, t.Tries, t.Waits = 0, 0, nil, Waits{}
}

func (e Finished) apply(t *Target) string {
	switch {
	case (t.Stage == StageUndo) != (e.End == StateUndone):
		return "the undo stage takes an upgrade back, and nothing else does"
	case !e.End.Good() && e.End != StateUndone:
		return fmt.Sprintf("%s is not a good end", e.End)
	case e.End == StateReleased && t.Stage != StageRelease:
		return "only the release stage releases"
	case e.End == StateUpToDate && t.Stage != StagePreflight:
		return "only the preflight stage finds an app up to date"
	}
	t.end(e.End, e.At, e.Note)
	t.LastError = nil
	if e.End == StateUndone && t.AuditID != 0 {
		t.withdrawn()
	}
	return ""
}

// A skip leaves the app to another rollout. An open call must be read back first: a release may be live.
func (e Skipped) apply(t *Target) string {
	switch {
	case t.State.Ended():
		return "only an unfinished target can be skipped"
	case t.Stage == StageUndo:
		return "what is taken back is not left to others"
	case t.Intent != nil:
		return fmt.Sprintf("the %s of %s is still unknown: read it back first", t.Intent, t.Intent.At.Format(time.RFC3339))
	}
	t.end(StateSkipped, e.At, e.Note)
	t.LastError = nil
	return ""
}

// end stops the target in an ended state.
func (t *Target) end(s State, at time.Time, note string) {
	t.State, t.Reason, t.Intent, t.Polls, t.Tries, t.Waits = s, "", nil, 0, nil, Waits{}
	t.note(Entry{At: at, Stage: t.Stage, What: string(s), Note: note})
}

// endOpen is end, but keeps a call of unknown outcome open: the next attempt must read it back.
func (t *Target) endOpen(s State, at time.Time, note string) {
	intent := t.Intent
	t.end(s, at, note)
	t.Intent = intent
}

func (e Waited) apply(t *Target) string {
	switch {
	case e.For <= 0:
		return "a parked target needs a wake time"
	case !slices.Contains(Reasons(), e.Reason):
		return fmt.Sprintf("%q is no reason to park", e.Reason)
	case e.Reason == ReasonUnknown && t.Intent == nil:
		return "nothing is unknown without an intent"
	}
	t.Polls++
	t.count(e.cause())
	switch {
	case e.Reason == ReasonVerdict || e.Reason == ReasonDelayed:
		t.answered()
	case e.Reason == ReasonPrivacy && e.Cause == "":
		t.answered()
	}
	if e.Reason == ReasonMerchant || slices.Contains(timed, e.Reason) {
		t.Waits = t.Waits.begin(e.At, e.For, e.Reason == ReasonMerchant)
	}
	if e.Reason == ReasonUnknown && !e.Again {
		in := *t.Intent // the target before the event keeps its own
		in.Waits++
		t.Intent = &in
	}
	if e.LastError != nil && e.LastError.Class == ClassPanic {
		t.Panics++
	}
	t.State, t.Reason, t.Wait, t.LastError = StateParked, e.Reason, e.For, e.LastError
	entry := Entry{At: e.At, Stage: t.Stage, What: "parked: " + string(e.Reason), Note: e.Note}
	if e.LastError != nil {
		entry.Code = e.LastError.Code
	}
	t.note(entry)
	return ""
}

func (e Stalled) apply(t *Target) string {
	if e.For <= 0 {
		return "a stalled task needs a delay"
	}
	t.count(e.cause())
	t.Waits = t.Waits.begin(e.At, e.For, false)
	t.Reason = "" // back in its queue: the next delivery may begin
	t.Wait, t.LastError = e.For, &e.LastError
	t.note(Entry{At: e.At, Stage: t.Stage, What: "busy", Code: e.LastError.Code})
	return ""
}

func (e Yielded) apply(t *Target) string {
	t.pend()
	if e.Note != "" {
		t.note(Entry{At: e.At, Stage: t.Stage, What: "waits for its turn", Note: e.Note})
	}
	return ""
}

func (e GrayStepped) apply(t *Target) string {
	switch {
	case t.Stage != StageRelease:
		return "only the release stage widens a gray release"
	case e.For <= 0:
		return "a parked target needs a wake time"
	}
	t.Gray++
	t.Intent, t.LastError, t.Polls, t.Tries, t.Waits = nil, nil, 0, nil, Waits{}
	t.State, t.Reason, t.Wait = StateParked, ReasonGray, e.For
	t.note(Entry{At: e.At, Stage: t.Stage, What: "gray", Note: e.Note})
	return ""
}

func (e Recommitted) apply(t *Target) string {
	switch {
	case t.Stage != StageCheck && t.Stage != StageSubmit:
		return "only code that waits for its submission can be committed again"
	case t.Redone > 0:
		return "it was committed again already"
	}
	t.note(Entry{At: e.At, Stage: t.Stage, What: "back to commit", Note: e.Note})
	t.enter(StageCommit, e.At)
	t.Redone++
	return ""
}

func (e Rejected) apply(t *Target) string {
	if t.Stage != StageVerdict {
		return "only a target that waits for its verdict can be rejected"
	}
	t.end(StateRejected, e.At, e.LastError.Text)
	t.LastError = &e.LastError
	t.Spent.Rejected++
	t.PastAuditID, t.AuditID = t.AuditID, 0
	return ""
}

func (e Failed) apply(t *Target) string {
	t.endOpen(StateFailed, e.At, e.LastError.Text)
	t.Timeline[len(t.Timeline)-1].Code = e.LastError.Code
	t.LastError = &e.LastError
	// After any other failure the audit may still run or have passed.
	if t.Stage == StageVerdict && e.LastError.Class == ClassWithdrawn {
		t.withdrawn()
	}
	return ""
}

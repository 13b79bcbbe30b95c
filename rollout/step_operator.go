package rollout

import "fmt"

// The events an operator may cause: wake, retry, undo and abort.

func (e Woken) apply(t *Target) string {
	if t.State != StateParked {
		return "only a parked target can be woken"
	}
	t.pend()
	t.Polls = 0
	if e.Note != "" {
		t.note(Entry{At: e.At, Stage: t.Stage, What: "woken", Note: e.Note})
	}
	return ""
}

func (e Retried) apply(t *Target) string {
	switch {
	case t.State == StateUndone && !e.Recommit:
		return "what was taken back can only begin again at commit"
	case t.State != StateRejected && t.State != StateFailed && t.State != StateAborted && t.State != StateSkipped && t.State != StateUndone:
		return "only a rejected, failed, skipped, aborted or undone target can be retried"
	case e.Recommit && e.Revision < t.Revision:
		return fmt.Sprintf("plan revision %d is older than the target's %d", e.Revision, t.Revision)
	}
	t.Attempt++
	t.note(Entry{At: e.At, Stage: t.Stage, What: "retried", Note: e.Note})
	lastError, intent, stage := t.LastError, t.Intent, t.retryStage(e)
	if stage != t.Stage {
		intent = nil // the call's own stage reads WeChat before it writes
	}
	t.enter(stage, e.At)
	t.LastError, t.Intent = lastError, intent
	t.pend()
	t.Redone, t.Gray = 0, 0
	if e.Recommit {
		t.Revision, t.AuditID = e.Revision, 0
	}
	return ""
}

// retryStage is where a new attempt begins: a rejected or withdrawn audit is submitted again, an
// audit that may be running or passed is followed, and any other target begins where it stopped.
func (t *Target) retryStage(e Retried) Stage {
	switch {
	case e.Recommit && t.Stage != StagePreflight:
		return StageCommit
	case t.Stage == StageSubmit && t.AuditID != 0:
		return StageVerdict // its submission exists: another one would waste a unit
	case t.Stage == StageVerdict && t.AuditID == 0:
		return StageSubmit
	default:
		return t.Stage
	}
}

// An undo takes the upgrade back. A target that may have left a version at WeChat that users or
// auditors see goes to the undo stage; any other ends at once.
func (e Undo) apply(t *Target) string {
	switch {
	case t.State == StateRunning:
		return "a worker acts on it: undo it when that is done"
	case t.State == StateUndone:
		return "it is undone already"
	case t.State == StateUpToDate || t.State == StateSkipped:
		return "this rollout didn't upgrade it"
	case t.Stage == StageUndo && !t.State.Ended():
		return "it is being undone"
	}
	if !t.traces() {
		t.end(StateUndone, e.At, e.Note)
		t.LastError = nil
		return ""
	}
	t.note(Entry{At: e.At, Stage: t.Stage, What: "undo", Note: e.Note})
	intent := t.Intent
	t.enter(StageUndo, e.At)
	t.Intent = intent // it is read back first
	t.pend()
	return ""
}

// traces reports whether a version of this target may be live, in gray release or in audit. Trial
// versions and rejected ones don't matter. Only a read shows what earlier attempts left.
func (t *Target) traces() bool {
	lost := t.Intent != nil && t.Intent.Op != OpCommit
	return t.State == StateReleased || t.AuditID != 0 || t.Stage == StageUndo || t.Attempt > 1 || lost
}

func (e Aborted) apply(t *Target) string {
	switch {
	case t.State.Ended() || t.State == StateRunning && !e.Holder:
		return "only a pending or parked target can be aborted"
	case t.State != StateRunning && e.Holder:
		return notRunning
	case e.AuditID != 0 && t.Stage != StageSubmit:
		return "only the submit stage finds a submission"
	}
	t.endOpen(StateAborted, e.At, e.Note)
	if e.AuditID != 0 {
		t.submitted(e.AuditID)
	}
	if e.Holder {
		t.LastError = e.LastError
	}
	return ""
}

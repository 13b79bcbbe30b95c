package rollout

import "fmt"

// The events an operator may cause: wake, retry and abort.

func (t *Target) wake(e Woken) string {
	if t.State != StateParked {
		return "only a parked target can be woken"
	}
	t.State, t.Reason, t.Polls = StatePending, "", 0
	if e.Note != "" {
		t.note(Entry{At: e.At, Stage: t.Stage, What: "woken", Note: e.Note})
	}
	return ""
}

func (t *Target) retry(e Retried) string {
	switch {
	case t.State != StateRejected && t.State != StateFailed && t.State != StateAborted && t.State != StateSkipped:
		return "only a rejected, failed, skipped or aborted target can be retried"
	case e.Recommit && e.Revision < t.Revision:
		return fmt.Sprintf("plan revision %d is older than the target's %d", e.Revision, t.Revision)
	}
	t.Attempt++
	t.note(Entry{At: e.At, Stage: t.Stage, What: "retried", Note: e.Note})
	trouble, intent, stage := t.Trouble, t.Intent, t.retryStage(e)
	if stage != t.Stage {
		intent = nil // that call's stage reads WeChat's side anyway when it comes up
	}
	t.enter(stage, e.At)
	t.Trouble, t.Intent = trouble, intent
	t.Redone, t.Gray = 0, 0
	if e.Recommit {
		t.Revision, t.AuditID = e.Revision, 0
	}
	return ""
}

// retryStage is where a new attempt begins: a rejected or withdrawn audit is
// submitted again, anything else is tried again where it stopped.
func (t *Target) retryStage(e Retried) Stage {
	switch {
	case e.Recommit && t.Stage != StagePreflight:
		return StageCommit
	case t.Stage == StageVerdict && t.AuditID == 0:
		return StageSubmit
	default:
		return t.Stage
	}
}

func (t *Target) abort(e Aborted) string {
	if t.State.Ended() || t.State == StateRunning {
		return "only a pending or parked target can be aborted"
	}
	intent := t.Intent
	t.end(StateAborted, e.At, e.Note)
	t.Intent = intent // a later retry must still read it back
	return ""
}

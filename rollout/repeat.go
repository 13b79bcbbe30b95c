package rollout

import "fmt"

// HoldsNextRun says why the next run of a schedule can't begin beside this rollout; "" if it can.
// A rollout is complete for its schedule when it has ended, or when each target that is left
// waits for its merchant: one merchant who never acts must not stop a monthly upgrade.
//
// What an operator decides is not complete, however long it takes: a pause, a wave behind a gate,
// releases that wait for approval, an undo. Such targets begin when the operator decides, and would
// then submit beside the new run what it replaces. Neither is what ends by a clock: an audit, quota,
// a window, a limit, an unlisted errcode.
//
// elsewhere is how many of the targets that wait for another rollout (ReasonOwner) wait for the
// merchant there.
func (r Rollout) HoldsNextRun(elsewhere int) string {
	if r.Status.Ended() {
		return ""
	}
	if r.Status != StatusRunning {
		return fmt.Sprintf("it is %s: enqueue resume %s, or enqueue abort %s", r.Status, r.ID, r.ID)
	}
	left := r.Counts.Unfinished() - r.Counts.Sum(merchants) - min(elsewhere, r.Counts.Parked(ReasonOwner))
	behind := r.Counts.Sum(func(x Cell) bool { return x.State == StatePending && x.Wave > r.Reach(x.Stage) })
	approval := r.Counts.Parked(ReasonApproval)
	wave, g, gated := r.Gate()
	switch {
	case left == 0:
		return ""
	case behind+approval < left: // something of it moves
		return fmt.Sprintf("%d of %d targets have not ended and don't wait for their merchant", left, r.Total)
	case behind > 0 && gated:
		why := g.Why
		if why == "" {
			why = "not judged yet"
		}
		return fmt.Sprintf("%d of %d targets wait behind the gate of wave %s (%s): enqueue promote %s, or enqueue abort %s",
			behind, r.Total, r.Plan.Waves[wave].Name, why, r.ID, r.ID)
	default:
		return fmt.Sprintf("%d of %d targets wait for the approval of their release: enqueue approve %s, or enqueue abort %s",
			approval, r.Total, r.ID, r.ID)
	}
}

// merchants takes the targets that only their merchant can move. One that is being undone is
// an operator's.
func merchants(x Cell) bool {
	return x.State == StateParked && x.Reason == ReasonMerchant && x.Stage != StageUndo
}

// WaitsForMerchant tells whether only its merchant can move a target.
func (t Target) WaitsForMerchant() bool {
	return merchants(Cell{Stage: t.Stage, State: t.State, Reason: t.Reason})
}

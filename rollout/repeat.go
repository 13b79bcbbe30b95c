package rollout

import "fmt"

// HoldsNextRun is why the next run of a schedule can't begin beside this rollout; "" if it can.
// A rollout is complete for its schedule when it has ended, or when each unfinished target waits
// for its merchant: one merchant who never acts must not stop a monthly upgrade.
//
// Targets that wait for an operator are not complete: a pause, a wave behind a gate, releases that
// wait for approval, an undo. When the operator decides, they would submit the replaced version
// beside the new run. Targets that wait for time are not complete either: an audit, quota, a
// window, a limit, an unlisted errcode.
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
	case behind+approval < left: // some targets still move
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

// merchants matches the targets that only their merchant can move. A target that is being undone
// is the operator's.
func merchants(x Cell) bool {
	return x.State == StateParked && x.Reason == ReasonMerchant && x.Stage != StageUndo
}

// WaitsForMerchant reports whether only its merchant can move a target.
func (t Target) WaitsForMerchant() bool {
	return merchants(Cell{Stage: t.Stage, State: t.State, Reason: t.Reason})
}

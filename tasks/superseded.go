package tasks

import (
	"github.com/wxrollout/wxrollout/rollout"
)

// superseded tells whether the app is left to a later rollout's release: see rollout.Superseded.
// The app is this rollout's since its assignment was started, so that nobody releases meanwhile.
func (r *run) superseded() (by rollout.Release, ok bool) {
	if r.assignment.Stage == rollout.StageUndo { // taking back is never a downgrade of the plan's
		return by, false
	}
	by, ok = rollout.Superseded(r.plan, r.assignment.Rollout, r.created, r.releases)
	if ok && r.assignment.Stage == rollout.StagePreflight && by.Version == r.plan.Template.Version {
		return by, false // preflight finds it up to date
	}
	return by, ok
}

// supersededError says that a call was not made because a later rollout has released the app.
type supersededError struct{ by rollout.Release }

func (e *supersededError) Error() string { return e.by.Words() }

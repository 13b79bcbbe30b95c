package app_test

import (
	"testing"

	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/internal/view"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxsim"
)

// TestUndo takes a whole rollout back while WeChat loses replies: each app goes
// back once, and no further.
func TestUndo(t *testing.T) {
	t.Parallel()
	const apps = 12
	f := newFleet(t, wxsim.Options{Seed: 13, Apps: apps})
	f.worker(t)
	id := f.apply(t, apps, "")
	f.released(t, id, apps)
	f.sim.Change(func(s *wxsim.Settings) { s.LostRate = 0.2 })
	did, err := f.tools.Operator.Undo(t.Context(), id, view.Filter{}, "checkout is broken", false)
	if want := (operator.Undone{ID: id, Matched: apps, Queued: apps}); err != nil || did != want {
		t.Fatalf("undo: %+v %v, want %+v", did, err, want)
	}
	r := f.finished(t, id)
	if got := r.Counts.State(rollout.StateUndone); got != apps || r.Status != rollout.StatusDone {
		t.Errorf("the rollout is %s with %d undone, want %d", r.Status, got, apps)
	}
	if b := f.sim.Books(); b.Reverts != apps {
		t.Errorf("%d reverts, want %d", b.Reverts, apps)
	}
	f.sound(t, id)
}

package rollout_test

import (
	"slices"
	"testing"

	"github.com/wxrollout/wxrollout/rollout"
)

// TestSpent: each submission is counted once and has one result.
func TestSpent(t *testing.T) {
	t.Parallel()
	submit := func(id int64) []rollout.Event { return []rollout.Event{rollout.Advanced{AuditID: id}} }
	rejected := []rollout.Event{rollout.Rejected{}}
	withdrawn := []rollout.Event{rollout.Failed{LastError: rollout.LastError{Class: rollout.ClassWithdrawn}}}
	retry := []rollout.Event{rollout.Retried{}}
	passed := []rollout.Event{rollout.Advanced{}}
	undo := []rollout.Event{rollout.Undo{}, rollout.Finished{End: rollout.StateUndone}}
	busy := []rollout.Event{rollout.Failed{}}
	for name, tt := range map[string]struct {
		events [][]rollout.Event
		want   rollout.Spent
		open   int
	}{
		"in audit":                        {[][]rollout.Event{submit(1)}, rollout.Spent{Submitted: 1}, 1},
		"approved":                        {[][]rollout.Event{submit(1), passed}, rollout.Spent{Submitted: 1, Approved: 1}, 0},
		"rejected, then approved":         {[][]rollout.Event{submit(1), rejected, retry, submit(2), passed}, rollout.Spent{Submitted: 2, Approved: 1, Rejected: 1}, 0},
		"withdrawn, then in audit":        {[][]rollout.Event{submit(1), withdrawn, retry, submit(2)}, rollout.Spent{Submitted: 2, Withdrawn: 1}, 1},
		"undone in audit":                 {[][]rollout.Event{submit(1), undo}, rollout.Spent{Submitted: 1, Withdrawn: 1}, 0},
		"undone when live":                {[][]rollout.Event{submit(1), passed, undo}, rollout.Spent{Submitted: 1, Approved: 1}, 0},
		"failed in audit":                 {[][]rollout.Event{submit(1), busy}, rollout.Spent{Submitted: 1}, 1},
		"failed in audit, followed again": {[][]rollout.Event{submit(1), busy, retry, passed}, rollout.Spent{Submitted: 1, Approved: 1}, 0},
	} {
		target := rollout.Target{Stage: rollout.StageSubmit, State: rollout.StateRunning}
		for _, e := range slices.Concat(tt.events...) {
			switch e.(type) {
			case rollout.Retried:
			case rollout.Undo:
				target.State = rollout.StateParked
			default:
				target.State = rollout.StateRunning
			}
			var err error
			if target, err = rollout.Step(target, e); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if target.Spent != tt.want || target.Spent.Open() != tt.open {
			t.Errorf("%s: %+v, %d open", name, target.Spent, target.Spent.Open())
		}
	}
}

package rollout_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/wxrollout/wxrollout/rollout"
)

// TestHoldsNextRun is the table of docs/schedules.md: what of a run keeps the next one from
// beginning.
func TestHoldsNextRun(t *testing.T) {
	t.Parallel()
	parked := func(s rollout.Stage, r rollout.Reason) rollout.Cell {
		return rollout.Cell{Stage: s, State: rollout.StateParked, Reason: r}
	}
	done := cell(0, rollout.StageRelease, rollout.StateReleased)
	behind := cell(1, rollout.StagePreflight, rollout.StatePending)
	merchant := parked(rollout.StageCommit, rollout.ReasonMerchant)
	owner := parked(rollout.StagePreflight, rollout.ReasonOwner)
	running := rollout.StatusRunning
	type counts = rollout.Counts
	for _, tc := range []struct {
		name      string
		status    rollout.Status
		gate      rollout.GateState
		counts    counts
		elsewhere int
		want      string // part of why; "" = it may begin
	}{
		{name: "done", status: rollout.StatusDone, counts: counts{done: 4}},
		{name: "aborted, and its targets not swept yet", status: rollout.StatusAborted, counts: counts{merchant: 1, behind: 1}},
		{name: "all ended, and not done yet", status: running, counts: counts{done: 4}},
		{name: "one waits for its merchant", status: running, counts: counts{done: 3, merchant: 1}},
		{name: "all wait for their merchants, at any stage", status: running, counts: counts{
			merchant: 2, parked(rollout.StagePreflight, rollout.ReasonMerchant): 1, parked(rollout.StageRelease, rollout.ReasonMerchant): 1,
		}},
		{name: "another rollout's target waits for the merchant", status: running, counts: counts{done: 2, owner: 2}, elsewhere: 2},

		{"paused", rollout.StatusPaused, rollout.GateState{}, counts{done: 3, merchant: 1}, 0, "it is paused: enqueue resume r, or enqueue abort r"},
		{"scheduled", rollout.StatusScheduled, rollout.GateState{}, counts{cell(0, rollout.StagePreflight, rollout.StatePending): 4}, 0, "it is scheduled"},
		{"loading", rollout.StatusLoading, rollout.GateState{}, counts{}, 0, "it is loading"},
		{"an assignment", running, rollout.GateState{}, counts{merchant: 1, cell(0, rollout.StageCommit, rollout.StateRunning): 1}, 0, "1 of 4 targets have not ended"},
		{"quota", running, rollout.GateState{}, counts{merchant: 1, cell(0, rollout.StageSubmit, rollout.StatePending): 2}, 0, "2 of 4 targets have not ended"},
		{"an audit", running, rollout.GateState{}, counts{merchant: 1, parked(rollout.StageVerdict, rollout.ReasonVerdict): 1}, 0, "1 of 4 targets have not ended"},
		{"a window", running, rollout.GateState{}, counts{parked(rollout.StageRelease, rollout.ReasonWindow): 1}, 0, "1 of 4 targets have not ended"},
		{"an unlisted errcode", running, rollout.GateState{}, counts{parked(rollout.StageCommit, rollout.ReasonUnlisted): 1}, 0, "1 of 4 targets have not ended"},
		{"another rollout that works on the app", running, rollout.GateState{}, counts{done: 2, owner: 2}, 1, "1 of 4 targets have not ended"},
		{"an undo, though it waits for the merchant", running, rollout.GateState{}, counts{parked(rollout.StageUndo, rollout.ReasonMerchant): 1}, 0, "1 of 4 targets have not ended"},
		{"an approval", running, rollout.GateState{}, counts{merchant: 1, parked(rollout.StageRelease, rollout.ReasonApproval): 3}, 0, "3 of 4 targets wait for the approval of their release: enqueue approve r"},
		{"a promote", running, rollout.GateState{Decision: rollout.DecisionHold, Why: "waits for promote"}, counts{done: 2, behind: 2}, 0, "2 of 4 targets wait behind the gate of wave canary (waits for promote): enqueue promote r"},
		{"a gate that a merchant holds up", running, rollout.GateState{Decision: rollout.DecisionHold, Why: "1 of 2 judged"}, counts{done: 1, merchant: 1, behind: 2}, 0, "gate of wave canary (1 of 2 judged)"},
		{"an audit before a gate", running, rollout.GateState{Decision: rollout.DecisionHold, Why: "1 of 2 judged"}, counts{done: 1, parked(rollout.StageVerdict, rollout.ReasonVerdict): 1, behind: 2}, 0, "3 of 4 targets have not ended"},
		{"a gate that failed", running, rollout.GateState{Decision: rollout.DecisionFail, Why: "2 of 2 bad"}, counts{done: 2, behind: 2}, 0, "(2 of 2 bad)"},
		{"a gate not judged", running, rollout.GateState{}, counts{done: 2, behind: 2}, 0, "(not judged yet)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := rollout.Rollout{
				ID: "r", Status: tc.status, Total: 4, Counts: tc.counts, Gates: map[int]rollout.GateState{0: tc.gate},
				Plan: rollout.Plan{Waves: []rollout.Wave{{Name: "canary", Size: 2, Approve: true}, {Name: "rest", Size: 2}}},
			}
			why := r.HoldsNextRun(tc.elsewhere)
			if (why == "") != (tc.want == "") || !strings.Contains(why, tc.want) {
				t.Errorf("holds the next run: %q, want %q", why, tc.want)
			}
		})
	}
}

// A running rollout of which anything moves without its merchants holds the next run, and one of
// which nothing does never holds it.
func TestHoldsNextRunProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := rollout.Rollout{
			ID: "r", Status: rollout.StatusRunning, OpenWave: rapid.IntRange(0, 2).Draw(t, "open"), Counts: rollout.Counts{},
			Plan: rollout.Plan{Waves: []rollout.Wave{{Name: "a"}, {Name: "b"}, {Name: "c"}}},
		}
		moves := 0
		for range rapid.IntRange(0, 6).Draw(t, "targets") {
			c := cell(rapid.IntRange(0, 2).Draw(t, "wave"), rapid.SampledFrom(rollout.Stages()).Draw(t, "stage"), rapid.SampledFrom(rollout.States()).Draw(t, "state"))
			if c.State == rollout.StateParked {
				c.Reason = rapid.SampledFrom(rollout.Reasons()).Draw(t, "reason")
			}
			target := rollout.Target{Stage: c.Stage, State: c.State, Reason: c.Reason}
			if !c.State.Ended() && !target.WaitsForMerchant() {
				moves++
			}
			r.Counts[c]++
			r.Total++
		}
		if why := r.HoldsNextRun(0); (why == "") != (moves == 0) {
			t.Fatalf("%d targets move, and it holds the next run: %q: %v", moves, why, r.Counts)
		}
	})
}

package rollout_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/rollout"
)

func waves(n int) []rollout.Wave {
	all := []rollout.Wave{{Name: "canary", Size: 2, Approve: true}, {Name: "early", Size: 3}, {Name: "rest", Size: 5}}
	return all[:n]
}

func TestHeldAndBlocked(t *testing.T) {
	t.Parallel()
	type gates = map[int]rollout.GateState
	hold := gates{0: {Decision: rollout.DecisionHold, Why: "waits for promote"}}
	tripped := gates{0: {Decision: rollout.DecisionTrip, Why: "5 of 9"}, 1: {Decision: rollout.DecisionPass}}
	late := cell(1, rollout.StageVerdict, rollout.StatePending)
	behind := cell(1, rollout.StagePreflight, rollout.StatePending)
	approval := rollout.Cell{Stage: rollout.StageRelease, State: rollout.StateParked, Reason: rollout.ReasonApproval}
	verdict := rollout.Cell{Stage: rollout.StageVerdict, State: rollout.StateParked, Reason: rollout.ReasonVerdict}
	done := cell(0, rollout.StageRelease, rollout.StateReleased)
	for _, tc := range []struct {
		name    string
		r       rollout.Rollout
		held    bool
		blocked string
	}{
		{"nothing holds it", rollout.Rollout{Counts: rollout.Counts{behind: 3}}, false, ""},
		{"the gate has not been judged", rollout.Rollout{Counts: rollout.Counts{done: 2, behind: 3}}, false, ""},
		{"a gate holds all that is left", rollout.Rollout{Gates: hold, Counts: rollout.Counts{done: 2, behind: 3}}, true, "wave canary: waits for promote"},
		{"held, but its own wave still moves", rollout.Rollout{Gates: hold, Counts: rollout.Counts{verdict: 1, behind: 3}}, true, ""},
		{"held, the rest waits for approval", rollout.Rollout{Gates: hold, Counts: rollout.Counts{approval: 1, behind: 3}}, true, "wave canary: waits for promote"},
		{"a failed gate", rollout.Rollout{Gates: gates{0: {Decision: rollout.DecisionFail, Why: "5 of 9"}}, Counts: rollout.Counts{behind: 3}}, true, "wave canary: 5 of 9"},
		{"an open gate", rollout.Rollout{Gates: gates{0: {Decision: rollout.DecisionPass}}, Counts: rollout.Counts{behind: 3}}, false, ""},
		{"a gate tripped", rollout.Rollout{OpenWave: 2, Gates: tripped, Counts: rollout.Counts{done: 2, behind: 3}}, true, "wave canary: 5 of 9"},
		{"a gate tripped, what is in audit goes on", rollout.Rollout{OpenWave: 2, Gates: tripped, Counts: rollout.Counts{late: 3}}, true, ""},
		{"the last wave has no gate", rollout.Rollout{OpenWave: 2, Gates: gates{2: hold[0]}, Counts: rollout.Counts{verdict: 3}}, false, ""},
		{"paused by the breaker", rollout.Rollout{Status: rollout.StatusPaused, Why: "errcode 9", Gates: hold, Counts: rollout.Counts{behind: 3}}, false, "paused: errcode 9"},
		{"releases wait", rollout.Rollout{OpenWave: 2, Counts: rollout.Counts{approval: 3, done: 9}}, false, "releases wait for approval"},
		{"releases wait, audits go on", rollout.Rollout{OpenWave: 2, Counts: rollout.Counts{approval: 3, verdict: 1}}, false, ""},
		{"done", rollout.Rollout{Status: rollout.StatusDone, Counts: rollout.Counts{done: 9}}, false, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if tc.r.Status == "" {
				tc.r.Status = rollout.StatusRunning
			}
			tc.r.Plan.Waves = waves(3)
			if _, _, held := tc.r.Held(); held != tc.held {
				t.Errorf("held %t, want %t", held, tc.held)
			}
			if got := tc.r.Blocked(); got != tc.blocked {
				t.Errorf("blocked %q, want %q", got, tc.blocked)
			}
		})
	}
}

func TestMaxRank(t *testing.T) {
	t.Parallel()
	for _, tripped := range []bool{false, true} {
		r := rollout.Rollout{OpenWave: 1, Plan: rollout.Plan{Waves: waves(3)}}
		if tripped {
			r.Gates = map[int]rollout.GateState{0: {Decision: rollout.DecisionTrip}}
		}
		for _, stage := range rollout.Stages() {
			reach := 1
			if tripped && !rollout.StageSubmit.Before(stage) {
				reach = 0 // not begun any more; what is in audit, approved or taken back goes on
			}
			last, first := rollout.Rank(reach, rollout.RankPerWave-1), rollout.Rank(reach+1, 0)
			if m := r.MaxRank(stage); last >= m || first < m || r.Reach(stage) != reach {
				t.Errorf("tripped %t, %s: MaxRank %d lets %d wait or %d start", tripped, stage, m, last, first)
			}
		}
	}
}

func TestMarker(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		desc, want string
	}{
		{"spring sale", "spring sale [r7/2]"},
		{"", "[r7/2]"},
		{"  spring sale ", "spring sale  [r7/2]"},
	} {
		p := rollout.Plan{Template: rollout.Template{Desc: tc.desc}}
		if got := p.Desc("r7", 2); got != tc.want {
			t.Errorf("Desc of %q = %q, want %q", tc.desc, got, tc.want)
		}
	}
	if rollout.Marker("r1", 11) == rollout.Marker("r11", 1) {
		t.Error("two rollouts share a marker")
	}
}

func TestQuotaPolicy(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name     string
		policy   rollout.QuotaPolicy
		pool     string
		reserved int64
	}{
		{"nothing said", rollout.QuotaPolicy{}, "bulk", 0},
		{"keeps for others", rollout.QuotaPolicy{Reserve: map[string]int64{"hotfix": 60, "vip": 10}}, "bulk", 70},
		{"its own reserve is its own", rollout.QuotaPolicy{Pool: "hotfix", Reserve: map[string]int64{"hotfix": 60, "bulk": 5}}, "hotfix", 5},
	} {
		if got := tc.policy.PoolName(); got != tc.pool {
			t.Errorf("%s: pool %q, want %q", tc.name, got, tc.pool)
		}
		if got := tc.policy.Reserved(); got != tc.reserved {
			t.Errorf("%s: reserved %d, want %d", tc.name, got, tc.reserved)
		}
	}
}

func TestStatesAndStatuses(t *testing.T) {
	t.Parallel()
	var ended, good []rollout.State
	for _, s := range rollout.States() {
		if s.Ended() {
			ended = append(ended, s)
		}
		if s.Good() {
			good = append(good, s)
		}
	}
	if diff := cmp.Diff([]rollout.State{"released", "up-to-date", "skipped", "rejected", "failed", "aborted", "undone"}, ended); diff != "" {
		t.Errorf("ended states (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]rollout.State{"released", "up-to-date", "skipped"}, good); diff != "" {
		t.Errorf("good ends (-want +got):\n%s", diff)
	}
	for s, want := range map[rollout.Status]bool{
		rollout.StatusLoading: false, rollout.StatusScheduled: false, rollout.StatusRunning: false,
		rollout.StatusPaused: false, rollout.StatusDone: true, rollout.StatusAborted: true,
	} {
		if s.Ended() != want {
			t.Errorf("%s ended: %t, want %t", s, s.Ended(), want)
		}
	}
}

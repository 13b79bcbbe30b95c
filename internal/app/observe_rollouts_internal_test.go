package app

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/metrics"
	"github.com/wxrollout/wxrollout/rollout"
)

// TestShown picks the rollouts that get a label.
func TestShown(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 12, 1, 2, 0, 0, 0, time.UTC)
	at := func(id string, status rollout.Status, created, ended time.Duration) rollout.Rollout {
		r := rollout.Rollout{
			ID: id, Status: status, Created: now.Add(-created), Plan: rollout.Plan{Waves: []rollout.Wave{{Name: "all"}}},
			Counts: rollout.Counts{{Stage: rollout.StageSubmit, State: rollout.StatePending}: 3},
		}
		if ended > 0 {
			r.Ended = now.Add(-ended)
		}
		return r
	}
	many := func(n int, status rollout.Status, ended time.Duration) (list []rollout.Rollout) {
		for i := range n {
			list = append(list, at(fmt.Sprintf("r%02d", i), status, time.Duration(n-i)*time.Hour, ended))
		}
		return list
	}
	done := rollout.StatusDone
	tests := map[string]struct {
		active, recent []rollout.Rollout
		first          string // of those shown
		shown, others  int
	}{
		"none": {},
		"an unfinished one, also among the recent": {
			active: many(1, rollout.StatusRunning, 0), recent: many(1, rollout.StatusRunning, 0), first: "r00", shown: 1,
		},
		"more unfinished than have a label: the newest, and the rest added up": {
			active: many(metrics.MaxRollouts+5, rollout.StatusPaused, 0), first: "r24", shown: metrics.MaxRollouts, others: 15,
		},
		"ended within a day": {recent: []rollout.Rollout{at("a", done, 90*24*time.Hour, 23*time.Hour)}, first: "a", shown: 1},
		"ended before":       {recent: []rollout.Rollout{at("a", done, 90*24*time.Hour, 25*time.Hour)}},
		"aborted, and still in the active list to be undone": {
			active: []rollout.Rollout{at("a", rollout.StatusAborted, time.Hour, time.Minute)},
			recent: []rollout.Rollout{at("a", rollout.StatusAborted, time.Hour, time.Minute)}, first: "a", shown: 1,
		},
		"more ended than have a label": {recent: many(metrics.MaxFinished+9, done, time.Hour), first: "r00", shown: metrics.MaxFinished},
		"ended between the two reads": {
			active: []rollout.Rollout{at("a", rollout.StatusRunning, time.Hour, 0)},
			recent: []rollout.Rollout{at("a", done, time.Hour, time.Second)}, first: "a", shown: 1,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := shown(tt.active, tt.recent, now)
			if len(got.Shown) != tt.shown || tt.shown > 0 && got.Shown[0].ID != tt.first {
				t.Errorf("%d rollouts are shown, want %d, the first %s: %+v", len(got.Shown), tt.shown, tt.first, got.Shown)
			}
			ids := make(map[string]bool)
			for _, r := range got.Shown {
				if ids[r.ID] {
					t.Errorf("%s is shown twice", r.ID)
				}
				ids[r.ID] = true
			}
			others := 0
			for _, n := range got.Others {
				others += n
			}
			if others != tt.others {
				t.Errorf("%d targets of others, want %d", others, tt.others)
			}
		})
	}
}

// TestNumbersAddUp: every target of a rollout is in one place of one wave.
func TestNumbersAddUp(t *testing.T) {
	t.Parallel()
	r := rollout.Rollout{
		ID: "spring-1", Name: "spring", Status: rollout.StatusRunning,
		Plan: rollout.Plan{
			Template: rollout.Template{ID: 7, Version: "2.0.0"},
			Waves:    []rollout.Wave{{Name: "canary", Size: 3, RejectAbove: 0.1, MinJudged: 2}, {Size: 4}},
			Quota:    rollout.QuotaPolicy{Pool: "bulk", Reserve: map[string]int64{"urgent": 20, "bulk": 5}},
		},
		Gates: map[int]rollout.GateState{0: {Decision: rollout.DecisionFail}},
		Counts: rollout.Counts{
			{Wave: 0, Stage: rollout.StageRelease, State: rollout.StateReleased}:                              1,
			{Wave: 0, Stage: rollout.StageVerdict, State: rollout.StateRejected}:                              2,
			{Wave: 1, Stage: rollout.StageVerdict, State: rollout.StateParked, Reason: rollout.ReasonVerdict}: 3,
			{Wave: 1, Stage: rollout.StageVerdict, State: rollout.StateParked, Reason: rollout.ReasonDelayed}: 1,
		},
	}
	want := metrics.Rollout{
		ID: "spring-1", Name: "spring", Template: "7", Version: "2.0.0", Status: "running", Reserved: 20,
		Waves: []metrics.Wave{
			{
				Name: "canary", Parked: map[string]int{},
				At:   map[metrics.Place]int{{Stage: "release", State: "released"}: 1, {Stage: "verdict", State: "rejected"}: 2},
				Gate: &metrics.Gate{Decision: "fail", Limit: 0.1, Judged: 3, Bad: 2, Needed: 2},
			},
			{
				Name: "wave 2", Parked: map[string]int{"verdict": 3, "delayed": 1},
				At: map[metrics.Place]int{{Stage: "verdict", State: "parked"}: 4},
			},
		},
	}
	if diff := cmp.Diff(want, numbersOf(r)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

package operator_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/internal/view"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
)

func TestSummarize(t *testing.T) {
	t.Parallel()
	b := mini(t)
	id := mixed(b)
	s := view.Summarize(b.Rollout(id))
	if s.Total != 10 || s.Done != 4 || s.Good != 2 || s.Bad != 2 || s.Blocked != "" {
		t.Errorf("summary %+v", s)
	}
	wantWaves := []view.WaveSummary{
		{Name: "canary", Size: 6, Open: true, Done: 4, Good: 2, Bad: 2, Gate: rollout.DecisionHold, GateWhy: "4 of 6 judged", GateNumbers: &rollout.GateBasis{Size: 6, Judged: 4, Need: 6, Bad: 2}},
		{Name: "rest", Size: 4},
	}
	if diff := cmp.Diff(wantWaves, s.Waves); diff != "" {
		t.Errorf("waves (-want +got):\n%s", diff)
	}
	wantStages := []view.StageSummary{
		{Stage: rollout.StagePreflight, Pending: 4, Parked: 1, Passed: 5},
		{Stage: rollout.StageCommit, Bad: 1, Passed: 4},
		{Stage: rollout.StageCheck, Parked: 1, Passed: 3},
		{Stage: rollout.StageSubmit, Passed: 3},
		{Stage: rollout.StageVerdict, Bad: 1, Passed: 2},
		{Stage: rollout.StageRelease, Passed: 2},
	}
	if diff := cmp.Diff(wantStages, s.Stages); diff != "" {
		t.Errorf("stages (-want +got):\n%s", diff)
	}
	if s.Parked[rollout.ReasonMerchant] != 1 || s.States[rollout.StatePending] != 4 {
		t.Errorf("parked %v, states %v", s.Parked, s.States)
	}
}

// TestBlockedIsNotHasty: a gate that has all it waited for opens at the
// controller's next tick, so it blocks nothing.
func TestBlockedIsNotHasty(t *testing.T) {
	t.Parallel()
	r := rollout.Rollout{
		Status: rollout.StatusRunning,
		Plan:   rollout.Plan{Waves: []rollout.Wave{{Name: "canary", Size: 2, RejectAbove: 0.5}, {Name: "rest", Size: 1}}},
		Gates:  map[int]rollout.GateState{0: {Decision: rollout.DecisionHold, Why: "1 of 2 judged"}},
		Counts: rollout.Counts{
			{Stage: rollout.StageRelease, State: rollout.StateReleased}:           2,
			{Wave: 1, Stage: rollout.StagePreflight, State: rollout.StatePending}: 1,
		},
	}
	if s := view.Summarize(r); s.Blocked != "" {
		t.Errorf("blocked: %q", s.Blocked)
	}
	r.Plan.Waves[0].Approve = true
	if s := view.Summarize(r); s.Blocked != "wave canary: waits for promote" {
		t.Errorf("a gate that wants a person blocks: %q", s.Blocked)
	}
	r.Gates[0] = rollout.GateState{Decision: rollout.DecisionFail, Why: "2 of 2"}
	if s := view.Summarize(r); s.Blocked != "wave canary: 2 of 2" {
		t.Errorf("a failed gate blocks: %q", s.Blocked)
	}
}

func TestWatch(t *testing.T) {
	t.Parallel()
	b := mini(t)
	id := b.Apply(simple, 4)
	var seen []operator.Snapshot
	for s, err := range b.Operator.Watch(b.Ctx, id, time.Millisecond) {
		if err != nil {
			t.Fatal(err)
		}
		seen = append(seen, s)
		if len(seen) == 1 {
			b.Advance(time.Minute)
			b.Work()
		}
		if s.Status == rollout.StatusDone {
			break
		}
	}
	first, last := seen[0], seen[len(seen)-1]
	if first.PerMinute != nil || first.ETA.Unknown != "not enough seen yet" || len(first.Pools) != 1 {
		t.Errorf("first %+v", first)
	}
	if last.PerMinute == nil || *last.PerMinute != 4 || last.ETA != (operator.Estimate{}) || last.Done != 4 {
		t.Errorf("last %+v, %v a minute", last, last.PerMinute)
	}
	ctx, cancel := context.WithCancel(b.Ctx)
	looks := 0
	for _, err := range b.Operator.Watch(ctx, "unknown", time.Millisecond) {
		if !errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("an unknown rollout: %v", err)
		}
		if looks++; looks == 3 {
			cancel()
		}
	}
	cancel()
	if looks != 3 {
		t.Errorf("%d looks after the context ended", looks)
	}
}

func TestEstimate(t *testing.T) {
	t.Parallel()
	b := mini(t)
	id := b.Apply(simple+"waves: [{name: canary, size: 2, hold: approve}, {name: rest}]\n", 4)
	look := func() operator.Snapshot {
		t.Helper()
		for s, err := range b.Operator.Watch(b.Ctx, id, time.Hour) {
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		t.Fatal("no look")
		return operator.Snapshot{}
	}
	unknown := func(want string) {
		t.Helper()
		if got := look().ETA.Unknown; !strings.Contains(got, want) {
			t.Errorf("unknown because %q, want %q", got, want)
		}
	}
	b.Advance(time.Minute)
	if err := b.Pools.Quota(rollout.StageSubmit).Refill(b.Ctx, ratelimit.Reading{Rest: 3, Limit: 20}); err != nil {
		t.Fatal(err)
	}
	unknown("4 targets want a submission, 3 are left")
	if err := b.Pools.Close(b.Ctx, rollout.StageSubmit, ratelimit.Refusal{Reason: "85085"}, 0); err != nil {
		t.Fatal(err)
	}
	unknown("submissions are closed: errcode 85085")
	if _, err := b.Quota.Open(b.Ctx, rollout.StageSubmit, ""); err != nil {
		t.Fatal(err)
	}
	unknown("wave canary ends with an approval: enqueue promote")
	b.Work()
	unknown("wave canary: waits for promote")
	if _, err := b.promote(id, "", ""); err != nil {
		t.Fatal(err)
	}
	if s := look(); s.ETA.Unknown != "" || s.ETA.Left != time.Minute {
		t.Errorf("2 of 4 in a minute: %+v", s.ETA)
	}
	text, err := json.Marshal(look())
	if err != nil || !strings.Contains(string(text), `"eta":{"left_seconds":60}`) || !strings.Contains(string(text), `"per_minute":2`) {
		t.Errorf("JSON %s: %v", text, err)
	}
}

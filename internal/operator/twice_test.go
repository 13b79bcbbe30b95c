package operator_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/internal/operator/operatortest"
	"github.com/wxrollout/wxrollout/internal/view"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
)

// TestVerbsTwice runs each verb by many operators at once, and once more after them:
// one of them changes something, and the rollout is as if there had been only one.
func TestVerbsTwice(t *testing.T) {
	t.Parallel()
	approval := operatortest.Parked(rollout.StageRelease, rollout.ReasonApproval, 0, "waits for enqueue approve")
	rejected := operatortest.Rejected("login page")
	setState := rollout.StateRejected
	for name, tc := range map[string]struct {
		plan    string
		prepare func(b *bench, id string)
		do      func(b *bench, id string) (done bool, err error)
		check   func(r rollout.Rollout) bool
	}{
		"promote": {waved, nil, func(b *bench, id string) (bool, error) {
			c, err := b.promote(id, "", "")
			return c.Done, err
		}, func(r rollout.Rollout) bool { return r.OpenWave == 1 }},
		"promote a wave": {waved, nil, func(b *bench, id string) (bool, error) {
			c, err := b.promote(id, "early", "")
			return c.Done, err
		}, func(r rollout.Rollout) bool { return r.OpenWave == 1 }},
		"pause": {waved, nil, func(b *bench, id string) (bool, error) {
			c, err := b.Operator.Pause(b.Ctx, id, "")
			return c.Done, err
		}, func(r rollout.Rollout) bool { return r.Status == rollout.StatusPaused }},
		"resume": {waved, func(b *bench, id string) { _, _ = b.Operator.Pause(b.Ctx, id, "") }, func(b *bench, id string) (bool, error) {
			c, err := b.Operator.Resume(b.Ctx, id, "")
			return c.Done, err
		}, func(r rollout.Rollout) bool { return r.Status == rollout.StatusRunning }},
		"abort": {waved, nil, func(b *bench, id string) (bool, error) {
			c, err := b.Operator.Abort(b.Ctx, id, "")
			return c.Done, err
		}, func(r rollout.Rollout) bool { return r.Status == rollout.StatusAborted }},
		"approve": {waved + "release: {when: manual}\n", func(b *bench, _ string) {
			b.Worker.Answer(appID(0), rollout.StageRelease, approval)
		}, func(b *bench, id string) (bool, error) {
			c, err := b.Operator.ApproveReleases(b.Ctx, id, "")
			return c.Done, err
		}, func(r rollout.Rollout) bool { return r.ReleaseApproved }},
		"retry": {waved, func(b *bench, _ string) {
			b.Worker.Answer(appID(0), rollout.StageVerdict, rejected)
		}, func(b *bench, id string) (bool, error) {
			c, err := b.Operator.Retry(b.Ctx, id, view.Filter{States: []rollout.State{setState}}, operator.RetryOptions{})
			return c.Retried > 0, err
		}, func(r rollout.Rollout) bool { return r.Counts.At(rollout.StageSubmit, rollout.StatePending) == 1 }},
		"undo": {waved, nil, func(b *bench, id string) (bool, error) {
			c, err := b.Operator.Undo(b.Ctx, id, view.Filter{AppIDs: []string{appID(0)}}, "", false)
			return c.Queued > 0, err
		}, func(r rollout.Rollout) bool { return r.Counts.At(rollout.StageUndo, rollout.StatePending) == 1 }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := mini(t)
			id := b.Apply(tc.plan, 6)
			if tc.prepare != nil {
				tc.prepare(b, id)
			}
			b.Work()
			var did atomic.Int32
			var all sync.WaitGroup
			one := func() {
				done, err := tc.do(b, id)
				if err != nil {
					t.Errorf("%v", err)
				}
				if done {
					did.Add(1)
				}
			}
			for range 8 {
				all.Go(one)
			}
			all.Wait()
			one()
			if r := b.Rollout(id); did.Load() != 1 || !tc.check(r) {
				t.Errorf("%d of 9 changed something; open wave %d, %s, %v", did.Load(), r.OpenWave, r.Status, r.Counts)
			}
			b.Sound(id)
		})
	}
}

// TestPromoteAsShown: what was shown to a person is done only while it is still so.
func TestPromoteAsShown(t *testing.T) {
	t.Parallel()
	b := mini(t)
	id := b.Apply(waved, 6)
	b.Work()
	shown, err := operator.PlanPromote(b.Rollout(id), "")
	if err != nil || shown.Wave != "early" || shown.Gate != rollout.DecisionHold {
		t.Fatalf("shown %+v, %v", shown, err)
	}
	// The gate fails while the operator thinks.
	if err := b.Ledger.Latch(b.Ctx, id, 0, rollout.GateState{Decision: rollout.DecisionFail, Why: "2 of 2 rejected"}); err != nil {
		t.Fatal(err)
	}
	var changed *ledger.GateChangedError
	if c, err := b.Operator.PromoteAs(b.Ctx, shown, ""); !errors.As(err, &changed) || c.Done {
		t.Errorf("promoted past a failure that was not shown: %+v, %v", c, err)
	}
	if shown, err = operator.PlanPromote(b.Rollout(id), ""); err != nil || shown.Gate != rollout.DecisionFail {
		t.Fatalf("shown %+v, %v", shown, err)
	}
	for _, want := range []bool{true, false} { // two operators who saw the same
		if c, err := b.Operator.PromoteAs(b.Ctx, shown, ""); c.Done != want || err != nil {
			t.Errorf("%+v, %v; want done %t", c, err, want)
		}
	}
	if r := b.Rollout(id); r.OpenWave != 1 {
		t.Errorf("open wave %d", r.OpenWave)
	}
}

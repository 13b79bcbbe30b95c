package fleet_test

import (
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/fleet"
	"github.com/wxrollout/wxrollout/internal/operator/operatortest"
	"github.com/wxrollout/wxrollout/rollout"
)

// TestAppLeavesAndComesBack: a target that waits for a verdict sees at once that the app
// left, and parks for the merchant.
func TestAppLeavesAndComesBack(t *testing.T) {
	t.Parallel()
	b := mini(t)
	b.Authorize(1)
	b.Sync(fleet.SyncOptions{})
	id := b.start(1)
	b.Worker.Answer(appID(0), rollout.StageVerdict, operatortest.Parked(rollout.StageVerdict, rollout.ReasonVerdict, 0, "no verdict"))
	b.Work()
	b.Advance(time.Minute)
	b.Worker.Answer(appID(0), rollout.StageVerdict, operatortest.Parked(rollout.StageVerdict, rollout.ReasonMerchant, 61003, "no longer authorized"))
	if err := b.Fleet.Left(b.Ctx, appID(0), b.Now()); err != nil {
		t.Fatal(err)
	}
	b.Work()
	if got := b.Rollout(id).Counts; got.Sum(func(c rollout.Cell) bool { return c.Reason == rollout.ReasonMerchant }) != 1 {
		t.Fatalf("after it left: %v", got)
	}
	// News older than what is known changes nothing.
	if err := b.Fleet.Joined(b.Ctx, appID(0), b.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if list, err := b.Fleet.List(b.Ctx, fleet.AppFilter{}); err != nil || len(list) != 0 {
		t.Errorf("authorized apps %+v %v, want none", list, err)
	}
	b.Advance(time.Minute)
	b.Sync(fleet.SyncOptions{}) // the callback was lost; the list has it
	b.Work()
	if r := b.Rollout(id); r.Counts.State(rollout.StateReleased) != 1 {
		t.Errorf("after it came back: %v", r.Counts)
	}
	b.Sound(id)
}

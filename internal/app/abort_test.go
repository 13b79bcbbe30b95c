package app_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxsim"
)

// TestAbortReportsTheTruth: replies to releases and submissions are lost, half of them after the
// call took effect, and the rollout is aborted before they are read back. In the end the
// report says of each app what the simulator's books say, and no call was repeated.
func TestAbortReportsTheTruth(t *testing.T) {
	t.Parallel()
	const apps = 40
	f := newFleet(t, wxsim.Options{
		Seed: 7, Apps: apps, Quota: wxsim.QuotaOptions{Limit: 1000},
		AuditDelay: wxsim.Range{Min: 200 * time.Millisecond, Max: 400 * time.Millisecond},
	}, "SETTLE=8s")
	paths := []string{"/wxa/release", "/wxa/submit_audit"}
	kinds := []wxsim.FaultKind{wxsim.FaultDropAfter, wxsim.FaultDropBefore}
	for i := range apps {
		fault := wxsim.Fault{Endpoint: paths[i%2], AppID: wxsim.AppID(i), Kind: kinds[i/2%2], Count: -1}
		if err := f.sim.AddFault(fault); err != nil {
			t.Fatal(err)
		}
	}
	f.worker(t)
	f.worker(t)
	id := f.apply(t, apps, "")
	f.until(t, id, "outcomes are unknown", func(r rollout.Rollout) bool {
		return r.Counts.At(rollout.StageSubmit, rollout.StateParked) > 0 && r.Counts.At(rollout.StageRelease, rollout.StateParked) >= apps/4
	})
	if _, err := f.tools.Operator.Abort(t.Context(), id, "test"); err != nil {
		t.Fatal(err)
	}
	f.sim.ClearFaults()
	r := f.until(t, id, "every target has ended", func(r rollout.Rollout) bool { return r.Counts.Unfinished() == 0 })
	b := f.sim.Books()
	if got := int64(r.Counts.State(rollout.StateReleased)); got != b.Releases || got == 0 {
		t.Errorf("%d targets are released, the books have %d releases: %v", got, b.Releases, r.Counts)
	}
	submitted := int64(0)
	for x, err := range f.ledger.Targets(t.Context(), id) {
		if err != nil {
			t.Fatal(err)
		}
		if x.AuditID != 0 {
			submitted++
		}
		if x.Intent != nil {
			t.Errorf("%s ended with an open %s", x.AppID, x.Intent)
		}
		if x.Stage == rollout.StageSubmit && x.AuditID != 0 {
			if e, err := f.tools.Operator.Why(t.Context(), x.AppID, id); err != nil || !strings.Contains(e.Places[0].Waits, "at WeChat") || !strings.Contains(e.Places[0].Next, "enqueue undo") {
				t.Errorf("why %s: %+v %v", x.AppID, e.Places, err)
			}
		}
	}
	if submitted != b.Submissions {
		t.Errorf("%d targets know their submission, the books have %d", submitted, b.Submissions)
	}
	eventually(t, "the rollout is swept", func(ctx context.Context) (bool, string) {
		active, err := f.ledger.Active(ctx)
		return err == nil && len(active) == 0, fmt.Sprint(active, err)
	})
	f.sound(t, id)
}

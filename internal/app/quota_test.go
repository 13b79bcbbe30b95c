package app_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxsim"
)

// TestQuotaIsReadWithoutRollouts: nothing waits to be submitted, half of the apps refuse
// queryquota, and the quota is still read.
func TestQuotaIsReadWithoutRollouts(t *testing.T) {
	t.Parallel()
	f := newFleet(t, wxsim.Options{Seed: 3, Apps: 4, Quota: wxsim.QuotaOptions{Limit: 77}})
	for i, code := range []int{61003, 48001} {
		if err := f.sim.AddFault(wxsim.Fault{
			Endpoint: "/wxa/queryquota", AppID: wxsim.AppID(i), Kind: wxsim.FaultCode, Code: code, Count: -1,
		}); err != nil {
			t.Fatal(err)
		}
	}
	f.worker(t)
	eventually(t, "the quota is read", func(ctx context.Context) (bool, string) {
		pools, err := f.tools.Quota.Pools(ctx)
		return err == nil && pools[0].Known && pools[0].Rest == 77, fmt.Sprintf("%+v %v", pools, err)
	})
}

// TestReadsNeverCrossACall: persons and the leader's quota loop ask through the few apps of a
// rollout all the time, and no two calls for one app are ever in flight at once.
func TestReadsNeverCrossACall(t *testing.T) {
	t.Parallel()
	const apps = 6
	f := newFleet(t, wxsim.Options{
		Seed: 5, Apps: apps, Latency: wxsim.Range{Min: 5 * time.Millisecond, Max: 25 * time.Millisecond},
	}, "QUOTA_POLL=50ms")
	f.worker(t)
	f.synced(t, apps)
	ctx, stopReading := context.WithCancel(t.Context())
	defer stopReading()
	var wg sync.WaitGroup
	answered, busy := make([]int, apps), make([]int, apps)
	for i := range apps {
		wg.Go(func() {
			for ctx.Err() == nil {
				live, err := f.tools.Operator.Live(ctx, wxsim.AppID(i))
				switch {
				case ctx.Err() != nil:
				case err != nil:
					t.Errorf("look at app %d: %v", i, err)
					return
				case live.Busy != "":
					busy[i]++
				default:
					answered[i]++
				}
				_, _ = f.tools.Quota.Report(ctx, "")
			}
		})
	}
	id := f.apply(t, apps, "")
	r := f.finished(t, id)
	stopReading()
	wg.Wait()
	b := f.sim.Books()
	if b.OverlappingReads.Total+b.OverlappingCalls.Total > 0 {
		t.Errorf("calls crossed: %+v %+v", b.OverlappingReads, b.OverlappingCalls)
	}
	if n := r.Counts.State(rollout.StateReleased); n != apps {
		t.Errorf("%d of %d released beside the readers: %v", n, apps, r.Counts)
	}
	t.Logf("looks answered %v, busy %v", answered, busy)
	f.sound(t, id)
}

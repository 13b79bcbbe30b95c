package app

import (
	"context"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/wxclient"
	"github.com/wxrollout/wxrollout/wxclient/pace"
	"github.com/wxrollout/wxrollout/wxsim"
)

const (
	versionPath = "/wxa/getversioninfo"
	auditPath   = "/wxa/get_latest_auditstatus"
)

// platform is two workers' pacers on one Redis, and a simulator that counts what
// reaches it.
type platform struct {
	sim   *wxsim.Sim
	cores []*core
	calls [2]atomic.Int64 // of getversioninfo, of everything else
	pacer *pace.Pacer
}

func newPlatform(t *testing.T, rate string) *platform {
	t.Helper()
	f := &platform{sim: wxsim.New(wxsim.Options{
		Seed: 1, Apps: 64, Latency: wxsim.Range{Min: 200 * time.Millisecond, Max: 300 * time.Millisecond},
	})}
	t.Cleanup(f.sim.Close)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		of := &f.calls[1]
		if r.URL.Path == versionPath {
			of = &f.calls[0]
		}
		of.Add(1)
		f.sim.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	cfg := testConfig(t, redistest.Start(t).Addr(), srv.URL, rate)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	t.Cleanup(stop)
	var wg sync.WaitGroup
	for range 2 {
		var s stack
		k, err := newCore(ctx, cfg, coreOptions{pace: true, log: zerolog.New(io.Discard), observe: func(context.Context, wxclient.Call) {}}, &s)
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() { k.pacer.Run(ctx) })
		t.Cleanup(func() {
			stop()
			wg.Wait()
			if err := s.unwind(context.WithoutCancel(ctx)); err != nil {
				t.Error(err)
			}
		})
		f.cores = append(f.cores, k)
	}
	f.pacer = f.cores[0].pacer
	return f
}

// load makes calls on both workers until stop: half of them getversioninfo, half
// the last audit, one app each.
func (f *platform) load(t *testing.T) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for i := range 32 {
		wx, app := f.cores[i%2].wx, wxsim.AppID(i)
		wg.Go(func() {
			for ctx.Err() == nil {
				if i%4 < 2 {
					_, _ = wx.VersionInfo(ctx, app) // how it ends is the simulator's choice
				} else {
					_, _ = wx.LatestAudit(ctx, app)
				}
			}
		})
	}
	return func() {
		cancel()
		wg.Wait()
	}
}

// perSecond counts calls for d.
func (f *platform) perSecond(d time.Duration) (versions, others float64) {
	start, v, o := time.Now(), f.calls[0].Load(), f.calls[1].Load()
	<-time.After(d)
	took := time.Since(start).Seconds()
	return float64(f.calls[0].Load()-v) / took, float64(f.calls[1].Load()-o) / took
}

// until waits for the rates in force.
func (f *platform) until(t *testing.T, what string, ok func(map[string]ratelimit.ThrottleState) bool) map[string]ratelimit.ThrottleState {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		rates, err := f.pacer.Rates(ctx)
		if err == nil && ok(rates) {
			return rates
		}
		select {
		case <-ctx.Done():
			t.Fatalf("never: %s; last seen %+v %v", what, rates, err)
		case <-tick.C:
		}
	}
}

// TestBusyPlatformIsCalledLess: everything is busy for a while, on two workers.
// Calls per second halve and halve again, and come back.
func TestBusyPlatformIsCalledLess(t *testing.T) {
	t.Parallel()
	f := newPlatform(t, "60")
	defer f.load(t)()
	f.until(t, "calls flow", func(map[string]ratelimit.ThrottleState) bool { return f.calls[0].Load() > 50 })
	v, o := f.perSecond(3 * time.Second)
	before := v + o
	f.sim.Change(func(s *wxsim.Settings) { s.BusyRate = 1 })
	f.until(t, "three cuts of all calls", func(r map[string]ratelimit.ThrottleState) bool {
		return r[pace.All].Factor <= 0.125
	})
	f.sim.Change(func(s *wxsim.Settings) { s.BusyRate = 0 })
	cut := f.until(t, "the busy answers are over", func(map[string]ratelimit.ThrottleState) bool { return true })
	v, o = f.perSecond(3 * time.Second)
	during := v + o
	if during > before/2 {
		t.Errorf("%.1f calls a second before, %.1f at a factor of %g", before, during, cut[pace.All].Factor)
	}
	f.until(t, "it climbs", func(r map[string]ratelimit.ThrottleState) bool {
		return r[pace.All].Factor >= cut[pace.All].Factor+0.125
	})
	v, o = f.perSecond(3 * time.Second)
	if after := v + o; after < during*1.2 {
		t.Errorf("%.1f calls a second while slowed, %.1f two climbs later", during, after)
	}
}

// TestRefusedEndpointIsCalledLess: one endpoint's limit slows that one, without
// any configured rate, and the others go on; so does one app's throttling.
func TestRefusedEndpointIsCalledLess(t *testing.T) {
	t.Parallel()
	f := newPlatform(t, "0")
	for i := range 4 {
		if err := f.sim.AddFault(wxsim.Fault{Endpoint: auditPath, AppID: wxsim.AppID(2 + 4*i), Kind: wxsim.FaultCode, Code: 9402202, Count: -1}); err != nil {
			t.Fatal(err)
		}
	}
	defer f.load(t)()
	f.until(t, "calls flow", func(map[string]ratelimit.ThrottleState) bool { return f.calls[0].Load() > 100 })
	before, others := f.perSecond(3 * time.Second)
	f.until(t, "nothing is slowed by four throttled apps", func(r map[string]ratelimit.ThrottleState) bool {
		return slowest(r) == 1
	})
	if err := f.sim.AddFault(wxsim.Fault{Endpoint: versionPath, Kind: wxsim.FaultCode, Code: 45011, Count: -1}); err != nil {
		t.Fatal(err)
	}
	f.until(t, "three cuts", func(r map[string]ratelimit.ThrottleState) bool { return r[versionPath].Factor <= 0.125 })
	f.sim.ClearFaults()
	during, still := f.perSecond(3 * time.Second)
	if during > before/2 || still < 3*during {
		t.Errorf("%.0f and %.0f calls a second; with one endpoint slowed %.0f and %.0f", before, others, during, still)
	}
	rates := f.until(t, "read", func(map[string]ratelimit.ThrottleState) bool { return true })
	for endpoint, r := range rates {
		if endpoint != versionPath && r.Factor != 1 {
			t.Errorf("%s is slowed too: %+v", endpoint, r)
		}
	}
	f.until(t, "it climbs", func(r map[string]ratelimit.ThrottleState) bool {
		return r[versionPath].Factor >= rates[versionPath].Factor+0.125
	})
	if after, _ := f.perSecond(3 * time.Second); after < during*1.2 {
		t.Errorf("%.0f calls a second while slowed, %.0f two climbs later", during, after)
	}
}

func slowest(rates map[string]ratelimit.ThrottleState) float64 {
	low := math.Inf(1)
	for _, r := range rates {
		low = min(low, r.Factor)
	}
	return low
}

// TestPacerKeepsFewKeys: however many apps, one key for all calls and one per
// endpoint, and none when nothing is called.
func TestPacerKeepsFewKeys(t *testing.T) {
	t.Parallel()
	f := newPlatform(t, "0")
	stop := f.load(t)
	f.until(t, "calls flow", func(map[string]ratelimit.ThrottleState) bool { return f.calls[0].Load() > 50 && f.calls[1].Load() > 50 })
	stop()
	keys, err := f.cores[0].rdb.Keys(t.Context(), "wxrollout:{throttle*").Result()
	if err != nil || len(keys) == 0 || len(keys) > 1+len(endpoints) {
		t.Errorf("keys %q: %v", keys, err)
	}
	for _, k := range keys {
		if left := f.cores[0].rdb.PTTL(t.Context(), k).Val(); left <= 0 || left > time.Minute {
			t.Errorf("%s lives for %v", k, left)
		}
	}
	known := slices.ContainsFunc(keys, func(k string) bool { return strings.HasSuffix(k, versionPath) })
	if !known {
		t.Errorf("no key of %s among %q: are paths recognized?", versionPath, keys)
	}
}

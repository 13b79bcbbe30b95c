package app_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"
	"github.com/spf13/pflag"

	"github.com/wxrollout/wxrollout/internal/app"
	"github.com/wxrollout/wxrollout/internal/config"
	"github.com/wxrollout/wxrollout/internal/launch"
	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/ledger/fsck"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/planfile"
	"github.com/wxrollout/wxrollout/wxsim"
)

// testFleet is a simulator, a Redis and the settings of workers that use them.
type testFleet struct {
	sim    *wxsim.Sim
	door   *door
	redis  *redistest.Server // nil for a cluster or sentinels
	cfg    *config.Config
	tools  *app.Tools
	ledger *ledger.Ledger
	rdb    redis.UniversalClient
}

// environment are the settings of a worker against a simulator, with short waits.
func environment(redisAddr, wechat string) []string {
	return []string{
		"WXROLLOUT_REDIS_URL=redis://" + redisAddr + "/0",
		"WXROLLOUT_WECHAT_URL=" + wechat,
		"WXROLLOUT_COMPONENT_APPID=" + wxsim.DefaultComponentAppID,
		"WXROLLOUT_COMPONENT_SECRET=" + wxsim.DefaultSecret,
		"WXROLLOUT_COMPONENT_TICKET=" + wxsim.DefaultTicket,
		"WXROLLOUT_SEAL_KEY=MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
		"WXROLLOUT_LISTEN=127.0.0.1:0",
		"WXROLLOUT_SETTLE=2s", "WXROLLOUT_PRIVACY_POLL=500ms", "WXROLLOUT_VERDICT_POLL=500ms",
		"WXROLLOUT_QUOTA_POLL=1s", "WXROLLOUT_BUSY_BASE=1s", "WXROLLOUT_BUSY_CAP=3s", "WXROLLOUT_BUSY_PARK=2s",
	}
}

func load(t *testing.T, env []string) *config.Config {
	t.Helper()
	var cfg config.Config
	fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
	config.Bind(fs, &cfg, config.RoleWorker)
	if err := config.Load(fs, &cfg, config.RoleWorker, env, config.OpenFile); err != nil {
		t.Fatal(err)
	}
	return &cfg
}

// newFleet starts all but workers. The simulator sends callbacks to the fleet's door.
// changes are to the workers' environment, see with.
func newFleet(t *testing.T, o wxsim.Options, changes ...string) *testFleet {
	t.Helper()
	srv := redistest.Start(t)
	f := newFleetOn(t, srv.Client(t), o, append([]string{"REDIS_URL=redis://" + srv.Addr() + "/0"}, changes...)...)
	f.redis = srv
	return f
}

// newFleetOn is newFleet on a Redis that the changes name; rdb is the test's own
// client of it.
func newFleetOn(t *testing.T, rdb redis.UniversalClient, o wxsim.Options, changes ...string) *testFleet {
	t.Helper()
	f := &testFleet{door: newDoor(t), rdb: rdb, ledger: ledger.New(rdb, ledger.Options{})}
	o.Callbacks.AuthURL, o.Callbacks.AppURL = f.door.url+"/wechat/auth", f.door.url+"/wechat/app/$APPID$"
	f.sim = wxsim.New(o)
	t.Cleanup(f.sim.Close)
	srv := httptest.NewServer(f.sim)
	t.Cleanup(srv.Close)
	f.cfg = load(t, with(environment("", srv.URL), changes...))
	f.connect(t)
	return f
}

// connect opens the operator's side.
func (f *testFleet) connect(t *testing.T) {
	t.Helper()
	tools, done, err := app.Open(t.Context(), f.cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := done(); err != nil {
			t.Error(err)
		}
	})
	f.tools = tools
}

// worker starts a worker and stops it at the end of the test.
func (f *testFleet) worker(t *testing.T) *app.App {
	t.Helper()
	return startWorker(t, f.cfg)
}

func startWorker(t *testing.T, cfg *config.Config) *app.App {
	t.Helper()
	a, err := app.New(t.Context(), cfg, app.Options{Log: zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.ErrorLevel), Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, a) })
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return a
}

// stop drains a worker; it may have stopped before.
func stop(t *testing.T, a *app.App) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 30*time.Second)
	defer cancel()
	if err := a.Stop(ctx); err != nil {
		t.Error(err)
	}
}

// plan previews a plan for the first n apps.
func (f *testFleet) plan(t *testing.T, n int, extra string) *launch.Preview {
	t.Helper()
	return f.planFrom(t, 0, n, "spring", extra)
}

// applyFrom makes a rollout of n other apps.
func (f *testFleet) applyFrom(t *testing.T, first, n int, name string) string {
	t.Helper()
	applied, err := f.tools.Launcher.Apply(t.Context(), f.planFrom(t, first, n, name, ""), launch.ApplyOptions{Why: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return applied.ID
}

// planFrom previews a plan for n apps from the first on.
func (f *testFleet) planFrom(t *testing.T, first, n int, name, extra string) *launch.Preview {
	t.Helper()
	var list strings.Builder
	list.WriteString("appid,label\n")
	for i := range n {
		fmt.Fprintf(&list, "%s,app %d\n", wxsim.AppID(first+i), first+i)
	}
	plan := "name: " + name + "\ntemplate: {id: 1, version: 3.9.0, desc: spring sale}\ntargets: {file: apps.csv}\n" + extra
	file, err := planfile.Parse("plan.yaml", []byte(plan), func(string) ([]byte, error) { return []byte(list.String()), nil })
	if err != nil {
		t.Fatal(err)
	}
	preview, err := f.tools.Launcher.Preview(t.Context(), file, launch.PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return preview
}

// apply makes a rollout of the first n apps.
func (f *testFleet) apply(t *testing.T, n int, extra string) string {
	t.Helper()
	applied, err := f.tools.Launcher.Apply(t.Context(), f.plan(t, n, extra), launch.ApplyOptions{Why: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return applied.ID
}

// eventually waits until ok is true, and says what it last saw if it never is.
func eventually(t *testing.T, what string, ok func(context.Context) (bool, string)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		done, saw := ok(ctx)
		if done {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("never: %s; last seen: %s", what, saw)
		case <-tick.C:
		}
	}
}

// until waits for something to be true of a rollout.
func (f *testFleet) until(t *testing.T, id, what string, ok func(rollout.Rollout) bool) rollout.Rollout {
	t.Helper()
	var r rollout.Rollout
	eventually(t, what, func(ctx context.Context) (bool, string) {
		var err error
		r, err = f.tools.Operator.Rollout(ctx, id)
		return err == nil && ok(r), fmt.Sprint(err, r.Status, r.Counts)
	})
	return r
}

// finished waits until the rollout is done.
func (f *testFleet) finished(t *testing.T, id string) rollout.Rollout {
	t.Helper()
	return f.until(t, id, "the end of the rollout", func(r rollout.Rollout) bool { return r.Status.Ended() })
}

// sound checks the books on both sides.
func (f *testFleet) sound(t *testing.T, id string) {
	t.Helper()
	if err := f.sim.Books().Check(); err != nil {
		t.Errorf("the simulator's books: %v", err)
	}
	var found []fsck.Finding
	see := func(f fsck.Finding) { found = append(found, f) }
	if _, err := fsck.Check(t.Context(), f.rdb, fsck.Options{Rollouts: []string{id}, See: see}); err != nil || len(found) > 0 {
		t.Errorf("inspection of %s: %v %v", id, found, err)
	}
}

// released checks that all apps are, by both sides' books.
func (f *testFleet) released(t *testing.T, id string, apps int) {
	t.Helper()
	r := f.finished(t, id)
	b := f.sim.Books()
	if got := r.Counts.State(rollout.StateReleased); got != apps || b.Releases != int64(apps) {
		t.Errorf("%d targets released, %d releases in the books, want %d: %v", got, b.Releases, apps, r.Counts)
	}
	f.sound(t, id)
}

func TestTwoWorkersReleaseEverything(t *testing.T) {
	t.Parallel()
	f := newFleet(t, wxsim.Options{
		Seed: 1, Apps: 200, Quota: wxsim.QuotaOptions{Limit: 1000},
		PrivacyDelay: wxsim.Range{Min: 100 * time.Millisecond, Max: 300 * time.Millisecond},
		AuditDelay:   wxsim.Range{Min: 200 * time.Millisecond, Max: time.Second},
		RejectRate:   0.1, BusyRate: 0.1, LostRate: 0.05,
	})
	f.worker(t)
	f.worker(t)
	id := f.apply(t, 200, "")
	r := f.finished(t, id)
	f.sound(t, id)
	if got := r.Counts.State(rollout.StateReleased) + r.Counts.State(rollout.StateRejected); got != 200 {
		t.Errorf("%d targets released or rejected, want 200: %v", got, r.Counts)
	}
}

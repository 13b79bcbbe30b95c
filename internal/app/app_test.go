package app_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/pflag"

	"github.com/wxrollout/wxrollout/internal/app"
	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/planfile"
	"github.com/wxrollout/wxrollout/wxsim"
)

// fleet is a simulator, a Redis and the settings of workers that use them.
type fleet struct {
	sim *wxsim.Sim
	cfg *app.Config
	op  *operator.Operator
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

func load(t *testing.T, env []string) *app.Config {
	t.Helper()
	var cfg app.Config
	fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
	app.BindFlags(fs, &cfg, app.RoleWorker)
	if err := app.Load(fs, &cfg, app.RoleWorker, env, os.ReadFile); err != nil {
		t.Fatal(err)
	}
	return &cfg
}

func newFleet(t *testing.T, o wxsim.Options) *fleet {
	t.Helper()
	sim := wxsim.New(o)
	t.Cleanup(func() { sim.Close() })
	srv := httptest.NewServer(sim)
	t.Cleanup(srv.Close)
	cfg := load(t, environment(redistest.Start(t).Addr(), srv.URL))
	op, done, err := app.OpenOperator(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := done(); err != nil {
			t.Error(err)
		}
	})
	return &fleet{sim: sim, cfg: cfg, op: op}
}

// worker starts a worker and stops it at the end of the test.
func (f *fleet) worker(t *testing.T) *app.App {
	t.Helper()
	a, err := app.New(t.Context(), f.cfg, app.Options{Log: zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.WarnLevel), Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 30*time.Second)
		defer cancel()
		if err := a.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return a
}

// apply writes a plan for the first n apps.
func (f *fleet) apply(t *testing.T, n int, extra string) string {
	t.Helper()
	var list strings.Builder
	list.WriteString("appid,label\n")
	for i := range n {
		fmt.Fprintf(&list, "%s,app %d\n", wxsim.AppID(i), i)
	}
	plan := "name: spring\ntemplate: {id: 1, version: 3.9.0, desc: spring sale}\ntargets: {file: apps.csv}\n" + extra
	file, err := planfile.Parse("plan.yaml", []byte(plan), func(string) ([]byte, error) { return []byte(list.String()), nil })
	if err != nil {
		t.Fatal(err)
	}
	preview, err := f.op.Plan(t.Context(), file, operator.PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	applied, err := f.op.Apply(t.Context(), preview, operator.ApplyOptions{Why: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return applied.ID
}

// finished waits until the rollout is done.
func (f *fleet) finished(t *testing.T, id string, limit time.Duration) rollout.Rollout {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		r, err := f.op.Rollout(ctx, id)
		if err == nil && r.Status.Ended() {
			return r
		}
		select {
		case <-ctx.Done():
			t.Fatalf("rollout %s has not ended: %v\nlast: %v %v", id, err, r.Status, r.Counts)
		case <-tick.C:
		}
	}
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
	r := f.finished(t, id, 3*time.Minute)
	t.Log(r.Counts)
	if err := f.sim.Books().Check(); err != nil {
		t.Error(err)
	}
	if got := r.Counts.State(rollout.StateReleased) + r.Counts.State(rollout.StateRejected); got != 200 {
		t.Errorf("%d targets released or rejected, want 200: %v", got, r.Counts)
	}
}

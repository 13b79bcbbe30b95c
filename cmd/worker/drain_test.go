package main

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/app"
	"github.com/wxrollout/wxrollout/internal/config"
	"github.com/wxrollout/wxrollout/internal/launch"
	"github.com/wxrollout/wxrollout/internal/operator"

	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/ledger/fsck"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/planfile"
	"github.com/wxrollout/wxrollout/wxsim"
)

// platform is Redis, WeChat and an operator.
type platform struct {
	sim    *wxsim.Sim
	env    []string
	op     *operator.Operator
	ledger *ledger.Ledger
	rdb    redis.UniversalClient
	id     string
}

// rolling is a platform with a rollout of n apps that no worker works on yet.
func rolling(t *testing.T, o wxsim.Options) *platform {
	t.Helper()
	sim, url := simulator(t, o)
	srv := redistest.Start(t)
	rdb := srv.Client(t)
	p := &platform{sim: sim, env: settings(srv.Addr(), url), rdb: rdb, ledger: ledger.New(rdb, ledger.Options{})}
	var cfg config.Config
	set := pflag.NewFlagSet("test", pflag.ContinueOnError)
	config.Bind(set, &cfg, config.RoleOperator)
	if err := config.Load(set, &cfg, config.RoleOperator, p.env, config.NoFiles); err != nil {
		t.Fatal(err)
	}
	tools, done, err := app.Open(t.Context(), &cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := done(); err != nil {
			t.Error(err)
		}
	})
	p.op = tools.Operator
	var list strings.Builder
	list.WriteString("appid\n")
	for i := range o.Apps {
		fmt.Fprintln(&list, wxsim.AppID(i))
	}
	file, err := planfile.Parse("plan.yaml", []byte("name: spring\ntemplate: {id: 1, version: 3.9.0}\ntargets: {file: apps.csv}\n"),
		func(string) ([]byte, error) { return []byte(list.String()), nil })
	if err != nil {
		t.Fatal(err)
	}
	preview, err := tools.Launcher.Preview(t.Context(), file, launch.PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	applied, err := tools.Launcher.Apply(t.Context(), preview, launch.ApplyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	p.id = applied.ID
	return p
}

// until waits for something to be true of the platform.
func (p *platform) until(t *testing.T, what string, ok func(wxsim.Books, rollout.Rollout) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		r, err := p.op.Rollout(ctx, p.id)
		if err == nil && ok(p.sim.Books(), r) {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("not %s: %v %v %v", what, err, r.Status, r.Counts)
		}
	}
}

// balanced checks both sides' books, with every app released.
func (p *platform) balanced(t *testing.T, apps int) {
	t.Helper()
	p.until(t, "ended", func(_ wxsim.Books, r rollout.Rollout) bool { return r.Status.Ended() })
	r, err := p.op.Rollout(t.Context(), p.id)
	if err != nil {
		t.Fatal(err)
	}
	b := p.sim.Books()
	if err := b.Check(); err != nil {
		t.Errorf("the simulator's books: %v", err)
	}
	if got := r.Counts.State(rollout.StateReleased); got != apps || b.Releases != int64(apps) || b.Submissions != int64(apps) {
		t.Errorf("%d targets released by %d submissions and %d releases, want %d of each: %v", got, b.Submissions, b.Releases, apps, r.Counts)
	}
	var found []fsck.Finding
	see := func(f fsck.Finding) { found = append(found, f) }
	if _, err := fsck.Check(t.Context(), p.rdb, fsck.Options{Rollouts: []string{p.id}, See: see}); err != nil || len(found) > 0 {
		t.Errorf("inspection: %v %v", found, err)
	}
}

// TestTermDrains: the calls that run end, the rest is another worker's at once,
// and nothing is done twice.
func TestTermDrains(t *testing.T) {
	t.Parallel()
	const apps = 60
	p := rolling(t, wxsim.Options{Seed: 7, Apps: apps, Latency: wxsim.Range{Min: 50 * time.Millisecond, Max: 300 * time.Millisecond}})
	first := startProcess(t, p.env)
	p.until(t, "in the thick of it", func(b wxsim.Books, _ rollout.Rollout) bool { return b.Submissions > 5 })
	first.signal(t, syscall.SIGTERM)
	if code := first.exit(t); code != exitOK {
		t.Errorf("exit code %d, want %d", code, exitOK)
	}
	if n := len(first.logged(t, "worker stopped")); n != 1 {
		t.Errorf("it said %d times that it stopped, want 1", n)
	}
	if r, err := p.op.Rollout(t.Context(), p.id); err != nil || r.Status.Ended() {
		t.Fatalf("the rollout ended with the first worker, nothing is left to show: %v %v", r.Counts, err)
	}
	startProcess(t, p.env)
	p.balanced(t, apps)
}

// TestSecondSignalStops: a worker whose calls hang ends at once, and the assignments
// that it held come back by their leases.
func TestSecondSignalStops(t *testing.T) {
	t.Parallel()
	const apps = 6
	p := rolling(t, wxsim.Options{Seed: 7, Apps: apps})
	if err := p.sim.AddFault(wxsim.Fault{Endpoint: "/wxa/commit", Kind: wxsim.FaultHang, Count: -1}); err != nil {
		t.Fatal(err)
	}
	// Calls may hang for longer than this test waits: only the second signal ends them.
	first := startProcess(t, append(p.env, "WXROLLOUT_CALL_TIMEOUT=5m", "WXROLLOUT_DRAIN=6m", "WXROLLOUT_LEASE=15m"))
	p.until(t, "hanging", func(b wxsim.Books, _ rollout.Rollout) bool { return hanging(b) > 0 })
	first.signal(t, syscall.SIGTERM)
	first.await(t, "signal again to stop at once")
	first.signal(t, syscall.SIGTERM)
	if code := first.exit(t); code != exitError {
		t.Errorf("exit code %d, want %d", code, exitError)
	}
	if !strings.Contains(first.text(), "second signal") {
		t.Error("it doesn't say why it stopped")
	}
}

// TestKilledWorkersAssignmentsComeBack: what a worker without a last word held is done
// by another.
func TestKilledWorkersAssignmentsComeBack(t *testing.T) {
	t.Parallel()
	const apps = 20
	p := rolling(t, wxsim.Options{Seed: 7, Apps: apps, Latency: wxsim.Range{Min: 20 * time.Millisecond, Max: 200 * time.Millisecond}})
	first := startProcess(t, p.env)
	p.until(t, "in the thick of it", func(b wxsim.Books, _ rollout.Rollout) bool { return b.Submissions > 2 })
	first.signal(t, syscall.SIGKILL)
	first.exit(t)
	startProcess(t, p.env)
	p.balanced(t, apps)
}

// hanging counts the commits that came.
func hanging(b wxsim.Books) (n int64) {
	for _, e := range b.Endpoints {
		if e.Path == "/wxa/commit" {
			n += e.Faults
		}
	}
	return n
}

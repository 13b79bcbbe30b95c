package launch_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/fleet"
	"github.com/wxrollout/wxrollout/internal/launch"
	"github.com/wxrollout/wxrollout/internal/library"
	"github.com/wxrollout/wxrollout/internal/operator/operatortest"
	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/registry/apps"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/filefault"
	"github.com/wxrollout/wxrollout/rollout/planfile"
)

const standing = "name: standing\ntemplate: {latest: true}\ntargets: {select: tier!=test}\next: {inline: '{\"ext\": {\"s\": \"{{.label}}\"}}'}\n"

// stand sets a baseline.
func (b *bench) stand(plan string, opt launch.BaselineOptions) launch.Baseline {
	b.T.Helper()
	v, err := b.Launcher.SetBaseline(b.Ctx, b.Parse(plan, nil), opt, false)
	if err != nil {
		b.T.Fatalf("set the baseline: %v", err)
	}
	return v
}

// come lets an app authorize the platform.
func (b *bench) come(n int) {
	b.T.Helper()
	if err := b.Fleet.Joined(b.Ctx, appID(n), b.Now()); err != nil {
		b.T.Fatal(err)
	}
}

// reconcile gathers.
func (b *bench) reconcile() *launch.Gathered {
	b.T.Helper()
	made, err := b.Launcher.Gather(b.Ctx)
	if err != nil {
		b.T.Fatalf("reconcile the baseline: %v", err)
	}
	return made
}

func TestBaseline(t *testing.T) {
	t.Parallel()
	b := mini(t)
	b.Authorize(3)
	b.Sync(fleet.SyncOptions{})
	b.Advance(time.Hour)
	if b.reconcile() != nil {
		t.Error("gathered without a baseline")
	}
	v := b.stand(standing, launch.BaselineOptions{Why: "new merchants", Reserve: 5})
	if v.Pool != "baseline" || v.Template.ID != planfile.LatestTemplate || v.Waiting != 0 || v.By != "li@ops1" {
		t.Errorf("baseline %+v", v)
	}
	if b.reconcile() != nil {
		t.Error("apps that were there before were gathered")
	}
	// Three come: one can't render its ext.json, one is labeled away.
	b.Advance(time.Second)
	b.come(10)
	b.come(11)
	b.come(12)
	b.Label("label=Shop", appID(10), appID(12))
	b.Label("tier=test", appID(12))
	if v, err := b.Launcher.Baseline(b.Ctx); err != nil || v.Waiting != 3 || v.Held != 2 {
		t.Errorf("baseline %+v %v", v, err)
	}
	made := b.reconcile()
	if made == nil || made.Targets != 1 || made.ID != "baseline-20300101-1" {
		t.Fatalf("gathered %+v", made)
	}
	r := b.Rollout(made.ID)
	if r.Total != 1 || r.Plan.Template.ID != 118 || r.Plan.Quota.PoolName() != "baseline" || r.Status != rollout.StatusRunning {
		t.Errorf("rollout %+v", r)
	}
	// Not more often than asked; then those that have what they lacked.
	b.Label("label=Shop", appID(11))
	b.Label("tier-", appID(12))
	if b.reconcile() != nil {
		t.Error("gathered again at once")
	}
	b.Advance(launch.DefaultGather)
	if made = b.reconcile(); made == nil || made.Targets != 2 || made.ID != "baseline-20300101-2" {
		t.Fatalf("gathered %+v", made)
	}
	b.Work()
	for _, id := range []string{"baseline-20300101-1", made.ID} {
		b.Sound(id)
		if r := b.Rollout(id); r.Counts.State(rollout.StateReleased) != r.Total {
			t.Errorf("%s: %v", id, r.Counts)
		}
	}
	// An app that leaves before it is gathered isn't; paused, none is.
	b.Advance(time.Hour)
	b.come(13)
	b.come(14)
	b.Label("label=Shop", appID(13), appID(14))
	if err := b.Fleet.Left(b.Ctx, appID(14), b.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if v, err := b.Launcher.PauseBaseline(b.Ctx, true, "wait"); err != nil || !v.Paused || v.Waiting != 1 || b.reconcile() != nil {
		t.Errorf("paused: %+v %v", v, err)
	}
	if _, err := b.Launcher.PauseBaseline(b.Ctx, false, ""); err != nil {
		t.Fatal(err)
	}
	if made = b.reconcile(); made == nil || made.Targets != 1 {
		t.Errorf("gathered %+v", made)
	}
	v, err := b.Launcher.Baseline(b.Ctx)
	if err != nil || v.Taken != 4 || v.Last != "baseline-20300101-3" || v.Waiting != 0 {
		t.Errorf("baseline %+v %v", v, err)
	}
	if was, err := b.Launcher.ClearBaseline(b.Ctx, "", true); err != nil || was.Set.IsZero() {
		t.Errorf("clear in a dry run: %+v %v", was, err)
	}
	if _, err := b.Launcher.ClearBaseline(b.Ctx, "spring is over", false); err != nil {
		t.Fatal(err)
	}
	if v, err := b.Launcher.Baseline(b.Ctx); err != nil || v.Cleared == nil || v.Cleared.Why != "spring is over" {
		t.Errorf("the reason is not recorded: %+v %v", v, err)
	}
	if _, err := b.Launcher.ClearBaseline(b.Ctx, "", false); !errors.Is(err, launch.ErrNoBaseline) {
		t.Errorf("cleared twice: %v", err)
	}
	if _, err := b.Launcher.PauseBaseline(b.Ctx, true, ""); !errors.Is(err, launch.ErrNoBaseline) {
		t.Errorf("paused without one: %v", err)
	}
}

// TestBaselineFaults: all at once, and nothing is set.
func TestBaselineFaults(t *testing.T) {
	t.Parallel()
	b := mini(t)
	_, err := b.Launcher.SetBaseline(b.Ctx, b.Parse(waved+"schedule: \"0 2 * * *\"\n", nil), launch.BaselineOptions{}, false)
	var faults filefault.Faults
	if !errors.As(err, &faults) || len(faults) != 3 {
		t.Errorf("faults %v", err)
	}
	missing := strings.Replace(standing, "latest: true", "id: 7, version: v", 1)
	if _, err := b.Launcher.SetBaseline(b.Ctx, b.Parse(missing, nil), launch.BaselineOptions{}, false); !errors.As(err, new(*library.TemplateError)) {
		t.Errorf("a template that isn't there: %v", err)
	}
	if v, err := b.Launcher.SetBaseline(b.Ctx, b.Parse(standing, nil), launch.BaselineOptions{}, true); err != nil || v.Set.IsZero() {
		t.Errorf("dry run: %+v %v", v, err)
	}
	if v, err := b.Launcher.Baseline(b.Ctx); err != nil || !v.Set.IsZero() {
		t.Errorf("a baseline is set: %+v %v", v, err)
	}
}

// TestBaselineReserve: rollouts of other pools leave the baseline's submissions from when it is
// set until it is cleared, whether they ran before or not; a plan is reported.
func TestBaselineReserve(t *testing.T) {
	t.Parallel()
	b := mini(t)
	before := b.Plan(simple, 3)
	r := b.Apply(simple, 3)
	left := func(what string, want int64) {
		t.Helper()
		books, err := b.Quota.Report(b.Ctx, "")
		if err != nil {
			t.Fatal(err)
		}
		share := int64(0)
		for _, p := range books.Books.Pools {
			share += p.Share
		}
		ask := rollout.QuotaPolicy{}.Request(rollout.StageSubmit, nil) // of a rollout that knows of no reserve
		for i := range 10 {
			ask.IDs = append(ask.IDs, rollout.PermitID(r, appID(i)))
		}
		taken, err := b.Pools.Take(b.Ctx, ask)
		if err != nil || int64(len(taken.Granted)) != want || share != 10-want {
			t.Errorf("%s: %d permits with %d kept, %v; want %d", what, len(taken.Granted), share, err, want)
		}
		if err := b.Pools.Return(b.Ctx, rollout.StageSubmit, taken.Granted); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Pools.Quota(rollout.StageSubmit).Refill(b.Ctx, ratelimit.Reading{Rest: 10, Limit: 10}); err != nil {
		t.Fatal(err)
	}
	left("before", 10)
	b.stand(standing, launch.BaselineOptions{Reserve: 7})
	left("set while a rollout runs", 3)
	p := b.Plan(simple, 3)
	if p.ID != before.ID || p.Quota.Reserved != 7 || p.Quota.Fits != 3 || len(p.Warnings) != 1 {
		t.Errorf("preview %+v", p)
	}
	if p := b.Plan(simple+"quota: {reserve: {baseline: 9}}\n", 3); p.Quota.Reserved != 9 {
		t.Errorf("reserved %d, want what the plan keeps, which is more", p.Quota.Reserved)
	}
	if p := b.Plan(simple+"quota: {pool: baseline}\n", 3); p.Quota.Reserved != 0 {
		t.Errorf("reserved %d from the baseline's own pool", p.Quota.Reserved)
	}
	b.stand(standing, launch.BaselineOptions{Reserve: 4})
	left("set again", 6)
	if err := b.Pools.Quota(rollout.StageSubmit).SetShares(b.Ctx, nil); err != nil { // its operator died in between
		t.Fatal(err)
	}
	b.reconcile()
	left("after the leader looked", 6)
	if _, err := b.Launcher.ClearBaseline(b.Ctx, "", false); err != nil {
		t.Fatal(err)
	}
	left("cleared", 10)
}

// TestBaselineAtOnce: several leaders at once, that crash in the middle, take each
// newcomer once.
func TestBaselineAtOnce(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	rdb, advance := srv.Virtual(t)
	b := setup(t, rdb, advance)
	const leaders, come = 4, 40
	b.stand("name: standing\ntemplate: {id: 118, version: 3.9.0}\ntargets: {all: true}\n", launch.BaselineOptions{Every: time.Nanosecond})
	var wg sync.WaitGroup
	for range leaders {
		l := launch.New(b.LaunchDeps())
		wg.Go(func() {
			for range come {
				if _, err := l.Gather(b.Ctx); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range come {
		b.come(i)
	}
	wg.Wait()
	// What a crash leaves: a batch that was gathered and not handed on, its rollout begun.
	store := apps.New(rdb)
	b.come(come)
	base, err := store.Baseline(b.Ctx)
	if err != nil {
		t.Fatal(err)
	}
	for range come + 2 {
		b.Advance(time.Second)
		b.reconcile()
	}
	v, err := b.Launcher.Baseline(b.Ctx)
	if err != nil || v.Waiting != 0 || v.Taken != come+1 || v.Handing != "" || base.Open != "" {
		t.Errorf("baseline %+v %v", v, err)
	}
	seen := make(map[string]string)
	rollouts, err := b.Operator.Rollouts(b.Ctx, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range rollouts {
		b.Sound(s.ID)
		for target, err := range b.Ledger.Targets(b.Ctx, s.ID) {
			if err != nil || seen[target.AppID] != "" {
				t.Errorf("%s in %s and %s: %v", target.AppID, seen[target.AppID], s.ID, err)
			}
			seen[target.AppID] = s.ID
		}
	}
	if len(seen) != come+1 {
		t.Errorf("%d apps in rollouts, want %d", len(seen), come+1)
	}
}

// TestBaselineCrash: a leader that died after any of its steps; the next one takes each
// newcomer once.
func TestBaselineCrash(t *testing.T) {
	t.Parallel()
	died := true
	for steps := 0; died; steps++ {
		m, rdb := redistest.Mini(t)
		b := setup(t, rdb, func(d time.Duration) { redistest.Advance(m, d) })
		b.stand("name: standing\ntemplate: {id: 118, version: 3.9.0}\ntargets: {all: true}\n", launch.BaselineOptions{})
		for i := range 3 {
			b.come(i)
		}
		client := redis.NewClient(&redis.Options{Addr: m.Addr()})
		client.AddHook(dieAfter(steps))
		d := b.LaunchDeps()
		d.Redis, d.Ledger = client, ledger.New(client, ledger.Options{})
		d.Now = func() time.Time { return operatortest.NewYear }
		_, err := launch.New(d).Gather(b.Ctx)
		died = err != nil
		if err := client.Close(); err != nil {
			t.Error(err)
		}
		b.Advance(time.Second)
		b.come(5) // it comes later
		b.reconcile()
		b.Advance(time.Hour)
		b.reconcile()
		b.Work()
		v, err := b.Launcher.Baseline(b.Ctx)
		if err != nil || v.Taken != 4 || v.Waiting != 0 || v.Handing != "" {
			t.Errorf("died after %d steps: %+v %v", steps, v, err)
		}
		rollouts, err := b.Operator.Rollouts(b.Ctx, 0, 10)
		if err != nil {
			t.Fatal(err)
		}
		total := 0
		for _, r := range rollouts {
			total += r.Total
			b.Sound(r.ID)
			if r.Status != rollout.StatusDone || r.Good != r.Total {
				t.Errorf("died after %d steps: %s is %s, %d of %d", steps, r.ID, r.Status, r.Good, r.Total)
			}
		}
		if total != 4 {
			t.Errorf("died after %d steps: %d targets in %d rollouts, want 4", steps, total, len(rollouts))
		}
		if steps > 50 {
			t.Fatal("it never gets through")
		}
		if !died && steps < 8 {
			t.Errorf("only %d steps: the test shows little", steps)
		}
	}
}

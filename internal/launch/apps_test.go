package launch_test

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/fleet"
	"github.com/wxrollout/wxrollout/internal/launch"
	"github.com/wxrollout/wxrollout/internal/quota"
	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/applist"
	"github.com/wxrollout/wxrollout/rollout/filefault"
)

// TestPlanFromRegistry: all, or those selected, in the order of their values, with
// their values in ext.json.
func TestPlanFromRegistry(t *testing.T) {
	t.Parallel()
	b := mini(t)
	b.Authorize(6)
	plan := func(targets string) (*launch.Preview, error) {
		text := strings.Replace(simple, "{file: apps.csv}", targets, 1) + "ext: {inline: '{\"ext\": {\"n\": \"{{.users}}\"}}'}\n"
		return b.Launcher.Preview(b.Ctx, b.Parse(text, nil), launch.PlanOptions{})
	}
	if _, err := plan("{select: tier=gold}"); !errors.Is(err, fleet.ErrNotSynced) {
		t.Errorf("never synced: %v", err)
	}
	b.Sync(fleet.SyncOptions{})
	for i := range 6 {
		b.Label(fmt.Sprintf("users=%d", 10*i), appID(i))
	}
	b.Label("tier=gold", appID(1), appID(4))
	if err := b.Fleet.Left(b.Ctx, appID(5), b.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	order := func(p *launch.Preview) (ids []string) {
		p.Each(func(a launch.PlannedApp) bool { ids = append(ids, a.AppID); return true })
		return ids
	}
	p, err := plan("{all: true, order: -users}")
	if err != nil || p.Source != "the registry of apps" || len(p.Warnings) != 0 {
		t.Fatalf("all: %+v %v", p, err)
	}
	if got := order(p); !slices.Equal(got, []string{appID(4), appID(3), appID(2), appID(1), appID(0)}) {
		t.Errorf("order %v: want the five that are authorized", got)
	}
	if p, err = plan("{select: 'tier=gold,wx.needs='}"); err != nil || !slices.Equal(order(p), []string{appID(1), appID(4)}) {
		t.Fatalf("select: %v", err)
	}
	if ext, err := p.Ext(appID(4)); err != nil || !strings.Contains(ext, `"n":"40"`) {
		t.Errorf("ext %s %v", ext, err)
	}
	if p, err = plan("{select: tire!=test}"); err != nil || p.Total != 5 || !strings.Contains(strings.Join(p.Warnings, " "), `no app has a value "tire"`) {
		t.Errorf("a misspelt key: %+v %v", p, err)
	}
	if _, err = plan("{select: tier=tin}"); !errors.As(err, new(filefault.Faults)) || !strings.Contains(err.Error(), "matches none of the 5 apps") {
		t.Errorf("nothing chosen: %v", err)
	}
	b.Advance(72 * time.Hour)
	if p, err = plan("{all: true}"); err != nil || !strings.Contains(strings.Join(p.Warnings, " "), "3 days ago") {
		t.Errorf("an old list: %+v %v", p, err)
	}
	d := b.LaunchDeps()
	d.Quota = quota.New(quota.Deps{Ledger: b.Ledger, Pools: b.Pools}) // offline: the registry is enough
	text := strings.Replace(simple, "file: apps.csv", "all: true", 1)
	if p, err := launch.New(d).Preview(b.Ctx, b.Parse(text, nil), launch.PlanOptions{Offline: true}); err != nil || p.Total != 5 {
		t.Errorf("offline: %v", err)
	}
}

// TestScheduleChooses: each run takes the apps of its time, once.
func TestScheduleChooses(t *testing.T) {
	t.Parallel()
	b := mini(t)
	b.Authorize(3)
	b.Sync(fleet.SyncOptions{})
	const monthly = "name: monthly\ntemplate: {latest: true}\ntargets: {select: tier!=test}\nschedule: \"0 2 * * *\"\nwaves: [{name: first, size: 1}, {name: rest}]\n"
	schedule := func() launch.Schedule {
		t.Helper()
		p, err := b.Launcher.Preview(b.Ctx, b.Parse(monthly, nil), launch.PlanOptions{})
		if err != nil {
			t.Fatal(err)
		}
		s, err := b.Launcher.Schedule(b.Ctx, p, launch.ApplyOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := schedule()
	if !s.Chooses || s.Total != 3 || s.Loading {
		t.Errorf("schedule %+v", s)
	}
	// The platform grows, and one is taken out; scheduling it again changes nothing.
	b.Authorize(5)
	b.Sync(fleet.SyncOptions{})
	b.Label("tier=test", appID(0))
	schedule()
	b.Advance(s.Next.Sub(b.Now()) + time.Second)
	fired, err := b.Launcher.FireDue(b.Ctx)
	if err != nil || len(fired) != 1 || fired[0].Targets != 4 || fired[0].Skipped != "" {
		t.Fatalf("fired %+v %v", fired, err)
	}
	r := b.Rollout(fired[0].ID)
	if r.Total != 4 || r.Plan.Template.ID != 118 || len(r.Plan.Waves) != 2 || r.Plan.Waves[1].Size != 3 {
		t.Errorf("rollout %+v", r)
	}
	b.Sound(r.ID)
	b.Work()
	// No app is left: the run is left out, and counted.
	b.Label("tier=test", appID(1), appID(2), appID(3), appID(4))
	b.Advance(24 * time.Hour)
	fired, err = b.Launcher.FireDue(b.Ctx)
	if err != nil || len(fired) != 1 || !strings.Contains(fired[0].Skipped, "matches none") {
		t.Errorf("fired %+v %v", fired, err)
	}
}

// TestScheduleFrozenOnce: a run that crashed after its apps were chosen begins with
// them, with any later state of the registry.
func TestScheduleFrozenOnce(t *testing.T) {
	t.Parallel()
	b := mini(t)
	b.Authorize(3)
	b.Sync(fleet.SyncOptions{})
	p, err := b.Launcher.Preview(b.Ctx, b.Parse("name: monthly\ntemplate: {id: 118, version: 3.9.0}\ntargets: {all: true}\nschedule: \"0 2 * * *\"\n", nil), launch.PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := b.Launcher.Schedule(b.Ctx, p, launch.ApplyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b.Advance(s.Next.Sub(b.Now()) + time.Second)
	due, err := b.Ledger.DueSchedules(b.Ctx)
	if err != nil || len(due) != 1 {
		t.Fatal(due, err)
	}
	target := func(n int) rollout.Target {
		return rollout.Target{AppID: appID(n), Rank: rollout.Rank(0, n), Attempt: 1}
	}
	frozen := due[0]
	frozen.Total, frozen.Plan.Waves = 2, []rollout.Wave{{Name: "all", Size: 2}}
	for token, n := range map[string]int{"mine": 2, "theirs": 3} {
		for i := range n {
			if err := b.Ledger.DraftRun(b.Ctx, s.Name, token, []rollout.Target{target(i)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := b.Ledger.FreezeRun(b.Ctx, frozen, "theirs"); err == nil {
		t.Error("a draft of another size was frozen")
	}
	if err := b.Ledger.FreezeRun(b.Ctx, frozen, "mine"); err != nil {
		t.Fatal(err)
	}
	frozen.Total = 3
	if err := b.Ledger.FreezeRun(b.Ctx, frozen, "theirs"); err != nil { // too late
		t.Fatal(err)
	}
	fired, err := b.Launcher.FireDue(b.Ctx)
	if err != nil || len(fired) != 1 || fired[0].Targets != 2 {
		t.Fatalf("fired %+v %v", fired, err)
	}
	if r := b.Rollout(fired[0].ID); r.Total != 2 {
		t.Errorf("%d targets, want the 2 frozen", r.Total)
	}
	b.Sound(fired[0].ID)
}

// TestManyApps: a list of many apps is synced page by page, in bounded memory.
func TestManyApps(t *testing.T) {
	t.Parallel()
	n := 20_000
	if testing.Short() {
		n = 2_000
	}
	b := setup(t, redistest.Start(t).Client(t), func(time.Duration) {})
	b.Authorize(n)
	b.WeChat.Quiet = true
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before, peak := heap(), int64(0)
	var list strings.Builder
	list.WriteString("appid,label,tier\n")
	for i := range n {
		fmt.Fprintf(&list, "%s,Shop %d,gold\n", appID(i), i)
	}
	began := time.Now()
	done := b.Sync(fleet.SyncOptions{Progress: func(_ string, done, total int) {
		if done == total/2 || done == total {
			peak = max(peak, heap())
		}
	}})
	synced := time.Since(began)
	if done.Joined != n || done.Read != n {
		t.Errorf("synced %+v", done)
	}
	t.Logf("%d apps synced in %v; the heap grew by %d KiB", n, synced.Round(time.Millisecond), (peak-before)>>10)
	if peak-before > 64<<20 {
		t.Errorf("the heap grew by %d MiB", (peak-before)>>20)
	}
	imported, err := applist.Read("apps.csv", strings.NewReader(list.String()))
	if err != nil {
		t.Fatal(err)
	}
	began = time.Now()
	if got, err := b.Fleet.Import(b.Ctx, imported, fleet.EditOptions{}); err != nil || got.Changed != n {
		t.Errorf("imported %+v %v", got, err)
	}
	p, err := b.Launcher.Preview(b.Ctx, b.Parse(strings.Replace(simple, "file: apps.csv", "select: tier=gold", 1), nil), launch.PlanOptions{})
	if err != nil || p.Total != n {
		t.Fatalf("plan: %v", err)
	}
	t.Logf("%d apps imported and planned in %v", n, time.Since(began).Round(time.Millisecond))
}

package operator_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/internal/operator/operatortest"
	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/registry/apps"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/planfile"
	"github.com/wxrollout/wxrollout/rollout/selector"
	"github.com/wxrollout/wxrollout/wxclient"
)

// authorize makes WeChat's list of n apps.
func (b *bench) authorize(n int) {
	b.wx.apps = nil
	for i := range n {
		b.wx.apps = append(b.wx.apps, appID(i))
	}
}

// sync brings the registry up to the list.
func (b *bench) sync(opt operator.SyncOptions) operator.Synced {
	b.t.Helper()
	done, err := b.op.SyncApps(b.ctx, opt)
	if err != nil {
		b.t.Fatalf("sync: %v", err)
	}
	return done
}

// label gives apps values.
func (b *bench) label(word string, ids ...string) {
	b.t.Helper()
	e, err := apps.ParseEdit([]string{word})
	if err == nil {
		_, err = b.op.LabelApps(b.ctx, ids, operator.AppFilter{}, e, operator.EditOptions{})
	}
	if err != nil {
		b.t.Fatalf("label %s: %v", word, err)
	}
}

// calls counts what WeChat was asked.
func (b *bench) calls(method string) int {
	n := 0
	for _, asked := range b.wx.asked {
		if strings.HasPrefix(asked, method) {
			n++
		}
	}
	return n
}

func TestSync(t *testing.T) {
	t.Parallel()
	b := mini(t)
	b.authorize(1201)
	gone := b.wx.apps[700]
	b.wx.apps[700] = b.wx.apps[3] // one moved while we paged
	var steps []string
	done := b.sync(operator.SyncOptions{Versions: true, Progress: func(what string, n, total int) {
		if n == total {
			steps = append(steps, fmt.Sprintf("%s %d", what, total))
			b.wx.apps[700] = gone
		}
	}})
	if diff := cmp.Diff(operator.Synced{Listed: 1201, Of: 1201, Joined: 1201, Read: 1201}, done); diff != "" {
		t.Errorf("first sync (-want +got):\n%s", diff)
	}
	if want := []string{"apps listed 1201", "apps listed 1201", "apps read 1201"}; !slices.Equal(steps, want) {
		t.Errorf("progress %q, want %q", steps, want)
	}
	if n := b.calls("AuthorizerInfo"); n != 1201 || b.calls("VersionInfo") != 1201 {
		t.Errorf("%d apps asked about, want 1201", n)
	}
	// Another one changes nothing, and asks about nobody.
	b.advance(time.Hour)
	if done := b.sync(operator.SyncOptions{}); done.Joined+done.Left+done.Read != 0 || b.calls("AuthorizerInfo") != 1201 {
		t.Errorf("second sync %+v, %d asked about", done, b.calls("AuthorizerInfo"))
	}
	// One left, one is only missing from the list, one is new, one can't be read.
	b.advance(time.Hour)
	b.authorize(1199)
	b.wx.apps = slices.Delete(b.wx.apps, 0, 2)
	b.wx.apps = append(b.wx.apps, appID(2000), appID(2001))
	b.wx.errs["AuthorizerInfo "+appID(0)] = &wxclient.Error{Code: 61003, Class: wxclient.ClassFatalApp}
	b.wx.errs["AuthorizerInfo "+appID(2001)] = &wxclient.Error{Code: -1, Class: wxclient.ClassRetryBusy}
	done = b.sync(operator.SyncOptions{})
	if done.Left != 1 || done.Joined != 2 || done.Failed != 1 || len(done.Errors) != 1 {
		t.Errorf("third sync %+v", done)
	}
	if status, err := b.op.AppsStatus(b.ctx); err != nil || status.Apps != 1203 || status.Unread != 1 || status.Phase != "" {
		t.Errorf("status %+v, %v", status, err)
	}
	list, err := b.op.AppList(b.ctx, operator.AppFilter{Left: true, Selector: parseSelector(t, "wx.state=left")})
	if err != nil || len(list) != 1 || list[0].AppID != appID(0) {
		t.Errorf("left %+v, %v", list, err)
	}
	// It is read later, and the one that left comes back.
	delete(b.wx.errs, "AuthorizerInfo "+appID(2001))
	delete(b.wx.errs, "AuthorizerInfo "+appID(0))
	b.wx.apps = append(b.wx.apps, appID(0))
	b.advance(time.Hour)
	if done := b.sync(operator.SyncOptions{}); done.Joined != 1 || done.Read < 2 {
		t.Errorf("fourth sync %+v", done)
	}
	b.advance(time.Hour)
	if done := b.sync(operator.SyncOptions{Full: true}); done.Read < 1200 {
		t.Errorf("full sync %+v", done)
	}
}

func parseSelector(t *testing.T, text string) selector.Selector {
	t.Helper()
	s, err := selector.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSyncGoesOn: one that is interrupted in any phase goes on from there.
func TestSyncGoesOn(t *testing.T) {
	t.Parallel()
	b := mini(t)
	b.authorize(1600)
	for _, at := range []struct {
		what string
		n    int
	}{{"apps listed", 1000}, {"apps read", 300}} {
		ctx, cancel := context.WithCancel(b.ctx)
		_, err := b.op.SyncApps(ctx, operator.SyncOptions{Progress: func(what string, n, _ int) {
			if what == at.what && n >= at.n {
				cancel()
			}
		}})
		cancel()
		var interrupted *operator.SyncInterruptedError
		if !errors.As(err, &interrupted) || !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "run it again") {
			t.Fatalf("interrupted at %v: %v", at, err)
		}
	}
	pages, read := b.calls("AuthorizerList"), b.calls("AuthorizerInfo")
	done := b.sync(operator.SyncOptions{})
	if !done.Resumed || b.calls("AuthorizerList") != pages || pages > 5 {
		t.Errorf("resumed %v, %d pages read in all", done.Resumed, b.calls("AuthorizerList"))
	}
	if got := b.calls("AuthorizerInfo"); got < 1600 || got > 1600+2*8 || read < 300 {
		t.Errorf("%d apps asked about in all, want 1600 and the few that were under way", got)
	}
}

// TestSyncStops: what is the platform's fault stops it, and two at once don't run.
func TestSyncStops(t *testing.T) {
	t.Parallel()
	b := mini(t)
	b.authorize(200)
	b.wx.errs["AuthorizerInfo"] = &wxclient.Error{Code: 45009, Class: wxclient.ClassThrottlePlatform}
	_, err := b.op.SyncApps(b.ctx, operator.SyncOptions{})
	if !errors.As(err, new(*operator.SyncInterruptedError)) || b.calls("AuthorizerInfo") > 8 {
		t.Errorf("throttled after %d calls: %v", b.calls("AuthorizerInfo"), err)
	}
	b.wx.errs["AuthorizerInfo"] = errors.New("connection refused")
	if _, err = b.op.SyncApps(b.ctx, operator.SyncOptions{}); err == nil || !strings.Contains(err.Error(), "apps in a row") {
		t.Errorf("unreachable: %v", err)
	}
	delete(b.wx.errs, "AuthorizerInfo")
	b.advance(time.Hour)
	_, err = b.op.SyncApps(b.ctx, operator.SyncOptions{Progress: func(string, int, int) {
		if _, err := b.op.SyncApps(b.ctx, operator.SyncOptions{}); !errors.As(err, new(*operator.SyncRunningError)) {
			t.Errorf("a second one at once: %v", err)
		}
	}})
	if err != nil {
		t.Error(err)
	}
	d := b.deps()
	d.WeChat = nil
	if _, err := operator.New(d).SyncApps(b.ctx, operator.SyncOptions{}); !errors.As(err, new(*operator.OfflineError)) {
		t.Errorf("offline: %v", err)
	}
}

// TestReconcileApps: the worker's side syncs once a day, and reads what pushes told of.
func TestReconcileApps(t *testing.T) {
	t.Parallel()
	b := mini(t)
	b.authorize(5)
	reconcile := func(want bool) operator.Synced {
		t.Helper()
		done, synced, err := b.op.ReconcileApps(b.ctx, 0)
		if err != nil || synced != want {
			t.Errorf("synced %v %+v, want %v: %v", synced, done, want, err)
		}
		return done
	}
	if done := reconcile(true); done.Joined != 5 || done.Read != 5 {
		t.Errorf("first: %+v", done)
	}
	reconcile(false)
	if err := b.op.AppJoined(b.ctx, appID(7), b.now()); err != nil {
		t.Fatal(err)
	}
	if done := reconcile(true); done.Listed != 0 || done.Read != 1 {
		t.Errorf("after a push: %+v", done)
	}
	reconcile(false)
	b.advance(25 * time.Hour)
	if done := reconcile(true); done.Listed != 5 {
		t.Errorf("a day later: %+v", done)
	}
}

// TestPlanFromRegistry: all, or those selected, in the order of their values, with
// their values in ext.json.
func TestPlanFromRegistry(t *testing.T) {
	t.Parallel()
	b := mini(t)
	b.authorize(6)
	plan := func(targets string) (*operator.Preview, error) {
		text := strings.Replace(simple, "{file: apps.csv}", targets, 1) + "ext: {inline: '{\"ext\": {\"n\": \"{{.users}}\"}}'}\n"
		return b.op.Plan(b.ctx, b.parse(text, nil), operator.PlanOptions{})
	}
	if _, err := plan("{select: tier=gold}"); !errors.Is(err, operator.ErrNotSynced) {
		t.Errorf("never synced: %v", err)
	}
	b.sync(operator.SyncOptions{})
	for i := range 6 {
		b.label(fmt.Sprintf("users=%d", 10*i), appID(i))
	}
	b.label("tier=gold", appID(1), appID(4))
	if err := b.op.AppLeft(b.ctx, appID(5), b.now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	order := func(p *operator.Preview) (ids []string) {
		p.Each(func(a operator.PlannedApp) bool { ids = append(ids, a.AppID); return true })
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
	if _, err = plan("{select: tier=tin}"); !errors.As(err, new(planfile.Faults)) || !strings.Contains(err.Error(), "matches none of the 5 apps") {
		t.Errorf("nothing chosen: %v", err)
	}
	b.advance(72 * time.Hour)
	if p, err = plan("{all: true}"); err != nil || !strings.Contains(strings.Join(p.Warnings, " "), "3 days ago") {
		t.Errorf("an old list: %+v %v", p, err)
	}
	d := b.deps()
	d.WeChat = nil // the registry is enough
	text := strings.Replace(simple, "file: apps.csv", "all: true", 1)
	if p, err := operator.New(d).Plan(b.ctx, b.parse(text, nil), operator.PlanOptions{Offline: true}); err != nil || p.Total != 5 {
		t.Errorf("offline: %v", err)
	}
}

// TestScheduleChooses: each run takes the apps of its time, once.
func TestScheduleChooses(t *testing.T) {
	t.Parallel()
	b := mini(t)
	b.authorize(3)
	b.sync(operator.SyncOptions{})
	const monthly = "name: monthly\ntemplate: {latest: true}\ntargets: {select: tier!=test}\nschedule: \"0 2 * * *\"\nwaves: [{name: first, size: 1}, {name: rest}]\n"
	schedule := func() operator.Schedule {
		t.Helper()
		p, err := b.op.Plan(b.ctx, b.parse(monthly, nil), operator.PlanOptions{})
		if err != nil {
			t.Fatal(err)
		}
		s, err := b.op.Schedule(b.ctx, p, operator.ApplyOptions{})
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
	b.authorize(5)
	b.sync(operator.SyncOptions{})
	b.label("tier=test", appID(0))
	schedule()
	b.advance(s.Next.Sub(b.now()) + time.Second)
	fired, err := b.op.FireDue(b.ctx)
	if err != nil || len(fired) != 1 || fired[0].Targets != 4 || fired[0].Skipped != "" {
		t.Fatalf("fired %+v %v", fired, err)
	}
	r := b.rollout(fired[0].ID)
	if r.Total != 4 || r.Plan.Template.ID != 118 || len(r.Plan.Waves) != 2 || r.Plan.Waves[1].Size != 3 {
		t.Errorf("rollout %+v", r)
	}
	b.sound(r.ID)
	b.work()
	// Nobody is left: the run is left out, and counted.
	b.label("tier=test", appID(1), appID(2), appID(3), appID(4))
	b.advance(24 * time.Hour)
	fired, err = b.op.FireDue(b.ctx)
	if err != nil || len(fired) != 1 || !strings.Contains(fired[0].Skipped, "matches none") {
		t.Errorf("fired %+v %v", fired, err)
	}
}

// TestScheduleFrozenOnce: a run that crashed after its apps were chosen begins with
// them, whatever the registry says by then.
func TestScheduleFrozenOnce(t *testing.T) {
	t.Parallel()
	b := mini(t)
	b.authorize(3)
	b.sync(operator.SyncOptions{})
	p, err := b.op.Plan(b.ctx, b.parse("name: monthly\ntemplate: {id: 118, version: 3.9.0}\ntargets: {all: true}\nschedule: \"0 2 * * *\"\n", nil), operator.PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := b.op.Schedule(b.ctx, p, operator.ApplyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b.advance(s.Next.Sub(b.now()) + time.Second)
	due, err := b.ledger.DueSchedules(b.ctx)
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
			if err := b.ledger.DraftRun(b.ctx, s.Name, token, []rollout.Target{target(i)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := b.ledger.FreezeRun(b.ctx, frozen, "theirs"); err == nil {
		t.Error("a draft of another size was frozen")
	}
	if err := b.ledger.FreezeRun(b.ctx, frozen, "mine"); err != nil {
		t.Fatal(err)
	}
	frozen.Total = 3
	if err := b.ledger.FreezeRun(b.ctx, frozen, "theirs"); err != nil { // too late
		t.Fatal(err)
	}
	fired, err := b.op.FireDue(b.ctx)
	if err != nil || len(fired) != 1 || fired[0].Targets != 2 {
		t.Fatalf("fired %+v %v", fired, err)
	}
	if r := b.rollout(fired[0].ID); r.Total != 2 {
		t.Errorf("%d targets, want the 2 frozen", r.Total)
	}
	b.sound(fired[0].ID)
}

// TestImport: all faults at once and nothing half-applied; blank values are taken away.
func TestImport(t *testing.T) {
	t.Parallel()
	b := mini(t)
	b.authorize(3)
	b.sync(operator.SyncOptions{})
	read := func(text string) *planfile.Apps {
		t.Helper()
		list, err := planfile.ReadApps("apps.csv", strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	bad := read("appid,wx.live,tier\n" + appID(0) + ",1,gold\n" + appID(8) + ",1,gold\n" + appID(9) + ",1,gold\n")
	_, err := b.op.ImportApps(b.ctx, bad, operator.EditOptions{})
	var faults planfile.Faults
	if !errors.As(err, &faults) || len(faults) != 3 || faults[1].Line != 3 || faults[2].Value != appID(9) {
		t.Errorf("faults %v", err)
	}
	good := read("appid,label,tier,note\n" + appID(0) + ",One,gold,x\n" + appID(1) + ",,tin,\n")
	for _, step := range []struct {
		opt  operator.EditOptions
		want int
	}{{operator.EditOptions{DryRun: true}, 2}, {operator.EditOptions{Why: "crm"}, 2}, {operator.EditOptions{}, 0}} {
		if got, err := b.op.ImportApps(b.ctx, good, step.opt); err != nil || got.Changed != step.want || got.Apps != 2 {
			t.Errorf("%+v: %+v %v, want %d changed", step.opt, got, err, step.want)
		}
	}
	if got, err := b.op.ImportApps(b.ctx, read("appid,note\n"+appID(0)+",\n"+appID(9)+",y\n"), operator.EditOptions{SkipUnknown: true}); err != nil || got.Unknown != 1 || got.Changed != 1 {
		t.Errorf("skipping: %+v %v", got, err)
	}
	d, err := b.op.InspectApp(b.ctx, appID(0), true)
	if err != nil || d.Label != "One" || !cmp.Equal(d.Values, map[string]string{"tier": "gold"}) || d.Now == nil || !d.InRegistry {
		t.Errorf("app %+v %v", d, err)
	}
	if _, err := b.op.InspectApp(b.ctx, appID(77), false); !errors.Is(err, apps.ErrNotFound) {
		t.Errorf("an unknown app: %v", err)
	}
	_, err = b.op.LabelApps(b.ctx, []string{appID(0), appID(8)}, operator.AppFilter{}, apps.Edit{Remove: []string{"tier"}}, operator.EditOptions{})
	if unknown := (*operator.UnknownAppsError)(nil); !errors.As(err, &unknown) || len(unknown.AppIDs) != 1 {
		t.Errorf("label of an unknown app: %v", err)
	}
	if list, err := b.op.AppList(b.ctx, operator.AppFilter{Selector: parseSelector(t, "tier in (gold,tin)")}); err != nil || len(list) != 2 {
		t.Errorf("selected %+v %v", list, err)
	}
	log, err := b.op.AppActions(b.ctx, 10)
	if err != nil || len(log) != 2 || log[1].Why != "crm" || log[1].By != "li@ops1" || log[1].What != "import apps.csv: 2 apps" {
		t.Errorf("log %+v %v", log, err)
	}
}

// TestNewsFromTheFuture: WeChat's clock is ahead of ours. What it told of an app is newer
// than any reading of ours for minutes; the app is not asked about all that time.
func TestNewsFromTheFuture(t *testing.T) {
	t.Parallel()
	b := mini(t)
	b.authorize(1)
	b.sync(operator.SyncOptions{})
	if err := b.op.AppJoined(b.ctx, appID(0), b.now().Add(4*time.Minute)); err != nil {
		t.Fatal(err)
	}
	b.wx.asked = nil
	for range 12 { // a minute of the leader's looks
		if _, _, err := b.op.ReconcileApps(b.ctx, 0); err != nil {
			t.Fatal(err)
		}
		b.advance(5 * time.Second)
	}
	if n := b.calls("AuthorizerInfo"); n < 2 || n > 13 {
		t.Errorf("asked %d times in a minute", n)
	}
	b.advance(4 * time.Minute)
	if _, _, err := b.op.ReconcileApps(b.ctx, 0); err != nil {
		t.Fatal(err)
	}
	if s, err := b.op.AppsStatus(b.ctx); err != nil || s.Unread != 0 {
		t.Errorf("still to be read once the time has come: %+v %v", s, err)
	}
}

// A list that cannot be read completely is told with its counts, whatever it lacks; what it has is
// taken, and no app counts as gone because the list lacks it.
func TestListIsRefusedWhenShort(t *testing.T) {
	t.Parallel()
	page := func(b *bench, total, from, to int) wxclient.AuthorizerPage {
		p := wxclient.AuthorizerPage{Total: int64(total)}
		for _, id := range b.wx.apps[min(from, len(b.wx.apps)):min(to, len(b.wx.apps))] {
			p.List = append(p.List, wxclient.Authorizer{AppID: id, AuthTime: 1})
		}
		return p
	}
	for _, tc := range []struct {
		name string
		page func(b *bench, offset int) wxclient.AuthorizerPage
		lack string // "" for a list that can be read
	}{
		{"empty page in the middle", func(b *bench, offset int) wxclient.AuthorizerPage {
			if offset == 500 {
				return page(b, 1200, 0, 0)
			}
			return page(b, 1200, offset, offset+500)
		}, "WeChat listed 500 of 1,200 apps: the pages from row 500 on bring no other app"},
		{"total that no page bears out", func(b *bench, offset int) wxclient.AuthorizerPage {
			return page(b, 1<<40, offset, offset+500)
		}, "WeChat listed 1,200 of 1,099,511,627,776 apps: the pages from row 1200 on bring no other app"},
		{"one page again and again", func(b *bench, _ int) wxclient.AuthorizerPage { return page(b, 1200, 0, 500) },
			"WeChat listed 500 of 1,200 apps: some rows repeat an app"},
		{"a total that never stands", func(b *bench, offset int) wxclient.AuthorizerPage {
			return page(b, 1000+b.calls("AuthorizerList")%2, offset, offset+500)
		}, " apps: the total changed while the list was read"},
		{"short pages", func(b *bench, offset int) wxclient.AuthorizerPage { return page(b, 1200, offset, offset+77) }, ""},
		{"a page that is empty once", func(b *bench, offset int) wxclient.AuthorizerPage {
			if b.calls("AuthorizerList") == 1 {
				return page(b, 1200, 0, 0)
			}
			return page(b, 1200, offset, offset+500)
		}, ""},
		{"an app that comes meanwhile", func(b *bench, offset int) wxclient.AuthorizerPage {
			if b.calls("AuthorizerList") == 0 {
				return page(b, 1199, 0, 500)
			}
			return page(b, 1200, offset, offset+500)
		}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := mini(t)
			b.authorize(1200)
			b.wx.page = func(offset int) wxclient.AuthorizerPage { return tc.page(b, offset) }
			done, err := b.op.SyncApps(b.ctx, operator.SyncOptions{})
			all, err2 := b.op.AuthorizedApps(b.ctx, nil)
			status, err3 := b.op.AppsStatus(b.ctx)
			if err3 != nil || status.Phase != "" || status.Apps != done.Read || done.Left != 0 {
				t.Errorf("%+v %+v %v", done, status, err3)
			}
			if n := b.calls("AuthorizerList"); n > 50 {
				t.Errorf("%d pages were asked for", n)
			}
			if tc.lack == "" {
				if err != nil || err2 != nil || done.Listed != 1200 || len(all) != 1200 || status.Short != "" || status.Listed.IsZero() {
					t.Errorf("%+v %+v %v, %d apps %v", done, status, err, len(all), err2)
				}
				return
			}
			var short *operator.ListShortError
			if !errors.As(err, &short) || !strings.HasSuffix(short.Lack, tc.lack) || status.Short != short.Lack || !status.Listed.IsZero() {
				t.Errorf("got %v, status %+v", err, status)
			}
			if err2 == nil || !strings.Contains(err2.Error(), tc.lack) || len(all) > 0 {
				t.Errorf("%d apps, %v", len(all), err2)
			}
		})
	}
}

// A list that was read completely once stays the last word when a later one lacks apps.
func TestShortListKeepsApps(t *testing.T) {
	t.Parallel()
	b := mini(t)
	b.authorize(1200)
	b.sync(operator.SyncOptions{})
	listed, err := b.op.AppsStatus(b.ctx)
	if err != nil {
		t.Fatal(err)
	}
	b.advance(time.Hour)
	b.wx.page = func(offset int) wxclient.AuthorizerPage {
		p := wxclient.AuthorizerPage{Total: 1200}
		for _, id := range b.wx.apps[min(offset, 500):500] {
			p.List = append(p.List, wxclient.Authorizer{AppID: id, AuthTime: 1})
		}
		return p
	}
	if done, err := b.op.SyncApps(b.ctx, operator.SyncOptions{}); !errors.As(err, new(*operator.ListShortError)) || done.Left != 0 {
		t.Errorf("%+v %v", done, err)
	}
	if s, err := b.op.AppsStatus(b.ctx); err != nil || s.Apps != 1200 || !s.Listed.Equal(listed.Listed) {
		t.Errorf("%+v %v", s, err)
	}
	b.wx.page = nil
	b.advance(time.Hour)
	b.sync(operator.SyncOptions{})
	if s, err := b.op.AppsStatus(b.ctx); err != nil || s.Short != "" || s.Listed.Equal(listed.Listed) {
		t.Errorf("%+v %v", s, err)
	}
}

// TestEditsWholly: an app that would have too many values leaves all as they are, and a
// dry run says so.
func TestEditsWholly(t *testing.T) {
	t.Parallel()
	b := mini(t)
	b.authorize(3)
	b.sync(operator.SyncOptions{})
	full := apps.Edit{Set: make(map[string]string)}
	for i := range apps.ValuesMax {
		full.Set[fmt.Sprint("v", i)] = "x"
	}
	if _, err := b.op.LabelApps(b.ctx, []string{appID(1)}, operator.AppFilter{}, full, operator.EditOptions{}); err != nil {
		t.Fatal(err)
	}
	one := apps.Edit{Set: map[string]string{"note": "y"}}
	all := []string{appID(0), appID(1), appID(2)}
	for _, dryRun := range []bool{true, false} {
		_, err := b.op.LabelApps(b.ctx, all, operator.AppFilter{}, one, operator.EditOptions{DryRun: dryRun})
		if err == nil || !strings.Contains(err.Error(), "app "+appID(1)+" would have") {
			t.Errorf("dry run %v: %v", dryRun, err)
		}
	}
	if list, err := b.op.AppList(b.ctx, operator.AppFilter{Selector: parseSelector(t, "note=y")}); err != nil || len(list) != 0 {
		t.Errorf("half of it was done: %v %v", list, err)
	}
	told := 0
	opt := operator.EditOptions{Progress: func(done, total int) { told = done }}
	b.label("note=y", appID(0))
	if got, err := b.op.LabelApps(b.ctx, []string{appID(0), appID(2)}, operator.AppFilter{}, one, opt); err != nil || got.Changed != 1 || told != 2 {
		t.Errorf("%+v, told of %d: %v", got, told, err)
	}
}

// TestNeedsMerchant: who must do what, by what WeChat said and by what targets wait for.
func TestNeedsMerchant(t *testing.T) {
	t.Parallel()
	b := mini(t)
	b.authorize(5)
	sound := func(change func(*wxclient.AuthorizerInfo)) wxclient.AuthorizerInfo {
		info := wxclient.AuthorizerInfo{MiniProgram: true, AccountStatus: 1, PermissionSets: []int64{18}, Categories: []string{"a"}, PrincipalName: "Ltd"}
		change(&info)
		return info
	}
	b.wx.info = map[string]wxclient.AuthorizerInfo{
		appID(1): sound(func(i *wxclient.AuthorizerInfo) { i.PermissionSets = nil }),
		appID(2): sound(func(i *wxclient.AuthorizerInfo) { i.Categories = nil }),
	}
	b.sync(operator.SyncOptions{})
	b.advance(time.Hour)
	id := b.apply(simple, 2)
	b.worker.Answer(appID(0), rollout.StageCommit, operatortest.Parked(rollout.StageCommit, rollout.ReasonMerchant, 61003, "no longer authorized"))
	b.worker.Answer(appID(1), rollout.StageCommit, parkedMerchant)
	b.work()
	if err := b.op.AppLeft(b.ctx, appID(3), b.now()); err != nil {
		t.Fatal(err)
	}
	list, err := b.op.NeedsMerchant(b.ctx)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range list {
		got = append(got, strings.TrimSpace(x.AppID[16:]+" "+string(x.Need)+" "+x.Rollout))
		if x.Words == "" || (x.Link == "") != x.Need.Authorizes() {
			t.Errorf("%+v", x)
		}
	}
	if want := []string{"00 authorize " + id, "01 permission " + id, "02 category", "03 authorize"}; !slices.Equal(got, want) {
		t.Errorf("needs %q, want %q", got, want)
	}
	// The merchant comes back: its target goes on at once.
	if err := b.op.AppJoined(b.ctx, appID(0), b.now()); err != nil {
		t.Fatal(err)
	}
	b.work()
	if r := b.rollout(id); r.Counts.State(rollout.StateReleased) != 1 {
		t.Errorf("counts %v, want the one that came back released", r.Counts)
	}
	b.sound(id)
}

// TestAppLeavesAndComesBack: a target that waits for a verdict sees at once that the app
// left, and parks for the merchant.
func TestAppLeavesAndComesBack(t *testing.T) {
	t.Parallel()
	b := mini(t)
	b.authorize(1)
	b.sync(operator.SyncOptions{})
	id := b.apply(simple, 1)
	b.worker.Answer(appID(0), rollout.StageVerdict, operatortest.Parked(rollout.StageVerdict, rollout.ReasonVerdict, 0, "no verdict"))
	b.work()
	b.advance(time.Minute)
	b.worker.Answer(appID(0), rollout.StageVerdict, operatortest.Parked(rollout.StageVerdict, rollout.ReasonMerchant, 61003, "no longer authorized"))
	if err := b.op.AppLeft(b.ctx, appID(0), b.now()); err != nil {
		t.Fatal(err)
	}
	b.work()
	if got := b.rollout(id).Counts; got.Sum(func(c rollout.Cell) bool { return c.Reason == rollout.ReasonMerchant }) != 1 {
		t.Fatalf("after it left: %v", got)
	}
	// News older than what is known changes nothing.
	if err := b.op.AppJoined(b.ctx, appID(0), b.now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if list, err := b.op.AppList(b.ctx, operator.AppFilter{}); err != nil || len(list) != 0 {
		t.Errorf("authorized apps %+v %v, want none", list, err)
	}
	b.advance(time.Minute)
	b.sync(operator.SyncOptions{}) // the push was lost; the list has it
	b.work()
	if r := b.rollout(id); r.Counts.State(rollout.StateReleased) != 1 {
		t.Errorf("after it came back: %v", r.Counts)
	}
	b.sound(id)
}

func TestLinks(t *testing.T) {
	t.Parallel()
	b := mini(t)
	link, err := b.op.AuthorizeLink(b.ctx, appID(1), "https://your.host/done?a=1")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"component_appid=wxcomponent", "biz_appid=" + appID(1), "pre_auth_code=preauthcode%40%40%401", "redirect_uri=https%3A%2F%2Fyour.host%2Fdone%3Fa%3D1"} {
		if !strings.Contains(link.PC, want) || !strings.Contains(link.H5, want) {
			t.Errorf("%+v lacks %s", link, want)
		}
	}
	if !link.Until.Equal(b.now().Add(10 * time.Minute)) {
		t.Errorf("ends at %v", link.Until)
	}
	tasks := []operator.MerchantTask{{AppID: appID(1), Need: apps.NeedAuthorize}, {AppID: appID(2), Need: apps.NeedCategory, Link: "x"}}
	if err := b.op.AddLinks(b.ctx, tasks, "https://your.host/", nil); err != nil || !strings.Contains(tasks[0].Link, "biz_appid") || tasks[1].Link != "x" {
		t.Errorf("links %+v %v", tasks, err)
	}
	if link, err = b.op.AuthorizeLink(b.ctx, "", "https://your.host/"); err != nil || !strings.Contains(link.PC, "auth_type=2") {
		t.Errorf("for any mini program: %+v %v", link, err)
	}
	if _, err = b.op.AuthorizeLink(b.ctx, "", "your.host"); err == nil {
		t.Error("a redirect that is no URL was taken")
	}
}

// TestManyApps: a list of many apps is synced page by page, in bounded memory.
func TestManyApps(t *testing.T) {
	t.Parallel()
	n := 20_000
	if testing.Short() {
		n = 2_000
	}
	b := setup(t, redistest.Start(t).Client(t), func(time.Duration) {})
	b.authorize(n)
	b.wx.quiet = true
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
	done := b.sync(operator.SyncOptions{Progress: func(_ string, done, total int) {
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
	imported, err := planfile.ReadApps("apps.csv", strings.NewReader(list.String()))
	if err != nil {
		t.Fatal(err)
	}
	began = time.Now()
	if got, err := b.op.ImportApps(b.ctx, imported, operator.EditOptions{}); err != nil || got.Changed != n {
		t.Errorf("imported %+v %v", got, err)
	}
	p, err := b.op.Plan(b.ctx, b.parse(strings.Replace(simple, "file: apps.csv", "select: tier=gold", 1), nil), operator.PlanOptions{})
	if err != nil || p.Total != n {
		t.Fatalf("plan: %v", err)
	}
	t.Logf("%d apps imported and planned in %v", n, time.Since(began).Round(time.Millisecond))
}

package app_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/fleet"
	"github.com/wxrollout/wxrollout/internal/launch"
	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/internal/view"
	"github.com/wxrollout/wxrollout/registry/apps"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/planfile"
	"github.com/wxrollout/wxrollout/rollout/selector"
	"github.com/wxrollout/wxrollout/wxsim"
)

// parsed reads a plan that takes the registry's apps.
func parsed(t *testing.T, plan string) *planfile.File {
	t.Helper()
	file, err := planfile.Parse("plan.yaml", []byte(plan), nil)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// synced waits until the registry knows n apps and has asked about each.
func (f *testFleet) synced(t *testing.T, n int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d apps are synced", n), func(ctx context.Context) (bool, string) {
		s, err := f.tools.Fleet.Status(ctx)
		return err == nil && s.Apps == n && s.Unread == 0 && s.Phase == "" && !s.Listed.IsZero(), fmt.Sprintf("%+v %v", s, err)
	})
}

// TestNothingButCredentials: a worker that is given the component's appid and secret
// and the callbacks' token and key gets its ticket by callback, syncs its apps, and a plan
// for all of them releases them. No token is ever given by hand. The test of this name
// in internal/e2e does so with the programs, and as many apps as one likes.
func TestNothingButCredentials(t *testing.T) {
	t.Parallel()
	const n = 100
	f := newFleet(t, wxsim.Options{Seed: 21, Apps: n}, append([]string{"APPS_RATE=1000"}, byCallback...)...)
	a := f.worker(t)
	f.door.open(t, a)
	f.sim.SendTicket()
	f.synced(t, n)
	plan := parsed(t, "name: spring\ntemplate: {latest: true}\ntargets: {all: true}\n")
	preview, err := f.tools.Launcher.Preview(t.Context(), plan, launch.PlanOptions{})
	if err != nil || preview.Total != n || preview.Source != "the registry of apps" {
		t.Fatalf("plan %+v %v", preview, err)
	}
	applied, err := f.tools.Launcher.Apply(t.Context(), preview, launch.ApplyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	f.released(t, applied.ID, n)
	// What the workers saw is in the registry.
	live, err := f.tools.Fleet.List(t.Context(), fleet.AppFilter{Selector: parseSelector(t, "wx.live=3.0.0,wx.privacy=ok")})
	if err != nil || len(live) != n {
		t.Errorf("%d apps live with 3.0.0 by the registry, want %d: %v", len(live), n, err)
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

// authorize pulls the lever of an app's authorization.
func (f *testFleet) authorize(t *testing.T, n int, on bool) {
	t.Helper()
	if !on {
		if err := f.sim.ChangeApp(wxsim.AppID(n), wxsim.AppChange{Authorized: &on}); err != nil {
			t.Fatal(err)
		}
		return
	}
	f.sim.Authorize(wxsim.AppID(n))
}

// TestMerchantLeavesAndComesBack: by callbacks alone. The target of the app that left parks
// for its merchant and fails nothing; when the app is back, it goes on.
func TestMerchantLeavesAndComesBack(t *testing.T) {
	t.Parallel()
	const n = 6
	f := newFleet(t, wxsim.Options{Seed: 22, Apps: n, AuditDelay: wxsim.Range{Min: time.Hour, Max: time.Hour}},
		append([]string{"VERDICT_POLL=1h", "APPS_RATE=1000"}, byCallback...)...)
	a := f.worker(t)
	f.door.open(t, a)
	f.sim.SendTicket()
	f.synced(t, n)
	id := f.apply(t, n, "")
	waits := func(reason rollout.Reason, want int) {
		t.Helper()
		f.until(t, id, fmt.Sprintf("%d wait for %s", want, reason), func(r rollout.Rollout) bool {
			return r.Counts.Sum(func(c rollout.Cell) bool { return c.State == rollout.StateParked && c.Reason == reason }) == want
		})
	}
	waits(rollout.ReasonVerdict, n)
	f.authorize(t, 2, false)
	waits(rollout.ReasonMerchant, 1)
	list, err := f.tools.Fleet.NeedsMerchant(t.Context())
	if err != nil || len(list) != 1 || list[0].AppID != wxsim.AppID(2) || list[0].Need != apps.NeedAuthorize || list[0].Rollout != id {
		t.Errorf("needs %+v %v", list, err)
	}
	f.authorize(t, 2, true)
	waits(rollout.ReasonVerdict, n)
	f.sim.Approve("")
	f.released(t, id, n)
	if list, err = f.tools.Fleet.NeedsMerchant(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("needs afterwards %+v %v", list, err)
	}
}

// TestMerchantLeavesUnseen: every callback is lost. An app that leaves is found by a sync of
// the list, or by what WeChat answers to the target's own calls; its target parks for the
// merchant and fails nothing. Once a sync sees the app again it goes on, and is released.
func TestMerchantLeavesUnseen(t *testing.T) {
	t.Parallel()
	const n = 6
	f := newFleet(t, wxsim.Options{
		Seed: 24, Apps: n, AuditDelay: wxsim.Range{Min: time.Hour, Max: time.Hour}, Callbacks: wxsim.CallbackOptions{Lost: 1},
	}, append([]string{"VERDICT_POLL=1h", "APPS_RATE=1000"}, byCallback[1:]...)...) // the ticket by hand
	f.door.open(t, f.worker(t))
	f.synced(t, n)
	// The next list shows what happened in the second of this one.
	syncUntil := func(authorized int) {
		t.Helper()
		eventually(t, fmt.Sprintf("a sync sees %d apps", authorized), func(ctx context.Context) (bool, string) {
			_, err := f.tools.Fleet.Sync(ctx, fleet.SyncOptions{})
			list, err2 := f.tools.Fleet.List(ctx, fleet.AppFilter{})
			return err == nil && len(list) == authorized, fmt.Sprint(len(list), err, err2)
		})
	}
	f.authorize(t, 1, false) // before its first assignment, and no sync: its calls show it
	id := f.apply(t, n, "")
	waits := func(reason rollout.Reason, want int) {
		t.Helper()
		f.until(t, id, fmt.Sprintf("%d wait for %s", want, reason), func(r rollout.Rollout) bool {
			return r.Counts.Sum(func(c rollout.Cell) bool { return c.State == rollout.StateParked && c.Reason == reason }) == want
		})
	}
	waits(rollout.ReasonMerchant, 1)
	waits(rollout.ReasonVerdict, n-1)
	f.authorize(t, 2, false) // in audit, which is not polled for an hour
	syncUntil(n - 2)
	waits(rollout.ReasonMerchant, 2)
	list, err := f.tools.Fleet.NeedsMerchant(t.Context())
	if err != nil || len(list) != 2 || list[0].Rollout != id || list[1].Rollout != id || list[0].Need != apps.NeedAuthorize || list[1].Need != apps.NeedAuthorize {
		t.Errorf("needs %+v %v", list, err)
	}
	f.authorize(t, 1, true)
	f.authorize(t, 2, true)
	syncUntil(n)
	waits(rollout.ReasonVerdict, n)
	f.sim.Approve("")
	look := view.Filter{Reasons: []rollout.Reason{rollout.ReasonVerdict}} // no callback arrives
	if got, err := f.tools.Operator.Retry(t.Context(), id, look, operator.RetryOptions{}); err != nil || got.Woken != n {
		t.Errorf("woken %+v %v", got, err)
	}
	f.released(t, id, n)
	if b := f.sim.Books().Callbacks; b.Lost != b.Made || b.Made == 0 {
		t.Errorf("callbacks %+v: want all lost", b)
	}
	f.sound(t, id)
}

// TestNewcomersGetTheBaseline: apps that authorize the platform while a baseline is set
// get its version, whether the callback arrives or only a sync sees them.
func TestNewcomersGetTheBaseline(t *testing.T) {
	t.Parallel()
	const n = 4
	f := newFleet(t, wxsim.Options{Seed: 23, Apps: n, Callbacks: wxsim.CallbackOptions{Attempts: 1}}, append([]string{"APPS_RATE=1000"}, byCallback...)...)
	for i := range 2 {
		f.authorize(t, i, false) // they come later
	}
	a := f.worker(t)
	f.door.open(t, a)
	f.sim.SendTicket()
	f.synced(t, n-2)
	file := parsed(t, "name: standing\ntemplate: {latest: true}\ntargets: {all: true}\n")
	_, err := f.tools.Launcher.SetBaseline(t.Context(), file, launch.BaselineOptions{Since: time.Now().Add(-time.Hour), Every: time.Second}, false)
	if err != nil {
		t.Fatal(err)
	}
	f.authorize(t, 0, true)
	last := ""
	released := func(want int) {
		t.Helper()
		eventually(t, fmt.Sprintf("%d newcomers are released", want), func(ctx context.Context) (bool, string) {
			list, err := f.tools.Operator.Rollouts(ctx, 0, 10)
			good := 0
			for _, r := range list {
				good += r.Good
			}
			b, errB := f.tools.Launcher.Baseline(ctx)
			if err == nil && errB == nil {
				states := ""
				for _, r := range list {
					states += fmt.Sprint(r.ID, r.Status, r.States, r.Parked, " ")
				}
				last = fmt.Sprintf("%s %d good in %d rollouts, %d releases, baseline %+v", states, good, len(list), f.sim.Books().Releases, b)
			}
			return err == nil && good == want && f.sim.Books().Releases == int64(want), last
		})
	}
	released(1)
	f.sim.Change(func(s *wxsim.Settings) { s.CallbackLost = 1 }) // the next callback is lost
	f.authorize(t, 1, true)
	if _, err := f.tools.Fleet.Sync(t.Context(), fleet.SyncOptions{}); err != nil {
		t.Fatal(err)
	}
	released(2)
	b, err := f.tools.Launcher.Baseline(t.Context())
	if err != nil || b.Taken != 2 || b.Waiting != 0 {
		t.Errorf("baseline %+v %v", b, err)
	}
	list, err := f.tools.Operator.Rollouts(t.Context(), 0, 10)
	if err != nil || len(list) != 2 {
		t.Fatalf("rollouts %+v %v", list, err)
	}
	for _, r := range list {
		f.sound(t, r.ID)
	}
}

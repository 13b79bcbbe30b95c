package operator_test

import (
	"strings"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/fleet"
	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/registry/apps"
	"github.com/wxrollout/wxrollout/rollout"
)

// occupy gives a worker the assignment of an app.
func (b *bench) occupy(id, app string) {
	b.t.Helper()
	assignments, err := b.ledger.Claim(b.ctx, rollout.Claim{
		Rollout: id, Stage: rollout.StagePreflight, MaxRank: rollout.Rank(9, 0), N: 1, Only: []string{app}, Lease: time.Hour,
	})
	if err != nil || len(assignments) != 1 {
		b.t.Fatalf("claim %s: %v, %v", app, assignments, err)
	}
}

// register puts an app into the registry as one that answers.
func (b *bench) add(app string, facts apps.Facts) {
	b.t.Helper()
	now := apps.At(b.now())
	_, err := apps.New(b.rdb).Change(b.ctx, []string{app}, func(a *apps.App) bool { return a.Join(now) && a.Learn(now, facts) })
	if err != nil {
		b.t.Fatal(err)
	}
}

// healthy is an app that any question may go through.
var healthy = apps.Facts{MiniProgram: true, Status: 1, Sets: []int64{apps.CodeSet}, Categories: []string{"a/b"}}

// TestLiveReadsTakeLoans: no look of a person calls for an app that a worker calls for.
func TestLiveReadsTakeLoans(t *testing.T) {
	t.Parallel()
	b := mini(t)
	b.wx.Apps = []string{appID(0)}
	id := b.apply(simple, 3)
	b.add(appID(0), healthy)
	b.occupy(id, appID(0))
	b.wx.Asked = nil
	worker := "a worker is calling for it (rollout " + id + ")"
	crossed := func(what string) {
		t.Helper()
		for _, call := range b.wx.Asked {
			if strings.HasSuffix(call, appID(0)) && !strings.HasPrefix(call, "AuthorizerInfo") { // the platform's own call
				t.Errorf("%s made %s beside the worker", what, call)
			}
		}
		b.wx.Asked = nil
	}

	if q, err := b.op.Quota(b.ctx, ""); err != nil || q.Live == nil || q.Live.AppID == appID(0) {
		t.Errorf("quota skips no busy app: %+v, %v", q.Live, err)
	}
	crossed("quota")
	if _, err := b.op.Quota(b.ctx, appID(0)); err == nil || !strings.Contains(err.Error(), worker) {
		t.Errorf("quota through a busy app: %v", err)
	}
	crossed("quota APPID")
	if live, err := b.op.Live(b.ctx, appID(0)); err != nil || !strings.Contains(live.Busy, worker) {
		t.Errorf("why --live: %+v, %v", live, err)
	}
	crossed("why --live")
	if d, err := b.op.InspectApp(b.ctx, appID(0), true); err != nil || d.Now == nil || !strings.Contains(d.Now.Busy, worker) {
		t.Errorf("apps inspect --live: %+v, %v", d.Now, err)
	}
	crossed("apps inspect --live")
	for _, r := range b.op.Check(b.ctx, "") {
		if r.Level == operator.LevelFail && strings.Contains(r.Detail, "calling") {
			t.Errorf("check fails for a busy app: %+v", r)
		}
	}
	crossed("check")
	got := result(t, b.op.Check(b.ctx, appID(0)), "limits of calls")
	if got.Level != operator.LevelWarn || !strings.Contains(got.Detail, worker) {
		t.Errorf("check --app of a busy app: %+v", got)
	}
	crossed("check --app")
	p := b.plan(strings.Replace(simple, "spring", "summer", 1), 3)
	if p.Quota.Source != "wechat" {
		t.Errorf("plan reads no quota though an app is idle: %+v", p.Quota)
	}
	crossed("plan")
	if _, err := b.fleet.Sync(b.ctx, fleet.SyncOptions{Full: true, Versions: true}); err != nil {
		t.Error(err)
	}
	crossed("apps sync --versions")
	if n := b.rdb.ZCard(b.ctx, "wxr:{ledger}:loans").Val(); n != 0 {
		t.Errorf("%d apps were not given back", n)
	}
}

// A look that finds every app busy says so.
func TestQuotaThroughBusyApps(t *testing.T) {
	t.Parallel()
	b := mini(t)
	id := b.apply(simple, 1)
	b.occupy(id, appID(0))
	if q, err := b.op.Quota(b.ctx, ""); err != nil || q.Live != nil || !strings.Contains(q.Note, "a worker is calling for it") {
		t.Errorf("%+v, %v", q, err)
	}
	if _, err := b.ledger.Loan(b.ctx, appID(5), ledger.LoanMax); err != nil {
		t.Fatal(err)
	}
	if live, err := b.op.Live(b.ctx, appID(5)); err != nil || !strings.Contains(live.Busy, "somebody else reads it") {
		t.Errorf("%+v, %v", live, err)
	}
}

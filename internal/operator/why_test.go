package operator_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/internal/credential"
	"github.com/wxrollout/wxrollout/internal/launch"
	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/internal/operator/operatortest"
	"github.com/wxrollout/wxrollout/internal/view"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient"
)

func TestWhyInQuarantine(t *testing.T) {
	t.Parallel()
	b := mini(t)
	b.Apply(simple, 1)
	b.Hire()
	waits := func() string {
		t.Helper()
		e, err := b.Operator.Why(b.Ctx, appID(0), "")
		if err != nil {
			t.Fatal(err)
		}
		return e.Places[0].Waits
	}
	if got := waits(); got != "it waits for its turn" {
		t.Errorf("before a restart: %q", got)
	}
	now := b.Redis.Time(b.Ctx).Val()
	if err := b.Redis.HSet(b.Ctx, "wxr:{ledger}:server", "until", now.Add(40*time.Second).UnixMilli()).Err(); err != nil {
		t.Fatal(err)
	}
	if got := waits(); !strings.Contains(got, "Redis was restarted") || !strings.Contains(got, "no assignments for another 40s") {
		t.Errorf("after a restart: %q", got)
	}
}

func TestWhy(t *testing.T) {
	t.Parallel()
	b := mini(t)
	id := mixed(b)
	b.Hire()
	tests := []struct {
		app         int
		waits, next string // parts of them
	}{
		{0, "auditors refused it: 1: no login page", "enqueue retry " + id + " --state rejected"},
		{1, "it failed: custom version wrong", "enqueue retry " + id},
		{2, "the merchant must act", "--state parked --waits-for merchant"},
		{3, "errcode our table lacks", "--waits-for unlisted"},
		{4, "live with the plan's version before", ""},
		{5, "it is live", ""},
		{6, "its wave rest is not open: wave canary comes before it: ", ""},
	}
	for _, tt := range tests {
		e, err := b.Operator.Why(b.Ctx, appID(tt.app), "")
		if err != nil || len(e.Places) != 1 {
			t.Fatalf("app %d: %+v %v", tt.app, e, err)
		}
		p := e.Places[0]
		if !strings.Contains(p.Waits, tt.waits) || !strings.Contains(p.Next, tt.next) || (tt.next == "") != (p.Next == "") {
			t.Errorf("app %d waits for %q, do %q; want %q, %q", tt.app, p.Waits, p.Next, tt.waits, tt.next)
		}
		if p.Rollout != id || e.Label == "" {
			t.Errorf("app %d: %+v", tt.app, e)
		}
	}
	e, err := b.Operator.Why(b.Ctx, appID(2), "spring")
	if err != nil || e.Owner != id {
		t.Fatalf("owner %q: %v", e.Owner, err)
	}
	want := &view.LastError{Class: "fatal-app", Code: 61007, RID: "rid-2", Text: "permission set 18 is not granted", Known: operatortest.Known(t, 61007), At: operatortest.NewYear}
	if diff := cmp.Diff(want, e.Places[0].LastError); diff != "" {
		t.Errorf("last error (-want +got):\n%s", diff)
	}
	if len(e.Places[0].Timeline) != 1 || !e.Places[0].Due.Equal(operatortest.NewYear.Add(time.Hour)) {
		t.Errorf("timeline %+v, wakes %s", e.Places[0].Timeline, e.Places[0].Due)
	}
	if _, err := b.Operator.Why(b.Ctx, appID(99), ""); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("a strange app: %v", err)
	}
}

// TestWhyOfUnfinished looks at one target while its rollout and the world change.
func TestWhyOfUnfinished(t *testing.T) {
	t.Parallel()
	b := mini(t)
	id := b.Apply(simple, 1)
	expect := func(waits, next string) {
		t.Helper()
		e, err := b.Operator.Why(b.Ctx, appID(0), "")
		if err != nil || len(e.Places) == 0 {
			t.Fatalf("%+v %v", e, err)
		}
		if p := e.Places[0]; !strings.Contains(p.Waits, waits) || !strings.Contains(p.Next, next) || (next == "") != (p.Next == "") {
			t.Errorf("waits for %q, do %q; want %q, %q", p.Waits, p.Next, waits, next)
		}
	}
	expect("waits for its turn", "no worker of the commit queue is alive")
	b.Hire()
	expect("waits for its turn", "")
	if err := b.Pools.Close(b.Ctx, rollout.StagePreflight, ratelimit.Refusal{Reason: "45009"}, time.Hour); err != nil {
		t.Fatal(err)
	}
	expect("the preflight stage is closed for every app: errcode 45009: "+operatortest.Known(t, 45009)+"; tried again at 2030-01-01T01:00:00Z", "")
	if _, err := b.Quota.Open(b.Ctx, rollout.StagePreflight, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Operator.Pause(b.Ctx, id, "lunch"); err != nil {
		t.Fatal(err)
	}
	expect("paused by li@ops1: lunch", "enqueue resume "+id)
	if _, err := b.Operator.Resume(b.Ctx, id, ""); err != nil {
		t.Fatal(err)
	}
	assignments, err := b.Ledger.Claim(b.Ctx, rollout.Claim{Rollout: id, Stage: rollout.StagePreflight, MaxRank: 1, N: 1, Lease: time.Minute})
	if err != nil || len(assignments) != 1 {
		t.Fatalf("claim: %v %v", assignments, err)
	}
	expect("in the workers' queue", "")
	if _, err := b.Ledger.Start(b.Ctx, assignments[0], time.Minute); err != nil {
		t.Fatal(err)
	}
	expect("a worker acts on it now", "")

	other := b.Apply(strings.Replace(simple, "spring", "winter", 1), 1)
	b.Work()
	e, err := b.Operator.Why(b.Ctx, appID(0), other)
	if err != nil || e.Places[0].Waits != "it waits for rollout "+id+" (priority 0), which works on this app" {
		t.Errorf("the other rollout's: %+v %v", e, err)
	}
	if _, err := b.Operator.Abort(b.Ctx, id, "no"); err != nil {
		t.Fatal(err)
	}
	e, err = b.Operator.Why(b.Ctx, appID(0), "")
	if err != nil || len(e.Places) != 2 || e.Places[0].Rollout != other || !strings.Contains(e.Places[1].Waits, "aborted") {
		t.Errorf("both: %+v %v", e, err)
	}
}

func TestWhyScheduledAndLoading(t *testing.T) {
	t.Parallel()
	b := mini(t)
	b.Apply(simple+"start: \"2030-01-02T00:00Z\"\n", 1)
	e, err := b.Operator.Why(b.Ctx, appID(0), "")
	if err != nil || e.Places[0].Waits != "its rollout starts at 2030-01-02T00:00:00Z" {
		t.Errorf("%+v %v", e, err)
	}
	p := b.Plan(strings.Replace(simple, "spring", "winter", 1), 600)
	ctx, cancel := context.WithCancel(b.Ctx)
	defer cancel()
	if _, err := b.Launcher.Apply(ctx, p, launch.ApplyOptions{Progress: func(int, int) { cancel() }}); err == nil {
		t.Fatal("apply was not interrupted")
	}
	for target, err := range b.Operator.Targets(b.Ctx, b.Rollout(p.ID), view.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		e, err := b.Operator.Why(b.Ctx, target.AppID, p.ID)
		if err != nil || !strings.Contains(e.Places[0].Waits, "still being written") || !strings.Contains(e.Places[0].Next, "same apply again") {
			t.Errorf("%+v %v", e, err)
		}
		break
	}
}

func TestWhyIntent(t *testing.T) {
	t.Parallel()
	b := mini(t)
	b.Apply(simple, 1)
	b.Worker.Answer(appID(0), rollout.StageRelease, operatortest.Parked(rollout.StageRelease, rollout.ReasonWindow, 0, "opens at night"))
	b.Work()
	e, err := b.Operator.Why(b.Ctx, appID(0), "")
	if err != nil || e.Places[0].Waits != "the plan's release window is closed" || e.Places[0].Intent != nil || e.Places[0].Submitted.IsZero() {
		t.Errorf("%+v %v", e.Places, err)
	}
}

func TestLive(t *testing.T) {
	t.Parallel()
	b := mini(t)
	b.WeChat.Version = wxclient.VersionInfo{Exp: &wxclient.VersionEntry{Time: 60, Version: "2", Desc: "new"}}
	b.WeChat.Audit = wxclient.Audit{ID: 7, Status: wxclient.AuditRejected, Version: "1", Reason: "no"}
	live, err := b.Operator.Live(b.Ctx, appID(0))
	want := operator.Live{
		Trial: &operator.Version{Version: "2", Desc: "new", At: time.Unix(60, 0)},
		Audit: &operator.Audit{ID: 7, Status: "rejected", Version: "1", Reason: "no"},
	}
	if diff := cmp.Diff(want, live); diff != "" || err != nil {
		t.Errorf("live (-want +got):\n%s %v", diff, err)
	}
	b.WeChat.Errs["LatestAudit"] = &wxclient.Error{Code: 85012}
	if live, err := b.Operator.Live(b.Ctx, appID(0)); err != nil || live.Audit != nil {
		t.Errorf("never audited: %+v %v", live, err)
	}
	b.WeChat.Errs["LatestAudit"] = &wxclient.Error{Code: -1}
	if _, err := b.Operator.Live(b.Ctx, appID(0)); err == nil {
		t.Error("a busy WeChat is no error")
	}
	d := b.OperatorDeps()
	d.WeChat = nil
	var offline *credential.OfflineError
	if _, err := operator.New(d).Live(b.Ctx, appID(0)); !errors.As(err, &offline) {
		t.Errorf("offline: %v", err)
	}
}

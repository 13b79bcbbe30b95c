package quota_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/internal/operator/operatortest"
	"github.com/wxrollout/wxrollout/internal/quota"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient"
)

func TestQuota(t *testing.T) {
	t.Parallel()
	b := mini(t)
	b.WeChat.Apps = []string{appID(70)}
	want := &quota.Live{Rest: 10, Limit: 20, SpeedupRest: 1, SpeedupLimit: 2, AppID: appID(70)}
	if q, err := b.Quota.Report(b.Ctx, ""); err != nil || len(q.Pools) != 7 || q.Pools[0].Stage != rollout.StageSubmit || cmp.Diff(want, q.Live) != "" {
		t.Errorf("through an authorized app: %+v %v", q, err)
	}
	b.Apply(simple, 1)
	want.AppID = appID(0)
	if q, err := b.Quota.Report(b.Ctx, ""); err != nil || cmp.Diff(want, q.Live) != "" {
		t.Errorf("through an app of a rollout: %+v %v", q.Live, err)
	}
	want.AppID = appID(5)
	if q, err := b.Quota.Report(b.Ctx, appID(5)); err != nil || cmp.Diff(want, q.Live) != "" {
		t.Errorf("through a named app: %+v %v", q.Live, err)
	}
	b.WeChat.Errs["QueryQuota"] = &wxclient.Error{Code: -1}
	if q, err := b.Quota.Report(b.Ctx, ""); err != nil || q.Live != nil || q.Note == "" {
		t.Errorf("WeChat is busy: %+v %v", q, err)
	}
	if _, err := b.Quota.Report(b.Ctx, appID(5)); err == nil {
		t.Error("a named app that doesn't answer is no error")
	}
}

// A look that finds every app busy says so.
func TestQuotaThroughBusyApps(t *testing.T) {
	t.Parallel()
	b := mini(t)
	id := b.Apply(simple, 1)
	b.Occupy(id, appID(0))
	if q, err := b.Quota.Report(b.Ctx, ""); err != nil || q.Live != nil || !strings.Contains(q.Note, "a worker is calling for it") {
		t.Errorf("%+v, %v", q, err)
	}
	if _, err := b.Ledger.Loan(b.Ctx, appID(5), ledger.LoanMax); err != nil {
		t.Fatal(err)
	}
	if live, err := b.Operator.Live(b.Ctx, appID(5)); err != nil || !strings.Contains(live.Busy, "another reader borrows it") {
		t.Errorf("%+v, %v", live, err)
	}
}

func TestOpenPool(t *testing.T) {
	t.Parallel()
	b := mini(t)
	if err := b.Pools.Close(b.Ctx, rollout.StageSubmit, ratelimit.Refusal{Reason: "85085"}, time.Hour); err != nil {
		t.Fatal(err)
	}
	was, err := b.Quota.Open(b.Ctx, rollout.StageSubmit, "read wrongly")
	if err != nil || was.Open() || was.Reason != "85085" || !strings.Contains(was.Words, operatortest.Known(t, 85085)) || !was.RetryAt.Equal(operatortest.NewYear.Add(time.Hour)) {
		t.Errorf("was %+v: %v", was, err)
	}
	if pools, err := b.Quota.Pools(b.Ctx); err != nil || !pools[0].Open() {
		t.Errorf("is %+v: %v", pools[0], err)
	}
	if _, err := b.Quota.Open(b.Ctx, rollout.StageSubmit, "again"); err != nil {
		t.Error(err)
	}
	q, err := b.Quota.Report(b.Ctx, "")
	if err != nil || len(q.Actions) != 1 { // opening an open one is nothing to note
		t.Fatalf("noted %+v: %v", q.Actions, err)
	}
	if a := q.Actions[0]; !strings.Contains(a.From, "85085") || a.To != "open" || a.By == "" || a.Why != "read wrongly" || !a.At.Equal(operatortest.NewYear) {
		t.Errorf("noted %+v", a)
	}
	if _, err := b.Quota.Open(b.Ctx, "audit", ""); err == nil {
		t.Error("a stage that isn't one has a pool")
	}
}

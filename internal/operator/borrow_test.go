package operator_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/wxrollout/wxrollout/internal/doctor"
	"github.com/wxrollout/wxrollout/internal/fleet"
	"github.com/wxrollout/wxrollout/internal/operator/operatortest"
)

// TestLiveReadsTakeLoans: no look of a person calls for an app that a worker calls for.
func TestLiveReadsTakeLoans(t *testing.T) {
	t.Parallel()
	b := mini(t)
	b.WeChat.Apps = []string{appID(0)}
	id := b.Apply(simple, 3)
	b.Add(appID(0), operatortest.Healthy)
	b.Occupy(id, appID(0))
	b.WeChat.Asked = nil
	worker := "a worker is calling for it (rollout " + id + ")"
	crossed := func(what string) {
		t.Helper()
		for _, call := range b.WeChat.Asked {
			if strings.HasSuffix(call, appID(0)) && !strings.HasPrefix(call, "AuthorizerInfo") { // the platform's own call
				t.Errorf("%s made %s beside the worker", what, call)
			}
		}
		b.WeChat.Asked = nil
	}

	if q, err := b.Quota.Report(b.Ctx, ""); err != nil || q.Live == nil || q.Live.AppID == appID(0) {
		t.Errorf("quota skips no busy app: %+v, %v", q.Live, err)
	}
	crossed("quota")
	if _, err := b.Quota.Report(b.Ctx, appID(0)); err == nil || !strings.Contains(err.Error(), worker) {
		t.Errorf("quota through a busy app: %v", err)
	}
	crossed("quota APPID")
	if live, err := b.Operator.Live(b.Ctx, appID(0)); err != nil || !strings.Contains(live.Busy, worker) {
		t.Errorf("why --live: %+v, %v", live, err)
	}
	crossed("why --live")
	if d, err := b.Operator.InspectApp(b.Ctx, appID(0), true); err != nil || d.Now == nil || !strings.Contains(d.Now.Busy, worker) {
		t.Errorf("apps inspect --live: %+v, %v", d.Now, err)
	}
	crossed("apps inspect --live")
	for _, r := range b.Doctor.Check(b.Ctx, "") {
		if r.Level == doctor.LevelFail && strings.Contains(r.Detail, "calling") {
			t.Errorf("check fails for a busy app: %+v", r)
		}
	}
	crossed("check")
	results := b.Doctor.Check(b.Ctx, appID(0))
	got := results[slices.IndexFunc(results, func(r doctor.Result) bool { return r.Name == "limits of calls" })]
	if got.Level != doctor.LevelWarn || !strings.Contains(got.Detail, worker) {
		t.Errorf("check --app of a busy app: %+v", got)
	}
	crossed("check --app")
	p := b.Plan(strings.Replace(simple, "spring", "summer", 1), 3)
	if p.Quota.Source != "wechat" {
		t.Errorf("plan reads no quota though an app is idle: %+v", p.Quota)
	}
	crossed("plan")
	if _, err := b.Fleet.Sync(b.Ctx, fleet.SyncOptions{Full: true, Versions: true}); err != nil {
		t.Error(err)
	}
	crossed("apps sync --versions")
	if n := b.Redis.ZCard(b.Ctx, "wxr:{ledger}:loans").Val(); n != 0 {
		t.Errorf("%d apps were not given back", n)
	}
}

package app_test

import (
	"slices"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/promtest"
	"github.com/wxrollout/wxrollout/metrics/mixin"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxsim"
)

// mayBeEmpty names the panels that may have no answer in a rollout in full swing: at a moment, no target may
// be parked.
var mayBeEmpty = []string{"Parked by reason"}

// TestDashboardMidRollout: a Prometheus that scrapes two workers answers every
// question of the dashboard and of the alerts while a rollout has used up the
// quota and waits for more, with calls refused, replies lost and callbacks arriving.
func TestDashboardMidRollout(t *testing.T) {
	t.Parallel()
	const apps, quota = 150, 100
	f := newFleet(t, wxsim.Options{
		Seed: 5, Apps: apps, Quota: wxsim.QuotaOptions{Limit: quota}, RejectRate: 0.2, BusyRate: 0.1, LostRate: 0.05,
		PrivacyDelay: wxsim.Range{Min: 100 * time.Millisecond, Max: 500 * time.Millisecond},
		AuditDelay:   wxsim.Range{Min: 200 * time.Millisecond, Max: 10 * time.Second},
	}, byCallback...)
	one, two := f.worker(t), f.worker(t)
	f.door.open(t, one)
	f.sim.SendTicket()
	prom := promtest.Start(t, one.Addr().String(), two.Addr().String())
	id := f.apply(t, apps, "waves: [{name: canary, size: 20, reject_above: 90%, min_judged: 3}, {name: rest}]\n")
	f.until(t, id, "some are released and some wait for quota", func(r rollout.Rollout) bool {
		return r.Counts.State(rollout.StateReleased) > 20 && f.sim.Books().Submissions == quota
	})

	holding := promtest.CheckMixin(t, prom)
	full := slices.Clone(mixin.Queries())
	for i := range full {
		full[i].Sparse = full[i].Event || slices.Contains(mayBeEmpty, full[i].Panel)
	}
	for _, a := range mixin.Alerts() {
		if a.Name == "WxrolloutQuotaExhausted" { // what it is about is the case by now; the next scrape shows it
			full = append(full, mixin.Query{Panel: a.Name, Expr: a.Expr})
		}
		if a.Labels["severity"] == "critical" && slices.Contains(holding, a.Name) {
			t.Errorf("alert %s fires in a rollout without problems", a.Name)
		}
	}
	promtest.CheckQueries(t, prom, full)
	sums := map[string]float64{
		"sum(wxrollout_leader)": 1, "sum(up)": 2,
		"max(wxrollout_quota_rest)": 0, "max(wxrollout_quota_limit)": quota,
		`max(sum by (instance) (wxrollout_targets))`:    apps,
		`max(wxrollout_pool_open{stage="submit"})`:      0,
		`max(wxrollout_pool_open{stage="commit"})`:      1,
		`count(count by (stage) (wxrollout_targets))`:   float64(len(rollout.Stages())),
		`max(wxrollout_rollouts{status="running"})`:     1,
		`max(wxrollout_worker_capacity{queue="audit"})`: 32,
	}
	for expr, want := range sums {
		got, err := prom.Query(t.Context(), expr)
		if err != nil || len(got) != 1 || got[0].Value != want {
			t.Errorf("%s: %v %v, want %v", expr, got, err, want)
		}
	}
	if r, err := f.tools.Operator.Rollout(t.Context(), id); err != nil || r.Status != rollout.StatusRunning {
		t.Errorf("all this was asked of a rollout that is %v, want running: %v", r.Status, err)
	}

	f.sim.SetQuota(2*apps, 2*apps)
	r := f.finished(t, id)
	f.sound(t, id)
	if got := r.Counts.State(rollout.StateReleased) + r.Counts.State(rollout.StateRejected); got != apps {
		t.Errorf("%d targets released or rejected, want %d: %v", got, apps, r.Counts)
	}
}

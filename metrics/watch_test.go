package metrics_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/metrics"
)

// fullSource knows everything that a source can know.
func fullSource() metrics.Source {
	apps := int64(12)
	return source{
		targets: give(metrics.Targets{
			Rollouts: map[string]int{"running": 1, "paused": 1},
			Held:     map[string]int{"trip": 1},
			At:       map[metrics.Place]int{{Stage: "submit", State: "pending"}: 7, {Stage: "verdict", State: "parked"}: 3},
			Parked:   map[string]int{"verdict": 3},
			Ready:    map[string]int{"submit": 5},
		}),
		pools: give(metrics.Pools{
			Stages: map[string]metrics.Pool{
				"preflight": {Open: true}, "commit": {Open: true}, "check": {Open: true},
				"submit":  {RetryAt: now.Add(90 * time.Second)},
				"verdict": {Open: true}, "release": {Open: true},
			},
			Quota: &metrics.Quota{Rest: 0, Limit: 2000, External: 12}, UnreadSince: now.Add(-time.Hour),
		}),
		rates: give(metrics.Rates{metrics.AllEndpoints: 1, "/wxa/commit": 0.25, "/cgi-bin/elsewhere": 0.5}),
		workers: give(metrics.Workers{
			Leases:   map[string]int{"commit": 4},
			Capacity: map[string]int{"commit": 16, "audit": 16, "release": 8},
		}),
		schedules: give(metrics.Schedules{
			Runs: map[string]int{"began": 40, "skipped": 2, "postponed": 1},
			Last: map[string]time.Time{"began": now.Add(-time.Hour), "skipped": now.Add(-time.Minute), "postponed": now},
		}),
		credentials: give(metrics.Credentials{TicketAt: now.Add(-9 * time.Minute), TokenUntil: now.Add(time.Hour), AppTokens: &apps, Fault: "address"}),
	}
}

func TestGauges(t *testing.T) {
	t.Parallel()
	reg, _ := setup(t, metrics.WatchOptions{Source: fullSource()})
	got := samples(t, reg)
	for key, want := range map[string]float64{
		"wxrollout_leader{}":                                        1,
		"wxrollout_targets{stage=submit,state=pending}":             7,
		"wxrollout_targets{stage=verdict,state=parked}":             3,
		"wxrollout_targets{stage=release,state=failed}":             0,
		"wxrollout_targets_parked{reason=verdict}":                  3,
		"wxrollout_targets_parked{reason=window}":                   0,
		"wxrollout_targets_ready{stage=submit}":                     5,
		"wxrollout_rollouts{status=paused}":                         1,
		"wxrollout_rollouts{status=done}":                           0,
		"wxrollout_rollouts_held{gate=trip}":                        1,
		"wxrollout_rollouts_held{gate=fail}":                        0,
		"wxrollout_pool_open{stage=commit}":                         1,
		"wxrollout_quota_external_units{}":                          12,
		"wxrollout_quota_unread_timestamp_seconds{}":                float64(now.Add(-time.Hour).UnixMilli()) / 1000,
		"wxrollout_pool_open{stage=submit}":                         0,
		"wxrollout_pool_retry_timestamp_seconds{stage=submit}":      float64(now.Unix() + 90),
		"wxrollout_quota_rest{}":                                    0,
		"wxrollout_quota_limit{}":                                   2000,
		"wxrollout_rate_factor{endpoint=all}":                       1,
		"wxrollout_rate_factor{endpoint=/wxa/commit}":               0.25,
		"wxrollout_leases{queue=commit}":                            4,
		"wxrollout_worker_capacity{queue=release}":                  8,
		"wxrollout_schedule_runs{result=began}":                     40,
		"wxrollout_schedule_runs{result=missed}":                    0,
		"wxrollout_schedule_runs{result=skipped}":                   2,
		"wxrollout_schedule_runs{result=other}":                     1,
		"wxrollout_schedule_last_timestamp_seconds{result=skipped}": float64(now.Unix() - 60),
		"wxrollout_ticket_age_seconds{}":                            540,
		"wxrollout_component_token_expiry_seconds{}":                3600,
		"wxrollout_app_tokens{}":                                    12,
		"wxrollout_platform_fault{kind=address}":                    1,
		"wxrollout_platform_fault{kind=other}":                      0,
	} {
		if v, ok := got[key]; !ok || v != want {
			t.Errorf("%s = %v (there: %t), want %v", key, v, ok, want)
		}
	}
	if _, ok := got["wxrollout_pool_retry_timestamp_seconds{stage=commit}"]; ok {
		t.Error("an open pool has a retry time")
	}
	for _, result := range []string{"missed", "postponed", "other"} {
		if _, ok := got["wxrollout_schedule_last_timestamp_seconds{result="+result+"}"]; ok {
			t.Errorf("a run was %s, though none was", result)
		}
	}
	if _, ok := got["wxrollout_rate_factor{endpoint=/cgi-bin/elsewhere}"]; ok {
		t.Error("an endpoint outside of the set has a series")
	}
}

// TestUnknownIsAbsent: what is not known is not shown as 0.
func TestUnknownIsAbsent(t *testing.T) {
	t.Parallel()
	reg, _ := setup(t, metrics.WatchOptions{Source: source{}})
	got := samples(t, reg)
	for _, key := range []string{
		"wxrollout_quota_rest{}", "wxrollout_quota_limit{}", "wxrollout_ticket_age_seconds{}",
		"wxrollout_component_token_expiry_seconds{}", "wxrollout_app_tokens{}", "wxrollout_pool_open{stage=submit}",
	} {
		if v, ok := got[key]; ok {
			t.Errorf("%s = %v, want it absent", key, v)
		}
	}
}

// TestOddPlacesStaySummed: a newer worker's stage or state is not lost from the sum.
func TestOddPlacesStaySummed(t *testing.T) {
	t.Parallel()
	reg, _ := setup(t, metrics.WatchOptions{Source: source{targets: give(metrics.Targets{
		At: map[metrics.Place]int{
			{Stage: "commit", State: "pending"}: 1, {Stage: "warmup", State: "pending"}: 2,
			{Stage: "cooldown", State: "pending"}: 3, {Stage: "commit", State: "molten"}: 4,
		},
		Parked: map[string]int{"busy": 1, "moon": 2, "tide": 3},
	})}})
	got := samples(t, reg)
	for key, want := range map[string]float64{
		"wxrollout_targets{stage=commit,state=pending}": 1,
		"wxrollout_targets{stage=other,state=pending}":  5,
		"wxrollout_targets{stage=commit,state=other}":   4,
		"wxrollout_targets_parked{reason=other}":        5,
	} {
		if got[key] != want {
			t.Errorf("%s = %v, want %v", key, got[key], want)
		}
	}
}

// TestOnlyTheLeaderReads: other workers show that they don't lead, and read nothing.
func TestOnlyTheLeaderReads(t *testing.T) {
	t.Parallel()
	var leads atomic.Bool
	var reads atomic.Int64
	src := source{workers: func(context.Context) (metrics.Workers, error) {
		reads.Add(1)
		return metrics.Workers{}, nil
	}}
	reg, _ := setup(t, metrics.WatchOptions{Source: src, Leader: leads.Load})
	follower := samples(t, reg)
	if v, ok := follower["wxrollout_leader{}"]; !ok || v != 0 {
		t.Errorf("a follower shows leader %v (there: %t), want 0", v, ok)
	}
	if reads.Load() != 0 {
		t.Errorf("a follower read its source %d times", reads.Load())
	}
	if _, ok := follower["wxrollout_leases{queue=commit}"]; ok {
		t.Error("a follower shows the fleet's gauges: sums over workers would be wrong")
	}
	leads.Store(true)
	if v := samples(t, reg)["wxrollout_leader{}"]; v != 1 || reads.Load() != 1 {
		t.Errorf("as leader: leader %v, %d reads, want 1 and 1", v, reads.Load())
	}
}

// TestFailureTakesOneCollectorAway: what can't be read is counted and reported, and
// the other gauges stay.
func TestFailureTakesOneCollectorAway(t *testing.T) {
	t.Parallel()
	full := fullSource().(source)
	down := pipeliner(func(context.Context, func(redis.Pipeliner) error) ([]redis.Cmder, error) {
		return nil, errors.New("redis is away")
	})
	tests := map[string]struct {
		src  source
		rdb  metrics.Pipeliner
		gone string
	}{
		"targets":     {src: source{targets: fail[metrics.Targets]("no ledger"), pools: full.pools, rates: full.rates, workers: full.workers, credentials: full.credentials, schedules: full.schedules}, gone: "wxrollout_targets{stage=commit,state=pending}"},
		"pools":       {src: source{pools: fail[metrics.Pools]("no pools"), targets: full.targets, rates: full.rates, workers: full.workers, credentials: full.credentials, schedules: full.schedules}, gone: "wxrollout_pool_open{stage=submit}"},
		"rates":       {src: source{rates: fail[metrics.Rates]("no rates"), targets: full.targets, pools: full.pools, workers: full.workers, credentials: full.credentials, schedules: full.schedules}, gone: "wxrollout_rate_factor{endpoint=all}"},
		"workers":     {src: source{workers: fail[metrics.Workers]("no workers"), targets: full.targets, pools: full.pools, rates: full.rates, credentials: full.credentials, schedules: full.schedules}, gone: "wxrollout_leases{queue=commit}"},
		"schedules":   {src: source{schedules: fail[metrics.Schedules]("no schedules"), targets: full.targets, pools: full.pools, rates: full.rates, workers: full.workers, credentials: full.credentials}, gone: "wxrollout_schedule_runs{result=began}"},
		"credentials": {src: source{credentials: fail[metrics.Credentials]("no vault"), targets: full.targets, pools: full.pools, rates: full.rates, workers: full.workers, schedules: full.schedules}, gone: "wxrollout_ticket_age_seconds{}"},
		"queues":      {src: full, rdb: down, gone: "wxrollout_queue_tasks{queue=commit,state=pending}"},
	}
	gauges := make(map[string]bool)
	for _, tt := range tests {
		gauges[tt.gone] = true
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var reported []string
			reg, _ := setup(t, metrics.WatchOptions{
				Source: tt.src, Redis: tt.rdb,
				Failed: func(collector string, err error) { reported = append(reported, collector) },
			})
			got := samples(t, reg)
			for key := range gauges {
				if _, ok := got[key]; ok == (key == tt.gone) {
					t.Errorf("%s there: %t", key, ok)
				}
			}
			if diff := cmp.Diff([]string{name}, reported); diff != "" {
				t.Errorf("reported failures (-want +got):\n%s", diff)
			}
			// The count itself may be of the scrape before, so look once more.
			got = samples(t, reg)
			for _, c := range []string{"targets", "pools", "rates", "workers", "credentials", "queues"} {
				v, ok := got["wxrollout_collect_errors_total{collector="+c+"}"]
				if failed := v >= 1; !ok || failed != (c == name) {
					t.Errorf("errors of %s: %v (there: %t)", c, v, ok)
				}
			}
		})
	}
}

// TestDeadline: a source that hangs is given up, as any that fails.
func TestDeadline(t *testing.T) {
	t.Parallel()
	src := source{targets: func(ctx context.Context) (metrics.Targets, error) {
		<-ctx.Done()
		return metrics.Targets{}, ctx.Err()
	}}
	var reported error
	reg, _ := setup(t, metrics.WatchOptions{
		Source: src, Timeout: time.Millisecond, Failed: func(_ string, err error) { reported = err },
	})
	if _, ok := samples(t, reg)["wxrollout_leases{queue=commit}"]; !ok {
		t.Error("the other gauges are gone too")
	}
	if !errors.Is(reported, context.DeadlineExceeded) {
		t.Errorf("reported %v, want the deadline", reported)
	}
}

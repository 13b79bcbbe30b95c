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
		rollouts: give(metrics.Rollouts{
			Shown: []metrics.Rollout{
				{
					ID: "spring-1", Name: "spring", Template: "7", Version: "2.0.0", Status: "running", Created: now.Add(-2 * time.Hour), Started: now.Add(-time.Hour), Reserved: 50,
					Waves: []metrics.Wave{
						{
							Name: "canary", At: map[metrics.Place]int{{Stage: "release", State: "released"}: 8, {Stage: "verdict", State: "rejected"}: 2},
							Gate: &metrics.Gate{Decision: "fail", Limit: 0.08, Judged: 10, Bad: 2, Needed: 10},
						},
						{
							Name: "rest", Parked: map[string]int{"verdict": 3, "moonrise": 1},
							At: map[metrics.Place]int{{Stage: "submit", State: "pending"}: 7, {Stage: "verdict", State: "parked"}: 3, {Stage: "moon", State: "parked"}: 1},
						},
					},
				},
				{ID: "winter-1", Name: "winter", Template: "0", Version: "1.9.0", Status: "done", Created: now.Add(-3 * time.Hour), Ended: now},
			},
			Others: map[metrics.Place]int{{Stage: "submit", State: "pending"}: 5},
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
		"wxrollout_leader{}":                            1,
		"wxrollout_targets{stage=submit,state=pending}": 7,
		"wxrollout_targets{stage=verdict,state=parked}": 3,
		"wxrollout_targets{stage=release,state=failed}": 0,
		"wxrollout_targets_parked{reason=verdict}":      3,

		"wxrollout_rollout_info{name=spring,rollout=spring-1,template=7,version=2.0.0}":        1,
		"wxrollout_rollout_info{name=winter,rollout=winter-1,template=0,version=1.9.0}":        1,
		"wxrollout_rollout_status{rollout=spring-1,status=running}":                            1,
		"wxrollout_rollout_status{rollout=spring-1,status=paused}":                             0,
		"wxrollout_rollout_status{rollout=winter-1,status=done}":                               1,
		"wxrollout_rollout_created_timestamp_seconds{rollout=spring-1}":                        seconds(now.Add(-2 * time.Hour)),
		"wxrollout_rollout_started_timestamp_seconds{rollout=spring-1}":                        seconds(now.Add(-time.Hour)),
		"wxrollout_rollout_ended_timestamp_seconds{rollout=winter-1}":                          seconds(now),
		"wxrollout_rollout_quota_reserved{rollout=spring-1}":                                   50,
		"wxrollout_rollout_targets{rollout=spring-1,stage=release,state=released,wave=canary}": 8,
		"wxrollout_rollout_targets{rollout=spring-1,stage=verdict,state=rejected,wave=canary}": 2,
		"wxrollout_rollout_targets{rollout=spring-1,stage=submit,state=pending,wave=rest}":     7,
		"wxrollout_rollout_targets{rollout=spring-1,stage=other,state=parked,wave=rest}":       1,
		"wxrollout_rollout_targets{rollout=other,stage=submit,state=pending,wave=other}":       5,
		"wxrollout_rollout_targets_parked{reason=verdict,rollout=spring-1,wave=rest}":          3,
		"wxrollout_rollout_targets_parked{reason=other,rollout=spring-1,wave=rest}":            1,
		"wxrollout_rollout_gate{decision=fail,rollout=spring-1,wave=canary}":                   1,
		"wxrollout_rollout_gate{decision=pass,rollout=spring-1,wave=canary}":                   0,
		"wxrollout_rollout_gate_limit_ratio{rollout=spring-1,wave=canary}":                     0.08,
		"wxrollout_rollout_gate_judged{rollout=spring-1,wave=canary}":                          10,
		"wxrollout_rollout_gate_bad{rollout=spring-1,wave=canary}":                             2,
		"wxrollout_rollout_gate_needed{rollout=spring-1,wave=canary}":                          10,

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
		spoil func(*source)
		rdb   metrics.Pipeliner
		gone  string
	}{
		"targets":     {func(s *source) { s.targets = fail[metrics.Targets]("no ledger") }, nil, "wxrollout_targets{stage=commit,state=pending}"},
		"rollouts":    {func(s *source) { s.rollouts = fail[metrics.Rollouts]("no ledger") }, nil, "wxrollout_rollout_targets{rollout=spring-1,stage=submit,state=pending,wave=rest}"},
		"pools":       {func(s *source) { s.pools = fail[metrics.Pools]("no pools") }, nil, "wxrollout_pool_open{stage=submit}"},
		"rates":       {func(s *source) { s.rates = fail[metrics.Rates]("no rates") }, nil, "wxrollout_rate_factor{endpoint=all}"},
		"workers":     {func(s *source) { s.workers = fail[metrics.Workers]("no workers") }, nil, "wxrollout_leases{queue=commit}"},
		"schedules":   {func(s *source) { s.schedules = fail[metrics.Schedules]("no schedules") }, nil, "wxrollout_schedule_runs{result=began}"},
		"credentials": {func(s *source) { s.credentials = fail[metrics.Credentials]("no vault") }, nil, "wxrollout_ticket_age_seconds{}"},
		"queues":      {func(*source) {}, down, "wxrollout_queue_tasks{queue=commit,state=pending}"},
	}
	gauges := make(map[string]bool)
	for _, tt := range tests {
		gauges[tt.gone] = true
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var reported []string
			src := full
			tt.spoil(&src)
			reg, _ := setup(t, metrics.WatchOptions{
				Source: src, Redis: tt.rdb,
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
			for _, c := range []string{"targets", "rollouts", "pools", "rates", "workers", "credentials", "queues"} {
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

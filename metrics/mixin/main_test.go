package mixin_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/wxrollout/wxrollout/internal/app"
	"github.com/wxrollout/wxrollout/metrics"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fleet is a metrics.Source with a rollout under way. A bare one knows only
// what any source knows.
type fleet struct{ bare bool }

func (fleet) Targets(context.Context) (metrics.Targets, error) {
	return metrics.Targets{
		Rollouts: map[string]int{"running": 1},
		At:       map[metrics.Place]int{{Stage: "submit", State: "pending"}: 7, {Stage: "verdict", State: "parked"}: 3},
		Parked:   map[string]int{"verdict": 3}, Ready: map[string]int{"submit": 7},
	}, nil
}

func (f fleet) Rollouts(context.Context) (metrics.Rollouts, error) {
	if f.bare {
		return metrics.Rollouts{}, nil
	}
	began := time.Now().Add(-time.Hour)
	canary := metrics.Wave{
		Name: "canary", At: map[metrics.Place]int{{Stage: "release", State: "released"}: 8, {Stage: "verdict", State: "rejected"}: 2},
		Gate: &metrics.Gate{Decision: "fail", Limit: 0.08, Judged: 10, Bad: 2, Needed: 10},
	}
	rest := metrics.Wave{
		Name: "rest", Parked: map[string]int{"verdict": 3},
		At: map[metrics.Place]int{{Stage: "submit", State: "pending"}: 7, {Stage: "verdict", State: "parked"}: 3},
	}
	return metrics.Rollouts{
		Shown: []metrics.Rollout{
			{ID: "spring-1", Name: "spring", Template: "1", Version: "2.0.0", Status: "running", Created: began, Started: began, Waves: []metrics.Wave{canary, rest}},
			{ID: "winter-1", Name: "winter", Template: "0", Version: "1.9.0", Status: "done", Created: began, Started: began, Ended: time.Now(), Waves: []metrics.Wave{canary}},
		},
		Others: map[metrics.Place]int{{Stage: "submit", State: "pending"}: 5},
	}, nil
}

func (f fleet) Pools(context.Context) (metrics.Pools, error) {
	p := metrics.Pools{Stages: make(map[string]metrics.Pool)}
	for _, stage := range []string{"preflight", "commit", "check", "submit", "verdict", "release", "undo"} {
		p.Stages[stage] = metrics.Pool{Open: true}
	}
	if !f.bare {
		p.Stages["submit"] = metrics.Pool{RetryAt: time.Now().Add(time.Minute)}
		p.Quota, p.UnreadSince = &metrics.Quota{Rest: 0, Limit: 2000}, time.Now()
	}
	return p, nil
}

func (fleet) Rates(context.Context) (metrics.Rates, error) {
	return metrics.Rates{metrics.AllEndpoints: 1, "/wxa/commit": 0.75, "/wxa/release": 1}, nil
}

func (fleet) Workers(context.Context) (metrics.Workers, error) {
	return metrics.Workers{
		Leases:   map[string]int{"audit": 3},
		Capacity: map[string]int{"commit": 16, "audit": 16, "release": 8},
	}, nil
}

func (f fleet) Schedules(context.Context) (metrics.Schedules, error) {
	if f.bare {
		return metrics.Schedules{}, nil
	}
	old := time.Now().AddDate(0, -1, 0)
	return metrics.Schedules{
		Runs: map[string]int{"began": 12, "missed": 1, "skipped": 1},
		Last: map[string]time.Time{"began": old, "missed": old, "skipped": old},
	}, nil
}

func (f fleet) Credentials(context.Context) (metrics.Credentials, error) {
	if f.bare {
		return metrics.Credentials{}, nil
	}
	apps := int64(5)
	return metrics.Credentials{TicketAt: time.Now().Add(-time.Minute), TokenUntil: time.Now().Add(time.Hour), AppTokens: &apps}, nil
}

// registry is a worker's metrics.
func registry(t *testing.T, src fleet, leads bool) (*prometheus.Registry, *metrics.Metrics) {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	t.Cleanup(func() { _ = rdb.Close() }) // the test is over
	reg := prometheus.NewRegistry()
	m := metrics.New(reg, app.Labels())
	m.Build("v1", "abc")
	m.Watch(metrics.WatchOptions{Leader: func() bool { return leads }, Source: src, Redis: rdb})
	return reg, m
}

// worker serves a worker's metrics and returns its host:port.
func worker(t *testing.T, src fleet, leads bool) (addr string, m *metrics.Metrics) {
	t.Helper()
	reg, m := registry(t, src, leads)
	srv := httptest.NewServer(promhttp.HandlerFor(reg, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError}))
	t.Cleanup(srv.Close)
	return strings.TrimPrefix(srv.URL, "http://"), m
}

package metrics_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/wxrollout/wxrollout/internal/app"
	"github.com/wxrollout/wxrollout/metrics"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// now is the tests' present.
var now = time.Date(2026, 12, 1, 2, 0, 0, 0, time.UTC)

// source is a metrics.Source whose answers a test sets; nil ones are empty.
type source struct {
	targets     func(context.Context) (metrics.Targets, error)
	rollouts    func(context.Context) (metrics.Rollouts, error)
	pools       func(context.Context) (metrics.Pools, error)
	rates       func(context.Context) (metrics.Rates, error)
	workers     func(context.Context) (metrics.Workers, error)
	schedules   func(context.Context) (metrics.Schedules, error)
	credentials func(context.Context) (metrics.Credentials, error)
}

func ask[T any](ctx context.Context, f func(context.Context) (T, error)) (T, error) {
	if f == nil {
		var none T
		return none, nil
	}
	return f(ctx)
}

func (s source) Targets(ctx context.Context) (metrics.Targets, error) { return ask(ctx, s.targets) }
func (s source) Rollouts(ctx context.Context) (metrics.Rollouts, error) {
	return ask(ctx, s.rollouts)
}
func (s source) Pools(ctx context.Context) (metrics.Pools, error) { return ask(ctx, s.pools) }
func (s source) Rates(ctx context.Context) (metrics.Rates, error) { return ask(ctx, s.rates) }
func (s source) Schedules(ctx context.Context) (metrics.Schedules, error) {
	return ask(ctx, s.schedules)
}
func (s source) Workers(ctx context.Context) (metrics.Workers, error) { return ask(ctx, s.workers) }
func (s source) Credentials(ctx context.Context) (metrics.Credentials, error) {
	return ask(ctx, s.credentials)
}

// give is a source's answer.
func give[T any](v T) func(context.Context) (T, error) {
	return func(context.Context) (T, error) { return v, nil }
}

// fail is a source's failure.
func fail[T any](text string) func(context.Context) (T, error) {
	return func(context.Context) (T, error) {
		var none T
		return none, errors.New(text)
	}
}

// pipeliner is a Redis that a test plays.
type pipeliner func(context.Context, func(redis.Pipeliner) error) ([]redis.Cmder, error)

func (p pipeliner) Pipelined(ctx context.Context, fn func(redis.Pipeliner) error) ([]redis.Cmder, error) {
	return p(ctx, fn)
}

// noRedis sends nothing and answers without error: every queue is empty.
var noRedis = pipeliner(func(_ context.Context, fn func(redis.Pipeliner) error) ([]redis.Cmder, error) {
	rdb := redis.NewClient(&redis.Options{}) // connects when it has something to send
	return nil, errors.Join(fn(rdb.Pipeline()), rdb.Close())
})

// setup is a registry whose gauges a leader reads from src.
func setup(t *testing.T, o metrics.WatchOptions) (*prometheus.Registry, *metrics.Metrics) {
	t.Helper()
	if o.Leader == nil {
		o.Leader = func() bool { return true }
	}
	if o.Source == nil {
		o.Source = source{}
	}
	if o.Redis == nil {
		o.Redis = noRedis
	}
	o.Now = func() time.Time { return now }
	reg := prometheus.NewPedanticRegistry()
	m := metrics.New(reg, app.Labels())
	m.Watch(o)
	return reg, m
}

// samples are what a scrape shows, by "name{label="value",…}".
func samples(t *testing.T, reg prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatalf("gather: %v", err)
	}
	out := make(map[string]float64)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			key := f.GetName() + "{" + strings.Join(labels, ",") + "}"
			switch {
			case m.GetCounter() != nil:
				out[key] = m.GetCounter().GetValue()
			case m.GetGauge() != nil:
				out[key] = m.GetGauge().GetValue()
			default:
				out[key] = float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return out
}

// changed are the samples that differ between two scrapes.
func changed(before, after map[string]float64) map[string]float64 {
	out := make(map[string]float64)
	for key, v := range after {
		if was, ok := before[key]; !ok || was != v {
			out[key] = v
		}
	}
	return out
}

// seconds is a time as a gauge shows it.
func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

package metrics_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/wxrollout/wxrollout/internal/app"
	"github.com/wxrollout/wxrollout/metrics"
)

// TestCounters feeds each hook and says which series move. A series that a scrape
// shows first with its first increment would be invisible to increase(): so
// what moved must have been there before, unless it is outside of its set.
func TestCounters(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		feed  func(*metrics.Metrics)
		want  map[string]float64
		fresh bool // the series is not there before
	}{
		"transition": {
			feed: func(m *metrics.Metrics) { m.Transition("submit", "advanced", "pending") },
			want: map[string]float64{"wxrollout_transitions_total{event=advanced,stage=submit,state=pending}": 1},
		},
		"transition of an unknown kind": {
			feed:  func(m *metrics.Metrics) { m.Transition("wx0123456789abcdef", "exploded", "gone") },
			want:  map[string]float64{"wxrollout_transitions_total{event=other,stage=other,state=other}": 1},
			fresh: true,
		},
		"transition to a state that the event can't lead to": {
			feed:  func(m *metrics.Metrics) { m.Transition("submit", "advanced", "failed") },
			want:  map[string]float64{"wxrollout_transitions_total{event=advanced,stage=submit,state=other}": 1},
			fresh: true,
		},
		"dropped": {
			feed: func(m *metrics.Metrics) { m.Dropped("commit", "stale"); m.Dropped("none", "payload") },
			want: map[string]float64{
				"wxrollout_tasks_dropped_total{stage=commit,why=stale}": 1,
				"wxrollout_tasks_dropped_total{stage=none,why=payload}": 1,
			},
		},
		"verdict": {
			feed: func(m *metrics.Metrics) { m.Verdict("passed"); m.Verdict("passed"); m.Verdict("withdrawn") },
			want: map[string]float64{"wxrollout_verdicts_total{verdict=passed}": 2, "wxrollout_verdicts_total{verdict=withdrawn}": 1},
		},
		"call that went well": {
			feed: func(m *metrics.Metrics) { m.Call("/wxa/commit", "ok", 0, time.Second) },
			want: map[string]float64{
				"wxrollout_wechat_requests_total{class=ok,endpoint=/wxa/commit}":  1,
				"wxrollout_wechat_request_duration_seconds{endpoint=/wxa/commit}": 1,
			},
		},
		"call with an errcode": {
			feed: func(m *metrics.Metrics) { m.Call("/wxa/submit_audit", "throttle-platform", 85085, time.Second) },
			want: map[string]float64{
				"wxrollout_wechat_requests_total{class=throttle-platform,endpoint=/wxa/submit_audit}": 1,
				"wxrollout_wechat_errcodes_total{code=85085}":                                         1,
				"wxrollout_wechat_request_duration_seconds{endpoint=/wxa/submit_audit}":               1,
			},
		},
		"call with an unlisted errcode": {
			feed: func(m *metrics.Metrics) { m.Call("/wxa/commit", "unknown", 987654321, time.Second) },
			want: map[string]float64{
				"wxrollout_wechat_requests_total{class=unknown,endpoint=/wxa/commit}": 1,
				"wxrollout_wechat_errcodes_total{code=other}":                         1,
				"wxrollout_wechat_request_duration_seconds{endpoint=/wxa/commit}":     1,
			},
		},
		"call without an answer": {
			feed: func(m *metrics.Metrics) { m.Call("/wxa/release", "", 0, 15*time.Second) },
			want: map[string]float64{
				"wxrollout_wechat_requests_total{class=no-answer,endpoint=/wxa/release}": 1,
				"wxrollout_wechat_request_duration_seconds{endpoint=/wxa/release}":       1,
			},
		},
		"call to an unknown endpoint": {
			feed: func(m *metrics.Metrics) { m.Call("/wxa/x?access_token=S3CRET", "fine", 0, time.Second) },
			want: map[string]float64{
				"wxrollout_wechat_requests_total{class=other,endpoint=other}": 1,
				"wxrollout_wechat_request_duration_seconds{endpoint=other}":   1,
			},
			fresh: true,
		},
		"pool closed": {
			feed: func(m *metrics.Metrics) { m.PoolClosed("submit", "85085") },
			want: map[string]float64{"wxrollout_pool_closings_total{reason=85085,stage=submit}": 1},
		},
		"tick that moved": {
			feed: func(m *metrics.Metrics) { m.Passed(metrics.Pass{Woken: 1, Expired: 2, Claimed: 3}) },
			want: map[string]float64{
				"wxrollout_controller_passes_total{result=moved}": 1,
				"wxrollout_controller_woken_total{}":              1,
				"wxrollout_controller_expired_total{}":            2,
				"wxrollout_controller_assignments_total{}":        3,
			},
		},
		"tick that only changed a rollout": {
			feed: func(m *metrics.Metrics) { m.Passed(metrics.Pass{Changed: 1}) },
			want: map[string]float64{"wxrollout_controller_passes_total{result=moved}": 1},
		},
		"idle tick": {
			feed: func(m *metrics.Metrics) { m.Passed(metrics.Pass{}) },
			want: map[string]float64{"wxrollout_controller_passes_total{result=idle}": 1},
		},
		"tick that failed half-way": {
			feed: func(m *metrics.Metrics) { m.Passed(metrics.Pass{Claimed: 5, Failed: true}) },
			want: map[string]float64{
				"wxrollout_controller_passes_total{result=error}": 1,
				"wxrollout_controller_assignments_total{}":        5,
			},
		},
		"renewals": {
			feed: func(m *metrics.Metrics) {
				m.TokenRenewed("app", "merchant")
				m.TokenRenewed("component", "ok")
			},
			want: map[string]float64{
				"wxrollout_token_renewals_total{result=merchant,token=app}": 1,
				"wxrollout_token_renewals_total{result=ok,token=component}": 1,
			},
		},
		"callbacks": {
			feed: func(m *metrics.Metrics) {
				m.CallbackAccepted("weapp_audit_success")
				m.CallbackAccepted("weapp_something_new")
				m.CallbackRefused("signature")
			},
			want: map[string]float64{
				"wxrollout_callbacks_total{result=accepted,type=weapp_audit_success}": 1,
				"wxrollout_callbacks_total{result=accepted,type=other}":               1,
				"wxrollout_callbacks_total{result=signature,type=none}":               1,
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reg := prometheus.NewPedanticRegistry()
			m := metrics.New(reg, app.Labels())
			before := samples(t, reg)
			tt.feed(m)
			if diff := cmp.Diff(tt.want, changed(before, samples(t, reg))); diff != "" {
				t.Errorf("moved series (-want +got):\n%s", diff)
			}
			for key := range tt.want {
				if _, ok := before[key]; ok == tt.fresh {
					t.Errorf("%s was there before: %t, want %t", key, ok, !tt.fresh)
				}
			}
		})
	}
}

func TestBuild(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewPedanticRegistry()
	m := metrics.New(reg, app.Labels())
	m.Build("v1", "abc")
	m.Build("v2", "def")
	got := 0
	for key, v := range samples(t, reg) {
		if strings.HasPrefix(key, "wxrollout_build_info{") {
			got++
			if !strings.Contains(key, "revision=def,version=v2") || v != 1 {
				t.Errorf("%s = %v, want version v2 as 1", key, v)
			}
		}
	}
	if got != 1 {
		t.Errorf("%d build_info series, want only the last", got)
	}
}

// TestNamesAreIdiomatic asks Prometheus's own linter, with every series there is.
func TestNamesAreIdiomatic(t *testing.T) {
	t.Parallel()
	reg, m := setup(t, metrics.WatchOptions{Source: fullSource(), Leader: func() bool { return true }})
	m.Build("v1", "abc")
	problems, err := testutil.GatherAndLint(reg)
	if err != nil {
		t.Fatalf("lint: %v", err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// TestSeriesAreBounded is a worker's whole cost to Prometheus after any history:
// label values from outside are folded into one.
func TestSeriesAreBounded(t *testing.T) {
	t.Parallel()
	reg, m := setup(t, metrics.WatchOptions{Source: fullSource()})
	quiet := len(samples(t, reg))
	for i := range int64(5000) {
		app := "wx" + time.Duration(i).String()
		m.Transition(app, app, app)
		m.Dropped(app, app)
		m.Verdict(app)
		m.Call("/wxa/"+app, app, i, 0)
		m.Call("/wxa/commit", "unknown", -i-2, 0)
		m.PoolClosed(app, app)
		m.CallbackAccepted(app)
		m.CallbackRefused(app)
		m.TokenRenewed(app, app)
	}
	const folded = 10 // one series of "other" each, and two of Call
	if got := len(samples(t, reg)); got > quiet+folded {
		t.Errorf("%d series after odd values, %d before: a label is unbounded", got, quiet)
	}
	if quiet > 1000 {
		t.Errorf("%d series in a quiet worker: too many", quiet)
	}
}

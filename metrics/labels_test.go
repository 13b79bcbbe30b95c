package metrics_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/wxrollout/wxrollout/internal/app"
	"github.com/wxrollout/wxrollout/metrics"
	"github.com/wxrollout/wxrollout/registry"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/classify"
	"github.com/wxrollout/wxrollout/wxclient"
	"github.com/wxrollout/wxrollout/wxclient/callback"
	"github.com/wxrollout/wxrollout/wxclient/errcode"
)

// values are the values of a label that a scrape of a leader shows, sorted,
// without those of no owner.
func values(t *testing.T, metric, label string, without ...string) []string {
	t.Helper()
	reg, _ := setup(t, metrics.WatchOptions{Source: fullSource()})
	var got []string
	for key := range samples(t, reg) {
		name, labels, _ := strings.Cut(strings.TrimSuffix(key, "}"), "{")
		if name != metric {
			continue
		}
		for l := range strings.SplitSeq(labels, ",") {
			if k, v, _ := strings.Cut(l, "="); k == label && !slices.Contains(without, v) {
				got = append(got, v)
			}
		}
	}
	slices.Sort(got)
	return slices.Compact(got)
}

// texts are values as plain sorted text.
func texts[T ~string](list ...T) []string {
	var out []string
	for _, v := range list {
		out = append(out, string(v))
	}
	slices.Sort(out)
	return out
}

// TestSetsAreTheirOwners compares the label sets with the packages they restate.
func TestSetsAreTheirOwners(t *testing.T) {
	t.Parallel()
	tests := []struct {
		metric, label string
		without, want []string
	}{
		{"wxrollout_targets", "stage", nil, texts(rollout.Stages()...)},
		{"wxrollout_targets", "state", nil, texts(rollout.States()...)},
		{"wxrollout_targets_parked", "reason", nil, texts(rollout.Reasons()...)},
		{"wxrollout_targets_ready", "stage", nil, texts(rollout.Stages()...)},
		{"wxrollout_rollout_status", "status", nil, texts(
			rollout.StatusLoading, rollout.StatusScheduled, rollout.StatusRunning,
			rollout.StatusPaused, rollout.StatusDone, rollout.StatusAborted,
		)},
		{"wxrollout_rollout_gate", "decision", nil, texts(rollout.DecisionHold, rollout.DecisionPass, rollout.DecisionFail, rollout.DecisionTrip)},
		{"wxrollout_leases", "queue", nil, texts(rollout.QueueNames()...)},
		{"wxrollout_queue_tasks", "queue", nil, texts(rollout.QueueNames()...)},
		{"wxrollout_rollouts", "status", nil, texts(
			rollout.StatusLoading, rollout.StatusScheduled, rollout.StatusRunning,
			rollout.StatusPaused, rollout.StatusDone, rollout.StatusAborted,
		)},
		{"wxrollout_rollouts_held", "gate", nil, texts(rollout.DecisionHold, rollout.DecisionFail, rollout.DecisionTrip)},
		{"wxrollout_wechat_requests_total", "class", []string{metrics.ClassNotSent, metrics.ClassNoAnswer}, texts(errcode.Classes()...)},
		{"wxrollout_callbacks_total", "result", []string{"accepted"}, texts(callback.Reasons()...)},
		{"wxrollout_platform_fault", "kind", nil, texts(rollout.FaultCauses()...)},
		{"wxrollout_token_renewals_total", "result", nil, texts(registry.RenewalResults()...)},
		{"wxrollout_callbacks_total", "type", []string{"none", metrics.Other}, texts(
			callback.TypeTicket, callback.TypeAuthorized, callback.TypeUpdateAuthorized, callback.TypeUnauthorized,
			callback.TypeAuditSuccess, callback.TypeAuditFail, callback.TypeAuditDelay,
		)},
	}
	for _, tt := range tests {
		t.Run(tt.metric+"/"+tt.label, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, values(t, tt.metric, tt.label, tt.without...)); diff != "" {
				t.Errorf("-owner +metrics:\n%s", diff)
			}
		})
	}
}

// TestEndpointsExist finds a path that wxclient doesn't call, or no longer.
func TestEndpointsExist(t *testing.T) {
	t.Parallel()
	owner := endpointsOf(t)
	for _, endpoint := range values(t, "wxrollout_wechat_requests_total", "endpoint") {
		if !slices.Contains(owner, endpoint) {
			t.Errorf("wxclient has no endpoint %s", endpoint)
		}
	}
}

// endpointsOf reads the paths out of wxclient's source, which keeps each beside
// its method and lists them nowhere.
func endpointsOf(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../wxclient/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("list the files of wxclient: %v, %d files", err, len(files))
	}
	var paths []string
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatalf("parse %s: %v", name, err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			text, err := strconv.Unquote(lit.Value)
			if err == nil && (strings.HasPrefix(text, "/wxa/") || strings.HasPrefix(text, "/cgi-bin/")) {
				paths = append(paths, text)
			}
			return true
		})
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// TestTransitionsAreSteps reads rollout's table of all transitions: each must
// have a separate series. Intents are written in the middle of an assignment and
// end none.
func TestTransitionsAreSteps(t *testing.T) {
	t.Parallel()
	table, err := os.ReadFile("../rollout/testdata/transitions.golden")
	if err != nil {
		t.Fatalf("read the transition table: %v", err)
	}
	type step struct{ stage, event, state string }
	seen := make(map[step]bool)
	var stage string
	for line := range strings.Lines(string(table)) {
		left, right, arrow := strings.Cut(strings.TrimRight(line, "\n"), " -> ")
		if !arrow {
			if at, _, ok := strings.Cut(left, "/"); ok && !strings.HasPrefix(left, " ") && !strings.HasPrefix(left, "#") {
				stage = at
			}
			continue
		}
		event, _, _ := strings.Cut(strings.TrimSpace(left), ":")
		event, _, _ = strings.Cut(event, ",")
		_, place, _ := strings.Cut(right, "/")
		place, _, _ = strings.Cut(place, " ")
		state, _, _ := strings.Cut(place, ":")
		if event = strings.TrimSpace(event); event != "intended" && event != "resolved" {
			seen[step{stage, event, state}] = true
		}
	}
	if len(seen) < 40 {
		t.Fatalf("read only %d transitions: the table's form has changed", len(seen))
	}
	reg := prometheus.NewPedanticRegistry()
	m := metrics.New(reg, app.Labels())
	before := samples(t, reg)
	for s := range seen {
		m.Transition(s.stage, s.event, s.state)
	}
	moved := changed(before, samples(t, reg))
	for key := range moved {
		if _, ok := before[key]; !ok {
			t.Errorf("%s is not a series that starts at 0", key)
		}
	}
	if len(moved) != len(seen) {
		t.Errorf("%d transitions moved %d series", len(seen), len(moved))
	}
}

// TestClosingCodesAreTheTables: every code that throttles the whole platform, the two penalties and
// an outage can close a pool.
func TestClosingCodesAreTheTables(t *testing.T) {
	t.Parallel()
	want := []string{"86008", "86010", classify.ReasonOutage}
	for code := int64(-1); code < 100_000; code++ {
		if wxclient.ClassOf(code) == wxclient.ClassThrottlePlatform {
			want = append(want, strconv.FormatInt(code, 10))
		}
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, values(t, "wxrollout_pool_closings_total", "reason")); diff != "" {
		t.Errorf("-errcode table +metrics:\n%s", diff)
	}
}

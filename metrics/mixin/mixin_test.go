package mixin_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/metrics/mixin"
)

// metricName finds our metrics in an expression or a text.
var metricName = regexp.MustCompile(`\bwxrollout_[a-z_]+`)

// suffix is what a histogram's series add to its name.
var suffix = regexp.MustCompile(`_(bucket|sum|count)$`)

// registered are the names and label values of all series that a leader exports.
func registered(t *testing.T) map[string]map[string][]string {
	t.Helper()
	reg, _ := registry(t, fleet{}, true)
	families, err := reg.Gather()
	if err != nil {
		t.Fatalf("gather: %v", err)
	}
	out := make(map[string]map[string][]string)
	for _, f := range families {
		labels := make(map[string][]string)
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = append(labels[l.GetName()], l.GetValue())
			}
		}
		out[f.GetName()] = labels
	}
	return out
}

// expressions are all that the dashboard and the alerts ask, by who asks.
func expressions() map[string][]string {
	out := make(map[string][]string)
	for _, q := range mixin.Queries() {
		who := q.Board + ": " + q.Panel
		out[who] = append(out[who], q.Expr)
	}
	for _, a := range mixin.Alerts() {
		out["alert "+a.Name] = []string{a.Expr}
	}
	return out
}

// TestNamesAreRegistered: no query names a metric that no worker exports, and
// no query lacks one that is exported.
func TestNamesAreRegistered(t *testing.T) {
	t.Parallel()
	known := registered(t)
	used := make(map[string]bool)
	for who, exprs := range expressions() {
		for _, expr := range exprs {
			for _, name := range metricName.FindAllString(expr, -1) {
				if _, ok := known[name]; !ok {
					name = suffix.ReplaceAllString(name, "")
				}
				used[name] = true
				if _, ok := known[name]; !ok {
					t.Errorf("%s asks for %s, which no worker exports", who, name)
				}
			}
		}
	}
	for name := range known {
		if !used[name] {
			t.Errorf("%s is exported, and no panel or alert asks for it", name)
		}
	}
}

// selector is a metric with its matchers.
var selector = regexp.MustCompile(`(wxrollout_[a-z_]+)\{([^}]*)\}`)

// matcher is one label matcher.
var matcher = regexp.MustCompile(`(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"`)

// TestMatchersMatch: every label value that an expression names is one that the
// metric can have. A misspelt one would never match, and never complain.
func TestMatchersMatch(t *testing.T) {
	t.Parallel()
	known := registered(t)
	checked := 0
	for who, exprs := range expressions() {
		for _, expr := range exprs {
			for _, sel := range selector.FindAllStringSubmatch(expr, -1) {
				labels := known[suffix.ReplaceAllString(sel[1], "")]
				if strings.HasPrefix(sel[1], "wxrollout_rollout_targets") {
					labels = known[strings.Replace(sel[1], "rollout_targets", "targets", 1)] // which shows every place
				}
				for _, m := range matcher.FindAllStringSubmatch(sel[2], -1) {
					if slices.Contains([]string{"job", "rollout", "wave"}, m[1]) {
						continue // Prometheus's own, and the variables
					}
					for v := range strings.SplitSeq(m[3], "|") {
						checked++
						if !slices.Contains(labels[m[1]], v) {
							t.Errorf("%s: %s never has %s=%q", who, sel[1], m[1], v)
						}
					}
				}
			}
		}
	}
	if checked < 20 {
		t.Errorf("checked only %d label values: the expressions' form has changed", checked)
	}
}

// TestSparseIsMarked: a query that names a metric which a bare fleet lacks is
// sparse, and no other is.
func TestSparseIsMarked(t *testing.T) {
	t.Parallel()
	reg, _ := registry(t, fleet{bare: true}, true)
	families, err := reg.Gather()
	if err != nil {
		t.Fatalf("gather: %v", err)
	}
	there := make(map[string]bool)
	for _, f := range families {
		there[f.GetName()] = true
	}
	for _, q := range mixin.Queries() {
		want := slices.ContainsFunc(metricName.FindAllString(q.Expr, -1), func(name string) bool {
			return !there[name] && !there[suffix.ReplaceAllString(name, "")]
		})
		if q.Sparse != want && !q.Event {
			t.Errorf("%s: %s: sparse is %t, want %t", q.Board, q.Panel, q.Sparse, want)
		}
	}
}

// panel is what the dashboard's shape is checked by.
type panel struct {
	ID                       int
	Type, Title, Description string
	Datasource               struct{ Type, UID string }
	GridPos                  struct{ X, Y, W, H int }
	Targets                  []struct{ RefID, Expr string }
}

// TestDashboardShape: unique ids, no overlaps, every panel explained, and the
// data source and job left to the reader.
func TestDashboardShape(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("dashboards/*.json")
	if err != nil || len(files) != 5 {
		t.Fatalf("dashboards: %v, %v, want 5", files, err)
	}
	uids := make(map[string]string)
	for _, file := range files {
		var d struct {
			UID, Title, Description string
			Tags                    []string
			Panels                  []panel
		}
		text, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(text, &d)
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if was := uids[d.UID]; d.UID == "" || was != "" || d.Title == "" || d.Description == "" || !slices.Equal(d.Tags, []string{"wxrollout"}) {
			t.Errorf("%s: uid %q (also of %q), title %q, description %q, tags %q", file, d.UID, was, d.Title, d.Description, d.Tags)
		}
		uids[d.UID] = file
		t.Run(file, func(t *testing.T) { checkShape(t, d.Panels) })
	}
}

func checkShape(t *testing.T, panels []panel) {
	t.Helper()
	ids, titles, taken := make(map[int]bool), make(map[string]bool), make(map[[2]int]string)
	for _, p := range panels {
		if ids[p.ID] || titles[p.Title] || p.Title == "" {
			t.Errorf("panel %d %q: id or title is double or missing", p.ID, p.Title)
		}
		ids[p.ID], titles[p.Title] = true, true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if was := taken[[2]int{x, y}]; was != "" || x >= 24 {
					t.Fatalf("panel %q lies on %q or outside of the grid at %d,%d", p.Title, was, x, y)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.Type != "row" {
			checkPanel(t, p)
		}
	}
}

func checkPanel(t *testing.T, p panel) {
	t.Helper()
	if p.Description == "" || p.Datasource.UID != "${datasource}" || len(p.Targets) == 0 {
		t.Errorf("panel %q: wants a description, the data source variable and a query", p.Title)
	}
	refs := make(map[string]bool)
	for _, q := range p.Targets {
		if refs[q.RefID] || !strings.Contains(q.Expr, `job=~"$job"`) {
			t.Errorf("panel %q, query %s: double, or not bound to the job variable", p.Title, q.RefID)
		}
		refs[q.RefID] = true
	}
}

// TestRunbook: each alert has a severity, a summary and its own section, and
// each section an alert; the metrics that it names exist.
func TestRunbook(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("runbook.md")
	if err != nil {
		t.Fatalf("read the runbook: %v", err)
	}
	var sections, alerts []string
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "## "); ok {
			sections = append(sections, name)
		}
	}
	const base = "https://github.com/wxrollout/wxrollout/blob/main/metrics/mixin/runbook.md#"
	for _, a := range mixin.Alerts() {
		alerts = append(alerts, a.Name)
		if s := a.Labels["severity"]; !slices.Contains([]string{"critical", "warning", "info"}, s) {
			t.Errorf("alert %s: severity %q, want critical, warning or info", a.Name, s)
		}
		if got, want := a.Annotations["runbook_url"], base+strings.ToLower(a.Name); got != want {
			t.Errorf("alert %s: runbook_url %s, want %s", a.Name, got, want)
		}
		if a.Annotations["summary"] == "" || a.Annotations["description"] == "" {
			t.Errorf("alert %s: wants a summary and a description", a.Name)
		}
	}
	if diff := cmp.Diff(alerts, sections); diff != "" {
		t.Errorf("-alerts +sections of the runbook:\n%s", diff)
	}
	known := registered(t)
	for _, name := range metricName.FindAllString(string(text), -1) {
		if _, ok := known[name]; !ok {
			t.Errorf("the runbook names %s, which no worker exports: want one of %v", name, slices.Sorted(maps.Keys(known)))
		}
	}
}

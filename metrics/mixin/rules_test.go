package mixin_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/wxrollout/wxrollout/internal/promtest"
	"github.com/wxrollout/wxrollout/metrics/mixin"
)

// TestRules has Prometheus's own tool check the alerts and run their tests.
func TestRules(t *testing.T) {
	t.Parallel()
	tool := promtest.Binary(t, "promtool")
	for name, args := range map[string][]string{
		"check": {"check", "rules", "alerts.yaml"},
		"test":  {"test", "rules", "alerts_test.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), tool, args...)
			cmd.Dir = "rules"
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("promtool %v: %v\n%s", args, err, out)
			}
		})
	}
}

// TestRulesNoticeEachAlert proves that the unit tests would notice an alert that
// never fires, and one that always does.
func TestRulesNoticeEachAlert(t *testing.T) {
	t.Parallel()
	tool := promtest.Binary(t, "promtool")
	tests, err := os.ReadFile("rules/alerts_test.yaml")
	if err != nil {
		t.Fatalf("read the rule tests: %v", err)
	}
	for name, expr := range map[string]string{"never": "vector(1) > 2", "always": "vector(1)"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wrong := slices.Clone(mixin.Alerts())
			for i := range wrong {
				wrong[i].Expr, wrong[i].For = expr, "0s"
			}
			dir := t.TempDir()
			writeRules(t, filepath.Join(dir, "alerts.yaml"), wrong)
			if err := os.WriteFile(filepath.Join(dir, "alerts_test.yaml"), tests, 0o600); err != nil {
				t.Fatalf("write the rule tests: %v", err)
			}
			cmd := exec.CommandContext(t.Context(), tool, "test", "rules", "alerts_test.yaml")
			cmd.Dir = dir
			out, _ := cmd.CombinedOutput() // it exits with an error, as it should
			for _, a := range wrong {
				if !strings.Contains(string(out), "alertname: "+a.Name+",") {
					t.Errorf("no test notices that %s fires %s", a.Name, name)
				}
			}
		})
	}
}

// writeRules writes a rule file.
func writeRules(t *testing.T, path string, alerts []mixin.Alert) {
	t.Helper()
	rules := make([]map[string]any, len(alerts))
	for i, a := range alerts {
		rules[i] = map[string]any{"alert": a.Name, "expr": a.Expr, "labels": a.Labels, "annotations": a.Annotations}
		if a.For != "" {
			rules[i]["for"] = a.For
		}
	}
	text, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "wxrollout", "rules": rules}}})
	if err != nil {
		t.Fatalf("write the rules: %v", err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatalf("write the rules: %v", err)
	}
}

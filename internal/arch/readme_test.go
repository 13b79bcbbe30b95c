package arch_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestReadmesAreInStep: the Chinese README has the sections, the links and the commands of the
// English one, in the same order.
func TestReadmesAreInStep(t *testing.T) {
	t.Parallel()
	outline := func(name string) []string {
		text := string(read(t, name))
		var out []string
		for line := range strings.Lines(text) {
			line = strings.TrimRight(line, "\n")
			switch {
			case strings.HasPrefix(line, "#"):
				out = append(out, strings.Repeat("#", strings.Count(line, "#")))
			case strings.HasPrefix(line, "    ") && !strings.Contains(line, "─"):
				command, _, _ := strings.Cut(line, "  #")
				out = append(out, strings.TrimSpace(command))
			}
			for _, m := range linkForm.FindAllStringSubmatch(line, -1) {
				if !strings.HasPrefix(m[1], "README") {
					out = append(out, m[1]+m[2])
				}
			}
		}
		return out
	}
	if diff := cmp.Diff(outline("README.md"), outline("README.zh-CN.md")); diff != "" {
		t.Errorf("-README.md +README.zh-CN.md:\n%s", diff)
	}
}

// TestReadmesCountAlerts: the READMEs give the number of alerts.
func TestReadmesCountAlerts(t *testing.T) {
	t.Parallel()
	n := strings.Count(string(read(t, "metrics/mixin/rules/alerts.yaml")), "- alert:")
	for name, form := range map[string]string{"README.md": "%d alerts", "README.zh-CN.md": "%d 条告警"} {
		if want := fmt.Sprintf(form, n); !strings.Contains(string(read(t, name)), want) {
			t.Errorf("%s doesn't say %q", name, want)
		}
	}
}

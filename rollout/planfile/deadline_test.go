package planfile_test

import (
	"strings"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/planfile"
)

// A plan's deadlines reach the frozen plan, and what is none is said.
func TestDeadlines(t *testing.T) {
	t.Parallel()
	const head = "name: a\ntemplate: {id: 1, version: 1.0.0}\ntargets: {all: true}\n"
	file := parse(t, head+"deadline: {commit: 2h, check: 12h, submit: 90m, verdict: 240h, release: 3h, merchant: 100h, gate: 4h}\n", nil)
	plan, err := file.Freeze(file.Template.Pinned(), 5)
	want := rollout.Deadlines{
		Commit: 2 * time.Hour, Check: 12 * time.Hour, Submit: 90 * time.Minute, Verdict: 240 * time.Hour,
		Release: 3 * time.Hour, Merchant: 100 * time.Hour, Gate: 4 * time.Hour,
	}
	if err != nil || plan.Deadline != want {
		t.Errorf("%+v, %v; want %+v", plan.Deadline, err, want)
	}
	for bad, text := range map[string]string{
		"deadline: {verdict: soon}": "deadline.verdict", "deadline: {verdict: 1m}": "from 10m to 8760h",
		"deadline: {verdikt: 24h}": `did you mean`, "deadline: 3": "deadline",
	} {
		if _, err := planfile.Parse("plan.yaml", []byte(head+bad+"\n"), nil); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v, want %q", bad, err, text)
		}
	}
}

package rollouts

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/cli/clitest"
	"github.com/wxrollout/wxrollout/internal/goldentest"
	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/internal/quota"
	"github.com/wxrollout/wxrollout/internal/view"
	"github.com/wxrollout/wxrollout/rollout"
)

// snapshot is a rollout in the middle of things.
func snapshot() operator.Snapshot {
	rate := 41.234
	s := operator.Snapshot{
		At: clitest.Noon, PerMinute: &rate, ETA: operator.Estimate{Left: 44 * time.Minute},
		Pools: []quota.Pool{
			{Stage: rollout.StageSubmit, State: "closed", Reason: "85085", Words: "errcode 85085: quota used up", Known: true, Limit: 1000, RetryAt: clitest.Noon.Add(5 * time.Minute)},
		},
		Workers: map[rollout.QueueName]int{rollout.QueueCommit: 4, rollout.QueueAudit: 4},
	}
	counts := rollout.Counts{
		{Wave: 0, Stage: rollout.StageRelease, State: rollout.StateReleased}:                                 18,
		{Wave: 0, Stage: rollout.StageVerdict, State: rollout.StateRejected}:                                 2,
		{Wave: 1, Stage: rollout.StageSubmit, State: rollout.StatePending}:                                   1200,
		{Wave: 1, Stage: rollout.StageCommit, State: rollout.StateRunning}:                                   30,
		{Wave: 1, Stage: rollout.StagePreflight, State: rollout.StateParked, Reason: rollout.ReasonMerchant}: 7,
		{Wave: 1, Stage: rollout.StageVerdict, State: rollout.StateParked, Reason: rollout.ReasonVerdict}:    500,
		{Wave: 2, Stage: rollout.StagePreflight, State: rollout.StatePending}:                                1243,
		{Wave: 1, Stage: rollout.StagePreflight, State: rollout.StateUpToDate}:                               0,
	}
	s.Summary = view.Summarize(rollout.Rollout{
		ID: "spring-1a2b3c4d", Name: "spring", Status: rollout.StatusRunning, Total: 3000, OpenWave: 1, Counts: counts,
		Started: clitest.Noon.Add(-83 * time.Minute),
		Gates:   map[int]rollout.GateState{0: {Decision: rollout.DecisionPass, Why: "20 of 20 judged, 2 bad"}, 1: {Decision: rollout.DecisionHold, Why: "0 of 30 judged"}},
		Plan: rollout.Plan{
			Template: rollout.Template{ID: 118, Version: "3.9.0"},
			Waves:    []rollout.Wave{{Name: "canary", Size: 20, RejectAbove: 0.2}, {Name: "early", Size: 1737, MinJudged: 30}, {Name: "rest", Size: 1243}},
		},
	})
	return s
}

func TestTree(t *testing.T) {
	t.Parallel()
	goldentest.Compare(t, "tree.golden", strings.Join(treeOf(snapshot(), clitest.Noon), "\n")+"\n")
}

// TestTreeIsRedrawn: the second drawing goes over the first, and no line is wider
// or the tree higher than the terminal.
func TestTreeIsRedrawn(t *testing.T) {
	t.Parallel()
	f := clitest.New("")
	f.Size = func() (int, int) { return 60, 12 }
	v := &treeViewer{env: f.Env}
	for range 2 {
		if err := v.show(snapshot()); err != nil {
			t.Fatal(err)
		}
	}
	drawings := strings.Split(f.Stdout.String(), "\x1b[J")
	if len(drawings) != 3 || !strings.HasPrefix(drawings[1], "\r\x1b[11A") {
		t.Fatalf("%d drawings, the second begins %.10q", len(drawings), drawings[1])
	}
	lines := strings.Split(strings.TrimSuffix(drawings[0], "\n"), "\n")
	if len(lines) != 11 {
		t.Errorf("%d lines on a terminal of 12", len(lines))
	}
	for _, line := range lines {
		if w := len([]rune(strings.TrimPrefix(line, "\x1b[K"))); w > 59 {
			t.Errorf("a line of %d columns: %q", w, line)
		}
	}
	v.lastError(errors.New("redis is away"))
	v.end()
	if got := f.Stderr.String(); got != "\r\x1b[Kredis is away\n" {
		t.Errorf("last error is %q", got)
	}
}

func TestLine(t *testing.T) {
	t.Parallel()
	want := "spring-1a2b3c4d running 20/3000 ended pending=2443 running=30 parked=507 released=18 rejected=2 parked:verdict=500 parked:merchant=7 submit-pool=closed(85085)"
	if got := lineOf(snapshot()); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	f := clitest.New("")
	v := &lineViewer{env: f.Env}
	for range 3 {
		if err := v.show(snapshot()); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Count(f.Stdout.String(), "\n"); got != 1 {
		t.Errorf("%d lines, though nothing changed", got)
	}
}

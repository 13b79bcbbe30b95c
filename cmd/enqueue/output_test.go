package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/app"
	"github.com/wxrollout/wxrollout/internal/goldentest"
	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/planfile"
	"github.com/wxrollout/wxrollout/wxclient"
)

func TestExitCodes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		err  error
		want exitCode
	}{
		{"nothing", nil, 0},
		{"anything", errors.New("x"), 1},
		{"faults of a plan", planfile.Faults{{Msg: "x"}}, 1},
		{"usage", usagef("x"), 2},
		{"a yes is missing", &needsYesError{}, 2},
		{"settings", &app.SettingsError{}, 2},
		{"filter", fmt.Errorf("x: %w", &operator.FilterError{}), 2},
		{"held", &statusError{exitHeld}, 3},
		{"credentials", &wxclient.Error{Code: 40125, Class: wxclient.ClassFatalConfig}, 4},
		{"offline", &operator.OfflineError{}, 4},
		{"aborted", &statusError{exitAborted}, 5},
		{"failures", &statusError{exitFailures}, 6},
		{"not found", &operator.UnknownRolloutError{Ref: "x"}, 1},
		{"taken", &ledger.TakenError{}, 1},
	}
	for _, tt := range tests {
		if got := codeOf(tt.err); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

// TestTellAll prints every fault, however many and however joined.
func TestTellAll(t *testing.T) {
	t.Parallel()
	var faults planfile.Faults
	for i := range 120 {
		faults = append(faults, planfile.Fault{File: "apps.csv", Line: i + 1, Msg: "wrong"})
	}
	f := newFake("")
	f.tell(nil, errors.Join(errors.New("one more"), faults))
	if got := strings.Count(f.err.String(), "\n  "); got != 121 || !strings.HasPrefix(f.err.String(), "enqueue: 121 faults:\n  one more\n  apps.csv:1: wrong\n") {
		t.Errorf("%d faults in:\n%.200s", got, f.err.String())
	}
	f = newFake("")
	f.tell(nil, &statusError{exitHeld})
	if f.err.Len() != 0 {
		t.Errorf("a status was told: %q", f.err.String())
	}
}

func TestConfirm(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		in      string
		tty     bool
		yes     bool
		targets int
		want    exitCode
	}{
		{"few", "", false, false, 50, exitOK},
		{"many in a script", "y\n", false, false, 51, exitUsage},
		{"many with --yes", "", false, true, 51, exitOK},
		{"a person says y", "y\n", true, false, 51, exitOK},
		{"a person says YES", "YES", true, false, 51, exitOK},
		{"a person says n", "n\n", true, false, 51, exitError},
		{"a person just presses enter", "\n", true, false, 51, exitError},
		{"a person leaves", "", true, false, 51, exitError},
	}
	for _, tt := range tests {
		f := newFake(tt.in)
		f.inTTY, f.errTTY = tt.tty, tt.tty
		if got := codeOf(f.confirm(tt.yes, tt.targets, "apply spring")); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
		if asked := strings.Contains(f.err.String(), "[y/N]"); asked != tt.tty {
			t.Errorf("%s: asked %v", tt.name, asked)
		}
	}
}

func TestBar(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		tty  bool
		want string
	}{
		"terminal": {true, "\r\x1b[Kx [---------------] 0 of 4\r\x1b[Kx [###############---------------] 2 of 4\r\x1b[K"},
		"file":     {false, "x: 3 of 4\nx: 4 of 4\n"},
	} {
		f := newFake("")
		f.errTTY = tt.tty
		at := noon
		f.now = func() time.Time { return at }
		b := f.bar()
		steps := []struct {
			after time.Duration
			done  int
		}{{0, 0}, {time.Millisecond, 1}, {200 * time.Millisecond, 2}, {10 * time.Millisecond, 2}}
		if !tt.tty {
			steps = append(steps[:0], []struct {
				after time.Duration
				done  int
			}{{0, 1}, {time.Second, 2}, {5 * time.Second, 3}, {time.Second, 4}}...)
		}
		for _, s := range steps {
			at = at.Add(s.after)
			b.show("x", s.done, 4)
		}
		b.end()
		want := strings.Replace(tt.want, "[---------------]", "["+strings.Repeat("-", barCells)+"]", 1)
		if got := f.err.String(); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestTableIsAligned(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := writeTable(&out, [][]string{{"A", "B"}, {"店铺", "x"}, {"y\x1b[2J\nz", "w"}}); err != nil {
		t.Fatal(err)
	}
	if want := "A        B\n店铺     x\ny [2J z  w\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000"} {
		if got := count(n); got != want {
			t.Errorf("count %d: %s, want %s", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 59 * time.Second: "59s", 61 * time.Second: "1m", 200 * time.Minute: "3h20m", 50 * time.Hour: "2d02h",
	} {
		if got := span(d); got != want {
			t.Errorf("span %v: %s, want %s", d, got, want)
		}
	}
}

// snapshot is a rollout in the middle of things.
func snapshot() operator.Snapshot {
	rate := 41.234
	s := operator.Snapshot{
		At: noon, PerMinute: &rate, ETA: operator.Estimate{Left: 44 * time.Minute},
		Pools: []operator.Pool{
			{Stage: rollout.StageSubmit, State: "closed", Reason: "85085", Words: "errcode 85085: quota used up", Known: true, Limit: 1000, RetryAt: noon.Add(5 * time.Minute)},
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
	s.Summary = operator.Summarize(rollout.Rollout{
		ID: "spring-1a2b3c4d", Name: "spring", Status: rollout.StatusRunning, Total: 3000, OpenWave: 1, Counts: counts,
		Started: noon.Add(-83 * time.Minute),
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
	goldentest.Compare(t, "tree.golden", strings.Join(treeOf(snapshot(), noon), "\n")+"\n")
}

// TestTreeIsRedrawn: the second drawing goes over the first, and no line is wider
// or the tree higher than the terminal.
func TestTreeIsRedrawn(t *testing.T) {
	t.Parallel()
	f := newFake("")
	f.size = func() (int, int) { return 60, 12 }
	v := &treeViewer{d: f.deps}
	for range 2 {
		if err := v.show(snapshot()); err != nil {
			t.Fatal(err)
		}
	}
	drawings := strings.Split(f.out.String(), "\x1b[J")
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
	if got := f.err.String(); got != "\r\x1b[Kredis is away\n" {
		t.Errorf("last error is %q", got)
	}
}

func TestLine(t *testing.T) {
	t.Parallel()
	want := "spring-1a2b3c4d running 20/3000 ended pending=2443 running=30 parked=507 released=18 rejected=2 parked:verdict=500 parked:merchant=7 submit-pool=closed(85085)"
	if got := lineOf(snapshot()); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	f := newFake("")
	v := &lineViewer{d: f.deps}
	for range 3 {
		if err := v.show(snapshot()); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Count(f.out.String(), "\n"); got != 1 {
		t.Errorf("%d lines, though nothing changed", got)
	}
}

func TestHelpOfUsageErrors(t *testing.T) {
	t.Parallel()
	f := newFake("")
	if code := f.execute("get", "rollouts", "--limit", "many"); code != exitUsage || !strings.Contains(f.err.String(), "usage: enqueue get rollouts") || f.out.Len() > 0 {
		t.Errorf("exit %d, stderr %q", code, f.err.String())
	}
	f = newFake("")
	if code := f.execute("get", "rollouts"); code != exitError || f.err.String() != "enqueue: no operator in this test\n" {
		t.Errorf("exit %d, stderr %q", code, f.err.String())
	}
}

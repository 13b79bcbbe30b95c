package rollout_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/rollout"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// walk applies events in turn; a pending target gets its assignment automatically.
func walk(t *testing.T, target rollout.Target, events ...rollout.Event) rollout.Target {
	t.Helper()
	for i, e := range events {
		if target.State == rollout.StatePending {
			target.State = rollout.StateRunning
		}
		next, err := rollout.Step(target, e)
		if err != nil {
			t.Fatalf("event %d: %v", i+1, err)
		}
		target = next
	}
	return target
}

func fresh() rollout.Target { return at(rollout.StagePreflight, rollout.StatePending, false) }

func TestStepWholeLife(t *testing.T) {
	t.Parallel()
	got := walk(t, fresh(),
		rollout.Advanced{At: t0},
		rollout.Intended{At: t0, Op: rollout.OpCommit},
		rollout.Advanced{At: t0},
		rollout.Advanced{At: t0},
		rollout.Intended{At: t0, Op: rollout.OpSubmit},
		rollout.Advanced{At: t0, AuditID: 7},
		rollout.Advanced{At: t0},
		rollout.Intended{At: t0, Op: rollout.OpRelease},
		rollout.GrayStepped{At: t0, For: time.Hour},
		rollout.Woken{At: t0},
		rollout.Finished{At: t0, End: rollout.StateReleased},
	)
	if s := describe(got); s != "release/released audit=7" {
		t.Errorf("a whole life ends at %s", s)
	}
	if got.Gray != 1 || got.Intent != nil {
		t.Errorf("gray steps %d, intent %v; want 1 and none", got.Gray, got.Intent)
	}
}

// A call whose reply was lost must be read back by whoever tries next, even
// when an abort and a retry came between.
func TestStepIntentOutlivesAbortAndRetry(t *testing.T) {
	t.Parallel()
	submit := at(rollout.StageSubmit, rollout.StateRunning, false)
	aborted := walk(t, submit,
		rollout.Intended{At: t0, Op: rollout.OpSubmit},
		rollout.Waited{At: t0, Reason: rollout.ReasonUnknown, For: time.Minute},
		rollout.Aborted{At: t0})
	for _, tc := range []struct {
		name  string
		retry rollout.Retried
		want  bool
	}{
		{"same stage", rollout.Retried{At: t0}, true},
		{"from commit: the submission is read back at submit anyway", rollout.Retried{At: t0, Recommit: true, Revision: 2}, false},
	} {
		got := walk(t, aborted, tc.retry)
		if (got.Intent != nil) != tc.want {
			t.Errorf("%s: intent %v, want one: %t", tc.name, got.Intent, tc.want)
		}
	}
}

// A failure says nothing of a call whose reply was lost, nor of an audit that may go
// on: a retry follows that audit, and only one that is over is made again.
func TestStepFailureForgetsNothing(t *testing.T) {
	t.Parallel()
	lost := walk(t, at(rollout.StageSubmit, rollout.StateRunning, false),
		rollout.Intended{At: t0, Op: rollout.OpSubmit}, rollout.Failed{At: t0}, rollout.Retried{At: t0})
	if got := describe(lost); got != "submit/pending:unknown intent=submit attempt=2 revision=2" {
		t.Errorf("a lost submission is retried as %s", got)
	}
	for class, want := range map[string]string{
		"fatal-app":            "verdict/pending audit=41 attempt=2 revision=2",
		rollout.ClassWithdrawn: "submit/pending past=41 attempt=2 revision=2",
	} {
		got := walk(t, at(rollout.StageVerdict, rollout.StateRunning, false),
			rollout.Failed{At: t0, LastError: rollout.LastError{Class: class}}, rollout.Retried{At: t0})
		if describe(got) != want {
			t.Errorf("%s: retried as %s, want %s", class, describe(got), want)
		}
	}
	found := walk(t, at(rollout.StageSubmit, rollout.StateRunning, false),
		rollout.Aborted{At: t0, Holder: true, AuditID: 7}, rollout.Retried{At: t0})
	if got := describe(found); got != "verdict/pending audit=7 attempt=2 revision=2" {
		t.Errorf("a submission that was found is retried as %s", got)
	}
}

func TestStepRecommitsOnce(t *testing.T) {
	t.Parallel()
	got := walk(t, at(rollout.StageSubmit, rollout.StateRunning, false), rollout.Recommitted{At: t0})
	if s := describe(got); s != "commit/pending" {
		t.Fatalf("recommitted to %s", s)
	}
	got = walk(t, got, rollout.Advanced{At: t0}, rollout.Advanced{At: t0})
	got.State = rollout.StateRunning
	var illegal *rollout.IllegalError
	if _, err := rollout.Step(got, rollout.Recommitted{At: t0}); !errors.As(err, &illegal) {
		t.Errorf("a second recommit: %v, want an IllegalError", err)
	}
}

// Tries add up over stalls and waits at a stage, and a new stage begins without any.
func TestStepCounters(t *testing.T) {
	t.Parallel()
	busy := rollout.Stalled{At: t0, For: time.Second, LastError: rollout.LastError{Code: -1}}
	submitBusy := rollout.Stalled{At: t0, For: time.Second, Cause: rollout.CauseSubmitBusy}
	waited := func(r rollout.Reason) rollout.Waited {
		return rollout.Waited{At: t0, Reason: r, For: time.Minute}
	}
	again := waited(rollout.ReasonBusy)
	again.Again = true
	for _, tc := range []struct {
		name   string
		events []rollout.Event
		tries  map[rollout.Cause]int
		polls  int
	}{
		{"stalls add up", []rollout.Event{busy, busy}, map[rollout.Cause]int{rollout.CauseBusy: 2}, 0},
		{"parks count as stalls do", []rollout.Event{busy, waited(rollout.ReasonBusy)}, map[rollout.Cause]int{rollout.CauseBusy: 2}, 1},
		{"other parks keep them", []rollout.Event{busy, waited(rollout.ReasonThrottle)},
			map[rollout.Cause]int{rollout.CauseBusy: 1, rollout.CauseThrottle: 1}, 1},
		{"a separate cause", []rollout.Event{submitBusy}, map[rollout.Cause]int{rollout.CauseSubmitBusy: 1}, 0},
		{"a wait that goes on", []rollout.Event{again}, nil, 1},
		{"a poll that WeChat answered", []rollout.Event{busy, waited(rollout.ReasonVerdict)}, map[rollout.Cause]int{}, 1},
		{"waking by hand starts the polls again", []rollout.Event{waited(rollout.ReasonMerchant), rollout.Woken{At: t0}}, nil, 0},
		{"a new stage starts again", []rollout.Event{busy, rollout.Advanced{At: t0}}, nil, 0},
	} {
		got := walk(t, fresh(), tc.events...)
		if !maps.Equal(got.Tries, tc.tries) || got.Polls != tc.polls {
			t.Errorf("%s: tries %v, polls %d; want %v, %d", tc.name, got.Tries, got.Polls, tc.tries, tc.polls)
		}
	}
}

func TestStepTimeline(t *testing.T) {
	t.Parallel()
	what := func(target rollout.Target) (list []string) {
		for _, e := range target.Timeline {
			list = append(list, strings.TrimSpace(e.What+" "+e.Note))
		}
		return list
	}
	target := fresh()
	for i := range 40 {
		target = walk(t, target, rollout.Yielded{At: t0, Note: fmt.Sprint(i)})
	}
	want := []string{"0", "1", "2", "3"}
	for i := 28; i < 40; i++ {
		want = append(want, fmt.Sprint(i))
	}
	for i := range want {
		want[i] = "waits for its turn " + want[i]
	}
	if diff := cmp.Diff(want, what(target)); diff != "" {
		t.Errorf("full timeline (-want +got):\n%s", diff)
	}

	target = walk(t, fresh(), rollout.Yielded{At: t0, Note: "same"}, rollout.Yielded{At: t0.Add(time.Hour), Note: "same"})
	if n := len(target.Timeline); n != 1 || !target.Timeline[0].At.Equal(t0.Add(time.Hour)) {
		t.Errorf("a repetition made %d entries, the last at %v; want one, with the later time", n, target.Timeline[0].At)
	}
}

func TestIllegalErrorNamesTheTarget(t *testing.T) {
	t.Parallel()
	_, err := rollout.Step(at(rollout.StageCommit, rollout.StatePending, false), rollout.Rejected{At: t0})
	want := "rollout r1, app wx1: event rejected is not allowed at commit/pending: only a running target can take it"
	if err == nil || err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
}

func TestRank(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ wave, n int }{{0, 0}, {0, rollout.RankPerWave - 1}, {3, 0}, {12, 99}} {
		if got := (rollout.Target{Rank: rollout.Rank(tc.wave, tc.n)}).Wave(); got != tc.wave {
			t.Errorf("wave of Rank(%d, %d) = %d", tc.wave, tc.n, got)
		}
	}
	if rollout.Rank(0, rollout.RankPerWave-1) >= rollout.Rank(1, 0) {
		t.Error("the last of a wave comes after the first of the next")
	}
}

func TestStages(t *testing.T) {
	t.Parallel()
	stages := rollout.Stages()
	queueNames := make(map[rollout.QueueName]bool)
	for i, s := range stages {
		next, ok := s.Next()
		if last := s == rollout.StageRelease || s == rollout.StageUndo; ok == last || (ok && next != stages[i+1]) {
			t.Errorf("after %s comes %q, %t", s, next, ok)
		}
		if !s.Valid() || (i > 0 && !stages[i-1].Before(s)) {
			t.Errorf("%s: valid %t, out of order", s, s.Valid())
		}
		queueNames[s.QueueName()] = true
	}
	for _, l := range rollout.QueueNames() {
		if !queueNames[l] {
			t.Errorf("no stage uses queue %s", l)
		}
	}
	if rollout.Stage("audit").Valid() {
		t.Error("an unknown stage is valid")
	}
	if next, ok := rollout.Stage("audit").Next(); ok {
		t.Errorf("an unknown stage is followed by %s", next)
	}
}

// What an undo means for a target, by where it stands: what may have left
// something at WeChat is looked at there.
func TestUndo(t *testing.T) {
	t.Parallel()
	lost := func(op rollout.Op) func(*rollout.Target) {
		return func(x *rollout.Target) { x.Intent = &rollout.Intent{Op: op, At: t0} }
	}
	for _, tc := range []struct {
		name  string
		stage rollout.Stage
		state rollout.State
		edit  func(*rollout.Target)
		want  string // "" if it is refused
	}{
		{"released", rollout.StageRelease, rollout.StateReleased, nil, "undo/pending audit=41"},
		{"approved", rollout.StageRelease, rollout.StateParked, nil, "undo/pending audit=41"},
		{"in audit", rollout.StageVerdict, rollout.StateParked, nil, "undo/pending audit=41"},
		{"aborted in audit", rollout.StageVerdict, rollout.StateAborted, nil, "undo/pending audit=41"},
		{"never submitted", rollout.StageSubmit, rollout.StatePending, nil, "submit/undone"},
		{"a submission lost", rollout.StageSubmit, rollout.StateParked, lost(rollout.OpSubmit), "undo/pending:unknown intent=submit"},
		{"a commit lost", rollout.StageCommit, rollout.StatePending, lost(rollout.OpCommit), "commit/undone"},
		{"tried before", rollout.StageCommit, rollout.StateFailed, func(x *rollout.Target) { x.Attempt = 2 }, "undo/pending attempt=2 revision=2"},
		{"rejected", rollout.StageVerdict, rollout.StateRejected, nil, "verdict/undone past=41"},
		{"an undo that failed", rollout.StageUndo, rollout.StateFailed, nil, "undo/pending audit=41"},
		{"being undone", rollout.StageUndo, rollout.StateParked, nil, ""},
		{"undone", rollout.StageUndo, rollout.StateUndone, nil, ""},
		{"up to date", rollout.StagePreflight, rollout.StateUpToDate, nil, ""},
		{"a worker acts", rollout.StageSubmit, rollout.StateRunning, nil, ""},
	} {
		was := at(tc.stage, tc.state, false)
		if tc.edit != nil {
			tc.edit(&was)
		}
		got := ""
		if next, err := rollout.Step(was, rollout.Undo{At: t0}); err == nil {
			got = describe(next)
		}
		if got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

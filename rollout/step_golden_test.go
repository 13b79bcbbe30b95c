package rollout_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/goldentest"
	"github.com/wxrollout/wxrollout/rollout"
)

var t0 = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// call is the operation a stage's handler makes, or a foreign one where it makes none.
func call(s rollout.Stage) rollout.Op {
	switch s {
	case rollout.StageCommit:
		return rollout.OpCommit
	case rollout.StageRelease:
		return rollout.OpRelease
	case rollout.StageUndo:
		return rollout.OpRevert
	default:
		return rollout.OpSubmit
	}
}

// events lists one event of each kind, and of each variant that Step distinguishes.
func events(s rollout.Stage) map[string]rollout.Event {
	return map[string]rollout.Event{
		"intended":                  rollout.Intended{At: t0, Op: call(s)},
		"resolved":                  rollout.Resolved{At: t0, Note: "not found"},
		"advanced":                  rollout.Advanced{At: t0, AuditID: 42},
		"advanced, no auditid":      rollout.Advanced{At: t0},
		"advanced, assignment kept": rollout.Advanced{At: t0, AuditID: 42, Keep: true},
		"finished: released":        rollout.Finished{At: t0, End: rollout.StateReleased},
		"finished: up-to-date":      rollout.Finished{At: t0, End: rollout.StateUpToDate},
		"finished: skipped":         rollout.Finished{At: t0, End: rollout.StateSkipped},
		"finished: failed":          rollout.Finished{At: t0, End: rollout.StateFailed},
		"waited: verdict":           rollout.Waited{At: t0, Reason: rollout.ReasonVerdict, For: time.Hour},
		"waited: unknown":           rollout.Waited{At: t0, Reason: rollout.ReasonUnknown, For: time.Hour},
		"waited: acting":            rollout.Waited{At: t0, Reason: rollout.ReasonActing, For: time.Hour},
		"waited, no time":           rollout.Waited{At: t0, Reason: rollout.ReasonVerdict},
		"stalled":                   rollout.Stalled{At: t0, For: time.Second},
		"stalled, no time":          rollout.Stalled{At: t0},
		"yielded":                   rollout.Yielded{At: t0},
		"gray-stepped":              rollout.GrayStepped{At: t0, For: time.Hour},
		"recommitted":               rollout.Recommitted{At: t0},
		"rejected":                  rollout.Rejected{At: t0, LastError: rollout.LastError{Class: "rejected"}},
		"failed":                    rollout.Failed{At: t0, LastError: rollout.LastError{Class: "fatal-app"}},
		"failed: withdrawn":         rollout.Failed{At: t0, LastError: rollout.LastError{Class: rollout.ClassWithdrawn}},
		"woken":                     rollout.Woken{At: t0},
		"retried":                   rollout.Retried{At: t0},
		"retried: recommit":         rollout.Retried{At: t0, Recommit: true, Revision: 3},
		"retried: older plan":       rollout.Retried{At: t0, Recommit: true, Revision: 1},
		"skipped":                   rollout.Skipped{At: t0},
		"aborted":                   rollout.Aborted{At: t0},
		"aborted: read back":        rollout.Aborted{At: t0, Holder: true},
		"aborted: submitted":        rollout.Aborted{At: t0, Holder: true, AuditID: 43},
		"undo":                      rollout.Undo{At: t0},
		"finished: undone":          rollout.Finished{At: t0, End: rollout.StateUndone},
	}
}

// at is a target as it can stand at a stage in a state.
func at(stage rollout.Stage, state rollout.State, intent bool) rollout.Target {
	t := rollout.Target{
		Rollout: "r1", AppID: "wx1", Stage: stage, State: state, Attempt: 1, Revision: 2, Since: t0,
	}
	if rollout.StageSubmit.Before(stage) {
		t.AuditID = 41
	}
	if stage == rollout.StageVerdict && state == rollout.StateRejected {
		t.AuditID, t.PastAuditID = 0, 41
	}
	if state == rollout.StateParked {
		t.Reason = rollout.ReasonBusy
	}
	if intent {
		t.Intent = &rollout.Intent{Op: call(stage), At: t0}
	}
	return t
}

// canIntend reports whether a call of unknown end can be found at a stage and state.
func canIntend(stage rollout.Stage, state rollout.State) bool {
	calls := stage == rollout.StageCommit || stage == rollout.StageSubmit || stage == rollout.StageRelease || stage == rollout.StageUndo
	return calls && (!state.Ended() || state == rollout.StateAborted || state == rollout.StateFailed)
}

// describe writes what matters of a target in one line.
func describe(t rollout.Target) string {
	s := fmt.Sprintf("%s/%s", t.Stage, t.State)
	if t.Reason != "" {
		s += ":" + string(t.Reason)
	}
	if t.Wait > 0 {
		s += " wait=" + t.Wait.String()
	}
	if t.Intent != nil {
		s += " intent=" + string(t.Intent.Op)
	}
	if t.AuditID != 0 {
		s += fmt.Sprintf(" audit=%d", t.AuditID)
	}
	if t.PastAuditID != 0 {
		s += fmt.Sprintf(" past=%d", t.PastAuditID)
	}
	if t.Attempt != 1 || t.Revision != 2 {
		s += fmt.Sprintf(" attempt=%d revision=%d", t.Attempt, t.Revision)
	}
	return s
}

// TestTransitions compares the whole state machine with a reviewed table: a
// change of any transition shows in the diff of the golden file.
func TestTransitions(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("# Every event at every stage and state: what Step answers. Rewrite: go test ./rollout -run TestTransitions -update\n")
	for _, stage := range rollout.Stages() {
		for _, state := range rollout.States() {
			for _, intent := range []bool{false, true} {
				if intent && !canIntend(stage, state) {
					continue
				}
				writeTransitions(&b, at(stage, state, intent))
			}
		}
	}
	goldentest.Compare(t, "transitions.golden", b.String())
}

// writeTransitions writes one block: legal events first, then the illegal ones
// by reason.
func writeTransitions(b *strings.Builder, was rollout.Target) {
	fmt.Fprintf(b, "\n%s\n", describe(was))
	illegal := make(map[string][]string)
	all := events(was.Stage)
	for _, name := range sortedKeys(all) {
		next, err := rollout.Step(was, all[name])
		var no *rollout.IllegalError
		if errors.As(err, &no) {
			illegal[no.Why] = append(illegal[no.Why], name)
			continue
		}
		fmt.Fprintf(b, "  %-20s -> %s\n", name, describe(next))
	}
	for _, why := range sortedKeys(illegal) {
		fmt.Fprintf(b, "  illegal: %s: %s\n", why, strings.Join(illegal[why], "; "))
	}
}

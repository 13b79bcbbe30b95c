package rollout_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/wxrollout/wxrollout/rollout"
)

// anyEvent draws events of all kinds, sensible or not.
func anyEvent() *rapid.Generator[rollout.Event] {
	return rapid.Custom(func(t *rapid.T) rollout.Event {
		now := t0.Add(time.Duration(rapid.IntRange(0, 1e6).Draw(t, "at")) * time.Second)
		note := rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "note")
		wait := time.Duration(rapid.IntRange(-1, 3).Draw(t, "for")) * time.Minute
		lastError := rollout.LastError{Class: rapid.SampledFrom([]string{"busy", rollout.ClassWithdrawn, rollout.ClassPanic}).Draw(t, "class"), Code: rapid.Int64Range(-1, 2).Draw(t, "code"), Text: "text", At: now}
		reasons := append(rollout.Reasons(), rollout.ReasonActing, "", "nonsense")
		ops := []rollout.Op{rollout.OpCommit, rollout.OpSubmit, rollout.OpRelease, rollout.OpUndo, rollout.OpRevert, rollout.OpRevertGray, rollout.OpConfigure, "nonsense"}
		switch rapid.SampledFrom(kinds()).Draw(t, "kind") {
		case "intended":
			return rollout.Intended{At: now, Op: rapid.SampledFrom(ops).Draw(t, "op")}
		case "resolved":
			return rollout.Resolved{At: now, Note: note}
		case "advanced":
			return rollout.Advanced{At: now, Note: note, AuditID: rapid.Int64Range(0, 5).Draw(t, "auditid"), Keep: rapid.Bool().Draw(t, "keep")}
		case "finished":
			return rollout.Finished{At: now, Note: note, End: rapid.SampledFrom(rollout.States()).Draw(t, "end")}
		case "waited":
			e := rollout.Waited{At: now, Note: note, For: wait, Reason: rapid.SampledFrom(reasons).Draw(t, "reason")}
			if lastError.Code != 0 {
				e.LastError = &lastError
			}
			return e
		case "stalled":
			return rollout.Stalled{At: now, For: wait, LastError: lastError}
		case "yielded":
			return rollout.Yielded{At: now, Note: note}
		case "gray-stepped":
			return rollout.GrayStepped{At: now, Note: note, For: wait}
		case "recommitted":
			return rollout.Recommitted{At: now, Note: note}
		case "rejected":
			return rollout.Rejected{At: now, LastError: lastError}
		case "failed":
			return rollout.Failed{At: now, LastError: lastError}
		case "woken":
			return rollout.Woken{At: now, Note: note}
		case "retried":
			return rollout.Retried{
				At: now, Note: note, Recommit: rapid.Bool().Draw(t, "recommit"),
				Revision: rapid.IntRange(0, 4).Draw(t, "revision"),
			}
		case "undo":
			return rollout.Undo{At: now, Note: note}
		default:
			return rollout.Aborted{At: now, Note: note, Holder: rapid.Bool().Draw(t, "holder"), AuditID: rapid.Int64Range(0, 2).Draw(t, "found")}
		}
	})
}

func kinds() []string {
	seen := make(map[string]bool)
	for _, e := range events(rollout.StageCommit) {
		seen[e.Kind()] = true
	}
	return sortedKeys(seen)
}

// machine is a target between two events, with what the store does to it.
type machine struct{ t rollout.Target }

// Store does one of the moves that are the store's: an assignment given, begun, taken
// back, a wake time that came.
func (m *machine) Store(t *rapid.T) {
	switch m.t.State {
	case rollout.StatePending:
		m.t.State, m.t.Reason, m.t.Fence = rollout.StateRunning, "", m.t.Fence+1
	case rollout.StateRunning:
		m.t.Reason = rollout.ReasonActing
		if rapid.IntRange(0, 9).Draw(t, "expired") == 0 {
			m.pend()
		}
	case rollout.StateParked:
		m.pend()
	default:
		t.Skip("ended")
	}
	m.t.Wait = 0
}

// pend makes the target pending as the ledger's scripts do.
func (m *machine) pend() {
	m.t.State, m.t.Reason = rollout.StatePending, ""
	if m.t.Intent != nil {
		m.t.Reason = rollout.ReasonUnknown
	}
}

// Event feeds a random event and checks what it may and may not have done.
func (m *machine) Event(t *rapid.T) {
	was, e := m.t, anyEvent().Draw(t, "event")
	frozen := encode(t, was)
	next, err := rollout.Step(was, e)
	if got := encode(t, was); got != frozen {
		t.Fatalf("%s changed its input from %s to %s", e.Kind(), frozen, got)
	}
	if err != nil {
		var illegal *rollout.IllegalError
		if !errors.As(err, &illegal) || illegal.Why == "" || illegal.Event != e.Kind() {
			t.Fatalf("%s: error %v", e.Kind(), err)
		}
		if got := encode(t, next); got != frozen {
			t.Fatalf("the refused %s changed %s to %s", e.Kind(), frozen, got)
		}
		return
	}
	checkMove(t, was, e, next)
	m.t = next
}

// checkMove holds for every move that Step allows.
func checkMove(t *rapid.T, was rollout.Target, e rollout.Event, next rollout.Target) {
	_, retried := e.(rollout.Retried)
	_, undo := e.(rollout.Undo)
	if was.State.Ended() && !retried && !undo {
		t.Fatalf("%s left the end %s", e.Kind(), was.State)
	}
	if retried && next.Attempt != was.Attempt+1 {
		t.Fatalf("a retry made attempt %d of %d", next.Attempt, was.Attempt)
	}
	if !retried && (next.Attempt != was.Attempt || next.Revision != was.Revision) {
		t.Fatalf("%s spent an attempt or moved the revision", e.Kind())
	}
	switch e := e.(type) {
	case rollout.Waited, rollout.Stalled, rollout.Yielded, rollout.Woken, rollout.Aborted, rollout.Failed:
		if was.Intent != nil && next.Intent == nil {
			t.Fatalf("%s dropped the %s whose end is not known", e.Kind(), was.Intent.Op)
		}
		if next.Stage != was.Stage {
			t.Fatalf("%s moved the stage from %s to %s", e.Kind(), was.Stage, next.Stage)
		}
	case rollout.Undo:
		if next.State != rollout.StateUndone && next.Stage != rollout.StageUndo {
			t.Fatalf("undo led to %s/%s", next.Stage, next.State)
		}
		if lost := was.Intent != nil && was.Intent.Op != rollout.OpCommit; lost && next.Intent == nil {
			t.Fatalf("undo dropped the %s whose end is not known", was.Intent.Op)
		}
		if next.State == rollout.StateUndone && (was.State == rollout.StateReleased || was.AuditID != 0) {
			t.Fatalf("undo ended %s/%s with audit %d without a look", was.Stage, was.State, was.AuditID)
		}
	case rollout.Intended:
		if was.Intent != nil {
			t.Fatalf("a %s began while the end of a %s was not known", e.Op, was.Intent.Op)
		}
	case rollout.Advanced:
		state := rollout.StatePending
		if e.Keep {
			state = rollout.StateRunning
		}
		if want, ok := was.Stage.Next(); !ok || next.Stage != want || next.State != state {
			t.Fatalf("advanced from %s to %s/%s", was.Stage, next.Stage, next.State)
		}
		if e.Keep && next.Stage.QueueName() != was.Stage.QueueName() {
			t.Fatalf("an assignment at %s was kept for %s", was.Stage, next.Stage)
		}
	}
	if next.Fence != was.Fence || next.Version != was.Version || next.Rank != was.Rank {
		t.Fatalf("%s changed what is the store's", e.Kind())
	}
}

// Check holds between any two events.
func (m *machine) Check(t *rapid.T) {
	x := m.t
	submitted := x.AuditID != 0
	switch {
	case x.Stage == rollout.StageRelease && !submitted, x.Stage == rollout.StageVerdict && !x.State.Ended() && !submitted:
		t.Fatalf("at %s/%s without an audit id", x.Stage, x.State)
	case !rollout.StageSubmit.Before(x.Stage) && submitted && (x.Stage != rollout.StageSubmit || x.State != rollout.StateAborted):
		t.Fatalf("at %s/%s with audit id %d", x.Stage, x.State, x.AuditID)
	}
	if len(x.Timeline) > rollout.TimelineMax {
		t.Fatalf("the timeline has %d entries", len(x.Timeline))
	}
	parked := x.State == rollout.StateParked
	if parked && x.Wait <= 0 {
		t.Fatalf("parked for %v", x.Wait)
	}
	if x.Wait != 0 && !parked && x.State != rollout.StateRunning {
		t.Fatalf("%s waits %v", x.State, x.Wait)
	}
	if x.State == rollout.StatePending {
		if back := x.Reason == rollout.ReasonUnknown; back != (x.Intent != nil) || !back && x.Reason != "" {
			t.Fatalf("pending with reason %q and intent %v", x.Reason, x.Intent)
		}
	} else if listed := slices.Contains(rollout.Reasons(), x.Reason); parked != listed {
		t.Fatalf("%s with reason %q", x.State, x.Reason)
	}
	if x.State.Good() && x.LastError != nil {
		t.Fatalf("%s with last error %q", x.State, x.LastError.Text)
	}
	if x.Intent != nil && x.State.Ended() && x.State != rollout.StateAborted && x.State != rollout.StateFailed {
		t.Fatalf("ended as %s with an open %s", x.State, x.Intent.Op)
	}
}

// TestStepProperties feeds random events; rapid prints the seed of a failure.
func TestStepProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := &machine{t: fresh()}
		t.Repeat(map[string]func(*rapid.T){
			"":       m.Check,
			"store":  m.Store,
			"event":  m.Event,
			"event2": m.Event, // more events than store moves
			"event3": m.Event,
		})
	})
}

func encode(t *rapid.T, x rollout.Target) string {
	b, err := json.Marshal(struct {
		rollout.Target
		Stage, State, Reason any
		Wait                 time.Duration
	}{x, x.Stage, x.State, x.Reason, x.Wait})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

package rollout_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/rollout"
)

// waits are the events that park or stall a target at a stage, without an end in sight.
func waits(s rollout.Stage) map[string]func(at time.Time) rollout.Event {
	all := map[string]func(at time.Time) rollout.Event{
		"stalled": func(at time.Time) rollout.Event { return rollout.Stalled{At: at, For: time.Second} },
	}
	for _, r := range rollout.Reasons() {
		if r == rollout.ReasonUnknown { // bounded by its read-back: see TestRepeatable
			continue
		}
		all["waited "+string(r)] = func(at time.Time) rollout.Event { return rollout.Waited{At: at, Reason: r, For: time.Hour} }
	}
	for _, c := range rollout.Causes() {
		all["cause "+string(c)] = func(at time.Time) rollout.Event {
			return rollout.Waited{At: at, Reason: rollout.ReasonExternal, Cause: c, For: time.Hour}
		}
	}
	return all
}

// plans' own waits have no limit of ours.
var unbounded = map[string]bool{"waited owner": true, "waited window": true, "waited approval": true, "waited gray": true}

// follow lets a target meet one event again and again, with time passing as it waits, until it is
// bounded; at most 2,000 times.
func follow(t *testing.T, s rollout.Stage, wait func(time.Time) rollout.Event) (events int, over *rollout.Over) {
	t.Helper()
	x := rollout.Target{Rollout: "r1", AppID: "wx1", Stage: s, State: rollout.StateRunning, Attempt: 1, AuditID: 41, Since: t0}
	now := t0
	for events = 1; events <= 2000; events++ {
		e, over := rollout.Bound(x, wait(now), rollout.Deadlines{})
		if over != nil {
			return events, over
		}
		next, err := rollout.Step(x, e)
		if err != nil {
			t.Fatal(err)
		}
		now = now.Add(next.Wait)
		next.State, next.Reason = rollout.StateRunning, rollout.ReasonActing
		x = next
	}
	return events, nil
}

// Every wait ends at every stage: by its tries, or by the stage's deadline.
func TestBoundEndsEveryWait(t *testing.T) {
	t.Parallel()
	for _, s := range rollout.Stages() {
		for name, wait := range waits(s) {
			events, over := follow(t, s, wait)
			if (over == nil) != unbounded[name] {
				t.Errorf("%s, %s: %d events, then %v", s, name, events, over)
			}
		}
	}
}

// The limits as docs/limits.md has them.
func TestBound(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		stage  rollout.Stage
		wait   string
		events int
		text   string
	}{
		{rollout.StageCommit, "stalled", 60, "gave up after 60 tries in 59s"},
		{rollout.StageCommit, "waited busy", 60, "gave up after 60 tries in 59h0m0s"},
		{rollout.StageCheck, "waited busy", 25, "gave up after 24h0m0s of waiting (deadline.check)"},
		{rollout.StageSubmit, "cause submit-busy", 20, "gave up after 20 tries in 19h0m0s"},
		{rollout.StageCommit, "cause token", 5, "gave up after 5 tries in 4h0m0s"},
		{rollout.StageCommit, "waited throttle", 20, "gave up after 20 tries in 19h0m0s"},
		{rollout.StageRelease, "cause contradicted", 4, "gave up after 4 tries in 3h0m0s"},
		{rollout.StageRelease, "cause unread", 10, "gave up after 10 tries in 9h0m0s"},
		{rollout.StageVerdict, "waited unlisted", 10, "gave up after 10 tries in 9h0m0s"},
		{rollout.StageSubmit, "cause refused", 4, "gave up after 4 tries in 3h0m0s"},
		{rollout.StageCheck, "waited privacy", 25, "gave up after 24h0m0s of waiting (deadline.check)"},
		{rollout.StageVerdict, "waited verdict", 505, "gave up after 504h0m0s of waiting (deadline.verdict)"},
		{rollout.StageVerdict, "waited delayed", 505, "gave up after 504h0m0s of waiting (deadline.verdict)"},
		{rollout.StageSubmit, "waited in-audit", 721, "gave up after 720h0m0s of waiting (deadline.submit)"},
		{rollout.StagePreflight, "waited merchant", 721, "gave up after 720h0m0s of waiting (deadline.merchant)"},
	} {
		events, over := follow(t, tc.stage, waits(tc.stage)[tc.wait])
		if got := fmt.Sprint(over); events != tc.events || got != tc.text {
			t.Errorf("%s, %s: %d events, %q; want %d, %q", tc.stage, tc.wait, events, got, tc.events, tc.text)
		}
	}
}

// A wait is cut so that the target wakes by its deadline, and what it did not wait is not counted.
func TestBoundCutsTheLastWait(t *testing.T) {
	t.Parallel()
	d := rollout.Deadlines{Verdict: 90 * time.Minute}
	x := rollout.Target{Rollout: "r1", AppID: "wx1", Stage: rollout.StageVerdict, State: rollout.StateRunning, Since: t0}
	park := func(at time.Time) time.Duration {
		e, over := rollout.Bound(x, rollout.Waited{At: at, Reason: rollout.ReasonVerdict, For: time.Hour}, d)
		if over != nil {
			t.Fatal(over)
		}
		next, err := rollout.Step(x, e)
		if err != nil {
			t.Fatal(err)
		}
		wait := next.Wait
		next.State, next.Reason = rollout.StateRunning, rollout.ReasonActing
		x = next
		return wait
	}
	for i, step := range []struct {
		at   time.Duration
		want time.Duration
	}{
		{0, time.Hour},
		{20 * time.Minute, time.Hour},       // woken early by a callback: 20 minutes count
		{500 * time.Hour, 10 * time.Minute}, // paused for weeks: the hour that it was to wait counts
	} {
		if got := park(t0.Add(step.at)); got != step.want {
			t.Errorf("wait %d: %s, want %s", i, got, step.want)
		}
	}
	if _, over := rollout.Bound(x, rollout.Waited{At: t0.Add(501 * time.Hour), Reason: rollout.ReasonVerdict, For: time.Hour}, d); over == nil || over.Key != "verdict" {
		t.Errorf("after its deadline: %v", over)
	}
}

// A write may be repeated until read-backs denied it four times.
func TestRepeatable(t *testing.T) {
	t.Parallel()
	x := rollout.Target{Rollout: "r1", AppID: "wx1", Stage: rollout.StageCommit, State: rollout.StateRunning, Since: t0}
	for n := range 4 {
		if over := x.Repeatable(t0); over != nil {
			t.Fatalf("after %d denials: %v", n, over)
		}
		x = walk(t, x, rollout.Intended{At: t0, Op: rollout.OpCommit}, rollout.Resolved{At: t0, Denied: true})
	}
	if over := x.Repeatable(t0); over == nil || over.Tries != 4 {
		t.Errorf("after 4 denials: %v", over)
	}
}

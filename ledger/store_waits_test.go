package ledger_test

import (
	"slices"
	"time"

	"github.com/wxrollout/wxrollout/rollout"
)

// moved checks the result of WakeDue or ExpireDue.
func (b *bench) moved(what string, want int) func(int, error) {
	return func(n int, err error) {
		b.Helper()
		b.must(err)
		if n != want {
			b.Errorf("%s: %d moved, want %d", what, n, want)
		}
	}
}

func testWake(b *bench) {
	b.load("r1", 3)
	for i, app := range []string{"wx000", "wx001", "wx002"} {
		_, was := b.begin("r1", rollout.StagePreflight, app)
		got := b.step(was, rollout.Waited{At: at, Reason: rollout.ReasonMerchant, For: time.Duration(i+1) * time.Hour, Note: "no grant"})
		if got.State != rollout.StateParked || got.Reason != rollout.ReasonMerchant {
			b.Errorf("parked as %s:%s", got.State, got.Reason)
		}
	}
	if n := b.rollout("r1").Counts.Parked(rollout.ReasonMerchant); n != 3 {
		b.Errorf("%d are parked for the merchant, want 3", n)
	}
	b.advance(time.Hour - time.Millisecond)
	b.moved("too early", 0)(b.WakeDue(b.Context(), 9))
	b.advance(time.Millisecond)
	b.moved("the first", 1)(b.WakeDue(b.Context(), 9))
	b.advance(2 * time.Hour)
	b.moved("one at a time", 1)(b.WakeDue(b.Context(), 1))
	b.moved("the last", 1)(b.WakeDue(b.Context(), 1))
	b.moved("none is left", 0)(b.WakeDue(b.Context(), 9))
	if got := appsOf(b.claim("r1", rollout.StagePreflight, 9)); !slices.Equal(got, []string{"wx000", "wx001", "wx002"}) {
		b.Errorf("claimed %q", got)
	}
	if x := b.target("r1", "wx000"); len(x.Timeline) != 1 || x.Polls != 1 {
		b.Errorf("waking lost the timeline or the polls: %+v", x)
	}
}

func testExpire(b *bench) {
	b.load("r1", 2)
	assignment, was := b.begin("r1", rollout.StagePreflight, "wx000")
	b.claim("r1", rollout.StagePreflight, 1) // wx001, never started
	b.advance(lease - time.Millisecond)
	b.moved("too early", 0)(b.ExpireDue(b.Context(), 9))
	b.advance(time.Millisecond)
	b.moved("both leases are out", 2)(b.ExpireDue(b.Context(), 9))
	b.counts("r1", map[rollout.State]int{rollout.StatePending: 2})

	_, err := b.Save(b.Context(), was, was, rollout.SaveOptions{Lease: lease})
	b.wantStale("a save after the assignment was taken back", err)
	_, err = b.Start(b.Context(), assignment, lease)
	b.wantStale("a start after the assignment was taken back", err)
	next := b.claim("r1", rollout.StagePreflight, 1, "wx000")
	if len(next) != 1 || next[0].Fence <= assignment.Fence {
		b.Errorf("next assignment %+v, want a fence above %d", next, assignment.Fence)
	}
}

func testStall(b *bench) {
	b.load("r1", 1)
	assignment, was := b.begin("r1", rollout.StagePreflight, "wx000")
	got := b.step(was, rollout.Stalled{At: at, For: 10 * time.Minute, LastError: rollout.LastError{Code: -1}})
	if got.State != rollout.StateRunning || got.Tries[rollout.CauseBusy] != 1 {
		b.Errorf("stalled as %+v", got)
	}
	b.advance(10*time.Minute + lease - time.Millisecond)
	b.moved("its lease lasts over the wait", 0)(b.ExpireDue(b.Context(), 9))
	if _, err := b.Start(b.Context(), assignment, lease); err != nil {
		b.Errorf("the next delivery of the same task: %v", err)
	}
}

// An app has one owner among all rollouts, from its first assignment to its end.
func testOwner(b *bench) {
	b.load("r1", 1)
	b.load("r2", 2)
	_, first := b.begin("r1", rollout.StagePreflight, "wx000")
	b.step(first, rollout.Yielded{At: at}) // owned between its assignments as well

	if got := appsOf(b.claim("r2", rollout.StagePreflight, 9)); !slices.Equal(got, []string{"wx001"}) {
		b.Errorf("the second rollout claimed %q, want wx001 alone", got)
	}
	if x := b.target("r2", "wx000"); x.State != rollout.StateParked || x.Reason != rollout.ReasonOwner {
		b.Errorf("the second rollout's target is %s:%s, want parked:owner", x.State, x.Reason)
	}
	b.advance(ownerRetry)
	b.moved("asks again", 0)(b.WakeDue(b.Context(), 9))
	if x := b.target("r2", "wx000"); x.State != rollout.StateParked || x.Reason != rollout.ReasonOwner {
		b.Errorf("while the first rollout works on it, the target is %s:%s, want parked:owner", x.State, x.Reason)
	}
	_, first = b.begin("r1", rollout.StagePreflight, "wx000")
	b.step(first, rollout.Finished{At: at, End: rollout.StateUpToDate})
	b.advance(ownerRetry)
	b.moved("asks again", 1)(b.WakeDue(b.Context(), 9))
	if got := b.claim("r2", rollout.StagePreflight, 1, "wx000"); len(got) != 1 {
		b.Errorf("claimed %v after the first rollout ended with it", got)
	}
}

// An aborted rollout releases its apps, but not while a call may be under way.
func testTakeOver(b *bench) {
	b.load("r1", 2)
	b.load("r2", 2)
	_, acting := b.begin("r1", rollout.StagePreflight, "wx000")
	_, waiting := b.begin("r1", rollout.StagePreflight, "wx001")
	b.step(waiting, rollout.Waited{At: at, Reason: rollout.ReasonMerchant, For: 24 * time.Hour})
	b.must(b.Abort(b.Context(), "r1", "op", "enough"))
	if got := appsOf(b.claim("r2", rollout.StagePreflight, 9)); !slices.Equal(got, []string{"wx001"}) {
		b.Errorf("took over %q, want only what no lease holds", got)
	}
	b.advance(max(lease, ownerRetry))
	b.moved("asks again", 1)(b.WakeDue(b.Context(), 9))
	if got := b.claim("r2", rollout.StagePreflight, 1, "wx000"); len(got) != 1 {
		b.Errorf("claimed %v after the lease was out", got)
	}
	// The old handler ends: its result is stored, and the new owner stays.
	b.step(acting, rollout.Finished{At: at, End: rollout.StateSkipped})
	_, next := b.begin2("r2", "wx001")
	b.step(next, rollout.Yielded{At: at})
	b.load("r3", 1)
	if got := b.claim("r3", rollout.StagePreflight, 9); len(got) != 0 {
		b.Errorf("a third rollout claimed %v, which the second works on", got)
	}
}

// begin2 starts an assignment that was claimed already.
func (b *bench) begin2(id, app string) (rollout.Assignment, rollout.Target) {
	b.Helper()
	x := b.target(id, app)
	assignment := rollout.Assignment{Rollout: id, AppID: app, Stage: x.Stage, Fence: x.Fence}
	started, err := b.Start(b.Context(), assignment, lease)
	b.must(err)
	return assignment, started.Target
}

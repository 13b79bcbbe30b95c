package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/rollout"
)

// TestSweepEndsParkedTargets: an abort ends what is parked at once, in batches, and a walk
// that found everything is not begun again before something moves.
func TestSweepEndsParkedTargets(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		const n, batch = 150, 20
		b.load("r1", n)
		for i := range n {
			if i%3 == 0 {
				continue // stays pending
			}
			_, x := b.begin("r1", rollout.StagePreflight, fmt.Sprintf("wx%03d", i))
			b.step(x, rollout.Waited{At: at, Reason: rollout.ReasonMerchant, For: 6 * time.Hour})
		}
		b.must(b.Abort(b.Context(), "r1", "op", "enough"))
		calls := 0
		for ended := 0; ended < n; calls++ {
			moved, err := b.Sweep(b.Context(), "r1", batch)
			b.must(err)
			if moved > batch || calls > 2*n/batch {
				b.Fatalf("%d in one batch, %d of %d after %d calls", moved, ended, n, calls)
			}
			ended += moved
		}
		r, err := b.Rollout(b.Context(), "r1")
		b.must(err)
		if r.Counts.State(rollout.StateAborted) != n {
			b.Errorf("counts %v", r.Counts)
		}
		b.sound("r1")
	})
}

// TestSweepIsNotFooledByText: only an intent holds a target back, not a label or a note
// that looks like one.
func TestSweepIsNotFooledByText(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		b.load("r1", 2)
		_, x := b.begin("r1", rollout.StagePreflight, "wx000")
		x.Label, x.Columns = `"intent":{`, map[string]string{"intent": "{", `"intent":{`: `"intent":{"op":"submit"}`}
		b.step(x, rollout.Waited{At: at, Reason: rollout.ReasonMerchant, For: time.Hour, Note: `"intent":{`})
		b.must(b.Abort(b.Context(), "r1", "op", "enough"))
		for range 3 {
			_, err := b.Sweep(b.Context(), "r1", 9)
			b.must(err)
		}
		r, err := b.Rollout(b.Context(), "r1")
		b.must(err)
		if r.Counts.State(rollout.StateAborted) != 2 {
			b.Errorf("counts %v", r.Counts)
		}
	})
}

// TestAnOpenOutcomeKeepsItsApp: another rollout doesn't get an app whose aborted rollout has
// yet to read back a call.
func TestAnOpenOutcomeKeepsItsApp(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		b.load("r1", 1)
		_, x := b.begin("r1", rollout.StagePreflight, "wx000")
		for _, e := range []rollout.Event{
			rollout.Advanced{At: at, Keep: true},
			rollout.Intended{At: at, Op: rollout.OpCommit},
			rollout.Yielded{At: at},
		} {
			x = b.step(x, e)
		}
		b.must(b.Abort(b.Context(), "r1", "op", "enough"))
		claim := func(id string, s rollout.Stage) []rollout.Assignment {
			assignments, err := b.Claim(b.Context(), rollout.Claim{Rollout: id, Stage: s, MaxRank: rollout.Rank(9, 0), ReadBack: id == "r1", N: 9, Lease: lease})
			b.must(err)
			return assignments
		}
		b.load("r2", 1)
		if assignments := claim("r2", rollout.StagePreflight); len(assignments) > 0 {
			b.Fatalf("it got %v", assignments)
		}
		_, err := b.Sweep(b.Context(), "r1", 9)
		b.must(err)
		assignments := claim("r1", rollout.StageCommit)
		if len(assignments) != 1 {
			b.Fatalf("%v for the read-back", assignments)
		}
		started, err := b.Start(b.Context(), assignments[0], lease)
		b.must(err)
		x = b.step(started.Target, rollout.Resolved{At: at})
		b.step(x, rollout.Aborted{At: at, Holder: true})
		b.advance(time.Hour)
		_, err = b.WakeDue(b.Context(), 9)
		b.must(err)
		if assignments := claim("r2", rollout.StagePreflight); len(assignments) != 1 {
			b.Errorf("then it got %v", assignments)
		}
	})
}

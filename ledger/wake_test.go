package ledger_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
)

func everything(rollout.Target) bool { return true }

func parks(reason rollout.Reason) rollout.Event {
	return rollout.Waited{At: at, Reason: reason, For: time.Hour}
}

// TestWakeOfAParkedTarget that match takes, and of none else.
func TestWakeOfAParkedTarget(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		b.load("r-1", 2)
		_, target := b.begin("r-1", rollout.StagePreflight, "wx000")
		b.step(target, parks(rollout.ReasonMerchant))
		b.must(b.Wake(b.Context(), "wx000", "news", at, func(t rollout.Target) bool { return t.Reason == rollout.ReasonVerdict }))
		if got := b.target("r-1", "wx000"); got.State != rollout.StateParked {
			b.Errorf("woken though not meant: %+v", got)
		}
		b.must(b.Wake(b.Context(), "wx000", "news", at, everything))
		got := b.target("r-1", "wx000")
		if last := got.Timeline[len(got.Timeline)-1]; got.State != rollout.StatePending || last.What != "woken" || last.Note != "news" {
			b.Errorf("not woken: %+v", got)
		}
		for _, app := range []string{"wx000", "wx001", "wxunknown"} { // pending, not assigned, unknown
			b.must(b.Wake(b.Context(), app, "news", at, everything))
		}
		b.sound("r-1")
	})
}

// TestEventDuringAnAssignment: a target that looked before the news doesn't park for what they are about. One
// that waits for something else does, and the mark never outlives its assignment.
func TestEventDuringAnAssignment(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		b.load("r-1", 1)
		for _, tc := range []struct {
			name  string
			event rollout.Event
			want  rollout.State
		}{
			{"its verdict", parks(rollout.ReasonVerdict), rollout.StatePending},
			{"its delayed verdict", parks(rollout.ReasonDelayed), rollout.StatePending},
			{"another audit", parks(rollout.ReasonInAudit), rollout.StatePending},
			{"the merchant", parks(rollout.ReasonMerchant), rollout.StatePending},
			{"a busy WeChat", parks(rollout.ReasonBusy), rollout.StateParked},
			{"given back", rollout.Yielded{At: at}, rollout.StatePending},
		} {
			_, target := b.begin("r-1", rollout.StagePreflight, "wx000")
			b.must(b.Wake(b.Context(), "wx000", "news", at, everything))
			saved := b.step(target, tc.event)
			stored := b.target("r-1", "wx000")
			if saved.State != tc.want || stored.State != tc.want || saved.Version != stored.Version || saved.Reason != stored.Reason || !saved.Due.Equal(stored.Due) {
				b.Errorf("%s: returned %s %s, stored %s %s, want %s", tc.name, saved.State, saved.Reason, stored.State, stored.Reason, tc.want)
			}
			if n := b.rdb.Exists(b.Context(), "wxr:{ledger}:marks").Val(); n != 0 {
				b.Errorf("%s: the mark outlived its assignment", tc.name)
			}
			b.must(b.Wake(b.Context(), "wx000", "on", at, everything))
			b.sound("r-1")
		}
		// News of an assignment that ran out say nothing of the next one, which looks after them.
		b.begin("r-1", rollout.StagePreflight, "wx000")
		b.must(b.Wake(b.Context(), "wx000", "news", at, everything))
		b.advance(2 * lease)
		if _, err := b.ExpireDue(b.Context(), 10); err != nil {
			b.Fatal(err)
		}
		_, target := b.begin("r-1", rollout.StagePreflight, "wx000")
		if got := b.step(target, parks(rollout.ReasonVerdict)); got.State != rollout.StateParked {
			b.Errorf("by old news: %+v", got)
		}
		b.sound("r-1")
	})
}

// TestNoNewsIsLost: however reading, news and saving interleave, a target that saw the old state is never
// parked at the end.
func TestNoNewsIsLost(t *testing.T) {
	t.Parallel()
	_, rdb := redistest.Mini(t)
	rapid.Check(t, func(rt *rapid.T) {
		if err := rdb.FlushAll(t.Context()).Err(); err != nil {
			rt.Fatal(err)
		}
		b := &bench{T: t, store: store{ledger.New(rdb, ledger.Options{})}, rdb: rdb}
		b.load("r-1", 1)
		reported, saw := false, false
		var target *rollout.Target
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			news := rapid.IntRange(0, 3).Draw(rt, "step") == 0
			switch now := b.target("r-1", "wx000"); {
			case news:
				reported = true
				b.must(b.Wake(b.Context(), "wx000", "news", at, everything))
			case target != nil: // the assignment ends with what it saw
				b.step(*target, parks(rollout.ReasonVerdict))
				target = nil
			case now.State == rollout.StatePending:
				_, begun := b.begin("r-1", rollout.StagePreflight, "wx000")
				target, saw = &begun, reported
			}
		}
		if now := b.target("r-1", "wx000"); now.State == rollout.StateParked && reported && !saw {
			rt.Fatal("parked without a report")
		}
		b.sound("r-1")
	})
}

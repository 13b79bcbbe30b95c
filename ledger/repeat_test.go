package ledger_test

import (
	"errors"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
)

// next stores a running rollout like one, which takes its name from an unfinished rollout.
func (b *bench) next(id, after string, p rollout.Plan) {
	b.Helper()
	b.advance(time.Second)
	_, err := b.Create(b.Context(), ledger.NewRollout{ID: id, Plan: p, Digest: id, After: after})
	b.must(err)
	b.add(id, targetsOf(1), 1)
	b.must(b.seal(id, 1))
}

// The next run of a schedule takes the name from the one before, and from no other.
func TestNextRunTakesTheName(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		create := func(id, after string) error {
			_, err := b.Create(b.Context(), ledger.NewRollout{ID: id, Plan: plan("spring", 1), Digest: id, After: after})
			return err
		}
		b.one("r1", plan("spring", 1))
		for _, after := range []string{"", "r0", "r2"} {
			var taken *ledger.TakenError
			if err := create("r2", after); !errors.As(err, &taken) || taken.Other != "r1" || taken.Status != rollout.StatusRunning {
				b.Errorf("after %q: %v, want that r1 has the name", after, err)
			}
		}
		b.must(create("r2", "r1"))
		b.must(create("r2", "r1")) // the same call again, after a crash
		if id, err := b.ByName(b.Context(), "spring"); err != nil || id != "r2" {
			b.Errorf("spring is %s (%v), want r2", id, err)
		}
		b.add("r2", targetsOf(1), 1)
		b.must(b.seal("r2", 1))
		var taken *ledger.TakenError
		if err := create("r3", "r1"); !errors.As(err, &taken) || taken.Other != "r2" {
			b.Errorf("r3 after r1: %v, want that r2 has the name", err)
		}
		for _, id := range []string{"r1", "r2"} {
			if r, err := b.Rollout(b.Context(), id); err != nil || r.Status != rollout.StatusRunning {
				b.Errorf("%s is %s (%v), want running", id, r.Status, err)
			}
		}
		b.sound("r1", "r2")
	})
}

// A later run takes an app from an earlier one of its name exactly where that waits for the
// merchant, with any policy of conflicts; the earlier target then ends, and says why.
func TestNextRunTakesWhatWaitsForItsMerchant(t *testing.T) {
	t.Parallel()
	for state, prepare := range ownerStates {
		for _, on := range []rollout.OnConflict{"", "skip"} {
			t.Run(state+"/"+string(on), func(t *testing.T) {
				t.Parallel()
				both(t, func(b *bench) {
					b.one("old", ranked("monthly", "2.0.0", 0, on))
					b.next("new", "old", ranked("monthly", "2.0.0", 0, on))
					prepare(b)
					want := map[bool]string{true: "skips", false: "waits"}[on == "skip"]
					switch state {
					case "waits for its merchant", "has ended", "waits in an aborted rollout":
						want = "takes"
					case "acts in an aborted rollout":
						want = "waits"
					}
					if got := b.try("new"); got != want {
						b.Errorf("it %s, want that it %s", got, want)
					}
					b.ousted(state == "waits for its merchant")
					if state == "waits for its merchant" {
						b.endsFor("old", "superseded by rollout new, a later run of the same name, which works on this app")
					}
					b.sound("old", "new")
				})
			})
		}
	}
}

// endsFor checks that a target that waits for another rollout ends skipped at its next look.
func (b *bench) endsFor(id, why string) {
	b.Helper()
	b.advance(ownerRetry)
	_, err := b.WakeDue(b.Context(), 9)
	b.must(err)
	x, err := b.Target(b.Context(), id, app)
	b.must(err)
	if n := len(x.Timeline); x.State != rollout.StateSkipped || n == 0 || x.Timeline[n-1].Note != why {
		b.Errorf("the target of %s is %s:%s: %+v", id, x.State, x.Reason, x.Timeline)
	}
}

// Another rollout's app is not taken, nor one of a later run by an earlier one; a call of unknown
// outcome is read back first.
func TestNextRunTakesNoOther(t *testing.T) {
	t.Parallel()
	merchant := ownerStates["waits for its merchant"]
	both(t, func(b *bench) {
		b.one("old", ranked("monthly", "2.0.0", 0, ""))
		b.one("new", ranked("weekly", "2.0.0", 0, ""))
		merchant(b)
		if got := b.try("new"); got != "waits" {
			b.Errorf("of another name it %s", got)
		}
	})
	both(t, func(b *bench) {
		b.one("new", ranked("monthly", "2.0.0", 0, "")) // in truth the earlier one
		b.next("old", "new", ranked("monthly", "2.0.0", 0, ""))
		merchant(b)
		if got := b.try("new"); got != "skips" && got != "waits" {
			b.Errorf("an earlier run %s", got)
		}
		b.endsFor("new", "superseded by rollout old, a later run of the same name, which works on this app")
	})
	both(t, func(b *bench) {
		b.one("old", ranked("monthly", "2.0.0", 0, ""))
		b.next("new", "old", ranked("monthly", "2.0.0", 0, ""))
		b.bring("old", rollout.StageSubmit)
		_, t := b.begin("old", rollout.StageSubmit, app)
		t = b.step(t, rollout.Intended{At: at, Op: rollout.OpSubmit})
		b.step(t, rollout.Waited{At: at, Reason: rollout.ReasonMerchant, For: time.Hour})
		if got := b.try("new"); got != "hurries" && got != "waits" {
			b.Errorf("while a submission may be under way it %s", got)
		}
	})
}

// The rules above fail for deliberate bugs: a later run that leaves apps to merchants, and an
// earlier target that waits on.
func TestNextRunCatches(t *testing.T) {
	t.Parallel()
	for name, bug := range map[string]spoiled{
		"merchants keep apps":  {"(merchant and follows(", "(false and follows("},
		"earlier ones wait on": {"decision == 'skip' or follows(", "decision == 'skip' or false and follows("},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, rdb := redistest.Mini(t)
			rdb.AddHook(bug)
			b := &bench{T: t, store: store{ledger.New(rdb, ledger.Options{})}, rdb: rdb, advance: func(d time.Duration) { redistest.Advance(m, d) }}
			b.one("old", ranked("monthly", "2.0.0", 0, ""))
			b.next("new", "old", ranked("monthly", "2.0.0", 0, ""))
			ownerStates["waits for its merchant"](b)
			takes := b.try("new") == "takes"
			b.advance(ownerRetry)
			_, err := b.WakeDue(b.Context(), 9)
			b.must(err)
			x, err := b.Target(b.Context(), "old", app)
			b.must(err)
			if takes && x.State == rollout.StateSkipped {
				b.Error("not noticed")
			}
		})
	}
}

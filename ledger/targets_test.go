package ledger_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/ledger/fsck"
	"github.com/wxrollout/wxrollout/rollout"
)

func TestTargets(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		const n = 1234 // more than two pages
		b.load("r1", n)
		walk := func(ctx context.Context, stop int) (map[string]bool, error) {
			seen := make(map[string]bool)
			for x, err := range b.Targets(ctx, "r1") {
				if err != nil {
					return seen, err
				}
				if seen[x.AppID] || x.Rollout != "r1" {
					b.Errorf("%s/%s a second time", x.Rollout, x.AppID)
				}
				if seen[x.AppID] = true; len(seen) == stop {
					return seen, nil
				}
			}
			return seen, nil
		}
		seen, err := walk(b.Context(), 700)
		if len(seen) != 700 || err != nil {
			b.Errorf("left after %d, %v; want 700", len(seen), err)
		}
		ctx, cancel := context.WithCancel(b.Context())
		cancel()
		if _, err := walk(ctx, n); !errors.Is(err, context.Canceled) || !strings.HasPrefix(err.Error(), "read targets of rollout r1: ") {
			b.Errorf("canceled: %v", err)
		}
		seen, err = walk(b.Context(), 0)
		if len(seen) != n || err != nil {
			b.Errorf("walked over %d, %v; want %d", len(seen), err, n)
		}
	})
}

// One bad record is a separate error; the walk goes on.
func TestTargetsPastABadRecord(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		b.load("r1", 3)
		good := b.rdb.HGet(b.Context(), "wxr:{ledger}:t:r1", "wx001").Val()
		for what, bad := range map[string]string{
			"header": "nonsense",
			"number": strings.Replace(good, "|1|", "|one|", 1),
			"body":   strings.TrimSuffix(good, "}"),
		} {
			b.must(b.rdb.HSet(b.Context(), "wxr:{ledger}:t:r1", "wx001", bad).Err())
			read, failed := 0, 0
			for _, err := range b.Targets(b.Context(), "r1") {
				if err != nil {
					failed++
					if want := "ledger record of r1/wx001: bad " + what; !strings.HasPrefix(err.Error(), want) {
						b.Errorf("error %v, want %s", err, want)
					}
					continue
				}
				read++
			}
			if read != 2 || failed != 1 {
				b.Errorf("bad %s: %d read, %d errors; want 2 and 1", what, read, failed)
			}
		}
	})
}

func TestNotFound(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		b.load("r1", 1)
		ctx := b.Context()
		for what, err := range map[string]error{
			"rollout":      second(b.Rollout(ctx, "r9")),
			"target":       second(b.Target(ctx, "r1", "wx999")),
			"target of r9": second(b.Target(ctx, "r9", "wx000")),
			"targets":      lastError(b.Targets(ctx, "r9")),
			"plan":         second(b.Plan(ctx, "r9", 0)),
			"inspect":      second(fsck.Check(ctx, b.rdb, fsck.Options{Rollouts: []string{"r9"}})),
			"pause":        b.PauseBy(ctx, "r9", "op", "x"),
			"resume":       b.Resume(ctx, "r9", "op", "x"),
			"abort":        b.Abort(ctx, "r9", "op", "x"),
			"promote":      second(b.PromoteSeen(ctx, "r9", 0, rollout.GateState{}, "op", "x")),
			"add":          second(b.Add(ctx, "r9", nil)),
			"schedule":     second(b.Schedule(ctx, "s9")),
			"its targets":  lastError(b.ScheduleTargets(ctx, "s9")),
			"its seal":     b.SealSchedule(ctx, "s9", 0),
			"its pause":    b.PauseSchedule(ctx, "s9"),
			"its resume":   b.ResumeSchedule(ctx, "s9", time.Time{}),
			"its deletion": b.DeleteSchedule(ctx, "s9"),
			"add to it":    second(b.AddScheduleTargets(ctx, "s9", nil)),
			"name":         second(b.ByName(ctx, "unknown")),
		} {
			if !errors.Is(err, ledger.ErrNotFound) {
				b.Errorf("%s: %v, want not found", what, err)
			}
		}
		if id, err := b.Owner(ctx, "wx000"); id != "" || err != nil {
			b.Errorf("owner of an idle app: %q, %v", id, err)
		}
	})
}

func second[T any](_ T, err error) error { return err }

func lastError(seq func(func(rollout.Target, error) bool)) error {
	var last error
	for _, err := range seq {
		last = err
	}
	return last
}

func TestSaveAll(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		b.load("r1", 4)
		var edits []ledger.Edit
		for _, app := range []string{"wx000", "wx001", "wx002"} {
			_, was := b.begin("r1", rollout.StagePreflight, app)
			was = b.step(was, rollout.Failed{At: at, LastError: rollout.LastError{Code: 85015}})
			next, err := rollout.Step(was, rollout.Retried{At: at})
			b.must(err)
			edits = append(edits, ledger.Edit{Was: was, Next: next})
		}
		b.step(edits[1].Was, rollout.Retried{At: at}) // another writer was first
		if n, err := b.SaveAll(b.Context(), edits); n != 2 || err != nil {
			b.Errorf("stored %d, %v; want the 2 unchanged ones", n, err)
		}
		if n, err := b.SaveAll(b.Context(), edits); n != 0 || err != nil {
			b.Errorf("stored %d again, %v", n, err)
		}
		if n, err := b.SaveAll(b.Context(), nil); n != 0 || err != nil {
			b.Errorf("stored %d of none, %v", n, err)
		}
		r, err := b.Rollout(b.Context(), "r1")
		b.must(err)
		if n := r.Counts.State(rollout.StatePending); n != 4 {
			b.Errorf("%d are pending, want 4", n)
		}
		b.sound("r1")
	})
}

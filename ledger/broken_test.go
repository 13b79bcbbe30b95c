package ledger_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
)

// harm makes apps of r1 what Redis should never hold: wx000 has no record, wx001 one
// without a place, wx002 ended without leaving the index.
func (b *bench) harm(key string) {
	b.Helper()
	ctx := b.Context()
	b.must(b.rdb.HDel(ctx, root+"t:"+key, "wx000").Err())
	b.must(b.rdb.HSet(ctx, root+"t:"+key, "wx001", "pending").Err())
	b.must(b.rdb.HSet(ctx, root+"t:"+key, "wx002", "preflight|up-to-date||0|1|0|2|{}").Err())
}

// TestSweepPastWhatIsBroken: an aborted rollout ends its other targets.
func TestSweepPastWhatIsBroken(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		b.load("r1", 6)
		b.harm("r1")
		b.must(b.Abort(b.Context(), "r1", "op", "enough"))
		for range 9 { // in batches that the broken ones fill
			n, err := b.Sweep(b.Context(), "r1", 2)
			b.must(err)
			if n == 0 {
				break
			}
		}
		for _, app := range []string{"wx003", "wx004", "wx005"} {
			if got, err := b.Target(b.Context(), "r1", app); err != nil || got.State != rollout.StateAborted {
				b.Errorf("%s is %s, %v", app, got.State, err)
			}
		}
		if n := b.rdb.ZCard(b.Context(), root+"ready:r1:preflight").Val(); n != 0 {
			b.Errorf("%d stand in the index of what waits", n)
		}
		if got := b.rdb.HGet(b.Context(), root+"t:r1", "wx001").Val(); got != "pending" {
			b.Errorf("the unreadable record became %q", got)
		}
	})
}

// TestClaimPastWhatIsBroken: one assignment at a time is given, as in a closed pool, to who
// waits behind it.
func TestClaimPastWhatIsBroken(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		b.load("r1", 4)
		b.harm("r1")
		claim := rollout.Claim{Rollout: "r1", Stage: rollout.StagePreflight, MaxRank: rollout.Rank(1, 0), N: 1, Lease: lease}
		for range 4 {
			apps, err := b.Peek(b.Context(), claim)
			b.must(err)
			claim.Only = apps
			assignments, err := b.Claim(b.Context(), claim)
			b.must(err)
			if len(assignments) == 1 && assignments[0].AppID == "wx003" {
				return
			}
		}
		b.Error("wx003 never had its assignment")
	})
}

// TestAssignmentOfABrokenRecordEnds with every request of its handler.
func TestAssignmentOfABrokenRecordEnds(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		b.load("r1", 1)
		assignment, target := b.begin("r1", rollout.StagePreflight, "wx000")
		b.must(b.rdb.HSet(b.Context(), root+"t:r1", "wx000", "running").Err())
		var stale *rollout.StaleError
		if _, err := b.Start(b.Context(), assignment, lease); !errors.As(err, &stale) {
			b.Errorf("started: %v", err)
		}
		if _, err := b.Save(b.Context(), target, target, rollout.SaveOptions{Lease: lease}); !errors.As(err, &stale) {
			b.Errorf("saved: %v", err)
		}
	})
}

// TestActivePastABrokenRollout: what can't be read is named, and the others are there.
func TestActivePastABrokenRollout(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		for _, id := range []string{"r0", "r1", "r2", "r3", "r4", "r5"} {
			b.load(id, 1)
		}
		ctx := b.Context()
		b.must(b.rdb.Set(ctx, root+"r:r0", "garbage", 0).Err()) // by another program
		b.must(b.rdb.HSet(ctx, root+"n:r1", "garbage", 1).Err())
		b.must(b.rdb.HSet(ctx, root+"n:r2", "0|preflight|pending|", "many").Err())
		b.must(b.rdb.HSet(ctx, root+"r:r3", "plan", "{").Err())
		b.must(b.rdb.HSet(ctx, root+"r:r4", "gate:0", "{").Err())
		list, err := b.Active(ctx)
		if len(list) != 1 || list[0].ID != "r5" {
			b.Errorf("read %+v, want r5 alone", list)
		}
		for _, id := range []string{"r0", "r1", "r2", "r3", "r4"} {
			if broken := (*ledger.BrokenError)(nil); !errors.As(err, &broken) || !strings.Contains(err.Error(), "rollout "+id+" can't be read") {
				b.Errorf("%s isn't named: %v", id, err)
			}
		}
	})
}

package fsck_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/ledger/fsck"
	"github.com/wxrollout/wxrollout/rollout"
)

// spread loads a rollout whose first targets are in each kind of place:
// wx000 running, wx001 parked, wx002 ended, wx003 at the next stage, the rest pending.
func (b *bench) spread(id string, n int) {
	b.Helper()
	b.load(id, n)
	running := b.begin(id, "wx000")
	parked := b.begin(id, "wx001")
	ended := b.begin(id, "wx002")
	next := b.begin(id, "wx003")
	b.step(running, rollout.Stalled{At: at, For: time.Second})
	b.step(parked, rollout.Waited{At: at, Reason: rollout.ReasonMerchant, For: time.Hour})
	b.step(ended, rollout.Finished{At: at, End: rollout.StateUpToDate})
	b.step(next, rollout.Advanced{At: at})
}

func TestOneRollout(t *testing.T) {
	t.Parallel()
	type b = *bench
	for _, tc := range []struct {
		name   string
		damage func(b) error
		want   []string
	}{
		{"none", func(b) error { return nil }, nil},
		{"a pending target fell out of its index", func(b b) error {
			return b.rdb.ZRem(b.Context(), root+"ready:r1:preflight", "wx004").Err()
		}, []string{`index: app wx004 is pending at preflight and listed in "", not in "ready:preflight=4"`}},
		{"a parked one is in two", func(b b) error {
			return b.rdb.ZAdd(b.Context(), root+"leases:audit", z(7, "r1 wx001")).Err()
		}, []string{`index: app wx001 is parked at preflight and listed in "leases:audit=7 wake=3600000", not in "wake=3600000"`}},
		{"at another rank", func(b b) error {
			return b.rdb.ZAdd(b.Context(), root+"ready:r1:commit", z(9, "wx003")).Err()
		}, []string{`index: app wx003 is pending at commit and listed in "ready:commit=9", not in "ready:commit=3"`}},
		{"an ended one waits", func(b b) error {
			return b.rdb.ZAdd(b.Context(), root+"wake", z(7, "r1 wx002")).Err()
		}, []string{`index: app wx002 is up-to-date at preflight and listed in "wake=7", not in ""`}},
		{"an ended one is owned", func(b b) error {
			return b.rdb.HSet(b.Context(), root+"owners", "wx002", "r1").Err()
		}, []string{"owner: app wx002 is up-to-date and still owned"}},
		{"a running one is another's", func(b b) error {
			return b.rdb.HSet(b.Context(), root+"owners", "wx000", "r2").Err()
		}, []string{`owner: app wx000 is running, but owned by "r2"`}},
		{"a count is off", func(b b) error {
			return b.rdb.HIncrBy(b.Context(), root+"n:r1", "0|preflight|pending|", 2).Err()
		}, []string{"count: cell 0|preflight|pending| counts +2 too many"}},
		{"a count of nothing", func(b b) error {
			return b.rdb.HSet(b.Context(), root+"n:r1", "7|release|failed|", -1).Err()
		}, []string{"count: cell 7|release|failed| counts -1 too many"}},
		{"a record is gone", func(b b) error {
			return b.rdb.HDel(b.Context(), root+"t:r1", "wx001").Err()
		}, []string{
			"orphan: app wx001 is not there, but owned",
			`orphan: app wx001 is not there, but listed in "wake=3600000"`,
			"total: the plan has 6 targets, the ledger 5",
			"count: cell 0|preflight|parked|merchant counts +1 too many",
		}},
		{"a record is broken", func(b b) error {
			return b.rdb.HSet(b.Context(), root+"t:r1", "wx004", "pending").Err()
		}, []string{
			`record: app wx004 can't be read: ledger record of r1/wx004: bad header in "pending"`,
			"count: cell 0|preflight|pending| counts +1 too many",
		}},
		{"a stage that doesn't exist", func(b b) error {
			return b.rdb.HSet(b.Context(), root+"t:r1", "wx002", "audit|released||1|1|0|2|{}").Err()
		}, []string{
			`record: app wx002 is released at audit: no such place`,
			"count: cell 0|preflight|up-to-date| counts +1 too many",
		}},
		{"the controller forgot it", func(b b) error {
			return b.rdb.ZRem(b.Context(), root+"active", "r1").Err()
		}, []string{"asleep: it is running with 5 targets unfinished"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			both(t, func(b *bench) {
				b.load("r0", 2) // another's targets are none of its business
				b.spread("r1", 6)
				b.must(tc.damage(b))
				f := b.fsck(fsck.Options{Rollouts: []string{"r1"}})
				now := b.rdb.Time(b.Context()).Val().UnixMilli()
				var got []string
				for _, x := range f {
					got = append(got, relative(x.String(), now))
				}
				slices.Sort(got)
				slices.Sort(tc.want)
				if diff := cmp.Diff(tc.want, got); diff != "" {
					b.Errorf("%d findings (-want +got):\n%s", len(f), diff)
				}
				b.sound("r0")
			})
		})
	}
}

// churn gives assignments and hands them back until its context ends.
func churn(ctx context.Context, l store) error {
	for ctx.Err() == nil {
		if err := churnOnce(ctx, l); err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
	}
	return nil
}

// churnOnce is one round of it.
func churnOnce(ctx context.Context, l store) error {
	assignments, err := l.Claim(ctx, rollout.Claim{
		Rollout: "r1", Stage: rollout.StagePreflight, MaxRank: rollout.Rank(1, 0), N: 20, Lease: lease,
	})
	if err != nil {
		return err
	}
	for i, assignment := range assignments {
		started, err := l.Start(ctx, assignment, lease)
		if err != nil {
			return err
		}
		e := rollout.Event(rollout.Yielded{At: at, Note: "churn"})
		if i%2 == 0 {
			e = rollout.Waited{At: at, Reason: rollout.ReasonBusy, For: time.Millisecond}
		}
		next, err := rollout.Step(started.Target, e)
		if err != nil {
			return err
		}
		if _, err := l.Save(ctx, started.Target, next, rollout.SaveOptions{}); err != nil {
			return err
		}
	}
	_, err = l.WakeDue(ctx, 100)
	return err
}

func ExampleFinding() {
	fmt.Println(fsck.Finding{Fault: fsck.FaultOwner, AppID: "wx1", Text: "is released and still owned"})
	// Output: owner: app wx1 is released and still owned
}

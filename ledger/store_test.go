package ledger_test

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
)

// TestStore tests the contract of dispatch.Store on miniredis and on Redis.
func TestStore(t *testing.T) {
	t.Parallel()
	redistest.Both(t, runStore)
}

func runStore(t *testing.T, rdb redis.UniversalClient, advance func(time.Duration)) {
	for _, c := range []struct {
		name string
		run  func(*bench)
	}{
		{"Load", testLoad},
		{"ClaimInOrder", testClaimInOrder},
		{"ClaimOnly", testClaimOnly},
		{"ClaimNeedsARunningRollout", testClaimNeedsRunning},
		{"StartOnce", testStartOnce},
		{"SaveOnce", testSaveOnce},
		{"SaveBeforeACall", testSaveBeforeACall},
		{"Wake", testWake},
		{"Expire", testExpire},
		{"StallKeepsTheLease", testStall},
		{"Owner", testOwner},
		{"TakeOver", testTakeOver},
		{"Statuses", testStatuses},
		{"FinishNeedsAllEnded", testFinish},
		{"Sweep", testSweep},
		{"ReadBack", testReadBack},
		{"ReadBackFirst", testReadBackFirst},
		{"Gates", testGates},
		{"GatesTrip", testTrips},
		{"RetryRevives", testRetry},
		{"Codes", testCodes},
		{"Workers", testWorkers},
		{"WholeRollout", testWholeRollout},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := rdb.FlushAll(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
			c.run(&bench{T: t, store: store{ledger.New(rdb, ledger.Options{OwnerRetry: ownerRetry})}, rdb: rdb, advance: advance})
		})
	}
}

func (b *bench) rollout(id string) rollout.Rollout {
	b.Helper()
	r, err := b.Rollout(b.Context(), id)
	b.must(err)
	return r
}

func (b *bench) target(id, app string) rollout.Target {
	b.Helper()
	x, err := b.Target(b.Context(), id, app)
	b.must(err)
	return x
}

// claim takes up to n assignments of a rollout at a stage, in all waves.
func (b *bench) claim(id string, stage rollout.Stage, n int, only ...string) []rollout.Assignment {
	b.Helper()
	assignments, err := b.Claim(b.Context(), rollout.Claim{
		Rollout: id, Stage: stage, MaxRank: rollout.Rank(1000, 0), N: n, Only: only, Lease: lease,
	})
	b.must(err)
	return assignments
}

// counts checks how many targets are in which state; others must be none.
func (b *bench) counts(id string, want map[rollout.State]int) {
	b.Helper()
	c := b.rollout(id).Counts
	for _, s := range rollout.States() {
		if got := c.State(s); got != want[s] {
			b.Errorf("%s: %d targets are %s, want %d (%v)", id, got, s, want[s], c)
		}
	}
}

// appsOf lists whose assignments these are.
func appsOf(assignments []rollout.Assignment) []string {
	var list []string
	for _, t := range assignments {
		list = append(list, t.AppID)
	}
	return list
}

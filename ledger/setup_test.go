package ledger_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/ledger/fsck"
	"github.com/wxrollout/wxrollout/rollout"
)

// lease is how long the assignments of these tests last.
const lease = time.Minute

const root = "wxr:{ledger}:"

// at is the time of events; the ledger's time is Redis's.
var at = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// ownerRetry is how long the ledger parks a target whose app another rollout works on.
const ownerRetry = 30 * time.Second

// store is a ledger that loads whole rollouts.
type store struct{ *ledger.Ledger }

// rolloutLoad is a rollout to be loaded.
type rolloutLoad struct {
	ID      string
	Plan    rollout.Plan
	StartAt time.Time // zero: at once
	Targets []rollout.Target
}

// wavesOf makes waves of the given sizes, without gates.
func wavesOf(sizes ...int) []rollout.Wave {
	all := make([]rollout.Wave, len(sizes))
	for i, n := range sizes {
		all[i] = rollout.Wave{Name: fmt.Sprintf("wave%d", i), Size: n}
	}
	return all
}

// targetsOf makes the targets wx000, wx001, ... that waves of these sizes cover.
func targetsOf(sizes ...int) []rollout.Target {
	var all []rollout.Target
	for wave, size := range sizes {
		for n := range size {
			app := fmt.Sprintf("wx%03d", len(all))
			all = append(all, rollout.Target{AppID: app, Rank: rollout.Rank(wave, n), Attempt: 1, Label: "shop " + app})
		}
	}
	return all
}

// Load stores a whole rollout as apply does.
func (s store) Load(ctx context.Context, l rolloutLoad) error {
	created, err := s.Create(ctx, ledger.NewRollout{ID: l.ID, Plan: l.Plan, Digest: "digest of " + l.ID, StartAt: l.StartAt})
	if err != nil || created.Status != rollout.StatusLoading {
		return err
	}
	for page := range slices.Chunk(l.Targets, ledger.AddBatch) {
		if _, err := s.Add(ctx, l.ID, page); err != nil {
			return err
		}
	}
	return s.Seal(ctx, l.ID, len(l.Targets), !l.StartAt.IsZero(), "test", "apply")
}

// bench is a ledger on some Redis whose time the test moves.
type bench struct {
	*testing.T
	store
	rdb     redis.UniversalClient
	advance func(time.Duration)
}

// both runs a test on miniredis and on a real server.
func both(t *testing.T, fn func(b *bench)) {
	t.Helper()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, advance func(time.Duration)) {
		fn(&bench{T: t, store: store{ledger.New(rdb, ledger.Options{})}, rdb: rdb, advance: advance})
	})
}

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// load stores a running rollout of waves of these sizes.
func (b *bench) load(id string, sizes ...int) {
	b.Helper()
	b.must(b.Load(b.Context(), rolloutLoad{ID: id, Plan: plan("plan of "+id, sizes...), Targets: targetsOf(sizes...)}))
}

func plan(name string, sizes ...int) rollout.Plan {
	return rollout.Plan{Name: name, Waves: wavesOf(sizes...), Ext: `{"extEnable":true}`}
}

// begin claims one app's assignment at its stage and starts it.
func (b *bench) begin(id string, stage rollout.Stage, app string) (rollout.Assignment, rollout.Target) {
	b.Helper()
	t, err := b.Target(b.Context(), id, app)
	b.must(err)
	assignments, err := b.Claim(b.Context(), rollout.Claim{
		Rollout: id, Stage: stage, MaxRank: rollout.Rank(99, 0), ReadBack: t.Reason == rollout.ReasonUnknown, N: 1, Only: []string{app}, Lease: lease,
	})
	b.must(err)
	if len(assignments) != 1 {
		b.Fatalf("claim of %s at %s gave %v", app, stage, assignments)
	}
	started, err := b.Start(b.Context(), assignments[0], lease)
	b.must(err)
	return assignments[0], started.Target
}

// step saves a target as the event leaves it.
func (b *bench) step(was rollout.Target, e rollout.Event) rollout.Target {
	b.Helper()
	next, err := rollout.Step(was, e)
	b.must(err)
	saved, err := b.Save(b.Context(), was, next, rollout.SaveOptions{Lease: lease})
	b.must(err)
	return saved
}

// spread loads a rollout whose first targets are in each kind of place:
// wx000 running, wx001 parked, wx002 ended, wx003 at the next stage, the rest pending.
func (b *bench) spread(id string, n int) {
	b.Helper()
	b.load(id, n)
	events := []rollout.Event{
		rollout.Stalled{At: at, For: time.Second}, rollout.Waited{At: at, Reason: rollout.ReasonMerchant, For: time.Hour},
		rollout.Finished{At: at, End: rollout.StateUpToDate}, rollout.Advanced{At: at},
	}
	for i, e := range events {
		_, target := b.begin(id, rollout.StagePreflight, fmt.Sprintf("wx%03d", i))
		b.step(target, e)
	}
}

// sound fails the test if a check finds anything.
func (b *bench) sound(ids ...string) {
	b.Helper()
	for _, id := range ids {
		if _, f, err := checked(b.Context(), b.rdb, fsck.Options{Rollouts: []string{id}}); len(f) > 0 || err != nil {
			b.Errorf("check of %s: %v, %v", id, f, err)
		}
	}
}

// checked is what a check finds.
func checked(ctx context.Context, rdb redis.UniversalClient, o fsck.Options) (fsck.Checked, []fsck.Finding, error) {
	var list []fsck.Finding
	o.See = func(f fsck.Finding) { list = append(list, f) }
	in, err := fsck.Check(ctx, rdb, o)
	return in, list, err
}

// z is a member of a sorted set.
func z(score float64, member string) redis.Z { return redis.Z{Score: score, Member: member} }

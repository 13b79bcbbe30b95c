package fsck_test

import (
	"context"
	"flag"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/ledger/fsck"
	"github.com/wxrollout/wxrollout/rollout"
)

func TestMain(m *testing.M) {
	flag.Parse()
	goleak.VerifyTestMain(m)
}

const root = "wxr:{ledger}:"

// lease is how long the assignments of these tests last.
const lease = time.Minute

// at is the time of events; the ledger's time is Redis's.
var at = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// store is a ledger that stores whole rollouts.
type store struct{ *ledger.Ledger }

// load stores a running rollout with n targets, wx000 and so on, in one wave.
func (s store) load(ctx context.Context, id string, n int) error {
	if _, err := s.Create(ctx, ledger.NewRollout{ID: id, Plan: plan("plan of "+id, n), Digest: "digest of " + id}); err != nil {
		return err
	}
	targets := make([]rollout.Target, n)
	for i := range targets {
		app := fmt.Sprintf("wx%03d", i)
		targets[i] = rollout.Target{AppID: app, Rank: rollout.Rank(0, i), Attempt: 1, Label: "shop " + app}
	}
	for page := range slices.Chunk(targets, ledger.AddBatch) {
		if _, err := s.Add(ctx, id, page); err != nil {
			return err
		}
	}
	return s.Seal(ctx, id, n, false, "test", "apply")
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

func plan(name string, size int) rollout.Plan {
	return rollout.Plan{Name: name, Waves: []rollout.Wave{{Name: "wave0", Size: size}}, Ext: `{"extEnable":true}`}
}

// load stores a running rollout with n targets in one wave.
func (b *bench) load(id string, n int) {
	b.Helper()
	b.must(b.store.load(b.Context(), id, n))
}

// begin claims and starts an app's assignment at preflight.
func (b *bench) begin(id, app string) rollout.Target {
	b.Helper()
	assignments, err := b.Claim(b.Context(), rollout.Claim{
		Rollout: id, Stage: rollout.StagePreflight, MaxRank: rollout.Rank(99, 0), N: 1, Only: []string{app}, Lease: lease,
	})
	b.must(err)
	if len(assignments) != 1 {
		b.Fatalf("claim of %s: %v", app, assignments)
	}
	started, err := b.Start(b.Context(), assignments[0], lease)
	b.must(err)
	return started.Target
}

// step saves a target as the event leaves it.
func (b *bench) step(was rollout.Target, e rollout.Event) {
	b.Helper()
	next, err := rollout.Step(was, e)
	b.must(err)
	_, err = b.Save(b.Context(), was, next, rollout.SaveOptions{Lease: lease})
	b.must(err)
}

// sound fails the test if a check of the rollout finds anything.
func (b *bench) sound(id string) {
	b.Helper()
	if f := b.fsck(fsck.Options{Rollouts: []string{id}}); len(f) > 0 {
		b.Errorf("check of %s: %v", id, f)
	}
}

// z is a member of a sorted set.
func z(score float64, member string) redis.Z { return redis.Z{Score: score, Member: member} }

var milliseconds = regexp.MustCompile(`[0-9]{13}`)

// relative writes the times in a text as milliseconds from now.
func relative(text string, now int64) string {
	return milliseconds.ReplaceAllStringFunc(text, func(s string) string {
		ms, _ := strconv.ParseInt(s, 10, 64)
		return strconv.FormatInt(ms-now, 10)
	})
}

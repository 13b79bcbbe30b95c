package ledger_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
)

// BenchmarkWholeTarget takes targets through a whole life, six stages with a
// submit that is written before its call and a verdict that is waited for, and
// says how many bytes of Redis each has become.
func BenchmarkWholeTarget(b *testing.B) {
	rdb := redistest.Start(b).Client(b)
	l := store{ledger.New(rdb, ledger.Options{})}
	ctx := b.Context()
	targets := targetsOf(b.N)
	for i := range targets {
		targets[i].Columns = map[string]string{"tier": "gold", "region": "east", "active_users": "120345", "contact": "shop@example.com"}
	}
	empty := used(b, rdb)
	if err := l.Load(ctx, rolloutLoad{ID: "r1", Plan: plan("bench", b.N), Targets: targets}); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for _, stage := range rollout.Stages() {
		for left := b.N; left > 0; {
			assignments, err := l.Claim(ctx, rollout.Claim{Rollout: "r1", Stage: stage, MaxRank: rollout.Rank(1, 0), N: 500, Lease: time.Hour})
			if err != nil || len(assignments) == 0 {
				b.Fatalf("claim of %d at %s: %d assignments, %v", left, stage, len(assignments), err)
			}
			left -= len(assignments)
			for _, assignment := range assignments {
				if err := live(ctx, l, assignment); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(used(b, rdb)-empty)/float64(b.N), "redis-B/target")
	if r, err := l.Rollout(ctx, "r1"); err != nil || r.Counts.State(rollout.StateReleased) != b.N {
		b.Fatalf("%v, %v", r.Counts, err)
	}
}

// live is one assignment as a handler has it.
func live(ctx context.Context, l store, assignment rollout.Assignment) error {
	started, err := l.Start(ctx, assignment, time.Hour)
	if err != nil {
		return err
	}
	x := started.Target
	var events []rollout.Event
	switch assignment.Stage {
	case rollout.StageCommit:
		events = []rollout.Event{rollout.Intended{At: at, Op: rollout.OpCommit}, rollout.Advanced{At: at}}
	case rollout.StageSubmit:
		events = []rollout.Event{rollout.Intended{At: at, Op: rollout.OpSubmit}, rollout.Advanced{At: at, AuditID: 440512345, Note: "audit 440512345"}}
	case rollout.StageRelease:
		events = []rollout.Event{rollout.Intended{At: at, Op: rollout.OpRelease}, rollout.Finished{At: at, End: rollout.StateReleased, Note: "3.9.0"}}
	default:
		events = []rollout.Event{rollout.Advanced{At: at}}
	}
	for _, e := range events {
		next, err := rollout.Step(x, e)
		if err != nil {
			return err
		}
		if x, err = l.Save(ctx, x, next, rollout.SaveOptions{Lease: time.Hour}); err != nil {
			return err
		}
	}
	return nil
}

// used is how many bytes of data Redis holds.
func used(b *testing.B, rdb *redis.Client) int64 {
	b.Helper()
	for line := range strings.Lines(rdb.Info(b.Context(), "memory").Val()) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "used_memory_dataset:"); ok {
			n, err := strconv.ParseInt(v, 10, 64)
			if err != nil {
				b.Fatal(err)
			}
			return n
		}
	}
	b.Fatal("INFO memory has no used_memory_dataset")
	return 0
}

package ledger_test

import (
	"errors"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
)

// A server that comes back may have lost who has which assignment, so that for one
// lease it gives none and starts none; it saves what the old assignments bring.
func TestQuarantineAfterRestart(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.AOF(), redistest.Config("appendfsync always"))
	rdb, advance := server.Virtual(t)
	b := &bench{T: t, store: store{ledger.New(rdb, ledger.Options{})}, rdb: rdb, advance: advance}
	b.load("r1", 4)
	claim := func(app string) ([]rollout.Assignment, error) {
		return b.Claim(t.Context(), rollout.Claim{
			Rollout: "r1", Stage: rollout.StagePreflight, MaxRank: rollout.Rank(99, 0), N: 1, Only: []string{app}, Lease: lease,
		})
	}
	left := func(want time.Duration) {
		t.Helper()
		if got, err := b.Quarantine(t.Context()); err != nil || got != want {
			t.Errorf("quarantine %v (%v), want %v", got, err, want)
		}
	}
	queued, err := claim("wx000")
	b.must(err)
	_, acting := b.begin("r1", rollout.StagePreflight, "wx001")
	left(0)

	server.Restart()

	var stale *rollout.StaleError
	if _, err := b.Start(t.Context(), queued[0], lease); !errors.As(err, &stale) {
		t.Errorf("an assignment of before starts: %v", err)
	}
	var q *rollout.QuarantineError
	if assignments, err := claim("wx002"); !errors.As(err, &q) || q.Left != lease || len(assignments) != 0 {
		t.Errorf("a claim gives %v (%v), want a quarantine of %v", assignments, err, lease)
	}
	b.step(acting, rollout.Yielded{At: at})
	advance(lease - time.Second)
	left(time.Second)
	if _, err := claim("wx002"); !errors.As(err, &q) || q.Left != time.Second {
		t.Errorf("a claim near the end: %v, want a quarantine of 1 s", err)
	}
	advance(time.Second)
	left(0)
	b.begin("r1", rollout.StagePreflight, "wx002")
	_, err = b.ExpireDue(t.Context(), 10)
	b.must(err)
	b.begin("r1", rollout.StagePreflight, "wx000")
	b.sound("r1")
}

// A server that loses its very first assignments also loses that it gave them; it was
// known since a worker came, and waits nevertheless.
func TestQuarantineAfterFirstAssignmentsAreLost(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.AOF(), redistest.Config("appendfsync always"))
	rdb, advance := server.Virtual(t)
	b := &bench{T: t, store: store{ledger.New(rdb, ledger.Options{})}, rdb: rdb, advance: advance}
	b.must(b.Heartbeat(t.Context(), "w1", nil, time.Minute))
	b.load("r1", 1)

	server.Restart() // the assignments it gave meanwhile are not in its AOF

	var q *rollout.QuarantineError
	assignments, err := b.Claim(t.Context(), rollout.Claim{Rollout: "r1", Stage: rollout.StagePreflight, MaxRank: rollout.Rank(99, 0), N: 1, Lease: lease})
	if !errors.As(err, &q) || q.Left != lease || len(assignments) != 0 {
		t.Errorf("a claim gives %v (%v), want a quarantine of %v", assignments, err, lease)
	}
}

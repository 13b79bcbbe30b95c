package ledger_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
)

// clockBack is how far the server's clock was ahead before it was corrected.
const clockBack = 8 * time.Hour

// beat is a heartbeat of a living worker, and the step that it noticed.
func (b *bench) beat(worker string) time.Duration {
	b.Helper()
	err := b.Heartbeat(b.Context(), worker, map[rollout.QueueName]int{rollout.QueueCommit: 2}, 15*time.Second)
	step := (*ledger.ClockStepError)(nil)
	if errors.As(err, &step) {
		return step.Back
	}
	b.must(err)
	return 0
}

// TestClockStepsBack: what was due in a while is due in that while, leases end, dead
// workers are forgotten, fences grow, and the step is reported once.
func TestClockStepsBack(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		ctx := b.Context()
		const parked = 1200 // more than two batches
		b.load("r1", parked+2)
		b.beat("lives")
		b.must(b.Heartbeat(ctx, "dead", map[rollout.QueueName]int{rollout.QueueCommit: 7}, 15*time.Second))
		assignments, err := b.Claim(ctx, rollout.Claim{Rollout: "r1", Stage: rollout.StagePreflight, MaxRank: 1 << 40, N: parked, Lease: lease})
		b.must(err)
		for _, assignment := range assignments {
			s, err := b.Start(ctx, assignment, lease)
			b.must(err)
			b.step(s.Target, rollout.Waited{At: at, Reason: rollout.ReasonMerchant, For: 5 * time.Minute})
		}
		running, target := b.begin("r1", rollout.StagePreflight, fmt.Sprintf("wx%03d", parked))
		b.advance(time.Second)
		b.beat("lives")

		b.advance(-clockBack)
		if back := b.beat("lives"); back != clockBack {
			b.Errorf("a step of %s was noticed, want %s", back, clockBack)
		}
		if back := b.beat("lives"); back != 0 {
			b.Errorf("a step of %s was noticed twice", back)
		}
		s, ok, err := b.LastClockStep(ctx)
		if err != nil || !ok || s.Back != clockBack || s.Steps != 1 || !s.At.Equal(b.rdb.Time(ctx).Val()) {
			b.Errorf("the last step is %+v, %t, %v", s, ok, err)
		}
		b.sound("r1")
		if n, err := b.WakeDue(ctx, parked); err != nil || n != 0 {
			b.Errorf("woke %d at once, %v", n, err)
		}
		if c, err := b.Capacity(ctx); err != nil || c[rollout.QueueCommit] != 9 {
			b.Errorf("capacity %v, %v", c, err)
		}
		if _, err := b.Save(ctx, target, target, rollout.SaveOptions{Lease: lease}); err != nil {
			b.Errorf("the handler that acts can't save: %v", err)
		}
		b.advance(lease + time.Second)
		b.beat("lives")
		if n, err := b.ExpireDue(ctx, 9); err != nil || n != 1 {
			b.Errorf("%d leases ended, %v; want that of the dead handler", n, err)
		}
		if c, err := b.Capacity(ctx); err != nil || c[rollout.QueueCommit] != 2 {
			b.Errorf("capacity %v, %v, want the living worker's", c, err)
		}
		assignment, _ := b.begin("r1", rollout.StagePreflight, target.AppID)
		if assignment.Fence <= running.Fence {
			b.Errorf("fence %d after %d", assignment.Fence, running.Fence)
		}
		b.advance(5 * time.Minute)
		if n, err := b.WakeDue(ctx, 2*parked); err != nil || n != parked {
			b.Errorf("woke %d of %d after their wait, %v", n, parked, err)
		}
		b.sound("r1")
	})
}

// TestClockStepsBackInQuarantine: no assignment waits longer than one lease for a server
// that was restarted.
func TestClockStepsBackInQuarantine(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.AOF(), redistest.Config("appendfsync always"))
	rdb, advance := server.Virtual(t)
	b := &bench{T: t, store: store{ledger.New(rdb, ledger.Options{})}, rdb: rdb, advance: advance}
	b.load("r1", 2)
	b.begin("r1", rollout.StagePreflight, "wx000")
	claim := rollout.Claim{Rollout: "r1", Stage: rollout.StagePreflight, MaxRank: 9, N: 1, Lease: lease}
	waits := func(what string) {
		t.Helper()
		_, err := b.Claim(t.Context(), claim)
		if q := (*rollout.QuarantineError)(nil); !errors.As(err, &q) || q.Left != lease {
			t.Errorf("%s: %v, want a quarantine of %s", what, err, lease)
		}
	}
	server.Restart()
	waits("after the restart")
	b.advance(-clockBack)
	waits("after the step")
	b.advance(lease + time.Millisecond)
	if assignments, err := b.Claim(t.Context(), claim); err != nil || len(assignments) != 1 {
		t.Errorf("claimed %v, %v after the quarantine", assignments, err)
	}
}

// TestSmallClockSteps: what NTP corrects is no step, and wakes stay as they are.
func TestSmallClockSteps(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		b.load("r1", 1)
		_, target := b.begin("r1", rollout.StagePreflight, "wx000")
		b.step(target, rollout.Waited{At: at, Reason: rollout.ReasonMerchant, For: time.Minute})
		for range 5 {
			b.beat("w")
			b.advance(-5 * time.Second)
			if back := b.beat("w"); back != 0 {
				b.Errorf("a step of %s", back)
			}
			b.advance(10 * time.Second)
		}
		if _, ok, err := b.LastClockStep(b.Context()); ok || err != nil {
			b.Errorf("a step was remembered: %v", err)
		}
	})
}

// TestClockStepsTwice: the second step back, while the first is worked off or later, is
// worked off too.
func TestClockStepsTwice(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		ctx := b.Context()
		b.must(b.Load(ctx, rolloutLoad{ID: "r1", Plan: plan("p", 1), Targets: targetsOf(1)}))
		_, target := b.begin("r1", rollout.StagePreflight, "wx000")
		b.step(target, rollout.Waited{At: at, Reason: rollout.ReasonMerchant, For: time.Hour})
		b.beat("w")
		b.advance(-clockBack)
		b.beat("w")
		b.advance(-clockBack)
		b.beat("w")
		if s, _, err := b.LastClockStep(ctx); err != nil || s.Steps != 2 {
			b.Errorf("%+v, %v", s, err)
		}
		b.advance(59 * time.Minute)
		if n, err := b.WakeDue(ctx, 9); err != nil || n != 0 {
			b.Errorf("woke %d, %v", n, err)
		}
		b.advance(2 * time.Minute)
		if n, err := b.WakeDue(ctx, 9); err != nil || n != 1 {
			b.Errorf("woke %d, %v", n, err)
		}
		b.sound("r1")
	})
}

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/ledger"
)

// verbsRow measures what an operator waits for at 100,000 targets.
func verbsRow(ctx context.Context, b *bench) error {
	n := b.n(100_000)
	if err := b.redis.flush(ctx); err != nil {
		return err
	}
	wx := newFakeWeChat()
	e, err := startEngine(ctx, b.redis, wx, engineOptions{})
	if err != nil {
		return err
	}
	defer e.close(ctx)
	if err := load(ctx, e.ledger, n, plainID); err != nil {
		return err
	}
	// Let it work for a while, then pause: no call may begin after the last one.
	if err := (wallClock{}).Sleep(ctx, time.Second); err != nil {
		return err
	}
	start := time.Now()
	if err := e.ledger.Pause(ctx, rolloutID, "bench", "measured"); err != nil {
		return err
	}
	last, lastAt := wx.calls.Load(), start
	for time.Since(lastAt) < time.Second {
		if err := (wallClock{}).Sleep(ctx, 5*time.Millisecond); err != nil {
			return err
		}
		if now := wx.calls.Load(); now != last {
			last, lastAt = now, time.Now()
		}
	}
	b.figure(line{Name: "pause until the last call", Unit: "s", Ours: lastAt.Sub(start).Seconds(), Goal: "< 1 s"}, func(s float64) bool { return s < 1 })
	return b.reads(ctx, e, n)
}

// reads times the reads and the rest of the writes.
func (b *bench) reads(ctx context.Context, e *engine, n int) error {
	l := e.ledger
	op := operator.New(operator.Deps{Ledger: l, Pools: e.pools, Redis: e.rdb[0], By: "bench"})
	verbs := []struct {
		name string
		goal float64 // ms; 0 for none
		run  func() error
	}{
		{"get rollouts", 200, func() error { return second(op.Rollouts(ctx, 0, 50)) }},
		{"why one app", 200, func() error { return second(op.Why(ctx, plainID(n/2), rolloutID)) }},
		{"first page of get targets", 200, func() error {
			seen := 0
			for _, err := range l.Targets(ctx, rolloutID) {
				if seen++; err != nil || seen == 500 {
					return err
				}
			}
			return nil
		}},
		{fmt.Sprintf("all %d targets", n), 0, func() error {
			for _, err := range l.Targets(ctx, rolloutID) {
				if err != nil {
					return err
				}
			}
			return nil
		}},
		{fmt.Sprintf("check --deep of %d", n), 0, func() error {
			found, err := op.DeepCheck(ctx, operator.DeepOptions{})
			if err == nil && !found.Sound() {
				err = fmt.Errorf("the ledger is damaged: %v", found.List)
			}
			return err
		}},
		{"resume", 200, func() error { return l.Resume(ctx, rolloutID, "bench", "measured") }},
		{"abort", 200, func() error { return l.Abort(ctx, rolloutID, "bench", "measured") }},
	}
	for _, v := range verbs {
		start := time.Now()
		if err := v.run(); err != nil {
			return fmt.Errorf("%s: %w", v.name, err)
		}
		ms := float64(time.Since(start).Microseconds()) / 1000
		if v.goal == 0 {
			b.figure(line{Name: v.name, Unit: "ms", Ours: ms}, nil)
			continue
		}
		b.figure(line{Name: v.name, Unit: "ms", Ours: ms, Goal: fmt.Sprintf("< %.0f ms", v.goal)}, func(x float64) bool { return x < v.goal })
	}
	return b.swept(ctx, l)
}

// swept times how long an abort takes to end every target.
func (b *bench) swept(ctx context.Context, l *ledger.Ledger) error {
	start := time.Now()
	for {
		r, err := l.Rollout(ctx, rolloutID)
		if err != nil {
			return err
		}
		if r.Counts.Unfinished() == 0 {
			break
		}
		if err := (wallClock{}).Sleep(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
	b.figure(line{Name: "abort until every target has ended", Unit: "s", Ours: time.Since(start).Seconds()}, nil)
	return nil
}

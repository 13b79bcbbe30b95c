package main

import (
	"context"
	"fmt"
	"time"

	"github.com/wxrollout/wxrollout/internal/doctor"
	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/internal/quota"
	"github.com/wxrollout/wxrollout/ledger"
)

// verbsRow measures the operator's verbs at 100,000 targets.
func verbsRow(ctx context.Context, b *bench) error {
	n, wx := b.n(100_000), newFakeWeChat()
	return withEngine(ctx, b.redis, wx, engineOptions{}, func(e *engine) error {
		if err := e.load(ctx, n); err != nil {
			return err
		}
		// Work for a while, then pause: no call may begin after the last one.
		if err := (wallClock{}).Sleep(ctx, time.Second); err != nil {
			return err
		}
		start := time.Now()
		if err := e.ledger.Pause(ctx, rolloutID, "bench", "measured"); err != nil {
			return err
		}
		last, lastAt := wx.calls.Load(), start
		err := poll(ctx, 5*time.Millisecond, func() (bool, error) {
			if now := wx.calls.Load(); now != last {
				last, lastAt = now, time.Now()
			}
			return time.Since(lastAt) >= time.Second, nil
		})
		if err != nil {
			return err
		}
		b.add(line{Name: "pause until the last call", Unit: "s", Ours: lastAt.Sub(start).Seconds(), Goal: "< 1 s"})
		return b.reads(ctx, e, n)
	})
}

// reads measures the reads and the other writes.
func (b *bench) reads(ctx context.Context, e *engine, n int) error {
	l := e.ledger
	op := operator.New(operator.Deps{Ledger: l, Redis: e.rdb[0], Quota: quota.New(quota.Deps{Ledger: l, Pools: e.pools}), By: "bench"})
	checks := doctor.Doctor{Ledger: l, Pools: e.pools, Redis: e.rdb[0], By: "bench"}
	verbs := []struct {
		name string
		goal string
		run  func() error
	}{
		{"get rollouts", "< 200 ms", func() error { return second(op.Rollouts(ctx, 0, 50)) }},
		{"why one app", "< 200 ms", func() error { return second(op.Why(ctx, plainID(n/2), rolloutID)) }},
		{"first page of get targets", "< 200 ms", func() error {
			seen := 0
			for _, err := range l.Targets(ctx, rolloutID) {
				if seen++; err != nil || seen == 500 {
					return err
				}
			}
			return nil
		}},
		{fmt.Sprintf("all %d targets", n), "", func() error {
			for _, err := range l.Targets(ctx, rolloutID) {
				if err != nil {
					return err
				}
			}
			return nil
		}},
		{fmt.Sprintf("check --deep of %d", n), "", func() error {
			found, err := checks.DeepCheck(ctx, doctor.DeepOptions{})
			if err == nil && !found.Sound() {
				err = fmt.Errorf("the ledger is damaged: %v", found.List)
			}
			return err
		}},
		{"resume", "< 200 ms", func() error { return l.Resume(ctx, rolloutID, "bench", "measured") }},
		{"abort", "< 200 ms", func() error { return l.Abort(ctx, rolloutID, "bench", "measured") }},
	}
	for _, v := range verbs {
		start := time.Now()
		if err := v.run(); err != nil {
			return fmt.Errorf("%s: %w", v.name, err)
		}
		b.add(line{Name: v.name, Unit: "ms", Ours: float64(time.Since(start).Microseconds()) / 1000, Goal: v.goal})
	}
	return b.swept(ctx, l)
}

// swept measures the time until an abort has ended every target.
func (b *bench) swept(ctx context.Context, l *ledger.Ledger) error {
	start := time.Now()
	err := poll(ctx, 10*time.Millisecond, func() (bool, error) {
		r, err := l.Rollout(ctx, rolloutID)
		return err == nil && r.Counts.Unfinished() == 0, err
	})
	b.add(line{Name: "abort until every target has ended", Unit: "s", Ours: time.Since(start).Seconds()})
	return err
}

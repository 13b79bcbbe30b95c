package main

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// growthRow runs rollouts of growing size: a target must not get dearer.
func growthRow(ctx context.Context, b *bench) error {
	var first float64
	for i, size := range []int{b.n(1_000), b.n(10_000), b.n(100_000)} {
		g, err := grow(ctx, b.redis, size)
		if err != nil {
			return fmt.Errorf("%d targets: %w", size, err)
		}
		l := line{Name: fmt.Sprintf("time per target at %d", size), Unit: "ms", Ours: g.perTarget}
		if i == 0 {
			first = g.perTarget
			b.figure(l, nil)
		} else {
			l.Against, l.Base, l.Ratio, l.Low, l.High = "that at 1k", first, g.perTarget/first, g.perTarget/first, g.perTarget/first
			l.Goal = "<= 1.2"
			b.figure(l, func(float64) bool { return l.Ratio <= 1.2 })
		}
		b.figure(line{Name: fmt.Sprintf("Redis per finished target at %d", size), Unit: "bytes", Ours: g.bytes, Goal: "<= 2048"},
			func(x float64) bool { return x <= 2048 })
		b.figure(line{Name: fmt.Sprintf("worker's heap at %d", size), Unit: "MiB", Ours: g.heap}, nil)
	}
	return nil
}

// grown is what a rollout of one size cost.
type grown struct{ perTarget, bytes, heap float64 }

func grow(ctx context.Context, s *server, n int) (grown, error) {
	var g grown
	if err := s.flush(ctx); err != nil {
		return g, err
	}
	rdb := s.client()
	defer func() { _ = rdb.Close() }()
	before, err := usedMemory(ctx, rdb)
	if err != nil {
		return g, err
	}
	e, err := startEngine(ctx, s, newFakeWeChat(), engineOptions{})
	if err != nil {
		return g, err
	}
	defer e.close(ctx)
	start := time.Now()
	if err := load(ctx, e.ledger, n, plainID); err != nil {
		return g, err
	}
	if err := await(ctx, e.ledger); err != nil {
		return g, err
	}
	g.perTarget = float64(time.Since(start).Microseconds()) / 1000 / float64(n)
	// Asynq keeps finished task IDs for some minutes: they are not the target's.
	if err := dropQueue(ctx, rdb); err != nil {
		return g, err
	}
	after, err := usedMemory(ctx, rdb)
	if err != nil {
		return g, err
	}
	g.bytes = float64(after-before) / float64(n)
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	g.heap = float64(m.HeapAlloc) / (1 << 20)
	return g, nil
}

func usedMemory(ctx context.Context, rdb redis.UniversalClient) (int64, error) {
	info, err := rdb.Info(ctx, "memory").Result()
	if err != nil {
		return 0, err
	}
	for l := range strings.Lines(info) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(l), "used_memory:"); ok {
			return strconv.ParseInt(v, 10, 64)
		}
	}
	return 0, fmt.Errorf("INFO memory has no used_memory")
}

// dropQueue deletes Asynq's keys.
func dropQueue(ctx context.Context, rdb redis.UniversalClient) error {
	keys := rdb.Scan(ctx, 0, "asynq:*", 1000).Iterator()
	var page []string
	for keys.Next(ctx) {
		if page = append(page, keys.Val()); len(page) == 1000 {
			if err := rdb.Unlink(ctx, page...).Err(); err != nil {
				return err
			}
			page = page[:0]
		}
	}
	if len(page) > 0 {
		if err := rdb.Unlink(ctx, page...).Err(); err != nil {
			return err
		}
	}
	return keys.Err()
}

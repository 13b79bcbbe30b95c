package main

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// growthRow runs rollouts of growing size: the cost of a target must not grow.
func growthRow(ctx context.Context, b *bench) error {
	var first float64
	for _, size := range []int{b.n(1_000), b.n(10_000), b.n(100_000)} {
		g, err := grow(ctx, b.redis, size)
		if err != nil {
			return fmt.Errorf("%d targets: %w", size, err)
		}
		l := line{Name: fmt.Sprintf("time per target at %d", size), Unit: "ms", Ours: g.perTarget}
		if first == 0 {
			first = g.perTarget
		} else {
			l.against("that at 1k", first, "<= 1.2")
		}
		b.add(l)
		b.add(line{Name: fmt.Sprintf("Redis per finished target at %d", size), Unit: "bytes", Ours: g.bytes, Goal: "<= 2048"})
		b.add(line{Name: fmt.Sprintf("worker's heap at %d", size), Unit: "MiB", Ours: g.heap})
	}
	return nil
}

// grown is the cost of a rollout of one size.
type grown struct{ perTarget, bytes, heap float64 }

func grow(ctx context.Context, s *server, n int) (g grown, err error) {
	if err := s.flush(ctx); err != nil {
		return g, err
	}
	rdb := s.client()
	defer func() { _ = rdb.Close() }()
	before, err := usedMemory(ctx, rdb)
	if err != nil {
		return g, err
	}
	err = withEngine(ctx, s, newFakeWeChat(), engineOptions{}, func(e *engine) error {
		took, err := e.complete(ctx, n)
		if err != nil {
			return err
		}
		g.perTarget = float64(took.Microseconds()) / 1000 / float64(n)
		// Asynq keeps the IDs of finished tasks for some minutes: they don't count.
		if err := dropQueue(ctx, rdb); err != nil {
			return err
		}
		after, err := usedMemory(ctx, rdb)
		g.bytes, g.heap = float64(after-before)/float64(n), heap()
		return err
	})
	return g, err
}

// heap is the heap of this process in MiB after a collection.
func heap() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / (1 << 20)
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
	for cursor := uint64(0); ; {
		keys, next, err := rdb.Scan(ctx, cursor, "asynq:*", 1000).Result()
		if err == nil && len(keys) > 0 {
			err = rdb.Unlink(ctx, keys...).Err()
		}
		if cursor = next; err != nil || next == 0 {
			return err
		}
	}
}

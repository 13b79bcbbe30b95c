package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/ledger"
)

// fanoutRow compares writing a large rollout with writing as many bytes raw,
// and says how soon after the last one the first call goes out.
func fanoutRow(ctx context.Context, b *bench) error {
	n := b.n(100_000)
	var firstCall []float64
	err := b.pair(line{Name: fmt.Sprintf("fan-out of %d", n), Unit: "targets/s", Against: "raw pipelined writes", Goal: ">= 0.5"},
		func() (float64, error) {
			perSecond, first, err := fanOut(ctx, b.redis, n)
			firstCall = append(firstCall, first)
			return perSecond, err
		},
		func() (float64, error) { return rawWrites(ctx, b.redis, n) },
		func(r float64) bool { return r >= 0.5 })
	if err != nil {
		return err
	}
	b.figure(line{Name: "first call after apply", Unit: "s", Ours: median(firstCall), Goal: "< 1 s"}, func(s float64) bool { return s < 1 })
	return nil
}

// fanOut loads n targets and waits for the first call of a worker.
func fanOut(ctx context.Context, s *server, n int) (perSecond, first float64, err error) {
	if err := s.flush(ctx); err != nil {
		return 0, 0, err
	}
	wx := newFakeWeChat()
	e, err := startEngine(ctx, s, wx, engineOptions{})
	if err != nil {
		return 0, 0, err
	}
	defer e.close(ctx)
	start := time.Now()
	if err := load(ctx, e.ledger, n, plainID); err != nil {
		return 0, 0, err
	}
	loaded := time.Now()
	for wx.calls.Load() == 0 {
		if err := (wallClock{}).Sleep(ctx, time.Millisecond); err != nil {
			return 0, 0, err
		}
	}
	first = time.Since(loaded).Seconds()
	return float64(n) / loaded.Sub(start).Seconds(), first, e.ledger.Pause(ctx, rolloutID, "bench", "the row is over")
}

// rawWrites stores a hash field and a sorted set's member of the same size per
// target, a thousand to a pipeline.
func rawWrites(ctx context.Context, s *server, n int) (float64, error) {
	if err := s.flush(ctx); err != nil {
		return 0, err
	}
	rdb := s.client()
	defer func() { _ = rdb.Close() }()
	record := "preflight|pending||0|1|0|0|" + strings.Repeat("x", 60)
	start := time.Now()
	for at := 0; at < n; at += 2 * ledger.AddBatch {
		_, err := rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i := at; i < min(n, at+2*ledger.AddBatch); i++ {
				p.HSet(ctx, "t", plainID(i), record)
				p.ZAdd(ctx, "z", redis.Z{Score: float64(i), Member: plainID(i)})
			}
			return nil
		})
		if err != nil {
			return 0, errors.Join(errors.New("raw writes"), err)
		}
	}
	return float64(n) / time.Since(start).Seconds(), nil
}

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
// and measures the time from the last write to the first call.
func fanoutRow(ctx context.Context, b *bench) error {
	n := b.n(100_000)
	var firstCall []float64
	err := b.pair(line{Name: fmt.Sprintf("fan-out of %d", n), Unit: "targets/s", Against: "raw pipelined writes", Goal: ">= 0.5"},
		func() (float64, error) {
			rate, first, err := fanOut(ctx, b.redis, n)
			firstCall = append(firstCall, first)
			return rate, err
		},
		func() (float64, error) { return rawWrites(ctx, b.redis, n) })
	if err == nil {
		b.add(line{Name: "first call after apply", Unit: "s", Ours: median(firstCall), Goal: "< 1 s"})
	}
	return err
}

// fanOut loads n targets and waits for the first call of a worker.
func fanOut(ctx context.Context, s *server, n int) (rate, first float64, err error) {
	wx := newFakeWeChat()
	err = withEngine(ctx, s, wx, engineOptions{}, func(e *engine) error {
		start := time.Now()
		if err := e.load(ctx, n); err != nil {
			return err
		}
		loaded := time.Now()
		if err := poll(ctx, time.Millisecond, func() (bool, error) { return wx.calls.Load() > 0, nil }); err != nil {
			return err
		}
		rate, first = perSecond(n, loaded.Sub(start)), time.Since(loaded).Seconds()
		return e.ledger.Pause(ctx, rolloutID, "bench", "the row is over")
	})
	return rate, first, err
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
	return perSecond(n, time.Since(start)), nil
}

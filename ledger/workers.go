package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/rollout"
)

// Heartbeat says that a worker lives for ttl more, with its concurrency by lane.
func (l *Ledger) Heartbeat(ctx context.Context, worker string, capacity map[rollout.Lane]int, ttl time.Duration) error {
	b, err := json.Marshal(capacity)
	if err != nil {
		return err
	}
	now, err := l.rdb.Time(ctx).Result()
	if err != nil {
		return failed(err, "heartbeat of worker %s", worker)
	}
	_, err = l.rdb.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.HSet(ctx, keyCapacity, worker, b)
		p.ZAdd(ctx, keyWorkers, redis.Z{Score: float64(now.Add(ttl).UnixMilli()), Member: worker})
		return nil
	})
	if err != nil {
		return failed(err, "heartbeat of worker %s", worker)
	}
	return nil
}

// Leave takes a worker out at once.
func (l *Ledger) Leave(ctx context.Context, worker string) error {
	_, err := l.rdb.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.ZRem(ctx, keyWorkers, worker)
		p.HDel(ctx, keyCapacity, worker)
		return nil
	})
	return failed(err, "take worker %s out", worker)
}

// Capacity implements rollout.Store. Workers whose heartbeat ended are dropped.
func (l *Ledger) Capacity(ctx context.Context) (map[rollout.Lane]int, error) {
	now, err := l.rdb.Time(ctx).Result()
	if err != nil {
		return nil, failed(err, "read the workers")
	}
	var alive *redis.StringSliceCmd
	var caps *redis.MapStringStringCmd
	_, err = l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		alive = p.ZRangeByScore(ctx, keyWorkers, &redis.ZRangeBy{Min: fmt.Sprintf("(%d", now.UnixMilli()), Max: "+inf"})
		caps = p.HGetAll(ctx, keyCapacity)
		return nil
	})
	if err != nil {
		return nil, failed(err, "read the workers")
	}
	live := make(map[string]bool)
	for _, w := range alive.Val() {
		live[w] = true
	}
	sum := make(map[rollout.Lane]int)
	for w, v := range caps.Val() {
		if !live[w] {
			if err := l.Leave(ctx, w); err != nil {
				return nil, err
			}
			continue
		}
		var c map[rollout.Lane]int
		if err := json.Unmarshal([]byte(v), &c); err != nil {
			return nil, fmt.Errorf("capacity of worker %s: %w", w, err)
		}
		for lane, n := range c {
			sum[lane] += n
		}
	}
	return sum, nil
}

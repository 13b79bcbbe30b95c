package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/wxrollout/wxrollout/ledger/internal/db"
	"github.com/wxrollout/wxrollout/rollout"
)

// Heartbeat reports that a worker lives for ttl more, with its concurrency by queue. A clock
// of the server that stepped back is noticed here, and what it left in the future is
// brought near; that is a *ClockStepError, and the heartbeat counts nevertheless.
func (l *Ledger) Heartbeat(ctx context.Context, worker string, capacity map[rollout.QueueName]int, ttl time.Duration) error {
	b, err := json.Marshal(capacity)
	if err != nil {
		return fmt.Errorf("heartbeat of worker %s: %w", worker, err)
	}
	reply, err := db.Run(ctx, l.rdb, heartbeatScript, worker, max(1, db.Milli(ttl)), b, db.Milli(l.opts.Lease), db.Milli(clockStepMin)).Int64Slice()
	if err != nil {
		return db.Failed(err, "heartbeat of worker %s", worker)
	}
	if len(reply) != 2 {
		return fmt.Errorf("heartbeat of worker %s: unexpected answer %v", worker, reply)
	}
	if reply[1] != 0 {
		if err := l.settleClock(ctx); err != nil {
			return err
		}
	}
	if reply[0] > 0 {
		return &ClockStepError{Back: time.Duration(reply[0]) * time.Millisecond}
	}
	return nil
}

// Leave takes a worker out at once.
func (l *Ledger) Leave(ctx context.Context, worker string) error {
	return db.Failed(db.Run(ctx, l.rdb, heartbeatScript, worker, 0, "", 0, 0).Err(), "take worker %s out", worker)
}

// Capacity implements dispatch.Store. Workers whose heartbeat ended are dropped.
func (l *Ledger) Capacity(ctx context.Context) (map[rollout.QueueName]int, error) {
	list, err := db.Run(ctx, l.rdb, capacityScript).StringSlice()
	if err != nil {
		return nil, db.Failed(err, "read the workers")
	}
	sum := make(map[rollout.QueueName]int)
	for i := 0; i+1 < len(list); i += 2 {
		var c map[rollout.QueueName]int
		if err := json.Unmarshal([]byte(list[i+1]), &c); err != nil {
			return nil, fmt.Errorf("capacity of worker %s: %w", list[i], err)
		}
		for queueName, n := range c {
			sum[queueName] += n
		}
	}
	return sum, nil
}

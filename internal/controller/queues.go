package controller

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/queue"
)

// queuesEvery is how often the loop reads which queues are paused.
const queuesEvery = 10 * time.Second

// PausedQueues is the loop that logs when an Asynq queue is paused and unpaused.
type PausedQueues struct {
	rdb    redis.Cmdable
	log    zerolog.Logger
	paused map[rollout.QueueName]bool
}

// NewPausedQueues returns the loop.
func NewPausedQueues(rdb redis.Cmdable, log zerolog.Logger) *PausedQueues {
	return &PausedQueues{rdb: rdb, log: log}
}

// Reconcile implements Reconciler.
func (q *PausedQueues) Reconcile(ctx context.Context) (next time.Duration, err error) {
	list, err := queue.PausedQueues(ctx, q.rdb)
	if err != nil {
		return queuesEvery, err
	}
	paused := make(map[rollout.QueueName]bool, len(list))
	for _, p := range list {
		if paused[p.QueueName] = true; !q.paused[p.QueueName] {
			q.log.Warn().Str("queue", string(p.QueueName)).Time("since", p.Since).Str("next", p.Next()).Msg("queue is paused: no worker takes its tasks")
		}
	}
	for name := range q.paused {
		if !paused[name] {
			q.log.Info().Str("queue", string(name)).Msg("queue is no longer paused")
		}
	}
	q.paused = paused
	return queuesEvery, nil
}

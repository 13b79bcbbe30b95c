package metrics

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// Pipeliner is the part of a Redis client that the queues are read through.
type Pipeliner interface {
	Pipelined(ctx context.Context, fn func(redis.Pipeliner) error) ([]redis.Cmder, error)
}

// queuesPart reads the sizes of the Asynq queues. Asynq's own inspector and its
// x/metrics collector walk tasks and lose every queue when one key is missing;
// six lengths per queue in one round trip cost O(1) and lose nothing.
func queuesPart(rdb Pipeliner, queues Set) *part {
	p := &part{}
	tasks := p.gauge("wxrollout_queue_tasks", "Tasks in an Asynq queue.", "queue", "state")
	p.read = func(ctx context.Context, out emit) error { // it goes on after a queue that fails: in a cluster each may be elsewhere
		var errs []error
		for _, queueName := range queues {
			sizes, err := queueSizes(ctx, rdb, queueName)
			if err != nil {
				errs = append(errs, fmt.Errorf("size of queue %s: %w", queueName, err))
				continue
			}
			for i, state := range queueStates {
				out(tasks, float64(sizes[i].Val()), queueName, state)
			}
		}
		return errors.Join(errs...)
	}
	return p
}

// queueSizes reads the length of each of queueStates. Asynq 0.26 keeps the tasks
// of a queue under asynq:{queue}:<state>: those that wait or run in lists, the
// others in sorted sets.
func queueSizes(ctx context.Context, rdb Pipeliner, queueName string) ([]*redis.IntCmd, error) {
	sizes := make([]*redis.IntCmd, len(queueStates))
	_, err := rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for i, state := range queueStates {
			key := "asynq:{" + queueName + "}:" + state
			if state == "pending" || state == "active" {
				sizes[i] = pipe.LLen(ctx, key)
			} else {
				sizes[i] = pipe.ZCard(ctx, key)
			}
		}
		return nil
	})
	return sizes, err
}

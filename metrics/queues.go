package metrics

import (
	"context"
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
)

// Pipeliner is the part of a Redis client that the queues are read through.
type Pipeliner interface {
	Pipelined(ctx context.Context, fn func(redis.Pipeliner) error) ([]redis.Cmder, error)
}

// queuesPart reads the sizes of the Asynq queues. Asynq's own inspector and its
// x/metrics collector walk tasks and lose every queue when one key is missing;
// six lengths per queue in one round trip cost O(1) and lose nothing.
type queuesPart struct {
	rdb    Pipeliner
	queues Set
	tasks  *prometheus.Desc
}

func newQueuesPart(rdb Pipeliner, queues Set) part {
	return &queuesPart{rdb: rdb, queues: queues, tasks: desc("wxrollout_queue_tasks", "Tasks in an Asynq queue.", "queue", "state")}
}

func (p *queuesPart) descs() []*prometheus.Desc { return []*prometheus.Desc{p.tasks} }

// read goes on past a queue that fails: with Redis Cluster each may be elsewhere.
func (p *queuesPart) read(ctx context.Context, out emit) error {
	var errs []error
	for _, queueName := range p.queues {
		sizes, err := p.sizes(ctx, queueName)
		if err != nil {
			errs = append(errs, fmt.Errorf("size of queue %s: %w", queueName, err))
			continue
		}
		for i, state := range queueStates {
			out(p.tasks, float64(sizes[i]), queueName, state)
		}
	}
	return errors.Join(errs...)
}

// sizes asks for the length of each of queueStates. Asynq 0.26 keeps the tasks
// of a queue under asynq:{queue}:<state>: those that wait or run in lists, the
// others in sorted sets.
func (p *queuesPart) sizes(ctx context.Context, queueName string) ([]int64, error) {
	cmds := make([]*redis.IntCmd, len(queueStates))
	_, err := p.rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for i, state := range queueStates {
			key := "asynq:{" + queueName + "}:" + state
			if state == "pending" || state == "active" {
				cmds[i] = pipe.LLen(ctx, key)
			} else {
				cmds[i] = pipe.ZCard(ctx, key)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	sizes := make([]int64, len(cmds))
	for i, cmd := range cmds {
		sizes[i] = cmd.Val()
	}
	return sizes, nil
}

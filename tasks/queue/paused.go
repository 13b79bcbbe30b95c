package queue

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/rollout"
)

// Paused is an Asynq queue that a person paused, with asynqmon or the asynq command: no worker takes
// tasks from it until a person unpauses it.
type Paused struct {
	QueueName rollout.QueueName
	// Since is zero if Asynq's mark holds no time.
	Since time.Time
}

// String names the queue and since when it is paused.
func (p Paused) String() string {
	text := fmt.Sprintf("the Asynq queue %s is paused", p.QueueName)
	if !p.Since.IsZero() {
		text += " since " + p.Since.UTC().Format(time.RFC3339)
	}
	return text
}

// Next is the command that unpauses it.
func (p Paused) Next() string {
	return fmt.Sprintf("unpause it: asynq queue unpause %s, or asynqmon, or redis-cli DEL '%s'", p.QueueName, pausedKey(p.QueueName))
}

// pausedKey is Asynq's mark of a paused queue; its value is the time of the pause in Unix seconds.
func pausedKey(q rollout.QueueName) string { return "asynq:{" + string(q) + "}:paused" }

// PausedQueues lists the queues that are paused, in one round trip.
func PausedQueues(ctx context.Context, rdb redis.Cmdable) ([]Paused, error) {
	queueNames := rollout.QueueNames()
	marks := make([]*redis.StringCmd, len(queueNames))
	_, err := rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, queueName := range queueNames {
			marks[i] = p.Get(ctx, pausedKey(queueName))
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, fmt.Errorf("read which queues are paused: %w", err)
	}
	var out []Paused
	for i, mark := range marks {
		if errors.Is(mark.Err(), redis.Nil) {
			continue
		}
		if mark.Err() != nil {
			return nil, fmt.Errorf("read which queues are paused: %w", mark.Err())
		}
		p := Paused{QueueName: queueNames[i]}
		if at, err := strconv.ParseInt(mark.Val(), 10, 64); err == nil && at > 0 {
			p.Since = time.Unix(at, 0)
		}
		out = append(out, p)
	}
	return out, nil
}

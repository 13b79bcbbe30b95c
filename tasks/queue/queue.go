package queue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/rollout"
)

// Options tune how assignments are enqueued.
type Options struct {
	// Retention keeps the ID of a finished task taken, so that enqueueing its assignment again
	// conflicts; the fence stops a second run in any case. Default 3 min: longer than Asynq takes
	// to recover the task of a crashed worker.
	Retention time.Duration
	// Timeout bounds the run of a handler in Asynq; whole seconds. Default 55 s.
	Timeout time.Duration
}

// Queue is the controller's side of Asynq. It implements dispatch.Queue.
type Queue struct {
	client *asynq.Client
	rdb    redis.UniversalClient
	opts   Options
}

// maxRetry is out of reach: the ledger counts attempts, and Asynq archives and later deletes a task
// that runs out of retries.
const maxRetry = 100_000

// New makes a queue and adds a hook to its client: pass a client that nothing else uses. The caller
// closes the client.
func New(rdb redis.UniversalClient, o Options) *Queue {
	if o.Retention <= 0 {
		o.Retention = 3 * time.Minute
	}
	if o.Timeout <= 0 {
		o.Timeout = 55 * time.Second
	}
	rdb.AddHook(batchHook{})
	return &Queue{client: asynq.NewClientFromRedisClient(rdb), rdb: rdb, opts: o}
}

// Enqueue implements dispatch.Queue: all assignments in one pipeline. A task ID that is taken means
// that the assignment was enqueued before, which is success.
func (q *Queue) Enqueue(ctx context.Context, assignments []rollout.Assignment) error {
	b := &batch{}
	for _, a := range assignments {
		if err := q.enqueue(context.WithValue(ctx, batchKey{}, b), a); err != nil {
			return err
		}
	}
	if len(b.cmds) == 0 {
		return nil
	}
	pipe := q.rdb.Pipeline()
	for _, cmd := range b.cmds {
		if err := pipe.Process(ctx, cmd); err != nil {
			return fmt.Errorf("enqueue %d assignments: %w", len(assignments), err)
		}
	}
	_, _ = pipe.Exec(ctx) // each command holds its own error
	for i, cmd := range b.cmds {
		if err := cmd.Err(); err == nil {
			continue // 1: enqueued; 0: the ID is taken
		}
		// The script is not loaded yet, or the reply was lost: enqueue the same ID again.
		if err := q.enqueue(ctx, assignments[i]); err != nil {
			return err
		}
	}
	return nil
}

func (q *Queue) enqueue(ctx context.Context, a rollout.Assignment) error {
	task, err := newTask(a)
	if err != nil {
		return err
	}
	_, err = q.client.EnqueueContext(ctx, task, asynq.TaskID(taskID(a)), asynq.Queue(string(a.Stage.QueueName())),
		asynq.MaxRetry(maxRetry), asynq.Timeout(q.opts.Timeout), asynq.Retention(q.opts.Retention))
	if err != nil && !errors.Is(err, asynq.ErrTaskIDConflict) {
		return fmt.Errorf("enqueue rollout %s, app %s, stage %s: %w", a.Rollout, a.AppID, a.Stage, err)
	}
	return nil
}

type batchKey struct{}

// batch collects the script calls of many enqueues.
type batch struct{ cmds []*redis.Cmd }

// batchHook collects Asynq's enqueue scripts that carry a batch in their context, so that they go
// out in one pipeline: Asynq v0.26 has no batch API.
type batchHook struct{}

func (batchHook) DialHook(next redis.DialHook) redis.DialHook { return next }

func (batchHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (batchHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		b, _ := ctx.Value(batchKey{}).(*batch)
		c, ok := cmd.(*redis.Cmd)
		if b == nil || !ok || !strings.EqualFold(cmd.Name(), "evalsha") {
			return next(ctx, cmd)
		}
		c.SetVal(int64(1)) // Asynq reads "enqueued"; Enqueue reads the real reply after Exec
		b.cmds = append(b.cmds, c)
		return nil
	}
}

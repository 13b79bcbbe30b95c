package tasks

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

// QueueOptions tune how assignments are enqueued.
type QueueOptions struct {
	// Retention keeps a finished task's ID taken, so that enqueueing its assignment
	// again conflicts; the fence would stop a second run in any case. Default 3 min:
	// longer than Asynq takes to bring a crashed worker's task back.
	Retention time.Duration
	// Timeout bounds a handler's run in Asynq; whole seconds. Default 55 s.
	Timeout time.Duration
}

// Queue is the controller's side of Asynq. It implements dispatch.Queue.
type Queue struct {
	client *asynq.Client
	rdb    redis.UniversalClient
	opts   QueueOptions
}

// maxRetry is far above need: attempts are counted in the ledger, and a task
// that runs out of retries would be archived and forgotten.
const maxRetry = 100_000

// NewQueue makes a queue on a client of its own, on which it puts a hook: pass
// one that nothing else uses. The caller closes it.
func NewQueue(rdb redis.UniversalClient, o QueueOptions) *Queue {
	if o.Retention <= 0 {
		o.Retention = 3 * time.Minute
	}
	if o.Timeout <= 0 {
		o.Timeout = 55 * time.Second
	}
	rdb.AddHook(batchHook{})
	return &Queue{client: asynq.NewClientFromRedisClient(rdb), rdb: rdb, opts: o}
}

// Enqueue implements dispatch.Queue: all assignments in one pipeline. A task ID that is
// taken means that the assignment was enqueued before, which is success.
func (q *Queue) Enqueue(ctx context.Context, assignments []rollout.Assignment) error {
	b := &batch{}
	for _, t := range assignments {
		if err := q.enqueue(context.WithValue(ctx, batchKey{}, b), t); err != nil {
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
		// The script isn't loaded yet, or the reply was lost: the same ID once more.
		if err := q.enqueue(ctx, assignments[i]); err != nil {
			return err
		}
	}
	return nil
}

func (q *Queue) enqueue(ctx context.Context, t rollout.Assignment) error {
	task, err := newTask(t)
	if err != nil {
		return err
	}
	_, err = q.client.EnqueueContext(ctx, task, asynq.TaskID(taskID(t)), asynq.Queue(string(t.Stage.QueueName())),
		asynq.MaxRetry(maxRetry), asynq.Timeout(q.opts.Timeout), asynq.Retention(q.opts.Retention))
	if err != nil && !errors.Is(err, asynq.ErrTaskIDConflict) {
		return fmt.Errorf("enqueue rollout %s, app %s, stage %s: %w", t.Rollout, t.AppID, t.Stage, err)
	}
	return nil
}

type batchKey struct{}

// batch collects the script calls of many enqueues.
type batch struct{ cmds []*redis.Cmd }

// batchHook parks Asynq's enqueue scripts that are called with a batch in their
// context, so that they can go out in one pipeline: Asynq v0.26 has no batch of
// its own.
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
		c.SetVal(int64(1)) // Asynq reads "enqueued"; the real reply is read after Exec
		b.cmds = append(b.cmds, c)
		return nil
	}
}

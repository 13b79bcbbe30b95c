package tasks

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/rollout"
)

// Queued is a task as Asynq has it.
type Queued struct {
	ID        string
	QueueName rollout.QueueName
	Archived  bool
	// Assignment is what it carries; nil if it carries none of ours.
	Assignment *rollout.Assignment
}

// queuedPage is how many tasks are read at a time.
const queuedPage = 500

// AllQueued walks over the tasks that Asynq has not ended: waiting, running,
// retried and archived ones, in pages. Tasks move meanwhile: one may be missed or
// come twice. An error is the last.
func AllQueued(ctx context.Context, rdb redis.UniversalClient) iter.Seq2[Queued, error] {
	return func(yield func(Queued, error) bool) {
		i := asynq.NewInspectorFromRedisClient(rdb)
		lists := []func(string, ...asynq.ListOption) ([]*asynq.TaskInfo, error){
			i.ListPendingTasks, i.ListActiveTasks, i.ListScheduledTasks, i.ListRetryTasks, i.ListArchivedTasks,
		}
		for _, queueName := range rollout.QueueNames() {
			for _, list := range lists {
				if !walkQueue(ctx, queueName, list, yield) {
					return
				}
			}
		}
	}
}

// walkQueue walks over one list of a queue; false ends the walk.
func walkQueue(ctx context.Context, queueName rollout.QueueName, list func(string, ...asynq.ListOption) ([]*asynq.TaskInfo, error), yield func(Queued, error) bool) bool {
	for page := 1; ; page++ {
		infos, err := list(string(queueName), asynq.PageSize(queuedPage), asynq.Page(page))
		if errors.Is(err, asynq.ErrQueueNotFound) {
			return true // nothing was ever put into it
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			yield(Queued{}, fmt.Errorf("list the tasks of queue %s: %w", queueName, err))
			return false
		}
		for _, info := range infos {
			q := Queued{ID: info.ID, QueueName: queueName, Archived: info.State == asynq.TaskStateArchived}
			if assignment, err := parseTask(info.Type, info.Payload); err == nil {
				q.Assignment = &assignment
			}
			if !yield(q, nil) {
				return false
			}
		}
		if len(infos) < queuedPage {
			return true
		}
	}
}

// DeleteTask takes a task out of Asynq: its target gets a new assignment when its lease
// ends. false means that it was gone already, or is being run.
func DeleteTask(rdb redis.UniversalClient, q Queued) (bool, error) {
	err := asynq.NewInspectorFromRedisClient(rdb).DeleteTask(string(q.QueueName), q.ID)
	if errors.Is(err, asynq.ErrTaskNotFound) || errors.Is(err, asynq.ErrQueueNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("delete task %s of queue %s: %w", q.ID, q.QueueName, err)
	}
	return true, nil
}

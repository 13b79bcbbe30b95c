package queue

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/rollout"
)

// Task is a task as Asynq stores it.
type Task struct {
	ID        string
	QueueName rollout.QueueName
	Archived  bool
	// Assignment is nil if the task is not one of ours.
	Assignment *rollout.Assignment
}

// tasksPage is how many tasks are read at a time.
const tasksPage = 500

// Tasks lists the tasks that Asynq has not ended, in pages: pending, active, scheduled, retried and
// archived ones. Tasks move meanwhile, so that one may be missed or listed twice. An error ends the
// list.
func Tasks(ctx context.Context, rdb redis.UniversalClient) iter.Seq2[Task, error] {
	return func(yield func(Task, error) bool) {
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

// walkQueue lists one state of a queue; false ends the walk.
func walkQueue(ctx context.Context, queueName rollout.QueueName, list func(string, ...asynq.ListOption) ([]*asynq.TaskInfo, error), yield func(Task, error) bool) bool {
	for page := 1; ; page++ {
		infos, err := list(string(queueName), asynq.PageSize(tasksPage), asynq.Page(page))
		if errors.Is(err, asynq.ErrQueueNotFound) {
			return true // never used
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			yield(Task{}, fmt.Errorf("list the tasks of queue %s: %w", queueName, err))
			return false
		}
		for _, info := range infos {
			t := Task{ID: info.ID, QueueName: queueName, Archived: info.State == asynq.TaskStateArchived}
			if assignment, err := parseTask(info.Type, info.Payload); err == nil {
				t.Assignment = &assignment
			}
			if !yield(t, nil) {
				return false
			}
		}
		if len(infos) < tasksPage {
			return true
		}
	}
}

// Delete removes a task from Asynq: its target gets a new assignment when its lease ends. It
// returns false if the task is gone already or runs.
func Delete(rdb redis.UniversalClient, t Task) (bool, error) {
	err := asynq.NewInspectorFromRedisClient(rdb).DeleteTask(string(t.QueueName), t.ID)
	if errors.Is(err, asynq.ErrTaskNotFound) || errors.Is(err, asynq.ErrQueueNotFound) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("delete task %s of queue %s: %w", t.ID, t.QueueName, err)
	}
	return true, nil
}

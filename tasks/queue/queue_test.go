package queue

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/rollout"
)

// assignmentsOf are assignments of n apps at a stage.
func assignmentsOf(stage rollout.Stage, n int) []rollout.Assignment {
	assignments := make([]rollout.Assignment, n)
	for i := range assignments {
		assignments[i] = rollout.Assignment{Rollout: "r1", AppID: fmt.Sprintf("wx%03d", i), Stage: stage, Fence: int64(i + 1), Permit: i%2 == 0}
	}
	return assignments
}

// queued are the assignments that wait in a queue, in the order of their delivery.
func queued(t *testing.T, rdb redis.UniversalClient, queueName rollout.QueueName) []rollout.Assignment {
	t.Helper()
	list, err := asynq.NewInspectorFromRedisClient(rdb).ListPendingTasks(string(queueName), asynq.PageSize(5000))
	if err != nil {
		t.Fatal(err)
	}
	assignments := make([]rollout.Assignment, len(list))
	for i, info := range list {
		assignment, err := parseTask(info.Type, info.Payload)
		if err != nil {
			t.Fatal(err)
		}
		if info.ID != taskID(assignment) {
			t.Errorf("task id %q of %+v", info.ID, assignment)
		}
		assignments[i] = assignment
	}
	return assignments
}

// sameAssignments compares what waits in a queue with what should.
func sameAssignments(t *testing.T, rdb redis.UniversalClient, queueName rollout.QueueName, want []rollout.Assignment) {
	t.Helper()
	if diff := cmp.Diff(want, queued(t, rdb, queueName)); diff != "" {
		t.Errorf("queue %s (-want +got):\n%s", queueName, diff)
	}
}

// A batch keeps the order of its assignments, goes to their queues, and is one round
// trip once the scripts are known. Enqueued again it changes nothing.
func TestEnqueueABatch(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	rdb, plain := srv.Client(t), srv.Client(t)
	q := New(rdb, Options{})
	trips := 0
	rdb.AddHook(tap{
		process: func(ctx context.Context, cmd redis.Cmder, next redis.ProcessHook) error {
			trips++
			return next(ctx, cmd)
		},
		pipeline: func(ctx context.Context, cmds []redis.Cmder, next redis.ProcessPipelineHook) error {
			trips++
			return next(ctx, cmds)
		},
	})
	commits, submits := assignmentsOf(rollout.StageCommit, 300), assignmentsOf(rollout.StageSubmit, 3)
	for _, batch := range [][]rollout.Assignment{commits[:10], submits, nil} {
		if err := q.Enqueue(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	trips = 0
	if err := q.Enqueue(t.Context(), commits[10:]); err != nil {
		t.Fatal(err)
	}
	if trips != 1 {
		t.Errorf("%d round trips for one batch, want 1", trips)
	}
	for range 2 {
		sameAssignments(t, plain, rollout.QueueCommit, commits)
		sameAssignments(t, plain, rollout.QueueAudit, submits)
		if err := q.Enqueue(t.Context(), append(commits[:300:300], submits...)); err != nil {
			t.Fatalf("the same again: %v", err)
		}
	}
}

// A task is never archived for its retries, and its ID outlives it.
func TestEnqueuedTasksOptions(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	plain := srv.Client(t)
	q := New(srv.Client(t), Options{Timeout: 7 * time.Second, Retention: time.Hour})
	if err := q.Enqueue(t.Context(), assignmentsOf(rollout.StageRelease, 1)); err != nil {
		t.Fatal(err)
	}
	info, err := asynq.NewInspectorFromRedisClient(plain).GetTaskInfo("release", "r1:wx000:release:1")
	if err != nil {
		t.Fatal(err)
	}
	if info.MaxRetry != maxRetry || info.Timeout != 7*time.Second || info.Retention != time.Hour {
		t.Errorf("retries %d, timeout %s, retention %s", info.MaxRetry, info.Timeout, info.Retention)
	}
}

// The server forgets its scripts between two batches.
func TestEnqueueAfterScriptFlush(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	plain := srv.Client(t)
	q := New(srv.Client(t), Options{})
	assignments := assignmentsOf(rollout.StageCommit, 60)
	for i := 0; i < len(assignments); i += 20 {
		if err := plain.ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		if err := q.Enqueue(t.Context(), assignments[i:i+20]); err != nil {
			t.Fatal(err)
		}
	}
	got := queued(t, plain, rollout.QueueCommit)
	if len(got) != len(assignments) {
		t.Errorf("%d assignments, want %d", len(got), len(assignments))
	}
}

// The connection breaks in the middle of a batch, before or after it took effect:
// every assignment is there, once.
func TestEnqueueWhoseReplyIsLost(t *testing.T) {
	t.Parallel()
	for _, effect := range []bool{true, false} {
		t.Run(fmt.Sprint("effect ", effect), func(t *testing.T) {
			t.Parallel()
			srv := redistest.Start(t)
			rdb, plain := srv.Client(t), srv.Client(t)
			q := New(rdb, Options{})
			assignments := assignmentsOf(rollout.StageCommit, 40)
			if err := q.Enqueue(t.Context(), assignments[:1]); err != nil { // the scripts are known
				t.Fatal(err)
			}
			broken := errors.New("connection reset by peer")
			lost := 0
			rdb.AddHook(tap{pipeline: func(ctx context.Context, cmds []redis.Cmder, next redis.ProcessPipelineHook) error {
				lost++
				if effect {
					if err := next(ctx, cmds[:len(cmds)/2]); err != nil { // half of them, even
						return err
					}
				}
				for _, cmd := range cmds {
					cmd.SetErr(broken)
				}
				return broken
			}})
			if err := q.Enqueue(t.Context(), assignments); err != nil {
				t.Fatal(err)
			}
			if lost != 1 {
				t.Errorf("%d batches lost, want 1", lost)
			}
			sameAssignments(t, plain, rollout.QueueCommit, assignments)
		})
	}
}

// Redis is away: an error, and nothing that a repetition doesn't fix.
func TestEnqueueWithoutRedis(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t, redistest.AOF())
	plain := srv.Client(t)
	o := srv.Options()
	o.MaxRetries, o.DialerRetries = -1, 1
	rdb := redis.NewClient(o)
	defer func() { _ = rdb.Close() }()
	q := New(rdb, Options{})
	assignments := assignmentsOf(rollout.StageCommit, 30)
	if err := q.Enqueue(t.Context(), assignments[:10]); err != nil {
		t.Fatal(err)
	}
	srv.Kill()
	if err := q.Enqueue(t.Context(), assignments); err == nil {
		t.Fatal("no error without Redis")
	}
	srv.Restart()
	if err := q.Enqueue(t.Context(), assignments); err != nil {
		t.Fatal(err)
	}
	sameAssignments(t, plain, rollout.QueueCommit, assignments)
}

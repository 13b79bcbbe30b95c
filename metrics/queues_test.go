package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/metrics"
)

// TestQueueSizes moves real tasks through Asynq and compares with its own
// inspector, which is the one to say where it keeps what.
func TestQueueSizes(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, _ func(time.Duration)) {
		client, inspect := asynq.NewClientFromRedisClient(rdb), asynq.NewInspectorFromRedisClient(rdb)
		enqueue := func(id string, opts ...asynq.Option) {
			t.Helper()
			opts = append(opts, asynq.Queue("audit"), asynq.TaskID(id))
			if _, err := client.EnqueueContext(t.Context(), asynq.NewTask(id[:4], nil, opts...)); err != nil {
				t.Fatalf("enqueue %s: %v", id, err)
			}
		}
		for i := range 2 {
			enqueue(fmt.Sprintf("done%d", i), asynq.Retention(time.Hour))
		}
		for i := range 3 {
			enqueue(fmt.Sprintf("fail%d", i))
		}
		enqueue("hang")
		process(t, rdb, func() bool {
			info, err := inspect.GetQueueInfo("audit")
			return err == nil && info.Completed == 2 && info.Retry == 3 && info.Active == 1
		})
		for i := range 4 {
			enqueue(fmt.Sprintf("later%d", i), asynq.ProcessIn(time.Hour))
		}
		for i := range 7 {
			enqueue(fmt.Sprintf("next%d", i))
		}
		for i := range 5 {
			enqueue(fmt.Sprintf("dead%d", i))
			if err := inspect.ArchiveTask("audit", fmt.Sprintf("dead%d", i)); err != nil {
				t.Fatalf("archive a task: %v", err)
			}
		}
		info, err := inspect.GetQueueInfo("audit")
		if err != nil {
			t.Fatalf("ask the inspector: %v", err)
		}
		reg, _ := setup(t, metrics.WatchOptions{Redis: rdb})
		got := samples(t, reg)
		for state, want := range map[string][2]int{
			"pending": {info.Pending, 7}, "active": {info.Active, 1}, "scheduled": {info.Scheduled, 4},
			"retry": {info.Retry, 3}, "archived": {info.Archived, 5}, "completed": {info.Completed, 2},
		} {
			v := got["wxrollout_queue_tasks{queue=audit,state="+state+"}"]
			if v != float64(want[0]) || want[0] != want[1] {
				t.Errorf("%s: we say %v, the inspector %d, and it should be %d", state, v, want[0], want[1])
			}
			if v, ok := got["wxrollout_queue_tasks{queue=release,state="+state+"}"]; !ok || v != 0 {
				t.Errorf("%s of a queue that was never used: %v (there: %t), want 0", state, v, ok)
			}
		}
	})
}

// process takes the tasks of the audit queue until done says so, and then no
// more: what hangs goes on hanging until the test ends.
func process(t *testing.T, rdb redis.UniversalClient, done func() bool) {
	t.Helper()
	ended := make(chan struct{})
	srv := asynq.NewServerFromRedisClient(rdb, asynq.Config{
		Concurrency: 10, Queues: map[string]int{"audit": 1}, LogLevel: asynq.FatalLevel,
		TaskCheckInterval: 10 * time.Millisecond, ShutdownTimeout: time.Minute,
		RetryDelayFunc: func(int, error, *asynq.Task) time.Duration { return time.Hour },
	})
	err := srv.Start(asynq.HandlerFunc(func(_ context.Context, task *asynq.Task) error {
		switch task.Type() {
		case "fail":
			return errors.New("on purpose")
		case "hang":
			<-ended
		}
		return nil
	}))
	if err != nil {
		t.Fatalf("start a server: %v", err)
	}
	t.Cleanup(func() { close(ended); srv.Shutdown() })
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for !done() {
		select {
		case <-look.C:
		case <-t.Context().Done():
			t.Fatal("the tasks were not done in time")
		}
	}
	srv.Stop()
}

// TestOneQueueFails: a key of the wrong type takes only its own queue away.
func TestOneQueueFails(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, _ func(time.Duration)) {
		rdb.Set(t.Context(), "asynq:{audit}:pending", "text", 0)
		var reported error
		reg, _ := setup(t, metrics.WatchOptions{Redis: rdb, Failed: func(_ string, err error) { reported = err }})
		got := samples(t, reg)
		if _, ok := got["wxrollout_queue_tasks{queue=audit,state=retry}"]; ok {
			t.Error("the broken queue is shown")
		}
		if _, ok := got["wxrollout_queue_tasks{queue=commit,state=pending}"]; !ok {
			t.Error("the other queues are gone too")
		}
		if reported == nil {
			t.Error("not reported")
		}
	})
}

package queue

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/proctest"
	"github.com/wxrollout/wxrollout/internal/redistest"
)

// The keys of Asynq v0.26's scripts, as its rdb package calls them.
func TestAcknowledgementsAreReported(t *testing.T) {
	t.Parallel()
	const q = "asynq:{commit}:"
	script := func(name string, keys ...any) redis.Cmder {
		return redis.NewCmd(context.Background(), append([]any{name, "sha", len(keys)}, keys...)...)
	}
	for _, tc := range []struct {
		name string
		cmd  redis.Cmder
		want bool
	}{
		{"done", script("evalsha", q+"active", q+"lease", q+"t:1", q+"processed"), true},
		{"completed", script("EVALSHA", q+"active", q+"lease", q+"completed", q+"t:1"), true},
		{"retry", script("evalsha", q+"t:1", q+"active", q+"lease", q+"retry"), true},
		{"archive", script("evalsha", q+"t:1", q+"active", q+"lease", q+"archived"), true},
		{"requeue", script("evalsha", q+"active", q+"lease", q+"pending", q+"t:1"), true},
		{"done, script unknown", script("eval", q+"active", q+"lease", q+"t:1"), true},
		{"dequeue", script("evalsha", q+"pending", q+"paused", q+"active", q+"lease"), false},
		{"enqueue", script("evalsha", q+"t:1", q+"pending"), false},
		{"forward", script("evalsha", q+"retry", q+"pending"), false},
		{"one key", script("evalsha", q+"active"), false},
		{"no script", redis.NewCmd(context.Background(), "lrem", "a", "b", q+"active", q+"lease"), false},
	} {
		if got := isAck(tc.cmd); got != tc.want {
			t.Errorf("%s: %t, want %t", tc.name, got, tc.want)
		}
	}
}

// replyError is an error reply of Redis.
type replyError string

func (e replyError) Error() string { return string(e) }
func (replyError) RedisError()     {}

// An acknowledgement is repeated while Redis can't be reached or can't answer
// yet, and no longer than its context lasts; nothing else is.
func TestAckHookRepeats(t *testing.T) {
	t.Parallel()
	ack := redis.NewCmd(context.Background(), "evalsha", "sha", 2, "asynq:{q}:active", "asynq:{q}:lease")
	other := redis.NewCmd(context.Background(), "evalsha", "sha", 2, "asynq:{q}:pending", "asynq:{q}:paused")
	network := errors.New("connection refused")
	for _, tc := range []struct {
		name  string
		cmd   redis.Cmder
		errs  []error // of each try; the last one stays
		tries int
		want  error
	}{
		{"at once", ack, []error{nil}, 1, nil},
		{"back after two", ack, []error{network, replyError("LOADING Redis is loading"), nil}, 3, nil},
		{"after a failover", ack, []error{replyError("READONLY You can't write"), replyError("MASTERDOWN"), nil}, 3, nil},
		{"cluster settles", ack, []error{replyError("CLUSTERDOWN"), replyError("TRYAGAIN"), nil}, 3, nil},
		{"not found", ack, []error{network, replyError("NOT FOUND")}, 2, replyError("NOT FOUND")},
		{"script unknown", ack, []error{replyError("NOSCRIPT No matching script")}, 1, replyError("NOSCRIPT No matching script")},
		{"not an acknowledgement", other, []error{network}, 1, network},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tries := 0
			hook := AckHook{}.ProcessHook(func(context.Context, redis.Cmder) error {
				tries++
				return tc.errs[min(tries, len(tc.errs))-1]
			})
			if err := hook(t.Context(), tc.cmd); !errors.Is(err, tc.want) || tries != tc.tries {
				t.Errorf("%v after %d tries, want %v after %d", err, tries, tc.want, tc.tries)
			}
		})
	}
	t.Run("until its context ends", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		tries := 0
		hook := AckHook{}.ProcessHook(func(context.Context, redis.Cmder) error {
			if tries++; tries == 3 {
				cancel()
			}
			return network
		})
		if err := hook(ctx, ack); !errors.Is(err, network) || tries != 3 {
			t.Errorf("%v after %d tries, want the network's after 3", err, tries)
		}
	})
}

// tap sees each try of a command below the hooks that were added before it.
type tap struct {
	process  func(ctx context.Context, cmd redis.Cmder, next redis.ProcessHook) error
	pipeline func(ctx context.Context, cmds []redis.Cmder, next redis.ProcessPipelineHook) error
}

func (tap) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h tap) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	if h.process == nil {
		return next
	}
	return func(ctx context.Context, cmd redis.Cmder) error { return h.process(ctx, cmd, next) }
}

func (h tap) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	if h.pipeline == nil {
		return next
	}
	return func(ctx context.Context, cmds []redis.Cmder) error { return h.pipeline(ctx, cmds, next) }
}

// Redis dies while a handler runs, and comes back after the acknowledgement was
// tried in vain: the task is done, and never runs again. It comes back without
// the scripts it knew, too.
func TestAckOutlivesAnOutage(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t, redistest.AOF(), redistest.Config("appendfsync always")) // what was acknowledged is there
	rdb := srv.Client(t)
	failed := make(chan struct{}, 1)
	rdb.AddHook(AckHook{})
	rdb.AddHook(tap{process: func(ctx context.Context, cmd redis.Cmder, next redis.ProcessHook) error {
		err := next(ctx, cmd)
		if err != nil && isAck(cmd) {
			select {
			case failed <- struct{}{}:
			default:
			}
		}
		return err
	}})
	var ran atomic.Int32
	worker := asynq.NewServerFromRedisClient(rdb, asynq.Config{
		Concurrency: 1, Queues: map[string]int{"q": 1}, LogLevel: asynq.FatalLevel,
		TaskCheckInterval: 10 * time.Millisecond, DelayedTaskCheckInterval: time.Second, ShutdownTimeout: time.Second,
	})
	if err := worker.Start(asynq.HandlerFunc(func(context.Context, *asynq.Task) error {
		ran.Add(1)
		srv.Kill()
		return nil
	})); err != nil {
		t.Fatal(err)
	}
	defer worker.Shutdown()
	client := asynq.NewClientFromRedisClient(srv.Client(t))
	if _, err := client.EnqueueContext(t.Context(), asynq.NewTask("x", nil), asynq.Queue("q"),
		asynq.TaskID("one"), asynq.Retention(time.Hour)); err != nil {
		t.Fatal(err)
	}
	<-failed
	srv.Restart()
	inspector := asynq.NewInspectorFromRedisClient(srv.Client(t))
	proctest.Eventually(t, "the task is completed", func() (bool, string) {
		info, err := inspector.GetTaskInfo("q", "one")
		if err != nil {
			return false, err.Error()
		}
		return info.State == asynq.TaskStateCompleted, fmt.Sprint(info.State)
	})
	if n := ran.Load(); n != 1 {
		t.Errorf("the handler ran %d times, want once", n)
	}
}

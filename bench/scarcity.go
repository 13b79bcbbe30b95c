package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"

	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/tasks"
	"github.com/wxrollout/wxrollout/tasks/classify"
	"github.com/wxrollout/wxrollout/tasks/pool"
	"github.com/wxrollout/wxrollout/wxclient"
)

// The schedule of the platform's quota.
const (
	refills     = 5
	refillEvery = 6 * time.Second
	busyShare   = 0.1
)

// scarceWeChat has a quota that runs out and is refilled, and is often busy.
type scarceWeChat struct {
	*fakeWeChat
	refused atomic.Int64

	mu   sync.Mutex
	rest int64
	rnd  *rand.Rand
}

// newScarceWeChat refills until ctx ends.
func newScarceWeChat(ctx context.Context, n int) *scarceWeChat {
	w := &scarceWeChat{fakeWeChat: newFakeWeChat(), rest: int64(n / refills), rnd: rand.New(rand.NewPCG(1, 2))}
	go func() {
		for left := n - n/refills; left > 0; left -= n / refills {
			if (wallClock{}).Sleep(ctx, refillEvery) != nil {
				return
			}
			w.mu.Lock()
			w.rest += int64(min(left, n/refills))
			w.mu.Unlock()
		}
	}()
	return w
}

// busy answers -1 now and then.
func (w *scarceWeChat) busy() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.rnd.Float64() < busyShare {
		return &wxclient.Error{Endpoint: "bench", Code: -1, Class: wxclient.ClassRetryBusy}
	}
	return nil
}

func (w *scarceWeChat) Commit(ctx context.Context, appid string, r wxclient.CommitRequest) error {
	if err := w.busy(); err != nil {
		return err
	}
	return w.fakeWeChat.Commit(ctx, appid, r)
}

func (w *scarceWeChat) SubmitAudit(ctx context.Context, appid string, r wxclient.SubmitRequest) (int64, error) {
	if err := w.busy(); err != nil {
		return 0, err
	}
	w.mu.Lock()
	if w.rest <= 0 {
		w.mu.Unlock()
		w.refused.Add(1)
		return 0, &wxclient.Error{Endpoint: "/wxa/submit_audit", Code: 85085, Class: wxclient.ClassThrottlePlatform}
	}
	w.rest--
	w.mu.Unlock()
	return w.fakeWeChat.SubmitAudit(ctx, appid, r)
}

func (w *scarceWeChat) QueryQuota(context.Context, string) (wxclient.Quota, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return wxclient.Quota{Rest: w.rest, Limit: 1_000_000}, nil
}

func (w *scarceWeChat) Release(ctx context.Context, appid string) error {
	if err := w.busy(); err != nil {
		return err
	}
	return w.fakeWeChat.Release(ctx, appid)
}

// scarcityRow runs a rollout against a quota that arrives in portions. The optimum
// is the arrival of the last portion and its way through the pipeline. An Asynq
// worker as in its wiki is the comparison.
func scarcityRow(ctx context.Context, b *bench) error {
	n := b.n(5000)
	waiting := time.Duration(refills-1) * refillEvery
	o := engineOptions{
		timing: tasks.Timing{Waits: classify.Waits{Busy: classify.Backoff{Base: time.Second, Cap: time.Second}}},
		pools:  pool.Options{ReadEvery: 500 * time.Millisecond},
		quota:  ratelimit.QuotaOptions{ProbeAfter: 500 * time.Millisecond, ProbeMax: 500 * time.Millisecond},
	}
	// One portion alone, with enough quota, takes as long as the last one: mostly the
	// waits of the few targets that are answered busy repeatedly.
	var alone []float64
	for range b.rounds {
		portion, _, err := runScarce(ctx, b.redis, n/refills, n, o)
		if err != nil {
			return err
		}
		alone = append(alone, portion.Seconds())
	}
	cpu := cpuOf(b.redis)
	took, refused, err := runScarce(ctx, b.redis, n, n, o)
	if err != nil {
		return err
	}
	used := cpuOf(b.redis).since(cpu)
	optimum := waiting + time.Duration(median(alone)*float64(time.Second))
	makespan := line{Name: fmt.Sprintf("makespan of %d with %d portions of quota", n, refills), Unit: "s", Ours: took.Seconds()}
	makespan.against("the last portion's time", optimum.Seconds(), "<= 1.02")
	b.add(makespan)
	b.add(line{Name: "submissions answered 85085", Unit: "% of submissions", Ours: 100 * float64(refused) / float64(n), Goal: "<= 0.1 %"})
	b.add(line{Name: "CPU meanwhile, worker and Redis", Unit: "% of a core", Ours: 100 * used.Seconds() / took.Seconds()})
	return naiveRow(ctx, b, n, optimum)
}

// runScarce runs n targets to their end against a quota of total in portions.
func runScarce(ctx context.Context, s *server, n, total int, o engineOptions) (took time.Duration, refused int64, err error) {
	refilling, stop := context.WithCancel(ctx)
	defer stop()
	start := time.Now()
	wx := newScarceWeChat(refilling, total)
	err = withEngine(ctx, s, wx, o, func(e *engine) error {
		err := second(e.complete(ctx, n))
		took = time.Since(start)
		return err
	})
	return took, wx.refused.Load(), err
}

// naiveRow runs a plain Asynq worker: one task per app makes the three calls, and
// every error is an Asynq retry. It stops after twice the optimum.
func naiveRow(ctx context.Context, b *bench, n int, optimum time.Duration) error {
	if err := b.redis.flush(ctx); err != nil {
		return err
	}
	refilling, stop := context.WithCancel(ctx)
	defer stop()
	wx := newScarceWeChat(refilling, n)
	var released atomic.Int64
	handle := asynq.HandlerFunc(func(ctx context.Context, t *asynq.Task) error {
		appid := string(t.Payload())
		if err := wx.Commit(ctx, appid, wxclient.CommitRequest{Version: "3.9.0"}); err != nil {
			return err
		}
		if _, err := wx.SubmitAudit(ctx, appid, wxclient.SubmitRequest{}); err != nil {
			return err
		}
		if err := wx.Release(ctx, appid); err != nil {
			return err
		}
		released.Add(1)
		return nil
	})
	rdb := b.redis.client()
	defer func() { _ = rdb.Close() }()
	srv := asynq.NewServerFromRedisClient(rdb, asynq.Config{
		Concurrency: 3 * perQueue, LogLevel: asynq.FatalLevel, ShutdownTimeout: time.Second,
		RetryDelayFunc: func(n int, _ error, _ *asynq.Task) time.Duration { // exponential, as the wiki's example
			return min(time.Minute, time.Duration(1<<min(n, 10))*time.Second)
		},
	})
	if err := srv.Start(handle); err != nil {
		return err
	}
	client := asynq.NewClientFromRedisClient(rdb)
	start := time.Now()
	for i := range n {
		if _, err := client.EnqueueContext(ctx, asynq.NewTask("upgrade", []byte(plainID(i))), asynq.MaxRetry(5)); err != nil {
			return err
		}
	}
	if err := poll(ctx, 100*time.Millisecond, func() (bool, error) {
		return released.Load() >= int64(n) || time.Since(start) >= 2*optimum, nil
	}); err != nil {
		return err
	}
	took := time.Since(start)
	srv.Shutdown()
	info, err := asynq.NewInspectorFromRedisClient(rdb).GetQueueInfo("default")
	if err != nil {
		return err
	}
	b.add(line{Name: "the same on plain Asynq, 5 retries: released", Unit: fmt.Sprintf("of %d in %.0f s", n, took.Seconds()), Ours: float64(released.Load())})
	b.add(line{Name: "  archived: lost", Unit: "targets", Ours: float64(info.Archived)})
	b.add(line{Name: "  answered 85085", Unit: "% of submissions", Ours: 100 * float64(wx.refused.Load()) / float64(n)})
	b.add(line{Name: "  submissions that were repeated", Unit: "submissions", Ours: float64(wx.audits.Load() - released.Load())})
	return nil
}

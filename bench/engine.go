package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/internal/controller"
	"github.com/wxrollout/wxrollout/internal/launch"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/dispatch"
	"github.com/wxrollout/wxrollout/tasks"
	"github.com/wxrollout/wxrollout/tasks/pool"
	"github.com/wxrollout/wxrollout/tasks/queue"
	"github.com/wxrollout/wxrollout/wxsim"
)

// perQueue is the concurrency of each queue, and of bare Asynq's three servers.
const perQueue = 32

// engine is a worker without HTTP, metrics and credentials.
type engine struct {
	rdb     []redis.UniversalClient
	ledger  *ledger.Ledger
	pools   *pool.Pools
	servers *queue.Servers
	runner  *controller.Runner
	appID   func(int) string
	stop    context.CancelFunc
	done    sync.WaitGroup
}

// engineOptions are what a row changes; the zero value is the product's own.
type engineOptions struct {
	timing tasks.Timing
	pools  pool.Options
	quota  ratelimit.QuotaOptions
	// A process may leave out the controller, or the handlers.
	noController, noServers bool
	// simulated means that WeChat is a simulator: with its appids, and with tokens in Redis.
	simulated bool
}

// withEngine runs f with an engine on a Redis that is empty but for tokens.
func withEngine(ctx context.Context, s *server, wx tasks.WeChat, o engineOptions, f func(*engine) error) error {
	if !o.simulated {
		if err := s.flush(ctx); err != nil {
			return err
		}
	}
	e, err := startEngine(ctx, s, wx, o)
	if err != nil {
		return err
	}
	defer e.close(context.WithoutCancel(ctx))
	return f(e)
}

// startEngine runs handlers and a controller on wx.
func startEngine(ctx context.Context, s *server, wx tasks.WeChat, o engineOptions) (*engine, error) {
	open := func() redis.UniversalClient { return s.client() }
	e := &engine{rdb: []redis.UniversalClient{open(), open(), open()}, appID: plainID}
	if o.simulated {
		e.appID = wxsim.AppID
	}
	e.ledger = ledger.New(e.rdb[0], ledger.Options{})
	e.pools = pool.New(func(name string) *ratelimit.Quota {
		quota := o.quota
		quota.Metered = name == string(rollout.StageSubmit)
		return ratelimit.NewQuota(e.rdb[0], name, quota)
	}, o.pools)
	handler := tasks.NewHandler(tasks.HandlerOptions{WeChat: wx, Ledger: e.ledger, Permits: e.pools, Log: zerolog.Nop(), Timing: o.timing})
	e.rdb[1].AddHook(queue.AckHook{})
	queueNames := map[rollout.QueueName]int{rollout.QueueCommit: perQueue, rollout.QueueAudit: perQueue, rollout.QueueRelease: perQueue}
	e.servers = queue.NewServers(e.rdb[1], handler, queue.ServersOptions{Concurrency: queueNames, Log: zerolog.Nop()})
	log := zerolog.New(os.Stderr)
	e.runner = controller.NewRunner(log, controller.Loop{Name: "rollouts", Reconciler: controller.NewRollouts(controller.RolloutsOptions{
		Controller: dispatch.New(e.ledger, queue.New(e.rdb[2], queue.Options{}), e.pools, wallClock{}, dispatch.Options{}), Log: log,
	})})
	// As the leader does first: an unread quota grants one permit at a time.
	if _, err := e.pools.Refill(ctx, func(ctx context.Context) (rest, limit int64, err error) {
		q, err := wx.QueryQuota(ctx, e.appID(0))
		return q.Rest, q.Limit, err
	}); err != nil {
		return nil, fmt.Errorf("read the quota: %w", err)
	}
	running, stop := context.WithCancel(ctx)
	e.stop = stop
	if !o.noServers {
		if err := e.ledger.Heartbeat(ctx, fmt.Sprint("bench-", os.Getpid()), queueNames, time.Hour); err != nil {
			return nil, err
		}
		if err := e.servers.Start(); err != nil {
			return nil, err
		}
	}
	if !o.noController {
		e.done.Go(func() { e.runner.Run(running) })
	}
	return e, nil
}

func (e *engine) close(ctx context.Context) {
	e.stop()
	e.done.Wait()
	_ = e.servers.Shutdown(ctx) // the measurement is over
	for _, rdb := range e.rdb {
		_ = rdb.Close()
	}
}

// wallClock is the machine's time.
type wallClock struct{}

func (wallClock) Now() time.Time { return time.Now() }

func (wallClock) Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// poll repeats done until it reports true.
func poll(ctx context.Context, every time.Duration, done func() (bool, error)) error {
	for {
		if ended, err := done(); ended || err != nil {
			return err
		}
		if err := (wallClock{}).Sleep(ctx, every); err != nil {
			return err
		}
	}
}

// rolloutID is the only rollout of each run.
const rolloutID = "bench"

// load stores a rollout of n targets, as apply does.
func (e *engine) load(ctx context.Context, n int) error { return e.loadAs(ctx, rolloutID, plan(n), n) }

// complete loads a rollout of n targets and returns the time until all are released.
func (e *engine) complete(ctx context.Context, n int) (time.Duration, error) {
	start := time.Now()
	if err := e.load(ctx, n); err != nil {
		return 0, err
	}
	err := e.await(ctx, rolloutID)
	return time.Since(start), err
}

func (e *engine) loadAs(ctx context.Context, id string, p rollout.Plan, n int) error {
	targets := func(yield func(rollout.Target, error) bool) {
		for i := range n {
			if !yield(rollout.Target{AppID: e.appID(i), Label: fmt.Sprintf("shop %d", i), Rank: rollout.Rank(0, i), Attempt: 1}, nil) {
				return
			}
		}
	}
	_, err := launch.Write(ctx, e.ledger, launch.Rollout{
		NewRollout: ledger.NewRollout{ID: id, Plan: p, Digest: id}, Targets: targets, Total: n, Now: time.Now(), By: "bench", Why: "bench",
	})
	return err
}

// await waits until a rollout is done and all its targets are released.
func (e *engine) await(ctx context.Context, id string) error {
	return poll(ctx, 10*time.Millisecond, func() (bool, error) {
		r, err := e.ledger.Rollout(ctx, id)
		if err != nil || r.Status != rollout.StatusDone {
			return false, err
		}
		if got := r.Counts.State(rollout.StateReleased); got != r.Total {
			return false, fmt.Errorf("bench: %d of %d targets were released", got, r.Total)
		}
		return true, nil
	})
}

// perSecond is the rate of n targets.
func perSecond(n int, took time.Duration) float64 { return float64(n) / took.Seconds() }

// stages is the number of tasks of a target.
const stages = 6

func plainID(i int) string { return fmt.Sprintf("wx%016x", i) }

// engineRow compares the engine with bare Asynq, WeChat answering at once.
func engineRow(ctx context.Context, b *bench) error {
	n := b.n(3000)
	return b.pair(line{Name: "engine, six stages", Unit: "targets/s", Against: "bare Asynq, chains of six", Goal: ">= 0.5"},
		func() (rate float64, err error) {
			err = withEngine(ctx, b.redis, newFakeWeChat(), engineOptions{}, func(e *engine) error {
				took, err := e.complete(ctx, n)
				rate = perSecond(n, took)
				return err
			})
			return rate, err
		},
		func() (float64, error) { return runAsynq(ctx, b.redis, n) })
}

// runAsynq returns the chains of as many no-op tasks per second of bare Asynq, on
// three servers: each handler enqueues the next task, as in Asynq's wiki.
func runAsynq(ctx context.Context, s *server, n int) (rate float64, err error) {
	if err := s.flush(ctx); err != nil {
		return 0, err
	}
	rdb, producer := s.client(), s.client()
	defer func() { _, _ = rdb.Close(), producer.Close() }()
	client := asynq.NewClientFromRedisClient(producer)
	queues := []string{"commit", "commit", "commit", "audit", "audit", "release"}
	var left sync.WaitGroup
	left.Add(n)
	enqueue := func(ctx context.Context, app []byte, stage int) error {
		id := fmt.Sprintf("bench:%s:%d", app, stage)
		_, err := client.EnqueueContext(ctx, asynq.NewTask(fmt.Sprint("stage:", stage), app), asynq.TaskID(id), asynq.Queue(queues[stage]), asynq.Retention(3*time.Minute))
		return err
	}
	handle := asynq.HandlerFunc(func(ctx context.Context, t *asynq.Task) error {
		stage := int(t.Type()[len(t.Type())-1] - '0')
		if stage == stages-1 {
			left.Done()
			return nil
		}
		return enqueue(ctx, t.Payload(), stage+1)
	})
	var servers []*asynq.Server
	for _, q := range []string{"commit", "audit", "release"} {
		srv := asynq.NewServerFromRedisClient(rdb, asynq.Config{
			Concurrency: perQueue, Queues: map[string]int{q: 1}, TaskCheckInterval: 200 * time.Millisecond, LogLevel: asynq.ErrorLevel,
		})
		if err := srv.Start(handle); err != nil {
			return 0, err
		}
		servers = append(servers, srv)
	}
	start := time.Now()
	for i := range n {
		if err := enqueue(ctx, fmt.Appendf(nil, "wx%016x", i), 0); err != nil {
			return 0, err
		}
	}
	left.Wait()
	took := time.Since(start)
	for _, srv := range servers {
		srv.Shutdown()
	}
	return perSecond(n, took), nil
}

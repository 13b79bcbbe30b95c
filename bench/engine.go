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
)

// perQueue is the concurrency of each queue, and of bare Asynq's three servers.
const perQueue = 32

// engine is a worker's inside without HTTP, metrics and credentials.
type engine struct {
	rdb     []redis.UniversalClient
	ledger  *ledger.Ledger
	pools   *pool.Pools
	servers *queue.Servers
	runner  *controller.Runner
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
}

// startEngine runs handlers and a controller on wx.
func startEngine(ctx context.Context, s *server, wx tasks.WeChat, o engineOptions) (*engine, error) {
	open := func() redis.UniversalClient { return s.client() }
	e := &engine{rdb: []redis.UniversalClient{open(), open(), open()}}
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
	// The leader's first act: an unread quota gives one permit at a time.
	if _, err := e.pools.Refill(ctx, func(ctx context.Context) (rest, limit int64, err error) {
		q, err := wx.QueryQuota(ctx, plainID(0))
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

// rolloutID is the only rollout of each run.
const rolloutID = "bench"

// load brings a rollout of n targets in, as apply does.
func load(ctx context.Context, l *ledger.Ledger, n int, appID func(int) string) error {
	return loadAs(ctx, l, rolloutID, plan(n), n, appID)
}

func loadAs(ctx context.Context, l *ledger.Ledger, id string, p rollout.Plan, n int, appID func(int) string) error {
	targets := func(yield func(rollout.Target, error) bool) {
		for i := range n {
			if !yield(rollout.Target{AppID: appID(i), Label: fmt.Sprintf("shop %d", i), Rank: rollout.Rank(0, i), Attempt: 1}, nil) {
				return
			}
		}
	}
	_, err := launch.Write(ctx, l, launch.Rollout{
		NewRollout: ledger.NewRollout{ID: id, Plan: p, Digest: id}, Targets: targets, Total: n, Now: time.Now(), By: "bench", Why: "bench",
	})
	return err
}

// await waits until a rollout is done and all its targets are released.
func await(ctx context.Context, l *ledger.Ledger) error { return awaitOf(ctx, l, rolloutID) }

func awaitOf(ctx context.Context, l *ledger.Ledger, id string) error {
	for {
		r, err := l.Rollout(ctx, id)
		if err != nil {
			return err
		}
		if r.Status == rollout.StatusDone {
			if got := r.Counts.State(rollout.StateReleased); got != r.Total {
				return fmt.Errorf("bench: %d of %d targets were released", got, r.Total)
			}
			return nil
		}
		if err := (wallClock{}).Sleep(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
}

// stages is how many tasks a target takes.
const stages = 6

func plainID(i int) string { return fmt.Sprintf("wx%016x", i) }

// engineRow compares the engine with bare Asynq, WeChat answering at once.
func engineRow(ctx context.Context, b *bench) error {
	n := b.n(3000)
	return b.pair(line{Name: "engine, six stages", Unit: "targets/s", Against: "bare Asynq, chains of six", Goal: ">= 0.5"},
		func() (float64, error) { return runEngine(ctx, b.redis, n) },
		func() (float64, error) { return runAsynq(ctx, b.redis, n) },
		func(r float64) bool { return r >= 0.5 })
}

// runEngine is how many targets a second go through the whole pipeline.
func runEngine(ctx context.Context, s *server, n int) (perSecond float64, err error) {
	if err := s.flush(ctx); err != nil {
		return 0, err
	}
	e, err := startEngine(ctx, s, newFakeWeChat(), engineOptions{})
	if err != nil {
		return 0, err
	}
	defer e.close(ctx)
	start := time.Now()
	if err := load(ctx, e.ledger, n, plainID); err != nil {
		return 0, err
	}
	if err := await(ctx, e.ledger); err != nil {
		return 0, err
	}
	return float64(n) / time.Since(start).Seconds(), nil
}

// runAsynq is how many chains of as many no-op tasks bare Asynq does, on three
// servers: each handler enqueues the next task, as its wiki teaches.
func runAsynq(ctx context.Context, s *server, n int) (perSecond float64, err error) {
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
	return float64(n) / took.Seconds(), nil
}

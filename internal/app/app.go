package app

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/internal/config"
	"github.com/wxrollout/wxrollout/internal/controller"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/metrics"
	"github.com/wxrollout/wxrollout/registry"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks"
	"github.com/wxrollout/wxrollout/tasks/pool"
	"github.com/wxrollout/wxrollout/tasks/queue"
)

// Options are what a program passes in addition to the settings.
type Options struct {
	Log zerolog.Logger
	// Version is the label of the build metric.
	Version string
	// EmbeddedRedis makes the clients of an in-process Redis, for the demo and
	// tests; nil connects to RedisURL.
	EmbeddedRedis func() redis.UniversalClient
	// Idle is the controller's interval while nothing changes; 0 means its default.
	Idle time.Duration
	// Seed makes the jitter of retries repeatable; 0 means a random one.
	Seed uint64
}

// App is a worker: three queues of handlers, a candidate for the controller's
// lease, and the HTTP side.
type App struct {
	cfg  *config.Config
	opts Options
	log  zerolog.Logger
	name string

	core    *core
	metrics *metrics.Metrics
	reg     *prometheus.Registry
	servers *queue.Servers
	leader  *controller.Leader
	// tools are the use cases of loops and callbacks.
	tools      *Tools
	http       *httpSide
	pprof      *httpSide // nil if no profiles are served
	jobs       *jobs
	refused    *refusals
	background *background
	breaker    *pool.Breaker
	targets    *targetLog
	// opened are the connections of New, running the parts that Start started.
	opened, running stack
	started         atomic.Bool
}

// New builds a worker from loaded settings. Redis must answer and be configured to keep data. New
// starts nothing.
func New(ctx context.Context, cfg *config.Config, o Options) (*App, error) {
	a := &App{
		cfg: cfg, opts: o, log: o.Log, name: workerName(), reg: prometheus.NewRegistry(),
		jobs: newJobs(jobsAtOnce), background: newBackground(), breaker: pool.NewBreaker(), targets: newTargetLog(o.Log),
	}
	a.reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	a.metrics = metrics.New(a.reg, Labels())
	a.metrics.Build(o.Version, "")
	if err := a.build(ctx); err != nil {
		return nil, errors.Join(err, a.opened.unwind(ctx))
	}
	return a, nil
}

func (a *App) build(ctx context.Context) error {
	co := coreOptions{observe: a.observe, pace: true, log: a.log, renewed: a.renewed, ticketsRestarted: a.ticketsRestarted}
	if a.opts.EmbeddedRedis != nil {
		co.redis, co.embedded = a.opts.EmbeddedRedis(), true
	}
	var err error
	if a.core, err = newCore(ctx, a.cfg, co, &a.opened); err != nil {
		return err
	}
	queueRedis, err := a.client("queue redis")
	if err != nil {
		return err
	}
	serverRedis, err := a.client("servers redis")
	if err != nil {
		return err
	}
	serverRedis.AddHook(queue.AckHook{})
	hooks := a.hooks()
	handler := tasks.NewHandler(tasks.HandlerOptions{
		WeChat: a.core.wx, AppConfig: a.core.wx, Ledger: a.core.ledger, Permits: a.core.pools, Log: a.log,
		Timing: a.cfg.HandlerTiming(), Hooks: hooks, Breaker: a.breaker, Seed: a.opts.Seed,
	})
	a.servers = queue.NewServers(serverRedis, handler, queue.ServersOptions{
		Concurrency: concurrency(a.cfg), Drain: a.cfg.Drain, Dropped: hooks.Dropped, Log: a.log,
	})
	a.tools = a.core.tools(a.cfg, "worker "+a.name)
	a.leader = a.newLeader(queue.New(queueRedis, queue.Options{}))
	a.metrics.Watch(metrics.WatchOptions{
		Leader: a.leader.Leading, Source: source{a.core}, Redis: a.core.rdb,
		Failed: func(part string, err error) { a.log.Warn().Err(err).Str("collector", part).Msg("scrape incomplete") },
	})
	a.refused = newRefusals(a.log, a.metrics.CallbackRefused, registry.NewRefusals(a.core.rdb, a.cfg.ComponentAppID), a.jobs.do)
	a.http, err = a.newHTTPSide()
	return err
}

// client opens another Redis client, which Stop closes.
func (a *App) client(name string) (redis.UniversalClient, error) {
	var rdb redis.UniversalClient
	if a.opts.EmbeddedRedis != nil {
		rdb = a.opts.EmbeddedRedis()
	} else {
		var err error
		if rdb, err = a.cfg.OpenRedis(); err != nil {
			return nil, err
		}
	}
	a.opened.push(name, func(context.Context) error { return rdb.Close() })
	return rdb, nil
}

// workerName is unique to a process: a restarted process is another worker.
func workerName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "worker"
	}
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return fmt.Sprintf("%s-%d-%s", host, os.Getpid(), hex.EncodeToString(b[:]))
}

func concurrency(c *config.Config) map[rollout.QueueName]int {
	return map[rollout.QueueName]int{
		rollout.QueueCommit: c.Commit, rollout.QueueAudit: c.Audit, rollout.QueueRelease: c.Release,
	}
}

// Start starts everything, once. ":0" in Listen picks a port, see Addr.
func (a *App) Start(ctx context.Context) error {
	if a.started.Swap(true) {
		return errors.New("start worker: it was started before; make another one")
	}
	a.running.push("background jobs", a.jobs.stop)
	if err := a.http.listen(ctx, a.cfg.Listen); err != nil {
		return fmt.Errorf("WXROLLOUT_LISTEN=%q: %w", a.cfg.Listen, err)
	}
	a.running.push("http", a.http.shutdown)
	if err := a.listenPprof(ctx); err != nil {
		return err
	}
	if err := a.beat(ctx); err != nil {
		return err
	}
	a.background.run(a.heartbeats)
	a.background.run(a.core.pacer.Run)
	a.background.run(a.leader.Run)
	a.running.push("controller and heartbeats", a.background.stop)
	if err := a.servers.Start(); err != nil {
		return err
	}
	a.running.push("queues", a.servers.Shutdown)
	a.http.ready.Store(true)
	a.log.Info().Str("worker", a.name).Str("listen", a.Addr().String()).Str("version", a.opts.Version).Msg("worker started")
	return nil
}

// Addr is where the HTTP side listens.
func (a *App) Addr() net.Addr { return a.http.addr() }

// Stop drains: it takes no more tasks, releases the leader's lease, waits for running calls until
// ctx ends or for the drain time of the settings, and closes what New opened. A part that has not
// ended soon after is left behind with its connections, and named in the error. Stopping twice is
// harmless.
func (a *App) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, a.cfg.Drain)
	defer cancel()
	served := a.http.ready.Swap(false)
	a.leader.StepDown()
	err := a.running.unwind(ctx)
	if err == nil { // else running parts need the connections
		err = a.opened.unwind(ctx)
	}
	a.targets.flush()
	if served {
		a.log.Info().Str("worker", a.name).Msg("worker stopped")
	}
	return err
}

// Run starts the worker, waits until stop is closed or ctx ends, and drains. It drains too, and
// returns the error, if the HTTP server ends, because WeChat's callbacks and the health checks would get
// no answer, or if a newer version of the program took over the data.
func (a *App) Run(ctx context.Context, stop <-chan struct{}) error {
	err := a.Start(ctx)
	if err == nil {
		select {
		case <-stop:
		case <-ctx.Done():
		case err = <-a.http.failed:
		}
	}
	return errors.Join(err, a.Stop(context.WithoutCancel(ctx)))
}

// heartbeatTTL is how long a worker counts as alive without a beat.
const heartbeatTTL = 15 * time.Second

func (a *App) beat(ctx context.Context) error {
	err := a.core.ledger.Heartbeat(ctx, a.name, concurrency(a.cfg), heartbeatTTL)
	if step := (*ledger.ClockStepError)(nil); errors.As(err, &step) {
		a.log.Warn().Dur("back", step.Back).Msg("the Redis clock stepped back: leases and wakes were brought near; set the clocks of all Redis servers by NTP")
		return nil
	}
	return err
}

// heartbeats report to the controller how many handlers this worker has. They end the worker if a newer
// version of the program took over the data.
func (a *App) heartbeats(ctx context.Context) {
	ticker := time.NewTicker(heartbeatTTL / 5)
	defer ticker.Stop()
	defer a.leave(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			a.targets.flush()
			err := ledger.CheckSchema(ctx, a.core.rdb)
			if errors.As(err, new(*ledger.SchemaError)) {
				a.http.failed <- err
				return
			}
			if err == nil {
				err = a.beat(ctx)
			}
			if err != nil && ctx.Err() == nil {
				a.log.Warn().Err(err).Msg("heartbeat missed")
			}
		}
	}
}

// leave takes this worker out of those that live.
func (a *App) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := a.core.ledger.Leave(ctx, a.name); err != nil {
		a.log.Warn().Err(err).Msg("worker not signed off; its heartbeat expires")
	}
}

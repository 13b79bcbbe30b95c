package app

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/internal/quotareader"
	"github.com/wxrollout/wxrollout/metrics"
	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/registry"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/dispatch"
	"github.com/wxrollout/wxrollout/tasks/queue"
)

// leaderTTL is how long the leader's lease stays taken when its holder dies.
const leaderTTL = 6 * time.Second

// leader competes for the leader's lease, and leads while it holds it. Two
// controllers at once would do no harm; one is less work for Redis.
type leader struct {
	lease       *ratelimit.Lease
	controller  *dispatch.Controller
	operator    *operator.Operator
	rdb         redis.UniversalClient
	quota       *quotareader.Reader
	appsRate    int
	tokens      *registry.Tokens // nil with a broker
	metrics     *metrics.Metrics
	log         zerolog.Logger
	held        atomic.Bool
	steppedDown chan struct{}
	stepDownOne sync.Once
}

func (a *App) newLeader(queue dispatch.Queue) *leader {
	l := &leader{
		lease: ratelimit.NewLease(a.core.rdb, "controller", a.name, leaderTTL),
		controller: dispatch.New(a.core.ledger, queue, a.core.pools, wallClock{}, dispatch.Options{
			Lease: a.cfg.Timing.Lease, Idle: a.opts.Idle,
		}),
		operator:    a.core.operator(a.cfg, "worker "+a.name),
		rdb:         a.core.rdb,
		appsRate:    a.cfg.AppsRate,
		tokens:      a.core.tokens,
		metrics:     a.metrics,
		log:         a.log.With().Str("worker", a.name).Logger(),
		steppedDown: make(chan struct{}),
	}
	l.quota = quotareader.New(quotareader.Options{
		Apps: l.operator, Loans: a.core.ledger, WeChat: a.core.wx, Pools: a.core.pools, Clock: wallClock{},
		Every: a.cfg.QuotaPoll, Platform: operator.IsCredential, Report: l.quotaRead(),
	})
	return l
}

// quotaRead logs readings of the quota, each failure once.
func (l *leader) quotaRead() func(quotareader.Outcome) {
	said := ""
	return func(o quotareader.Outcome) {
		if o.Err == nil {
			l.log.Debug().Str("target", o.AppID).Int64("rest", o.Quota.Rest).Int64("limit", o.Quota.Limit).Msg("quota read")
		} else if o.Err.Error() != said {
			l.log.Warn().Err(o.Err).Msg("quota not read; tried again")
		}
		said = errorText(o.Err)
	}
}

// Held tells whether this worker leads.
func (l *leader) Held() bool { return l.held.Load() }

// stepDown gives the lease up for good, so that another worker leads while this
// one drains.
func (l *leader) stepDown() { l.stepDownOne.Do(func() { close(l.steppedDown) }) }

// run competes until ctx ends.
func (l *leader) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-l.steppedDown:
			cancel()
		case <-ctx.Done():
		}
	}()
	for ctx.Err() == nil {
		_, ok, err := l.lease.Acquire(ctx)
		if err != nil && ctx.Err() == nil {
			l.log.Warn().Err(err).Msg("controller's lease not asked for")
		}
		if ok {
			l.reconcile(ctx)
		}
		_ = wallClock{}.Sleep(ctx, leaderTTL/6)
	}
}

// lead holds the lease until it is lost or ctx ends.
func (l *leader) reconcile(ctx context.Context) {
	l.log.Info().Msg("leading")
	l.held.Store(true)
	lease, leave := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { l.tick(lease) })
	wg.Go(func() { l.fire(lease) })
	wg.Go(func() { l.watchQueues(lease) })
	wg.Go(func() { l.keepPushes(lease) })
	wg.Go(func() { l.syncApps(lease) })
	wg.Go(func() { l.reconcileBaseline(lease) })
	wg.Go(func() { l.quota.Run(lease) })
	wg.Go(func() { l.probePlatform(lease) })
	l.keep(lease)
	leave()
	wg.Wait()
	l.held.Store(false)
	releasing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := l.lease.Release(releasing); err != nil {
		l.log.Warn().Err(err).Msg("controller's lease not given back; it runs out")
	}
	l.log.Info().Msg("no longer leading")
}

// keep renews the lease and returns when it is lost.
func (l *leader) keep(ctx context.Context) {
	last := time.Now()
	for {
		if err := (wallClock{}).Sleep(ctx, leaderTTL/3); err != nil {
			return
		}
		ok, err := l.lease.Renew(ctx)
		switch {
		case err == nil && ok:
			last = time.Now()
		case err == nil || time.Since(last) > leaderTTL:
			return
		}
	}
}

func (l *leader) tick(ctx context.Context) {
	waiting, said := false, ""
	_ = l.controller.Run(ctx, func(p dispatch.Progress, err error) {
		l.metrics.Ticked(metrics.Tick{Woken: p.Woken, Expired: p.Expired, Claimed: p.Claimed, Changed: p.Changed, Failed: err != nil})
		if waits := p.Quarantine > 0; waits != waiting {
			waiting = waits
			l.log.Warn().Dur("left", p.Quarantine).Bool("waits", waits).Msg("Redis was restarted or failed over: assignments wait until calls of assignments it may have forgotten are over")
		}
		for _, g := range p.Gates {
			level := zerolog.WarnLevel // an operator has to look
			if g.Decision == rollout.DecisionPass {
				level = zerolog.InfoLevel
			}
			l.log.WithLevel(level).Str("rollout", g.Rollout).Str("wave", g.Wave).Str("gate", string(g.Decision)).Str("why", g.Why).Msg("gate decided")
		}
		if now := errorText(err); now != said { // a rollout that can't be read is news once
			if said = now; err != nil {
				l.log.Warn().Err(err).Msg("tick incomplete; the next one goes on")
			}
		}
	})
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// fire starts the runs of schedules that are due.
func (l *leader) fire(ctx context.Context) {
	for {
		fired, err := l.operator.FireDue(ctx)
		if err != nil && ctx.Err() == nil {
			l.log.Error().Err(err).Msg("schedules not looked after; tried again")
		}
		for _, f := range fired {
			l.log.Info().Str("schedule", f.Schedule).Str("rollout", f.ID).Time("due", f.At).
				Int("missed", f.Missed).Int("targets", f.Targets).Str("skipped", f.Skipped).Msg("scheduled run")
		}
		if err := (wallClock{}).Sleep(ctx, 2*time.Second); err != nil {
			return
		}
	}
}

// queuesEvery is how often the leader looks for paused queues.
const queuesEvery = 10 * time.Second

// watchQueues logs when an Asynq queue is paused, and when it no longer is.
func (l *leader) watchQueues(ctx context.Context) {
	was := make(map[rollout.QueueName]bool)
	for {
		paused, err := queue.PausedQueues(ctx, l.rdb)
		if err == nil {
			now := make(map[rollout.QueueName]bool, len(paused))
			for _, p := range paused {
				if now[p.QueueName] = true; !was[p.QueueName] {
					l.log.Warn().Str("queue", string(p.QueueName)).Time("since", p.Since).Str("next", p.Next()).Msg("queue is paused: no worker takes its tasks")
				}
			}
			for queueName := range was {
				if !now[queueName] {
					l.log.Info().Str("queue", string(queueName)).Msg("queue is no longer paused")
				}
			}
			was = now
		}
		if err := (wallClock{}).Sleep(ctx, queuesEvery); err != nil {
			return
		}
	}
}

// keepPushes sees to it that WeChat goes on pushing tickets. What comes of it is
// logged where it is asked.
func (l *leader) keepPushes(ctx context.Context) {
	for l.tokens != nil {
		if _, err := l.tokens.KeepPushes(ctx); err != nil && ctx.Err() == nil {
			l.log.Warn().Err(err).Msg("the ticket push was not looked after; tried again")
		}
		if err := (wallClock{}).Sleep(ctx, time.Minute); err != nil {
			return
		}
	}
}

// reconcileEvery is how often the leader reconciles apps and the baseline, reconcileSlow how
// often at least when WeChat refuses.
const (
	reconcileEvery = 2 * time.Second
	reconcileSlow  = 5 * time.Minute
)

// backoff spaces the looks of a background job that may be refused, and logs each error once.
type backoff struct {
	wait time.Duration
	said string
}

// failed makes the next look wait longer, at most, and tells whether the error is news.
func (p *backoff) failed(err error, most time.Duration) (news bool) {
	p.wait = min(2*max(p.wait, reconcileEvery), most)
	news = err.Error() != p.said
	p.said = err.Error()
	return news
}

// well ends the waiting. A look that took long is not repeated soon: no more than a part
// in fifty of the time is spent on looking.
func (p *backoff) well(took time.Duration) {
	p.said, p.wait = "", min(max(reconcileEvery, 50*took), reconcileSlow)
}

// syncApps keeps the registry of apps true.
func (l *leader) syncApps(ctx context.Context) {
	p := backoff{wait: reconcileEvery}
	for {
		done, synced, err := l.operator.ReconcileApps(ctx, l.appsRate)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			// A platform without a ticket waits for minutes: begin soon after it came. What
			// WeChat refuses otherwise is asked less and less.
			most := reconcileSlow
			if operator.IsCredential(err) {
				most = 2 * reconcileEvery
			}
			if p.failed(err, most) {
				l.log.Warn().Err(err).Msg("apps not synced; tried again")
			}
		default:
			p.well(0) // a sync keeps to its own rate
		}
		if synced {
			l.log.Info().Int("listed", done.Listed).Int("joined", done.Joined).Int("left", done.Left).Int("read", done.Read).
				Int("failed", done.Failed).Strs("errors", done.Errors).Bool("resumed", done.Resumed).Msg("apps synced")
		}
		if err := (wallClock{}).Sleep(ctx, p.wait); err != nil {
			return
		}
	}
}

// reconcileBaseline gives newcomers what the baseline says. Newcomers that it can't take are
// looked at each time, and may be many.
func (l *leader) reconcileBaseline(ctx context.Context) {
	p := backoff{wait: reconcileEvery}
	for {
		began := time.Now()
		made, err := l.operator.ReconcileBaseline(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			if p.failed(err, reconcileSlow) {
				l.log.Error().Err(err).Msg("baseline not looked after; tried again")
			}
		case made != nil:
			p.well(0)
			l.log.Info().Str("rollout", made.ID).Int("targets", made.Targets).Msg("newcomers get the baseline")
		default:
			p.well(time.Since(began))
		}
		if err := (wallClock{}).Sleep(ctx, p.wait); err != nil {
			return
		}
	}
}

// probeEvery is how often the leader looks whether a fault of the platform stands.
const probeEvery = time.Second

// probePlatform ends a fault of the platform when it is over. Its begin is logged where it was met.
func (l *leader) probePlatform(ctx context.Context) {
	said := ""
	for {
		p, err := l.operator.ProbePlatform(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && err.Error() != said:
			l.log.Warn().Err(err).Msg("platform not probed; tried again")
		case p.Cleared:
			l.log.Info().Int64("errcode", p.Fault.Code).Dur("lasted", time.Since(p.Fault.Since)).Strs("alone", p.Alone).
				Msg("fault of the platform is over: dispatching goes on")
		}
		said = errorText(err)
		if err := (wallClock{}).Sleep(ctx, probeEvery); err != nil {
			return
		}
	}
}

// wallClock is the machine's time.
type wallClock struct{}

// Now implements dispatch.Clock.
func (wallClock) Now() time.Time { return time.Now() }

// Sleep implements dispatch.Clock.
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

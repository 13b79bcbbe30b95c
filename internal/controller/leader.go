package controller

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/ratelimit"
)

const (
	// leaseTTL is how long the lease outlives a holder that dies.
	leaseTTL = 6 * time.Second
	// acquireEvery and renewEvery space the calls for the lease.
	acquireEvery = leaseTTL / 6
	renewEvery   = leaseTTL / 3
	// leadFor is how long a leader leads after its last renewal: it stops its loops before the
	// lease runs out and another worker leads.
	leadFor = leaseTTL - leaseTTL/6
	// releaseWithin bounds the release of the lease.
	releaseWithin = 2 * time.Second
)

// NewLease returns a worker's access to the lease of the leader.
func NewLease(rdb redis.Scripter, worker string) *ratelimit.Lease {
	return ratelimit.NewLease(rdb, "controller", worker, leaseTTL)
}

// Lease is the exclusive right to lead. *ratelimit.Lease implements it.
type Lease interface {
	Acquire(ctx context.Context) (ratelimit.Held, bool, error)
	Renew(ctx context.Context) (ok bool, err error)
	Release(ctx context.Context) error
}

// Leader competes for the lease and leads while it holds it. Two leaders at once would corrupt
// nothing, since every step is atomic in Redis; one is less load.
type Leader struct {
	lease       Lease
	lead        func(context.Context)
	log         zerolog.Logger
	leading     atomic.Bool
	steppedDown chan struct{}
	stepDown    sync.Once
}

// NewLeader returns a candidate that runs lead, which must return soon after its context ends,
// whenever it holds the lease.
func NewLeader(lease Lease, lead func(context.Context), log zerolog.Logger) *Leader {
	return &Leader{lease: lease, lead: lead, log: log, steppedDown: make(chan struct{})}
}

// Leading reports whether this worker leads.
func (l *Leader) Leading() bool { return l.leading.Load() }

// StepDown releases the lease for good, so that another worker leads while this one drains.
func (l *Leader) StepDown() { l.stepDown.Do(func() { close(l.steppedDown) }) }

// Run competes until ctx ends or the leader steps down. It returns when lead has.
func (l *Leader) Run(ctx context.Context) {
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
		asked := time.Now()
		_, ok, err := l.lease.Acquire(ctx)
		if err != nil && ctx.Err() == nil {
			l.log.Warn().Err(err).Msg("leader lease not acquired; trying again")
		}
		if ok {
			l.hold(ctx, asked)
		}
		_ = sleep(ctx, acquireEvery)
	}
}

// hold leads until the lease, asked for at a time, is lost or ctx ends.
func (l *Leader) hold(ctx context.Context, asked time.Time) {
	l.log.Info().Msg("leading")
	l.leading.Store(true)
	leading, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { l.lead(leading) })
	l.keep(ctx, asked)
	stop()
	wg.Wait()
	l.leading.Store(false)
	releasing, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseWithin)
	defer cancel()
	if err := l.lease.Release(releasing); err != nil {
		l.log.Warn().Err(err).Msg("leader lease not released; it runs out")
	}
	l.log.Info().Msg("no longer leading")
}

// keep renews the lease until it is lost, may be, or ctx ends. asked is when the last call that
// was granted began.
func (l *Leader) keep(ctx context.Context, asked time.Time) {
	for {
		until := asked.Add(leadFor)
		if sleep(ctx, min(renewEvery, time.Until(until))) != nil {
			return
		}
		now := time.Now()
		renewing, cancel := context.WithDeadline(ctx, until)
		ok, err := l.lease.Renew(renewing)
		cancel()
		switch {
		case err == nil && ok:
			asked = now
		case err == nil, !time.Now().Before(until):
			return
		}
	}
}

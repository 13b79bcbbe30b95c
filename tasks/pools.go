package tasks

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
)

// PoolsOptions tune the pools.
type PoolsOptions struct {
	// ReadEvery is how old queryquota's answer may be, and how soon an empty pool
	// is asked about again. Default 60 s.
	ReadEvery time.Duration
	// LookEvery is how old the conductor's view of the pools may be that are
	// almost always open: all but submit. Default 1 s.
	LookEvery time.Duration
	// Now is this process's clock. Default time.Now.
	Now func() time.Time
}

// Pools holds a pool of permits per stage. The submit pool has the platform's
// quota behind it (85085 closes it, queryquota opens it); the others are open
// but while WeChat throttles one of their calls (45009, 45011).
type Pools struct {
	quotas map[rollout.Stage]*ratelimit.Quota
	opts   PoolsOptions

	mu     sync.Mutex
	asked  time.Time // when this process last asked queryquota
	looked time.Time
	seen   map[rollout.Stage]rollout.Allowance
	opens  map[rollout.Stage]opening
}

// opening is what Open saw of a pool, and when.
type opening struct {
	at   time.Time
	open bool
}

// NewPools makes the pools; open gives the pool of a name.
func NewPools(open func(name string) *ratelimit.Quota, o PoolsOptions) *Pools {
	if o.ReadEvery <= 0 {
		o.ReadEvery = time.Minute
	}
	if o.LookEvery <= 0 {
		o.LookEvery = time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	p := &Pools{quotas: make(map[rollout.Stage]*ratelimit.Quota), opens: make(map[rollout.Stage]opening), opts: o}
	for _, s := range rollout.Stages() {
		p.quotas[s] = open(string(s))
	}
	return p
}

var (
	_ rollout.Pools = (*Pools)(nil)
	_ Permits       = (*Pools)(nil)
)

// Quota is the pool of a stage, for operators.
func (p *Pools) Quota(s rollout.Stage) *ratelimit.Quota { return p.quotas[s] }

// Allowances implements rollout.Pools.
func (p *Pools) Allowances(ctx context.Context) (map[rollout.Stage]rollout.Allowance, error) {
	p.mu.Lock()
	fresh := p.opts.Now().Sub(p.looked) < p.opts.LookEvery
	out := make(map[rollout.Stage]rollout.Allowance, len(p.quotas))
	for s, a := range p.seen {
		out[s] = a
	}
	p.mu.Unlock()
	for _, s := range rollout.Stages() {
		if fresh && s != rollout.StageSubmit {
			continue
		}
		state, err := p.quotas[s].State(ctx)
		if err != nil {
			return nil, fmt.Errorf("pool %s: %w", s, err)
		}
		out[s] = allowance(s, state)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !fresh {
		p.looked = p.opts.Now()
	}
	p.seen = out
	return out, nil
}

// allowance is what the conductor may give out of a pool. A pool that is not
// open may have a probe to give: whether, its Take decides on the server's clock.
func allowance(s rollout.Stage, q ratelimit.QuotaState) rollout.Allowance {
	switch {
	case q.State != ratelimit.StateOpen:
		return rollout.Allowance{N: 1, Permits: true}
	case s != rollout.StageSubmit:
		return rollout.Allowance{N: rollout.Unlimited}
	case q.Known:
		// Not less what is out: a target whose worker died still has its permit, and
		// is given it again. What is free, Take decides.
		return rollout.Allowance{N: q.Rest, Permits: true}
	default: // one turn goes first and reads the quota
		return rollout.Allowance{N: max(0, 1-q.Outstanding), Permits: true}
	}
}

// Take implements rollout.Pools.
func (p *Pools) Take(ctx context.Context, s rollout.Stage, ids []string) ([]string, error) {
	taken, err := p.quotas[s].Take(ctx, ids)
	return taken.Granted, err
}

// Return implements rollout.Pools.
func (p *Pools) Return(ctx context.Context, s rollout.Stage, ids []string) error {
	for _, id := range ids {
		if err := p.quotas[s].Settle(ctx, id, false); err != nil {
			return err
		}
	}
	return nil
}

// Holds implements Permits.
func (p *Pools) Holds(ctx context.Context, s rollout.Stage, id string) (ok bool, opening int64, err error) {
	look, err := p.quotas[s].Holds(ctx, id)
	return look.OK, look.Opening, err
}

// Open implements Permits. One handler looks at a time, the others go by what was
// seen last; submissions always need a permit.
func (p *Pools) Open(ctx context.Context, s rollout.Stage) bool {
	if s == rollout.StageSubmit {
		return false
	}
	p.mu.Lock()
	now := p.opts.Now()
	seen, ok := p.opens[s]
	if ok && now.Sub(seen.at) < p.opts.LookEvery {
		p.mu.Unlock()
		return seen.open
	}
	p.opens[s] = opening{at: now, open: seen.open}
	p.mu.Unlock()
	state, err := p.quotas[s].State(ctx)
	open := err == nil && state.State == ratelimit.StateOpen
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.opens[s].at.Equal(now) { // not closed meanwhile
		p.opens[s] = opening{at: now, open: open}
	}
	return open
}

// Settle implements Permits.
func (p *Pools) Settle(ctx context.Context, s rollout.Stage, id string, spent bool) error {
	return p.quotas[s].Settle(ctx, id, spent)
}

// Close implements Permits.
func (p *Pools) Close(ctx context.Context, s rollout.Stage, asOf int64, reason string, retry time.Duration) error {
	p.mu.Lock()
	p.looked = time.Time{}
	p.opens[s] = opening{at: p.opts.Now()}
	p.mu.Unlock()
	return p.quotas[s].CloseAsOf(ctx, asOf, reason, retry)
}

// Reading implements Permits: the quota is asked about when it was never read,
// when its last reading is old, and by the probe of a pool that is not open.
func (p *Pools) Reading(ctx context.Context) (bool, error) {
	state, err := p.quotas[rollout.StageSubmit].State(ctx)
	if err != nil {
		return false, err
	}
	if state.State != ratelimit.StateOpen || !state.Known {
		return true, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	// Only one of this process's handlers asks; ReadAt is the server's time, but
	// minutes of difference would only make it ask more often or less.
	now := p.opts.Now()
	if now.Sub(p.asked) < p.opts.ReadEvery || now.Sub(state.ReadAt) < p.opts.ReadEvery {
		return false, nil
	}
	p.asked = now
	return true, nil
}

// Unread tells whether nothing is known of the platform's quota: it was never read, or an
// operator opened the pool since.
func (p *Pools) Unread(ctx context.Context) (bool, error) {
	state, err := p.quotas[rollout.StageSubmit].State(ctx)
	return err == nil && !state.Known, err
}

// ReadFailed notes why queryquota could not be read.
func (p *Pools) ReadFailed(ctx context.Context, why string) error {
	return p.quotas[rollout.StageSubmit].ReadFailed(ctx, why)
}

// Refill implements Permits.
func (p *Pools) Refill(ctx context.Context, read func(context.Context) (rest, limit int64, err error)) (int64, error) {
	pool := p.quotas[rollout.StageSubmit]
	spent, err := pool.BeginReading(ctx)
	if err != nil {
		return 0, err
	}
	rest, limit, err := read(ctx)
	if err != nil {
		return 0, err
	}
	return rest, pool.Refill(ctx, ratelimit.Reading{Rest: rest, Limit: limit, SpentAtStart: spent, NextCheck: p.opts.ReadEvery})
}

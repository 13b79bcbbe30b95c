package pool

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
)

// Options tune the pools.
type Options struct {
	// ReadEvery is the wait before an empty pool is read again. Default 60 s.
	ReadEvery time.Duration
	// LookEvery is the largest age of a cached pool state. The state of the submit pool is cached
	// only for ClosedFor. Default 1 s.
	LookEvery time.Duration
	// Now is this process's clock. Default time.Now.
	Now func() time.Time
}

// Pools holds a pool of permits per stage. The submit pool is backed by the platform's quota: 85085
// closes it, queryquota opens it. The others close only while WeChat throttles one of their calls
// (45009, 45011) or answers no app.
type Pools struct {
	quotas map[rollout.Stage]*ratelimit.Quota
	opts   Options

	mu     sync.Mutex
	looked time.Time
	seen   map[rollout.Stage]rollout.Allowance
	opens  map[rollout.Stage]opening
}

// opening is the cached state of a pool.
type opening struct {
	at     time.Time
	open   bool
	reason string // of a closed pool
}

// New makes the pools; open returns the quota of a name.
func New(open func(name string) *ratelimit.Quota, o Options) *Pools {
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

// Quota is the pool of a stage, for operator commands.
func (p *Pools) Quota(s rollout.Stage) *ratelimit.Quota { return p.quotas[s] }

// Allowances implements dispatch.Pools.
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

// allowance is what the controller may dispatch. Submissions are divided among the pools of plans:
// Take decides that, on the server's clock.
func allowance(s rollout.Stage, q ratelimit.QuotaState) rollout.Allowance {
	a := rollout.Allowance{N: rollout.Unlimited, Permits: s == rollout.StageSubmit, Mark: poolMark(q)}
	if q.State != ratelimit.StateOpen { // a probe may be due
		a.N, a.Permits, a.Probe = 1, true, true
		for _, who := range q.Tried {
			if _, app, ok := rollout.PermitOf(who); ok {
				who = app
			}
			a.Tried = slices.DeleteFunc(a.Tried, func(app string) bool { return app == who })
			a.Tried = append(a.Tried, who)
		}
	}
	return a
}

// poolMark is everything of a pool that changes what Take grants, except the time.
func poolMark(q ratelimit.QuotaState) string {
	return fmt.Sprint(q.State, q.Closings, q.Known, q.Rest, q.Limit, q.Outstanding, q.Spent, q.ReadAt.UnixMilli(), q.Month)
}

// Take implements dispatch.Pools.
func (p *Pools) Take(ctx context.Context, r rollout.TakeRequest) (rollout.Taken, error) {
	taken, err := p.quotas[r.Stage].Take(ctx, ask(r), r.IDs)
	if taken.Probe { // the next probe is another app's
		p.mu.Lock()
		p.looked = time.Time{}
		p.mu.Unlock()
	}
	return rollout.Taken{Granted: taken.Granted, Limit: (*rollout.Limit)(taken.Limit)}, err
}

// Explain is the limit that keeps a request from one more permit; nil if there is none. It takes no
// permit.
func (p *Pools) Explain(ctx context.Context, r rollout.TakeRequest) (*rollout.Limit, error) {
	l, err := p.quotas[r.Stage].Explain(ctx, ask(r))
	return (*rollout.Limit)(l), err
}

func ask(r rollout.TakeRequest) ratelimit.Ask {
	return ratelimit.Ask{Pool: r.Pool, Shares: r.Shares, Cap: r.Cap, CapPercent: r.CapPercent, PerDay: r.PerDay}
}

// Return implements dispatch.Pools.
func (p *Pools) Return(ctx context.Context, s rollout.Stage, ids []string) error {
	for _, id := range ids {
		if err := p.quotas[s].Settle(ctx, id, false); err != nil {
			return err
		}
	}
	return nil
}

// Holds reports whether a permit is valid, and in which opening of the pool.
func (p *Pools) Holds(ctx context.Context, s rollout.Stage, id string) (ok bool, opening int64, err error) {
	look, err := p.quotas[s].Holds(ctx, id)
	return look.OK, look.Opening, err
}

// Open reports whether the calls of a stage need no permit, as of a moment ago. Submissions always
// need one.
func (p *Pools) Open(ctx context.Context, s rollout.Stage) bool {
	return s != rollout.StageSubmit && p.seenOpen(ctx, s).open
}

// ClosedFor is why the pool of a stage is closed, as of a moment ago; "" if it is open.
func (p *Pools) ClosedFor(ctx context.Context, s rollout.Stage) string {
	return p.seenOpen(ctx, s).reason
}

// seenOpen is the cached state of a pool. One handler at a time refreshes it; the others use the
// last state meanwhile.
func (p *Pools) seenOpen(ctx context.Context, s rollout.Stage) opening {
	p.mu.Lock()
	now := p.opts.Now()
	seen, ok := p.opens[s]
	if ok && now.Sub(seen.at) < p.opts.LookEvery {
		p.mu.Unlock()
		return seen
	}
	p.opens[s] = opening{at: now, open: seen.open, reason: seen.reason}
	p.mu.Unlock()
	state, err := p.quotas[s].State(ctx)
	look := opening{at: now, open: err == nil && state.State == ratelimit.StateOpen}
	if err == nil && !look.open {
		look.reason = state.Reason
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.opens[s].at.Equal(now) { // not closed meanwhile
		p.opens[s] = look
	}
	return look
}

// Settle records how a permit was used.
func (p *Pools) Settle(ctx context.Context, s rollout.Stage, pool, id string, use ratelimit.Use) error {
	return p.quotas[s].SettleFor(ctx, pool, id, use)
}

// Close closes the pool of a stage. It returns a *ratelimit.ReopenedError if an operator has opened
// the pool since the refused call began.
func (p *Pools) Close(ctx context.Context, s rollout.Stage, f ratelimit.Refusal, retry time.Duration) error {
	p.mu.Lock()
	p.looked = time.Time{}
	p.opens[s] = opening{at: p.opts.Now(), reason: f.Reason}
	p.mu.Unlock()
	return p.quotas[s].CloseAsOf(ctx, f, retry)
}

// Refused records a submission that was refused for lack of quota, and reports whether the pool is
// closed.
func (p *Pools) Refused(ctx context.Context, f ratelimit.Refusal) (closed bool, err error) {
	return p.quotas[rollout.StageSubmit].Refused(ctx, f)
}

// Unread reports whether the platform's quota is unknown: no reading this month, or none since an
// operator opened the pool.
func (p *Pools) Unread(ctx context.Context) (bool, error) {
	state, err := p.quotas[rollout.StageSubmit].State(ctx)
	return err == nil && !state.Known, err
}

// ReadFailed records why queryquota could not be read.
func (p *Pools) ReadFailed(ctx context.Context, cause string) error {
	return p.quotas[rollout.StageSubmit].ReadFailed(ctx, cause)
}

// Refill stores a reading of queryquota, which read makes.
func (p *Pools) Refill(ctx context.Context, read func(context.Context) (rest, limit int64, err error)) (int64, error) {
	pool := p.quotas[rollout.StageSubmit]
	begun, err := pool.BeginReading(ctx)
	if err != nil {
		return 0, err
	}
	rest, limit, err := read(ctx)
	if err != nil {
		return 0, err
	}
	return rest, pool.Refill(ctx, ratelimit.Reading{Rest: rest, Limit: limit, Begun: begun, NextCheck: p.opts.ReadEvery})
}

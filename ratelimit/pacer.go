package ratelimit

import (
	"context"
	"sync"
	"time"
)

const (
	// batchTime bounds how much of the rate a pacer leases at once.
	batchTime = 100 * time.Millisecond
	// permitLife is how long a pacer may use what it leased: permits that
	// no caller took, and the cached answer that the throttle has no limit.
	permitLife = 200 * time.Millisecond
)

// Clock is the time a [Pacer] waits by.
type Clock interface {
	// Now is the present time.
	Now() time.Time
	// After sends once when d has passed. stop frees it before that.
	After(d time.Duration) (c <-chan time.Time, stop func())
}

// SystemClock is the machine's own clock.
type SystemClock struct{}

// Now is the present time.
func (SystemClock) Now() time.Time { return time.Now() }

// After sends once when d has passed.
func (SystemClock) After(d time.Duration) (c <-chan time.Time, stop func()) {
	t := time.NewTimer(d)
	return t.C, func() { t.Stop() }
}

// taker grants permits and is given the number used without asking.
type taker interface {
	take(ctx context.Context, want, passed int) (Grant, error)
}

// Pacer lets the goroutines of one process through at a throttle's rate. They
// share its round trips: one of the waiting asks Redis for all of them, up to
// 100 ms worth of the rate. Unused permits lapse after 200 ms. It runs no
// separate goroutine and needs no closing.
type Pacer struct {
	src   taker
	clock Clock
	batch int           // permits per lease at most, 0 = any number
	every time.Duration // between two permits at the configured rate

	asking chan struct{} // held by the goroutine that asks Redis
	next   time.Time     // when to ask again after a refusal; guarded by asking
	missed int           // answers with no permit since all were granted; guarded by asking

	mu     sync.Mutex
	queue  []*waiter // those without a permit, first come first
	spare  int       // leased permits without a waiter; -1 = any number
	until  time.Time // when spare lapses
	passed int       // used since Redis was asked last, while any number was free
}

// waiter is one call of Wait. done is closed, under the pacer's lock, when it
// has its answer.
type waiter struct {
	done chan struct{}
	err  error
}

// NewPacer is a front of t. A nil clock means [SystemClock].
func NewPacer(t *Throttle, clock Clock) *Pacer { return newPacer(t, t.rates[len(t.rates)-1], clock) }

func newPacer(src taker, r Rate, clock Clock) *Pacer {
	if clock == nil {
		clock = SystemClock{}
	}
	g := &Pacer{src: src, clock: clock, asking: make(chan struct{}, 1)}
	if r.Permits > 0 {
		g.every = time.Duration(r.interval()) * time.Microsecond
		g.batch = int(min(max(1, int64(batchTime/g.every)), r.burst()))
	}
	return g
}

// Wait returns when the caller has a permit, with nil, or with the reason why
// it has none: ctx's error, or that Redis did not answer. Refusals only make
// it wait.
func (g *Pacer) Wait(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w := g.enter()
	if w == nil {
		return nil
	}
	select {
	case <-w.done:
		return w.err
	case g.asking <- struct{}{}:
		defer func() { <-g.asking }()
		return g.ask(ctx, w)
	case <-ctx.Done():
		return g.leave(w, ctx.Err())
	}
}

// enter uses a spare permit, answering nil, or joins the queue.
func (g *Pacer) enter() *waiter {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.spare != 0 && len(g.queue) == 0 && g.clock.Now().Before(g.until) {
		if g.spare > 0 {
			g.spare--
		} else {
			g.passed++
		}
		return nil
	}
	w := &waiter{done: make(chan struct{})}
	g.queue = append(g.queue, w)
	return w
}

// leave takes w out of the queue with err. If w was served meanwhile, its
// answer counts.
func (g *Pacer) leave(w *waiter, err error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, other := range g.queue {
		if other == w {
			g.queue = append(g.queue[:i], g.queue[i+1:]...)
			return err
		}
	}
	return w.err
}

// ask leases permits for the queue until w has its own.
func (g *Pacer) ask(ctx context.Context, w *waiter) error {
	for {
		if err := g.sleep(ctx, w, g.next.Sub(g.clock.Now())); err != nil {
			return g.leave(w, err)
		}
		select {
		case <-w.done:
			return w.err
		default:
		}
		want, passed := g.want(), g.report()
		grant, err := g.src.take(ctx, want, passed)
		switch {
		case err != nil && ctx.Err() != nil:
			return g.leave(w, ctx.Err()) // only this one gave up
		case err != nil:
			g.fail(err)
			return w.err
		}
		g.deliver(grant, want)
		g.next = g.clock.Now().Add(g.pause(grant))
	}
}

// want is how many permits to lease for those who wait now.
func (g *Pacer) want() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := max(1, len(g.queue))
	if g.batch > 0 {
		n = min(n, g.batch)
	}
	return n
}

// report is how many permits were used without asking, once.
func (g *Pacer) report() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := g.passed
	g.passed = 0
	return n
}

// deliver gives permits to waiters in order and keeps the rest as spare. Without
// a rate, a full grant admits every caller until permitLife has passed.
func (g *Pacer) deliver(grant Grant, want int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := grant.Granted
	free := g.batch == 0 && grant.Step == 0 && n == want
	if free {
		n = len(g.queue)
		g.passed += max(0, n-want)
	}
	served := min(n, len(g.queue))
	for _, w := range g.queue[:served] {
		close(w.done)
	}
	g.queue = append([]*waiter(nil), g.queue[served:]...)
	if g.spare = n - served; free {
		g.spare = -1
	}
	g.until = g.clock.Now().Add(permitLife)
}

// fail gives all who wait the same error: each asking a Redis that does not
// answer would take its timeout once per waiter.
func (g *Pacer) fail(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, w := range g.queue {
		w.err = err
		close(w.done)
	}
	g.queue = nil
}

// pause is how long to wait after a refusal. Behind a rate it is until the
// whole next batch is there, not its first permit, or each would cost a round
// trip; and longer each time that others were quicker.
func (g *Pacer) pause(grant Grant) time.Duration {
	switch {
	case grant.RetryAfter == 0:
		g.missed = 0
		return 0 // all were granted: the burst may hold more
	case grant.Granted == 0:
		g.missed++
	}
	d := grant.RetryAfter
	if step := max(g.every, grant.Step); step > 0 { // it may be slower than configured
		d += time.Duration(min(g.want(), max(1, int(batchTime/step)))-1) * step
	}
	if g.missed > 1 {
		d = max(d, min(d<<min(g.missed-1, 8), batchTime))
	}
	return d
}

// sleep waits for d, and not at all if w has its answer.
func (g *Pacer) sleep(ctx context.Context, w *waiter, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	c, stop := g.clock.After(d)
	defer stop()
	select {
	case <-w.done:
		return nil
	case <-c:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

package controller_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/internal/controller"
	"github.com/wxrollout/wxrollout/ratelimit"
)

// leaseTTL is that of the real lease.
const leaseTTL = 6 * time.Second

// leaseServer is the lease as Redis keeps it: one holder until a deadline.
type leaseServer struct {
	mu       sync.Mutex
	holder   string
	until    time.Time
	released []string
}

// leaseClient is one worker's access to it.
type leaseClient struct {
	*leaseServer
	worker string
	// down makes calls fail, hung makes them last until their context ends.
	down, hung bool
}

func (c *leaseClient) reach(ctx context.Context) error {
	c.mu.Lock()
	down, hung := c.down, c.hung
	c.mu.Unlock()
	if hung {
		<-ctx.Done()
		return ctx.Err()
	}
	if down {
		return errors.New("no connection")
	}
	return ctx.Err()
}

func (c *leaseClient) set(down, hung bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down, c.hung = down, hung
}

// take reports whether the worker may take or renew the lease, and does. mu is held.
func (c *leaseClient) take(free bool) bool {
	mine := c.holder == c.worker && time.Now().Before(c.until)
	if !mine && (!free || time.Now().Before(c.until)) {
		return false
	}
	c.holder, c.until = c.worker, time.Now().Add(leaseTTL)
	return true
}

func (c *leaseClient) Acquire(ctx context.Context) (ratelimit.Held, bool, error) {
	if err := c.reach(ctx); err != nil {
		return ratelimit.Held{}, false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return ratelimit.Held{}, c.take(true), nil
}

func (c *leaseClient) Renew(ctx context.Context) (bool, error) {
	if err := c.reach(ctx); err != nil {
		return false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.take(false), nil
}

func (c *leaseClient) Release(ctx context.Context) error {
	if err := c.reach(ctx); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.holder == c.worker {
		c.holder, c.until = "", time.Time{}
		c.released = append(c.released, c.worker)
	}
	return nil
}

// election is two candidates on one lease.
type election struct {
	t       *testing.T
	server  leaseServer
	lease   map[string]*leaseClient
	leader  map[string]*controller.Leader
	mu      sync.Mutex
	leading map[string]bool // whose loops run
	cleanup time.Duration   // how long the loops take to end
}

func newElection(t *testing.T) *election {
	e := &election{t: t, lease: map[string]*leaseClient{}, leader: map[string]*controller.Leader{}, leading: map[string]bool{}}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for _, worker := range []string{"one", "two"} {
		c := &leaseClient{leaseServer: &e.server, worker: worker}
		l := controller.NewLeader(c, func(ctx context.Context) { e.lead(ctx, worker) }, zerolog.Nop())
		e.lease[worker], e.leader[worker] = c, l
		wg.Go(func() { l.Run(ctx) })
		synctest.Wait() // "one" is first
	}
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	return e
}

// lead runs loops that never run beside another leader's.
func (e *election) lead(ctx context.Context, worker string) {
	e.set(worker, true)
	<-ctx.Done()
	<-time.After(e.cleanup)
	e.set(worker, false)
}

func (e *election) set(worker string, leads bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.leading[worker] = leads; e.leading["one"] && e.leading["two"] {
		e.t.Error("two lead at once")
	}
}

// after lets time pass and reports who leads.
func (e *election) after(d time.Duration) string {
	<-time.After(d)
	synctest.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	who := ""
	for worker, leads := range e.leading {
		if leads != e.leader[worker].Leading() {
			e.t.Errorf("%s leads: %t, and says %t", worker, leads, !leads)
		}
		if leads {
			who += worker
		}
	}
	return who
}

func (e *election) want(who string, after time.Duration) {
	e.t.Helper()
	if got := e.after(after); got != who {
		e.t.Errorf("after %s %q leads, want %q", after, got, who)
	}
}

func TestLeaderStepsDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newElection(t)
		e.want("one", time.Hour)
		e.leader["one"].StepDown()
		e.leader["one"].StepDown() // twice is harmless
		e.want("two", 2*time.Second)
		if len(e.server.released) != 1 || e.server.released[0] != "one" {
			t.Errorf("released by %v, want one", e.server.released)
		}
		e.leader["two"].StepDown()
		e.want("", time.Hour) // for good
	})
}

// TestLeaderLosesItsLease: after any loss of the lease, the loops have ended before another
// worker leads.
func TestLeaderLosesItsLease(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func(e *election){
		"redis does not answer it": func(e *election) { e.lease["one"].set(false, true) },
		"it loses the connection":  func(e *election) { e.lease["one"].set(true, false) },
	} {
		virtual(t, name, func(t *testing.T) {
			e := newElection(t)
			e.cleanup = 900 * time.Millisecond
			e.want("one", time.Minute+time.Second/2)
			fail(e)
			e.want("two", 3*leaseTTL)
			e.lease["one"].set(false, false)
			e.want("two", time.Minute)
		})
	}
}

// TestLeaderOutlastsShortFailures: a leader keeps its lease through failures that end in time.
func TestLeaderOutlastsShortFailures(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newElection(t)
		for range 20 {
			e.want("one", 7*time.Second)
			e.lease["one"].set(true, false)
			e.want("one", 2*time.Second)
			e.lease["one"].set(false, false)
		}
		if len(e.server.released) != 0 {
			t.Errorf("released by %v", e.server.released)
		}
	})
}

// TestLeaderEndsWithoutRedis: a release that Redis does not answer does not hold up the end.
func TestLeaderEndsWithoutRedis(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newElection(t)
		e.want("one", time.Minute)
		e.lease["one"].set(false, true)
		began := time.Now()
		e.leader["one"].StepDown()
		e.want("", 3*time.Second)
		e.want("two", leaseTTL)
		if took := time.Since(began); took > time.Minute {
			t.Errorf("it took %s", took)
		}
	})
}

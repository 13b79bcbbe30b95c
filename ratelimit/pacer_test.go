package ratelimit

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/redistest"
)

// fakeThrottle is a taker in the bubble's time.
type fakeThrottle struct {
	answer func(ctx context.Context, want int) (Grant, error)
	calls  atomic.Int64
}

func (f *fakeThrottle) take(ctx context.Context, want, _ int) (Grant, error) {
	f.calls.Add(1)
	return f.answer(ctx, want)
}

// bucket is a throttle of one permit per every with a burst, in local time.
func bucket(every time.Duration, burst int) func(context.Context, int) (Grant, error) {
	var mu sync.Mutex
	var tat time.Time
	return func(_ context.Context, want int) (Grant, error) {
		mu.Lock()
		defer mu.Unlock()
		now := time.Now()
		if tat.Before(now) {
			tat = now
		}
		whole := now.Add(time.Duration(burst) * every)
		n := min(want, int(whole.Sub(tat)/every))
		tat = tat.Add(time.Duration(n) * every)
		if n < want {
			return Grant{Granted: n, RetryAfter: tat.Add(every).Sub(whole)}, nil
		}
		return Grant{Granted: n}, nil
	}
}

// 300 callers at 100/s with a burst of 10 take 2.9 s, and far fewer calls
// than permits.
func TestPacerBatches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const callers = 300
		f := &fakeThrottle{answer: bucket(10*time.Millisecond, 10)}
		g := newPacer(f, Rate{Permits: 100, Burst: 10}, nil)
		start := time.Now()
		var wg sync.WaitGroup
		for range callers {
			wg.Go(func() {
				if err := g.Wait(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if took, want := time.Since(start), 2900*time.Millisecond; took != want {
			t.Errorf("took %v, want %v", took, want)
		}
		if n := f.calls.Load(); n > callers/4 {
			t.Errorf("%d calls for %d permits, want at most a quarter", n, callers)
		}
	})
}

// First come, first served.
func TestPacerOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fakeThrottle{answer: bucket(10*time.Millisecond, 1)}
		g := newPacer(f, Rate{Permits: 100, Burst: 1}, nil)
		var mu sync.Mutex
		var order []int
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				if err := g.Wait(t.Context()); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				order = append(order, i)
			})
			synctest.Wait() // i waits before i+1 comes
		}
		wg.Wait()
		for i, got := range order {
			if got != i {
				t.Fatalf("served in the order %v", order)
			}
		}
	})
}

// Permits without a waiter are used while they live, and no longer.
func TestPacerSparePermitsLapse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fakeThrottle{answer: func(context.Context, int) (Grant, error) {
			return Grant{Granted: 3}, nil // two more than wanted
		}}
		g := newPacer(f, Rate{Permits: 100}, nil)
		for i, tc := range []struct {
			after time.Duration
			calls int64
		}{{0, 1}, {0, 1}, {199 * time.Millisecond, 1}, {0, 2}, {200 * time.Millisecond, 3}} {
			if err := g.sleep(t.Context(), &waiter{}, tc.after); err != nil {
				t.Fatal(err)
			}
			if err := g.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n := f.calls.Load(); n != tc.calls {
				t.Errorf("wait %d: %d calls, want %d", i, n, tc.calls)
			}
		}
	})
}

// Without a rate Redis is asked once per 200 ms, however many wait.
func TestPacerUnlimited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fakeThrottle{answer: func(_ context.Context, want int) (Grant, error) { return Grant{Granted: want}, nil }}
		g := newPacer(f, Rate{}, nil)
		start := time.Now()
		for round := range 5 {
			var wg sync.WaitGroup
			for range 100 {
				wg.Go(func() {
					for range 10 {
						if err := g.Wait(t.Context()); err != nil {
							t.Error(err)
						}
					}
				})
			}
			wg.Wait()
			if took := time.Since(start); took != time.Duration(round)*permitLife {
				t.Errorf("round %d took until %v", round, took)
			}
			if n := f.calls.Load(); n != int64(round)+1 {
				t.Errorf("round %d: %d calls, want %d", round, n, round+1)
			}
			<-time.After(permitLife)
		}
	})
}

// While there is no rate, every use is reported to the throttle, once.
func TestPacerReportsWhatItLetThrough(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reported := 0
		g := newPacer(recorder{func(want, passed int) Grant {
			reported += want + passed
			return Grant{Granted: want}
		}}, Rate{}, nil)
		for range 3 {
			for range 50 {
				if err := g.Wait(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			<-time.After(permitLife)
		}
		if err := g.Wait(t.Context()); err != nil || reported != 151 {
			t.Errorf("reported %d uses, %v; want 151", reported, err)
		}
	})
}

// recorder is a taker that sees both numbers.
type recorder struct{ answer func(want, passed int) Grant }

func (f recorder) take(_ context.Context, want, passed int) (Grant, error) {
	return f.answer(want, passed), nil
}

// A pacer without a separate rate keeps to one that comes into force, in few
// calls, and is free again after it.
func TestPacerSlowed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const step = 10 * time.Millisecond
		start, slow := time.Now(), bucket(step, 10)
		f := &fakeThrottle{answer: func(ctx context.Context, want int) (Grant, error) {
			if time.Since(start) >= 2*time.Second {
				return Grant{Granted: want}, nil
			}
			g, err := slow(ctx, want)
			g.Step = step
			return g, err
		}}
		g := newPacer(f, Rate{}, nil)
		var wg sync.WaitGroup
		var early atomic.Int64
		for range 300 {
			wg.Go(func() {
				if err := g.Wait(t.Context()); err != nil {
					t.Error(err)
				}
				if time.Since(start) < 2*time.Second {
					early.Add(1)
				}
			})
		}
		wg.Wait()
		if n := early.Load(); n < 190 || n > 210 {
			t.Errorf("%d let through in 2 s at 100/s with a burst of 10", n)
		}
		if took := time.Since(start); took < 2*time.Second || took > 2200*time.Millisecond {
			t.Errorf("took %v, want 2 s at the rate and the rest at once", took)
		}
		if n := f.calls.Load(); n > 60 {
			t.Errorf("%d calls, want at most 60", n)
		}
	})
}

// Gates that compete for one rate ask less often the more they miss.
func TestPacersThatCompete(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fakeThrottle{answer: bucket(5*time.Millisecond, 20)}
		const pacers, callers, each = 10, 4, 25
		start := time.Now()
		var wg sync.WaitGroup
		for range pacers {
			g := newPacer(f, Rate{Permits: 200}, nil)
			for range callers {
				wg.Go(func() {
					for range each {
						if err := g.Wait(t.Context()); err != nil {
							t.Error(err)
						}
					}
				})
			}
		}
		wg.Wait()
		const permits = pacers * callers * each
		if n := f.calls.Load(); n > permits {
			t.Errorf("%d calls for %d permits, want at most one each", n, permits)
		}
		if took, ideal := time.Since(start), (permits-20)*5*time.Millisecond; took > ideal*5/4 {
			t.Errorf("took %v, the rate alone %v", took, ideal)
		}
	})
}

// The one who asks gives up: the next one asks, no caller is stuck.
func TestPacerLeaderGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fakeThrottle{answer: bucket(time.Second, 1)}
		g := newPacer(f, Rate{Permits: 1, Burst: 1}, nil)
		if err := g.Wait(t.Context()); err != nil { // uses the burst
			t.Fatal(err)
		}
		first, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := g.Wait(first); !errors.Is(err, context.Canceled) {
				t.Errorf("who gave up got %v", err)
			}
		})
		synctest.Wait()
		start := time.Now()
		wg.Go(func() {
			if err := g.Wait(t.Context()); err != nil {
				t.Errorf("who stayed got %v", err)
			}
			if took := time.Since(start); took != time.Second {
				t.Errorf("who stayed took %v, want 1s", took)
			}
		})
		synctest.Wait()
		cancel()
		wg.Wait()
		if err := g.Wait(first); !errors.Is(err, context.Canceled) {
			t.Errorf("a dead context got %v", err)
		}
	})
}

// One failed call is the answer of all who waited for it.
func TestPacerError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		down := errors.New("redis is down")
		f := &fakeThrottle{answer: func(context.Context, int) (Grant, error) {
			<-time.After(5 * time.Second)
			return Grant{}, down
		}}
		g := newPacer(f, Rate{Permits: 100}, nil)
		start := time.Now()
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if err := g.Wait(t.Context()); !errors.Is(err, down) {
					t.Errorf("err = %v", err)
				}
			})
		}
		wg.Wait()
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("took %v, want one timeout of 5s", took)
		}
	})
}

// The same over Redis: no more than the rule, in fewer calls than permits.
func TestPacerOverRedis(t *testing.T) {
	t.Parallel()
	rdb := redistest.Start(t).Client(t)
	count := &countHook{}
	rdb.AddHook(count)
	rate := Rate{Permits: 2000, Per: time.Second}
	th := NewThrottle(rdb, "x", rate)
	if _, err := th.State(t.Context()); err != nil { // connect, load the head
		t.Fatal(err)
	}
	const callers, each = 64, 10
	count.n.Store(0)
	before := rdb.Time(t.Context()).Val()
	g := NewPacer(th, nil)
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for range each {
				if err := g.Wait(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	after := rdb.Time(t.Context()).Val()
	allowed := rate.burst() + after.Sub(before).Microseconds()/rate.interval() + 1
	if callers*each > allowed {
		t.Errorf("%d let through in %v, the rule allows %d", callers*each, after.Sub(before), allowed)
	}
	if n := count.n.Load(); n > callers*each/2 {
		t.Errorf("%d calls for %d permits, want at most half", n, callers*each)
	}
}

// countHook counts commands.
type countHook struct{ n atomic.Int64 }

func (h *countHook) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h *countHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		h.n.Add(1)
		return next(ctx, cmd)
	}
}

func (h *countHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

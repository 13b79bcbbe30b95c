package ratelimit

import (
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/wxrollout/wxrollout/internal/redistest"
)

// world is a real server in virtual time. The properties run there rather
// than on miniredis, which compiles a script again for each call.
type world struct {
	rdb     redis.UniversalClient
	advance func(time.Duration)
	now     func() time.Time
}

func newWorld(t *testing.T) world {
	t.Helper()
	rdb, advance := redistest.Start(t).Virtual(t)
	return world{rdb, advance, func() time.Time { return rdb.Time(t.Context()).Val() }}
}

// After any use of a throttle, no window of time sees more permits than
// the burst and the rate allow, and a hold sees none.
func TestThrottleNeverExceedsTheRule(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		ctx := t.Context()
		rate := Rate{
			Permits: rapid.IntRange(1, 40).Draw(rt, "permits"),
			Per:     time.Duration(rapid.IntRange(1, 3000).Draw(rt, "per ms")) * time.Millisecond,
			Burst:   rapid.IntRange(1, 8).Draw(rt, "burst"),
		}
		run++
		th := NewThrottle(w.rdb, fmt.Sprint(run), rate)
		type granted struct {
			at time.Time
			n  int64
		}
		var log []granted
		rt.Repeat(map[string]func(*rapid.T){
			"advance": func(rt *rapid.T) {
				w.advance(time.Duration(rapid.Int64Range(0, 400_000).Draw(rt, "µs")) * time.Microsecond)
			},
			"wait long": func(rt *rapid.T) {
				w.advance(time.Duration(rapid.IntRange(1, 100).Draw(rt, "s")) * time.Second)
			},
			"take": func(rt *rapid.T) {
				g, err := th.Take(ctx, rapid.IntRange(1, 10).Draw(rt, "want"))
				if err != nil {
					rt.Fatal(err)
				}
				now := w.now()
				log = append(log, granted{now, int64(g.Granted)})
			},
			"slow": func(rt *rapid.T) {
				if _, err := th.Slow(ctx); err != nil {
					rt.Fatal(err)
				}
			},
		})
		for i := range log {
			sum := int64(0)
			for _, g := range log[i:] {
				sum += g.n
				window := g.at.Sub(log[i].at)
				if allowed := rate.burst() + window.Microseconds()/rate.interval(); sum > allowed {
					rt.Fatalf("%d permits within %v, the rule %+v allows %d", sum, window, rate, allowed)
				}
			}
		}
	})
}

// Whoever acquires, renews, releases or dies: one holder at a time, and
// fences only grow.
func TestLeaseProperties(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		ctx := t.Context()
		run++
		const ttl = time.Second
		who := rapid.SampledFrom([]string{"a", "b", "c"})
		lease := func(holder string) *Lease { return NewLease(w.rdb, fmt.Sprint(run), holder, ttl) }
		var owner string
		var until time.Time
		var fence int64
		holding := func(h string) bool { return owner == h && w.now().Before(until) }
		rt.Repeat(map[string]func(*rapid.T){
			"acquire": func(rt *rapid.T) {
				h := who.Draw(rt, "holder")
				free := owner == "" || !w.now().Before(until)
				own := holding(h)
				got, ok, err := lease(h).Acquire(ctx)
				if err != nil || ok != (free || own) {
					rt.Fatalf("%s: %v, %v; free %v, own %v", h, ok, err, free, own)
				}
				if free && got.Fence <= fence || !free && got.Fence != fence {
					rt.Fatalf("fence %d after %d, free %v", got.Fence, fence, free)
				}
				if ok {
					owner, until, fence = h, w.now().Add(ttl), got.Fence
				}
			},
			"renew": func(rt *rapid.T) {
				h := who.Draw(rt, "holder")
				want := holding(h)
				ok, err := lease(h).Renew(ctx)
				if err != nil || ok != want {
					rt.Fatalf("%s: %v, %v; want %v", h, ok, err, want)
				}
				if ok {
					until = w.now().Add(ttl)
				}
			},
			"release": func(rt *rapid.T) {
				h := who.Draw(rt, "holder")
				if err := lease(h).Release(ctx); err != nil {
					rt.Fatal(err)
				}
				if owner == h {
					owner = ""
				}
			},
			"advance": func(rt *rapid.T) {
				w.advance(time.Duration(rapid.IntRange(0, 1200).Draw(rt, "ms")) * time.Millisecond)
			},
		})
	})
}

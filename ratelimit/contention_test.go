package ratelimit

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/redistest"
)

const goroutines = 64

// crowd runs fn in n goroutines at once and waits for all.
func crowd(n int, fn func(i int)) {
	var wg sync.WaitGroup
	pacer := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-pacer
			fn(i)
		})
	}
	close(pacer)
	wg.Wait()
}

// In virtual time the crowd gets the burst and then the rate, to the permit.
func TestThrottleContention(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, advance func(time.Duration)) {
		th := NewThrottle(rdb, "x", Rate{Permits: 100, Per: time.Second, Burst: 20})
		for _, tc := range []struct {
			after time.Duration
			want  int64
		}{{0, 20}, {0, 0}, {70 * time.Millisecond, 7}, {time.Hour, 20}} {
			advance(tc.after)
			var got atomic.Int64
			crowd(goroutines, func(int) {
				g, err := th.Take(t.Context(), 1)
				if err != nil {
					t.Error(err)
				}
				got.Add(int64(g.Granted))
			})
			if got.Load() != tc.want {
				t.Errorf("after %v more: %d permits, want %d", tc.after, got.Load(), tc.want)
			}
		}
	})
}

func TestQuotaContention(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, advance func(time.Duration)) {
		ctx := t.Context()
		q := NewQuota(rdb, "x", QuotaOptions{})
		if err := q.Refill(ctx, Reading{Rest: 100, Limit: 100}); err != nil {
			t.Fatal(err)
		}
		taken := func(round string) int64 {
			var got atomic.Int64
			crowd(goroutines, func(i int) {
				r, err := q.Take(ctx, Ask{}, []string{fmt.Sprint(round, i, "a"), fmt.Sprint(round, i, "b")})
				if err != nil {
					t.Error(err)
				}
				got.Add(int64(len(r.Granted)))
			})
			return got.Load()
		}
		if n := taken("open"); n != 100 {
			t.Errorf("%d permits of a rest of 100", n)
		}
		crowd(goroutines, func(int) {
			if err := q.Close(ctx, "85085", 0); err != nil {
				t.Error(err)
			}
		})
		if s, err := q.State(ctx); err != nil || s.Closings != 1 {
			t.Errorf("closings = %d, %v; want 1", s.Closings, err)
		}
		if n := taken("closed"); n != 0 {
			t.Errorf("%d permits of a closed pool", n)
		}
		advance(DefaultProbeAfter)
		if n := taken("probe"); n != 1 {
			t.Errorf("%d probes, want 1", n)
		}
	})
}

func TestLeaseContention(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, advance func(time.Duration)) {
		fence := int64(0)
		for round := range 5 {
			var winners, won atomic.Int64
			crowd(goroutines, func(i int) {
				h, ok, err := NewLease(rdb, "x", fmt.Sprint("round", round, "holder", i), time.Minute).Acquire(t.Context())
				if err != nil {
					t.Error(err)
				}
				if ok {
					winners.Add(1)
					won.Store(h.Fence)
				}
			})
			if winners.Load() != 1 {
				t.Fatalf("round %d: %d holders", round, winners.Load())
			}
			if won.Load() <= fence {
				t.Errorf("round %d: fence %d after %d", round, won.Load(), fence)
			}
			fence = won.Load()
			advance(time.Minute) // the holder is dead
		}
	})
}

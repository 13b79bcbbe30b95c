package ratelimit

import (
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/redistest"
)

// ahead is how far the server's clock was ahead before it was corrected.
const ahead = 8 * time.Hour

// A dead holder's lease ends within its ttl after any step of the clock; a living one renews.
func TestLeaseAfterTheClockSteppedBack(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, advance func(time.Duration)) {
		ctx := t.Context()
		dead, next := NewLease(rdb, "x", "dead", 6*time.Second), NewLease(rdb, "x", "next", 6*time.Second)
		was, ok, err := dead.Acquire(ctx)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		advance(-ahead)
		if _, until, err := next.Holder(ctx); err != nil || until.Sub(rdb.Time(ctx).Val()) > 6*time.Second {
			t.Errorf("held until %s, %v", until, err)
		}
		if _, ok, err := next.Acquire(ctx); ok || err != nil {
			t.Errorf("taken at once: %t, %v", ok, err)
		}
		if ok, err := dead.Renew(ctx); !ok || err != nil {
			t.Errorf("a living holder: %t, %v", ok, err)
		}
		if _, ok, err := next.Acquire(ctx); ok || err != nil {
			t.Errorf("taken from a living one: %t, %v", ok, err)
		}
		advance(7 * time.Second)
		if h, ok, err := next.Acquire(ctx); !ok || err != nil || h.Fence <= was.Fence {
			t.Errorf("after its ttl: %+v, %t, %v; the fence was %d", h, ok, err, was.Fence)
		}
		advance(-ahead)
		if _, ok, err := dead.Acquire(ctx); ok || err != nil {
			t.Errorf("taken at once: %t, %v", ok, err)
		}
		advance(7 * time.Second)
		if _, ok, err := dead.Acquire(ctx); !ok || err != nil {
			t.Errorf("after the second step and its ttl: %t, %v", ok, err)
		}
	})
}

// Permits, closings and growing waits are no longer than they were before the step.
func TestQuotaAfterTheClockSteppedBack(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, advance func(time.Duration)) {
		ctx := t.Context()
		now := func() time.Time { return rdb.Time(ctx).Val() }
		o := QuotaOptions{ProbeAfter: time.Minute, ProbeMax: time.Hour, PermitTTL: 2 * time.Minute}
		take := func(q *Quota, ids ...string) Taken {
			t.Helper()
			p, err := q.Take(ctx, Ask{Pool: "bulk"}, ids)
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		t.Run("permits", func(t *testing.T) {
			q := NewQuota(rdb, "permits", o)
			if p := take(q, "a", "b"); len(p.Granted) != 2 {
				t.Fatalf("%+v", p)
			}
			advance(-ahead)
			if s, err := q.State(ctx); err != nil || s.Outstanding != 2 {
				t.Errorf("%+v, %v", s, err)
			}
			advance(o.PermitTTL + time.Second)
			if s, err := q.State(ctx); err != nil || s.Outstanding != 0 {
				t.Errorf("out %d after their time, %v", s.Outstanding, err)
			}
		})
		for _, after := range []time.Duration{0, time.Minute, 24 * time.Hour} {
			t.Run(fmt.Sprint("closed for ", after), func(t *testing.T) {
				q := NewQuota(rdb, fmt.Sprint("closed ", after), o)
				if err := q.Close(ctx, "45009", after); err != nil {
					t.Fatal(err)
				}
				before, err := q.State(ctx)
				if err != nil {
					t.Fatal(err)
				}
				wait := before.RetryAt.Sub(now())
				advance(-ahead)
				if p := take(q, "a"); len(p.Granted) != 0 {
					t.Errorf("granted %+v at once", p)
				}
				s, err := q.State(ctx)
				if left := s.RetryAt.Sub(now()); err != nil || left > wait || left < wait-time.Second {
					t.Errorf("closed for another %s, %v; want %s", left, err, wait)
				}
				advance(wait + time.Second)
				if p := take(q, "a"); len(p.Granted) != 1 {
					t.Errorf("not probed after its wait: %+v", p)
				}
			})
		}
	})
}

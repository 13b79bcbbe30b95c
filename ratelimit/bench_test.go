package ratelimit

import (
	"fmt"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/redistest"
)

// BenchmarkScripts is one operation per script on a real server, from many
// goroutines on one key, which is the normal case for a platform's rules.
func BenchmarkScripts(b *testing.B) {
	rdb := redistest.Start(b).Client(b)
	ctx := b.Context()
	th := NewThrottle(rdb, "bench", Rate{Permits: 1_000_000})
	full := NewThrottle(rdb, "full", Rate{Permits: 1, Per: time.Hour})
	q := NewQuota(rdb, "bench", QuotaOptions{})
	closed := NewQuota(rdb, "closed", QuotaOptions{})
	if err := closed.Close(ctx, "85085", time.Hour); err != nil {
		b.Fatal(err)
	}
	l := NewLease(rdb, "bench", "me", time.Minute)
	if _, _, err := l.Acquire(ctx); err != nil {
		b.Fatal(err)
	}
	ids := make([]string, 100)
	for i := range ids {
		ids[i] = fmt.Sprint("rollout/wx0123456789abcdef/", i)
	}
	for _, bm := range []struct {
		name string
		op   func() error
	}{
		{"throttle/take", func() error { return second(th.Take(ctx, 1)) }},
		{"throttle/take-100", func() error { return second(th.Take(ctx, 100)) }},
		{"throttle/refused", func() error { return second(full.Take(ctx, 1)) }},
		{"throttle/slow", func() error { return second(th.Slow(ctx)) }},
		{"throttle/state", func() error { return second(th.State(ctx)) }},
		{"quota/take", func() error { return second(q.Take(ctx, Ask{}, ids[:1])) }},
		{"quota/take-100", func() error { return second(q.Take(ctx, Ask{}, ids)) }},
		{"quota/refused", func() error { return second(closed.Take(ctx, Ask{}, ids[:1])) }},
		{"quota/holds", func() error { return second(q.Holds(ctx, ids[0])) }},
		{"quota/settle", func() error { return q.Settle(ctx, ids[0], true) }},
		{"quota/close", func() error { return closed.Close(ctx, "85085", 0) }},
		{"quota/refill", func() error { return q.Refill(ctx, Reading{Rest: 1 << 40}) }},
		{"quota/open", func() error { return q.Open(ctx) }},
		{"quota/state", func() error { return second(q.State(ctx)) }},
		{"lease/acquire", func() error { return third(l.Acquire(ctx)) }},
		{"lease/renew", func() error { return second(l.Renew(ctx)) }},
		{"lease/holder", func() error { return third(l.Holder(ctx)) }},
		{"lease/release", func() error { return l.Release(ctx) }},
	} {
		b.Run(bm.name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := bm.op(); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

// BenchmarkPacer is the same throttle behind a pacer.
func BenchmarkPacer(b *testing.B) {
	rdb := redistest.Start(b).Client(b)
	for name, rate := range map[string]Rate{"rate": {Permits: 1_000_000}, "unlimited": {}} {
		b.Run(name, func(b *testing.B) {
			g := NewPacer(NewThrottle(rdb, name, rate), nil)
			b.ReportAllocs()
			b.SetParallelism(32)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := g.Wait(b.Context()); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

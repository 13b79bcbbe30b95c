package ratelimit_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/ratelimit"
)

// open is a small Redis for an example; its clock stands still.
func open() (rdb *redis.Client, done func()) {
	m, err := miniredis.Run()
	if err != nil {
		log.Fatal(err)
	}
	m.SetTime(time.Date(2026, time.December, 1, 2, 0, 0, 0, time.UTC))
	rdb = redis.NewClient(&redis.Options{Addr: m.Addr()})
	return rdb, func() {
		_ = rdb.Close()
		m.Close()
	}
}

// must ends the example on an error.
func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}

func ExampleThrottle() {
	rdb, done := open()
	defer done()
	ctx := context.Background()
	th := ratelimit.NewThrottle(rdb, "commit", ratelimit.Rate{Permits: 10, Per: time.Second, Burst: 3})

	g := must(th.Take(ctx, 5))
	fmt.Println(g.Granted, "granted, the next in", g.RetryAfter)

	fmt.Println("busy replies: slowed to", must(th.Slow(ctx)))
	g = must(th.Take(ctx, 1))
	fmt.Println(g.Granted, "granted, the next in", g.RetryAfter)
	// Output:
	// 3 granted, the next in 100ms
	// busy replies: slowed to 0.5
	// 0 granted, the next in 200ms
}

func ExamplePacer() {
	rdb, done := open()
	defer done()
	ctx := context.Background()
	th := ratelimit.NewThrottle(rdb, "commit", ratelimit.Rate{Permits: 100, Burst: 10})
	pacer := ratelimit.NewPacer(th, nil) // one per process

	for range 3 {
		if err := pacer.Wait(ctx); err != nil {
			log.Fatal(err)
		}
		fmt.Println("call")
	}
	// Output:
	// call
	// call
	// call
}

func ExampleQuota() {
	rdb, done := open()
	defer done()
	ctx := context.Background()
	q := ratelimit.NewQuota(rdb, "audit", ratelimit.QuotaOptions{})

	// What queryquota says, begun before it is asked.
	begun := must(q.BeginReading(ctx))
	if err := q.Refill(ctx, ratelimit.Reading{Rest: 2, Limit: 100, Begun: begun}); err != nil {
		log.Fatal(err)
	}
	t := must(q.Take(ctx, ratelimit.Ask{}, []string{"spring/wx1/7", "spring/wx2/8", "spring/wx3/9"}))
	fmt.Println(t.Granted, t.Limit.Reason)

	// The first submission is accepted, the second meets 85085.
	if err := q.Settle(ctx, "spring/wx1/7", true); err != nil {
		log.Fatal(err)
	}
	if err := q.Settle(ctx, "spring/wx2/8", false); err != nil {
		log.Fatal(err)
	}
	if err := q.Close(ctx, "85085", 0); err != nil {
		log.Fatal(err)
	}
	t = must(q.Take(ctx, ratelimit.Ask{}, []string{"spring/wx3/9"}))
	fmt.Println(t.Granted, t.Limit.Reason, "probe at", t.Limit.RetryAt.Format(time.TimeOnly))
	// Output:
	// [spring/wx1/7 spring/wx2/8] exhausted
	// [] 85085 probe at 02:05:00
}

func ExampleLease() {
	rdb, done := open()
	defer done()
	ctx := context.Background()
	mine := ratelimit.NewLease(rdb, "controller", "host-a/41", 10*time.Second)
	other := ratelimit.NewLease(rdb, "controller", "host-b/17", 10*time.Second)

	held, ok, err := mine.Acquire(ctx)
	fmt.Println(ok, held.Until.Format(time.TimeOnly), err)
	_, ok, err = other.Acquire(ctx)
	fmt.Println(ok, err)

	if err := mine.Release(ctx); err != nil {
		log.Fatal(err)
	}
	next, ok, err := other.Acquire(ctx)
	fmt.Println(ok, next.Fence > held.Fence, err)
	// Output:
	// true 02:00:10 <nil>
	// false <nil>
	// true true <nil>
}

// Package ratelimit shares three kinds of scarcity between processes, over
// Redis:
//
//   - [Throttle], a rate that we choose: wait some seconds. It halves when the other
//     side is busy and climbs back, as a whole or for a part of it. [Pacer] is
//     its front for the goroutines of one process.
//   - [Quota], the platform's allowance: wait until it is refilled.
//   - [Lease], one slot with a deadline: wait until the holder is done or dead.
//
// Each operation is one Lua script on the Redis server's clock, so callers'
// clocks need not agree, and two callers never see the same permit. A refusal
// is a value, not an error: an error means that Redis did not answer, and
// then nothing may be assumed to have been granted. If a reply is lost and
// the client repeats the script, the count errs to the careful side: a permit
// may be lost, none is doubled. When the server's clock steps back, leases,
// permits, closings and holds last at most as long again as they were given or
// asked for; fences still grow.
//
// The package owns the keys named in keys.go. It does not log, and depends neither
// on WeChat nor on the meaning of a permit.
//
//	th := ratelimit.NewThrottle(rdb, "submit_audit", ratelimit.Rate{Permits: 20, Per: time.Second})
//	g, err := th.Take(ctx, 1)
//	switch {
//	case err != nil:
//		return err
//	case g.Granted == 0:
//		return wakeAfter(g.RetryAfter) // not a failure
//	}
package ratelimit

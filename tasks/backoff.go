package tasks

import (
	"math/rand/v2"
	"time"
)

// Backoff spaces the retries of busy replies: capped exponential with full
// jitter, so that many targets that failed together don't come back together.
type Backoff struct {
	// Base is the mean of the first delay, Cap the largest delay.
	Base, Cap time.Duration
}

// Delay is the n-th delay (from 0): uniform in [1s, min(Cap, 2*Base*2^n)], in
// whole seconds, since Asynq cuts fractions off and may run a retry early.
func (b Backoff) Delay(n int, rnd *rand.Rand) time.Duration {
	top := b.Cap
	if shifted := 2 * b.Base << min(n, 20); shifted > 0 && shifted < top {
		top = shifted
	}
	return wholeSeconds(time.Duration(rnd.Int64N(int64(max(top, 1)))))
}

// wholeSeconds rounds up to at least one whole second.
func wholeSeconds(d time.Duration) time.Duration {
	return max(time.Second, (d + time.Second - 1).Truncate(time.Second))
}

// spread adds up to a fifth to a long wait, against herds.
func spread(d time.Duration, rnd *rand.Rand) time.Duration {
	return d + time.Duration(rnd.Int64N(int64(d/5)+1))
}

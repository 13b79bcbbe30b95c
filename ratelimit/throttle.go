package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// SlowEvery is how often [Throttle.Slow] can cut the rate, so that the
	// busy replies of one burst cut it once.
	SlowEvery = time.Second
	// ClimbEvery is after how long without a cut the rate climbs by 1/16 of
	// the configured rate.
	ClimbEvery = 10 * time.Second

	// factorUnit is the denominator of the factor in the scripts.
	factorUnit = 64
	// defaultBurst is how much of the rate may come at once by default. It
	// fits the batches of a [Gate].
	defaultBurst = 100 * time.Millisecond
)

var (
	throttleTake  = script("throttle.lua", "throttle_take.lua")
	throttleHold  = script("throttle.lua", "throttle_hold.lua")
	throttleSlow  = script("throttle.lua", "throttle_slow.lua")
	throttleEase  = script("throttle.lua", "throttle_ease.lua")
	throttleState = script("throttle.lua", "throttle_state.lua")
)

// Rate is a rule: so many permits per so much time.
type Rate struct {
	// Permits per Per. 0 means no rate at all; a hold still applies.
	Permits int
	// Per is the time the Permits are for. 0 means a second. The time
	// between two permits is kept in whole µs, rounded up.
	Per time.Duration
	// Burst is how many permits can be taken at once after a quiet time.
	// 0 means what the rate yields in 100 ms, at least 1.
	Burst int
}

// Validate reports a negative field.
func (r Rate) Validate() error {
	if r.Permits < 0 || r.Per < 0 || r.Burst < 0 {
		return fmt.Errorf("%w: permits %d, per %v, burst %d: none may be negative", ErrRate, r.Permits, r.Per, r.Burst)
	}
	return nil
}

// ErrRate is a rule that makes no sense.
var ErrRate = errors.New("invalid rate")

// interval is the µs between two permits, 0 if there is no rate.
func (r Rate) interval() int64 {
	if r.Permits == 0 {
		return 0
	}
	per := r.Per
	if per == 0 {
		per = time.Second
	}
	return max(1, ceil(per, time.Duration(r.Permits)*time.Microsecond))
}

// burst is Burst with its default.
func (r Rate) burst() int64 {
	if r.Burst > 0 || r.Permits == 0 {
		return int64(max(1, r.Burst))
	}
	return max(1, defaultBurst.Microseconds()/r.interval())
}

// Throttle is a rate shared by all processes that name it: in any stretch of
// time t no more than Burst + t*Permits/Per permits are granted. It can be
// held, and slowed when the other side is busy. It is safe for concurrent
// use.
type Throttle struct {
	rdb  redis.Scripter
	name string
	keys []string
	rate Rate
}

// NewThrottle is the throttle called name. All who name it should give the
// same rate; if they differ, each is served by its own. It panics if the
// rate is invalid: see [Rate.Validate].
func NewThrottle(rdb redis.Scripter, name string, r Rate) *Throttle {
	if err := r.Validate(); err != nil {
		panic("ratelimit: throttle " + name + ": " + err.Error())
	}
	return &Throttle{rdb: rdb, name: name, keys: throttleKey(name), rate: r}
}

// Grant is a throttle's answer.
type Grant struct {
	// Granted permits, 0 to what was wanted. They need not be given back.
	Granted int
	// RetryAfter is how long until the next permit, if fewer were granted
	// than wanted. Someone else may take that one.
	RetryAfter time.Duration
	// Held says that a hold, not the rate, is in the way.
	Held bool
}

// Take takes up to want permits; fewer, or none, is no error. Wanting less
// than one permit is answered with none, without asking Redis.
func (t *Throttle) Take(ctx context.Context, want int) (Grant, error) {
	if want < 1 {
		return Grant{}, nil
	}
	r, err := t.run(ctx, throttleTake, 3, want)
	if err != nil {
		return Grant{}, fmt.Errorf("take from throttle %s: %w", t.name, err)
	}
	g := Grant{Granted: int(r.int(0)), RetryAfter: r.micros(1), Held: r.flag(2)}
	if r.err != nil {
		return Grant{}, fmt.Errorf("take from throttle %s: %w", t.name, r.err)
	}
	return g, nil
}

// Hold lets nobody have a permit for d from now. The longer of two holds
// wins; only [Throttle.Ease] shortens one. A d of 0 or less changes nothing.
func (t *Throttle) Hold(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	if _, err := t.run(ctx, throttleHold, 1, ceil(d, time.Microsecond)); err != nil {
		return fmt.Errorf("hold throttle %s: %w", t.name, err)
	}
	return nil
}

// Slow halves the rate in force, at most once per [SlowEvery] and never below
// 1/64 of the configured rate, and returns the factor now in force. The rate
// climbs back by itself: by 1/16 of the configured rate for each
// [ClimbEvery] without a cut.
func (t *Throttle) Slow(ctx context.Context) (factor float64, err error) {
	r, err := t.run(ctx, throttleSlow, 1, SlowEvery.Microseconds())
	if err != nil {
		return 0, fmt.Errorf("slow throttle %s: %w", t.name, err)
	}
	f := r.int(0)
	if r.err != nil {
		return 0, fmt.Errorf("slow throttle %s: %w", t.name, r.err)
	}
	return float64(f) / factorUnit, nil
}

// Ease goes back to the configured rate at once and ends a hold: the
// operator's word that the trouble is over.
func (t *Throttle) Ease(ctx context.Context) error {
	if _, err := t.run(ctx, throttleEase, 1); err != nil {
		return fmt.Errorf("ease throttle %s: %w", t.name, err)
	}
	return nil
}

// ThrottleState is what a throttle would do now.
type ThrottleState struct {
	// Free is how many permits could be taken now; -1 means any number.
	Free int
	// Factor is the part of the configured rate in force, 1/64 to 1.
	Factor float64
	// HeldUntil is when the hold ends, by the Redis server's clock; the zero
	// time means there is none.
	HeldUntil time.Time
}

// State reads the throttle and changes nothing.
func (t *Throttle) State(ctx context.Context) (ThrottleState, error) {
	r, err := t.run(ctx, throttleState, 3)
	if err != nil {
		return ThrottleState{}, fmt.Errorf("read throttle %s: %w", t.name, err)
	}
	s := ThrottleState{
		Free:      int(r.int(0)),
		Factor:    float64(r.int(1)) / factorUnit,
		HeldUntil: r.millis(2),
	}
	if r.err != nil {
		return ThrottleState{}, fmt.Errorf("read throttle %s: %w", t.name, r.err)
	}
	return s, nil
}

// run adds what the head of every throttle script needs.
func (t *Throttle) run(ctx context.Context, s *redis.Script, n int, args ...any) (*reply, error) {
	all := append([]any{t.rate.interval(), t.rate.burst(), ClimbEvery.Microseconds()}, args...)
	return run(ctx, t.rdb, s, n, t.keys, all...)
}

package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/redisdb"
)

const (
	// SlowEvery is how often [Throttle.Slow] can cut the rate, so that the
	// busy replies of one burst cut it once.
	SlowEvery = time.Second
	// ClimbEvery is after how long without a cut the rate climbs by 1/16 of
	// the configured rate.
	ClimbEvery = 10 * time.Second

	// SlowestStep bounds what cuts do to a throttle without a configured rate:
	// the rate it learned is never cut to less than a permit per SlowestStep.
	SlowestStep = 200 * time.Millisecond

	// factorUnit is the denominator of the factor in the scripts.
	factorUnit = 64
	// defaultBurst is how much of the rate may come at once by default. It
	// fits the batches of a [Pacer].
	defaultBurst = 100 * time.Millisecond
)

var (
	throttleTake  = script("throttle.lua", "throttle_take.lua")
	throttleSlow  = script("throttle.lua", "throttle_slow.lua")
	throttleState = script("throttle.lua", "throttle_state.lua")
)

// Rate allows Permits per Per.
type Rate struct {
	// Permits per Per. 0 means no rate until it is cut.
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
// slowed when the other side is busy. One without a rate counts what it grants:
// slowed, it keeps to half of what was granted in the busiest of the last two
// seconds, and so on, until it has climbed back. It is safe for concurrent use.
type Throttle struct {
	rdb   redis.Scripter
	name  string
	keys  []string // its own last, the whole it is a part of before it
	rates []Rate   // of the keys
}

// NewThrottle is the throttle called name. All who name it should give the
// same rate; if they differ, each is served by its own. It panics if the
// rate is invalid: see [Rate.Validate].
func NewThrottle(rdb redis.Scripter, name string, r Rate) *Throttle {
	if err := r.Validate(); err != nil {
		panic("ratelimit: throttle " + name + ": " + err.Error())
	}
	return &Throttle{rdb: rdb, name: name, keys: throttleKey(name), rates: []Rate{r}}
}

// Part is a part of what t covers, such as one endpoint of all calls: its
// permits are permits of t as well, taken in the same step, while Slow and
// State are its own. It has no rate until it is slowed. It panics if
// the name has a brace, or if t is a part itself.
func (t *Throttle) Part(name string) *Throttle {
	if len(t.keys) > 1 || strings.ContainsAny(name, "{}") {
		panic("ratelimit: part " + name + " of throttle " + t.name + ": a part of a part, or a brace in its name")
	}
	return &Throttle{
		rdb: t.rdb, name: t.name + " " + name,
		keys: append(t.keys[:1:1], t.keys[0]+":part:"+name), rates: append(t.rates[:1:1], Rate{}),
	}
}

// Grant is a throttle's answer.
type Grant struct {
	// Granted permits, 0 to what was wanted. They need not be given back.
	Granted int
	// RetryAfter is how long until the next permit, if fewer were granted
	// than wanted. Another caller may take that one.
	RetryAfter time.Duration
	// Step is the time between two permits at the rate in force; 0 without one.
	Step time.Duration
}

// Take takes up to want permits; fewer, or none, is no error. Wanting less
// than one permit is answered with none, without asking Redis.
func (t *Throttle) Take(ctx context.Context, want int) (Grant, error) {
	if want < 1 {
		return Grant{}, nil
	}
	return t.take(ctx, want, 0)
}

// take is Take that also counts permits which were used without asking, while
// there was no rate.
func (t *Throttle) take(ctx context.Context, want, passed int) (Grant, error) {
	r := t.run(ctx, throttleTake, 3, want, passed)
	return Grant{Granted: int(r.Int(0)), RetryAfter: r.Micros(1), Step: r.Micros(2)}, r.Err("take from throttle %s", t.name)
}

// Slow halves the rate in force, at most once per [SlowEvery] and never below
// 1/64 of the full rate, and returns the factor now in force. The full rate is
// the configured one, or what was seen before the first cut; that one is not
// cut to less than a permit per [SlowestStep]. The rate climbs back:
// by 1/16 of the full rate for each [ClimbEvery] without a cut.
func (t *Throttle) Slow(ctx context.Context) (factor float64, err error) {
	r := t.run(ctx, throttleSlow, 1, SlowEvery.Microseconds())
	return float64(r.Int(0)) / factorUnit, r.Err("slow throttle %s", t.name)
}

// ThrottleState is what a throttle would do now.
type ThrottleState struct {
	// Free is how many permits could be taken now; -1 means any number.
	Free int
	// Factor is the part of the full rate in force, 1/64 to 1.
	Factor float64
	// Step is the time between two permits at the rate in force; 0 without one.
	Step time.Duration
}

// State reads the throttle and changes nothing.
func (t *Throttle) State(ctx context.Context) (ThrottleState, error) {
	all, err := t.states(ctx)
	if err != nil {
		return ThrottleState{}, err
	}
	return all[len(all)-1], nil
}

// Parts reads the throttle and parts of it in one step: t's own state by the
// name "", and each part's by its name.
func (t *Throttle) Parts(ctx context.Context, names ...string) (map[string]ThrottleState, error) {
	many := *t
	many.keys, many.rates = slices.Clone(t.keys), slices.Clone(t.rates)
	for _, name := range names {
		part := t.Part(name)
		many.keys, many.rates = append(many.keys, part.keys[1]), append(many.rates, part.rates[1])
	}
	all, err := many.states(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string]ThrottleState{"": all[0]}
	for i, name := range names {
		out[name] = all[i+1]
	}
	return out, nil
}

// states reads each key.
func (t *Throttle) states(ctx context.Context) ([]ThrottleState, error) {
	r := t.run(ctx, throttleState, 3*len(t.keys))
	out := make([]ThrottleState, len(t.keys))
	for i := range out {
		out[i] = ThrottleState{
			Free:   int(r.Int(3 * i)),
			Factor: float64(r.Int(3*i+1)) / factorUnit,
			Step:   r.Micros(3*i + 2),
		}
	}
	return out, r.Err("read throttle %s", t.name)
}

// run adds what the head of every throttle script needs.
func (t *Throttle) run(ctx context.Context, s *redis.Script, n int, args ...any) *redisdb.Reply {
	all := []any{ClimbEvery.Microseconds(), SlowestStep.Microseconds()}
	for _, r := range t.rates {
		all = append(all, r.interval(), r.burst())
	}
	return redisdb.Run(ctx, t.rdb, s, n, t.keys, append(all, args...)...)
}

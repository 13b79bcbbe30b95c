package ratelimit

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/redisdb"
)

// Defaults of [QuotaOptions].
const (
	DefaultProbeAfter = 5 * time.Minute
	DefaultProbeMax   = time.Hour
	DefaultPermitTTL  = 10 * time.Minute
)

// Exhausted is the reason of a pool that stopped by count - ours, or the
// platform's reading - and not because the platform refused a call.
const Exhausted = "exhausted"

// States of a quota's pool.
const (
	// StateOpen grants permits. A refusal closes it ([Quota.Close],
	// [Quota.Refused]), as do a reading of nothing left ([Quota.Refill]) and the
	// last permit of the count being spent ([Quota.Settle]).
	StateOpen = "open"
	// StateClosed grants nothing until its retry time; then a
	// [Quota.Take] gets the probe. A refill or the operator may be sooner.
	StateClosed = "closed"
	// StateProbing has one permit out, or to be had. The probe's
	// [Quota.Settle] opens the pool if it was spent; a reading of nothing left
	// takes the permit back and closes the pool until the next look.
	StateProbing = "probing"
)

var (
	quotaTake    = script("quota.lua", "quota_ask.lua", "quota_take.lua")
	quotaExplain = script("quota.lua", "quota_ask.lua", "quota_explain.lua")
	quotaHolds   = script("quota.lua", "quota_holds.lua")
	quotaSettle  = script("quota.lua", "quota_settle.lua")
	quotaClose   = script("quota.lua", "quota_close.lua")
	quotaRefused = script("quota.lua", "quota_refused.lua")
	quotaRefill  = script("quota.lua", "quota_refill.lua")
	quotaFailed  = script("quota.lua", "quota_failed.lua")
	quotaShares  = script("quota.lua", "quota_shares.lua")
	quotaOpen    = script("quota.lua", "quota_open.lua")
	quotaState   = script("quota.lua", "quota_state.lua")
	quotaList    = script("quota.lua", "quota_permits.lua")
)

// QuotaOptions are a quota's times, kept in whole ms. A field of 0 or less
// means its default.
type QuotaOptions struct {
	// ProbeAfter is how long after a closing one permit is let out to see
	// whether the platform grants again. It doubles for each refused probe.
	ProbeAfter time.Duration
	// ProbeMax caps that wait.
	ProbeMax time.Duration
	// PermitTTL is after how long a permit that was not settled comes back,
	// because its holder must be dead. It must be well above the time from
	// [Quota.Take] to [Quota.Settle].
	PermitTTL time.Duration
	// Metered pools have readings behind them: while the allowance is unknown they
	// grant one permit at a time, and none that another pool's share may need.
	Metered bool
}

// Quota is the platform's allowance, as a pool of permits that closes when
// the platform refuses and opens again by a reading, a probe or an operator.
// It never grants more than the last reading says is left, and divides that
// among named pools: see [Ask]. It is safe for concurrent use.
//
// The life of a permit: Take, then Holds directly before the call, then
// Settle with whether the platform took a unit. After a refusal, Settle as
// not spent and Close, in either order.
type Quota struct {
	rdb  redis.Scripter
	name string
	keys []string
	opts QuotaOptions
}

// NewQuota is the pool called name. All who name it should give the same
// options. A new pool is open and its rest is unknown.
func NewQuota(rdb redis.Scripter, name string, o QuotaOptions) *Quota {
	if o.ProbeAfter <= 0 {
		o.ProbeAfter = DefaultProbeAfter
	}
	if o.ProbeMax <= 0 {
		o.ProbeMax = DefaultProbeMax
	}
	if o.PermitTTL <= 0 {
		o.PermitTTL = DefaultPermitTTL
	}
	o.ProbeMax = max(o.ProbeMax, o.ProbeAfter)
	return &Quota{rdb: rdb, name: name, keys: quotaKeys(name), opts: o}
}

// Closure describes why and since when a pool is closed.
type Closure struct {
	// Reason is what [Quota.Close] was given, or [Exhausted].
	Reason string
	// Since is when the pool stopped granting, by the Redis server's clock.
	Since time.Time
	// RetryAt is when to ask again, by the same clock. A refill, an operator
	// or a permit given back may let permits out sooner.
	RetryAt time.Time
}

// Look is the result of [Quota.Holds].
type Look struct {
	// OK is false if the id has no permit any more, or if the pool has closed
	// since and the id is not the probe.
	OK bool
	// Closed is nil while the pool is open.
	Closed *Closure
	// Opening numbers the times between two [Quota.Open], from 1. A refusal of the
	// call that follows closes the pool as of this one: [Quota.CloseAsOf].
	Opening int64
}

// Holds reports whether id still has a valid permit. Call it directly before the API call.
func (q *Quota) Holds(ctx context.Context, id string) (Look, error) {
	r := q.run(ctx, quotaHolds, 5, id)
	return Look{OK: r.Flag(0), Opening: r.Int(1), Closed: closure(r, 2)}, r.Err("look at permit %s of quota %s", id, q.name)
}

// Settle gives id's permit back and says whether the platform took a unit for
// it. A spent permit is counted even if it has lapsed or was never known, and
// again if it is settled again. A probe that was spent opens the pool; one
// that was not leaves room for another at once, unless Close reports that it was
// refused or Refill that nothing is left. When the last permit of the count is
// spent the pool closes as [Exhausted], so that after ProbeAfter a probe finds
// out whether the platform has more.
func (q *Quota) Settle(ctx context.Context, id string, spent bool) error {
	if spent {
		return q.SettleFor(ctx, "", id, Spent)
	}
	return q.SettleFor(ctx, "", id, Unused)
}

// Use is the outcome of a permit, or of a call that had one.
type Use string

const (
	// Unused means that the platform took no unit.
	Unused Use = "unused"
	// Spent means that it took one.
	Spent Use = "spent"
	// Doubtful means that the reply was lost. The unit counts as spent until the end of the month, or
	// until one of the next two is settled for the same id.
	Doubtful Use = "doubtful"
	// Found means that a read-back shows that the call took effect. It counts, unless it was
	// Doubtful.
	Found Use = "found"
	// Denied means that the Doubtful call is proven to have had no effect. The unit goes back to
	// the books of its pool, once. What is left stays as the last reading says, and no permit
	// is touched.
	Denied Use = "denied"
)

// SettleFor is Settle with the permit's pool, which a unit is charged to if the permit has lapsed, and
// with the outcome of the call.
func (q *Quota) SettleFor(ctx context.Context, pool, id string, use Use) error {
	return q.run(ctx, quotaSettle, 1, id, string(use), "", pool).Err("settle permit %s of quota %s", id, q.name)
}

// Close stops the pool because the platform refused for a reason that a reading
// says nothing about: a penalty, or too many calls. Closing a closed pool changes
// nothing, so the many refusals of one closing are one; only a longer retryAfter
// counts. After retryAfter one permit goes out as a probe, and nothing before,
// also if a probe that is out succeeds; only [Quota.Open] ends that wait.
// 0 means ProbeAfter, doubled for each probe refused since the pool was open, up
// to ProbeMax.
func (q *Quota) Close(ctx context.Context, reason string, retryAfter time.Duration) error {
	return q.CloseAsOf(ctx, Refusal{Reason: reason}, retryAfter)
}

// CloseAsOf is Close for a refused call that [Quota.Holds] was asked about before. If an
// operator has opened the pool since, the refusal is stale: the pool stays open and a
// *[ReopenedError] is returned.
func (q *Quota) CloseAsOf(ctx context.Context, f Refusal, retryAfter time.Duration) error {
	if f.Reason == "" {
		f.Reason = StateClosed
	}
	after := ceil(max(0, retryAfter), time.Millisecond)
	r := q.run(ctx, quotaClose, 1, f.Reason, after, f.Opening, f.App)
	if r.Int(0) < 0 {
		return &ReopenedError{Pool: q.name, Reason: f.Reason}
	}
	return r.Err("close quota %s", q.name)
}

// Refusal is a call that the platform refused.
type Refusal struct {
	// App is the refused app, so that another one probes first; "" if there is none.
	App string
	// Reason is what the pool closes for.
	Reason string
	// Opening is [Look.Opening]; 0 means any.
	Opening int64
	// Left reports that a reading made after the refusal shows units: see [Quota.Refused].
	Left bool
}

// Refused records a refusal for lack of quota, as errcode 85085 is. One app that is refused although a
// reading shows units is that app's matter: the pool stays open, and closed is false.
// The pool closes if nothing is Left, or at the third app that was refused since the
// last spent unit. A reading that shows units opens it again ([Quota.Refill]); until
// then a probe goes out after ProbeAfter, doubled as in [Quota.Close]. If an operator
// has opened the pool since the call, the error is a *[ReopenedError].
func (q *Quota) Refused(ctx context.Context, f Refusal) (closed bool, err error) {
	if f.Reason == "" {
		f.Reason = StateClosed
	}
	r := q.run(ctx, quotaRefused, 2, f.App, f.Reason, f.Opening, bit(f.Left))
	if r.Int(0) < 0 {
		return false, &ReopenedError{Pool: q.name, Reason: f.Reason}
	}
	return r.Flag(0), r.Err("note a refusal of quota %s", q.name)
}

// ReopenedError reports that a refusal didn't close its pool, because an operator
// opened it after the refused call had begun.
type ReopenedError struct {
	// Pool is the quota's name, Reason what it was to be closed for.
	Pool, Reason string
}

func (e *ReopenedError) Error() string {
	return fmt.Sprintf("quota %s stays open: an operator opened it after the call that was refused (%s) had begun", e.Pool, e.Reason)
}

// Open opens a pool that was closed for any reason: an operator's override. It also
// forgets the reading, since that may be what was wrong; the next refill
// brings a new one.
func (q *Quota) Open(ctx context.Context) error {
	return q.run(ctx, quotaOpen, 1).Err("open quota %s", q.name)
}

// run adds what the head of every quota script needs.
func (q *Quota) run(ctx context.Context, s *redis.Script, n int, args ...any) *redisdb.Reply {
	all := append([]any{
		ceil(q.opts.ProbeAfter, time.Millisecond),
		ceil(q.opts.ProbeMax, time.Millisecond),
		ceil(q.opts.PermitTTL, time.Millisecond),
		bit(q.opts.Metered),
	}, args...)
	return redisdb.Run(ctx, q.rdb, s, n, q.keys, all...)
}

// closure is values i to i+2 as a closure, nil if there is no reason.
func closure(r *redisdb.Reply, i int) *Closure {
	c := Closure{Reason: r.Str(i), Since: r.Millis(i + 1), RetryAt: r.Millis(i + 2)}
	if c.Reason == "" {
		return nil
	}
	return &c
}

// bit is a truth as an argument.
func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

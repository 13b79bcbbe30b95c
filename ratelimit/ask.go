package ratelimit

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/wxrollout/wxrollout/internal/redisdb"
)

// Ask is for whom permits are taken. All pools share one allowance. A pool may take what
// the others' shares do not need: units that no share keeps, and another pool's share as
// far as that pool has used it this month already. A month and a day are those of UTC+8,
// by the Redis server's clock.
type Ask struct {
	// Pool is whose permits they are.
	Pool string
	// Shares are the units that pools are sure of each month, beside those of
	// [Quota.SetShares]: the larger counts. Of a share, what its pool has spent this month
	// or holds is used.
	Shares map[string]int64
	// Cap bounds what the pool spends this month and holds, PerDay what it spends today
	// and holds; 0 means no bound.
	Cap, PerDay int64
	// CapPercent is a Cap as part of the reading's limit, rounded down; 0 means none.
	// While the limit is unknown nothing is granted.
	CapPercent int64
}

// args are an ask as the scripts take it.
func (a Ask) args() []any {
	return append([]any{a.Pool, a.Cap, a.CapPercent, a.PerDay, len(a.Shares)}, shareArgs(a.Shares)...)
}

func shareArgs(shares map[string]int64) []any {
	args := make([]any, 0, 2*len(shares))
	for _, name := range slices.Sorted(maps.Keys(shares)) {
		args = append(args, name, shares[name])
	}
	return args
}

// Kinds of [Limit].
const (
	// LimitUnread: the allowance is unknown. One permit at a time, and none while a
	// share of another pool is unmet, or with a cap in percent.
	LimitUnread = "unread"
	// LimitClosed: the platform refused.
	LimitClosed = "closed"
	// LimitExhausted: nothing is left, or all that is left is out.
	LimitExhausted = "exhausted"
	// LimitReserved: what is left is kept for other pools.
	LimitReserved = "reserved"
	// LimitCap and LimitPerDay: the pool's own bound of the month or the day.
	LimitCap    = "cap"
	LimitPerDay = "per_day"
)

// Limit is what keeps a pool from more permits, in numbers. Times are by the Redis
// server's clock; zero means that there is none.
type Limit struct {
	// Kind is one of the Limit constants, Pool whose permits it bounds.
	Kind, Pool string
	// Reason is why the pool is closed, with the kinds closed and exhausted; Since when.
	Reason string
	Since  time.Time
	// RetryAt is when it is worth asking again; a reading may change it sooner.
	RetryAt time.Time
	// Left is the last reading less what was spent since and what is Out, Limit the
	// reading's limit, ReadAt its time; all 0 if the allowance is unknown.
	Left, Limit int64
	ReadAt      time.Time
	// Reserved is what the shares of other pools lack, For splits it by pool.
	Reserved int64
	For      map[string]int64
	// Used of Bound is how much of its cap or per-day bound the pool has spent and holds.
	Used, Bound int64
	// Out is how many permits of all pools are out.
	Out int64
	// Now is when this was so.
	Now time.Time
}

// Taken is a quota's answer.
type Taken struct {
	// Granted are the ids that have a permit now: a prefix of the ids asked
	// for, or the probe alone.
	Granted []string
	// Probe reports that the pool is not open, and the one granted is to find
	// out whether the platform grants again.
	Probe bool
	// Limit is why not all were granted, nil if they were. It is set with a
	// probe too.
	Limit *Limit
}

// Take gives permits to the first of the ids, as many as the allowance and the ask
// allow. An id names one use of one permit, such as rollout, app and fence: an id that
// has a permit is granted it again, and it lives on for a full PermitTTL. No
// ids are answered with none, without asking Redis.
func (q *Quota) Take(ctx context.Context, a Ask, ids []string) (Taken, error) {
	if len(ids) == 0 {
		return Taken{}, nil
	}
	args := a.args()
	for _, id := range ids {
		args = append(args, id)
	}
	r := q.run(ctx, quotaTake, 3+limitValues, args...)
	n, probe := int(r.Int(0)), r.Str(2)
	t := Taken{Probe: r.Flag(1), Limit: limit(r, 3, a.Pool)}
	if err := r.Err("take %d from quota %s", len(ids), q.name); err != nil {
		return Taken{}, err
	}
	if t.Granted = ids[:n:n]; t.Probe {
		t.Granted = []string{probe}
	}
	return t, nil
}

// Explain returns what keeps an ask from one more permit; nil if nothing does. A pool that
// is not open is explained by that, also when its probe is due. It takes nothing.
func (q *Quota) Explain(ctx context.Context, a Ask) (*Limit, error) {
	r := q.run(ctx, quotaExplain, limitValues, a.args()...)
	return limit(r, 0, a.Pool), r.Err("explain quota %s", q.name)
}

// SetShares replaces the standing shares, by pool: they hold for every ask.
func (q *Quota) SetShares(ctx context.Context, shares map[string]int64) error {
	return q.run(ctx, quotaShares, 1, shareArgs(shares)...).Err("set the shares of quota %s", q.name)
}

// limitValues is how many values limit reads.
const limitValues = 13

// limit is the values from i on as a limit, nil if it has no kind.
func limit(r *redisdb.Reply, i int, pool string) *Limit {
	l := Limit{
		Pool: pool, Kind: r.Str(i), Reason: r.Str(i + 1), Since: r.Millis(i + 2), RetryAt: r.Millis(i + 3),
		Left: r.Int(i + 4), Limit: r.Int(i + 5), Reserved: r.Int(i + 6), Used: r.Int(i + 7), Bound: r.Int(i + 8),
		Out: r.Int(i + 9), ReadAt: r.Millis(i + 10), Now: r.Millis(i + 11),
	}
	for _, row := range r.Table(i+12, 2) {
		if l.For == nil {
			l.For = make(map[string]int64)
		}
		l.For[row.Str(0)] = row.Number(1)
		r.Fault(row)
	}
	if l.Kind == "" {
		return nil
	}
	return &l
}

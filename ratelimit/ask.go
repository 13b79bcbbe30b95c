package ratelimit

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
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
	// Probe says that the pool is not open, and the one granted is to find
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
	r, err := q.run(ctx, quotaTake, 3+limitValues, args...)
	if err != nil {
		return Taken{}, fmt.Errorf("take %d from quota %s: %w", len(ids), q.name, err)
	}
	n, probe := int(r.int(0)), r.str(2)
	t := Taken{Probe: r.flag(1), Limit: r.limit(3, a.Pool)}
	if r.err != nil {
		return Taken{}, fmt.Errorf("take %d from quota %s: %w", len(ids), q.name, r.err)
	}
	if t.Granted = ids[:n:n]; t.Probe {
		t.Granted = []string{probe}
	}
	return t, nil
}

// Explain says what keeps an ask from one more permit; nil if nothing does. A pool that
// is not open is explained by that, also when its probe is due. It takes nothing.
func (q *Quota) Explain(ctx context.Context, a Ask) (*Limit, error) {
	r, err := q.run(ctx, quotaExplain, limitValues, a.args()...)
	if err != nil {
		return nil, fmt.Errorf("explain quota %s: %w", q.name, err)
	}
	l := r.limit(0, a.Pool)
	if r.err != nil {
		return nil, fmt.Errorf("explain quota %s: %w", q.name, r.err)
	}
	return l, nil
}

// SetShares replaces the standing shares, by pool: those hold for every ask, whatever it
// knows of.
func (q *Quota) SetShares(ctx context.Context, shares map[string]int64) error {
	if _, err := q.run(ctx, quotaShares, 1, shareArgs(shares)...); err != nil {
		return fmt.Errorf("set the shares of quota %s: %w", q.name, err)
	}
	return nil
}

// limitValues is how many values limit reads.
const limitValues = 13

// limit is the values from i on as a limit, nil if it has no kind.
func (r *reply) limit(i int, pool string) *Limit {
	l := Limit{
		Pool: pool, Kind: r.str(i), Reason: r.str(i + 1), Since: r.millis(i + 2), RetryAt: r.millis(i + 3),
		Left: r.int(i + 4), Limit: r.int(i + 5), Reserved: r.int(i + 6), Used: r.int(i + 7), Bound: r.int(i + 8),
		Out: r.int(i + 9), ReadAt: r.millis(i + 10), Now: r.millis(i + 11),
	}
	for _, row := range r.table(i+12, 2) {
		if l.For == nil {
			l.For = make(map[string]int64)
		}
		l.For[row.str(0)] = row.number(1)
		r.fault(row)
	}
	if l.Kind == "" {
		return nil
	}
	return &l
}

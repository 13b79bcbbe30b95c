package ratelimit

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Reading is the result of wxa/queryquota.
type Reading struct {
	// Rest is how many units are left, Limit how many there are in all.
	Rest, Limit int64
	// Begun is what [Quota.BeginReading] returned before the platform was asked.
	Begun Begun
	// NextCheck is how long until the next look if nothing is left; 0 means
	// ProbeAfter.
	NextCheck time.Duration
}

// Begun is the books as a reading began.
type Begun struct {
	// Spent is the spent counter, Month the month in UTC+8 as year*100+month; 0 means
	// whichever.
	Spent, Month int64
}

// BeginReading starts a reading: call it before the platform is asked, so that what
// is spent while the platform answers is not granted a second time.
func (q *Quota) BeginReading(ctx context.Context) (Begun, error) {
	s, err := q.State(ctx)
	if err != nil {
		return Begun{}, fmt.Errorf("begin a reading: %w", err)
	}
	return Begun{Spent: s.Spent, Month: s.Month}, nil
}

// Refill records a reading. What was spent since it began is taken off; one that
// began in an earlier month than this is dropped. With some left, a pool that was
// exhausted or that [Quota.Refused] closed opens at once; but if the platform goes on
// refusing although readings say the same, each further opening waits for the pool's
// retry time. One closed by [Quota.Close] waits for its probe. With nothing left, an
// open pool closes as [Exhausted] and a closed one stays so; a probe that is out loses
// its permit, and the next goes out after NextCheck. A longer wait that a refusal asked
// for stays.
func (q *Quota) Refill(ctx context.Context, rd Reading) error {
	return q.run(ctx, quotaRefill, 2, max(0, rd.Rest), max(0, rd.Limit), rd.Begun.Spent, rd.Begun.Month,
		ceil(max(0, rd.NextCheck), time.Millisecond)).Err("refill quota %s", q.name)
}

// ReadFailed records why the platform could not be asked. The next [Quota.Refill]
// clears it.
func (q *Quota) ReadFailed(ctx context.Context, cause string) error {
	return q.run(ctx, quotaFailed, 1, cause).Err("note that quota %s was not read", q.name)
}

// QuotaState is the state of a pool. Times are by the Redis server's clock,
// the zero time if they do not apply.
type QuotaState struct {
	// State is [StateOpen], [StateClosed] or [StateProbing].
	State string
	// Reason is why nothing is granted, "" if something is. An open pool
	// whose whole count is out has the reason [Exhausted].
	Reason string
	// Known reports that the allowance has been read. Rest and Limit are 0 if
	// it has not.
	Known bool
	// Rest is the last reading less what was spent since it began.
	Rest int64
	// Limit is the allowance in all.
	Limit int64
	// Outstanding is how many permits are out, those from before a closing
	// among them.
	Outstanding int64
	// Spent is how many permits were ever settled as spent.
	Spent int64
	// Closings is how often the pool stopped being open.
	Closings int64
	// Since is when it stopped granting.
	Since time.Time
	// RetryAt is when it is worth asking again.
	RetryAt time.Time
	// Tried are the probes' ids, and the apps of refused calls, since it stopped being
	// open: the newest last, at most 32. The next probe should use another one.
	Tried []string
	// ReadAt is when the allowance was last read.
	ReadAt time.Time
	// Unread is why the last attempt to read it failed, UnreadSince when the first one
	// after the last reading did; "" if none did.
	Unread      string
	UnreadSince time.Time
	// Month is the month of the books in UTC+8, as year*100+month. External are its
	// units that other systems spent, Raised those that the platform added. Both are
	// at least so many: what permits out may explain is not counted.
	Month, External, Raised int64
	// ExternalEver adds up External over all months.
	ExternalEver int64
	// Shares are the standing ones, by pool: see [Quota.SetShares].
	Shares map[string]int64
	// Pools are the books of the pools that spent this month or hold permits, by name.
	Pools []PoolBooks
	// Now is when this was read.
	Now time.Time
}

// PoolBooks is what one pool did this month.
type PoolBooks struct {
	Pool string
	// Spent units of this month, Today those of today, both in UTC+8; Out is how many
	// permits it has out.
	Spent, Today, Out int64
}

// State reads the pool and changes nothing.
func (q *Quota) State(ctx context.Context) (QuotaState, error) {
	r := q.run(ctx, quotaState, 21)
	s := QuotaState{
		State:        r.Str(0),
		Known:        r.Flag(1),
		Rest:         r.Int(2),
		Limit:        r.Int(3),
		Outstanding:  r.Int(4),
		Spent:        r.Int(5),
		Closings:     r.Int(6),
		ReadAt:       r.Millis(7),
		Month:        r.Int(8),
		External:     r.Int(9),
		ExternalEver: r.Int(10),
		Raised:       r.Int(11),
		Unread:       r.Str(12),
		UnreadSince:  r.Millis(13),
		Now:          r.Millis(14),
		Reason:       r.Str(16),
		Since:        r.Millis(17),
		RetryAt:      r.Millis(18),
		Tried:        strings.FieldsFunc(r.Str(19), func(c rune) bool { return c == '\n' }),
	}
	for _, p := range r.Table(20, 2) {
		if s.Shares == nil {
			s.Shares = make(map[string]int64)
		}
		s.Shares[p.Str(0)] = p.Number(1)
		r.Fault(p)
	}
	for _, p := range r.Table(15, 4) {
		s.Pools = append(s.Pools, PoolBooks{Pool: p.Str(0), Spent: p.Number(1), Today: p.Number(2), Out: p.Number(3)})
		r.Fault(p)
	}
	return s, r.Err("read quota %s", q.name)
}

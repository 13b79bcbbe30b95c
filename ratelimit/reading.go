package ratelimit

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Reading is what the platform says of its allowance, as wxa/queryquota does.
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

// Refill takes in a reading. What was spent since it began is taken off; one that
// began in an earlier month than this is dropped. With some left, a pool that was
// exhausted or that [Quota.Refused] closed opens at once; but if the platform goes on
// refusing although readings say the same, each further opening waits for the pool's
// retry time. One closed by [Quota.Close] waits for its probe. With nothing left, an
// open pool closes as [Exhausted] and a closed one stays so; a probe that is out loses
// its permit, and the next goes out after NextCheck. A longer wait that a refusal asked
// for stays.
func (q *Quota) Refill(ctx context.Context, rd Reading) error {
	_, err := q.run(ctx, quotaRefill, 2, max(0, rd.Rest), max(0, rd.Limit), rd.Begun.Spent, rd.Begun.Month,
		ceil(max(0, rd.NextCheck), time.Millisecond))
	if err != nil {
		return fmt.Errorf("refill quota %s: %w", q.name, err)
	}
	return nil
}

// ReadFailed notes that the platform could not be asked, and why. The next [Quota.Refill]
// clears it.
func (q *Quota) ReadFailed(ctx context.Context, cause string) error {
	if _, err := q.run(ctx, quotaFailed, 1, cause); err != nil {
		return fmt.Errorf("note that quota %s was not read: %w", q.name, err)
	}
	return nil
}

// QuotaState is a pool as it stands. Times are by the Redis server's clock,
// the zero time if they do not apply.
type QuotaState struct {
	// State is [StateOpen], [StateClosed] or [StateProbing].
	State string
	// Reason is why nothing is granted, "" if something is. An open pool
	// whose whole count is out has the reason [Exhausted].
	Reason string
	// Known says that the allowance has been read. Rest and Limit are 0 if
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
	// open: the newest last, at most 32. Who probes next should be none of them.
	Tried []string
	// ReadAt is when the allowance was last read.
	ReadAt time.Time
	// Unread is why the last attempt to read it failed, UnreadSince when the first one
	// after the last reading did; "" if none did.
	Unread      string
	UnreadSince time.Time
	// Month is the month of the books in UTC+8, as year*100+month. External are its
	// units that others than us spent, Raised those that the platform added. Both are
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
	r, err := q.run(ctx, quotaState, 21)
	if err != nil {
		return QuotaState{}, fmt.Errorf("read quota %s: %w", q.name, err)
	}
	s := QuotaState{
		State:        r.str(0),
		Known:        r.flag(1),
		Rest:         r.int(2),
		Limit:        r.int(3),
		Outstanding:  r.int(4),
		Spent:        r.int(5),
		Closings:     r.int(6),
		ReadAt:       r.millis(7),
		Month:        r.int(8),
		External:     r.int(9),
		ExternalEver: r.int(10),
		Raised:       r.int(11),
		Unread:       r.str(12),
		UnreadSince:  r.millis(13),
		Now:          r.millis(14),
		Reason:       r.str(16),
		Since:        r.millis(17),
		RetryAt:      r.millis(18),
		Tried:        strings.FieldsFunc(r.str(19), func(c rune) bool { return c == '\n' }),
	}
	for _, p := range r.table(20, 2) {
		if s.Shares == nil {
			s.Shares = make(map[string]int64)
		}
		s.Shares[p.str(0)] = p.number(1)
		r.fault(p)
	}
	for _, p := range r.table(15, 4) {
		s.Pools = append(s.Pools, PoolBooks{Pool: p.str(0), Spent: p.number(1), Today: p.number(2), Out: p.number(3)})
		r.fault(p)
	}
	if r.err != nil {
		return QuotaState{}, fmt.Errorf("read quota %s: %w", q.name, r.err)
	}
	return s, nil
}

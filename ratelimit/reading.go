package ratelimit

import (
	"context"
	"fmt"
	"time"
)

// Reading is what the platform says of its allowance, as wxa/queryquota does.
type Reading struct {
	// Rest is how many units are left, Limit how many there are in all.
	Rest, Limit int64
	// SpentAtStart is what [Quota.BeginReading] returned before the platform
	// was asked.
	SpentAtStart int64
	// NextCheck is how long until the next look if nothing is left; 0 means
	// ProbeAfter.
	NextCheck time.Duration
}

// BeginReading starts a reading: call it before the platform is asked. It
// returns the spent counter, so that what is spent while the platform answers
// is not granted a second time.
func (q *Quota) BeginReading(ctx context.Context) (spent int64, err error) {
	s, err := q.State(ctx)
	if err != nil {
		return 0, fmt.Errorf("begin a reading: %w", err)
	}
	return s.Spent, nil
}

// Refill takes in a reading. What was spent since it began is taken off. With
// some left, a pool that was only exhausted opens; one that the platform closed
// lets one probe out, unless the refusal asked for a wait that is not over, or a
// probe was refused already and the reading says no more than the one before. With nothing left, an open pool closes as
// [Exhausted] and a closed one stays so; a probe that is out loses its permit,
// and the next goes out after NextCheck. A longer wait that a refusal asked for
// stays.
func (q *Quota) Refill(ctx context.Context, rd Reading) error {
	_, err := q.run(ctx, quotaRefill, 1, max(0, rd.Rest), max(0, rd.Limit), rd.SpentAtStart,
		ceil(max(0, rd.NextCheck), time.Millisecond))
	if err != nil {
		return fmt.Errorf("refill quota %s: %w", q.name, err)
	}
	return nil
}

// ReadFailed notes why the platform could not be asked. The last reading stays, and the
// next one clears it.
func (q *Quota) ReadFailed(ctx context.Context, why string) error {
	if _, err := q.run(ctx, quotaFailed, 1, why); err != nil {
		return fmt.Errorf("note why quota %s was not read: %w", q.name, err)
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
	// ReadAt is when the allowance was last read.
	ReadAt time.Time
	// Failure is why the last try to read it failed, at FailedAt; "" if it didn't.
	Failure  string
	FailedAt time.Time
}

// State reads the pool and changes nothing.
func (q *Quota) State(ctx context.Context) (QuotaState, error) {
	r, err := q.run(ctx, quotaState, 13)
	if err != nil {
		return QuotaState{}, fmt.Errorf("read quota %s: %w", q.name, err)
	}
	s := QuotaState{
		State:       r.str(0),
		Known:       r.flag(1),
		Rest:        r.int(2),
		Limit:       r.int(3),
		Outstanding: r.int(4),
		Spent:       r.int(5),
		Closings:    r.int(6),
		ReadAt:      r.millis(7),
		Failure:     r.str(8),
		FailedAt:    r.millis(9),
		Reason:      r.str(10),
		Since:       r.millis(11),
		RetryAt:     r.millis(12),
	}
	if r.err != nil {
		return QuotaState{}, fmt.Errorf("read quota %s: %w", q.name, r.err)
	}
	return s, nil
}

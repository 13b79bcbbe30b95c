package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/wxrollout/wxrollout/ledger/internal/db"
)

// clockStepMin is the smallest backward step of the server's clock that is noticed. Smaller
// steps do not affect leases or wakes.
const clockStepMin = 10 * time.Second

// clockBatch is how many entries of each index one script brings near.
const clockBatch = 500

// ClockStepError reports that the Redis server's clock stepped back since the last
// heartbeat: it was corrected, or a server that is behind took over. Leases and wakes
// were brought near.
type ClockStepError struct{ Back time.Duration }

func (e *ClockStepError) Error() string {
	return fmt.Sprintf("the Redis clock stepped back by %s: what was to happen later by it was brought near; set the clocks of all Redis servers by NTP", e.Back.Round(time.Second))
}

// settleClock works off a step of the clock. Several workers may do it at once.
func (l *Ledger) settleClock(ctx context.Context) error {
	for {
		n, err := db.Run(ctx, l.rdb, clockScript, clockBatch, db.Milli(l.opts.Lease)).Int()
		if err != nil || n == 0 {
			return db.Failed(err, "bring near what a step of the Redis clock left in the future")
		}
	}
}

// ClockStep is a step back of the server's clock.
type ClockStep struct {
	// Back is how far it stepped, about; At when that was noticed, by the clock as it is since.
	Back time.Duration
	At   time.Time
	// Steps counts the steps there were.
	Steps int
}

// LastClockStep is the last time that the server's clock stepped back; ok is false if it
// never did.
func (l *Ledger) LastClockStep(ctx context.Context) (s ClockStep, ok bool, err error) {
	f, err := l.rdb.HGetAll(ctx, db.KeyClock).Result()
	if err != nil {
		return s, false, db.Failed(err, "read the steps of the Redis clock")
	}
	if f["steps"] == "" {
		return s, false, nil
	}
	var n [3]int64
	for i, name := range []string{"back", "at", "steps"} {
		if n[i], err = db.ParseInt(name, f[name]); err != nil {
			return s, false, err
		}
	}
	return ClockStep{Back: time.Duration(n[0]) * time.Millisecond, At: db.FromMilli(n[1]), Steps: int(n[2])}, true, nil
}

package planfile

import (
	"time"

	"github.com/robfig/cron/v3"
)

// clock is a schedule in its zone. The cron library loses and repeats runs where
// clocks change, so it only ever sees wall times: what a clock on the wall of the
// zone shows, kept as if it were UTC, which has no gaps.
type clock struct {
	spec *cron.SpecSchedule // in UTC
	loc  *time.Location
}

// everyHour is the bits of a schedule's hour field that takes all hours.
const everyHour = 1<<24 - 1

// next is the first run after from; the zero time if five years pass without one.
func (c *clock) next(from time.Time) time.Time {
	from = from.In(c.loc)
	if c.spec.Hour&everyHour == everyHour {
		return c.nextElapsed(from)
	}
	// Runs at or before from's wall time are at or before from, since instant takes
	// the first of two equal wall times and so never decreases.
	for w := c.spec.Next(wall(from)); !w.IsZero(); w = c.spec.Next(w) {
		if at := instant(w, c.loc); at.After(from) {
			return at
		}
	}
	return time.Time{}
}

// nextElapsed is next for schedules of every hour: each stretch of time between two
// changes of the clocks is looked at with its own offset.
func (c *clock) nextElapsed(from time.Time) time.Time {
	last := from.AddDate(5, 0, 0) // as far as the library looks
	for after := wall(from); from.Before(last); {
		w := c.spec.Next(after)
		if w.IsZero() {
			break
		}
		_, end := from.ZoneBounds()
		if at := from.Add(w.Sub(wall(from))); end.IsZero() || at.Before(end) {
			return at
		}
		from = end
		after = wall(end).Add(-time.Second) // a run at the change itself counts
	}
	return time.Time{}
}

// wall is what a clock in t's zone shows at t.
func wall(t time.Time) time.Time {
	_, offset := t.Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// instant is when clocks in a zone first show w, or the end of the gap if they never do.
func instant(w time.Time, loc *time.Location) time.Time {
	t := time.Date(w.Year(), w.Month(), w.Day(), w.Hour(), w.Minute(), w.Second(), w.Nanosecond(), loc)
	begin, end := t.ZoneBounds() // of the offset in force at t
	switch shown := wall(t); {
	case shown.After(w): // the clocks skipped w when this offset began
		return begin
	case shown.Before(w):
		return end
	}
	if begin.IsZero() {
		return t
	}
	_, before := begin.Add(-time.Second).Zone()
	_, offset := t.Zone()
	if first := t.Add(time.Duration(offset-before) * time.Second); first.Before(begin) {
		return first
	}
	return t
}

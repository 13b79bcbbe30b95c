package calendar

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// cronTZ precedes the zone of a schedule.
const cronTZ = "CRON_TZ="

// cronField is one field of a schedule. The cron library accepts a field such as "," and never runs it.
var cronField = regexp.MustCompile(`^[0-9A-Za-z*?/-]+(,[0-9A-Za-z*?/-]+)*$`)

// JoinSchedule is the schedule of five fields in a zone: what a plan stores.
func JoinSchedule(zone, fields string) string { return cronTZ + zone + " " + fields }

// SplitSchedule separates the zone ("" for none) from the five fields.
func SplitSchedule(text string) (zone, fields string, err error) {
	rest, named := strings.CutPrefix(strings.TrimSpace(text), cronTZ)
	words := strings.Fields(rest)
	if named && len(words) > 0 {
		zone, words = words[0], words[1:]
		if err := CheckZone(zone); err != nil {
			return "", "", err
		}
	}
	if len(words) != 5 || strings.HasPrefix(words[0], "@") {
		return "", "", fmt.Errorf("want five fields: minute hour day month weekday, such as %q", "0 2 1 * *")
	}
	for _, w := range words {
		if !cronField.MatchString(w) {
			return "", "", fmt.Errorf("the field %q is no number, *, range or list", w)
		}
	}
	return zone, strings.Join(words, " "), nil
}

// CheckZone refuses unknown zones, and Local, which differs between machines.
func CheckZone(zone string) error {
	if _, err := time.LoadLocation(zone); err != nil || zone == "" || zone == "Local" {
		return fmt.Errorf("unknown time zone %q: want one such as %s", zone, DefaultZone)
	}
	return nil
}

// CheckSchedule refuses a schedule that can't be read or never fires.
func CheckSchedule(schedule string) error {
	_, err := parseSchedule(schedule)
	return err
}

// NextRuns are the first n runs of a schedule after from, in the schedule's zone; fewer if five years
// pass without one. Where clocks change, a time that a day lacks runs once, at the first minute after
// the gap, and a time that a day has twice runs the first time. A schedule of every hour, such as
// */15 * * * *, follows elapsed time instead: the change adds and skips no run.
func NextRuns(schedule string, from time.Time, n int) ([]time.Time, error) {
	c, err := parseSchedule(schedule)
	if err != nil {
		return nil, fmt.Errorf("schedule %q: %w", schedule, err)
	}
	var runs []time.Time
	for at := from; len(runs) < n; {
		if at = c.next(at); at.IsZero() {
			break
		}
		runs = append(runs, at)
	}
	return runs, nil
}

func parseSchedule(text string) (*clock, error) {
	zone, fields, err := SplitSchedule(text)
	if err != nil {
		return nil, err
	}
	loc, err := time.LoadLocation(cmp.Or(zone, DefaultZone))
	if err != nil {
		return nil, err
	}
	parsed, err := cron.ParseStandard(cronTZ + "UTC " + fields)
	if err != nil {
		return nil, err
	}
	c := &clock{spec: parsed.(*cron.SpecSchedule), loc: loc} // five fields are never @every
	// Any four years have every day that a schedule can name, so the begin does not matter.
	if c.spec.Next(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return nil, errors.New("never fires: none of its months has that day")
	}
	return c, nil
}

// clock is a schedule in its zone. The cron library loses and repeats runs where clocks change, so it
// is given wall times only: what a clock in the zone shows, stored as UTC, which has no gaps.
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
	// instant never decreases, so runs at or before from's wall time are at or before from.
	for w := c.spec.Next(wall(from)); !w.IsZero(); w = c.spec.Next(w) {
		if at := instant(w, c.loc); at.After(from) {
			return at
		}
	}
	return time.Time{}
}

// nextElapsed is next for schedules of every hour: each span between two clock changes is searched with
// its own offset.
func (c *clock) nextElapsed(from time.Time) time.Time {
	last := from.AddDate(5, 0, 0) // as far as the library searches
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

package planfile

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// defaultZone is the zone of a schedule that names none.
const defaultZone = "Asia/Shanghai"

// cronTZ begins a schedule that names its zone.
const cronTZ = "CRON_TZ="

// startLayouts are the ways to write a start; the zone is required, since a plan
// is read by people and machines in several.
var startLayouts = []string{"2006-01-02T15:04Z07:00", "2006-01-02T15:04:05Z07:00"}

// readTimes reads start, schedule and timezone. The schedule comes back with its zone.
func readTimes(top *object) (start time.Time, schedule string) {
	if top.has("start") {
		text := top.text("start")
		var err error
		for _, layout := range startLayouts {
			if start, err = time.Parse(layout, text); err == nil {
				break
			}
		}
		if err != nil {
			top.fault("start", text, `want a time with its zone, such as "2026-12-01T02:00+08:00"`)
		}
	}
	zone := top.text("timezone")
	if !top.has("schedule") {
		if zone != "" {
			top.fault("timezone", zone, "is the schedule's, and there is no schedule")
		}
		return start, ""
	}
	text := top.text("schedule")
	if top.has("start") {
		top.fault("schedule", text, "can't be with start: want one of them")
	}
	own, fields, err := splitSchedule(text)
	switch {
	case err != nil:
		top.fault("schedule", text, "%v", err)
		return start, ""
	case own != "" && zone != "":
		top.fault("timezone", zone, "the schedule names its zone itself: want one of them")
	case own == "" && zone == "":
		own = defaultZone
	case own == "":
		own = zone
		if err := checkZone(zone); err != nil {
			top.fault("timezone", zone, "%v", err)
			return start, ""
		}
	}
	schedule = cronTZ + own + " " + fields
	if _, err := parseSchedule(schedule); err != nil {
		top.fault("schedule", text, "%v", err)
	}
	return start, schedule
}

// cronField is one field of a schedule. The cron library takes a field such as
// "," for one that never comes.
var cronField = regexp.MustCompile(`^[0-9A-Za-z*?/-]+(,[0-9A-Za-z*?/-]+)*$`)

// splitSchedule parts the zone ("" for none) from the five fields.
func splitSchedule(text string) (zone, fields string, err error) {
	rest, named := strings.CutPrefix(strings.TrimSpace(text), cronTZ)
	words := strings.Fields(rest)
	if named && len(words) > 0 {
		zone, words = words[0], words[1:]
		if err := checkZone(zone); err != nil {
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

// checkZone refuses what isn't the name of a zone, and the machine's own.
func checkZone(zone string) error {
	if _, err := time.LoadLocation(zone); err != nil || zone == "" || zone == "Local" {
		return fmt.Errorf("unknown time zone %q: want one such as %s", zone, defaultZone)
	}
	return nil
}

// parseSchedule reads a schedule and makes sure that it comes at all.
func parseSchedule(text string) (*clock, error) {
	zone, fields, err := splitSchedule(text)
	if err != nil {
		return nil, err
	}
	if zone == "" {
		zone = defaultZone
	}
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return nil, err
	}
	parser := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)
	parsed, err := parser.Parse(cronTZ + "UTC " + fields)
	if err != nil {
		return nil, err
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return nil, fmt.Errorf("want five fields: minute hour day month weekday, such as %q", "0 2 1 * *")
	}
	// Whether a day ever comes does not depend on when one begins to look: four
	// years have every one.
	if spec.Next(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return nil, fmt.Errorf("no day is like this: it never comes")
	}
	return &clock{spec: spec, loc: loc}, nil
}

// NextRuns are the first n times after from that a schedule comes, in the
// schedule's zone (Asia/Shanghai if it names none); fewer when five years pass
// without one. Where clocks change, a time that a day lacks comes once, at the first
// minute after the gap, and a time that a day has twice comes at the first of them. A
// schedule of every hour, such as */15 * * * *, goes by elapsed time instead: the
// change adds and skips no run of it.
func NextRuns(schedule string, from time.Time, n int) ([]time.Time, error) {
	parsed, err := parseSchedule(schedule)
	if err != nil {
		return nil, fmt.Errorf("schedule %q: %w", schedule, err)
	}
	var runs []time.Time
	at := from
	for len(runs) < n {
		// The library looks five years ahead: the 29th of February of 2104 is out
		// of its sight from 2096.
		if at = parsed.next(at); at.IsZero() {
			break
		}
		runs = append(runs, at)
	}
	return runs, nil
}

package planfile

import (
	"cmp"
	"time"

	"github.com/wxrollout/wxrollout/rollout/calendar"
)

// startLayouts are the ways to write a start. The zone is required: people and machines in several
// zones read a plan.
var startLayouts = []string{"2006-01-02T15:04Z07:00", "2006-01-02T15:04:05Z07:00"}

// readTimes reads start, schedule and timezone. The schedule is returned with its zone.
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
	own, fields, err := calendar.SplitSchedule(text)
	if err != nil {
		top.fault("schedule", text, "%v", err)
		return start, ""
	}
	if own != "" && zone != "" {
		top.fault("timezone", zone, "the schedule names its zone itself: want one of them")
	} else if zone != "" {
		if err := calendar.CheckZone(zone); err != nil {
			top.fault("timezone", zone, "%v", err)
			return start, ""
		}
	}
	schedule = calendar.JoinSchedule(cmp.Or(own, zone, calendar.DefaultZone), fields)
	if err := calendar.CheckSchedule(schedule); err != nil {
		top.fault("schedule", text, "%v", err)
	}
	return start, schedule
}

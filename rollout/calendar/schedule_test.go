package calendar_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/rollout/calendar"
)

// TestRunsWhereClocksChange takes the days on which clocks jump, one line per schedule.
func TestRunsWhereClocksChange(t *testing.T) {
	for _, tc := range []struct {
		name, zone, fields, from string
		want                     string // wall times with their offset, in order
	}{
		{"Berlin, missing", "Europe/Berlin", "30 2 * * *", "2026-03-28T12:00Z", "29 03:00+0200, 30 02:30+0200"},
		{"Berlin, twice", "Europe/Berlin", "30 2 * * *", "2026-10-24T12:00Z", "25 02:30+0200, 26 02:30+0100"},
		{"Berlin, every 15 minutes of a missing hour", "Europe/Berlin", "*/15 2 * * *", "2026-03-28T12:00Z", "29 03:00+0200, 30 02:00+0200"},
		{"Berlin, around a missing hour", "Europe/Berlin", "*/30 1-3 * * *", "2026-03-29T00:10Z", "29 01:30+0100, 29 03:00+0200, 29 03:30+0200, 30 01:00+0200"},
		{"Berlin, every 15 minutes of an hour twice", "Europe/Berlin", "*/15 2 * * *", "2026-10-24T12:00Z", "25 02:00+0200, 25 02:15+0200, 25 02:30+0200, 25 02:45+0200, 26 02:00+0100"},
		{"Berlin, every 15 minutes goes on in the second hour", "Europe/Berlin", "*/15 * * * *", "2026-10-25T00:40Z", "25 02:45+0200, 25 02:00+0100, 25 02:15+0100"},
		{"Berlin, every 15 minutes over the gap", "Europe/Berlin", "*/15 * * * *", "2026-03-29T00:40Z", "29 01:45+0100, 29 03:00+0200, 29 03:15+0200"},
		{"Berlin, hourly over the gap", "Europe/Berlin", "30 * * * *", "2026-03-29T00:00Z", "29 01:30+0100, 29 03:30+0200"},
		{"Berlin, from between the two", "Europe/Berlin", "30 2 * * *", "2026-10-25T01:00Z", "26 02:30+0100"},
		{"New York, missing", "America/New_York", "30 2 * * *", "2026-03-07T12:00Z", "08 03:00-0400, 09 02:30-0400"},
		{"New York, twice", "America/New_York", "30 1 * * *", "2026-10-31T12:00Z", "01 01:30-0400, 02 01:30-0500"},
		{"New York, a Sunday in spring", "America/New_York", "0 2 8 3 *", "2026-01-01T00:00Z", "08 03:00-0400"},
		{"Lord Howe, missing", "Australia/Lord_Howe", "15 2 * * *", "2026-10-03T00:00Z", "04 02:30+1100, 05 02:15+1100"},
		{"Lord Howe, twice", "Australia/Lord_Howe", "45 1 * * *", "2026-04-04T00:00Z", "05 01:45+1100, 06 01:45+1030"},
		{"Lord Howe, every 15 minutes", "Australia/Lord_Howe", "*/15 * * * *", "2026-04-04T14:40Z", "05 01:45+1100, 05 01:30+1030, 05 01:45+1030, 05 02:00+1030"},
		{"Beirut, midnight is missing", "Asia/Beirut", "30 0 * * *", "2026-03-28T12:00Z", "29 01:00+0300, 30 00:30+0300"},
		{"Apia, a day is missing", "Pacific/Apia", "0 2 30 12 *", "2011-12-01T00:00Z", "31 00:00+1400, 30 02:00+1400"},
		{"Shanghai has no change", "Asia/Shanghai", "30 2 * * *", "2026-03-28T12:00Z", "29 02:30+0800, 30 02:30+0800"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			from, err := time.Parse("2006-01-02T15:04Z07:00", tc.from)
			if err != nil {
				t.Fatal(err)
			}
			want := strings.Split(tc.want, ", ")
			runs, err := calendar.NextRuns("CRON_TZ="+tc.zone+" "+tc.fields, from, len(want))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range runs {
				got = append(got, r.Format("02 15:04-0700"))
			}
			if !slices.Equal(got, want) {
				t.Errorf("runs %v, want %v", got, want)
			}
		})
	}
}

// TestRunsOfEachWallTime compares with a walk over all minutes around a change: each
// wall time of the schedule has one run, at the first minute that shows it, or at the
// first minute after it if none does.
func TestRunsOfEachWallTime(t *testing.T) {
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 0))
	for range 200 {
		zone := []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Beirut", "America/Santiago"}[rnd.IntN(5)]
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		_, change := time.Date(2026, time.Month(1+rnd.IntN(12)), 1, 0, 0, 0, 0, loc).ZoneBounds()
		from := change.Add(-time.Duration(12+rnd.IntN(24)) * time.Hour).Add(time.Duration(rnd.IntN(60)) * time.Minute)
		minute, hour := 15*rnd.IntN(4), rnd.IntN(4)
		spec := fmt.Sprintf("CRON_TZ=%s %d %d * * *", zone, minute, hour)

		var want []time.Time
		shown := from.In(loc).Format("2006-01-02 15:04")
		for at := from.Truncate(time.Minute).Add(time.Minute); len(want) < 3; at = at.Add(time.Minute) {
			now := at.In(loc)
			if now.Format("2006-01-02 15:04") <= shown {
				continue // shown before
			}
			due := time.Date(now.Year(), now.Month(), now.Day(), hour, minute, 0, 0, time.UTC).Format("2006-01-02 15:04")
			if shown < due && due <= now.Format("2006-01-02 15:04") {
				want = append(want, at)
			}
			shown = now.Format("2006-01-02 15:04")
		}
		got, err := calendar.NextRuns(spec, from, 3)
		if err != nil || !slices.EqualFunc(got, want, time.Time.Equal) {
			t.Fatalf("seed %d: %s from %s: %v, %v; want %v", seed, spec, from, got, err, want)
		}
	}
}

func TestNextRuns(t *testing.T) {
	t.Parallel()
	from := time.Date(2026, 1, 15, 0, 0, 0, 0, time.UTC)
	for _, tc := range []struct{ schedule, want string }{
		{"0 2 1 * *", "2026-02-01T02:00:00+08:00 2026-03-01T02:00:00+08:00"},
		{"CRON_TZ=Europe/Paris  0 2 1 * *", "2026-02-01T02:00:00+01:00 2026-03-01T02:00:00+01:00"},
		{"30 22 * * MON", "2026-01-19T22:30:00+08:00 2026-01-26T22:30:00+08:00"},
		{"0 0 29 2 *", "2028-02-29T00:00:00+08:00 2032-02-29T00:00:00+08:00"},
	} {
		t.Run(tc.schedule, func(t *testing.T) {
			t.Parallel()
			runs, err := calendar.NextRuns(tc.schedule, from, 2)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, at := range runs {
				got = append(got, at.Format(time.RFC3339))
			}
			if s := strings.Join(got, " "); s != tc.want {
				t.Errorf("got %s, want %s", s, tc.want)
			}
		})
	}
	if runs, err := calendar.NextRuns("0 0 29 2 *", time.Date(2095, 1, 1, 0, 0, 0, 0, time.UTC), 3); err != nil || len(runs) != 1 {
		t.Errorf("got %v, %v, want the one run five years see", runs, err)
	}
	if _, err := calendar.NextRuns("TZ=UTC", from, 1); err == nil {
		t.Error("took TZ=UTC for a schedule")
	}
}

// FuzzNextRuns: no schedule makes the cron library panic through us.
func FuzzNextRuns(f *testing.F) {
	f.Add("CRON_TZ=Asia/Shanghai 0 2 1 * *")
	f.Add("*/5 1-3,7 ? JAN-MAR SUN")
	f.Fuzz(func(t *testing.T, schedule string) {
		from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		runs, err := calendar.NextRuns(schedule, from, 3)
		if err != nil {
			return
		}
		for _, at := range runs {
			if !at.After(from) {
				t.Fatalf("%q comes at %v, not after %v", schedule, at, from)
			}
			from = at
		}
	})
}

func ExampleNextRuns() {
	from := time.Date(2026, 1, 15, 0, 0, 0, 0, time.UTC)
	runs, err := calendar.NextRuns("CRON_TZ=Asia/Shanghai 0 2 1 * *", from, 2)
	fmt.Println(runs[0], runs[1], err)
	// Output:
	// 2026-02-01 02:00:00 +0800 CST 2026-03-01 02:00:00 +0800 CST <nil>
}

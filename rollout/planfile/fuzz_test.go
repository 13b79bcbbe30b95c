package planfile_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/rollout/planfile"
)

// FuzzParse: no text makes the reader panic or give a half-read plan; a sound
// one freezes or says why not, and its schedule comes.
func FuzzParse(f *testing.F) {
	f.Add(planfile.Sample())
	f.Add([]byte(minimal))
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := planfile.Parse("plan.yaml", text, files{"apps.csv": "appid\n" + id1}.open)
		if err != nil {
			var faults planfile.Faults
			if !errors.As(err, &faults) || len(faults) == 0 || file != nil {
				t.Fatalf("got %v and %v, want Faults alone", file, err)
			}
			_ = err.Error()
			return
		}
		plan, err := file.Freeze(file.Template.Pinned(), 100)
		if err == nil {
			sum := 0
			for _, w := range plan.Waves {
				sum += w.Size
			}
			if sum != 100 {
				t.Fatalf("waves take %d of 100", sum)
			}
		}
		if file.Schedule != "" {
			runs, err := planfile.NextRuns(file.Schedule, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), 1)
			if err != nil || len(runs) != 1 {
				t.Fatalf("schedule %q: %v, %v", file.Schedule, runs, err)
			}
		}
	})
}

// FuzzReadApps: no bytes make the reader panic; what it takes is sound.
func FuzzReadApps(f *testing.F) {
	f.Add([]byte("appid,label\n" + id1 + ",One\n"))
	f.Add([]byte(id1 + "\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		apps, err := planfile.ReadApps("apps.csv", bytes.NewReader(text))
		if err != nil {
			var faults planfile.Faults
			if !errors.As(err, &faults) || apps != nil {
				t.Fatalf("got %v and %v, want Faults alone", apps, err)
			}
			return
		}
		seen := make(map[string]bool)
		for _, app := range apps.All() {
			if len(app.AppID) != 18 || seen[app.AppID] || len(app.Columns) != len(apps.Columns()) || app.Line < 1 {
				t.Fatalf("took %+v", app)
			}
			seen[app.AppID] = true
		}
		if len(seen) == 0 {
			t.Fatal("took a list of nothing")
		}
	})
}

// FuzzNextRuns: no schedule makes the cron library panic through us.
func FuzzNextRuns(f *testing.F) {
	f.Add("CRON_TZ=Asia/Shanghai 0 2 1 * *")
	f.Add("*/5 1-3,7 ? JAN-MAR SUN")
	f.Fuzz(func(t *testing.T, schedule string) {
		from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		runs, err := planfile.NextRuns(schedule, from, 3)
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

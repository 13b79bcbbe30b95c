package operator

import (
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/quota"
	"github.com/wxrollout/wxrollout/internal/view"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/calendar"
)

// TestEstimateOfPlans: an end that depends on a person, a window or the quota has no date, and the reason is named.
func TestEstimateOfPlans(t *testing.T) {
	t.Parallel()
	night, err := calendar.ParseWindow("02:00-06:00 UTC")
	if err != nil {
		t.Fatal(err)
	}
	noon := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	open := quota.Pool{Stage: rollout.StageSubmit, State: "open", Known: true, Rest: 1000, Limit: 1000}
	tests := map[string]struct {
		plan func(*rollout.Rollout)
		now  time.Time
		rate float64
		want Estimate
	}{
		"a steady rate":     {rate: 2, want: Estimate{Left: 30 * time.Minute}},
		"nothing ends":      {want: Estimate{Unknown: "nothing ended in the last 5m0s"}},
		"in the window":     {plan: func(r *rollout.Rollout) { r.Plan.Release.Window = &night }, now: noon.Add(15 * time.Hour), rate: 2, want: Estimate{Left: 30 * time.Minute}},
		"before the window": {plan: func(r *rollout.Rollout) { r.Plan.Release.Window = &night }, rate: 2, want: Estimate{Unknown: "releases wait for the window 02:00-06:00 UTC, which opens in 14h00m"}},
		"gray steps":        {plan: func(r *rollout.Rollout) { r.Plan.Release.Gray, r.Plan.Release.Every = []int{1, 10, 100}, time.Hour }, rate: 2, want: Estimate{Left: 150 * time.Minute}},
		"releases by hand":  {plan: func(r *rollout.Rollout) { r.Plan.Release.When = rollout.ReleaseManual }, rate: 2, want: Estimate{Unknown: "releases wait for an approval: enqueue approve spring-1"}},
		"releases approved": {plan: func(r *rollout.Rollout) { r.Plan.Release.When, r.ReleaseApproved = rollout.ReleaseManual, true }, rate: 2, want: Estimate{Left: 30 * time.Minute}},
		"a wave by hand":    {plan: func(r *rollout.Rollout) { r.Plan.Waves[0].Approve = true }, rate: 2, want: Estimate{Unknown: "wave canary ends with an approval: enqueue promote spring-1"}},
		"promoted":          {plan: func(r *rollout.Rollout) { r.Plan.Waves[0].Approve, r.OpenWave = true, 1 }, rate: 2, want: Estimate{Left: 30 * time.Minute}},
		"more than the quota": {plan: func(r *rollout.Rollout) {
			r.Counts[rollout.Cell{Wave: 1, Stage: rollout.StagePreflight, State: rollout.StatePending}] = 2000
		}, rate: 2, want: Estimate{Unknown: "2010 targets want a submission, 1000 are left"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := rollout.Rollout{
				ID: "spring-1", Status: rollout.StatusRunning, Total: 60,
				Plan: rollout.Plan{Waves: []rollout.Wave{{Name: "canary", Size: 10}, {Name: "rest", Size: 50}}},
				Counts: rollout.Counts{
					{Wave: 0, Stage: rollout.StageSubmit, State: rollout.StatePending}:                                10,
					{Wave: 1, Stage: rollout.StageVerdict, State: rollout.StateParked, Reason: rollout.ReasonVerdict}: 50,
				},
			}
			if tt.plan != nil {
				tt.plan(&r)
			}
			now := tt.now
			if now.IsZero() {
				now = noon
			}
			if got := estimate(r, view.Summarize(r), open, tt.rate, true, now); got != tt.want {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
}

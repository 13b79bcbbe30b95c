package launch

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/wxrollout/wxrollout/internal/human"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/calendar"
	"github.com/wxrollout/wxrollout/rollout/planfile"
)

// Schedule is a plan that runs again and again.
type Schedule struct {
	Name string `json:"name"`
	// Spec is the cron text with its zone.
	Spec     string           `json:"schedule"`
	Template rollout.Template `json:"template"`
	// Latest reports that each run takes the newest template; Template's id then means nothing.
	Latest bool `json:"latest"`
	// Chooses reports that each run takes the apps of its time; Total is then how many
	// there were last.
	Chooses bool      `json:"chooses"`
	Total   int       `json:"total"`
	By      string    `json:"by"`
	Paused  bool      `json:"paused"`
	Next    time.Time `json:"next,omitzero"`
	// NextRuns are the next few, Next among them.
	NextRuns []time.Time `json:"next_runs,omitempty"`
	// LastRun is when a run began last, LastID its rollout. Runs counts those.
	LastRun time.Time `json:"last_run,omitzero"`
	LastID  string    `json:"last_id,omitempty"`
	Runs    int       `json:"runs"`
	// Missed counts runs that did not begin before the next one came: no worker led, or none could.
	// MissedAt is when a worker found that last.
	Missed   int       `json:"missed"`
	MissedAt time.Time `json:"missed_at,omitzero"`
	// Skipped counts runs that were left out on purpose, SkippedAt and SkippedWhy are of the last:
	// the run before had not ended, or no apps could be chosen.
	Skipped    int       `json:"skipped"`
	SkippedAt  time.Time `json:"skipped_at,omitzero"`
	SkippedWhy string    `json:"skipped_why,omitempty"`
	// Loading reports that its targets are not complete: it never runs so.
	Loading bool `json:"loading,omitempty"`
	// LastChange is when an operator paused or resumed it last, and why; nil if none did.
	LastChange *ledger.TimedAction `json:"last_change,omitempty"`
}

// scheduleView shows a schedule.
func scheduleView(s ledger.Schedule) Schedule {
	v := Schedule{
		Name: s.Name, Spec: s.Spec, Template: s.Plan.Template, Latest: s.Plan.Template.ID == planfile.LatestTemplate, Chooses: s.Recipe != "", Total: s.Total,
		By: s.By, Paused: s.Paused, Next: s.NextRun, LastRun: s.LastRun, LastID: s.LastID, Loading: !s.Sealed,
		Runs: s.Runs, Missed: s.Missed, MissedAt: s.MissedAt, Skipped: s.Skipped, SkippedAt: s.SkippedAt, SkippedWhy: s.SkippedWhy,
	}
	if !s.NextRun.IsZero() && !s.Paused {
		// The ledger holds only what was checked when it was stored.
		v.NextRuns, _ = calendar.NextRuns(s.Spec, s.NextRun.Add(-time.Second), runsShown)
	}
	return v
}

// Schedule stores the plan of a preview to run at the times that it names.
func (l *Launcher) Schedule(ctx context.Context, p *Preview, opt ApplyOptions) (Schedule, error) {
	if err := l.storeSchedule(ctx, p, opt); err != nil {
		return Schedule{}, err
	}
	s, err := l.d.Ledger.Schedule(ctx, p.Name)
	return scheduleView(s), err
}

// runsShown is how many next runs of a schedule lists and previews have.
const runsShown = 5

// Schedules lists all schedules, by their next run. One that can't be read is part of
// the error; the others are listed.
func (l *Launcher) Schedules(ctx context.Context) ([]Schedule, error) {
	list, broken := l.d.Ledger.Schedules(ctx)
	out := make([]Schedule, len(list))
	actions, err := l.d.Ledger.PlatformActions(ctx)
	for i, s := range list {
		out[i] = scheduleView(s)
		out[i].LastChange = lastChange(actions, scheduleSubject(s.Name))
	}
	return out, errors.Join(broken, err)
}

// scheduleSubject names a schedule in the platform's log.
func scheduleSubject(name string) string { return "schedule " + name }

// lastChange is the newest action on a subject; nil if there is none.
func lastChange(actions []ledger.Action, subject string) *ledger.TimedAction {
	for _, a := range slices.Backward(actions) {
		if a.From == subject {
			timed := a.Timed()
			return &timed
		}
	}
	return nil
}

// changeSchedule makes a change, unless in a dry run, and records it. The result is the
// schedule before it.
func (l *Launcher) changeSchedule(ctx context.Context, name, change, why string, dryRun bool, apply func(ledger.Schedule) error) (Schedule, error) {
	s, err := l.d.Ledger.Schedule(ctx, name)
	if err != nil || dryRun {
		return scheduleView(s), err
	}
	if err := apply(s); err != nil {
		return Schedule{}, err
	}
	return scheduleView(s), l.d.Ledger.NotePlatform(ctx, scheduleSubject(name), change, l.d.By, human.Reason(why))
}

// Unschedule deletes a schedule and returns it. Rollouts that it started continue.
func (l *Launcher) Unschedule(ctx context.Context, name, why string, dryRun bool) (Schedule, error) {
	return l.changeSchedule(ctx, name, "deleted", why, dryRun, func(ledger.Schedule) error { return l.d.Ledger.DeleteSchedule(ctx, name) })
}

// PauseSchedule keeps a schedule from running.
func (l *Launcher) PauseSchedule(ctx context.Context, name, why string, dryRun bool) (Schedule, error) {
	s, err := l.changeSchedule(ctx, name, "paused", why, dryRun, func(ledger.Schedule) error { return l.d.Ledger.PauseSchedule(ctx, name) })
	s.Paused, s.NextRuns = true, nil
	return s, err
}

// ResumeSchedule lets a paused schedule run again at its next time. Runs that were due meanwhile
// are not made up for.
func (l *Launcher) ResumeSchedule(ctx context.Context, name, why string, dryRun bool) (Schedule, error) {
	stored, err := l.d.Ledger.Schedule(ctx, name)
	if err != nil {
		return Schedule{}, err
	}
	runs, err := calendar.NextRuns(stored.Spec, l.d.Now(), 1)
	if err != nil {
		return Schedule{}, err
	}
	var at time.Time
	if len(runs) > 0 {
		at = runs[0]
	}
	s, err := l.changeSchedule(ctx, name, "resumed", why, dryRun, func(ledger.Schedule) error { return l.d.Ledger.ResumeSchedule(ctx, name, at) })
	s.Paused, s.Next = false, at
	return s, err
}

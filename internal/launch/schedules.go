package launch

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/calendar"
	"github.com/wxrollout/wxrollout/rollout/filefault"
	"github.com/wxrollout/wxrollout/rollout/planfile"
)

// storeSchedule stores the plan of a preview to run at the times that it names, beginning with the
// next. The same content again only changes when it runs; other content under the name is a
// *ledger.ScheduleTakenError. An interruption is an *InterruptedError: the same call again
// completes the schedule.
func (l *Launcher) storeSchedule(ctx context.Context, p *Preview, opt ApplyOptions) error {
	switch {
	case p.Schedule == "":
		return ErrNotScheduled
	case len(p.NextRuns) == 0:
		return fmt.Errorf("schedule %s: %q never fires in the next years", p.Name, p.Schedule)
	}
	if err := p.refuse(opt); err != nil {
		return err
	}
	zone, _, _ := strings.Cut(strings.TrimPrefix(p.Schedule, "CRON_TZ="), " ")
	sealed, err := l.d.Ledger.PutSchedule(ctx, ledger.Schedule{
		Name: p.Name, Spec: p.Schedule, Zone: zone, Plan: p.compiled.Plan, Digest: p.Digest, Total: p.Total,
		Recipe: p.compiled.Recipe, By: l.d.By, NextRun: p.NextRuns[0],
	})
	switch {
	case err != nil || sealed:
		return err
	case p.compiled.Recipe != "": // each run chooses its targets
		return l.d.Ledger.SealSchedule(ctx, p.Name, 0)
	}
	w := load{total: p.Total, progress: opt.Progress, add: func(ctx context.Context, batch []rollout.Target) (int, error) {
		return l.d.Ledger.AddScheduleTargets(ctx, p.Name, batch)
	}}
	if err = w.run(ctx, p.compiled.Targets()); err == nil {
		err = l.d.Ledger.SealSchedule(ctx, p.Name, p.Total)
	}
	if err != nil {
		return &InterruptedError{ID: p.Name, Done: w.done, Total: p.Total, Err: err}
	}
	return nil
}

// Fired is one run of a schedule.
type Fired struct {
	Schedule string
	// ID is the rollout of the run; "" if it was skipped.
	ID string
	// At is when it was due. Missed is how many later runs have passed since: the schedule runs once
	// for all of them.
	At     time.Time
	Missed int
	// Skipped is why the run was skipped; "" if it was not.
	Skipped string
	// Targets is how many the rollout has.
	Targets int
}

// FireDue begins the rollouts of the schedules that are due. Several calls at once, or one after
// another that crashed, begin each run once: its id consists of the schedule and the time it was
// due. An error of one schedule does not keep the others from running.
func (l *Launcher) FireDue(ctx context.Context) ([]Fired, error) {
	due, err := l.d.Ledger.DueSchedules(ctx)
	errs := []error{err} // of those that can't be read
	var fired []Fired
	for _, s := range due {
		f, won, err := l.fire(ctx, s)
		if err != nil {
			errs = append(errs, fmt.Errorf("schedule %s, run of %s: %w", s.Name, s.NextRun.UTC().Format(time.RFC3339), err))
		} else if won {
			fired = append(fired, f)
		}
	}
	return fired, errors.Join(errs...)
}

// runID names one run of a schedule.
func runID(s ledger.Schedule) string {
	return s.Name + "-" + s.NextRun.UTC().Format("20060102T1504")
}

// holdFor is how long a due run waits for the run before it, before it is skipped. A target that
// waits for its merchant is checked every few hours, for seconds: that must not skip a run. It is
// less than the least time between two runs.
const holdFor = 30 * time.Second

// fire makes the rollout of one due run and moves the schedule on. won is false if another call
// moved it on first, or if the run waits for the one before it.
func (l *Launcher) fire(ctx context.Context, s ledger.Schedule) (f Fired, won bool, err error) {
	f = Fired{Schedule: s.Name, At: s.NextRun, ID: runID(s), Targets: s.Total}
	next, missed, err := l.after(s)
	if err != nil {
		return f, false, err
	}
	f.Missed = missed
	before, holds, err := l.runBefore(ctx, s.Name, f.ID)
	if err != nil || holds != "" && l.d.Now().Sub(s.NextRun) < holdFor {
		return f, false, err
	}
	if f.Skipped = holds; holds == "" {
		f.Skipped, err = l.chooseRun(ctx, &s)
	}
	if err == nil && f.Skipped == "" {
		f.Targets = s.Total
		f.Skipped, err = l.start(ctx, s, f.ID, before)
	}
	if err != nil {
		return f, false, err
	}
	if f.Skipped != "" {
		f.ID = ""
		won, err = l.d.Ledger.SkipSchedule(ctx, s.Name, s.NextRun, next, missed, f.Skipped)
		return f, won, err
	}
	won, err = l.d.Ledger.FireSchedule(ctx, s.Name, f.ID, s.NextRun, next, missed)
	return f, won, err
}

// runBefore finds the rollout that has the name of a run: before is its id, and holds is why the
// run can't begin beside it. Both are "" if the name is free. A rollout that can't be read is left
// to Create, which knows whether it still has the name.
func (l *Launcher) runBefore(ctx context.Context, name, id string) (before, holds string, err error) {
	before, err = l.d.Ledger.ByName(ctx, name)
	if errors.Is(err, ledger.ErrNotFound) || before == id {
		return "", "", nil
	}
	if err != nil {
		return "", "", err
	}
	r, err := l.d.Ledger.Rollout(ctx, before)
	if errors.Is(err, ledger.ErrNotFound) || errors.As(err, new(*ledger.BrokenError)) || r.Status == rollout.StatusLoading {
		return "", "", nil
	}
	if err != nil {
		return "", "", err
	}
	elsewhere, err := l.merchantsElsewhere(ctx, r)
	if err != nil {
		return "", "", err
	}
	if holds = r.HoldsNextRun(elsewhere); holds != "" {
		holds = fmt.Sprintf("rollout %s of this name is still %s: %s", before, r.Status, holds)
	}
	return before, holds, nil
}

// elsewhereMax bounds how many targets a run may leave to other rollouts and still be complete.
const elsewhereMax = 100

// merchantsElsewhere counts the targets of a rollout that wait for another rollout whose target
// waits for the merchant. It reads the rollout's targets only if nothing else is unfinished.
func (l *Launcher) merchantsElsewhere(ctx context.Context, r rollout.Rollout) (int, error) {
	waiting := r.Counts.Parked(rollout.ReasonOwner)
	if waiting == 0 || waiting > elsewhereMax || r.HoldsNextRun(waiting) != "" {
		return 0, nil
	}
	var apps []string
	for t, err := range l.d.Ledger.Targets(ctx, r.ID) {
		if err == nil && t.State == rollout.StateParked && t.Reason == rollout.ReasonOwner {
			apps = append(apps, t.AppID)
		}
	}
	owners, err := l.d.Ledger.Owners(ctx, apps)
	if err != nil {
		return 0, err
	}
	keys := make([]ledger.TargetKey, 0, len(owners))
	for app, owner := range owners {
		keys = append(keys, ledger.TargetKey{Rollout: owner, AppID: app})
	}
	found, err := l.d.Ledger.Lookup(ctx, keys)
	n := 0
	for _, f := range found {
		if f.There && f.Err == nil && f.Target.WaitsForMerchant() {
			n++
		}
	}
	return n, err
}

// after is the schedule's next run from now on (zero for none), and how many runs after the due one
// have passed.
func (l *Launcher) after(s ledger.Schedule) (next time.Time, missed int, err error) {
	const page = 100
	at := s.NextRun
	for {
		runs, err := calendar.NextRuns(s.Spec, at, page)
		if err != nil {
			return time.Time{}, missed, err
		}
		for _, at = range runs {
			if at.After(l.d.Now()) {
				return at, missed, nil
			}
			missed++
		}
		if len(runs) < page {
			return time.Time{}, missed, nil
		}
	}
}

// chooseRun chooses the targets of a run whose plan takes apps of the registry: those of now. They
// are frozen before the rollout is created, so that a second try of the same run, after a crash or
// by a worker beside this one, begins the same rollout. A run whose plan matches no apps any more
// is skipped.
func (l *Launcher) chooseRun(ctx context.Context, s *ledger.Schedule) (skipped string, err error) {
	if s.Recipe == "" || s.Frozen {
		return "", nil
	}
	file, err := planfile.FromRecipe(s.Recipe)
	if err != nil {
		return "", err
	}
	list, _, err := l.chosen(ctx, file)
	if faults := (filefault.Faults)(nil); errors.As(err, &faults) {
		return faults.Error(), nil
	}
	if err != nil {
		return "", err
	}
	template := s.Plan.Template
	placeholder := template
	if file.Template.Latest && placeholder.Version == "" { // the template is found when the rollout is created
		placeholder.Version = "latest"
	}
	plan, err := file.Freeze(placeholder, list.Len())
	if err != nil {
		return "", err
	}
	plan.Quota, plan.Template = s.Plan.Quota, template
	next := *s
	next.Plan, next.Total = plan, list.Len()
	token := rand.Text()
	w := load{total: next.Total, add: func(ctx context.Context, batch []rollout.Target) (int, error) {
		return len(batch), l.d.Ledger.DraftRun(ctx, s.Name, token, batch)
	}}
	if err := w.run(ctx, planfile.Targets(plan, list)); err != nil {
		return "", err
	}
	if err := l.d.Ledger.FreezeRun(ctx, next, token); err != nil {
		return "", err
	}
	// Another worker may have frozen its choice first, and the schedule may have changed.
	at := s.NextRun
	if *s, err = l.d.Ledger.Schedule(ctx, s.Name); err != nil {
		return "", err
	}
	if !s.Frozen || !s.NextRun.Equal(at) {
		return "", errors.New("choose the targets of a run: the schedule was changed meanwhile: trying again")
	}
	return "", nil
}

// start makes the rollout of a run, which takes its name from the rollout before; skipped is why
// not. A rollout of the id that exists already is the work of a call that crashed, or of one beside
// this one: what it left undone is done.
func (l *Launcher) start(ctx context.Context, s ledger.Schedule, id, before string) (skipped string, err error) {
	plan, err := l.planOf(ctx, s)
	if err != nil {
		return "", err
	}
	_, err = l.write(ctx, Rollout{
		NewRollout: ledger.NewRollout{ID: id, Plan: plan, Digest: s.Digest, After: before},
		Targets:    l.d.Ledger.ScheduleTargets(ctx, s.Name), Total: s.Total, By: "schedule", Why: "due " + s.NextRun.UTC().Format(time.RFC3339),
	})
	if taken := (*ledger.TakenError)(nil); errors.As(err, &taken) && taken.Status != rollout.StatusLoading {
		return fmt.Sprintf("rollout %s of this name is still %s", taken.Other, taken.Status), nil
	}
	status, moved := movedOn(err)
	switch {
	case !moved:
		return "", err
	case status == rollout.StatusAborted:
		return "rollout " + id + " was aborted while it was written", nil
	default:
		return "", nil
	}
}

// planOf is the plan that a run applies: the schedule's, with the newest template if it asks for
// that.
func (l *Launcher) planOf(ctx context.Context, s ledger.Schedule) (rollout.Plan, error) {
	plan := s.Plan
	if plan.Template.ID != planfile.LatestTemplate {
		return plan, nil
	}
	newest, _, err := l.d.Templates.Find(ctx, planfile.TemplateSpec{Latest: true}, false)
	if err != nil {
		return plan, err
	}
	spec := planfile.TemplateSpec{Latest: true, Version: plan.Template.Version, Desc: plan.Template.Desc}
	if plan.Template, err = spec.Pin(newest); err != nil {
		return plan, fmt.Errorf("freeze plan %s: %w", s.Name, err)
	}
	return plan, nil
}

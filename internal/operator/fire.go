package operator

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/planfile"
)

// Fired is one run of a schedule.
type Fired struct {
	Schedule string
	// ID is the rollout of the run; "" if it was left out.
	ID string
	// At is when it was due, Missed how many later runs had passed meanwhile: the
	// schedule runs once for all of them.
	At     time.Time
	Missed int
	// Skipped says why the run was left out; "" if it was not.
	Skipped string
	// Targets is how many the rollout has.
	Targets int
}

// FireDue starts the rollouts of the schedules whose time has come, and says
// which. The worker's leader calls it every few seconds; several at once, or one
// after another that crashed midway, start each run once, because its id is made
// of the schedule and the time it was due. An error of one schedule doesn't keep
// the others from running; the next call tries it again.
func (o *Operator) FireDue(ctx context.Context) ([]Fired, error) {
	due, err := o.ledger.DueSchedules(ctx)
	errs := []error{err} // of those that can't be read
	var fired []Fired
	for _, s := range due {
		f, won, err := o.fire(ctx, s)
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

// holdFor is how long a due run waits for the one before it, before it is skipped. A target that
// waits for its merchant is looked at each few hours, for seconds: that must not skip a run. It is
// less than the least time between two runs.
const holdFor = 30 * time.Second

// fire makes the rollout of one due run and moves the schedule on; won is false
// if somebody else moved it on first, or if the run is to be looked at again.
func (o *Operator) fire(ctx context.Context, s ledger.Schedule) (f Fired, won bool, err error) {
	f = Fired{Schedule: s.Name, At: s.NextRun, ID: runID(s), Targets: s.Total}
	next, missed, err := o.after(s)
	if err != nil {
		return f, false, err
	}
	f.Missed = missed
	before, holds, err := o.runBefore(ctx, s.Name, f.ID)
	if err != nil || holds != "" && o.now().Sub(s.NextRun) < holdFor {
		return f, false, err
	}
	if f.Skipped = holds; holds == "" {
		f.Skipped, err = o.chooseRun(ctx, &s)
	}
	if err == nil && f.Skipped == "" {
		f.Targets = s.Total
		f.Skipped, err = o.start(ctx, s, f.ID, before)
	}
	if err != nil {
		return f, false, err
	}
	if f.Skipped != "" {
		f.ID = ""
		won, err = o.ledger.SkipSchedule(ctx, s.Name, s.NextRun, next, missed, f.Skipped)
		return f, won, err
	}
	won, err = o.ledger.FireSchedule(ctx, s.Name, f.ID, s.NextRun, next, missed)
	return f, won, err
}

// runBefore finds the rollout that has the name of a run: before is its id, and holds says why the
// run can't begin beside it; both are "" if nobody has the name. What can't be read is left to
// Create, which knows whether it still has the name.
func (o *Operator) runBefore(ctx context.Context, name, id string) (before, holds string, err error) {
	before, err = o.ledger.ByName(ctx, name)
	if errors.Is(err, ledger.ErrNotFound) || before == id {
		return "", "", nil
	}
	if err != nil {
		return "", "", err
	}
	r, err := o.ledger.Rollout(ctx, before)
	if errors.Is(err, ledger.ErrNotFound) || errors.As(err, new(*ledger.BrokenError)) || r.Status == rollout.StatusLoading {
		return "", "", nil
	}
	if err != nil {
		return "", "", err
	}
	elsewhere, err := o.merchantsElsewhere(ctx, r)
	if err != nil {
		return "", "", err
	}
	if holds = r.HoldsNextRun(elsewhere); holds != "" {
		holds = fmt.Sprintf("rollout %s of this name is still %s: %s", before, r.Status, holds)
	}
	return before, holds, nil
}

// elsewhereMax bounds how many targets a run may leave to other rollouts, and still be complete.
const elsewhereMax = 100

// merchantsElsewhere counts the targets of a rollout that wait for another rollout whose target
// waits for the merchant. It reads the rollout's targets only if nothing else is left of it.
func (o *Operator) merchantsElsewhere(ctx context.Context, r rollout.Rollout) (int, error) {
	waiting := r.Counts.Parked(rollout.ReasonOwner)
	if waiting == 0 || waiting > elsewhereMax || r.HoldsNextRun(waiting) != "" {
		return 0, nil
	}
	var apps []string
	for t, err := range o.ledger.Targets(ctx, r.ID) {
		if err == nil && t.State == rollout.StateParked && t.Reason == rollout.ReasonOwner {
			apps = append(apps, t.AppID)
		}
	}
	owners, err := o.ledger.Owners(ctx, apps)
	if err != nil {
		return 0, err
	}
	keys := make([]ledger.TargetKey, 0, len(owners))
	for app, owner := range owners {
		keys = append(keys, ledger.TargetKey{Rollout: owner, AppID: app})
	}
	found, err := o.ledger.Lookup(ctx, keys)
	n := 0
	for _, f := range found {
		if f.There && f.Err == nil && f.Target.WaitsForMerchant() {
			n++
		}
	}
	return n, err
}

// after is the schedule's next run from now on (zero for none), and how many runs
// after the due one have passed.
func (o *Operator) after(s ledger.Schedule) (next time.Time, missed int, err error) {
	const page = 100
	at := s.NextRun
	for {
		runs, err := planfile.NextRuns(s.Spec, at, page)
		if err != nil {
			return time.Time{}, missed, err
		}
		for _, at = range runs {
			if at.After(o.now()) {
				return at, missed, nil
			}
			missed++
		}
		if len(runs) < page {
			return time.Time{}, missed, nil
		}
	}
}

// chooseRun chooses the targets of a run whose plan takes apps of the registry: those
// of now. They are frozen before the rollout is begun, so that a second try of the
// same run, after a crash or by a worker beside us, begins the same one. A registry
// that has none, or that the plan doesn't fit any more, skips the run.
func (o *Operator) chooseRun(ctx context.Context, s *ledger.Schedule) (skipped string, err error) {
	if s.Recipe == "" || s.Frozen {
		return "", nil
	}
	file, err := planfile.FromRecipe(s.Recipe)
	if err != nil {
		return "", err
	}
	list, _, err := o.chosen(ctx, file)
	if faults := (planfile.Faults)(nil); errors.As(err, &faults) {
		return faults.Error(), nil
	}
	if err != nil {
		return "", err
	}
	latest := s.Plan.Template
	frozen, err := file.Freeze(pinned(file, latest), list.Len())
	if err != nil {
		return "", err
	}
	frozen.Quota, frozen.Template = s.Plan.Quota, latest
	next := *s
	next.Plan, next.Total = frozen, list.Len()
	p := &Preview{Plan: frozen, Total: list.Len(), apps: list}
	token := rand.Text()
	l := &load{total: p.Total, add: func(ctx context.Context, batch []rollout.Target) (int, error) {
		return len(batch), o.ledger.DraftRun(ctx, s.Name, token, batch)
	}}
	if err := l.run(ctx, func(n int) rollout.Target { return p.target(n, time.Time{}) }); err != nil {
		return "", err
	}
	if err := o.ledger.FreezeRun(ctx, next, token); err != nil {
		return "", err
	}
	// What was frozen may be somebody else's choice, and the schedule another by now.
	at := s.NextRun
	if *s, err = o.ledger.Schedule(ctx, s.Name); err != nil {
		return "", err
	}
	if !s.Frozen || !s.NextRun.Equal(at) {
		return "", errors.New("somebody changed the schedule meanwhile")
	}
	return "", nil
}

// pinned is a template that the plan can be frozen with; what a schedule with latest:
// true commits is found when the rollout is begun.
func pinned(file *planfile.File, t rollout.Template) rollout.Template {
	if file.Template.Latest && t.Version == "" {
		t.Version = "latest"
	}
	return t
}

// start makes the rollout of a run, which takes its name from the rollout before, and lets it go;
// skipped says why not. A rollout of the id that is there already is the work of a call that crashed
// since, or of one beside us: what it left undone is done.
func (o *Operator) start(ctx context.Context, s ledger.Schedule, id, before string) (skipped string, err error) {
	plan, err := o.planOf(ctx, s)
	if err != nil {
		return "", err
	}
	created, err := o.ledger.Create(ctx, ledger.NewRollout{ID: id, Plan: plan, Digest: s.Digest, After: before})
	if taken := (*ledger.TakenError)(nil); errors.As(err, &taken) && taken.Status != rollout.StatusLoading {
		return fmt.Sprintf("rollout %s of this name is still %s", taken.Other, taken.Status), nil
	}
	if err != nil {
		return "", err
	}
	if !created.New && created.Status != rollout.StatusLoading {
		return "", nil
	}
	if err := o.copyTargets(ctx, s.Name, id); err != nil {
		return o.elsewhere(err)
	}
	if err := o.addToPlatform(ctx, plan, o.ledger.ScheduleTargets(ctx, s.Name)); err != nil {
		return "", err
	}
	err = o.ledger.Seal(ctx, id, s.Total, false, "schedule", "due "+s.NextRun.UTC().Format(time.RFC3339))
	return o.elsewhere(err)
}

// elsewhere forgives that somebody else moved the rollout on while we wrote it.
func (o *Operator) elsewhere(err error) (skipped string, _ error) {
	status := (*ledger.StatusError)(nil)
	if !errors.As(err, &status) || status.Status == "" {
		return "", err
	}
	if status.Status == rollout.StatusAborted {
		return "rollout " + status.Rollout + " was aborted while it was written", nil
	}
	return "", nil
}

// planOf is what a run applies: the schedule's plan, with the newest template if
// it asks for that.
func (o *Operator) planOf(ctx context.Context, s ledger.Schedule) (rollout.Plan, error) {
	plan := s.Plan
	if plan.Template.ID != LatestTemplate {
		return plan, nil
	}
	newest, _, err := o.library.Find(ctx, planfile.TemplateSpec{Latest: true}, false)
	if err != nil {
		return plan, err
	}
	// The plan file's own rules make the library's words fit.
	file := planfile.File{
		Name:     s.Name,
		Template: planfile.TemplateSpec{Latest: true, Version: plan.Template.Version, Desc: plan.Template.Desc},
		Waves:    []planfile.WaveSpec{{Name: "all"}},
	}
	frozen, err := file.Freeze(newest, s.Total)
	plan.Template = frozen.Template
	return plan, err
}

// copyTargets copies a schedule's targets to a rollout, a page at a time.
func (o *Operator) copyTargets(ctx context.Context, schedule, id string) error {
	now := o.now()
	batch := make([]rollout.Target, 0, ledger.AddBatch)
	flush := func() error {
		_, err := o.ledger.Add(ctx, id, batch)
		batch = batch[:0]
		return err
	}
	for t, err := range o.ledger.ScheduleTargets(ctx, schedule) {
		if err != nil {
			return err
		}
		t.Since = now
		if batch = append(batch, t); len(batch) < ledger.AddBatch {
			continue
		}
		if err := flush(); err != nil {
			return err
		}
	}
	if len(batch) == 0 {
		return nil
	}
	return flush()
}

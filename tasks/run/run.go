package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/appconfig"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/extjson"
	"github.com/wxrollout/wxrollout/tasks/classify"
	"github.com/wxrollout/wxrollout/wxclient"
)

// Env is what the runs of a process share.
type Env struct {
	Store     Saver
	Permits   Permits
	AppConfig appconfig.Client // nil refuses plans that have app configuration
	Timing    Timing
	Hooks     Hooks
	Log       zerolog.Logger
	// Random is a number in [0, n).
	Random func(n int64) int64
	// Clock is the clock of this process.
	Clock func() ProcessTime
}

// Run is what the stages of one assignment share: the target, the fence under which it is saved, and
// the intent of each call with effect.
type Run struct {
	*Env
	Assignment rollout.Assignment
	// Target is the target as stored, with the applied events that are not stored yet.
	Target  rollout.Target
	Started rollout.Started
	Parsed
	// Deadline ends the calls. The lease runs from the start at the store, which was after this
	// process asked for it, however long the reply took.
	Deadline ProcessTime
	Permit   Permit
	Log      zerolog.Logger

	// stored is the target as last read or saved, if Target is ahead of it.
	stored *rollout.Target
	// from is the target as it came to its stage.
	from rollout.Target
	// ended are the ends of stages that are not stored yet.
	ended []ending
	clock clock
}

// Parsed is a plan revision with its templates parsed.
type Parsed struct {
	Plan    rollout.Plan
	Ext     *extjson.Template
	Configs *appconfig.Template // nil if the plan has none
}

// New is the run of an assignment that was started. asked is when this process asked for the start.
func New(env *Env, assignment rollout.Assignment, started rollout.Started, asked ProcessTime) *Run {
	r := &Run{
		Env: env, Assignment: assignment, Target: started.Target.NotAfter(started.Now), Started: started,
		Deadline: asked.Add(env.Timing.Assignment), clock: clock{server: serverTime{started.Now}, process: env.Clock(), read: env.Clock},
	}
	r.Enter()
	r.Permit.Lost = r.Target.Intent != nil && !assignment.Permit
	return r
}

// Now is the time on the clock of Redis, for events.
func (r *Run) Now() time.Time { return r.clock.now().t }

// Facts are what outcomes depend on, now.
func (r *Run) Facts() classify.Facts {
	return classify.Facts{Assignment: r.Assignment, Target: r.Target, Now: r.Now(), Waits: r.Timing.Waits}
}

// Draw is the event of an outcome with its wait drawn.
func (r *Run) Draw(o classify.Outcome) rollout.Event { return o.Drawn(r.Random) }

// Wait parks for a reason, and counts it as the reason's own cause.
func (r *Run) Wait(reason rollout.Reason, d time.Duration, lastError rollout.LastError) rollout.Event {
	return r.Draw(r.Facts().Wait(reason, d, lastError))
}

// Apply makes an event part of the target without saving it.
func (r *Run) Apply(e rollout.Event) error {
	next, err := rollout.Step(r.Target, e)
	if err != nil {
		return err
	}
	if r.stored == nil {
		was := r.Target
		r.stored = &was
	}
	r.Target = next
	return nil
}

// Forget drops the events that are not stored.
func (r *Run) Forget() {
	if r.stored != nil {
		r.Target, r.stored, r.ended = *r.stored, nil, r.ended[:0]
	}
}

// Save stores the target with the applied events.
func (r *Run) Save(ctx context.Context, call bool) error {
	was := r.Target
	if r.stored != nil {
		was = *r.stored
	}
	saved, err := r.Store.Save(ctx, was, r.Target, rollout.SaveOptions{Call: call, Lease: r.Timing.Lease, Version: r.Plan.Template.Version})
	if err != nil {
		return err
	}
	r.Target, r.stored = saved, nil
	r.report()
	return nil
}

// Attempt stores the intent, makes a call that must not be repeated blindly, and clears the intent if
// WeChat certainly refused the call or never got it. After an error of unknown outcome the intent
// stays.
func (r *Run) Attempt(ctx context.Context, op rollout.Op, call func(context.Context) error) error {
	return r.AttemptOf(ctx, op, "", call)
}

// AttemptOf is [Run.Attempt] for one of several calls of a kind.
func (r *Run) AttemptOf(ctx context.Context, op rollout.Op, what string, call func(context.Context) error) error {
	if by, ok := r.Superseded(); ok {
		return &classify.SupersededError{By: by}
	}
	if r.Permit.Lost && (r.Assignment.Stage == rollout.StageSubmit || r.Permits.ClosedFor(ctx, r.Assignment.Stage) != "") {
		return &classify.YieldError{Why: "the stage is limited: waits for a permit"}
	}
	before, stored := r.Target, r.stored
	if err := r.Apply(rollout.Intended{At: r.Now(), Op: op, What: what}); err != nil {
		return err
	}
	name := r.Target.Intent.String()
	if err := r.Save(ctx, true); err != nil {
		r.Target, r.stored = before, stored
		return fmt.Errorf("%s was not begun: %w", name, err)
	}
	// A process that was stopped since may have lost its lease: check the clock again.
	if err := r.inTime(ctx); err != nil {
		return errors.Join(err, r.Apply(rollout.Resolved{At: r.Now()}))
	}
	err := call(ctx)
	if err == nil {
		return nil
	}
	if wxclient.IsOutcomeUnknown(err) {
		return &classify.LostError{Op: name, Err: err}
	}
	if e := r.Apply(rollout.Resolved{At: r.Now()}); e != nil {
		return e
	}
	if errors.As(err, new(*wxclient.Error)) {
		return &classify.RefusedWrite{Err: err}
	}
	return err
}

func (r *Run) inTime(ctx context.Context) error {
	if r.Clock().Passed(ctx) {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}

// Unresolved decides on a read-back that found no effect of the open intent. Too soon after the call
// it waits; nil means that the intent was cleared and counted, and the call may be repeated. A write
// that was denied too often fails the target.
func (r *Run) Unresolved() (rollout.Event, error) {
	if r.Target.Intent == nil {
		return nil, nil
	}
	op, last := r.Target.Intent, r.Target.LastError
	if event := r.Facts().TooSoon(); event != nil {
		return event, nil
	}
	if err := r.Apply(rollout.Resolved{At: r.Now(), Note: "read back: it had not taken effect", Denied: true}); err != nil {
		return nil, err
	}
	r.Permit.Denied = op.Op == rollout.OpSubmit
	return r.Facts().Denied(op, last), nil
}

// Superseded is the release of a later rollout that the app is left to: see rollout.Superseded. The
// app is this rollout's since its assignment was started, so that nothing else releases meanwhile.
func (r *Run) Superseded() (by rollout.Release, ok bool) {
	if r.Assignment.Stage == rollout.StageUndo { // an undo is no downgrade of the plan's
		return by, false
	}
	by, ok = rollout.Superseded(r.Plan, r.Assignment.Rollout, r.Started.Created, r.Started.Releases)
	if ok && r.Assignment.Stage == rollout.StagePreflight && by.Version == r.Plan.Template.Version {
		return by, false // preflight finds it up to date
	}
	return by, ok
}

// Saw passes what was read of the app to the hook.
func (r *Run) Saw(ctx context.Context, s Seen) {
	if r.Hooks.Seen != nil {
		r.Hooks.Seen(ctx, r.Assignment.AppID, s)
	}
}

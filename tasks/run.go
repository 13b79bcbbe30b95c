package tasks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/queue"
	"github.com/wxrollout/wxrollout/wxclient"
)

// run is one handler's run of one assignment.
type run struct {
	*Handler
	assignment rollout.Assignment
	// t is the target as it is stored, or as it will be with pending events.
	t rollout.Target
	// from is the target as it came to its stage.
	from rollout.Target
	// ended are the stages' ends that are not stored yet.
	ended []ending
	// stored is the target as it was last read or saved, when t is ahead of it.
	stored *rollout.Target
	parsedPlan
	// deadline is when the calls end, by our clock. The lease runs from the start at
	// the store, which was after we asked for it, however long the reply took.
	deadline time.Time
	began    time.Time // server time at the start
	begun    time.Time // our clock then or later, for what has passed since
	released bool
	created  time.Time         // when the rollout was created
	releases []rollout.Release // of the app, by all rollouts
	// use is what became of the permit, or of a unit that a call of before spent; "" for unused
	use ratelimit.Use
	// denied says that a submission counted as spent is proven not to have taken effect
	denied bool
	// lost says that the assignment was given to read back a call of unknown outcome, without a permit
	lost    bool
	opening int64 // of the stage's pool when its permit was looked at last; 0: it was not
	// refusedProbe says that this assignment was a closed stage's probe, and got no answer
	refusedProbe bool
	log          zerolog.Logger
}

// now is the server's time.
func (r *run) now() time.Time { return r.began.Add(r.Handler.now().Sub(r.begun)) }

// stageFunc makes a stage's calls and says what happened.
type stageFunc func(*run, context.Context) (rollout.Event, error)

var stageFuncs = map[rollout.Stage]stageFunc{
	rollout.StagePreflight: (*run).preflight,
	rollout.StageCommit:    (*run).commit,
	rollout.StageCheck:     (*run).check,
	rollout.StageSubmit:    (*run).submit,
	rollout.StageVerdict:   (*run).verdict,
	rollout.StageRelease:   (*run).release,
	rollout.StageUndo:      (*run).undo,
}

// decide runs the stage and turns errors into events.
func (r *run) decide(ctx context.Context, status rollout.Status) (event rollout.Event) {
	defer func() {
		if p := recover(); p != nil {
			event = r.panicked(p, status)
		}
	}()
	stage, failed := (*run).act, r.outcome
	if !status.Moves(r.assignment.Stage) {
		switch {
		case r.t.Intent == nil:
			return rollout.Yielded{At: r.now(), Note: "the rollout is " + string(status)}
		case status == rollout.StatusAborted:
			stage, failed = (*run).readBack, r.unreadable
		} // else the ledger lets no call with effect begin
	}
	if r.t.Intent == nil && r.outage(ctx) {
		return r.unbegun(outageWords)
	}
	var err error
	if r.parsedPlan, err = r.readPlan(ctx, r.assignment.Rollout, r.t.Revision); err != nil {
		return failed(ctx, fmt.Errorf("read the plan: %w", err))
	}
	if by, ok := r.superseded(); ok && r.t.Intent == nil {
		return rollout.Skipped{At: r.now(), Note: by.Words()}
	}
	timed, cancel := context.WithDeadline(ctx, r.deadline)
	defer cancel()
	if event, err = stage(r, timed); err != nil {
		event = failed(ctx, err)
	} else {
		r.breaker.passed(r.assignment.Stage)
	}
	return r.bounded(event)
}

// act makes the stage's calls, unless its write was refused for what only the merchant can change
// and that reads as before.
func (r *run) act(ctx context.Context) (rollout.Event, error) {
	if event, err := r.merchantActed(ctx); event != nil || err != nil {
		return event, err
	}
	return stageFuncs[r.assignment.Stage](r, ctx)
}

// apply makes an event part of the target without saving it yet.
func (r *run) apply(e rollout.Event) error {
	next, err := rollout.Step(r.t, e)
	if err != nil {
		return err
	}
	if r.stored == nil {
		was := r.t
		r.stored = &was
	}
	r.t = next
	return nil
}

// save stores the target as the applied events made it.
func (r *run) save(ctx context.Context, call bool) error {
	was := r.t
	if r.stored != nil {
		was = *r.stored
	}
	saved, err := r.ledger.Save(ctx, was, r.t, rollout.SaveOptions{Call: call, Lease: r.timing.Lease, Version: r.plan.Template.Version})
	if err != nil {
		return err
	}
	r.t, r.stored = saved, nil
	r.tell()
	return nil
}

// attempt writes the intent, makes a call that must not be repeated blindly, and
// clears the intent if WeChat certainly refused the call or never got it. After
// an error of unknown outcome the intent stays.
func (r *run) attempt(ctx context.Context, op rollout.Op, call func(context.Context) error) error {
	return r.attemptOf(ctx, op, "", call)
}

// attemptOf is attempt for one of several calls of a kind.
func (r *run) attemptOf(ctx context.Context, op rollout.Op, what string, call func(context.Context) error) error {
	if by, ok := r.superseded(); ok {
		return &supersededError{by}
	}
	if r.lost && (r.assignment.Stage == rollout.StageSubmit || r.permits.ClosedFor(ctx, r.assignment.Stage) != "") {
		return &yieldError{why: "the stage is limited: waits for a permit"}
	}
	before, stored := r.t, r.stored
	if err := r.apply(rollout.Intended{At: r.now(), Op: op, What: what}); err != nil {
		return err
	}
	name := r.t.Intent.String()
	if err := r.save(ctx, true); err != nil {
		r.t, r.stored = before, stored
		return &notBegunError{op: name, err: err}
	}
	// A process that was stopped since may have lost its lease: look at the clock
	// once more, since an expired context is not always seen at once.
	if err := r.inTime(ctx); err != nil {
		return errors.Join(err, r.apply(rollout.Resolved{At: r.now()}))
	}
	err := call(ctx)
	if err == nil {
		return nil
	}
	if wxclient.IsOutcomeUnknown(err) {
		return &lostError{op: name, err: err}
	}
	if e := r.apply(rollout.Resolved{At: r.now()}); e != nil {
		return e
	}
	if errors.As(err, new(*wxclient.Error)) {
		return &refusedWrite{err}
	}
	return err
}

func (r *run) inTime(ctx context.Context) error {
	deadline, ok := ctx.Deadline()
	if ok && !r.Handler.now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}

// notBegunError says that a call was not made because its intent was not stored.
type notBegunError struct {
	op  string
	err error
}

func (e *notBegunError) Error() string { return fmt.Sprintf("%s was not begun: %v", e.op, e.err) }
func (e *notBegunError) Unwrap() error { return e.err }

// lostError says that a call of an intent may or may not have taken effect.
type lostError struct {
	op  string
	err error
}

func (e *lostError) Error() string { return fmt.Sprintf("the reply to %s was lost: %v", e.op, e.err) }
func (e *lostError) Unwrap() error { return e.err }

// conclude ends the assignment with an event.
func (r *run) conclude(ctx context.Context, event rollout.Event) error {
	ok, err := r.end(ctx, event)
	if !ok {
		return err
	}
	if f, ok := event.(rollout.Finished); ok && f.End == rollout.StateReleased {
		r.saw(ctx, Seen{Live: r.plan.Template.Version})
	}
	if s, ok := event.(rollout.Stalled); ok {
		return &queue.Again{Delay: s.For, Cause: s.LastError.Text}
	}
	return nil
}

// end stores the event's meaning and settles the permit. It isn't ok if the assignment was
// lost, which is no error, or Redis could not be reached.
func (r *run) end(ctx context.Context, event rollout.Event) (ok bool, err error) {
	// What WeChat did must be written even when the worker is being stopped; the
	// lease bounds it, and the connection's own timeouts each try.
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), r.Handler.now().Add(r.timing.Lease-r.timing.Assignment))
	defer cancel()
	if event != nil {
		if err = r.step(event); err == nil {
			err = r.save(ctx, false)
		}
	}
	r.settle(ctx, event)
	if stale := (*rollout.StaleError)(nil); event == nil || errors.As(err, &stale) {
		r.dropped(r.assignment.Stage, "lost")
		r.log.Warn().Int64("fence", r.assignment.Fence).Msg("assignment lost to another worker")
		return false, nil
	}
	if err != nil {
		r.log.Error().Err(err).Str("event", event.Kind()).Msg("outcome not stored; the target is read back when its lease ends")
		return false, err
	}
	return true, nil
}

// settle gives the permit back, if the assignment has one and is over, and tells what a read-back found:
// that has none.
func (r *run) settle(ctx context.Context, event rollout.Event) {
	if r.denied {
		r.settleAs(ctx, rollout.StageSubmit, ratelimit.Denied)
		r.denied = false
	}
	if _, waits := event.(rollout.Stalled); !r.assignment.Permit && r.use == "" || waits {
		return
	}
	if r.assignment.Stage != rollout.StageSubmit {
		_, unused := event.(rollout.Yielded)
		_, left := event.(rollout.Skipped)
		if event != nil && !unused && !left && !r.refusedProbe { // WeChat answers again: the pool opens
			r.use = ratelimit.Spent
		}
	}
	r.settleAs(ctx, r.assignment.Stage, cmp.Or(r.use, ratelimit.Unused))
}

func (r *run) settleAs(ctx context.Context, stage rollout.Stage, use ratelimit.Use) {
	id := rollout.PermitID(r.assignment.Rollout, r.assignment.AppID)
	if err := r.permits.Settle(ctx, stage, r.plan.Quota.PoolName(), id, use); err != nil {
		r.log.Warn().Err(err).Str("use", string(use)).Msg("permit not settled; it returns when it expires")
	}
}

package rollout

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ControllerOptions bound what one tick does.
type ControllerOptions struct {
	// Lease is how long an assignment lasts: longer than a task waits in its queue and
	// longer than the longest call. Default 60 s.
	Lease time.Duration
	// Window is how many assignments per unit of worker concurrency may be out at a
	// time. Targets that wait out a busy reply in the queue count too. Default 6.
	Window int
	// Batch bounds each script call. Default 500.
	Batch int
	// Busy and Idle are the waits after a tick that moved something and after
	// one that didn't. Default 20 ms and 200 ms.
	Busy, Idle time.Duration
}

func (o ControllerOptions) withDefaults() ControllerOptions {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&o.Lease, time.Minute)
	def(&o.Busy, 20*time.Millisecond)
	def(&o.Idle, 200*time.Millisecond)
	if o.Window <= 0 {
		o.Window = 6
	}
	if o.Batch <= 0 {
		o.Batch = 500
	}
	return o
}

// Controller moves targets whose turn it is into the queue. One is active at a
// time, by a lease its owner holds; a second one would do no harm, since every
// step is atomic in the store.
type Controller struct {
	store Store
	queue Queue
	pools Pools
	clock Clock
	opts  ControllerOptions
	// refused is what the pools refused in the last tick; one goroutine ticks.
	refused map[asker]refusal
}

// NewController makes a controller over its ports.
func NewController(s Store, q Queue, p Pools, c Clock, o ControllerOptions) *Controller {
	return &Controller{store: s, queue: q, pools: p, clock: c, opts: o.withDefaults()}
}

// Progress says what a tick did.
type Progress struct {
	Woken, Expired, Claimed, Changed int
	// Gates are the verdicts that were given, but those that only wait on.
	Gates []GateReport
	// Limits are what bound the rollouts that asked for permits in this tick and did not
	// get all.
	Limits []LimitOf
	// Quarantine is how long the store gives no assignments; no error.
	Quarantine time.Duration
	// PlatformFault says that no assignments are given while a fault of the platform stands; no error.
	PlatformFault bool
}

// LimitOf is what bounds a rollout at a stage.
type LimitOf struct {
	Rollout string
	Stage   Stage
	Limit
}

// GateReport is a verdict of a rollout's gate.
type GateReport struct {
	Rollout, Wave string
	GateState
}

// Moved tells whether the tick did anything, so that the next should follow soon.
func (p Progress) Moved() bool { return p.Woken+p.Expired+p.Claimed+p.Changed > 0 }

// Run ticks until ctx ends, which is its only error; report hears of each tick.
func (c *Controller) Run(ctx context.Context, report func(Progress, error)) error {
	for {
		p, err := c.Reconcile(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		report(p, err)
		wait := c.opts.Idle
		if err == nil && p.Moved() {
			wait = c.opts.Busy
		}
		if err := c.clock.Sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// Reconcile wakes what is due, settles gates and ends, and fills the workers' window.
// It goes on past an error where it can and joins the errors.
func (c *Controller) Reconcile(ctx context.Context) (Progress, error) {
	var p Progress
	var errs []error
	var err error
	if p.Woken, err = c.store.WakeDue(ctx, c.opts.Batch); err != nil {
		errs = append(errs, fmt.Errorf("wake parked targets: %w", err))
	}
	if p.Expired, err = c.store.ExpireDue(ctx, c.opts.Batch); err != nil {
		errs = append(errs, fmt.Errorf("take back expired leases: %w", err))
	}
	active, err := c.store.Active(ctx)
	if err != nil { // one that can't be read stops no other
		errs = append(errs, fmt.Errorf("list active rollouts: %w", err))
	}
	running := active[:0:0]
	for _, r := range active {
		changed, runs, err := c.reconcileRollout(ctx, r, &p)
		if err != nil {
			errs = append(errs, fmt.Errorf("rollout %s: %w", r.ID, err))
		}
		if changed {
			p.Changed++
		}
		if runs || r.Counts.At(StageUndo, StatePending) > 0 || r.readsBack() {
			running = append(running, r)
		}
	}
	p.Claimed, p.Limits, err = c.dispatch(ctx, active, running)
	if q := (*QuarantineError)(nil); errors.As(err, &q) {
		p.Quarantine, err = q.Left, nil
	}
	if errors.As(err, new(*PlatformFaultError)) {
		p.PlatformFault, err = true, nil
	}
	return p, errors.Join(append(errs, err)...)
}

// reconcileRollout starts, sweeps, pauses, finishes or opens the next wave of one rollout.
// runs says that its targets may get assignments in this tick.
func (c *Controller) reconcileRollout(ctx context.Context, r Rollout, p *Progress) (changed, runs bool, err error) {
	switch r.Status {
	case StatusAborted:
		n, err := c.store.Sweep(ctx, r.ID, c.opts.Batch)
		return n > 0, false, err
	case StatusScheduled:
		if c.clock.Now().Before(r.StartAt) {
			return false, false, nil
		}
		return true, false, c.store.Begin(ctx, r.ID)
	case StatusRunning:
		return c.reconcileRunning(ctx, r, p)
	case StatusPaused:
		if r.Counts.Unfinished() > 0 || r.Counts.State(StateUndone) == 0 {
			return false, false, nil
		}
		return true, false, c.store.Finish(ctx, r.ID) // all was taken back: nothing to resume
	default:
		return false, false, nil
	}
}

func (c *Controller) reconcileRunning(ctx context.Context, r Rollout, p *Progress) (changed, runs bool, err error) {
	if r.Counts.Unfinished() == 0 {
		return true, false, c.store.Finish(ctx, r.ID)
	}
	if why, tripped := Tripped(r.Counts, r.Codes); tripped {
		return true, false, c.store.Pause(ctx, r.ID, "controller", why)
	}
	if why, spike := r.Spike(); spike && r.Gates[r.OpenWave].Decision != DecisionFail {
		// Latched, so that it is said once: who resumes has seen it.
		why = "wave " + r.Plan.Waves[r.OpenWave].Name + ": " + why
		return true, false, errors.Join(
			c.store.Pause(ctx, r.ID, "controller", why+": fix what the auditors name and retry, or resume to go on"),
			c.latch(ctx, r, r.OpenWave, GateState{Decision: DecisionFail, Why: why}, p))
	}
	// News of a gate comes in every tick while verdicts do: assignments go on beside it.
	changed, err = c.gates(ctx, r, p)
	return changed, true, err
}

// gates judges the gate after the last open wave, and those before it once more.
// What they say holds from this tick on: r's own map is changed too.
func (c *Controller) gates(ctx context.Context, r Rollout, p *Progress) (changed bool, err error) {
	var errs []error
	for _, trip := range r.GateTrips() {
		r.Gates[trip.Wave] = GateState{Decision: DecisionTrip, Why: trip.Why}
		errs = append(errs, c.latch(ctx, r, trip.Wave, r.Gates[trip.Wave], p))
	}
	was := r.Gates[r.OpenWave]
	if _, tripped := r.TrippedGate(); tripped || r.OpenWave+1 >= len(r.Plan.Waves) || was.Decision == DecisionFail {
		return len(errs) > 0, errors.Join(errs...)
	}
	v, why := Judge(r.Plan.Waves[r.OpenWave], r.OpenWave, r.Counts, false)
	now := GateState{Decision: v, Why: why}.asked(was, c.clock.Now(), r.Plan.Deadline.WithDefaults().Gate)
	if !now.same(was) {
		errs = append(errs, c.latch(ctx, r, r.OpenWave, now, p))
	}
	return len(errs) > 0, errors.Join(errs...)
}

// latch stores a verdict and tells of it.
func (c *Controller) latch(ctx context.Context, r Rollout, wave int, g GateState, p *Progress) error {
	if g.Decision != DecisionHold || g.Overdue() {
		p.Gates = append(p.Gates, GateReport{Rollout: r.ID, Wave: r.Plan.Waves[wave].Name, GateState: g})
	}
	return c.store.Latch(ctx, r.ID, wave, g)
}

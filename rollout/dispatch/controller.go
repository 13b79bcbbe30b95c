package dispatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/wxrollout/wxrollout/rollout"
)

// Options bound one pass of the controller.
type Options struct {
	// Lease is how long an assignment lasts: longer than a task waits in its queue and
	// longer than the longest call. Default 60 s.
	Lease time.Duration
	// Window is how many assignments per unit of worker concurrency may be out at a
	// time. Targets that wait out a busy reply in the queue count too. Default 6.
	Window int
	// Batch bounds each script call. Default 500.
	Batch int
}

func (o Options) withDefaults() Options {
	if o.Lease <= 0 {
		o.Lease = time.Minute
	}
	if o.Window <= 0 {
		o.Window = 6
	}
	if o.Batch <= 0 {
		o.Batch = 500
	}
	return o
}

// Controller moves rollouts on: it wakes parked targets, evaluates gates and
// dispatches assignments. The leader runs one; a second one is harmless, since
// every step is atomic in the store.
type Controller struct {
	store Store
	queue Queue
	pools Pools
	clock Clock
	opts  Options
	// refused is what the pools refused in the last pass. One goroutine runs passes.
	refused map[asker]refusal
}

// New makes a controller over its ports.
func New(s Store, q Queue, p Pools, c Clock, o Options) *Controller {
	return &Controller{store: s, queue: q, pools: p, clock: c, opts: o.withDefaults()}
}

// Progress is what one pass did.
type Progress struct {
	Woken, Expired, Claimed, Changed int
	// Gates are the decisions that were made, without those that hold.
	Gates []GateReport
	// Limits are what bound the rollouts that asked for permits in this pass and did not
	// get all of them.
	Limits []LimitOf
	// Quarantine is how much longer the store gives no assignments; it is no error.
	Quarantine time.Duration
	// PlatformFault reports that a fault of the platform stops all assignments; it is no error.
	PlatformFault bool
}

// LimitOf is what bounds a rollout at a stage.
type LimitOf struct {
	Rollout string
	Stage   rollout.Stage
	rollout.Limit
}

// GateReport is a decision of a rollout's gate.
type GateReport struct {
	Rollout, Wave string
	rollout.GateState
}

// Moved reports whether the pass did anything, so that the next should follow soon.
func (p Progress) Moved() bool { return p.Woken+p.Expired+p.Claimed+p.Changed > 0 }

// Reconcile makes one pass: it wakes what is due, settles gates and ends, and dispatches
// assignments. It continues past an error where it can and joins the errors.
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
	if err != nil { // an unreadable rollout stops no other
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
		if runs || r.Counts.At(rollout.StageUndo, rollout.StatePending) > 0 || readsBack(r) {
			running = append(running, r)
		}
	}
	p.Claimed, p.Limits, err = c.dispatch(ctx, active, running)
	if q := (*rollout.QuarantineError)(nil); errors.As(err, &q) {
		p.Quarantine, err = q.Left, nil
	}
	if errors.As(err, new(*rollout.PlatformFaultError)) {
		p.PlatformFault, err = true, nil
	}
	return p, errors.Join(append(errs, err)...)
}

// reconcileRollout starts, sweeps, pauses, finishes or opens the next wave of one rollout.
// runs reports whether its targets may get assignments in this pass.
func (c *Controller) reconcileRollout(ctx context.Context, r rollout.Rollout, p *Progress) (changed, runs bool, err error) {
	switch r.Status {
	case rollout.StatusAborted:
		n, err := c.store.Sweep(ctx, r.ID, c.opts.Batch)
		return n > 0, false, err
	case rollout.StatusScheduled:
		if c.clock.Now().Before(r.StartAt) {
			return false, false, nil
		}
		return true, false, c.store.Begin(ctx, r.ID)
	case rollout.StatusRunning:
		return c.reconcileRunning(ctx, r, p)
	case rollout.StatusPaused:
		if r.Counts.Unfinished() > 0 || r.Counts.State(rollout.StateUndone) == 0 {
			return false, false, nil
		}
		return true, false, c.store.Finish(ctx, r.ID) // everything was undone: there is nothing to resume
	default:
		return false, false, nil
	}
}

func (c *Controller) reconcileRunning(ctx context.Context, r rollout.Rollout, p *Progress) (changed, runs bool, err error) {
	if r.Counts.Unfinished() == 0 {
		return true, false, c.store.Finish(ctx, r.ID)
	}
	if why, tripped := Tripped(r.Counts, r.Codes); tripped {
		return true, false, c.store.Pause(ctx, r.ID, "controller", why)
	}
	if why, spike := r.Spike(); spike && r.Gates[r.OpenWave].Decision != rollout.DecisionFail {
		// Latched, so that the pause happens once: an operator who resumes has seen it.
		why = "wave " + r.Plan.Waves[r.OpenWave].Name + ": " + why
		return true, false, errors.Join(
			c.store.Pause(ctx, r.ID, "controller", why+": fix what the auditors name and retry, or resume to go on"),
			c.latch(ctx, r, r.OpenWave, rollout.GateState{Decision: rollout.DecisionFail, Why: why}, p))
	}
	// Gate decisions can change on every pass; dispatching continues meanwhile.
	changed, err = c.evaluateGates(ctx, r, p)
	return changed, true, err
}

// evaluateGates evaluates the gate after the last open wave, and the gates before it once more.
// Decisions hold from this pass on, so r's own map changes too.
func (c *Controller) evaluateGates(ctx context.Context, r rollout.Rollout, p *Progress) (changed bool, err error) {
	var errs []error
	for _, trip := range r.GateTrips() {
		r.Gates[trip.Wave] = rollout.GateState{Decision: rollout.DecisionTrip, Why: trip.Why}
		errs = append(errs, c.latch(ctx, r, trip.Wave, r.Gates[trip.Wave], p))
	}
	if g, changed := r.NextGate(c.clock.Now()); changed {
		errs = append(errs, c.latch(ctx, r, r.OpenWave, g, p))
	}
	return len(errs) > 0, errors.Join(errs...)
}

// latch stores a gate's decision and reports it.
func (c *Controller) latch(ctx context.Context, r rollout.Rollout, wave int, g rollout.GateState, p *Progress) error {
	g = r.AtGate(wave, g, c.clock.Now())
	if g.Decision != rollout.DecisionHold || g.Overdue() {
		p.Gates = append(p.Gates, GateReport{Rollout: r.ID, Wave: r.Plan.Waves[wave].Name, GateState: g})
	}
	return c.store.Latch(ctx, r.ID, wave, g)
}

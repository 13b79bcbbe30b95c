package rollout

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ConductorOptions bound what one tick does.
type ConductorOptions struct {
	// Lease is how long a turn lasts: longer than a task waits in its queue and
	// longer than the longest call. Default 60 s.
	Lease time.Duration
	// Window is how many turns per unit of worker concurrency may be out at a
	// time. Default 3.
	Window int
	// Batch bounds each script call. Default 500.
	Batch int
	// Busy and Idle are the waits after a tick that moved something and after
	// one that didn't. Default 20 ms and 200 ms.
	Busy, Idle time.Duration
}

func (o ConductorOptions) withDefaults() ConductorOptions {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&o.Lease, time.Minute)
	def(&o.Busy, 20*time.Millisecond)
	def(&o.Idle, 200*time.Millisecond)
	if o.Window <= 0 {
		o.Window = 3
	}
	if o.Batch <= 0 {
		o.Batch = 500
	}
	return o
}

// Conductor moves targets whose turn it is into the queue. One is active at a
// time, by a lease its owner holds; a second one would do no harm, since every
// step is atomic in the store.
type Conductor struct {
	store Store
	queue Queue
	pools Pools
	clock Clock
	opts  ConductorOptions
}

// NewConductor makes a conductor over its ports.
func NewConductor(s Store, q Queue, p Pools, c Clock, o ConductorOptions) *Conductor {
	return &Conductor{store: s, queue: q, pools: p, clock: c, opts: o.withDefaults()}
}

// Progress says what a tick did.
type Progress struct {
	Woken, Expired, Claimed, Changed int
}

// Moved tells whether the tick did anything, so that the next should follow soon.
func (p Progress) Moved() bool { return p.Woken+p.Expired+p.Claimed+p.Changed > 0 }

// Run ticks until ctx ends, which is its only error; report hears of each tick.
func (c *Conductor) Run(ctx context.Context, report func(Progress, error)) error {
	for {
		p, err := c.Tick(ctx)
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

// Tick wakes what is due, settles gates and ends, and fills the workers' window.
// It goes on past an error where it can and joins the errors.
func (c *Conductor) Tick(ctx context.Context) (Progress, error) {
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
	if err != nil {
		return p, errors.Join(append(errs, fmt.Errorf("list active rollouts: %w", err))...)
	}
	running := active[:0:0]
	for _, r := range active {
		changed, err := c.govern(ctx, r)
		if err != nil {
			errs = append(errs, fmt.Errorf("rollout %s: %w", r.ID, err))
		}
		if changed {
			p.Changed++
		} else if r.Status == StatusRunning {
			running = append(running, r)
		}
	}
	p.Claimed, err = c.fill(ctx, running)
	return p, errors.Join(append(errs, err)...)
}

// govern starts, sweeps, pauses, finishes or opens the next wave of one rollout.
func (c *Conductor) govern(ctx context.Context, r Rollout) (changed bool, err error) {
	switch r.Status {
	case StatusAborted:
		n, err := c.store.Sweep(ctx, r.ID, c.opts.Batch)
		return n > 0, err
	case StatusScheduled:
		if c.clock.Now().Before(r.StartAt) {
			return false, nil
		}
		return true, c.store.Begin(ctx, r.ID)
	case StatusRunning:
		return c.governRunning(ctx, r)
	default:
		return false, nil
	}
}

func (c *Conductor) governRunning(ctx context.Context, r Rollout) (changed bool, err error) {
	if r.Counts.Unfinished() == 0 {
		return true, c.store.Finish(ctx, r.ID)
	}
	ended := r.Counts.Total() - r.Counts.Unfinished()
	for code, n := range r.Codes {
		if Trip(n, ended) {
			why := fmt.Sprintf("errcode %d failed %d of %d ended targets: the plan looks wrong; fix it and retry, or resume to go on", code, n, ended)
			return true, c.store.Pause(ctx, r.ID, "conductor", why)
		}
	}
	return c.gate(ctx, r)
}

// gate judges the gate after the last open wave.
func (c *Conductor) gate(ctx context.Context, r Rollout) (changed bool, err error) {
	if r.OpenWave+1 >= len(r.Plan.Waves) {
		return false, nil
	}
	was := r.Gates[r.OpenWave]
	if was.Verdict == VerdictFailed {
		return false, nil
	}
	v, why := Judge(r.Plan.Waves[r.OpenWave], r.OpenWave, r.Counts, false)
	if now := (GateState{Verdict: v, Why: why}); now != was {
		return true, c.store.Latch(ctx, r.ID, r.OpenWave, now)
	}
	return false, nil
}

// laneStages lists a lane's stages, the ones nearest to release first, so that
// what was begun is ended before more is begun.
var laneStages = map[Lane][]Stage{
	LaneCommit:  {StageCheck, StageCommit, StagePreflight},
	LaneAudit:   {StageVerdict, StageSubmit},
	LaneRelease: {StageRelease},
}

// fill gives out turns until each lane's window is full.
func (c *Conductor) fill(ctx context.Context, running []Rollout) (int, error) {
	if len(running) == 0 {
		return 0, nil
	}
	out, err := c.store.InFlight(ctx)
	if err != nil {
		return 0, fmt.Errorf("count leases: %w", err)
	}
	capacity, err := c.store.Capacity(ctx)
	if err != nil {
		return 0, fmt.Errorf("count workers: %w", err)
	}
	allow, err := c.pools.Allowances(ctx)
	if err != nil {
		return 0, fmt.Errorf("read pools: %w", err)
	}
	var errs []error
	claimed := 0
	for _, lane := range Lanes() {
		room := capacity[lane]*c.opts.Window - out[lane]
		for _, stage := range laneStages[lane] {
			n, err := c.fillStage(ctx, running, stage, allow[stage], min(room, c.opts.Batch))
			room -= n
			claimed += n
			if err != nil {
				errs = append(errs, fmt.Errorf("stage %s: %w", stage, err))
			}
		}
	}
	return claimed, errors.Join(errs...)
}

// fillStage shares a stage's room among the rollouts that have targets there.
func (c *Conductor) fillStage(ctx context.Context, running []Rollout, stage Stage, a Allowance, room int) (int, error) {
	var demands []Demand
	maxRank := make(map[string]int64, len(running))
	for _, r := range running {
		maxRank[r.ID] = r.MaxRank()
		want := r.Counts.Sum(func(x Cell) bool {
			return x.Stage == stage && x.State == StatePending && x.Wave <= r.OpenWave
		})
		if want > 0 {
			demands = append(demands, Demand{
				Rollout: r.ID, Pool: r.Plan.Quota.PoolName(), Want: min(want, room),
				Reserve: reserveAt(stage, r), Created: r.Created.UnixMilli(),
			})
		}
	}
	if room <= 0 || a.N == 0 || len(demands) == 0 {
		return 0, nil
	}
	claimed := 0
	for _, g := range Allocate(a.N, demands) {
		n := min(g.N, room-claimed)
		if n <= 0 {
			break
		}
		got, err := c.give(ctx, Claim{Rollout: g.Rollout, Stage: stage, MaxRank: maxRank[g.Rollout], N: n, Lease: c.opts.Lease}, a.Permits)
		claimed += got
		if err != nil {
			return claimed, fmt.Errorf("rollout %s: %w", g.Rollout, err)
		}
	}
	return claimed, nil
}

// reserveAt is what a rollout leaves to other pools; only submissions are scarce.
func reserveAt(stage Stage, r Rollout) int64 {
	if stage != StageSubmit {
		return 0
	}
	return r.Plan.Quota.Reserved()
}

// give claims turns, with permits first where the pool asks for them, and
// enqueues them. A turn that can't be enqueued comes back when its lease ends.
func (c *Conductor) give(ctx context.Context, claim Claim, permits bool) (int, error) {
	var ids []string
	if permits {
		apps, err := c.store.Peek(ctx, claim)
		if err != nil || len(apps) == 0 {
			return 0, err
		}
		for _, app := range apps {
			ids = append(ids, PermitID(claim.Rollout, app))
		}
		n, err := c.pools.Take(ctx, claim.Stage, ids)
		if err != nil || n == 0 {
			return 0, err
		}
		claim.Only, ids = apps[:n], ids[:n]
	}
	turns, err := c.store.Claim(ctx, claim)
	if err != nil {
		return 0, err
	}
	if unused := without(ids, turns); len(unused) > 0 {
		if err := c.pools.Return(ctx, claim.Stage, unused); err != nil {
			return 0, err
		}
	}
	for i := range turns {
		turns[i].Permit = permits
	}
	return len(turns), c.queue.Enqueue(ctx, turns)
}

// without lists the permits that no turn uses.
func without(ids []string, turns []Turn) []string {
	used := make(map[string]bool, len(turns))
	for _, t := range turns {
		used[PermitID(t.Rollout, t.AppID)] = true
	}
	var unused []string
	for _, id := range ids {
		if !used[id] {
			unused = append(unused, id)
		}
	}
	return unused
}

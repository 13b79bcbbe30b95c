package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// laneStages lists a lane's stages, the ones nearest to release first, so that
// what was begun is ended before more is begun.
var laneStages = map[Lane][]Stage{
	LaneCommit:  {StageCheck, StageCommit, StagePreflight},
	LaneAudit:   {StageVerdict, StageSubmit},
	LaneRelease: {StageUndo, StageRelease},
}

// fill gives out turns until each lane's window is full.
func (c *Conductor) fill(ctx context.Context, running []Rollout) (int, error) {
	if !slices.ContainsFunc(running, waits) {
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
		n, err := c.readBacks(ctx, running, lane, min(room, c.opts.Batch))
		room -= n
		claimed += n
		if errors.As(err, new(*QuarantineError)) {
			return claimed, err
		}
		if err != nil {
			errs = append(errs, err)
		}
		for _, stage := range laneStages[lane] {
			n, err := c.fillStage(ctx, running, stage, allow[stage], min(room, c.opts.Batch))
			room -= n
			claimed += n
			if stopsAll(err) {
				return claimed, err
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("stage %s: %w", stage, err))
			}
		}
	}
	return claimed, errors.Join(errs...)
}

// stopsAll tells whether an error means that no target of any rollout gets a turn now.
func stopsAll(err error) bool {
	return errors.As(err, new(*QuarantineError)) || errors.As(err, new(*PlatformFaultError))
}

// waits tells whether a rollout has a target that could get a turn.
func waits(r Rollout) bool {
	return r.readsBack() || r.Counts.Sum(func(x Cell) bool { return x.State == StatePending && x.Wave <= r.OpenWave }) > 0
}

// fillStage shares a stage's room among the rollouts that have targets there.
func (c *Conductor) fillStage(ctx context.Context, running []Rollout, stage Stage, a Allowance, room int) (int, error) {
	var demands []Demand
	maxRank := make(map[string]int64, len(running))
	for _, r := range running {
		if !r.Status.Moves(stage) {
			continue
		}
		maxRank[r.ID] = r.MaxRank(stage)
		reach := r.Reach(stage)
		want := r.Counts.Sum(func(x Cell) bool {
			return x.Stage == stage && x.State == StatePending && x.Wave <= reach
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
	var errs []error
	for _, g := range Allocate(a.N, demands) {
		n := min(g.N, room-claimed)
		if n <= 0 {
			break
		}
		got, err := c.give(ctx, Claim{Rollout: g.Rollout, Stage: stage, MaxRank: maxRank[g.Rollout], N: n, Lease: c.opts.Lease}, a.Permits)
		claimed += got
		if stopsAll(err) {
			return claimed, err
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("rollout %s: %w", g.Rollout, err))
		}
	}
	return claimed, errors.Join(errs...)
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
		if ids, err = c.pools.Take(ctx, claim.Stage, ids); err != nil || len(ids) == 0 {
			return 0, err
		}
		for _, id := range ids {
			claim.Only = append(claim.Only, permitApp(id))
		}
	}
	turns, err := c.store.Claim(ctx, claim)
	if err != nil { // a turn it gave all the same is not enqueued: nobody uses its permit
		return 0, errors.Join(err, c.giveBack(ctx, claim.Stage, ids))
	}
	err = c.giveBack(ctx, claim.Stage, without(ids, turns))
	if len(turns) == 0 {
		return 0, err
	}
	for i := range turns {
		turns[i].Permit = permits
	}
	return len(turns), errors.Join(err, c.queue.Enqueue(ctx, turns))
}

// giveBack returns permits, if there are any.
func (c *Conductor) giveBack(ctx context.Context, stage Stage, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	if err := c.pools.Return(ctx, stage, ids); err != nil {
		return fmt.Errorf("return %d permits: %w", len(ids), err)
	}
	return nil
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

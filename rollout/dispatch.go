package rollout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// queueStages lists a queue's stages, the ones nearest to release first, so that
// what was begun is ended before more is begun.
var queueStages = map[QueueName][]Stage{
	QueueCommit:  {StageCheck, StageCommit, StagePreflight},
	QueueAudit:   {StageVerdict, StageSubmit},
	QueueRelease: {StageUndo, StageRelease},
}

// refusalHold is how long a refused rollout asks no more of a pool that has not changed: a
// day or a month may have turned, or a probe be due.
const refusalHold = time.Second

// refusal is what a pool last refused a rollout all of.
type refusal struct {
	at   time.Time
	mark string // of the pool
}

// asker is a rollout at a stage.
type asker struct {
	rollout string
	stage   Stage
}

// pass is one dispatch over all stages.
type pass struct {
	now    time.Time
	order  []Rollout // by priority, then oldest first
	shares map[string]int64
	// refused are the refusals that still hold, or came in this pass.
	refused map[asker]refusal
	limits  []LimitOf
}

// dispatch gives out assignments until each queue's window is full; active are all unfinished
// rollouts, whose reserves count, and running those of them that may get assignments.
func (c *Controller) dispatch(ctx context.Context, active, running []Rollout) (int, []LimitOf, error) {
	if !slices.ContainsFunc(running, waits) {
		return 0, nil, nil
	}
	out, err := c.store.InFlight(ctx)
	if err != nil {
		return 0, nil, fmt.Errorf("count leases: %w", err)
	}
	capacity, err := c.store.Capacity(ctx)
	if err != nil {
		return 0, nil, fmt.Errorf("count workers: %w", err)
	}
	allow, err := c.pools.Allowances(ctx)
	if err != nil {
		return 0, nil, fmt.Errorf("read pools: %w", err)
	}
	p := pass{now: c.clock.Now(), order: slices.Clone(running), shares: Shares(active), refused: make(map[asker]refusal)}
	slices.SortStableFunc(p.order, first)
	defer func() { c.refused = p.refused }()
	var errs []error
	claimed := 0
	for _, queueName := range QueueNames() {
		room := capacity[queueName]*c.opts.Window - out[queueName]
		n, err := c.readBacks(ctx, running, queueName, min(room, c.opts.Batch))
		room -= n
		claimed += n
		if stopsAll(err) {
			return claimed, p.limits, err
		}
		if err != nil {
			errs = append(errs, err)
		}
		for _, stage := range queueStages[queueName] {
			n, err := c.dispatchStage(ctx, &p, stage, allow[stage], min(room, c.opts.Batch))
			room -= n
			claimed += n
			if stopsAll(err) {
				return claimed, p.limits, err
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("stage %s: %w", stage, err))
			}
		}
	}
	return claimed, p.limits, errors.Join(errs...)
}

// first orders rollouts that want the same: by priority, then age, then id.
func first(a, b Rollout) int {
	return cmp.Or(cmp.Compare(b.Plan.Precedence(), a.Plan.Precedence()), a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
}

// stopsAll tells whether an error means that no target of any rollout gets an assignment now.
func stopsAll(err error) bool {
	return errors.As(err, new(*QuarantineError)) || errors.As(err, new(*PlatformFaultError))
}

// waits tells whether a rollout has a target that could get an assignment.
func waits(r Rollout) bool {
	return r.readsBack() || r.Counts.Sum(func(x Cell) bool { return x.State == StatePending && x.Wave <= r.OpenWave }) > 0
}

// dispatchStage lets the rollouts take of a stage's room in order. What one can't use, because
// of its own bounds or others' shares, the next may take.
func (c *Controller) dispatchStage(ctx context.Context, p *pass, stage Stage, a Allowance, room int) (int, error) {
	if a.N != Unlimited {
		room = int(min(int64(room), a.N))
	}
	if a.Probe {
		return c.probe(ctx, p, stage, a, room)
	}
	claimed := 0
	var errs []error
	for _, r := range p.order {
		n := min(r.Wants(stage), room-claimed)
		if n <= 0 {
			continue
		}
		got, err := c.ask(ctx, p, r, Claim{Rollout: r.ID, Stage: stage, MaxRank: r.MaxRank(stage), N: n, Lease: c.opts.Lease}, a)
		claimed += got
		if stopsAll(err) {
			return claimed, err
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("rollout %s: %w", r.ID, err))
		}
	}
	return claimed, errors.Join(errs...)
}

// Wants is how many targets of a rollout wait for an assignment at a stage, where no gate, pause
// or start time holds them back.
func (r Rollout) Wants(stage Stage) int {
	if !r.Status.Moves(stage) {
		return 0
	}
	reach := r.Reach(stage)
	return r.Counts.Sum(func(x Cell) bool {
		return x.Stage == stage && x.State == StatePending && x.Wave <= reach && !x.readsBack()
	})
}

// ask gives a rollout its assignments, unless its pool would only refuse again.
func (c *Controller) ask(ctx context.Context, p *pass, r Rollout, claim Claim, a Allowance) (int, error) {
	if !a.Permits {
		return c.hand(ctx, claim, nil)
	}
	who := asker{r.ID, claim.Stage}
	if c.holds(p, who, a) {
		return 0, nil
	}
	apps, err := c.store.Peek(ctx, claim)
	if err != nil || len(apps) == 0 {
		return 0, err
	}
	granted, claimed, err := c.take(ctx, p, r, claim, apps)
	if err == nil && granted == 0 {
		p.refused[who] = refusal{at: p.now, mark: a.Mark}
	}
	return claimed, err
}

// holds tells whether a refusal still holds.
func (c *Controller) holds(p *pass, who asker, a Allowance) bool {
	was, ok := c.refused[who]
	if !ok || was.mark != a.Mark || p.now.Sub(was.at) >= refusalHold {
		return false
	}
	p.refused[who] = was
	return true
}

// take takes permits for apps and claims the assignments of those that have one.
func (c *Controller) take(ctx context.Context, p *pass, r Rollout, claim Claim, apps []string) (granted, claimed int, err error) {
	req := r.Plan.Quota.Request(claim.Stage, p.shares)
	for _, app := range apps {
		req.IDs = append(req.IDs, PermitID(claim.Rollout, app))
	}
	taken, err := c.pools.Take(ctx, req)
	if err != nil {
		return 0, 0, err
	}
	if taken.Limit != nil {
		p.limits = append(p.limits, LimitOf{Rollout: r.ID, Stage: claim.Stage, Limit: *taken.Limit})
	}
	if len(taken.Granted) == 0 {
		return 0, 0, nil
	}
	claimed, err = c.hand(ctx, claim, taken.Granted)
	return len(taken.Granted), claimed, err
}

// offer is what a rollout has to probe a pool with.
type offer struct {
	rollout Rollout
	claim   Claim
	apps    []string // who should first
}

// probe gives the assignment of a pool that is not open to an app that did not try since it closed, of
// whichever rollout; if all did, to who did longest ago. Thus an app that alone is refused does
// not keep the pool closed for all others.
func (c *Controller) probe(ctx context.Context, p *pass, stage Stage, a Allowance, room int) (int, error) {
	who := asker{stage: stage}
	if room < 1 || c.holds(p, who, a) {
		return 0, nil
	}
	age := func(app string) int { return slices.Index(a.Tried, app) } // -1: never
	var offers []offer
	var errs []error
	for _, r := range p.order {
		if r.Wants(stage) < 1 {
			continue
		}
		claim := Claim{Rollout: r.ID, Stage: stage, MaxRank: r.MaxRank(stage), N: len(a.Tried) + 1, Lease: c.opts.Lease}
		apps, err := c.store.Peek(ctx, claim)
		if err != nil {
			errs = append(errs, fmt.Errorf("rollout %s: %w", r.ID, err))
		}
		if len(apps) == 0 {
			continue
		}
		slices.SortStableFunc(apps, func(x, y string) int { return cmp.Compare(age(x), age(y)) })
		claim.N = min(room, len(apps)) // the pool may be open by now
		offers = append(offers, offer{r, claim, apps[:claim.N]})
	}
	slices.SortStableFunc(offers, func(x, y offer) int { return cmp.Compare(age(x.apps[0]), age(y.apps[0])) })
	for _, o := range offers {
		granted, claimed, err := c.take(ctx, p, o.rollout, o.claim, o.apps)
		if err != nil {
			errs = append(errs, fmt.Errorf("rollout %s: %w", o.rollout.ID, err))
		}
		if granted > 0 || stopsAll(err) {
			return claimed, errors.Join(errs...)
		}
	}
	p.refused[who] = refusal{at: p.now, mark: a.Mark}
	return 0, errors.Join(errs...)
}

// hand claims assignments and enqueues them, with permits only those that have one. An assignment that
// can't be enqueued comes back when its lease ends.
func (c *Controller) hand(ctx context.Context, claim Claim, permits []string) (int, error) {
	for _, id := range permits {
		claim.Only = append(claim.Only, permitApp(id))
	}
	assignments, err := c.store.Claim(ctx, claim)
	if err != nil { // an assignment it gave all the same is not enqueued: nobody uses its permit
		return 0, errors.Join(err, c.returnPermits(ctx, claim.Stage, permits))
	}
	err = c.returnPermits(ctx, claim.Stage, without(permits, assignments))
	if len(assignments) == 0 {
		return 0, err
	}
	for i := range assignments {
		assignments[i].Permit = len(permits) > 0
	}
	return len(assignments), errors.Join(err, c.queue.Enqueue(ctx, assignments))
}

// returnPermits returns permits, if there are any.
func (c *Controller) returnPermits(ctx context.Context, stage Stage, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	if err := c.pools.Return(ctx, stage, ids); err != nil {
		return fmt.Errorf("return %d permits: %w", len(ids), err)
	}
	return nil
}

// without lists the permits that no assignment uses.
func without(ids []string, assignments []Assignment) []string {
	used := make(map[string]bool, len(assignments))
	for _, t := range assignments {
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

package dispatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/wxrollout/wxrollout/rollout"
)

// queueStages lists a queue's stages, those nearest to release first: targets under way
// end before new ones begin.
var queueStages = map[rollout.QueueName][]rollout.Stage{
	rollout.QueueCommit:  {rollout.StageCheck, rollout.StageCommit, rollout.StagePreflight},
	rollout.QueueAudit:   {rollout.StageVerdict, rollout.StageSubmit},
	rollout.QueueRelease: {rollout.StageUndo, rollout.StageRelease},
}

// refusalHold is how long a refused rollout does not ask an unchanged pool again. It is bounded
// because a new day or month may begin, or a probe may fall due.
const refusalHold = time.Second

// refusal is the last request of a rollout that its pool refused completely.
type refusal struct {
	at   time.Time
	mark string // of the pool
}

// asker is a rollout at a stage.
type asker struct {
	rollout string
	stage   rollout.Stage
}

// pass is one dispatch over all stages.
type pass struct {
	now    time.Time
	order  []rollout.Rollout // by priority, then oldest first
	shares map[string]int64
	// refused are the refusals that still hold, or came in this pass.
	refused map[asker]refusal
	limits  []LimitOf
}

// dispatch hands out assignments until each queue's window is full. active are all unfinished
// rollouts, whose reserves count; running are those of them that may get assignments.
func (c *Controller) dispatch(ctx context.Context, active, running []rollout.Rollout) (int, []LimitOf, error) {
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
	p := pass{now: c.clock.Now(), order: slices.Clone(running), shares: rollout.Shares(active), refused: make(map[asker]refusal)}
	slices.SortStableFunc(p.order, first)
	defer func() { c.refused = p.refused }()
	var errs []error
	claimed := 0
	for _, queueName := range rollout.QueueNames() {
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

// first orders rollouts that compete: by priority, then age, then id.
func first(a, b rollout.Rollout) int {
	return cmp.Or(cmp.Compare(b.Plan.Precedence(), a.Plan.Precedence()), a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
}

// stopsAll reports whether an error means that no target of any rollout gets an assignment now.
func stopsAll(err error) bool {
	return errors.As(err, new(*rollout.QuarantineError)) || errors.As(err, new(*rollout.PlatformFaultError))
}

// waits reports whether a rollout has a target that could get an assignment.
func waits(r rollout.Rollout) bool {
	return readsBack(r) || r.Counts.Sum(func(x rollout.Cell) bool { return x.State == rollout.StatePending && x.Wave <= r.OpenWave }) > 0
}

// dispatchStage shares a stage's room among the rollouts, in order. The next one may take what
// one can't use because of its bounds or others' shares.
func (c *Controller) dispatchStage(ctx context.Context, p *pass, stage rollout.Stage, a rollout.Allowance, room int) (int, error) {
	if a.N != rollout.Unlimited {
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
		got, err := c.ask(ctx, p, r, rollout.Claim{Rollout: r.ID, Stage: stage, MaxRank: r.MaxRank(stage), N: n, Lease: c.opts.Lease}, a)
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

// ask dispatches to one rollout, unless its pool would only refuse again.
func (c *Controller) ask(ctx context.Context, p *pass, r rollout.Rollout, claim rollout.Claim, a rollout.Allowance) (int, error) {
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

// holds reports whether a refusal still holds.
func (c *Controller) holds(p *pass, who asker, a rollout.Allowance) bool {
	was, ok := c.refused[who]
	if !ok || was.mark != a.Mark || p.now.Sub(was.at) >= refusalHold {
		return false
	}
	p.refused[who] = was
	return true
}

// take takes permits for apps and claims the assignments of those that have one.
func (c *Controller) take(ctx context.Context, p *pass, r rollout.Rollout, claim rollout.Claim, apps []string) (granted, claimed int, err error) {
	req := r.Plan.Quota.Request(claim.Stage, p.shares)
	for _, app := range apps {
		req.IDs = append(req.IDs, rollout.PermitID(claim.Rollout, app))
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

// offer is a rollout's candidates for a probe.
type offer struct {
	rollout rollout.Rollout
	claim   rollout.Claim
	apps    []string // the best candidate first
}

// probe dispatches the one assignment of a pool that is not open, to an app of any rollout that
// has not tried since the pool closed, or else to the app that tried longest ago. An app that
// only WeChat's refusal of itself concerns can't keep the pool closed for all others.
func (c *Controller) probe(ctx context.Context, p *pass, stage rollout.Stage, a rollout.Allowance, room int) (int, error) {
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
		claim := rollout.Claim{Rollout: r.ID, Stage: stage, MaxRank: r.MaxRank(stage), N: len(a.Tried) + 1, Lease: c.opts.Lease}
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

// hand claims assignments and enqueues them; with permits, only those of their apps. An
// assignment that can't be enqueued comes back when its lease ends.
func (c *Controller) hand(ctx context.Context, claim rollout.Claim, permits []string) (int, error) {
	for _, id := range permits {
		_, app, _ := rollout.PermitOf(id)
		claim.Only = append(claim.Only, app)
	}
	assignments, err := c.store.Claim(ctx, claim)
	if err != nil { // an assignment that the store made nevertheless is not enqueued and uses no permit
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

// returnPermits returns permits to their pool.
func (c *Controller) returnPermits(ctx context.Context, stage rollout.Stage, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	if err := c.pools.Return(ctx, stage, ids); err != nil {
		return fmt.Errorf("return %d permits: %w", len(ids), err)
	}
	return nil
}

// without lists the permits that no assignment uses.
func without(ids []string, assignments []rollout.Assignment) []string {
	used := make(map[string]bool, len(assignments))
	for _, t := range assignments {
		used[rollout.PermitID(t.Rollout, t.AppID)] = true
	}
	var unused []string
	for _, id := range ids {
		if !used[id] {
			unused = append(unused, id)
		}
	}
	return unused
}

package doctor

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/queue"
)

const (
	// deepPage is how many permits or tasks are compared with the ledger at a time.
	deepPage = 200
	// deadMax bounds the dead permits that one check remembers; the next one finds more.
	deadMax = 10_000
	// defaultGrace is how long a permit may outlive its target: a handler stores the end of the
	// target before it returns the permit.
	defaultGrace = 2 * time.Second
)

// deadPermit is a permit whose target is missing or has ended.
type deadPermit struct {
	ledger.TargetKey
	stage  rollout.Stage
	permit ratelimit.Permit
	why    string
}

// deepPermits finds dead permits: those that are dead before and after the grace.
func (d *Doctor) deepPermits(ctx context.Context, found *Deep, opt DeepOptions) error {
	before, n, err := d.deadPermits(ctx, opt.Rollouts)
	found.Permits = n
	if err != nil || len(before) == 0 {
		return err
	}
	select {
	case <-time.After(cmp.Or(opt.Grace, defaultGrace)):
	case <-ctx.Done():
		return ctx.Err()
	}
	dead, _, err := d.deadPermits(ctx, opt.Rollouts)
	if err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(dead)) {
		p := dead[id]
		if was, ok := before[id]; !ok || !was.permit.Lapses.Equal(p.permit.Lapses) {
			continue
		}
		f := Finding{
			Fault: FaultPermit, Rollout: p.Rollout, AppID: p.AppID, Repair: "give it back",
			Text: fmt.Sprintf("has a permit of the %s pool, but %s", p.stage, p.why),
		}
		if opt.Repair {
			ok, err := d.Pools.Quota(p.stage).Revoke(ctx, p.permit)
			if err != nil {
				return err
			}
			if ok {
				f.Done = "gave it back"
			}
		}
		found.add(f)
	}
	return nil
}

// deadPermits returns the dead permits of all pools by stage and id, and the number of all permits.
func (d *Doctor) deadPermits(ctx context.Context, only []string) (dead map[string]deadPermit, n int, err error) {
	dead = make(map[string]deadPermit)
	for _, stage := range rollout.Stages() {
		for page, err := range pages(d.Pools.Quota(stage).Permits(ctx)) {
			if err != nil {
				return nil, n, err
			}
			var permits []deadPermit
			var keys []ledger.TargetKey
			for _, p := range page {
				id, app, ok := rollout.PermitOf(p.ID)
				if ok && (len(only) == 0 || slices.Contains(only, id)) {
					keys = append(keys, ledger.TargetKey{Rollout: id, AppID: app})
					permits = append(permits, deadPermit{TargetKey: keys[len(keys)-1], stage: stage, permit: p})
				}
			}
			targets, err := d.Ledger.Lookup(ctx, keys)
			if err != nil {
				return nil, n, err
			}
			n += len(permits)
			for i, p := range permits {
				switch t := targets[i]; {
				case !t.There:
					p.why = "is not there"
				case t.Err == nil && t.Target.State.Ended():
					p.why = "is " + string(t.Target.State)
				}
				if p.why != "" && len(dead) < deadMax {
					dead[string(stage)+" "+p.permit.ID] = p
				}
			}
		}
	}
	return dead, n, nil
}

// pages collects a sequence into pages; an error ends it.
func pages[T any](seq iter.Seq2[T, error]) iter.Seq2[[]T, error] {
	return func(yield func([]T, error) bool) {
		var page []T
		for v, err := range seq {
			if err != nil {
				yield(nil, err)
				return
			}
			if page = append(page, v); len(page) == deepPage {
				if !yield(page, nil) {
					return
				}
				page = nil
			}
		}
		if len(page) > 0 {
			yield(page, nil)
		}
	}
}

// deepTasks compares Asynq's tasks with the assignments of the ledger.
func (d *Doctor) deepTasks(ctx context.Context, found *Deep, repair bool) error {
	var archived []queue.Task // Asynq keeps at most 10,000 per queue
	for page, err := range pages(queue.Tasks(ctx, d.Redis)) {
		if err != nil {
			return err
		}
		found.Tasks += len(page)
		var assignments []*rollout.Assignment
		var keys []ledger.TargetKey
		for _, task := range page {
			switch a := task.Assignment; {
			case task.Archived:
				archived = append(archived, task)
			case a == nil:
				found.Stray++
			default:
				assignments, keys = append(assignments, a), append(keys, ledger.TargetKey{Rollout: a.Rollout, AppID: a.AppID})
			}
		}
		targets, err := d.Ledger.Lookup(ctx, keys)
		if err != nil {
			return err
		}
		for i, t := range targets {
			if t.Err == nil && (t.Target.State != rollout.StateRunning || t.Target.Fence != assignments[i].Fence) {
				found.Stray++
			}
		}
	}
	for _, task := range archived {
		if err := d.deepArchived(found, task, repair); err != nil {
			return err
		}
	}
	return nil
}

// deepArchived reports a task in Asynq's archive.
func (d *Doctor) deepArchived(found *Deep, task queue.Task, repair bool) error {
	f := Finding{Fault: FaultArchived}
	if a := task.Assignment; a != nil {
		f.Rollout, f.AppID, f.Text = a.Rollout, a.AppID, fmt.Sprintf("has a task in the archive of queue %s", task.QueueName)
		f.Repair = "delete it: its target gets a new assignment when its lease ends"
	} else {
		f.Text = fmt.Sprintf("task %s is in the archive of queue %s", task.ID, task.QueueName)
		f.Advice = "it is none of ours: does another program use this Redis database and these queue names?"
	}
	if repair && f.Repair != "" {
		ok, err := queue.Delete(d.Redis, task)
		if err != nil {
			return err
		}
		if ok {
			f.Done = "deleted it"
		}
	}
	found.add(f)
	return nil
}

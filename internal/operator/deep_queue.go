package operator

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/ledger/fsck"
	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/queue"
)

// deepPage is how many permits or tasks are compared with the ledger at a time.
const deepPage = 200

// defaultGrace is how long a handler may take between storing a target's end and
// giving its permit back, before the permit is called dead.
const defaultGrace = 2 * time.Second

// held is a permit of a stage's pool.
type held struct {
	stage  rollout.Stage
	permit ratelimit.Permit
}

// deepPermits looks for permits of targets that are not there or have ended. One
// whose target ended just now is about to be given back: each is looked at twice.
func (o *Operator) deepPermits(ctx context.Context, d *Deep, only []string, opt DeepOptions) error {
	dead := make(map[string]held) // by stage and id; at most deadMax
	for _, stage := range rollout.Stages() {
		if err := o.eachPermit(ctx, stage, only, func(h held, id string, _ string) {
			if len(dead) < deadMax {
				dead[id] = h
			}
		}, &d.Permits); err != nil {
			return err
		}
	}
	if len(dead) == 0 {
		return nil
	}
	grace := opt.Grace
	if grace <= 0 {
		grace = defaultGrace
	}
	if err := pause(ctx, grace); err != nil {
		return err
	}
	var still []fsck.Finding
	var permits []held
	for _, stage := range rollout.Stages() {
		if err := o.eachPermit(ctx, stage, only, func(h held, id, why string) {
			if was, ok := dead[id]; !ok || !was.permit.Lapses.Equal(h.permit.Lapses) {
				return
			}
			delete(dead, id) // a walk may show it twice
			rolloutID, app, _ := rollout.PermitOf(h.permit.ID)
			still = append(still, fsck.Finding{
				Fault: FaultPermit, Rollout: rolloutID, AppID: app, Repair: "give it back",
				Text: fmt.Sprintf("has a permit of the %s pool, but %s", stage, why),
			})
			permits = append(permits, h)
		}, nil); err != nil {
			return err
		}
	}
	for i, f := range still {
		if opt.Repair {
			ok, err := o.pools.Quota(permits[i].stage).Revoke(ctx, permits[i].permit)
			if err != nil {
				return err
			}
			if ok {
				f.Done = "gave it back"
			}
		}
		d.see(f)
	}
	return nil
}

// deadMax bounds how many dead permits one check remembers; more are found by the next.
const deadMax = 10_000

// eachPermit calls dead for each permit of a pool whose target is not there or
// has ended, with an id of permit and pool, and why. looked counts them all.
func (o *Operator) eachPermit(ctx context.Context, stage rollout.Stage, only []string, dead func(h held, id, why string), looked *int) error {
	var page []ratelimit.Permit
	var keys []ledger.TargetKey
	flush := func() error {
		found, err := o.ledger.Lookup(ctx, keys)
		if err != nil {
			return err
		}
		for i, f := range found {
			why := ""
			switch {
			case !f.There:
				why = "is not there"
			case f.Err == nil && f.Target.State.Ended():
				why = "is " + string(f.Target.State)
			}
			if why != "" {
				dead(held{stage, page[i]}, string(stage)+" "+page[i].ID, why)
			}
		}
		page, keys = page[:0], keys[:0]
		return nil
	}
	for p, err := range o.pools.Quota(stage).Permits(ctx) {
		if err != nil {
			return err
		}
		id, app, ok := rollout.PermitOf(p.ID)
		if !ok || len(only) > 0 && !slices.Contains(only, id) {
			continue
		}
		if looked != nil {
			*looked++
		}
		page, keys = append(page, p), append(keys, ledger.TargetKey{Rollout: id, AppID: app})
		if len(page) == deepPage {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// pause waits for d or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// deepTasks compares Asynq's tasks with the assignments of the ledger.
func (o *Operator) deepTasks(ctx context.Context, d *Deep, opt DeepOptions) error {
	var archived []queue.Task // Asynq keeps at most 10,000 per queue
	var assignments []rollout.Assignment
	flush := func() error {
		keys := make([]ledger.TargetKey, len(assignments))
		for i, t := range assignments {
			keys[i] = ledger.TargetKey{Rollout: t.Rollout, AppID: t.AppID}
		}
		found, err := o.ledger.Lookup(ctx, keys)
		for i, f := range found {
			if f.Err == nil && (f.Target.State != rollout.StateRunning || f.Target.Fence != assignments[i].Fence) {
				d.Stray++
			}
		}
		assignments = assignments[:0]
		return err
	}
	for q, err := range queue.Tasks(ctx, o.rdb) {
		if err != nil {
			return err
		}
		d.Tasks++
		switch {
		case q.Archived:
			archived = append(archived, q)
		case q.Assignment == nil:
			d.Stray++
		default:
			assignments = append(assignments, *q.Assignment)
		}
		if len(assignments) == deepPage {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := flush(); err != nil {
		return err
	}
	return o.deepArchive(d, archived, opt.Repair)
}

// deepArchive reports what is in Asynq's archive.
func (o *Operator) deepArchive(d *Deep, archived []queue.Task, repair bool) error {
	for _, q := range archived {
		f := fsck.Finding{
			Fault: FaultArchived, Text: fmt.Sprintf("task %s is in the archive of queue %s", q.ID, q.QueueName),
			Repair: "delete it: its target gets a new assignment when its lease ends",
		}
		if q.Assignment != nil {
			f.Rollout, f.AppID, f.Text = q.Assignment.Rollout, q.Assignment.AppID, fmt.Sprintf("has a task in the archive of queue %s", q.QueueName)
		} else {
			f.Repair, f.Advice = "", "it is none of ours: does another program use this Redis database and these queue names?"
		}
		if repair && f.Repair != "" {
			ok, err := queue.Delete(o.rdb, q)
			if err != nil {
				return err
			}
			if ok {
				f.Done = "deleted it"
			}
		}
		d.see(f)
	}
	return nil
}

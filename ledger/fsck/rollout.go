package fsck

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/ledger/internal/db"
	"github.com/wxrollout/wxrollout/rollout"
)

// subject is the rollout that is being checked.
type subject struct {
	*checker
	id      string
	wakeMax time.Duration // 0: times are not checked

	targets, unreadable int
	counted             map[string]int // targets by cell
	page                []Finding
}

func (c *checker) subject(id string) *subject {
	r := &subject{checker: c, id: id, wakeMax: wakeMax, counted: make(map[string]int)}
	if most, ok := c.chosen[id]; ok {
		r.wakeMax = most
	}
	return r
}

// check checks a rollout's targets, its own indexes and its counts.
func (r *subject) check(ctx context.Context) error {
	before, err := r.view(ctx)
	if err != nil {
		return err
	}
	if err := r.walk(ctx); err != nil {
		return err
	}
	after, err := r.view(ctx)
	if err != nil {
		return err
	}
	if before.Fields["moves"] == after.Fields["moves"] {
		r.compare(after.Counts, r.counted)
		r.whole(after, unfinished(r.counted)+r.unreadable)
		return r.flush(ctx)
	}
	if err := r.checkMoving(ctx); err != nil {
		return err
	}
	if after, err = r.view(ctx); err != nil { // a repair may have changed the counts
		return err
	}
	r.whole(after, unfinished(numbers(after.Counts)))
	return r.flush(ctx)
}

// checkMoving compares the counts of a rollout whose targets move: at one instant if it is small
// enough, otherwise only their sums.
func (r *subject) checkMoving(ctx context.Context) error {
	counts, there, ok, err := r.recount(ctx, "")
	switch {
	case err != nil:
		return err
	case ok:
		r.compare(counts, there)
	default:
		r.out.Moving = append(r.out.Moving, r.id)
		if err := r.tally(ctx); err != nil {
			return err
		}
	}
	return r.flush(ctx)
}

// view reads the rollout as of one instant.
func (r *subject) view(ctx context.Context) (db.View, error) {
	views, err := db.Views(ctx, r.rdb, []string{r.id})
	if err != nil {
		return db.View{}, db.Failed(err, "check rollout %s", r.id)
	}
	if len(views) == 0 {
		return db.View{}, &ledger.StatusError{Rollout: r.id}
	}
	return views[0], nil
}

// withoutCounts is a view that can be read though its counts can't.
func withoutCounts(v db.View) db.View {
	return db.View{ID: v.ID, Fields: v.Fields, Broken: v.Broken}
}

// walk checks each target, and the entries of the rollout's own indexes.
func (r *subject) walk(ctx context.Context) error {
	err := scan(ctx, r.rdb.HScan, db.KeyTargets(r.id), func(apps, _ []string) error {
		return r.look(ctx, apps, func(p position) {
			r.targets++
			r.count(p.app, p.record)
			r.target(p)
		})
	})
	for _, stage := range rollout.Stages() {
		if err != nil {
			return err
		}
		err = scan(ctx, r.rdb.ZScan, db.KeyReady(r.id, string(stage)), func(apps, _ []string) error {
			return r.look(ctx, apps, func(p position) { r.stray(p, "ready:"+string(stage)) })
		})
	}
	return err
}

// whole checks the rollout as a whole, with its number of unfinished targets.
func (r *subject) whole(v db.View, left int) {
	total, _ := strconv.ParseInt(v.Fields["total"], 10, 64)
	status := rollout.Status(v.Fields["status"])
	if total != 0 && v.Targets != total {
		r.add(Finding{
			Fault: FaultTotal, Text: fmt.Sprintf("the plan has %d targets, the ledger %d", total, v.Targets),
			Advice: "find the missing apps in the app list, and apply a plan for them",
		})
	}
	if _, err := withoutCounts(v).Rollout(); err != nil {
		r.add(Finding{Fault: FaultRecord, Text: "can't be read: " + err.Error(), Advice: "restore " + db.KeyRollout(v.ID) + " from a backup of Redis"})
	}
	targets := "targets"
	if left == 1 {
		targets = "target"
	}
	unfinished := fmt.Sprintf("it is %s with %d %s unfinished", status, left, targets)
	switch {
	case status == "":
		r.add(Finding{Fault: FaultRecord, Text: "has no status", Advice: "set the field status of " + db.KeyRollout(v.ID) + " to paused, and repair again"})
	case status == rollout.StatusDone && left > 0:
		r.add(Finding{Fault: FaultAsleep, Text: unfinished, Repair: "pause it; enqueue resume continues it"})
	case status == rollout.StatusDone && v.Active:
		r.add(Finding{Fault: FaultActive, Text: "it is done, but still in active", Repair: "take it out of active"})
	case v.Active || status == rollout.StatusLoading || status == rollout.StatusDone:
	case left > 0:
		r.add(Finding{Fault: FaultAsleep, Text: unfinished, Repair: "put it into active"})
	case status != rollout.StatusAborted:
		r.add(Finding{Fault: FaultAsleep, Text: fmt.Sprintf("it is %s, but not in active", status), Repair: "put it into active"})
	}
}

// add notes a finding of the page.
func (r *subject) add(f Finding) {
	f.Rollout = r.id
	r.page = append(r.page, f)
}

// flush reports the page of findings, after their repair.
func (r *subject) flush(ctx context.Context) error {
	page := slices.Clone(r.page)
	r.page = r.page[:0]
	if r.o.Repair {
		if err := r.repair(ctx, page); err != nil {
			return err
		}
	}
	for _, f := range page {
		r.o.See(f)
	}
	return nil
}

package fsck

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/wxrollout/wxrollout/ledger/internal/db"
	"github.com/wxrollout/wxrollout/rollout"
)

var (
	targetsScript = db.Script(sources, "repair_targets.lua")
	countsScript  = db.Script(sources, "repair_counts.lua")
	rolloutScript = db.Script(sources, "repair_rollout.lua")
)

// repair repairs what it can of a page of findings, and writes into them what it did.
func (r *subject) repair(ctx context.Context, page []Finding) error {
	if err := r.repairTargets(ctx, page); err != nil {
		return err
	}
	if err := r.repairCounts(ctx, page); err != nil {
		return err
	}
	for n := range page {
		f := &page[n]
		if f.Fault != FaultAsleep && f.Fault != FaultActive {
			continue
		}
		done, err := db.Run(ctx, r.rdb, rolloutScript, r.id, r.o.By, r.o.Why).Text()
		if err != nil {
			return db.Failed(err, "repair rollout %s", r.id)
		}
		f.Done = done
	}
	return nil
}

// repairTargets repairs indexes, owners and times of targets. A page has findings of at most
// pageSize targets.
func (r *subject) repairTargets(ctx context.Context, page []Finding) error {
	var apps []string
	for _, f := range page {
		if f.AppID != "" && f.Repair != "" && !slices.Contains(apps, f.AppID) {
			apps = append(apps, f.AppID)
		}
	}
	if len(apps) == 0 {
		return nil
	}
	list, err := db.Run(ctx, r.rdb, targetsScript, db.Args(apps, r.id, db.Milli(r.wakeMax), db.Milli(leaseMax), db.Milli(leaseRepaired),
		fmt.Sprintf(",%s,", join(rollout.States())), fmt.Sprintf(",%s,", join(rollout.Reasons())))...).StringSlice()
	if err != nil {
		return db.Failed(err, "repair %d targets of rollout %s", len(apps), r.id)
	}
	for n := range page {
		f := &page[n]
		if at := slices.Index(apps, f.AppID); at >= 0 && f.Repair != "" {
			f.Done, f.Advice = list[2*at], list[2*at+1]
		}
	}
	return nil
}

// join lists words with a comma between them.
func join[T ~string](words []T) string {
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = string(w)
	}
	return strings.Join(texts, ",")
}

// repairCounts recounts the targets. That is exact or not done at all: it is one script, or, for a
// large rollout, it requires that nothing moves until its end.
func (r *subject) repairCounts(ctx context.Context, page []Finding) error {
	repairable := func(f Finding) bool { return f.Fault == FaultCount && f.Repair != "" }
	if !slices.ContainsFunc(page, repairable) {
		return nil
	}
	_, _, done, err := r.recount(ctx, "repair")
	if err == nil && !done {
		done, err = r.recountPages(ctx)
	}
	if err != nil {
		return err
	}
	for n := range page {
		switch f := &page[n]; {
		case !repairable(*f):
		case done:
			f.Done = "recounted the targets"
		default:
			f.Advice = "its targets keep moving: enqueue pause " + r.id + ", wait until its assignments are over, and repair again"
		}
	}
	return nil
}

// recountPages recounts a rollout that is too large for one script call, page by page. It is false
// if targets moved in each of three passes.
func (r *subject) recountPages(ctx context.Context) (bool, error) {
	for range 3 {
		before, err := r.view(ctx)
		if err != nil {
			return false, err
		}
		c := r.subject(r.id)
		err = scan(ctx, r.rdb.HScan, db.KeyTargets(r.id), func(apps, records []string) error {
			for i, app := range apps {
				c.count(app, records[i])
			}
			return nil
		})
		if err != nil {
			return false, err
		}
		args := []any{r.id, before.Fields["moves"]}
		for cell, n := range c.counted {
			args = append(args, cell, n)
		}
		if n, err := db.Run(ctx, r.rdb, countsScript, args...).Int(); n == 1 || err != nil {
			return n == 1, db.Failed(err, "repair the counts of rollout %s", r.id)
		}
	}
	return false, nil
}

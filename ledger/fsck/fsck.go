// Package fsck checks a live ledger for consistency, and repairs it.
package fsck

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/ledger/internal/db"
	"github.com/wxrollout/wxrollout/rollout"
)

//go:embed *.lua
var sources embed.FS

// Options select what Check checks. The zero value means all unfinished rollouts and what belongs
// to none, without a repair.
type Options struct {
	// Rollouts are the ids of the only rollouts to check; none means all that are unfinished.
	Rollouts []string
	// Ended includes the targets of rollouts that have ended.
	Ended bool
	// Repair repairs what it can, a page of findings at a time.
	Repair bool
	// By and Why are recorded when a repair pauses a rollout.
	By, Why string
	// Waits are the classes of last errors that never fail a target.
	Waits []string
	// AtOnce is the largest rollout whose counts are compared in one script call while its
	// targets move; of a larger one only sums are. Default 5000 targets, which block the server
	// for about 25 ms.
	AtOnce int
	// See receives each finding, with what was done about it.
	See func(Finding)
	// Progress receives how many targets were checked.
	Progress func(done, total int)
}

const (
	// wakeMax is how far in the future a wake time may be; two gray steps of the plan are added.
	wakeMax = 10 * 24 * time.Hour
	// leaseMax is how far in the future an assignment may end.
	leaseMax = 24 * time.Hour
	// leaseRepaired replaces a lease that exceeds leaseMax: it outlasts any call.
	leaseRepaired = time.Hour
	// pageSize is how many targets one script call reads; the server does nothing else meanwhile.
	pageSize = 100
)

// Checked is what Check covered.
type Checked struct {
	Rollouts int
	Targets  int
	// Moving are the rollouts of which only sums were compared, because their targets kept moving.
	Moving []string
}

// Check checks the whole ledger in one pass beside the workers: the targets of the selected
// rollouts, and the entries of all shared indexes, owners, names and schedules. A repair verifies
// each finding again in the atomic step that repairs it, since its target may have moved meanwhile,
// and changes no target's stage, state or reason. A second repair does nothing.
//
// It holds the ids of all rollouts, one page of targets, and the cells of one rollout: its memory
// doesn't grow with the targets. A rollout in Options.Rollouts that is not there is a
// *ledger.StatusError.
func Check(ctx context.Context, rdb redis.UniversalClient, o Options) (Checked, error) {
	if o.AtOnce <= 0 {
		o.AtOnce = 5000
	}
	if o.See == nil {
		o.See = func(Finding) {}
	}
	if o.Progress == nil {
		o.Progress = func(int, int) {}
	}
	c := checker{rdb: rdb, o: o, chosen: make(map[string]time.Duration)}
	for _, step := range []func(context.Context) error{c.choose, c.rollouts, c.shared, c.schedules} {
		if err := step(ctx); err != nil {
			return c.out, err
		}
	}
	return c.out, nil
}

// checker is one check under way.
type checker struct {
	rdb    redis.UniversalClient
	o      Options
	out    Checked
	chosen map[string]time.Duration // rollouts to check, with how far a wake time of theirs may be
	total  int                      // targets to check
}

// everything reports whether the options name no rollouts.
func (c *checker) everything() bool { return len(c.o.Rollouts) == 0 }

// choose selects the rollouts to check, and finds ids that name no rollout.
func (c *checker) choose(ctx context.Context) error {
	if !c.everything() {
		return c.choosePages(ctx, c.o.Rollouts, func(id string, there bool) error {
			if !there {
				return &ledger.StatusError{Rollout: id}
			}
			return nil
		})
	}
	named := make(map[string][]reference)
	for _, index := range []string{"rollouts", "active"} {
		err := scan(ctx, c.rdb.ZScan, db.Root+index, func(ids, _ []string) error {
			for _, id := range ids {
				if ref := (reference{index: index}); !slices.Contains(named[id], ref) {
					named[id] = append(named[id], ref)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	names, err := c.rdb.HGetAll(ctx, db.KeyNames).Result()
	if err != nil {
		return db.Failed(err, "list the names of rollouts")
	}
	for name, id := range names {
		named[id] = append(named[id], reference{"names", name})
	}
	return c.choosePages(ctx, slices.Sorted(maps.Keys(named)), func(id string, there bool) error {
		if there {
			return c.listed(ctx, id, named[id])
		}
		return c.gone(ctx, id, named[id])
	})
}

// reference is an index that names a rollout, and for "names" the name.
type reference struct{ index, name string }

// choosePages chooses those of the ids that need a check, and calls see for each id.
func (c *checker) choosePages(ctx context.Context, ids []string, see func(id string, there bool) error) error {
	for page := range slices.Chunk(ids, pageSize) {
		views, err := db.Views(ctx, c.rdb, page)
		if err != nil {
			return err
		}
		there := make(map[string]bool)
		for _, v := range views {
			there[v.ID] = true
			c.chooseOne(v)
		}
		for _, id := range page {
			if err := see(id, there[id]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *checker) chooseOne(v db.View) {
	ended := rollout.Status(v.Fields["status"]).Ended()
	if c.everything() && ended && !c.o.Ended && !v.Active && unfinished(numbers(v.Counts)) == 0 {
		return
	}
	c.chosen[v.ID] = wakeMax
	if r, err := withoutCounts(v).Rollout(); err == nil {
		c.chosen[v.ID] += 2 * r.Plan.Release.Every
	}
	c.total += int(v.Targets)
}

// gone reports a rollout that is not there.
func (c *checker) gone(ctx context.Context, id string, refs []reference) error {
	for _, ref := range refs {
		f := Finding{Fault: FaultOrphan, Rollout: id, Text: "the rollout is not there, but in " + ref.index, Repair: "take it out"}
		if err := c.reportName(ctx, f, ref.index, id, ref.name); err != nil {
			return err
		}
	}
	return nil
}

// listed reports a rollout that is missing in the list of rollouts.
func (c *checker) listed(ctx context.Context, id string, refs []reference) error {
	if slices.Contains(refs, reference{index: "rollouts"}) {
		return nil
	}
	switch err := c.rdb.ZScore(ctx, db.KeyRollouts, id).Err(); {
	case err == nil: // it was created after the list was read
		return nil
	case !errors.Is(err, redis.Nil):
		return db.Failed(err, "look up rollout %s", id)
	}
	return c.reportName(ctx, Finding{Fault: FaultUnlisted, Rollout: id, Text: "it is not in the list of rollouts", Repair: "put it there"}, "rollouts", id, "")
}

var nameScript = db.Script(sources, "repair_name.lua")

// reportName reports a finding about an entry of an index, after its repair.
func (c *checker) reportName(ctx context.Context, f Finding, index, id, name string) error {
	if c.o.Repair {
		done, err := db.Run(ctx, c.rdb, nameScript, index, id, name).Text()
		if err != nil {
			return db.Failed(err, "repair %s", index)
		}
		f.Done = done
	}
	c.o.See(f)
	return nil
}

// rollouts checks the chosen ones.
func (c *checker) rollouts(ctx context.Context) error {
	for _, id := range slices.Sorted(maps.Keys(c.chosen)) {
		r := c.subject(id)
		err := r.check(ctx)
		c.out.Rollouts++
		c.out.Targets += r.targets
		if err != nil {
			return err
		}
	}
	return nil
}

var schedulesScript = db.Script(sources, "schedules.lua")

// schedules checks that each schedule is due at its next run.
func (c *checker) schedules(ctx context.Context) error {
	if !c.everything() {
		return nil
	}
	return scan(ctx, c.rdb.ZScan, db.KeySchedules, func(names, _ []string) error {
		list, err := db.Run(ctx, c.rdb, schedulesScript, db.Args(names)...).StringSlice()
		if err != nil {
			return db.Failed(err, "check %d schedules", len(names))
		}
		for i, name := range names {
			var f Finding
			switch list[i] {
			case "":
				continue
			case "gone":
				f = Finding{Fault: FaultOrphan, Text: fmt.Sprintf("schedule %s is not there, but in schedules", name), Repair: "take it out"}
			default:
				f = Finding{Fault: FaultSchedule, Text: fmt.Sprintf("schedule %s is not due at its next run", name), Repair: "set its next run"}
			}
			if err := c.reportName(ctx, f, "schedules", name, ""); err != nil {
				return err
			}
		}
		return nil
	})
}

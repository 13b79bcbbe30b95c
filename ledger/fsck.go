package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/rollout"
)

// FsckOptions say what Inspect looks at. The zero value looks at all
// unfinished rollouts and at what belongs to none, and changes nothing.
type FsckOptions struct {
	// Rollouts are the ids to look at, and nothing else; none for all that are
	// unfinished.
	Rollouts []string
	// Ended looks at every target of the rollouts that have ended, too.
	Ended bool
	// Repair repairs what it can, a page of findings at a time.
	Repair bool
	// By and Why are who repairs, for a rollout that has to be paused.
	By, Why string
	// WakeMax and LeaseMax are how far a wake time and the end of an assignment may be.
	// Defaults 10 days, and on top of it two gray steps of the plan, and 24 h.
	WakeMax, LeaseMax time.Duration
	// Waits are the classes of last errors that a target only waits for.
	Waits []string
	// AtOnce is the largest rollout whose counts are compared in one script call
	// when its targets never rest; above, their sums are. Default 5000 targets,
	// for which the server does nothing else for about 25 ms.
	AtOnce int
	// See is given each finding, with what was done about it.
	See func(Finding)
	// Progress is told how many targets were looked at.
	Progress func(done, total int)
}

func (o FsckOptions) withDefaults() FsckOptions {
	if o.WakeMax <= 0 {
		o.WakeMax = 10 * 24 * time.Hour
	}
	if o.LeaseMax <= 0 {
		o.LeaseMax = 24 * time.Hour
	}
	if o.AtOnce <= 0 {
		o.AtOnce = 5000
	}
	if o.See == nil {
		o.See = func(Finding) {}
	}
	if o.Progress == nil {
		o.Progress = func(int, int) {}
	}
	return o
}

// leaseRepaired is what a lease beyond all measure is cut to: long after any call.
const leaseRepaired = time.Hour

// Inspected is what Inspect looked at.
type Inspected struct {
	Rollouts int
	Targets  int
	// Moving are the rollouts whose cells were not compared, since their targets
	// moved all the time: only sums were.
	Moving []string
}

// Fsck audits the ledger as a whole, in one pass beside the workers: the
// targets of all rollouts that it is to look at, and the entries of all shared
// indexes, owners, names and schedules, whoever they belong to. With Repair it
// repairs as it goes: each finding is checked again in the same atomic step that
// repairs it, since its target may have moved meanwhile, and no target's stage,
// state or reason changes. Repairing twice does nothing the second time.
//
// It holds the ids of all rollouts, one page of targets, and the cells of one
// rollout: its memory doesn't grow with the targets. A rollout in
// InspectOptions.Rollouts that is not there is a *StatusError.
func (l *Ledger) Fsck(ctx context.Context, o FsckOptions) (Inspected, error) {
	i := inspector{l: l, o: o.withDefaults(), there: make(map[string]bool)}
	for _, step := range []func(context.Context) error{i.choose, i.rollouts, i.entries, i.schedules} {
		if err := step(ctx); err != nil {
			return i.out, err
		}
	}
	return i.out, nil
}

// inspector is one inspection under way.
type inspector struct {
	l      *Ledger
	o      FsckOptions
	out    Inspected
	chosen []chosen
	there  map[string]bool // the rollouts that are there
	total  int             // targets to look at
}

// chosen is a rollout to look at.
type chosen struct {
	id   string
	wake time.Duration // how far a wake time may be
}

// everything reports whether no rollouts were named.
func (i *inspector) everything() bool { return len(i.o.Rollouts) == 0 }

// auditor looks at one rollout, and repairs it if that is asked.
func (i *inspector) auditor(c chosen) *auditor {
	a := &auditor{recount: make(map[string]int), l: i.l, id: c.id, limits: limits{wake: c.wake, lease: i.o.LeaseMax, waits: i.o.Waits}}
	a.see = func(ctx context.Context, page []Finding) error {
		if i.o.Repair {
			if err := i.repair(ctx, a, page); err != nil {
				return err
			}
		}
		for _, f := range page {
			i.o.See(f)
		}
		i.o.Progress(min(i.out.Targets+a.targets, i.total), i.total)
		return nil
	}
	return a
}

// rollouts audits the chosen ones.
func (i *inspector) rollouts(ctx context.Context) error {
	for _, c := range i.chosen {
		a := i.auditor(c)
		a.tell = func() { i.o.Progress(min(i.out.Targets+a.targets, i.total), i.total) }
		rest, err := a.pass(ctx)
		if err == nil && !rest {
			err = i.recount(ctx, a)
		}
		i.out.Rollouts++
		i.out.Targets += a.targets
		if err != nil {
			return err
		}
	}
	return nil
}

// recount compares the counts of a rollout whose targets move: at one instant if
// it is small enough, or else only their sums.
func (i *inspector) recount(ctx context.Context, a *auditor) error {
	r, ok, err := i.l.recountAtOnce(ctx, a.id, i.o.AtOnce, false)
	if err != nil {
		return err
	}
	if ok {
		a.cells(r.counts, r.there)
		err = a.flush(ctx)
	} else {
		i.out.Moving = append(i.out.Moving, a.id)
		err = a.tally(ctx)
	}
	if err != nil {
		return err
	}
	return a.moved(ctx)
}

// entries looks at what all rollouts share.
func (i *inspector) entries(ctx context.Context) error {
	walked := make(map[string]chosen, len(i.chosen))
	for _, c := range i.chosen {
		walked[c.id] = c
	}
	return i.l.shared(ctx, func(ctx context.Context, id, index string, apps []string) error {
		c, seen := walked[id]
		switch {
		case seen:
			return i.auditor(c).strays(ctx, id, index, apps)
		case !i.everything():
			return nil
		case id == "" && index != owners:
			return i.nameless(ctx, index, apps)
		}
		a := i.auditor(chosen{id: id, wake: i.o.WakeMax})
		return a.look(ctx, apps, func(s standing) {
			a.stray(s, index)
			if first := s.first(); first == index || index == owners && (first == "" || strings.HasPrefix(first, "ready:")) {
				a.target(s)
			}
		})
	})
}

// nameless are members of an index that name no target.
func (i *inspector) nameless(ctx context.Context, index string, members []string) error {
	for _, m := range members {
		err := i.name(ctx, Finding{Fault: FaultOrphan, Text: fmt.Sprintf("%q in %s names no target", m, index), Repair: "take it out"}, index, m, "")
		if err != nil {
			return err
		}
	}
	return nil
}

// schedules looks whether each schedule stands at its next run.
func (i *inspector) schedules(ctx context.Context) error {
	if !i.everything() {
		return nil
	}
	return scan(ctx, func(cursor uint64) *redis.ScanCmd { return i.l.rdb.ZScan(ctx, keySchedules, cursor, "", auditPage) },
		fieldName, func(names []string) error {
			for page := range slices.Chunk(names, auditPage) {
				if err := i.schedulePage(ctx, page); err != nil {
					return err
				}
			}
			return nil
		})
}

func (i *inspector) schedulePage(ctx context.Context, names []string) error {
	args := make([]any, len(names))
	for n, name := range names {
		args[n] = name
	}
	list, err := run(ctx, i.l.rdb, scheduleLookScript, args...).StringSlice()
	if err != nil {
		return failed(err, "look at %d schedules", len(names))
	}
	for n, what := range list {
		f := Finding{Fault: FaultSchedule, Text: fmt.Sprintf("schedule %s doesn't stand at its next run", names[n]), Repair: "set its next run"}
		if what == "gone" {
			f = Finding{Fault: FaultOrphan, Text: fmt.Sprintf("schedule %s is not there, but in schedules", names[n]), Repair: "take it out"}
		}
		if what != "" {
			if err := i.name(ctx, f, "schedules", names[n], ""); err != nil {
				return err
			}
		}
	}
	return nil
}

// name hands on a finding about a name in an index, repaired if that is asked.
func (i *inspector) name(ctx context.Context, f Finding, index, id, name string) error {
	if i.o.Repair {
		done, err := run(ctx, i.l.rdb, repairNameScript, index, id, name).Text()
		if err != nil {
			return failed(err, "repair %s", index)
		}
		f.Done = done
	}
	i.o.See(f)
	return nil
}

// choose finds the rollouts to look at, and names of rollouts that are not there.
func (i *inspector) choose(ctx context.Context) error {
	if !i.everything() {
		return i.take(ctx, i.o.Rollouts, func(id string) error { return &StatusError{Rollout: id} })
	}
	named := make(map[string][]string) // id -> the indexes that name it
	for _, index := range []string{keyRollouts, keyActive} {
		if err := i.collect(ctx, index, named); err != nil {
			return err
		}
	}
	names, err := i.l.rdb.HGetAll(ctx, keyNames).Result()
	if err != nil {
		return failed(err, "list the names of rollouts")
	}
	for name, id := range names {
		named[id] = append(named[id], "names="+name)
	}
	ids := make([]string, 0, len(named))
	for id := range named {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	if err := i.take(ctx, ids, func(id string) error { return i.gone(ctx, id, named[id]) }); err != nil {
		return err
	}
	return i.unlisted(ctx, ids, named)
}

// collect notes the ids in an index.
func (i *inspector) collect(ctx context.Context, key string, named map[string][]string) error {
	index := strings.TrimPrefix(key, root)
	return scan(ctx, func(cursor uint64) *redis.ScanCmd { return i.l.rdb.ZScan(ctx, key, cursor, "", auditPage) }, fieldName, func(ids []string) error {
		for _, id := range ids {
			if !slices.Contains(named[id], index) {
				named[id] = append(named[id], index)
			}
		}
		return nil
	})
}

// gone reports a rollout that indexes name and that is not there.
func (i *inspector) gone(ctx context.Context, id string, indexes []string) error {
	for _, in := range indexes {
		index, name, _ := strings.Cut(in, "=")
		f := Finding{Fault: FaultOrphan, Rollout: id, Text: "the rollout is not there, but in " + index, Repair: "take it out"}
		if err := i.name(ctx, f, index, id, name); err != nil {
			return err
		}
	}
	return nil
}

// unlisted reports rollouts that are there and not in the list.
func (i *inspector) unlisted(ctx context.Context, ids []string, named map[string][]string) error {
	for _, id := range ids {
		if slices.Contains(named[id], "rollouts") || !i.there[id] {
			continue
		}
		// A rollout that was made since the list was read is in it by now.
		if err := i.l.rdb.ZScore(ctx, keyRollouts, id).Err(); err == nil || err != redis.Nil { //nolint:errorlint // never wrapped
			if err != nil {
				return failed(err, "look up rollout %s", id)
			}
			continue
		}
		f := Finding{Fault: FaultUnlisted, Rollout: id, Text: "it is not in the list of rollouts", Repair: "put it there"}
		if err := i.name(ctx, f, "rollouts", id, ""); err != nil {
			return err
		}
	}
	return nil
}

// take chooses those of the ids that have to be looked at; missing hears of those
// that are not there.
func (i *inspector) take(ctx context.Context, ids []string, missing func(id string) error) error {
	for page := range slices.Chunk(ids, auditPage) {
		views, err := i.l.view(ctx, page)
		if err != nil {
			return err
		}
		for _, v := range views {
			i.there[v.id] = true
			i.takeOne(v)
		}
		for _, id := range page {
			if !i.there[id] {
				if err := missing(id); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (i *inspector) takeOne(v view) {
	ended := rollout.Status(v.fields["status"]).Ended()
	if i.everything() && ended && !i.o.Ended && !v.active && unfinished(numbers(v.counts)) == 0 {
		return
	}
	c := chosen{id: v.id, wake: i.o.WakeMax}
	if r, err := decodeRollout(view{id: v.id, fields: v.fields, broken: v.broken}); err == nil {
		c.wake += 2 * r.Plan.Release.Every
	}
	i.chosen = append(i.chosen, c)
	i.total += int(v.targets)
}

// repair repairs what it can of a page of findings, and writes into them what it did.
func (i *inspector) repair(ctx context.Context, a *auditor, page []Finding) error {
	var apps []string
	for _, f := range page {
		if f.AppID != "" && f.Repair != "" && !slices.Contains(apps, f.AppID) {
			apps = append(apps, f.AppID)
		}
	}
	if err := i.repairTargets(ctx, a, apps, page); err != nil {
		return err
	}
	if err := i.repairCounts(ctx, a, page); err != nil {
		return err
	}
	return i.repairWhole(ctx, a, page)
}

// repairTargets repairs where targets stand.
func (i *inspector) repairTargets(ctx context.Context, a *auditor, apps []string, page []Finding) error {
	for some := range slices.Chunk(apps, auditPage) {
		args := []any{a.id, milli(a.limits.wake), milli(a.limits.lease), milli(leaseRepaired), commas(rollout.States()), commas(rollout.Reasons())}
		for _, app := range some {
			args = append(args, app)
		}
		list, err := run(ctx, i.l.rdb, repairTargetsScript, args...).StringSlice()
		if err != nil {
			return failed(err, "repair %d targets of rollout %s", len(some), a.id)
		}
		for n := range page {
			f := &page[n]
			if at := slices.Index(some, f.AppID); at >= 0 && f.Repair != "" {
				f.Done, f.Advice = list[2*at], list[2*at+1]
			}
		}
	}
	return nil
}

// repairCounts counts the targets again. That is exact or not done at all: it is one
// script, or, for a large rollout, nothing may have moved until its end.
func (i *inspector) repairCounts(ctx context.Context, a *auditor, page []Finding) error {
	repaired := func(f Finding) bool { return f.Fault == FaultCount && f.Repair != "" }
	if !slices.ContainsFunc(page, repaired) {
		return nil
	}
	done, err := i.countAnew(ctx, a)
	if err != nil {
		return err
	}
	for n := range page {
		switch f := &page[n]; {
		case !repaired(*f):
		case done:
			f.Done = "counted the targets anew"
		default:
			f.Advice = "its targets never rest: enqueue pause " + a.id + ", wait until its assignments are over, and repair again"
		}
	}
	return nil
}

func (i *inspector) countAnew(ctx context.Context, a *auditor) (bool, error) {
	_, ok, err := i.l.recountAtOnce(ctx, a.id, i.o.AtOnce, true)
	if err != nil || ok {
		return ok, err
	}
	return i.countSlowly(ctx, a)
}

// countSlowly counts a rollout that is too large for one script call, in pages.
func (i *inspector) countSlowly(ctx context.Context, a *auditor) (bool, error) {
	for range auditPasses {
		before, err := a.seen(ctx)
		if err != nil {
			return false, err
		}
		c := auditor{l: i.l, id: a.id, recount: make(map[string]int)}
		err = scan(ctx, func(cursor uint64) *redis.ScanCmd { return i.l.rdb.HScan(ctx, keyTargets(a.id), cursor, "", scanPage) },
			func(app, record string) (struct{}, bool) { c.count(app, record); return struct{}{}, false },
			func([]struct{}) error { return nil })
		if err != nil {
			return false, err
		}
		if done, err := i.l.repairCounts(ctx, a.id, before.fields["moves"], c.recount); done || err != nil {
			return done, err
		}
	}
	return false, nil
}

// repairWhole puts a rollout where the controller looks at it, or takes it out.
func (i *inspector) repairWhole(ctx context.Context, a *auditor, page []Finding) error {
	for n := range page {
		f := &page[n]
		if f.Fault != FaultAsleep && f.Fault != FaultActive {
			continue
		}
		done, err := run(ctx, i.l.rdb, repairRolloutScript, a.id, i.o.By, i.o.Why).Text()
		if err != nil {
			return failed(err, "repair rollout %s", a.id)
		}
		f.Done = done
	}
	return nil
}

// commas lists words with a comma around each.
func commas[T ~string](words []T) string {
	var b strings.Builder
	b.WriteString(",")
	for _, w := range words {
		b.WriteString(string(w) + ",")
	}
	return b.String()
}

// Note writes into a rollout's log what changed something of it, but not its status.
func (l *Ledger) Note(ctx context.Context, id, by, why string) error {
	return failed(run(ctx, l.rdb, noteScript, id, by, why).Err(), "write into the log of rollout %s", id)
}

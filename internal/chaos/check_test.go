package chaos

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/wxrollout/wxrollout/ledger/fsck"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxsim"
)

// kind is what is wrong.
type kind string

// The kinds of findings.
const (
	kindLost     kind = "lost"     // a target didn't end, or not as it must
	kindDoubled  kind = "doubled"  // submitted or released twice
	kindUnpinned kind = "unpinned" // a release that might have published something else
	kindOverlap  kind = "overlap"  // two calls on one app at once
	kindBooks    kind = "books"    // anything else the simulator complains about
	kindQuota    kind = "quota"    // quota spent that the ledger doesn't know
	kindLedger   kind = "ledger"   // the consistency check
	kindOrphan   kind = "orphan"   // tasks left in the queue
	kindLeak     kind = "leak"     // goroutines
	kindExit     kind = "exit"     // a worker ended as it must not
	kindHarness  kind = "harness"  // the suite itself
)

// finding is one thing that is wrong.
type finding struct {
	kind kind
	text string
}

func (f finding) String() string { return string(f.kind) + ": " + f.text }

// rules are the kinds of the books' rules.
var rules = map[string]kind{
	"double submissions": kindDoubled, "double releases": kindDoubled,
	"unpinned releases": kindUnpinned, "overlapping calls on one app": kindOverlap,
}

// judge says what is wrong with the simulator's books.
func judge(b wxsim.Books) []finding {
	var found []finding
	joined, ok := b.Check().(interface{ Unwrap() []error })
	if !ok {
		return nil
	}
	for _, err := range joined.Unwrap() {
		k := kindBooks
		if off := (*wxsim.ImbalanceError)(nil); errors.As(err, &off) {
			if known, ok := rules[off.Rule]; ok {
				k = known
			}
		}
		found = append(found, finding{k, err.Error()})
	}
	return found
}

// check compares what the ledger, the simulator and the queue say when a rollout
// is over.
func (r *rig) check(ctx context.Context, res *result, ended bool) {
	res.targets = r.apps
	b, err := r.books(ctx)
	if err != nil {
		r.found(kindHarness, "read the books: %v", err)
	}
	for _, f := range judge(b) {
		r.found(f.kind, "%s", f.text)
	}
	res.doubled = b.DoubleSubmissions.Total + b.DoubleReleases.Total
	res.overlaps, res.unpinned = b.OverlappingCalls.Total, b.UnpinnedReleases.Total
	for _, list := range []wxsim.Offences{b.DoubleSubmissions, b.DoubleReleases, b.UnpinnedReleases, b.OverlappingCalls} {
		for _, o := range list.List[:min(2, len(list.List))] {
			r.trace(ctx, o.AppID, o.At.Format("15:04:05.000 ")+o.What)
		}
	}
	targets, err := r.targets(ctx)
	if err != nil {
		r.found(kindHarness, "read the targets: %v", err)
	}
	if !ended && len(judge(b)) > 0 {
		return // it was stopped because of what the books show
	}
	res.lost = r.ends(ctx, targets)
	audits := make(map[int64]bool)
	for _, t := range targets {
		for _, id := range []int64{t.AuditID, t.PastAuditID} {
			if id != 0 {
				audits[id] = true
			}
		}
	}
	if spent, known := b.Submissions-int64(r.foreign), int64(len(audits)); spent != known {
		r.found(kindQuota, "%d units spent, the ledger knows %d audits", spent, known)
		res.doubled += max(0, spent-known-res.doubled)
	}
	l := r.ledger()
	list, err := l.Rollouts(ctx, 0, 10)
	if err != nil || len(list) != 1 {
		r.found(kindHarness, "there are %d rollouts, want 1: %v", len(list), err)
	}
	for _, ro := range list {
		var list []fsck.Finding
		see := func(f fsck.Finding) { list = append(list, f) }
		switch _, err := fsck.Check(ctx, r.store.rdb, fsck.Options{Rollouts: []string{ro.ID}, See: see}); {
		case err != nil:
			r.found(kindHarness, "consistency check: %v", err)
		case len(list) > 0:
			r.found(kindLedger, "%d findings in the ledger, first: %v", len(list), list[0])
		}
	}
}

// ends counts the targets that are missing or didn't end as they must: released,
// rejected, or held back because another tool submitted.
func (r *rig) ends(ctx context.Context, targets []rollout.Target) int {
	states := make(map[rollout.State]int)
	bad, pinned := 0, 0
	for _, t := range targets {
		states[t.State]++
		switch {
		case t.State == rollout.StateReleased, t.State == rollout.StateRejected:
		case t.State == rollout.StateFailed && t.LastError != nil && t.LastError.Class == "pin" && pinned < r.foreign:
			pinned++
		default:
			if bad++; bad <= 2 {
				r.trace(ctx, t.AppID, fmt.Sprintf("it is %s at %s (%s) %+v", t.State, t.Stage, t.Reason, t.LastError))
			}
		}
	}
	lost := bad + r.apps - len(targets)
	if lost != 0 || pinned != r.foreign {
		r.found(kindLost, "%d targets ended %v, want all %d released or rejected (and %d held back)", len(targets), states, r.apps, r.foreign)
	}
	return lost
}

// trace writes down all that is known of an app.
func (r *rig) trace(ctx context.Context, appID, why string) {
	lines := []string{"app " + appID + ": " + why}
	if list, err := r.ledger().Rollouts(ctx, 0, 10); err == nil {
		for _, ro := range list {
			t, err := r.ledger().Target(ctx, ro.ID, appID)
			lines = append(lines, fmt.Sprintf("  ledger: %s at %s, fence %d, version %d, audit %d, intent %+v, %v", t.State, t.Stage, t.Fence, t.Version, t.AuditID, t.Intent, err))
			for _, e := range t.Timeline {
				lines = append(lines, fmt.Sprintf("    %s %s %s %d %s", e.At.UTC().Format("15:04:05.000"), e.Stage, e.What, e.Code, e.Note))
			}
		}
	}
	for _, s := range r.fleet {
		got := s.grep(appID)
		lines = append(lines, got[max(0, len(got)-40):]...)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.journal = append(r.journal, strings.Join(lines, "\n"))
}

// rest checks that nothing is left when all is done: tasks, goroutines, workers.
func (r *rig) rest(ctx context.Context, idle int) {
	up, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for _, s := range r.fleet {
		if !s.up(up) {
			r.found(kindExit, "%s doesn't come back", s.name)
		}
	}
	r.queueEmpty(ctx)
	r.noLeak(ctx, idle)
	var wg sync.WaitGroup
	for _, s := range r.fleet {
		wg.Go(func() { s.close(true) })
	}
	wg.Wait()
}

// queueEmpty waits until nothing is left in the queue. Tasks that a killed worker
// had are known to be dead only when Asynq's recoverer sees it, a minute later, so
// that active ones are only counted in the full suite. The lists are counted as
// they are: Asynq's inspector fails on the ID of a task whose key was deleted.
func (r *rig) queueEmpty(ctx context.Context) {
	var left []string
	for until := time.Now().Add(3 * time.Minute); ; {
		left = nil
		for _, queueName := range rollout.QueueNames() {
			n, err := r.queued(ctx, queueName)
			switch {
			case err != nil:
				left = append(left, err.Error())
			case n["archived"] > 0:
				r.found(kindOrphan, "%d tasks of queue %s are archived", n["archived"], queueName)
				return
			case n["pending"]+n["scheduled"]+n["retry"] > 0 || *full && n["active"] > 0:
				left = append(left, fmt.Sprintf("queue %s: %v", queueName, n))
			}
		}
		if len(left) == 0 {
			return
		}
		if time.Now().After(until) || !wait(ctx, 500*time.Millisecond) {
			r.found(kindOrphan, "left in the queue: %s", strings.Join(left, "; "))
			return
		}
	}
}

// queued counts a queue's tasks in Asynq's lists.
func (r *rig) queued(ctx context.Context, queueName rollout.QueueName) (map[string]int64, error) {
	n := make(map[string]int64)
	for _, list := range []string{"pending", "active"} {
		var err error
		if n[list], err = r.store.rdb.LLen(ctx, fmt.Sprintf("asynq:{%s}:%s", queueName, list)).Result(); err != nil {
			return nil, err
		}
	}
	for _, set := range []string{"scheduled", "retry", "archived"} {
		var err error
		if n[set], err = r.store.rdb.ZCard(ctx, fmt.Sprintf("asynq:{%s}:%s", queueName, set)).Result(); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// noLeak waits until each worker has about as many goroutines as an idle one.
func (r *rig) noLeak(ctx context.Context, idle int) {
	const slack = 15 // a scrape, connections to Redis being made
	for _, s := range r.fleet {
		s.wechat.srv.Config.SetKeepAlivesEnabled(false) // idle connections end
	}
	for _, s := range r.fleet {
		for until := time.Now().Add(time.Minute); ; {
			n := s.goroutines(ctx)
			if n >= 0 && n <= idle+slack {
				break
			}
			if time.Now().After(until) || !wait(ctx, 200*time.Millisecond) {
				r.found(kindLeak, "%s has %d goroutines, an idle one %d", s.name, n, idle)
				break
			}
		}
	}
}

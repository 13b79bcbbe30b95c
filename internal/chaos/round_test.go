package chaos

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/proctest"
	"github.com/wxrollout/wxrollout/rollout"
)

// round is one rollout and what goes wrong in it.
type round struct {
	name   string
	faults []fault
	// times is how often each fault is injected.
	times func(fault) int
	o     options
	// timeout is how long no target may move before the rest counts as lost.
	timeout time.Duration
	// enough ends the round early, when a wanted kind of finding is in the books;
	// empty means never.
	enough kind
}

// result is what came of a round.
type result struct {
	round    string
	injected map[string]int // by fault
	targets  int
	lost     int
	doubled  int64
	overlaps int64
	unpinned int64
	took     time.Duration
	findings []finding
}

// run runs the round and checks everything.
func (x round) run(t *testing.T) result {
	t.Helper()
	busy <- struct{}{}
	free := sync.OnceFunc(func() { <-busy })
	defer free()
	begun := time.Now()
	for _, f := range x.faults {
		if f.setup != nil {
			f.setup(t, &x.o)
		}
	}
	r := newRig(t, x.name, x.o)
	x.timeout = max(x.timeout, 2*r.lease())
	ctx := t.Context()
	r.start(ctx)
	idle := r.idle(ctx)
	res := result{round: x.name, injected: make(map[string]int)}
	for _, f := range x.faults {
		if f.begin != nil {
			res.injected[f.name] += f.begin(ctx, r, x.rnd(f.name+" begins"))
		}
	}
	r.apply("spring", 1)
	r.note("the plan is applied")
	var wg sync.WaitGroup
	injected := make(chan struct{})
	wg.Go(func() {
		defer close(injected)
		x.inject(ctx, r, res.injected)
	})
	wg.Go(func() { r.raiseQuota(ctx, injected) })
	ended := r.wait(ctx, x.timeout, x.enough)
	close(r.ended)
	wg.Wait()
	r.check(ctx, &res, ended)
	res.took = time.Since(begun).Round(time.Second)
	free() // the rest is mostly waiting
	if ended {
		r.rest(ctx, idle)
	}
	res.findings = r.findings
	if *journal || len(res.findings) > 0 && x.enough == "" {
		t.Logf("journal of %s:\n%s", x.name, strings.Join(r.journal, "\n"))
	}
	return res
}

// rnd is the chance of one fault in this round; the same seed gives the same.
func (x round) rnd(what string) *rand.Rand {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s/%s", x.name, what)
	return rand.New(rand.NewPCG(*seed, h.Sum64()))
}

// inject injects each fault at its moments, one after the other.
func (x round) inject(ctx context.Context, r *rig, injected map[string]int) {
	type moment struct {
		at float64 // progress
		f  fault
		n  int
	}
	var all []moment
	for _, f := range x.faults {
		if f.inject == nil {
			continue
		}
		rnd := x.rnd(f.name)
		for n := range x.times(f) {
			all = append(all, moment{at: 0.01 + 0.54*rnd.Float64(), f: f, n: n})
		}
	}
	slices.SortFunc(all, func(a, b moment) int { return cmp.Compare(a.at, b.at) })
	for _, m := range all {
		if !r.until(ctx, m.at) {
			return
		}
		rnd := x.rnd(fmt.Sprintf("%s %d", m.f.name, m.n))
		n, err := m.f.inject(ctx, r, rnd)
		if n == 0 && err == nil && !r.over() { // the moment passed: the next one
			n, err = m.f.inject(ctx, r, rnd)
		}
		injected[m.f.name] += n
		if err != nil && ctx.Err() == nil {
			r.found(kindHarness, "%s: %v", m.f.name, err)
		}
	}
}

// raiseQuota gives the platform more quota, little by little, whenever it is out
// of it; the last only when all faults were injected, so that no rollout is over
// before.
func (r *rig) raiseQuota(ctx context.Context, injected <-chan struct{}) {
	granted := r.apps / 2
	for {
		if r.over() || !wait(ctx, 200*time.Millisecond) {
			return
		}
		more, all := r.apps/20+1, false
		select {
		case <-injected:
			more, all = 3*r.apps, true
		default:
			if granted > r.apps*8/10 { // just a trickle, so that there is something to strike
				more = 1
			}
			if granted+more >= r.apps {
				continue
			}
		}
		if b, err := r.books(ctx); err != nil || b.Quota.Rest > 0 && !all {
			continue
		}
		if _, err := proctest.Ask(ctx, "POST", r.sim+"/_sim/quota", fmt.Sprintf(`{"rest":%d}`, more), nil); err != nil {
			r.found(kindHarness, "raise the quota: %v", err)
		}
		if granted += more; all {
			r.note("all was injected: the platform has quota for the rest")
			return
		}
	}
}

// wait waits until every rollout has ended; false if nothing moves any more, or
// what was looked for is in the books.
func (r *rig) wait(ctx context.Context, timeout time.Duration, enough kind) bool {
	l := r.ledger()
	was, since, logged := "", time.Now(), time.Now()
	for {
		if !wait(ctx, 200*time.Millisecond) {
			return false
		}
		if enough != "" {
			if b, err := r.books(ctx); err == nil && slices.ContainsFunc(judge(b), func(f finding) bool { return f.kind == enough }) {
				return false
			}
		}
		list, err := l.Rollouts(ctx, 0, 10)
		now := ""
		if err == nil && len(list) > 0 {
			ended := true
			for _, ro := range list {
				ended = ended && ro.Status.Ended() && ro.Counts.Unfinished() == 0
				now += fmt.Sprint(ro.ID, ro.Status, ro.Counts)
			}
			if ended {
				return true
			}
		}
		if now != was && now != "" {
			was, since = now, time.Now()
		}
		if time.Since(logged) > 5*time.Second {
			logged = time.Now()
			r.note("%s", now)
		}
		if time.Since(since) > timeout {
			r.found(kindLost, "nothing has moved for %s: %s (%v)", timeout, was, err)
			return false
		}
	}
}

// idle is how many goroutines the idle workers have at most.
func (r *rig) idle(ctx context.Context) int {
	most := 0
	for _, s := range r.fleet {
		most = max(most, s.goroutines(ctx))
	}
	return most
}

// targets are all targets of all rollouts.
func (r *rig) targets(ctx context.Context) ([]rollout.Target, error) {
	l := r.ledger()
	list, err := l.Rollouts(ctx, 0, 10)
	if err != nil {
		return nil, err
	}
	var all []rollout.Target
	for _, ro := range list {
		for target, err := range l.Targets(ctx, ro.ID) {
			if err != nil {
				return all, err
			}
			all = append(all, target)
		}
	}
	return all, nil
}

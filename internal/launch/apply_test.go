package launch_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/launch"
	"github.com/wxrollout/wxrollout/internal/operator/operatortest"
	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
)

func TestApplyMakesWhatPlanShowed(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, advance func(time.Duration)) {
		b := setup(t, rdb, advance)
		p := b.Plan(waved, 1201)
		var reported []int
		a, err := b.Launcher.Apply(b.Ctx, p, launch.ApplyOptions{Why: "spring", Progress: func(done, total int) {
			if total != 1201 {
				t.Errorf("progress of %d", total)
			}
			reported = append(reported, done)
		}})
		if err != nil {
			t.Fatal(err)
		}
		want := launch.Applied{ID: p.ID, Outcome: launch.OutcomeCreated, Status: rollout.StatusRunning, Total: 1201, Added: 1201}
		if a != want {
			t.Errorf("applied %+v, want %+v", a, want)
		}
		if len(reported) != 3 || !slices.IsSorted(reported) || reported[2] != 1201 {
			t.Errorf("progress %v", reported)
		}
		r := b.Rollout(p.ID)
		if r.Total != 1201 || r.Digest != p.Digest || r.By != "li@ops1" || r.Why != "spring" {
			t.Errorf("rollout %+v", r)
		}
		last, err := b.Ledger.Target(b.Ctx, p.ID, appID(1200))
		if err != nil || last.Wave() != 2 || last.Attempt != 1 || last.Columns["tier"] != "tin" || last.Label != "店 1200" || !last.Since.Equal(operatortest.NewYear) {
			t.Errorf("last target %+v: %v", last, err)
		}
		b.Sound(p.ID)
	})
}

// TestApplyTwice applies the same plan in each status it can be in.
func TestApplyTwice(t *testing.T) {
	t.Parallel()
	b := mini(t)
	p := b.Plan(simple, 3)
	apply := func(again bool) (launch.Applied, error) {
		return b.Launcher.Apply(b.Ctx, b.Plan(simple, 3), launch.ApplyOptions{Again: again})
	}
	mustBe := func(outcome launch.Outcome, id string, again bool) {
		t.Helper()
		a, err := apply(again)
		if err != nil || a.Outcome != outcome || a.ID != id {
			t.Errorf("applied %+v, %v; want %s of %s", a, err, outcome, id)
		}
	}
	mustBe(launch.OutcomeCreated, p.ID, false)
	mustBe(launch.OutcomeExists, p.ID, false)
	mustBe(launch.OutcomeExists, p.ID, true)
	b.Work()
	_, err := apply(false)
	var ended *launch.EndedError
	if !errors.As(err, &ended) || *ended != (launch.EndedError{ID: p.ID, Status: rollout.StatusDone, Next: p.ID + "-2"}) || !strings.Contains(err.Error(), "--again") {
		t.Errorf("after it is done: %v", err)
	}
	if e := b.Plan(simple, 3).Earlier; e == nil || e.Status != rollout.StatusDone {
		t.Errorf("the preview says of the earlier rollout: %+v", e)
	}
	mustBe(launch.OutcomeCreated, p.ID+"-2", true)
	mustBe(launch.OutcomeExists, p.ID+"-2", false)
	if _, err := b.Operator.Abort(b.Ctx, p.ID+"-2", "no"); err != nil {
		t.Fatal(err)
	}
	if _, err := apply(false); !errors.As(err, &ended) || ended.Next != p.ID+"-3" {
		t.Errorf("after it was aborted: %v", err)
	}
	mustBe(launch.OutcomeCreated, p.ID+"-3", true)
}

func TestApplyNameInUse(t *testing.T) {
	t.Parallel()
	b := mini(t)
	first := b.Apply(simple, 3)
	_, err := b.Launcher.Apply(b.Ctx, b.Plan(simple, 4), launch.ApplyOptions{})
	var taken *ledger.TakenError
	if !errors.As(err, &taken) || taken.Other != first {
		t.Errorf("error %v, want that %s has the name", err, first)
	}
}

func TestApplyExpect(t *testing.T) {
	t.Parallel()
	b := mini(t)
	p := b.Plan(simple, 3)
	var different *launch.DifferentError
	if _, err := b.Launcher.Apply(b.Ctx, b.Plan(simple, 4), launch.ApplyOptions{Expect: p.ID}); !errors.As(err, &different) {
		t.Errorf("another list: %v", err)
	}
	if a, err := b.Launcher.Apply(b.Ctx, p, launch.ApplyOptions{Expect: p.ID}); err != nil || a.ID != p.ID {
		t.Errorf("the same list: %+v %v", a, err)
	}
}

func TestApplyLater(t *testing.T) {
	t.Parallel()
	b := mini(t)
	a, err := b.Launcher.Apply(b.Ctx, b.Plan(simple+"start: \"2030-01-02T00:00Z\"\n", 2), launch.ApplyOptions{})
	if err != nil || a.Status != rollout.StatusScheduled {
		t.Errorf("applied %+v: %v", a, err)
	}
}

// TestApplyInterrupted stops an apply after each batch; the same apply completes it.
func TestApplyInterrupted(t *testing.T) {
	t.Parallel()
	b := mini(t)
	p := b.Plan(simple, 3*ledger.AddBatch)
	ctx, cancel := context.WithCancel(b.Ctx)
	cancel()
	if a, err := b.Launcher.Apply(ctx, p, launch.ApplyOptions{}); !errors.Is(err, context.Canceled) || a.Added != 0 {
		t.Errorf("before it began: %+v %v", a, err)
	}
	for stop := 1; stop <= 3; stop++ {
		ctx, cancel := context.WithCancel(b.Ctx)
		_, err := b.Launcher.Apply(ctx, p, launch.ApplyOptions{Progress: func(done, _ int) {
			if done >= stop*ledger.AddBatch {
				cancel()
			}
		}})
		cancel()
		var stopped *launch.InterruptedError
		if !errors.As(err, &stopped) || !errors.Is(err, context.Canceled) || stopped.Done == 0 || stopped.ID != p.ID {
			t.Fatalf("stop %d: %v", stop, err)
		}
		if r := b.Rollout(p.ID); r.Status != rollout.StatusLoading {
			t.Fatalf("stop %d: the rollout is %s", stop, r.Status)
		}
		b.Work() // nothing of it may move
		if n := b.Rollout(p.ID).Counts.At(rollout.StagePreflight, rollout.StatePending); n != b.Rollout(p.ID).Counts.Total() {
			t.Fatalf("stop %d: targets of a loading rollout moved", stop)
		}
	}
	a, err := b.Launcher.Apply(b.Ctx, p, launch.ApplyOptions{})
	if err != nil || a.Outcome != launch.OutcomeResumed || a.Status != rollout.StatusRunning {
		t.Errorf("completed: %+v %v", a, err)
	}
	b.Sound(p.ID)
}

// TestApplyAtOnce lets several operators apply one plan.
func TestApplyAtOnce(t *testing.T) {
	t.Parallel()
	b := onServer(t)
	p := b.Plan(simple, 4*ledger.AddBatch)
	var wg sync.WaitGroup
	var mu sync.Mutex
	outcomes := make(map[launch.Outcome]int)
	for range 8 {
		wg.Go(func() {
			a, err := b.Launcher.Apply(b.Ctx, p, launch.ApplyOptions{})
			if err != nil || a.ID != p.ID || a.Status != rollout.StatusRunning {
				t.Errorf("applied %+v: %v", a, err)
			}
			mu.Lock()
			defer mu.Unlock()
			outcomes[a.Outcome]++
		})
	}
	wg.Wait()
	if outcomes[launch.OutcomeCreated] > 1 {
		t.Errorf("outcomes %v: created more than once", outcomes)
	}
	if r := b.Rollout(p.ID); r.Total != 2000 || r.Counts.Total() != 2000 {
		t.Errorf("%d of %d targets", r.Counts.Total(), r.Total)
	}
	b.Sound(p.ID)
}

// TestApplyHundredThousand streams a large plan into a real server.
func TestApplyHundredThousand(t *testing.T) {
	t.Parallel()
	b := onServer(t)
	const n = 100_000
	p := b.Plan(waved, n)
	if p.Waves[2].Size != n-4 {
		t.Errorf("waves %+v", p.Waves)
	}
	ctx, cancel := context.WithCancel(b.Ctx)
	defer cancel()
	_, err := b.Launcher.Apply(ctx, p, launch.ApplyOptions{Progress: func(done, total int) {
		if done > total/3 {
			cancel()
		}
	}})
	var stopped *launch.InterruptedError
	if !errors.As(err, &stopped) || stopped.Done < n/3 {
		t.Fatalf("interrupted: %v", err)
	}
	a, err := b.Launcher.Apply(b.Ctx, p, launch.ApplyOptions{})
	if err != nil || a.Outcome != launch.OutcomeResumed || a.Added+stopped.Done > n || a.Added < n/3 {
		t.Fatalf("resumed after %d: %+v %v", stopped.Done, a, err)
	}
	if r := b.Rollout(p.ID); r.Total != n || r.Counts.Total() != n {
		t.Errorf("%d of %d targets", r.Counts.Total(), r.Total)
	}
}

package ledger_test

import (
	"context"
	"fmt"
	"time"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/dispatch"
)

// worker is a queue that works off assignments at once: it runs the store
// with the controller, without Asynq or WeChat.
type worker struct {
	b *bench
	// order lists "appid stage" as assignments began.
	order []string
	// fails are apps whose audit is rejected once.
	fails map[string]bool
}

// Enqueue implements dispatch.Queue.
func (w *worker) Enqueue(ctx context.Context, assignments []rollout.Assignment) error {
	for _, assignment := range assignments {
		started, err := w.b.Start(ctx, assignment, lease)
		if err != nil {
			return err
		}
		w.order = append(w.order, assignment.AppID+" "+string(assignment.Stage))
		next, err := rollout.Step(started.Target, w.answer(assignment, started.Now))
		if err != nil {
			return err
		}
		if _, err := w.b.Save(ctx, started.Target, next, rollout.SaveOptions{Lease: lease}); err != nil {
			return err
		}
	}
	return nil
}

// answer is the result of an assignment: each stage goes well, the audit takes a while.
func (w *worker) answer(assignment rollout.Assignment, now time.Time) rollout.Event {
	switch {
	case assignment.Stage == rollout.StageRelease:
		return rollout.Finished{At: now, End: rollout.StateReleased}
	case assignment.Stage == rollout.StageVerdict && w.fails[assignment.AppID]:
		delete(w.fails, assignment.AppID)
		return rollout.Rejected{At: now, LastError: rollout.LastError{Class: "rejected"}}
	case assignment.Stage == rollout.StageCheck && len(w.order)%2 == 0:
		return rollout.Waited{At: now, Reason: rollout.ReasonPrivacy, For: 10 * time.Second}
	default:
		return rollout.Advanced{At: now, AuditID: 7}
	}
}

// openPools never run dry.
type openPools struct{}

func (openPools) Allowances(context.Context) (map[rollout.Stage]rollout.Allowance, error) {
	all := make(map[rollout.Stage]rollout.Allowance)
	for _, s := range rollout.Stages() {
		all[s] = rollout.Allowance{N: rollout.Unlimited, Permits: s == rollout.StageSubmit}
	}
	return all, nil
}

func (openPools) Take(_ context.Context, r rollout.TakeRequest) (rollout.Taken, error) {
	return rollout.Taken{Granted: r.IDs}, nil
}

func (openPools) Return(context.Context, rollout.Stage, []string) error { return nil }

// stillClock stands still.
type stillClock struct{}

func (stillClock) Now() time.Time { return at }

// testWholeRollout lets the controller bring a rollout of three waves to its end.
func testWholeRollout(b *bench) {
	ctx := b.Context()
	sizes := []int{2, 5, 13}
	plan := rollout.Plan{Name: "whole", Waves: wavesOf(sizes...)}
	plan.Waves[0].MinJudged = 2
	plan.Waves[1] = rollout.Wave{Name: "early", Size: 5, RejectAbove: 0.5, MinJudged: 3}
	b.must(b.Load(ctx, rolloutLoad{ID: "r1", Plan: plan, Targets: targetsOf(sizes...)}))
	b.must(b.Heartbeat(ctx, "w1", map[rollout.QueueName]int{rollout.QueueCommit: 2, rollout.QueueAudit: 1, rollout.QueueRelease: 1}, time.Hour))
	w := &worker{b: b, fails: map[string]bool{"wx004": true, "wx010": true}}
	c := dispatch.New(b.store, w, openPools{}, stillClock{}, dispatch.Options{Lease: lease})
	for tick := 0; b.rollout("r1").Status != rollout.StatusDone; tick++ {
		if tick == 500 {
			b.Fatalf("not done after %d ticks: %v", tick, b.rollout("r1").Counts)
		}
		if _, err := c.Reconcile(ctx); err != nil {
			b.Fatalf("tick %d: %v", tick, err)
		}
		if n := b.rollout("r1").Counts.Total(); n != 20 {
			b.Fatalf("tick %d: the counts add up to %d, want 20", tick, n)
		}
		b.advance(time.Second)
	}
	b.counts("r1", map[rollout.State]int{rollout.StateReleased: 18, rollout.StateRejected: 2})
	first := make(map[int]int) // wave -> place of its first assignment
	submits := make(map[string]int)
	for i, line := range w.order {
		var app, stage string
		if _, err := fmt.Sscan(line, &app, &stage); err != nil {
			b.Fatal(err)
		}
		if wave := b.target("r1", app).Wave(); first[wave] == 0 {
			first[wave] = i + 1
		}
		if stage == string(rollout.StageSubmit) {
			submits[app]++
		}
	}
	if first[0] > first[1] || first[1] > first[2] {
		b.Errorf("the waves began at assignments %v", first)
	}
	for app, n := range submits {
		if n != 1 {
			b.Errorf("%s was submitted %d times", app, n)
		}
	}
}

package rollouttest

import (
	"context"
	"fmt"
	"time"

	"github.com/wxrollout/wxrollout/rollout"
)

// worker is a queue whose turns are worked off at once: the store's whole life
// with the conductor, without Asynq or WeChat.
type worker struct {
	b *bench
	// order lists "appid stage" as turns began.
	order []string
	// fails are apps whose audit is rejected once.
	fails map[string]bool
}

// Enqueue implements rollout.Queue.
func (w *worker) Enqueue(ctx context.Context, turns []rollout.Turn) error {
	for _, turn := range turns {
		started, err := w.b.Start(ctx, turn, lease)
		if err != nil {
			return err
		}
		w.order = append(w.order, turn.AppID+" "+string(turn.Stage))
		next, err := rollout.Step(started.Target, w.answer(turn, started.Now))
		if err != nil {
			return err
		}
		if _, err := w.b.Save(ctx, started.Target, next, rollout.SaveOptions{Lease: lease}); err != nil {
			return err
		}
	}
	return nil
}

// answer is what comes of a turn: each stage goes well, the audit takes a while.
func (w *worker) answer(turn rollout.Turn, now time.Time) rollout.Event {
	switch {
	case turn.Stage == rollout.StageRelease:
		return rollout.Finished{At: now, End: rollout.StateReleased}
	case turn.Stage == rollout.StageVerdict && w.fails[turn.AppID]:
		delete(w.fails, turn.AppID)
		return rollout.Rejected{At: now, Trouble: rollout.Trouble{Class: "rejected"}}
	case turn.Stage == rollout.StageCheck && len(w.order)%2 == 0:
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

// stillClock never moves by itself.
type stillClock struct{}

func (stillClock) Now() time.Time                                   { return at }
func (stillClock) Sleep(ctx context.Context, _ time.Duration) error { return ctx.Err() }

// testWholeRollout lets the conductor bring a rollout of three waves to its end.
func testWholeRollout(b *bench) {
	ctx := b.Context()
	sizes := []int{2, 5, 13}
	plan := rollout.Plan{Name: "whole", Waves: Waves(sizes...)}
	plan.Waves[0].MinJudged = 2
	plan.Waves[1] = rollout.Wave{Name: "early", Size: 5, RejectAbove: 0.5, MinJudged: 3}
	b.must(b.Load(ctx, Load{ID: "r1", Plan: plan, Targets: Targets(sizes...)}))
	b.must(b.Heartbeat(ctx, "w1", map[rollout.Lane]int{rollout.LaneCommit: 2, rollout.LaneAudit: 1, rollout.LaneRelease: 1}, time.Hour))
	w := &worker{b: b, fails: map[string]bool{"wx004": true, "wx010": true}}
	c := rollout.NewConductor(b.Store, w, openPools{}, stillClock{}, rollout.ConductorOptions{Lease: lease})
	for tick := 0; b.rollout("r1").Status != rollout.StatusDone; tick++ {
		if tick == 500 {
			b.Fatalf("not done after %d ticks: %v", tick, b.rollout("r1").Counts)
		}
		if _, err := c.Tick(ctx); err != nil {
			b.Fatalf("tick %d: %v", tick, err)
		}
		if n := b.rollout("r1").Counts.Total(); n != 20 {
			b.Fatalf("tick %d: the counts add up to %d, want 20", tick, n)
		}
		b.advance(time.Second)
	}
	b.counts("r1", map[rollout.State]int{rollout.StateReleased: 18, rollout.StateRejected: 2})
	first := make(map[int]int) // wave -> place of its first turn
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
		b.Errorf("the waves began at turns %v", first)
	}
	for app, n := range submits {
		if n != 1 {
			b.Errorf("%s was submitted %d times", app, n)
		}
	}
}

package ledger_test

import (
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
)

// Every script runs on a cluster: all its keys share a slot. (The suite needs a
// clock that moves, which a cluster has not; what is left is each step once.)
func TestCluster(t *testing.T) {
	t.Parallel()
	rdb := redistest.Cluster(t)
	b := &bench{T: t, store: store{ledger.New(rdb, ledger.Options{})}, rdb: rdb}
	ctx := t.Context()
	b.must(b.Heartbeat(ctx, "w1", map[rollout.QueueName]int{rollout.QueueCommit: 3}, time.Hour))
	if c, err := b.Capacity(ctx); err != nil || c[rollout.QueueCommit] != 3 {
		t.Errorf("capacity %v, %v", c, err)
	}
	b.spread("r1", 6)
	b.must(b.Latch(ctx, "r1", 0, rollout.GateState{Decision: rollout.DecisionHold}))
	_, failed := b.begin("r1", rollout.StagePreflight, "wx004")
	failed = b.step(failed, rollout.Failed{At: at, LastError: rollout.LastError{Code: 85015}})
	retried, err := rollout.Step(failed, rollout.Retried{At: at})
	b.must(err)
	if n, err := b.SaveAll(ctx, []ledger.Edit{{Was: failed, Next: retried}}); n != 1 || err != nil {
		t.Errorf("retried %d, %v", n, err)
	}
	if _, err := b.Revise(ctx, "r1", plan("again", 6)); err != nil {
		t.Error(err)
	}
	woken, err1 := b.WakeDue(ctx, 9)
	expired, err2 := b.ExpireDue(ctx, 9)
	if woken != 0 || expired != 0 || err1 != nil || err2 != nil {
		t.Errorf("woken %d, expired %d, %v, %v; nothing is due", woken, expired, err1, err2)
	}
	b.sound("r1")
	b.must(b.Abort(ctx, "r1", "op", "enough"))
	if n, err := b.Sweep(ctx, "r1", 9); n != 4 || err != nil {
		t.Errorf("swept %d, %v; want the 4 that wait", n, err)
	}
	b.sound("r1")
	seen := 0
	for _, err := range b.Targets(ctx, "r1") {
		b.must(err)
		seen++
	}
	if seen != 6 {
		t.Errorf("walked over %d targets, want 6", seen)
	}

	b.schedule("s", 2, at)
	if due := b.due(); len(due) != 1 {
		t.Errorf("due %q", due)
	}
	if won, err := b.FireSchedule(ctx, "s", "r2", at, time.Time{}, 0); !won || err != nil {
		t.Errorf("fired %t, %v", won, err)
	}
	b.must(b.PauseSchedule(ctx, "s"))
	b.must(b.DeleteSchedule(ctx, "s"))
	b.must(b.Leave(ctx, "w1"))
}

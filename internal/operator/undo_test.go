package operator_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/internal/operator/operatortest"
	"github.com/wxrollout/wxrollout/internal/view"
	"github.com/wxrollout/wxrollout/rollout"
)

// TestUndo of a paused rollout: what is live or in audit is looked at by
// workers, the rest ends, and then the rollout is done.
func TestUndo(t *testing.T) {
	t.Parallel()
	b := mini(t)
	id := mixed(b)
	before := b.Rollout(id).Counts
	if _, err := b.Operator.Undo(b.Ctx, id, view.Filter{}, "", false); err == nil || !strings.Contains(err.Error(), "is running") {
		t.Errorf("undo of a running rollout: %v", err)
	}
	if _, err := b.Operator.Pause(b.Ctx, id, "bad"); err != nil {
		t.Fatal(err)
	}
	would, err := b.Operator.Undo(b.Ctx, id, view.Filter{}, "", true)
	if err != nil || would.Reaches() == 0 || would.Queued < before.State(rollout.StateReleased) {
		t.Errorf("dry run: %+v %v of %v", would, err, before)
	}
	if after := b.Rollout(id).Counts; after.State(rollout.StateUndone) != 0 {
		t.Errorf("a dry run changed %v", after)
	}
	did, err := b.Operator.Undo(b.Ctx, id, view.Filter{}, "bad release", false)
	if err != nil || did != would {
		t.Errorf("undo: %+v %v, want %+v", did, err, would)
	}
	again, err := b.Operator.Undo(b.Ctx, id, view.Filter{}, "", false)
	if err != nil || again.Reaches() != 0 || again.Left != again.Matched {
		t.Errorf("undo once more: %+v %v", again, err)
	}
	b.Work()
	r := b.Rollout(id)
	if r.Status != rollout.StatusDone || r.Counts.State(rollout.StateUndone) != did.Reaches() {
		t.Errorf("the rollout is %s with %v, want %d undone", r.Status, r.Counts, did.Reaches())
	}
	retried, err := b.Operator.Retry(b.Ctx, id, view.Filter{States: []rollout.State{rollout.StateUndone}}, operator.RetryOptions{DryRun: true})
	if n := did.Reaches(); err != nil || retried.Matched != n || retried.Undone != n || retried.Going != 0 {
		t.Errorf("retry of what is undone: %+v %v, want %d undone and none in progress", retried, err, n)
	}
	actions, err := b.Ledger.Actions(b.Ctx, id)
	if err != nil || actions[len(actions)-2].Verb != "undo" || actions[len(actions)-2].Targets != did.Reaches() || actions[len(actions)-2].Why != "bad release" {
		t.Errorf("actions %+v %v", actions, err)
	}
	b.Sound(id)
}

// TestUnknownApps: a verb names all apps that the rollout lacks and changes nothing; a list shows the
// others.
func TestUnknownApps(t *testing.T) {
	t.Parallel()
	b := mini(t)
	id := mixed(b)
	before := b.contents()
	f := view.Filter{AppIDs: []string{appID(0), "typo", appID(1), "wx0", "typo"}}
	undone, undo := b.Operator.Undo(b.Ctx, id, f, "", false)
	retried, retry := b.Operator.Retry(b.Ctx, id, f, operator.RetryOptions{})
	for verb, err := range map[string]error{"undo": undo, "retry": retry} {
		want := verb + ": nothing was changed: rollout " + id + " has no target typo, wx0: enqueue get targets " + id + " lists its targets"
		if err == nil || err.Error() != want || operator.Partial(err) {
			t.Errorf("%s: %v, want %s", verb, err, want)
		}
	}
	if undone.Matched != 0 || retried.Matched != 0 {
		t.Errorf("undo %+v, retry %+v", undone, retried)
	}
	if diff := cmp.Diff(before, b.contents()); diff != "" {
		t.Errorf("something changed:\n%s", diff)
	}
	rows, err := b.Operator.Rows(b.Ctx, b.Rollout(id), f)
	if len(rows) != 2 || !operator.Partial(err) || !strings.Contains(err.Error(), "has no target typo, wx0") {
		t.Errorf("%d rows: %v", len(rows), err)
	}
}

// An aborted rollout stays aborted, and what it released can be taken back all
// the same; an undo that fails is undone again.
func TestUndoAfterAnAbort(t *testing.T) {
	t.Parallel()
	b := mini(t)
	id := b.Apply(simple, 3)
	b.Work()
	if r := b.Rollout(id); r.Status != rollout.StatusDone {
		t.Fatalf("it is %s", r.Status)
	}
	b.Worker.Answer(appID(1), rollout.StageUndo, operatortest.Failed(rollout.StageUndo, "fatal-app", 87012, "no version before"))
	got, err := b.Operator.Undo(b.Ctx, id, view.Filter{AppIDs: []string{appID(0), appID(1)}}, "", false)
	if want := (operator.Undone{ID: id, Matched: 2, Queued: 2}); err != nil || got != want {
		t.Errorf("%+v %v, want %+v", got, err, want)
	}
	if r := b.Rollout(id); r.Status != rollout.StatusRunning {
		t.Errorf("a done rollout with an undo is %s", r.Status)
	}
	if _, err := b.Operator.Abort(b.Ctx, id, "enough"); err != nil {
		t.Fatal(err)
	}
	b.Work()
	failed, err := b.Ledger.Target(b.Ctx, id, appID(1))
	if err != nil || failed.State != rollout.StateFailed || len(b.Rollout(id).Codes) != 0 {
		t.Errorf("the refused one is %s, codes %v (%v)", failed.State, b.Rollout(id).Codes, err)
	}
	got, err = b.Operator.Undo(b.Ctx, id, view.Filter{}, "", false)
	if want := (operator.Undone{ID: id, Matched: 3, Queued: 2, Left: 1}); err != nil || got != want {
		t.Errorf("%+v %v, want %+v", got, err, want)
	}
	b.Work()
	if r := b.Rollout(id); r.Status != rollout.StatusAborted || r.Counts.State(rollout.StateUndone) != 3 {
		t.Errorf("it is %s with %v", r.Status, r.Counts)
	}
	b.Sound(id)
}

package operator_test

import (
	"strings"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/operator/operatortest"
	"github.com/wxrollout/wxrollout/internal/view"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
)

// row is what get says of an app's target.
func (b *bench) row(id, app string) view.Row {
	b.T.Helper()
	t, err := b.Ledger.Target(b.Ctx, id, app)
	if err != nil {
		b.T.Fatal(err)
	}
	rows := []view.Row{view.RowOf(b.Rollout(id), t)}
	if err := b.Operator.NoteOwners(b.Ctx, b.Rollout(id), rows); err != nil {
		b.T.Fatal(err)
	}
	return rows[0]
}

// TestWhySuperseded: why and get name the rollout that has the app, and the one that
// superseded a target.
func TestWhySuperseded(t *testing.T) {
	t.Parallel()
	b := mini(t)
	bulk := b.Apply(simple, 1)
	b.Worker.Answer("*", rollout.StageCommit, operatortest.ParkedMerchant)
	b.Work()
	b.Advance(time.Second)
	hotfix := b.Apply(strings.NewReplacer("spring", "hotfix", "3.9.0", "4.0.0").Replace(simple)+"priority: 100\n", 1)
	b.Worker.Answer("*", rollout.StageVerdict, operatortest.Parked(rollout.StageVerdict, rollout.ReasonVerdict, 0, ""))
	b.Work()
	says := func(waits, next string) {
		t.Helper()
		e, err := b.Operator.Why(b.Ctx, appID(0), bulk)
		if err != nil {
			t.Fatal(err)
		}
		if p := e.Places[0]; !strings.Contains(p.Waits, waits) || !strings.Contains(p.Next, next) || next == "" && p.Next != "" {
			t.Errorf("why: %q, next %q; want %q, next %q", p.Waits, p.Next, waits, next)
		}
		if got := b.row(bulk, appID(0)); !strings.Contains(got.Note, waits) && !strings.Contains(waits, got.Note) {
			t.Errorf("get: %q, want %q", got.Note, waits)
		}
	}
	says("it waits for rollout "+hotfix+" (priority 100), which works on this app", "")
	if _, err := b.Operator.Pause(b.Ctx, hotfix, "a look"); err != nil {
		t.Fatal(err)
	}
	says("it waits for rollout "+hotfix+" (priority 100), which works on this app", "enqueue resume "+hotfix)
	if _, err := b.Operator.Resume(b.Ctx, hotfix, ""); err != nil {
		t.Fatal(err)
	}
	b.Advance(2 * time.Hour)
	b.Work()
	b.Advance(ledger.LoanMax)
	b.Work()
	says("it was left alone: superseded by rollout "+hotfix+" (version 4.0.0)", "")
	if got := b.row(bulk, appID(0)); got.State != rollout.StateSkipped || got.Note == "" {
		t.Errorf("get: %+v", got)
	}
	b.Sound(bulk)
	b.Sound(hotfix)
}

// A plan that skips apps of others ends at once, and says whose they are.
func TestWhySkipped(t *testing.T) {
	t.Parallel()
	b := mini(t)
	first := b.Apply(simple, 2)
	b.Worker.Answer("*", rollout.StageCommit, operatortest.ParkedMerchant)
	b.Work()
	second := b.Apply(strings.Replace(simple, "spring", "second", 1)+"on_conflict: skip\n", 2)
	b.Work()
	if got := b.row(second, appID(0)); got.State != rollout.StateSkipped || !strings.Contains(got.Note, "rollout "+first+" works on this app") {
		t.Errorf("get: %+v", got)
	}
	b.Sound(second)
}

package operator_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/library"
	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/internal/operator/operatortest"
	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/internal/view"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/extjson"
	"github.com/wxrollout/wxrollout/rollout/filefault"
)

func TestRetry(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, advance func(time.Duration)) {
		b := setup(t, rdb, advance)
		id := mixed(b)
		want := operator.Retried{ID: id, Matched: 2, Retried: 2, Resubmits: 2}
		if got, err := b.Operator.Retry(b.Ctx, id, view.Filter{}, operator.RetryOptions{DryRun: true}); err != nil || got != want {
			t.Errorf("dry run: %+v %v, want %+v", got, err, want)
		}
		if c := b.Rollout(id).Counts; c.State(rollout.StateRejected) != 1 || c.State(rollout.StateFailed) != 1 {
			t.Error("a dry run changed something")
		}
		if got, err := b.Operator.Retry(b.Ctx, id, view.Filter{}, operator.RetryOptions{Why: "fixed"}); err != nil || got != want {
			t.Errorf("retry: %+v %v, want %+v", got, err, want)
		}
		target, err := b.Ledger.Target(b.Ctx, id, appID(0))
		if err != nil || target.Stage != rollout.StageSubmit || target.State != rollout.StatePending || target.Attempt != 2 {
			t.Errorf("the rejected one is %+v: %v", target, err)
		}
		if last := target.Timeline[len(target.Timeline)-1]; last.What != "retried" || last.Note != "by li@ops1: fixed" {
			t.Errorf("timeline ends with %+v", last)
		}
		b.Work()
		if c := b.Rollout(id).Counts; c.State(rollout.StateReleased) != 3 {
			t.Errorf("%d are released, want 3", c.State(rollout.StateReleased))
		}
		b.Sound(id)
	})
}

func TestRetryWakesParked(t *testing.T) {
	t.Parallel()
	b := mini(t)
	id := mixed(b)
	f := view.Filter{States: []rollout.State{rollout.StateParked}, Reasons: []rollout.Reason{rollout.ReasonMerchant}}
	got, err := b.Operator.Retry(b.Ctx, id, f, operator.RetryOptions{})
	if want := (operator.Retried{ID: id, Matched: 1, Woken: 1}); err != nil || got != want {
		t.Errorf("%+v %v, want %+v", got, err, want)
	}
	b.Work()
	target, err := b.Ledger.Target(b.Ctx, id, appID(2))
	if err != nil || target.State != rollout.StateReleased || target.Attempt != 1 {
		t.Errorf("the woken one is %s, attempt %d: %v", target.State, target.Attempt, err)
	}
	all, err := b.Operator.Retry(b.Ctx, id, view.Filter{AppIDs: []string{appID(2), appID(4), appID(6), appID(3)}}, operator.RetryOptions{})
	if want := (operator.Retried{ID: id, Matched: 4, Woken: 1, Going: 3}); err != nil || all != want {
		t.Errorf("%+v %v, want %+v", all, err, want)
	}
}

// TestRetryMany takes more than one batch, and a rollout that was done.
func TestRetryMany(t *testing.T) {
	t.Parallel()
	b := onServer(t)
	id := b.Apply(simple, 450)
	for i := range 450 {
		b.Worker.Answer(appID(i), rollout.StageVerdict, operatortest.Rejected("no"))
	}
	b.Work()
	if r := b.Rollout(id); r.Status != rollout.StatusDone {
		t.Fatalf("the rollout is %s", r.Status)
	}
	got, err := b.Operator.Retry(b.Ctx, id, view.Filter{}, operator.RetryOptions{})
	if err != nil || got.Retried != 450 || got.Moved != 0 {
		t.Errorf("%+v %v", got, err)
	}
	b.Work()
	if c := b.Rollout(id).Counts; c.State(rollout.StateReleased) != 450 {
		t.Errorf("counts %v", c)
	}
	b.Sound(id)
}

func TestRetryRecommit(t *testing.T) {
	t.Parallel()
	b := mini(t)
	id := mixed(b)
	ext := `{"ext": {"tier": "{{.tier}}"}}`
	tmpl := rollout.Template{ID: 117}
	got, err := b.Operator.Retry(b.Ctx, id, view.Filter{}, operator.RetryOptions{Recommit: true, Template: &tmpl, Ext: &ext})
	if want := (operator.Retried{ID: id, Matched: 2, Retried: 2, Resubmits: 2, Revision: 1}); err != nil || got != want {
		t.Errorf("%+v %v, want %+v", got, err, want)
	}
	plan, err := b.Ledger.Plan(b.Ctx, id, 1)
	if err != nil || plan.Ext != ext || plan.Template != (rollout.Template{ID: 117, Version: "3.8.0"}) {
		t.Errorf("revision 1 is %+v: %v", plan, err)
	}
	target, err := b.Ledger.Target(b.Ctx, id, appID(0))
	if err != nil || target.Stage != rollout.StageCommit || target.Revision != 1 {
		t.Errorf("target %+v: %v", target, err)
	}
	b.Work()
	b.Sound(id)
}

// TestRetryRecommitFaults changes nothing if a single target would not render.
func TestRetryRecommitFaults(t *testing.T) {
	t.Parallel()
	b := mini(t)
	id := mixed(b)
	before := b.Rollout(id)
	text := func(s string) *string { return &s }
	tests := []struct {
		name string
		opt  operator.RetryOptions
		want any
	}{
		{"a column the list lacks", operator.RetryOptions{Recommit: true, Ext: text(`{"a": "{{.region}}"}`)}, new(filefault.Faults)},
		{"no JSON", operator.RetryOptions{Recommit: true, Ext: text(`{`)}, new(filefault.Faults)},
		{"no template text", operator.RetryOptions{Recommit: true, Ext: text(`{{`)}, new(*extjson.Error)},
		{"a template that isn't there", operator.RetryOptions{Recommit: true, Template: &rollout.Template{ID: 5}}, new(*library.TemplateError)},
		{"no recommit", operator.RetryOptions{Ext: text(`{}`)}, new(*view.FilterError)},
	}
	for _, tt := range tests {
		_, err := b.Operator.Retry(b.Ctx, id, view.Filter{}, tt.opt)
		if err == nil || !errors.As(err, tt.want) {
			t.Errorf("%s: %v, want a %T", tt.name, err, tt.want)
		}
		if faults, ok := tt.want.(*filefault.Faults); ok && len(*faults) != 2 {
			t.Errorf("%s: %d faults, want one of each target: %v", tt.name, len(*faults), err)
		}
	}
	if diff := cmp.Diff(before.Counts, b.Rollout(id).Counts); diff != "" || b.Rollout(id).Revision != 0 {
		t.Errorf("something changed:\n%s", diff)
	}
	none := view.Filter{Text: "nothing says this"}
	if got, err := b.Operator.Retry(b.Ctx, id, none, operator.RetryOptions{Recommit: true}); err != nil || got != (operator.Retried{ID: id}) {
		t.Errorf("no target: %+v %v", got, err)
	}
}

func TestRetryRefused(t *testing.T) {
	t.Parallel()
	b := mini(t)
	id := mixed(b)
	if _, err := b.Operator.Abort(b.Ctx, id, "no"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Operator.Retry(b.Ctx, id, view.Filter{}, operator.RetryOptions{}); err == nil || !strings.Contains(err.Error(), "--again") {
		t.Errorf("of an aborted rollout: %v", err)
	}
}

// TestRetryStates: what a filter doesn't say about states it doesn't choose by
// accident.
func TestRetryStates(t *testing.T) {
	t.Parallel()
	b := mini(t)
	id := mixed(b)
	for name, tt := range map[string]struct {
		f       view.Filter
		matched int
	}{
		"nothing":       {view.Filter{}, 2},
		"a wave":        {view.Filter{Waves: []string{"canary"}}, 2},
		"a class":       {view.Filter{Classes: []string{"fatal-app"}}, 1},
		"a reason":      {view.Filter{Reasons: []rollout.Reason{rollout.ReasonMerchant}}, 1},
		"a named app":   {view.Filter{AppIDs: []string{appID(3)}}, 1},
		"a named state": {view.Filter{States: []rollout.State{rollout.StateParked}}, 2},
	} {
		if got, err := b.Operator.Retry(b.Ctx, id, tt.f, operator.RetryOptions{DryRun: true}); err != nil || got.Matched != tt.matched {
			t.Errorf("%s: %d targets, want %d: %v", name, got.Matched, tt.matched, err)
		}
	}
}

package operator_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/ledger"
)

func TestFindRollout(t *testing.T) {
	t.Parallel()
	b := mini(t)
	var unknown *operator.UnknownRolloutError
	if _, err := b.Operator.Rollout(b.Ctx, ""); !errors.As(err, &unknown) || !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("none at all: %v", err)
	}
	first := b.Apply(simple, 1)
	b.Work()
	b.Advance(time.Second)
	second := b.Apply(simple, 2)
	b.Advance(time.Second)
	winter := b.Apply(strings.Replace(simple, "spring", "winter", 1), 1)

	for ref, want := range map[string]string{
		first: first, second: second, winter: winter,
		"spring": second, "winter": winter,
		first[:9]: first, second[:11]: second, "w": winter,
	} {
		if r, err := b.Operator.Rollout(b.Ctx, ref); err != nil || r.ID != want {
			t.Errorf("%q is %s (%v), want %s", ref, r.ID, err, want)
		}
	}
	var ambiguous *operator.AmbiguousError
	if _, err := b.Operator.Rollout(b.Ctx, "spring-"); !errors.As(err, &ambiguous) || len(ambiguous.IDs) != 2 {
		t.Errorf("a prefix of two: %v", err)
	}
	if _, err := b.Operator.Rollout(b.Ctx, ""); !errors.As(err, &ambiguous) || strings.Contains(err.Error(), first) {
		t.Errorf("two unfinished: %v", err)
	}
	if _, err := b.Operator.Rollout(b.Ctx, "autumn"); !errors.As(err, &unknown) || !strings.Contains(err.Error(), "newest are "+winter) {
		t.Errorf("unknown: %v", err)
	}
	if _, err := b.Operator.Abort(b.Ctx, winter, ""); err != nil {
		t.Fatal(err)
	}
	if r, err := b.Operator.Rollout(b.Ctx, ""); err != nil || r.ID != second {
		t.Errorf("the only unfinished one is %s (%v), want %s", r.ID, err, second)
	}
	b.Work()
	if r, err := b.Operator.Rollout(b.Ctx, ""); err != nil || r.ID != winter {
		t.Errorf("all ended: %s (%v), want the newest, %s", r.ID, err, winter)
	}
	list, err := b.Operator.Rollouts(b.Ctx, 0, 2)
	if err != nil || len(list) != 2 || list[0].ID != winter || list[1].ID != second {
		t.Errorf("list %+v: %v", list, err)
	}
}

package operator_test

import (
	"errors"
	"testing"

	"github.com/wxrollout/wxrollout/internal/fleet"
	"github.com/wxrollout/wxrollout/registry/apps"
)

func TestInspectApp(t *testing.T) {
	t.Parallel()
	b := mini(t)
	b.Authorize(2)
	b.Sync(fleet.SyncOptions{})
	b.Label("label=One", appID(0))
	id := b.Apply(simple, 3)
	d, err := b.Operator.InspectApp(b.Ctx, appID(0), true)
	if err != nil || d.Label != "One" || d.Now == nil || !d.InRegistry || len(d.Rollouts) != 1 || d.Rollouts[0].Rollout != id {
		t.Errorf("app %+v %v", d, err)
	}
	if d, err := b.Operator.InspectApp(b.Ctx, appID(2), false); err != nil || d.InRegistry || len(d.Rollouts) != 1 {
		t.Errorf("an app of a rollout alone: %+v %v", d, err)
	}
	if _, err := b.Operator.InspectApp(b.Ctx, appID(77), false); !errors.Is(err, apps.ErrNotFound) {
		t.Errorf("an unknown app: %v", err)
	}
}

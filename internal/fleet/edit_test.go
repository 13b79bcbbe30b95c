package fleet_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/internal/fleet"
	"github.com/wxrollout/wxrollout/registry/apps"
	"github.com/wxrollout/wxrollout/rollout/applist"
	"github.com/wxrollout/wxrollout/rollout/filefault"
)

// TestImport: all faults at once and nothing half-applied; blank values are taken away.
func TestImport(t *testing.T) {
	t.Parallel()
	b := mini(t)
	b.Authorize(3)
	b.Sync(fleet.SyncOptions{})
	read := func(text string) *applist.Apps {
		t.Helper()
		list, err := applist.Read("apps.csv", strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	bad := read("appid,wx.live,tier\n" + appID(0) + ",1,gold\n" + appID(8) + ",1,gold\n" + appID(9) + ",1,gold\n")
	_, err := b.Fleet.Import(b.Ctx, bad, fleet.EditOptions{})
	var faults filefault.Faults
	if !errors.As(err, &faults) || len(faults) != 3 || faults[1].Line != 3 || faults[2].Value != appID(9) {
		t.Errorf("faults %v", err)
	}
	good := read("appid,label,tier,note\n" + appID(0) + ",One,gold,x\n" + appID(1) + ",,tin,\n")
	for _, step := range []struct {
		opt  fleet.EditOptions
		want int
	}{{fleet.EditOptions{DryRun: true}, 2}, {fleet.EditOptions{Why: "crm"}, 2}, {fleet.EditOptions{}, 0}} {
		if got, err := b.Fleet.Import(b.Ctx, good, step.opt); err != nil || got.Changed != step.want || got.Apps != 2 {
			t.Errorf("%+v: %+v %v, want %d changed", step.opt, got, err, step.want)
		}
	}
	if got, err := b.Fleet.Import(b.Ctx, read("appid,note\n"+appID(0)+",\n"+appID(9)+",y\n"), fleet.EditOptions{SkipUnknown: true}); err != nil || got.Unknown != 1 || got.Changed != 1 {
		t.Errorf("skipping: %+v %v", got, err)
	}
	d, err := b.Fleet.App(b.Ctx, appID(0))
	if err != nil || d.Label != "One" || !cmp.Equal(d.Values, map[string]string{"tier": "gold"}) {
		t.Errorf("app %+v %v", d, err)
	}
	if _, err := b.Fleet.App(b.Ctx, appID(77)); !errors.Is(err, apps.ErrNotFound) {
		t.Errorf("an unknown app: %v", err)
	}
	_, err = b.Fleet.Label(b.Ctx, []string{appID(0), appID(8)}, fleet.AppFilter{}, apps.Edit{Remove: []string{"tier"}}, fleet.EditOptions{})
	if unknown := (*fleet.UnknownAppsError)(nil); !errors.As(err, &unknown) || len(unknown.AppIDs) != 1 {
		t.Errorf("label of an unknown app: %v", err)
	}
	if list, err := b.Fleet.List(b.Ctx, fleet.AppFilter{Selector: parseSelector(t, "tier in (gold,tin)")}); err != nil || len(list) != 2 {
		t.Errorf("selected %+v %v", list, err)
	}
	log, err := b.Fleet.Actions(b.Ctx, 10)
	if err != nil || len(log) != 2 || log[1].Why != "crm" || log[1].By != "li@ops1" || log[1].What != "import apps.csv: 2 apps" {
		t.Errorf("log %+v %v", log, err)
	}
}

// TestEditsWholly: an app that would have too many values leaves all as they are, and a
// dry run says so.
func TestEditsWholly(t *testing.T) {
	t.Parallel()
	b := mini(t)
	b.Authorize(3)
	b.Sync(fleet.SyncOptions{})
	full := apps.Edit{Set: make(map[string]string)}
	for i := range apps.ValuesMax {
		full.Set[fmt.Sprint("v", i)] = "x"
	}
	if _, err := b.Fleet.Label(b.Ctx, []string{appID(1)}, fleet.AppFilter{}, full, fleet.EditOptions{}); err != nil {
		t.Fatal(err)
	}
	one := apps.Edit{Set: map[string]string{"note": "y"}}
	all := []string{appID(0), appID(1), appID(2)}
	for _, dryRun := range []bool{true, false} {
		_, err := b.Fleet.Label(b.Ctx, all, fleet.AppFilter{}, one, fleet.EditOptions{DryRun: dryRun})
		if err == nil || !strings.Contains(err.Error(), "app "+appID(1)+" would have") {
			t.Errorf("dry run %v: %v", dryRun, err)
		}
	}
	if list, err := b.Fleet.List(b.Ctx, fleet.AppFilter{Selector: parseSelector(t, "note=y")}); err != nil || len(list) != 0 {
		t.Errorf("half of it was done: %v %v", list, err)
	}
	reported := 0
	opt := fleet.EditOptions{Progress: func(done, total int) { reported = done }}
	b.Label("note=y", appID(0))
	if got, err := b.Fleet.Label(b.Ctx, []string{appID(0), appID(2)}, fleet.AppFilter{}, one, opt); err != nil || got.Changed != 1 || reported != 2 {
		t.Errorf("%+v, reported %d: %v", got, reported, err)
	}
}

package fleet_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/fleet"
	"github.com/wxrollout/wxrollout/internal/operator/operatortest"
	"github.com/wxrollout/wxrollout/registry/apps"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient"
)

// TestNeedsMerchant: who must do what, by what WeChat said and by what targets wait for.
func TestNeedsMerchant(t *testing.T) {
	t.Parallel()
	b := mini(t)
	b.Authorize(5)
	sound := func(change func(*wxclient.AuthorizerInfo)) wxclient.AuthorizerInfo {
		info := wxclient.AuthorizerInfo{MiniProgram: true, AccountStatus: 1, PermissionSets: []int64{18}, Categories: []string{"a"}, PrincipalName: "Ltd"}
		change(&info)
		return info
	}
	b.WeChat.Info = map[string]wxclient.AuthorizerInfo{
		appID(1): sound(func(i *wxclient.AuthorizerInfo) { i.PermissionSets = nil }),
		appID(2): sound(func(i *wxclient.AuthorizerInfo) { i.Categories = nil }),
	}
	b.Sync(fleet.SyncOptions{})
	b.Advance(time.Hour)
	id := b.start(2)
	b.Worker.Answer(appID(0), rollout.StageCommit, operatortest.Parked(rollout.StageCommit, rollout.ReasonMerchant, 61003, "no longer authorized"))
	b.Worker.Answer(appID(1), rollout.StageCommit, operatortest.Parked(rollout.StageCommit, rollout.ReasonMerchant, 61007, "permission set 18 is not granted"))
	b.Work()
	if err := b.Fleet.Left(b.Ctx, appID(3), b.Now()); err != nil {
		t.Fatal(err)
	}
	list, err := b.Fleet.NeedsMerchant(b.Ctx)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, x := range list {
		got = append(got, strings.TrimSpace(x.AppID[16:]+" "+string(x.Need)+" "+x.Rollout))
		if x.Words == "" || (x.Link == "") != x.Need.Authorizes() {
			t.Errorf("%+v", x)
		}
	}
	if want := []string{"00 authorize " + id, "01 permission " + id, "02 category", "03 authorize"}; !slices.Equal(got, want) {
		t.Errorf("needs %q, want %q", got, want)
	}
	// The merchant comes back: its target goes on at once.
	if err := b.Fleet.Joined(b.Ctx, appID(0), b.Now()); err != nil {
		t.Fatal(err)
	}
	b.Work()
	if r := b.Rollout(id); r.Counts.State(rollout.StateReleased) != 1 {
		t.Errorf("counts %v, want the one that came back released", r.Counts)
	}
	b.Sound(id)
}

func TestLinks(t *testing.T) {
	t.Parallel()
	b := mini(t)
	link, err := b.Fleet.AuthorizeLink(b.Ctx, appID(1), "https://your.host/done?a=1")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"component_appid=wxcomponent", "biz_appid=" + appID(1), "pre_auth_code=preauthcode%40%40%401", "redirect_uri=https%3A%2F%2Fyour.host%2Fdone%3Fa%3D1"} {
		if !strings.Contains(link.PC, want) || !strings.Contains(link.H5, want) {
			t.Errorf("%+v lacks %s", link, want)
		}
	}
	if !link.Until.Equal(b.Now().Add(10 * time.Minute)) {
		t.Errorf("ends at %v", link.Until)
	}
	tasks := []fleet.MerchantTask{{AppID: appID(1), Need: apps.NeedAuthorize}, {AppID: appID(2), Need: apps.NeedCategory, Link: "x"}}
	if err := b.Fleet.AddLinks(b.Ctx, tasks, "https://your.host/", nil); err != nil || !strings.Contains(tasks[0].Link, "biz_appid") || tasks[1].Link != "x" {
		t.Errorf("links %+v %v", tasks, err)
	}
	if link, err = b.Fleet.AuthorizeLink(b.Ctx, "", "https://your.host/"); err != nil || !strings.Contains(link.PC, "auth_type=2") {
		t.Errorf("for any mini program: %+v %v", link, err)
	}
	if _, err = b.Fleet.AuthorizeLink(b.Ctx, "", "your.host"); err == nil {
		t.Error("a redirect that is no URL was taken")
	}
}

package app_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/wxrollout/wxrollout/internal/fleet"
	"github.com/wxrollout/wxrollout/registry/apps"
	"github.com/wxrollout/wxrollout/wxclient"
	"github.com/wxrollout/wxrollout/wxsim"
)

// TestCreationsByCallback: a trial app, its conversion, an enterprise's app and one that is refused. What came of each is
// known by callbacks alone; the new apps are in the registry with tokens that work.
func TestCreationsByCallback(t *testing.T) {
	t.Parallel()
	f := newFleet(t, wxsim.Options{Seed: 25, Apps: 2, Callbacks: wxsim.CallbackOptions{Doubled: 1}}, append([]string{"APPS_RATE=1000"}, byCallback...)...)
	f.door.open(t, f.worker(t))
	f.sim.SendTicket()
	f.synced(t, 2)
	ended := func(kind apps.Kind, id string, want apps.CreationState) (found fleet.Creation) {
		t.Helper()
		eventually(t, fmt.Sprintf("%s %s is %s", kind, id, want), func(ctx context.Context) (bool, string) {
			list, err := f.tools.Fleet.Creations(ctx, false)
			for _, r := range list {
				if r.Kind == kind && r.ID == id {
					found = r
				}
			}
			return err == nil && found.State == want, fmt.Sprintf("%+v %v", list, err)
		})
		return found
	}
	finish := func(id string, status int) string {
		t.Helper()
		appID, err := f.sim.FinishCreation(id, status)
		if err != nil {
			t.Fatal(err)
		}
		return appID
	}
	known := func(appID string, service int64) {
		t.Helper()
		eventually(t, fmt.Sprintf("%s is in the registry, of service type %d", appID, service), func(ctx context.Context) (bool, string) {
			a, err := f.tools.Operator.InspectApp(ctx, appID, false)
			return err == nil && a.State == apps.StateAuthorized && !a.Read.IsZero() && a.ServiceType == service, fmt.Sprintf("%+v %v", a.AppView, err)
		})
		if _, err := f.tools.Operator.Live(t.Context(), appID); err != nil { // calls with its own token
			t.Errorf("live of %s: %v", appID, err)
		}
	}

	trial, err := f.tools.Fleet.CreateTrial(t.Context(), "鲜花小店", "oAbCdEfGhIjKlMnOpQrStUvWxYz0", "")
	if err != nil || trial.Link == "" {
		t.Fatalf("%+v %v", trial, err)
	}
	const serviceTrial, serviceOrdinary = 12, 0
	shop := finish(trial.ID, 0)
	if r := ended(apps.KindTrial, trial.ID, apps.CreationDone); r.AppID != shop {
		t.Errorf("%+v, want app %s", r, shop)
	}
	known(shop, serviceTrial)

	owner := wxclient.Enterprise{
		Name: "某某公司", Code: "91440300MA5FXXXX0X", CodeType: wxclient.CodeCredit, LegalName: "张三", LegalWeChat: "zhangsan", LegalIDCard: "440300199001011234",
	}
	if _, err := f.tools.Fleet.ConvertTrial(t.Context(), shop, owner, ""); err != nil {
		t.Fatal(err)
	}
	finish(shop, 0)
	ended(apps.KindConversion, shop, apps.CreationDone)
	known(shop, serviceOrdinary)

	if _, err := f.tools.Fleet.CreateEnterprise(t.Context(), owner, ""); err != nil {
		t.Fatal(err)
	}
	finish(owner.Code, 102)
	if r := ended(apps.KindEnterprise, owner.Code, apps.CreationRefused); r.Status != 102 || r.Next == "" {
		t.Errorf("%+v", r)
	}
	if _, err := f.tools.Fleet.CreateEnterprise(t.Context(), owner, ""); err != nil {
		t.Fatal(err)
	}
	firm := finish(owner.Code, 0)
	if r := ended(apps.KindEnterprise, owner.Code, apps.CreationDone); r.AppID != firm {
		t.Errorf("%+v, want app %s", r, firm)
	}
	known(firm, serviceOrdinary)
	if n := endpointCalls(f.sim.Books(), "/cgi-bin/component/api_query_auth"); n == 0 {
		t.Error("no authorization code was traded")
	}
}

// endpointCalls is how often an endpoint was called.
func endpointCalls(b wxsim.Books, path string) int64 {
	for _, e := range b.Endpoints {
		if e.Path == path {
			return e.Calls
		}
	}
	return 0
}

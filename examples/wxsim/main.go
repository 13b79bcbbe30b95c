// Command wxsim shows wxclient and wxsim without the rest of the project: a merchant's trial app is created, and one version
// of it is committed, audited and released. It runs without network and without Redis:
//
//	go run ./examples/wxsim
package main

import (
	"context"
	"fmt"
	"io"
	"net/http/httptest"
	"os"

	"github.com/wxrollout/wxrollout/wxclient"
	"github.com/wxrollout/wxrollout/wxsim"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// tokens is a wxclient.TokenSource without renewal: enough for two hours and one app.
type tokens struct{ component, app string }

func (t *tokens) ComponentToken(context.Context) (string, error)          { return t.component, nil }
func (t *tokens) AuthorizerToken(context.Context, string) (string, error) { return t.app, nil }
func (t *tokens) Refused(context.Context, string, string) error           { return nil }

// run takes one app from its creation to a release.
func run(ctx context.Context, out io.Writer) error {
	sim := wxsim.New(wxsim.Options{Seed: 1})
	defer sim.Close()
	srv := httptest.NewServer(sim)
	defer srv.Close()

	auth := &tokens{}
	client, err := wxclient.New(wxclient.Options{BaseURL: srv.URL, ComponentAppID: wxsim.DefaultComponentAppID, Tokens: auth})
	if err != nil {
		return err
	}
	if auth.component, _, err = client.FetchComponentToken(ctx, wxsim.DefaultSecret, wxsim.DefaultTicket); err != nil {
		return err
	}
	appid, err := create(ctx, client, sim)
	if err != nil {
		return err
	}
	granted, err := client.QueryAuth(ctx, sim.Authorize(appid))
	if err != nil {
		return err
	}
	auth.app = granted.Token.Access
	fmt.Fprintln(out, "created", appid)
	if err := ship(ctx, client, appid, out); err != nil {
		return err
	}
	return sim.Books().Check()
}

// create creates a trial app. The simulator plays the merchant who agrees and renames it.
func create(ctx context.Context, client *wxclient.Client, sim *wxsim.Sim) (appid string, err error) {
	trial, err := client.CreateTrial(ctx, "Flower shop", "oflowershopmerchant0001")
	if err != nil {
		return "", err
	}
	if appid, err = sim.FinishCreation(trial.UniqueID, 0); err != nil {
		return "", err
	}
	name := "Flower shop"
	return appid, sim.ChangeApp(appid, wxsim.AppChange{NickName: &name})
}

// ship commits, submits and releases one version.
func ship(ctx context.Context, client *wxclient.Client, appid string, out io.Writer) error {
	if err := client.Commit(ctx, appid, wxclient.CommitRequest{TemplateID: 1, Version: "2.0.0", Desc: "spring"}); err != nil {
		return err
	}
	if _, err := client.SubmitAudit(ctx, appid, wxclient.SubmitRequest{}); err != nil {
		return err
	}
	audit, err := client.LatestAudit(ctx, appid)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "audit of %s: %s\n", audit.Version, audit.Status)
	if audit.Status != wxclient.AuditPassed {
		return fmt.Errorf("release %s: the audit is %s: %s", appid, audit.Status, audit.Reason)
	}
	if err := client.Release(ctx, appid); err != nil {
		return err
	}
	info, err := client.VersionInfo(ctx, appid)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "live:", info.Release.Version)
	return nil
}

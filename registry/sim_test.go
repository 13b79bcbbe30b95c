package registry_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/registry"
	"github.com/wxrollout/wxrollout/wxclient"
	"github.com/wxrollout/wxrollout/wxclient/callback"
	"github.com/wxrollout/wxrollout/wxsim"
)

// intake hands callbacks to the registry, as the composition root does, and reports their types.
type intake struct {
	tokens   *registry.Tokens
	reported chan string
}

func (i *intake) Handle(ctx context.Context, e callback.Event) error {
	_, err := i.tokens.HandleEvent(ctx, registry.Event{
		Type: e.Type, AppID: e.AppID, CreateTime: e.CreateTime, Ticket: e.Ticket, AuthCode: e.AuthCode,
	})
	if err == nil {
		i.reported <- e.Type
	}
	return err
}

// TestAgainstSimulator takes one app from the first ticket to its release over HTTP. Every callback comes
// twice, and every token dies before every step.
func TestAgainstSimulator(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	rdb := redistest.Start(t).Client(t)
	var mount http.Handler
	ours := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { mount.ServeHTTP(w, r) }))
	t.Cleanup(ours.Close)
	sim := wxsim.New(wxsim.Options{Apps: 1, Seed: 1, AuditDelay: wxsim.Range{Min: time.Hour, Max: time.Hour}, Callbacks: wxsim.CallbackOptions{
		AuthURL: ours.URL + "/auth", AppURL: ours.URL + "/app/$APPID$", Doubled: 1,
	}})
	t.Cleanup(sim.Close)
	theirs := httptest.NewServer(sim)
	t.Cleanup(theirs.Close)

	client, err := wxclient.New(wxclient.Options{BaseURL: theirs.URL, ComponentAppID: wxsim.DefaultComponentAppID})
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := registry.New(registry.Options{Secret: wxsim.DefaultSecret, Sealer: sealer(t, key1, ""), Client: client, Redis: rdb})
	if err != nil {
		t.Fatal(err)
	}
	client = client.WithTokens(tokens)
	sink := &intake{tokens: tokens, reported: make(chan string, 16)}
	mount, err = callback.NewHandler(callback.Options{
		ComponentAppID: wxsim.DefaultComponentAppID, Token: wxsim.DefaultToken, AESKey: wxsim.DefaultAESKey,
		Sink: sink, Replay: registry.NewReplay(rdb, wxsim.DefaultComponentAppID),
	})
	if err != nil {
		t.Fatal(err)
	}
	until := func(kind string) {
		t.Helper()
		for {
			select {
			case got := <-sink.reported:
				if got == kind {
					return
				}
			case <-time.After(20 * time.Second):
				t.Fatalf("no %s came", kind)
			}
		}
	}

	sim.SendTicket()
	until(callback.TypeTicket)
	id := wxsim.AppID(0)
	sim.Authorize(id)
	until(callback.TypeAuthorized)
	life(t, ctx, client, id, func() { sim.Approve(id); until(callback.TypeAuditSuccess) }, func() {
		sim.ExpireToken(id)
		sim.ExpireComponentToken()
		sim.RotateRefreshToken(id)
	})
	if err := sim.Books().Check(); err != nil {
		t.Errorf("the simulator's books: %v", err)
	}
}

// life commits, submits and releases one app, and calls spoil before every step.
func life(t *testing.T, ctx context.Context, client *wxclient.Client, id string, approve, spoil func()) {
	t.Helper()
	step := func(name string, f func() error) {
		t.Helper()
		spoil()
		if err := f(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	var template wxclient.Template
	step("templates", func() error {
		list, err := client.Templates(ctx)
		if err == nil {
			template = list[len(list)-1]
		}
		return err
	})
	step("info", func() error {
		info, err := client.AuthorizerInfo(ctx, id)
		if err == nil && (!info.Has(18) || !info.MiniProgram || info.AccountStatus != 1) {
			t.Errorf("info %+v", info)
		}
		return err
	})
	step("commit", func() error {
		return client.Commit(ctx, id, wxclient.CommitRequest{TemplateID: template.ID, ExtJSON: `{"ext":{"店":"\u4e2d"}}`, Version: template.Version, Desc: "春 <1>"})
	})
	step("privacy", func() error { _, err := client.CodePrivacyInfo(ctx, id); return err })
	var items []wxclient.AuditItem
	step("categories", func() error {
		list, err := client.Categories(ctx, id)
		if err == nil {
			items = append(items, list[0].Item("", "", ""))
		}
		return err
	})
	var audit int64
	step("submit", func() (err error) {
		audit, err = client.SubmitAudit(ctx, id, wxclient.SubmitRequest{Items: items})
		return err
	})
	approve()
	step("latest", func() error {
		got, err := client.LatestAudit(ctx, id)
		if err == nil && (got.ID != audit || got.Status != wxclient.AuditPassed || got.Version != template.Version || got.Desc != "春 <1>") {
			t.Errorf("latest %+v", got)
		}
		return err
	})
	step("release", func() error { return client.Release(ctx, id) })
	step("versions", func() error {
		got, err := client.VersionInfo(ctx, id)
		if err == nil && (got.Release == nil || got.Release.Version != template.Version) {
			t.Errorf("versions %+v", got)
		}
		return err
	})
	step("quota", func() error {
		got, err := client.QueryQuota(ctx, id)
		if err == nil && got.Limit-got.Rest != 1 {
			t.Errorf("quota %+v", got)
		}
		return err
	})
}

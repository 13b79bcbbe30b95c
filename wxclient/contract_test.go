package wxclient_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"sync"
	"testing"

	"github.com/wxrollout/wxrollout/wxclient"
	"github.com/wxrollout/wxrollout/wxclient/configapi"
	"github.com/wxrollout/wxrollout/wxsim"
)

// simTokens fetches each token of a simulator once.
type simTokens struct {
	c     *wxclient.Client
	mu    sync.Mutex
	cat   string
	byApp map[string]string
}

func (s *simTokens) ComponentToken(ctx context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.component(ctx)
}

func (s *simTokens) component(ctx context.Context) (string, error) {
	if s.cat != "" {
		return s.cat, nil
	}
	token, _, err := s.c.FetchComponentToken(ctx, wxsim.DefaultSecret, wxsim.DefaultTicket)
	s.cat = token
	return token, err
}

func (s *simTokens) AuthorizerToken(ctx context.Context, appid string) (string, error) {
	info, err := s.c.WithTokens(s).AuthorizerInfo(ctx, appid)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byApp[appid] != "" {
		return s.byApp[appid], nil
	}
	cat, err := s.component(ctx)
	if err != nil {
		return "", err
	}
	token, err := s.c.RefreshAuthorizerToken(ctx, cat, appid, info.RefreshToken)
	s.byApp[appid] = token.Access
	return token.Access, err
}

func (s *simTokens) Refused(context.Context, string, string) error { return errors.New("refused") }

// onSim is a client of a fresh simulator with two apps.
func onSim(t *testing.T) (*wxclient.Client, *wxsim.Sim) {
	t.Helper()
	sim := wxsim.New(wxsim.Options{Apps: 2, Seed: 1, Templates: []wxsim.Template{{ID: 1, Version: "2.0.0", Private: []string{"getLocation"}}}})
	t.Cleanup(sim.Close)
	srv := httptest.NewServer(sim)
	t.Cleanup(srv.Close)
	c := dialWith(t, wxclient.Options{BaseURL: srv.URL, ComponentAppID: wxsim.DefaultComponentAppID})
	return c.WithTokens(&simTokens{c: c, byApp: map[string]string{}}), sim
}

// step is one call of the story, with what it must find.
type step struct {
	name string
	call func() (any, error)
	want any
}

func play(t *testing.T, steps []step) {
	t.Helper()
	for _, s := range steps {
		out, err := s.call()
		if err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		if s.want != nil && !reflect.DeepEqual(out, s.want) {
			t.Errorf("%s: got %+v, want %+v", s.name, out, s.want)
		}
	}
}

// answered wants a code of WeChat's.
func answered(t *testing.T, code int64, err error) {
	t.Helper()
	var answer *wxclient.Error
	if !errors.As(err, &answer) || answer.Code != code {
		t.Errorf("got %v, want errcode %d", err, code)
	}
}

// TestTwoReadingsOfPlatform: the client and the simulator were written from the documents independently; what one
// sends the other takes, and the other way round.
func TestTwoReadingsOfPlatform(t *testing.T) {
	t.Parallel()
	c, sim := onSim(t)
	ctx, id := t.Context(), wxsim.AppID(1)
	hosts := []string{"a.example.com", "b.example.com"}
	sim.PlaceFile("", "a.example.com")
	play(t, []step{
		{"push", func() (any, error) { return c.StartPushTicket(ctx, wxsim.DefaultSecret) }, false},
		{"option", func() (any, error) {
			return nil, c.SetAuthorizerOption(ctx, id, "location_report", "2", wxclient.OptionByApp)
		}, nil},
		{"read option", func() (any, error) { return c.AuthorizerOption(ctx, id, "location_report", wxclient.OptionByApp) }, "2"},
		{"drafts", func() (any, error) { l, err := c.TemplateDrafts(ctx); return len(l), err }, 1},
		{"servers", func() (any, error) { return c.PlatformServerDomains(ctx, configapi.DomainAdd, hosts, true) },
			configapi.PlatformDomains{Published: hosts, Testing: hosts}},
		{"web-views", func() (any, error) { return c.PlatformWebviewDomains(ctx, configapi.DomainAdd, hosts, true) },
			configapi.PlatformDomains{Published: hosts[:1], Testing: hosts[:1],
				Refused: []wxclient.RefusedItem{{List: "invalid_wxa_jump_h5_domain", Item: hosts[1]}}}},
		{"file", func() (any, error) { f, err := c.PlatformFile(ctx); return f.Name != "", err }, true},
		{"API quota", func() (any, error) { q, err := c.APIQuota(ctx, id, "/wxa/commit"); return q.Remain > 0, err }, true},
	})
	var answer *wxclient.Error
	if err := c.DeleteTemplate(ctx, 99); !errors.As(err, &answer) {
		t.Fatal(err)
	}
	_, err := c.AuthorizerOption(ctx, id, "location_report", wxclient.OptionByComponent)
	answered(t, 61015, err)
	sim.Change(func(s *wxsim.Settings) { s.Quirks.OptionByComponent = true })
	if got, err := c.AuthorizerOption(ctx, id, "location_report", wxclient.OptionByComponent); err != nil || got != "2" {
		t.Errorf("got %q, %v", got, err)
	}
}

// TestTwoReadingsOfPages: the simulator's merchant gets through every authorization page that the client makes.
func TestTwoReadingsOfPages(t *testing.T) {
	t.Parallel()
	c, sim := onSim(t)
	id := wxsim.AppID(0)
	for name, link := range map[string]func(wxclient.AuthorizePage) (string, error){
		"PC": wxclient.AuthorizePage.PC, "H5": wxclient.AuthorizePage.H5, "old H5": wxclient.AuthorizePage.OldH5,
	} {
		for _, pin := range []string{"", id} {
			code, _, err := c.PreAuthCode(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			page := wxclient.AuthorizePage{Component: wxsim.DefaultComponentAppID, PreAuthCode: code, Redirect: "https://me.example.com/?a=b", App: pin, Sets: []int64{18}}
			if pin == "" {
				page.Accounts = wxclient.AuthMiniProgram
			}
			address, err := link(page)
			if err != nil {
				t.Fatal(err)
			}
			back, err := sim.Visit(address, id)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			u, err := url.Parse(back)
			if err != nil {
				t.Fatal(err)
			}
			grant, err := c.QueryAuth(t.Context(), u.Query().Get("auth_code"))
			if err != nil || grant.AppID != id || !slices.Contains(grant.PermissionSets, 18) || grant.Token.Refresh == "" {
				t.Errorf("%s: got %v, %v", name, grant, err)
			}
		}
	}
}

func TestTwoReadingsOfSettings(t *testing.T) {
	t.Parallel()
	c, sim := onSim(t)
	ctx, id := t.Context(), wxsim.AppID(1)
	owner := configapi.PrivacyOwner{Email: "a@example.com", NoticeMethod: "弹窗", StoreExpire: "30天"}
	draft := configapi.GuidelineRequest{Version: configapi.PrivacyDraft, Owner: owner, Settings: []configapi.PrivacySetting{{Key: "Location", Text: "送货"}}}
	rule := configapi.QRRule{Prefix: "https://qr.example.com/t/", Exclusive: true, Path: "pages/index/index", Version: configapi.QRTrial, DebugURLs: []string{"https://qr.example.com/t/1"}}
	published := rule
	published.Published = true
	sim.PlaceFile(id, "qr.example.com")
	if err := sim.ChangeApp(id, wxsim.AppChange{NoPrivate: []string{"choosePoi"}}); err != nil {
		t.Fatal(err)
	}
	user := ""
	play(t, []step{
		{"commit", func() (any, error) {
			return nil, c.Commit(ctx, id, wxclient.CommitRequest{TemplateID: 1, ExtJSON: `{"requiredPrivateInfos":["getLocation"]}`, Version: "2", Desc: "d"})
		}, nil},
		{"QR code", func() (any, error) { p, err := c.TrialQRCode(ctx, id, "pages/index/index"); return len(p) > 0, err }, true},
		{"media", func() (any, error) { m, err := c.UploadMedia(ctx, id, "a.png", []byte(png)); return m.ID != "", err }, true},
		{"guideline", func() (any, error) { return nil, c.SetPrivacyGuideline(ctx, id, draft) }, nil},
		{"detected", func() (any, error) {
			g, err := c.PrivacyGuideline(ctx, id, configapi.PrivacyDraft)
			return []any{g.HasCode, g.Detected, g.Owner == draft.Owner, len(g.Settings), g.Settings[0].Label != "", len(g.Keys) > 20}, err
		}, []any{true, []string{"Location"}, true, 1, true, true}},
		{"close", func() (any, error) { return nil, c.SetServing(ctx, id, false) }, nil},
		{"serving", func() (any, error) { return c.Serving(ctx, id) }, false},
		{"library", func() (any, error) { return nil, c.SetLowestLibrary(ctx, id, "2.32.0") }, nil},
		{"lowest", func() (any, error) { l, err := c.LowestLibrary(ctx, id); return l.Lowest, err }, "2.32.0"},
		{"bind", func() (any, error) { u, err := c.BindTester(ctx, id, "ann_tester"); user = u; return nil, err }, nil},
		{"testers", func() (any, error) { l, err := c.Testers(ctx, id); return len(l) == 1 && l[0] == user, err }, true},
		{"unbind", func() (any, error) { return nil, c.UnbindTester(ctx, id, "", user) }, nil},
		{"QR file", func() (any, error) { f, err := c.QRFile(ctx, id); return f.Content != "", err }, true},
		{"rule", func() (any, error) { return nil, c.PutQRRule(ctx, id, rule, false) }, nil},
		{"edit", func() (any, error) { return nil, c.PutQRRule(ctx, id, rule, true) }, nil},
		{"publish", func() (any, error) { return nil, c.PublishQRRule(ctx, id, rule.Prefix) }, nil},
		{"rules", func() (any, error) { return c.QRRules(ctx, id) }, configapi.QRRules{Open: true, PublishQuota: 99, Rules: []configapi.QRRule{published}}},
		{"delete", func() (any, error) { return nil, c.DeleteQRRule(ctx, id, rule.Prefix) }, nil},
	})
}

func TestTwoReadingsOfDomains(t *testing.T) {
	t.Parallel()
	c, sim := onSim(t)
	ctx, id := t.Context(), wxsim.AppID(1)
	some := func(domains ...string) configapi.ServerDomains { return configapi.ServerDomains{Request: domains} }
	none := []string{}
	all := func(d configapi.ServerDomains) configapi.ServerDomains {
		for _, list := range []*[]string{&d.Request, &d.WebSocket, &d.Upload, &d.Download, &d.UDP, &d.TCP} {
			if *list == nil {
				*list = none
			}
		}
		return d
	}
	_, err := c.ModifyDomains(ctx, id, configapi.DomainAdd, some("https://a.example.com"))
	answered(t, 85018, err)
	sim.PlaceFile("", "example.com")
	sim.PlaceFile(id, "own.example.net")
	play(t, []step{
		{"register", func() (any, error) {
			return c.PlatformServerDomains(ctx, configapi.DomainSet, []string{"a.example.com"}, true)
		}, nil},
		{"register web-view", func() (any, error) {
			return c.PlatformWebviewDomains(ctx, configapi.DomainSet, []string{"example.com"}, true)
		}, nil},
		{"third", func() (any, error) {
			return c.ModifyDomains(ctx, id, configapi.DomainAdd, some("https://a.example.com"))
		},
			configapi.ChangedDomains{Domains: all(some("https://a.example.com"))}},
		{"direct", func() (any, error) {
			return c.ModifyDomainsDirectly(ctx, id, configapi.DomainSet, some("https://c.example.net"))
		}, configapi.ChangedDomains{Domains: all(some("https://c.example.net"))}},
		{"get", func() (any, error) {
			return c.ModifyDomains(ctx, id, configapi.DomainGet, configapi.ServerDomains{})
		}, configapi.ChangedDomains{Domains: all(some("https://a.example.com"))}},
		{"unregister", func() (any, error) {
			return c.PlatformServerDomains(ctx, configapi.DomainDelete, []string{"a.example.com"}, true)
		}, configapi.PlatformDomains{}},
		{"effective", func() (any, error) { return c.EffectiveDomains(ctx, id) }, configapi.EffectiveServerDomains{
			Console: all(some()), Third: all(some("https://a.example.com")), Direct: all(some("https://c.example.net")), Effective: all(some("https://c.example.net")),
		}},
		{"web-view copy", func() (any, error) { return c.SetWebviewDomains(ctx, id, configapi.WebviewCopy, nil) },
			configapi.ChangedWebviewDomains{Domains: []string{"https://example.com"}}},
		{"web-view file", func() (any, error) { f, err := c.WebviewFile(ctx, id); return f.Name != "", err }, true},
		{"web-view direct", func() (any, error) {
			return c.SetWebviewDomainsDirectly(ctx, id, configapi.DomainAdd, []string{"https://own.example.net"})
		}, configapi.ChangedWebviewDomains{Domains: []string{"https://own.example.net"}}},
		{"effective web-views", func() (any, error) { return c.EffectiveWebviewDomains(ctx, id) }, configapi.EffectiveWebviewDomains{
			Console: none, Third: []string{"https://example.com"}, Direct: []string{"https://own.example.net"}, Effective: []string{"https://example.com", "https://own.example.net"},
		}},
	})
}

func TestTwoReadingsOfCreation(t *testing.T) {
	t.Parallel()
	c, sim := onSim(t)
	ctx := t.Context()
	trial, err := c.CreateTrial(ctx, "鲜花小店", "oAbCdEfGhIjKlMnOpQrStUvWxYz0")
	if err != nil || trial.CreateToken() == "" {
		t.Fatalf("got %+v, %v", trial, err)
	}
	appid, err := sim.FinishCreation(trial.UniqueID, 0)
	if err != nil {
		t.Fatal(err)
	}
	e := company()
	e.LegalIDCard = "440300199001011234"
	if err := c.ConvertTrial(ctx, appid, e); err != nil {
		t.Error(err)
	}
	if err := c.CreateEnterprise(ctx, company()); err != nil {
		t.Error(err)
	}
	if _, err := sim.FinishCreation(e.Code, 0); err != nil {
		t.Error(err)
	}
}

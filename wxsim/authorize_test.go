package wxsim

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

// page is the URL of the PC page for an app, after a change of its query; nil values delete.
func (b *bench) page(appid string, change map[string]any) string {
	b.t.Helper()
	code := b.want(0, b.platform("POST", "/cgi-bin/component/api_create_preauthcode", obj{"component_appid": DefaultComponentAppID}))["pre_auth_code"].(string)
	q := url.Values{
		"component_appid": {DefaultComponentAppID}, "pre_auth_code": {code}, "redirect_uri": {"https://me.example.com/back?x=1"}, "biz_appid": {appid},
	}
	for k, v := range change {
		if v == nil {
			q.Del(k)
		} else {
			q.Set(k, v.(string))
		}
	}
	return "https://mp.weixin.qq.com/cgi-bin/componentloginpage?" + q.Encode()
}

// TestVisit: a merchant's approval gives a code by redirect and by callback; api_query_auth takes it once.
func TestVisit(t *testing.T) {
	t.Parallel()
	pushURL, got := receive(t, always("success"))
	b := setup(t, Options{Apps: 2, Callbacks: CallbackOptions{AuthURL: pushURL}})
	id := AppID(0)
	page := b.page(id, nil)
	redirect, err := b.sim.Visit(page, id)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(redirect)
	if err != nil || u.Host != "me.example.com" || u.Query().Get("x") != "1" || u.Query().Get("expires_in") != "600" {
		t.Errorf("redirect %s, %v", redirect, err)
	}
	code := u.Query().Get("auth_code")
	preAuth := strings.Split(strings.Split(page, "pre_auth_code=")[1], "&")[0]
	if p := <-got; p.got.InfoType != "authorized" || p.got.AuthorizationCode != code || !strings.Contains(p.msg, strings.ReplaceAll(preAuth, "%40", "@")) {
		t.Errorf("callback %s, want the code and the pre_auth_code", p.msg)
	}
	query := obj{"component_appid": DefaultComponentAppID, "authorization_code": code}
	out := b.want(0, b.platform("POST", "/cgi-bin/component/api_query_auth", query))
	if out["authorization_info"].(obj)["authorizer_appid"] != id {
		t.Errorf("reply %v", out)
	}
	b.want(61009, b.platform("POST", "/cgi-bin/component/api_query_auth", query))
	if _, err := b.sim.Visit(page, id); err == nil || !strings.Contains(err.Error(), "used") {
		t.Errorf("a second visit with the same code: %v", err)
	}
	old := b.page(id, nil)
	b.clock.Advance(30 * time.Minute)
	if _, err := b.sim.Visit(old, id); err == nil {
		t.Error("an expired pre_auth_code was taken")
	}
}

func TestPagesAreStrict(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 2})
	id := AppID(0)
	mobile := func(s string) string {
		return strings.Replace(s, "https://mp.weixin.qq.com/cgi-bin/componentloginpage?", "https://open.weixin.qq.com/wxaopen/safe/bindcomponent?action=bindcomponent&no_scan=1&", 1)
	}
	for name, tc := range map[string]struct{ page, problem string }{
		"PC":                  {b.page(id, nil), ""},
		"two kinds":           {b.page(id, map[string]any{"biz_appid": nil, "auth_type": "3", "category_id_list": "18|25"}), ""},
		"H5":                  {mobile(b.page(id, nil)) + "#wechat_redirect", ""},
		"H5 without fragment": {mobile(b.page(id, nil)), "#wechat_redirect"},
		"other page":          {strings.Replace(b.page(id, nil), "loginpage", "page", 1), "no authorization page"},
		"http":                {strings.Replace(b.page(id, nil), "https://mp", "http://mp", 1), "no authorization page"},
		"other platform":      {b.page(id, map[string]any{"component_appid": "wx1"}), "component_appid"},
		"no code":             {b.page(id, map[string]any{"pre_auth_code": nil}), "pre_auth_code"},
		"no redirect":         {b.page(id, map[string]any{"redirect_uri": "/back"}), "redirect_uri"},
		"no kind":             {b.page(id, map[string]any{"biz_appid": nil}), "neither"},
		"kind 7":              {b.page(id, map[string]any{"auth_type": "7"}), "auth_type"},
		"official accounts":   {b.page(id, map[string]any{"biz_appid": nil, "auth_type": "1"}), "no mini program"},
		"pinned to another":   {b.page(AppID(1), nil), "pins another"},
		"sets by comma":       {b.page(id, map[string]any{"category_id_list": "18,25"}), "category_id_list"},
	} {
		_, err := b.sim.Visit(tc.page, id)
		if tc.problem == "" && err != nil || tc.problem != "" && (err == nil || !strings.Contains(err.Error(), tc.problem)) {
			t.Errorf("%s: got %v, want %q", name, err, tc.problem)
		}
	}
	if _, err := b.sim.Visit(b.page(id, nil), "wx0"); err == nil {
		t.Error("an app that does not exist approved")
	}
}

// TestGrants: the levers of merchants send their callbacks, once each, with codes that work.
func TestGrants(t *testing.T) {
	t.Parallel()
	pushURL, got := receive(t, always("success"))
	b := setup(t, Options{Apps: 1, Callbacks: CallbackOptions{AuthURL: pushURL}})
	id := AppID(0)
	b.token(id)
	code := b.sim.UpdateAuthorization(id, false)
	if p := <-got; p.got.InfoType != "updateauthorized" || p.got.AuthorizationCode != code || code == "" {
		t.Errorf("callback %s, want updateauthorized with the code", p.msg)
	}
	b.want(61007, b.app(id, "GET", "/wxa/get_page", nil))
	b.want(0, b.platform("POST", "/cgi-bin/component/api_query_auth", obj{"component_appid": DefaultComponentAppID, "authorization_code": code}))
	if b.sim.UpdateAuthorization(id, false) != "" {
		t.Error("an event though nothing changed")
	}
	if !b.sim.Unauthorize(id) || b.sim.Unauthorize(id) || b.sim.Unauthorize("wx0") {
		t.Error("an authorization is taken back once")
	}
	if p := <-got; p.got.InfoType != "unauthorized" || p.got.AuthorizerAppid != id {
		t.Errorf("callback %s", p.msg)
	}
	if n := b.sim.Books().Callbacks.Made; n != 2 {
		t.Errorf("%d callbacks, want 2", n)
	}
}

// TestRenewals: the books count the renewals after one expiry of every token.
func TestRenewals(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 3})
	for n := range 3 {
		b.token(AppID(n))
	}
	if got, want := b.sim.Books().Renewals, (RenewalBook{Component: 1, Apps: 3, Renewed: 3, Most: 1}); got != want {
		t.Errorf("renewals %+v, want %+v", got, want)
	}
	b.sim.ForgetRenewals()
	b.login()
	b.refresh(AppID(0))
	b.refresh(AppID(0))
	b.want(61023, b.platform("POST", "/cgi-bin/component/api_authorizer_token", obj{"component_appid": DefaultComponentAppID, "authorizer_appid": AppID(1), "authorizer_refresh_token": "x"}))
	if got, want := b.sim.Books().Renewals, (RenewalBook{Component: 1, Apps: 2, Renewed: 1, Most: 2}); got != want {
		t.Errorf("renewals %+v, want %+v", got, want)
	}
	if v, _ := b.sim.App(AppID(0)); v.Renewals != 2 {
		t.Errorf("%d renewals of the app, want 2", v.Renewals)
	}
}

// TestTicketPace: the pace of tickets is a lever, and the old pace ends.
func TestTicketPace(t *testing.T) {
	t.Parallel()
	pushURL, got := receive(t, always("success"))
	b := setup(t, Options{Callbacks: CallbackOptions{AuthURL: pushURL, TicketEvery: 10 * time.Minute}})
	<-got
	b.sim.SetTicketEvery(time.Minute)
	<-got
	b.clock.Advance(9*time.Minute + 30*time.Second)
	for range 9 {
		<-got
	}
	b.sim.SetTicketEvery(0)
	b.clock.Advance(time.Hour)
	if n := b.sim.Books().Callbacks.Made; n != 11 {
		t.Errorf("%d callbacks, want 11: one at the start, one at the change, nine by the minute", n)
	}
}

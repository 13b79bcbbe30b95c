package wxclient_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/wxclient"
)

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, reply string
		want        wxclient.Error
		text        string
	}{
		{
			"with rid", `{"errcode":85014,"errmsg":"template not found rid: 5f1a-22-3b"}`,
			wxclient.Error{Endpoint: "/wxa/release", Code: 85014, Msg: "template not found", RID: "5f1a-22-3b", Class: wxclient.ClassFatalRollout},
			"wechat /wxa/release: errcode 85014 (fatal-rollout: template does not exist): template not found rid=5f1a-22-3b",
		},
		{
			"quoted code and hint", `{"errcode":"-1","errmsg":"system error, hint: [abc0 def]"}`,
			wxclient.Error{Endpoint: "/wxa/release", Code: -1, Msg: "system error", RID: "abc0 def", Class: wxclient.ClassRetryBusy},
			"wechat /wxa/release: errcode -1 (retry-busy: WeChat is busy, or could not read the body's encoding): system error rid=abc0 def",
		},
		{
			"unknown code", `{"errcode":424242,"errmsg":null}`,
			wxclient.Error{Endpoint: "/wxa/release", Code: 424242, Class: wxclient.ClassUnknown},
			"wechat /wxa/release: errcode 424242 (unknown)",
		},
		{
			"message that is no string", `{"errcode":85019,"errmsg":{"a":1}}`,
			wxclient.Error{Endpoint: "/wxa/release", Code: 85019, Msg: `{"a":1}`, Class: wxclient.ClassFatalApp},
			`wechat /wxa/release: errcode 85019 (fatal-app: no audited version to release): {"a":1}`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, _, _ := setup(t, tc.reply)
			err := c.Release(t.Context(), app)
			var answer *wxclient.Error
			if !errors.As(err, &answer) {
				t.Fatalf("got %v", err)
			}
			tc.want.Raw = tc.reply
			if diff := cmp.Diff(tc.want, *answer); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if err.Error() != tc.text {
				t.Errorf("text\n got %s\nwant %s", err, tc.text)
			}
		})
	}
}

func TestTolerances(t *testing.T) {
	t.Parallel()
	want := wxclient.Audit{ID: 5, Status: wxclient.AuditRejected, Reason: "a\nb\tc", Screenshot: "m", Version: "1"}
	for name, reply := range map[string]string{
		"plain":                   `{"errcode":0,"auditid":5,"status":1,"reason":"a\nb\tc","screenshot":"m","user_version":"1"}`,
		"quoted numbers":          `{"errcode":"0","auditid":"5","status":"1","reason":"a\nb\tc","ScreenShot":"m","user_version":"1"}`,
		"byte order mark":         "\xef\xbb\xbf" + `{"errcode":0,"auditid":5,"status":1,"reason":"a\nb\tc","screenshot":"m","user_version":"1"}`,
		"raw control characters":  "{\"errcode\":0,\n\"auditid\":5,\"status\":1,\"reason\":\"a\nb\tc\",\"screenshot\":\"m\",\"user_version\":\"1\"}",
		"escaped quote before it": "{\"errcode\":0,\"errmsg\":\"\\\"\n\\\\\",\"auditid\":5,\"status\":1,\"reason\":\"a\nb\tc\",\"screenshot\":\"m\",\"user_version\":\"1\"}\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _, _ := setup(t, reply) // served as text/plain, as WeChat often does
			got, err := c.LatestAudit(t.Context(), app)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestUnreadableReplies(t *testing.T) {
	t.Parallel()
	submit := func(ctx context.Context, c *wxclient.Client) error {
		_, err := c.SubmitAudit(ctx, app, wxclient.SubmitRequest{})
		return err
	}
	latest := func(ctx context.Context, c *wxclient.Client) error { _, err := c.LatestAudit(ctx, app); return err }
	quota := func(ctx context.Context, c *wxclient.Client) error { _, err := c.QueryQuota(ctx, app); return err }
	refresh := func(ctx context.Context, c *wxclient.Client) error {
		_, err := c.RefreshAuthorizerToken(ctx, "cat", app, "refresh")
		return err
	}
	fetch := func(ctx context.Context, c *wxclient.Client) error {
		_, _, err := c.FetchComponentToken(ctx, "secret", "ticket")
		return err
	}
	info := func(ctx context.Context, c *wxclient.Client) error { _, err := c.AuthorizerInfo(ctx, app); return err }
	list := func(ctx context.Context, c *wxclient.Client) error { _, err := c.AuthorizerList(ctx, 0, 1); return err }
	templates := func(ctx context.Context, c *wxclient.Client) error { _, err := c.Templates(ctx); return err }
	drafts := func(ctx context.Context, c *wxclient.Client) error { _, err := c.TemplateDrafts(ctx); return err }
	query := func(ctx context.Context, c *wxclient.Client) error { _, err := c.QueryAuth(ctx, "code"); return err }
	gray := func(ctx context.Context, c *wxclient.Client) error { _, err := c.GrayPlan(ctx, app); return err }
	apiQuota := func(ctx context.Context, c *wxclient.Client) error { _, err := c.APIQuota(ctx, "", "/x"); return err }
	runUnreadable(t, []unreadableCase{
		{"empty body", submit, "", "reply is empty"},
		{"blank body", submit, " \r\n", "reply is empty"},
		{"HTML", submit, "<html><body>busy</body></html>", "not a JSON object: the reply was <html><body>busy</body></html>"},
		{"array", submit, `[]`, "not a JSON object"},
		{"cut off", submit, `{"errcode":0,"audi`, "decode the reply"},
		{"errcode is a word", submit, `{"errcode":"busy"}`, "not a whole number"},
		{"success without auditid", submit, ok, "lacks auditid"},
		{"auditid null", submit, `{"errcode":0,"auditid":null}`, "lacks auditid"},
		{"auditid zero", submit, `{"errcode":0,"auditid":0}`, "lacks auditid"},
		{"auditid a fraction", submit, `{"errcode":0,"auditid":1.5}`, "not a whole number"},
		{"audit without status", latest, `{"errcode":0,"auditid":5,"user_version":"1"}`, "lacks status"},
		{"audit with null status", latest, `{"errcode":0,"auditid":5,"status":null}`, "lacks status"},
		{"audit with empty status", latest, `{"errcode":0,"auditid":5,"status":""}`, "not a whole number"},
		{"quota without rest", quota, `{"errcode":0,"limit":5,"speedup_rest":0,"speedup_limit":0}`, "lacks rest"},
		{"quota without limit", quota, `{"errcode":0,"rest":5,"speedup_rest":0,"speedup_limit":0}`, "lacks limit"},
		{"refresh without token", refresh, ok, "lacks authorizer_access_token"},
		{"refresh without life", refresh, `{"authorizer_access_token":"x"}`, "lacks expires_in"},
		{"component token missing", fetch, ok, "lacks component_access_token"},
		{"info without account", info, `{"authorization_info":{"authorizer_appid":"x"}}`, "lacks authorizer_info"},
		{"info without appid", info, `{"authorizer_info":{}}`, "lacks authorization_info"},
		{"list without total", list, `{"list":[]}`, "lacks total_count"},
		{"template without id", templates, `{"errcode":0,"template_list":[{"user_version":"1"}]}`, "lacks template_id"},
		{"draft without id", drafts, `{"errcode":0,"draft_list":[{"user_version":"1"}]}`, "lacks draft_id"},
		{"authorization without appid", query, `{"authorization_info":{}}`, "lacks authorization_info"},
		{"gray plan without status", gray, `{"errcode":0,"gray_release_plan":{"gray_percentage":5}}`, "lacks gray_release_plan.status"},
		{"gray plan without percentage", gray, `{"errcode":0,"gray_release_plan":{"status":1}}`, "lacks gray_release_plan.gray_percentage"},
		{"api quota without numbers", apiQuota, `{"errcode":0,"quota":{}}`, "lacks quota"},
	})
}

// unreadableCase is a reply that does not show the outcome.
type unreadableCase struct {
	name  string
	call  func(context.Context, *wxclient.Client) error
	reply string
	text  string
}

func runUnreadable(t *testing.T, cases []unreadableCase) {
	t.Helper()
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, s, _ := setup(t, tc.reply)
			err := tc.call(t.Context(), c)
			var unknown *wxclient.OutcomeUnknownError
			if !errors.As(err, &unknown) || !wxclient.IsOutcomeUnknown(err) {
				t.Fatalf("got %v", err)
			}
			if !strings.Contains(err.Error(), tc.text) {
				t.Errorf("got %q, want it to say %q", err, tc.text)
			}
			if n := len(s.requests()); n != 1 {
				t.Errorf("%d requests, want 1", n)
			}
		})
	}
}

func TestStatusOutside2xx(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 307, 400, 404, 502, 503} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			elsewhere := serve(t, ok)
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Location", elsewhere.URL+r.URL.RequestURI())
				w.WriteHeader(status)
				_, _ = w.Write([]byte(ok))
			}))
			t.Cleanup(s.Close)
			custom := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}
			c := dialWith(t, wxclient.Options{BaseURL: s.URL, Tokens: &tokens{}, HTTPClient: custom})
			err := c.Release(t.Context(), app)
			var unknown *wxclient.OutcomeUnknownError
			if !errors.As(err, &unknown) {
				t.Errorf("got %v", err)
			}
			if n := len(elsewhere.requests()); n != 0 {
				t.Errorf("the redirect was followed %d times", n)
			}
			if custom.CheckRedirect(nil, nil) != nil {
				t.Error("the caller's client was changed")
			}
		})
	}
}

func TestReplyLimit(t *testing.T) {
	t.Parallel()
	long := func(n int) string {
		return `{"errcode":0,"template_list":[],"errmsg":"` + strings.Repeat("x", n) + `"}`
	}
	s := serve(t, long(2000))
	c := dialWith(t, wxclient.Options{BaseURL: s.URL, Tokens: &tokens{}, MaxReply: 1024})
	err := c.Release(t.Context(), app)
	if !wxclient.IsOutcomeUnknown(err) || !strings.Contains(err.Error(), "longer than 1024 bytes") {
		t.Errorf("got %v", err)
	}
	if _, err := c.Templates(t.Context()); err != nil {
		t.Errorf("a listing endpoint keeps its own limit: %v", err)
	}
	exact := long(1024 - len(long(0)))
	if err := dialWith(t, wxclient.Options{BaseURL: serve(t, exact).URL, Tokens: &tokens{}, MaxReply: 1024}).Release(t.Context(), app); err != nil {
		t.Errorf("a reply of exactly the limit: %v", err)
	}
}

// An error shows the reply as it came: bounded, on one line, and without a secret.
func TestRawReply(t *testing.T) {
	t.Parallel()
	release := func(ctx context.Context, c *wxclient.Client) error { return c.Release(ctx, app) }
	token := func(ctx context.Context, c *wxclient.Client) error {
		_, _, err := c.FetchComponentToken(ctx, "the-secret", "the-ticket")
		return err
	}
	long := strings.Repeat("x ", 8<<10)
	for _, tc := range []struct {
		name, reply, want string
		call              func(context.Context, *wxclient.Client) error
	}{
		{"unknown outcome", "{\"code\":500,\n\"msg\":\"busy\"}", `{"code":500, "msg":"busy"}`, release},
		{"refusal", `{"errcode":85019,"errmsg":"x"}`, `{"errcode":85019,"errmsg":"x"}`, release},
		{"token of the call", `{"echo":"aat.` + app + `-1"}`, `{"echo":"[redacted]"}`, release},
		{"token in the reply", `{"errcode":-1,"component_access_token":"tokentoken","expires_in":1}`, `{"errcode":-1,"component_access_token":"[redacted]","expires_in":1}`, token},
		{"token cut off", `{"component_access_token":["tokentoken`, "38 bytes, withheld: they may hold a token", token},
		{"broken, and no token", `{"expires_in":7`, `{"expires_in":7`, token},
		{"long", long, long[:300] + "...", release},
		{"one long word", strings.Repeat("x", 9<<10), "", release},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, _, _ := setup(t, tc.reply)
			err := tc.call(t.Context(), c)
			var answer *wxclient.Error
			var unknown *wxclient.OutcomeUnknownError
			got := ""
			if errors.As(err, &answer) {
				got = answer.Raw
			} else if errors.As(err, &unknown) {
				got = unknown.Raw
			}
			if got != tc.want {
				t.Errorf("%v: got %q, want %q", err, got, tc.want)
			}
			noSecret(t, fmt.Sprintf("%+v", err), "tokentoken", "the-secret", "the-ticket", "aat."+app)
		})
	}
}

// A reply that breaks off on the wire still shows its errcode; a page of a gateway does not.
func TestReplyCutOffOnTheWire(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		status, code int
		body         string
	}{
		{200, 85014, `{"errcode":85014,"errmsg":"no template rid: 1-2`},
		{200, 0, `{"errcode":0,"errmsg":"ok"`},
		{502, 0, `{"errcode":85014,"errmsg":"no template"}`},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			w.WriteHeader(tc.status)
			_, _ = w.Write([]byte(tc.body))
		}))
		t.Cleanup(s.Close)
		err := dial(t, s.URL, &tokens{}).Release(t.Context(), app)
		var answer *wxclient.Error
		var unknown *wxclient.OutcomeUnknownError
		switch {
		case tc.code != 0 && (!errors.As(err, &answer) || answer.Code != int64(tc.code) || answer.RID != "1-2"):
			t.Errorf("%d %s: got %v", tc.status, tc.body, err)
		case tc.code == 0 && (!errors.As(err, &unknown) || unknown.Raw != tc.body):
			t.Errorf("%d %s: got %v", tc.status, tc.body, err)
		}
	}
}

// Official accounts are read in the older shapes of the reply; a mini program needs its grants.
func TestOlderShapesOfAuthorizerInfo(t *testing.T) {
	t.Parallel()
	account := func(grant, more string) string {
		return `{"authorizer_info":{"nick_name":"N","user_name":"gh_1","service_type_info":{"id":2}` + more + `},"authorization_info":{` + grant + `}}`
	}
	const sets = `"func_info":[{"funcscope_category":{"id":1}}]`
	for _, reply := range []string{
		account(`"appid":"`+app+`",`+sets, ""),
		account(`"authorization_appid":"`+app+`",`+sets, ""),
		account(`"authorizer_appid":"`+app+`"`, ""),
	} {
		c, _, _ := setup(t, reply)
		if got, err := c.AuthorizerInfo(t.Context(), app); err != nil || got.MiniProgram || got.AppID != app || got.ServiceType != 2 {
			t.Errorf("%s: got %+v, %v", reply, got, err)
		}
	}
	info := func(ctx context.Context, c *wxclient.Client) error { _, err := c.AuthorizerInfo(ctx, app); return err }
	const mini = `,"MiniProgramInfo":{"categories":[]}`
	runUnreadable(t, []unreadableCase{
		{"no appid", info, account(sets, ""), "lacks authorization_info.authorizer_appid"},
		{"blank account", info, `{"authorizer_info":{},"authorization_info":{"authorizer_appid":"` + app + `",` + sets + `}}`, "lacks authorizer_info.service_type_info"},
		{"another account", info, account(`"authorizer_appid":"wxother",`+sets, mini), `about "wxother"`},
		{"mini program without grants", info, account(`"authorizer_appid":"`+app+`"`, mini), "lacks authorization_info.func_info"},
		{"grants null", info, account(`"authorizer_appid":"`+app+`","func_info":null`, mini), "lacks authorization_info.func_info"},
		{"blank grant", info, account(`"authorizer_appid":"`+app+`","func_info":[{}]`, mini), "lacks authorization_info.func_info"},
	})
}

// A token without the time it lives is no token.
func TestHalfAnAuthorization(t *testing.T) {
	t.Parallel()
	query := func(ctx context.Context, c *wxclient.Client) error { _, err := c.QueryAuth(ctx, "code"); return err }
	with := func(more string) string { return `{"authorization_info":{"authorizer_appid":"wxb"` + more + `}}` }
	runUnreadable(t, []unreadableCase{
		{"no life", query, with(`,"authorizer_access_token":"a","authorizer_refresh_token":"r"`), "lacks expires_in"},
		{"no time", query, with(`,"authorizer_access_token":"a","authorizer_refresh_token":"r","expires_in":0`), "lacks expires_in"},
	})
	c, _, _ := setup(t, with(`,"func_info":[]`))
	if got, err := c.QueryAuth(t.Context(), "code"); err != nil || got.Token.Access != "" {
		t.Errorf("an app without API rights: got %+v, %v", got, err)
	}
}

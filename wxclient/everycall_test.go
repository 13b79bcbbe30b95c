package wxclient_test

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/wxrollout/wxrollout/wxclient"
	"github.com/wxrollout/wxrollout/wxclient/configapi"
)

// everyCall is one call of the client, by the name of its method and a variant.
type everyCall struct {
	name string
	call func(context.Context, *wxclient.Client) error
	// good is a documented success.
	good string
	// bare says that the documents show successes without an errcode.
	bare bool
	// absent says that the documents allow a success without the payload.
	absent bool
}

func everyCalls() []everyCall {
	type c = wxclient.Client
	type x = context.Context
	some := configapi.ServerDomains{Request: []string{"https://a.example.com"}}
	one := []string{"https://a.example.com"}
	host := []string{"a.example.com"}
	e := company()
	e.LegalIDCard = "440300199001011234"
	rule := configapi.QRRule{Prefix: "https://a.example.com/", Path: "p", Version: configapi.QROnline}
	guideline := configapi.GuidelineRequest{Version: configapi.PrivacyDraft, Owner: configapi.PrivacyOwner{Email: "a@b.c", NoticeMethod: "弹窗"}}
	const (
		file     = `{"errcode":0,"file_name":"a.txt","file_content":"b"}`
		audit    = `{"errcode":0,"auditid":5,"status":1,"reason":"r","user_version":"1","user_desc":"d","submit_audit_time":1}`
		list     = `{"errcode":0,"requestdomain":[]}`
		category = `{"first_class":"A","second_class":"B","first_id":1,"second_id":2}`
		info     = `{"authorizer_info":{"user_name":"gh_1","service_type_info":{"id":0},"MiniProgramInfo":{}},` +
			`"authorization_info":{"authorizer_appid":"` + app + `","func_info":[{"funcscope_category":{"id":18}}]}}`
		domains   = `{"errcode":0,"mp_domain":{},"third_domain":{},"direct_domain":{},"effective_domain":{}}`
		webviews  = `{"errcode":0,"mp_webviewdomain":[],"third_webviewdomain":[],"direct_webviewdomain":[],"effective_webviewdomain":[]}`
		authorize = `{"authorization_info":{"authorizer_appid":"wxb","authorizer_access_token":"a","expires_in":7200,"authorizer_refresh_token":"r","func_info":[]}}`
	)
	return []everyCall{
		{name: "LatestAudit", good: audit, call: func(ctx x, c *c) error { _, err := c.LatestAudit(ctx, app); return err }},
		{name: "AuditStatus", good: audit, call: func(ctx x, c *c) error { _, err := c.AuditStatus(ctx, app, 5); return err }},
		{name: "UndoAudit", good: ok, call: func(ctx x, c *c) error { return c.UndoAudit(ctx, app) }},
		{name: "SpeedUpAudit", good: ok, call: func(ctx x, c *c) error { return c.SpeedUpAudit(ctx, app, 5) }},
		{name: "QueryQuota", good: `{"errcode":0,"rest":1,"limit":2,"speedup_rest":3,"speedup_limit":4}`, call: func(ctx x, c *c) error { _, err := c.QueryQuota(ctx, app); return err }},
		{name: "Commit", good: ok, call: func(ctx x, c *c) error { return c.Commit(ctx, app, wxclient.CommitRequest{Version: "1"}) }},
		{name: "VersionInfo", good: ok, absent: true, call: func(ctx x, c *c) error { _, err := c.VersionInfo(ctx, app); return err }},
		{name: "Categories", good: `{"errcode":0,"category_list":[` + category + `]}`, call: func(ctx x, c *c) error { _, err := c.Categories(ctx, app); return err }},
		{name: "Pages", good: `{"errcode":0,"page_list":["index"]}`, call: func(ctx x, c *c) error { _, err := c.Pages(ctx, app); return err }},
		{name: "CodePrivacyInfo", good: `{"errcode":0,"without_auth_list":[],"without_conf_list":[]}`, call: func(ctx x, c *c) error { _, err := c.CodePrivacyInfo(ctx, app); return err }},
		{name: "AuthorizerInfo", good: info, bare: true, call: func(ctx x, c *c) error { _, err := c.AuthorizerInfo(ctx, app); return err }},
		{name: "AuthorizerList", good: `{"total_count":0,"list":[]}`, bare: true, call: func(ctx x, c *c) error { _, err := c.AuthorizerList(ctx, 0, 1); return err }},
		{name: "APIQuota", good: `{"errcode":0,"quota":{"daily_limit":1,"used":0,"remain":1}}`, call: func(ctx x, c *c) error { _, err := c.APIQuota(ctx, app, "/wxa/commit"); return err }},
		{name: "StartPushTicket", good: ok, call: func(ctx x, c *c) error { _, err := c.StartPushTicket(ctx, "secret"); return err }},
		{name: "FetchComponentToken", good: `{"component_access_token":"t","expires_in":7200}`, bare: true, call: func(ctx x, c *c) error { _, _, err := c.FetchComponentToken(ctx, "secret", "ticket"); return err }},
		{name: "PreAuthCode", good: `{"pre_auth_code":"p","expires_in":600}`, bare: true, call: func(ctx x, c *c) error { _, _, err := c.PreAuthCode(ctx); return err }},
		{name: "RefreshAuthorizerToken", good: `{"authorizer_access_token":"t","expires_in":7200}`, bare: true, call: func(ctx x, c *c) error {
			_, err := c.RefreshAuthorizerToken(ctx, "cat-x", app, "refresh")
			return err
		}},
		{name: "QueryAuth", good: authorize, bare: true, call: func(ctx x, c *c) error { _, err := c.QueryAuth(ctx, "code"); return err }},
		{name: "ModifyDomains", good: ok, call: func(ctx x, c *c) error { _, err := c.ModifyDomains(ctx, app, configapi.DomainAdd, some); return err }},
		{name: "ModifyDomains get", good: list, call: func(ctx x, c *c) error {
			_, err := c.ModifyDomains(ctx, app, configapi.DomainGet, configapi.ServerDomains{})
			return err
		}},
		{name: "ModifyDomainsDirectly", good: ok, call: func(ctx x, c *c) error {
			_, err := c.ModifyDomainsDirectly(ctx, app, configapi.DomainAdd, some)
			return err
		}},
		{name: "ModifyDomainsDirectly get", good: list, call: func(ctx x, c *c) error {
			_, err := c.ModifyDomainsDirectly(ctx, app, configapi.DomainGet, configapi.ServerDomains{})
			return err
		}},
		{name: "EffectiveDomains", good: domains, call: func(ctx x, c *c) error { _, err := c.EffectiveDomains(ctx, app); return err }},
		{name: "UploadMedia", good: `{"errcode":0,"type":"image","mediaid":"m"}`, call: func(ctx x, c *c) error {
			_, err := c.UploadMedia(ctx, app, "a.png", []byte("\x89PNG\x0D\x0A\x1A\x0A"))
			return err
		}},
		{name: "TrialQRCode", call: func(ctx x, c *c) error { _, err := c.TrialQRCode(ctx, app, ""); return err }}, // a picture
		{name: "AuthorizerOption", good: `{"option_value":"1"}`, bare: true, call: func(ctx x, c *c) error {
			_, err := c.AuthorizerOption(ctx, app, "voice_recognize", wxclient.OptionByApp)
			return err
		}},
		{name: "AuthorizerOption by component", good: `{"option_value":"1"}`, bare: true, call: func(ctx x, c *c) error {
			_, err := c.AuthorizerOption(ctx, app, "voice_recognize", wxclient.OptionByComponent)
			return err
		}},
		{name: "SetAuthorizerOption", good: ok, call: func(ctx x, c *c) error {
			return c.SetAuthorizerOption(ctx, app, "voice_recognize", "1", wxclient.OptionByApp)
		}},
		{name: "PlatformServerDomains", good: `{"errcode":0,"testing_wxa_server_domain":""}`, call: func(ctx x, c *c) error {
			_, err := c.PlatformServerDomains(ctx, configapi.DomainAdd, host, true)
			return err
		}},
		{name: "PlatformWebviewDomains", good: `{"errcode":0,"published_wxa_jump_h5_domain":"a"}`, call: func(ctx x, c *c) error {
			_, err := c.PlatformWebviewDomains(ctx, configapi.DomainGet, nil, false)
			return err
		}},
		{name: "PlatformFile", good: file, call: func(ctx x, c *c) error { _, err := c.PlatformFile(ctx); return err }},
		{name: "PrivacyGuideline", good: `{"errcode":0,"code_exist":0,"setting_list":[],"owner_setting":{}}`, call: func(ctx x, c *c) error {
			_, err := c.PrivacyGuideline(ctx, app, configapi.PrivacyDraft)
			return err
		}},
		{name: "SetPrivacyGuideline", good: ok, call: func(ctx x, c *c) error { return c.SetPrivacyGuideline(ctx, app, guideline) }},
		{name: "PutQRRule", good: ok, call: func(ctx x, c *c) error { return c.PutQRRule(ctx, app, rule, false) }},
		{name: "QRRules", good: `{"errcode":0,"qrcodejump_open":1,"qrcodejump_pub_quota":1,"rule_list":[]}`, call: func(ctx x, c *c) error { _, err := c.QRRules(ctx, app); return err }},
		{name: "QRFile", good: file, call: func(ctx x, c *c) error { _, err := c.QRFile(ctx, app); return err }},
		{name: "DeleteQRRule", good: ok, call: func(ctx x, c *c) error { return c.DeleteQRRule(ctx, app, "p") }},
		{name: "PublishQRRule", good: ok, call: func(ctx x, c *c) error { return c.PublishQRRule(ctx, app, "p") }},
		{name: "CreateTrial", good: `{"errcode":0,"unique_id":"u","authorize_url":"a"}`, call: func(ctx x, c *c) error { _, err := c.CreateTrial(ctx, "鲜花小店", "o"); return err }},
		{name: "ConvertTrial", good: ok, call: func(ctx x, c *c) error { return c.ConvertTrial(ctx, app, e) }},
		{name: "CreateEnterprise", good: ok, call: func(ctx x, c *c) error { return c.CreateEnterprise(ctx, e) }},
		{name: "Release", good: ok, call: func(ctx x, c *c) error { return c.Release(ctx, app) }},
		{name: "RevertRelease", good: ok, call: func(ctx x, c *c) error { return c.RevertRelease(ctx, app, nil) }},
		{name: "History", good: `{"errcode":0,"version_list":[]}`, call: func(ctx x, c *c) error { _, err := c.History(ctx, app); return err }},
		{name: "GrayRelease", good: ok, call: func(ctx x, c *c) error { return c.GrayRelease(ctx, app, wxclient.GrayRequest{Percentage: 1}) }},
		{name: "GrayPlan", good: `{"errcode":0,"gray_release_plan":{"status":0,"gray_percentage":0}}`, call: func(ctx x, c *c) error { _, err := c.GrayPlan(ctx, app); return err }},
		{name: "RevertGray", good: ok, call: func(ctx x, c *c) error { return c.RevertGray(ctx, app) }},
		{name: "SubmitAudit", good: `{"errcode":0,"auditid":1}`, call: func(ctx x, c *c) error { _, err := c.SubmitAudit(ctx, app, wxclient.SubmitRequest{}); return err }},
		{name: "Templates", good: `{"errcode":0,"template_list":[]}`, call: func(ctx x, c *c) error { _, err := c.Templates(ctx); return err }},
		{name: "TemplateDrafts", good: `{"errcode":0,"draft_list":[]}`, call: func(ctx x, c *c) error { _, err := c.TemplateDrafts(ctx); return err }},
		{name: "AddTemplate", good: ok, call: func(ctx x, c *c) error { return c.AddTemplate(ctx, 1) }},
		{name: "DeleteTemplate", good: ok, call: func(ctx x, c *c) error { return c.DeleteTemplate(ctx, 1) }},
		{name: "BindTester", good: `{"errcode":0,"userstr":"u"}`, call: func(ctx x, c *c) error { _, err := c.BindTester(ctx, app, "w"); return err }},
		{name: "UnbindTester", good: ok, call: func(ctx x, c *c) error { return c.UnbindTester(ctx, app, "w", "") }},
		{name: "Testers", good: `{"errcode":0,"members":[]}`, call: func(ctx x, c *c) error { _, err := c.Testers(ctx, app); return err }},
		{name: "SetServing", good: ok, call: func(ctx x, c *c) error { return c.SetServing(ctx, app, true) }},
		{name: "Serving", good: `{"errcode":0,"status":1}`, call: func(ctx x, c *c) error { _, err := c.Serving(ctx, app); return err }},
		{name: "LowestLibrary", good: `{"errcode":0,"now_version":"1.0.0","uv_info":{"items":[]}}`, call: func(ctx x, c *c) error { _, err := c.LowestLibrary(ctx, app); return err }},
		{name: "SetLowestLibrary", good: ok, call: func(ctx x, c *c) error { return c.SetLowestLibrary(ctx, app, "2.0.0") }},
		{name: "SetWebviewDomains", good: ok, call: func(ctx x, c *c) error { _, err := c.SetWebviewDomains(ctx, app, configapi.DomainAdd, one); return err }},
		{name: "SetWebviewDomains get", good: `{"errcode":0,"webviewdomain":[]}`, call: func(ctx x, c *c) error {
			_, err := c.SetWebviewDomains(ctx, app, configapi.DomainGet, nil)
			return err
		}},
		{name: "SetWebviewDomainsDirectly", good: ok, call: func(ctx x, c *c) error {
			_, err := c.SetWebviewDomainsDirectly(ctx, app, configapi.DomainAdd, one)
			return err
		}},
		{name: "WebviewFile", good: file, call: func(ctx x, c *c) error { _, err := c.WebviewFile(ctx, app); return err }},
		{name: "EffectiveWebviewDomains", good: webviews, call: func(ctx x, c *c) error { _, err := c.EffectiveWebviewDomains(ctx, app); return err }},
	}
}

// The table of calls holds every method of the client that calls WeChat: those that take a context.
func TestEveryCallIsListed(t *testing.T) {
	t.Parallel()
	listed := map[string]bool{}
	for _, call := range everyCalls() {
		method, _, _ := strings.Cut(call.name, " ")
		listed[method] = true
	}
	client := reflect.TypeFor[*wxclient.Client]()
	for i := range client.NumMethod() {
		m := client.Method(i)
		if m.Type.NumIn() < 2 || m.Type.In(1) != reflect.TypeFor[context.Context]() {
			continue
		}
		if !listed[m.Name] {
			t.Errorf("%s is not in everyCalls", m.Name)
		}
		delete(listed, m.Name)
	}
	for name := range listed {
		t.Errorf("%s is no method of the client", name)
	}
}

// A call succeeds only if its reply says so: no reply without errcode 0 and the promised payload is a
// success, or an empty list.
func TestEveryCallNeedsItsReply(t *testing.T) {
	t.Parallel()
	for _, call := range everyCalls() {
		t.Run(call.name, func(t *testing.T) {
			t.Parallel()
			unknown := []string{`{}`, `{"code":500}`, `{"errcode":null}`, `{"errcode":null,"errmsg":"ok"}`, `[]`, `null`, `"ok"`, `0`, ``, `<html>`, `{"errcode":0`, `{"errcode":"ok"}`, `{"errcode":0}x`}
			plain := `{"errcode":0,"errmsg":"ok"}`
			if call.good != ok && !call.absent {
				unknown = append(unknown, plain)
			}
			withoutCode := strings.Replace(call.good, `"errcode":0,`, "", 1)
			switch {
			case call.bare:
				if err := tryReply(t, call, call.good); err != nil {
					t.Errorf("%s: %v", call.good, err)
				}
				if code := strings.Replace(call.good, "{", `{"errcode":0,`, 1); tryReply(t, call, code) != nil {
					t.Errorf("%s: refused", code)
				}
			case call.good != "":
				if err := tryReply(t, call, call.good); err != nil {
					t.Errorf("%s: %v", call.good, err)
				}
				unknown = append(unknown, withoutCode)
			}
			for _, reply := range unknown {
				err := tryReply(t, call, reply)
				var lost *wxclient.OutcomeUnknownError
				if !errors.As(err, &lost) || !wxclient.IsOutcomeUnknown(err) {
					t.Errorf("%q: got %v, want an unknown outcome", reply, err)
					continue
				}
				if reply != "" && lost.Raw == "" {
					t.Errorf("%q: the error does not show the reply", reply)
				}
			}
		})
	}
}

// An errcode that can be read counts, however broken the rest of the reply is.
func TestEveryCallReadsBrokenRefusals(t *testing.T) {
	t.Parallel()
	for _, call := range everyCalls() {
		t.Run(call.name, func(t *testing.T) {
			t.Parallel()
			for _, reply := range []string{
				`{"errcode":85013,"errmsg":"bad rid: 12-ab`,
				`{"errcode":85013,"errmsg":"bad rid: 12-ab","x":[1,`,
				`{"errmsg":"bad rid: 12-ab","errcode":"85013","x":`,
				`{"errcode":85013,"errmsg":"bad rid: 12-ab"}<!-- gateway -->`,
				`{"errcode":85013,"errmsg":"bad","rid":"12-ab","x":nul}`,
				`{"list":[{"errcode":0}],"errcode":85013,"errmsg":"bad rid: 12-ab" "x"`,
				`{"errcode":85013,"errmsg":"bad rid: 12-ab","authorizer_info":7,"template_list":{},"status":"x"}`,
			} {
				err := tryReply(t, call, reply)
				var answer *wxclient.Error
				if !errors.As(err, &answer) || answer.Code != 85013 || answer.RID != "12-ab" || answer.Msg != "bad" || answer.Raw == "" {
					t.Errorf("%s: got %#v", reply, err)
				}
			}
			for _, reply := range []string{`{"errcode":8501`, `{"list":[{"errcode":85013},`, `{"x":"errcode\":85013,`, `{"errcode":0,"x":`, `{"errcode":-`} {
				if err := tryReply(t, call, reply); !errors.As(err, new(*wxclient.OutcomeUnknownError)) {
					t.Errorf("%s: got %v, want an unknown outcome", reply, err)
				}
			}
		})
	}
}

func tryReply(t *testing.T, call everyCall, reply string) error {
	t.Helper()
	return call.call(t.Context(), dial(t, serve(t, reply).URL, &tokens{}))
}

// What the client reads as a write without a payload is written down: a new one has to be looked up
// in the documents first.
func TestCallsWithoutPayload(t *testing.T) {
	t.Parallel()
	var got []string
	for _, call := range everyCalls() {
		if call.good == ok {
			got = append(got, call.name)
		}
	}
	want := []string{
		"AddTemplate", "Commit", "ConvertTrial", "CreateEnterprise", "DeleteQRRule", "DeleteTemplate", "GrayRelease",
		"ModifyDomains", "ModifyDomainsDirectly", "PublishQRRule", "PutQRRule", "Release", "RevertGray", "RevertRelease",
		"SetAuthorizerOption", "SetLowestLibrary", "SetPrivacyGuideline", "SetServing", "SetWebviewDomains", "SetWebviewDomainsDirectly",
		"SpeedUpAudit", "StartPushTicket", "UnbindTester", "UndoAudit", "VersionInfo",
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

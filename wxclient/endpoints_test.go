package wxclient_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/wxclient"
)

// endpointCase is one call: what must go over the wire, and what the reply must become.
type endpointCase struct {
	name  string
	call  func(context.Context, *wxclient.Client) (any, error)
	want  got
	reply string
	out   any
}

const (
	appQuery       = "access_token=aat." + app + "-1"
	componentQuery = "access_token=cat-1"
)

func nothing(err error) (any, error) { return nil, err }

func runEndpoints(t *testing.T, cases []endpointCase) {
	t.Helper()
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, s, _ := setup(t, tc.reply)
			out, err := tc.call(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]got{tc.want}, s.requests()); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.out, out); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCodeEndpoints(t *testing.T) {
	t.Parallel()
	runEndpoints(t, []endpointCase{
		{
			name: "commit",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) {
				return nothing(c.Commit(ctx, app, wxclient.CommitRequest{
					TemplateID: 0, ExtJSON: `{"ext":{"shop":"\u4e2d<&>\u0022"}}`, Version: "3.9.0", Desc: "r1/1 春 <b>\u2028",
				}))
			},
			want: got{"POST", "/wxa/commit", appQuery,
				`{"template_id":0,"ext_json":"{\"ext\":{\"shop\":\"中<&>\\\"\"}}","user_version":"3.9.0","user_desc":"r1/1 春 <b>` + "\u2028" + `"}`},
			reply: ok,
		},
		{
			name: "commit without ext_json",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) {
				return nothing(c.Commit(ctx, app, wxclient.CommitRequest{TemplateID: 95, Version: "1"}))
			},
			want:  got{"POST", "/wxa/commit", appQuery, `{"template_id":95,"ext_json":"{}","user_version":"1","user_desc":""}`},
			reply: ok,
		},
		{
			name:  "version info",
			call:  func(ctx context.Context, c *wxclient.Client) (any, error) { return c.VersionInfo(ctx, app) },
			want:  got{"POST", "/wxa/getversioninfo", appQuery, `{}`},
			reply: `{"errcode":0,"exp_info":{"exp_time":1600000000,"exp_version":"3.9.0","exp_desc":"d"},"release_info":{"release_time":"1500000000","release_version":"3.8.0","release_desc":"e"}}`,
			out: wxclient.VersionInfo{
				Exp:     &wxclient.VersionEntry{Time: 1600000000, Version: "3.9.0", Desc: "d"},
				Release: &wxclient.VersionEntry{Time: 1500000000, Version: "3.8.0", Desc: "e"},
			},
		},
		{
			name:  "version info of a new app",
			call:  func(ctx context.Context, c *wxclient.Client) (any, error) { return c.VersionInfo(ctx, app) },
			want:  got{"POST", "/wxa/getversioninfo", appQuery, `{}`},
			reply: `{"errcode":0,"release_info":null}`,
			out:   wxclient.VersionInfo{},
		},
		{
			name:  "version info that is blank: an unknown version",
			call:  func(ctx context.Context, c *wxclient.Client) (any, error) { return c.VersionInfo(ctx, app) },
			want:  got{"POST", "/wxa/getversioninfo", appQuery, `{}`},
			reply: `{"errcode":0,"exp_info":{"exp_version":""},"release_info":{"release_time":1700000000,"release_version":"","release_desc":""}}`,
			out:   wxclient.VersionInfo{Release: &wxclient.VersionEntry{Time: 1700000000}},
		},
		{
			name:  "categories",
			call:  func(ctx context.Context, c *wxclient.Client) (any, error) { return c.Categories(ctx, app) },
			want:  got{"GET", "/wxa/get_category", appQuery, ""},
			reply: `{"errcode":0,"category_list":[{"first_class":"A","second_class":"B","first_id":1,"second_id":"2"},{"first_class":"A","second_class":"B","third_class":"C","first_id":1,"second_id":2,"third_id":3}]}`,
			out: []wxclient.Category{
				{FirstClass: "A", SecondClass: "B", FirstID: 1, SecondID: 2},
				{FirstClass: "A", SecondClass: "B", ThirdClass: "C", FirstID: 1, SecondID: 2, ThirdID: 3},
			},
		},
		{
			name:  "pages",
			call:  func(ctx context.Context, c *wxclient.Client) (any, error) { return c.Pages(ctx, app) },
			want:  got{"GET", "/wxa/get_page", appQuery, ""},
			reply: `{"errcode":0,"page_list":["index","page/list"]}`,
			out:   []string{"index", "page/list"},
		},
		{
			name:  "code privacy info",
			call:  func(ctx context.Context, c *wxclient.Client) (any, error) { return c.CodePrivacyInfo(ctx, app) },
			want:  got{"GET", "/wxa/security/get_code_privacy_info", appQuery, ""},
			reply: `{"errcode":0,"without_auth_list":["wx.getLocation"],"without_conf_list":["wx.choosePoi"]}`,
			out:   wxclient.PrivacyInfo{WithoutAuth: []string{"wx.getLocation"}, WithoutConf: []string{"wx.choosePoi"}},
		},
	})
}

func TestAuditEndpoints(t *testing.T) {
	t.Parallel()
	runEndpoints(t, []endpointCase{
		{
			name:  "latest audit",
			call:  func(ctx context.Context, c *wxclient.Client) (any, error) { return c.LatestAudit(ctx, app) },
			want:  got{"GET", "/wxa/get_latest_auditstatus", appQuery, ""},
			reply: `{"errcode":0,"auditid":"1234567","status":1,"reason":"a<br>b","ScreenShot":"m1|m2","user_version":"3.9.0","user_desc":"d","submit_audit_time":1600000000}`,
			out: wxclient.Audit{ID: 1234567, Status: wxclient.AuditRejected, Reason: "a<br>b", Screenshot: "m1|m2",
				Version: "3.9.0", Desc: "d", SubmittedAt: 1600000000},
		},
		{
			name: "audit status",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) {
				return c.AuditStatus(ctx, app, 9007199254740993)
			},
			want:  got{"POST", "/wxa/get_auditstatus", appQuery, `{"auditid":9007199254740993}`},
			reply: `{"errcode":0,"status":0,"screenshot":"m"}`,
			out:   wxclient.Audit{ID: 9007199254740993, Status: wxclient.AuditPassed, Screenshot: "m"},
		},
		{
			name: "submit nothing but the version",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) {
				return c.SubmitAudit(ctx, app, wxclient.SubmitRequest{})
			},
			want:  got{"POST", "/wxa/submit_audit", appQuery, `{}`},
			reply: `{"errcode":0,"errmsg":"ok","auditid":1234567}`,
			out:   int64(1234567),
		},
		{
			name: "submit everything",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) {
				category := wxclient.Category{FirstClass: "A", SecondClass: "B", FirstID: 1, SecondID: 2}
				return c.SubmitAudit(ctx, app, wxclient.SubmitRequest{
					Items:       []wxclient.AuditItem{category.Item("index", "Home", "a b")},
					Preview:     &wxclient.AuditPreview{PictureIDs: []string{"p"}},
					VersionDesc: "v", FeedbackInfo: "f", FeedbackStuff: "s|t",
					UGC:              &wxclient.UGCDeclare{Scenes: []int{0}, Methods: []int{1}, AuditDesc: "x"},
					PrivacyAPINotUse: true, OrderPath: "order",
				})
			},
			want: got{"POST", "/wxa/submit_audit", appQuery, `{"item_list":[{"first_class":"A","second_class":"B","first_id":1,"second_id":2,"address":"index","tag":"a b","title":"Home"}],` +
				`"preview_info":{"pic_id_list":["p"]},"version_desc":"v","feedback_info":"f","feedback_stuff":"s|t",` +
				`"ugc_declare":{"scene":[0],"method":[1],"has_audit_team":0,"audit_desc":"x"},"privacy_api_not_use":true,"order_path":"order"}`},
			reply: `{"errcode":"0","auditid":"42"}`,
			out:   int64(42),
		},
		{
			name:  "undo",
			call:  func(ctx context.Context, c *wxclient.Client) (any, error) { return nothing(c.UndoAudit(ctx, app)) },
			want:  got{"GET", "/wxa/undocodeaudit", appQuery, ""},
			reply: ok,
		},
		{
			name: "speed up",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) {
				return nothing(c.SpeedUpAudit(ctx, app, 7))
			},
			want:  got{"POST", "/wxa/speedupaudit", appQuery, `{"auditid":7}`},
			reply: ok,
		},
		{
			name:  "query quota",
			call:  func(ctx context.Context, c *wxclient.Client) (any, error) { return c.QueryQuota(ctx, app) },
			want:  got{"GET", "/wxa/queryquota", appQuery, ""},
			reply: `{"errcode":0,"rest":0,"limit":500,"speedup_rest":1,"speedup_limit":2}`,
			out:   wxclient.Quota{Rest: 0, Limit: 500, SpeedupRest: 1, SpeedupLimit: 2},
		},
		{
			name:  "query quota without speed-ups", // what is left is known
			call:  func(ctx context.Context, c *wxclient.Client) (any, error) { return c.QueryQuota(ctx, app) },
			want:  got{"GET", "/wxa/queryquota", appQuery, ""},
			reply: `{"errcode":0,"rest":5,"limit":500}`,
			out:   wxclient.Quota{Rest: 5, Limit: 500, SpeedupRest: -1, SpeedupLimit: -1},
		},
	})
}

func TestReleaseEndpoints(t *testing.T) {
	t.Parallel()
	version := int64(3)
	plan := `{"errcode":0,"gray_release_plan":{"status":1,"create_timestamp":1600000000,"gray_percentage":25,"support_debuger_first":true,"support_experiencer_first":false}}`
	runEndpoints(t, []endpointCase{
		{
			name:  "release",
			call:  func(ctx context.Context, c *wxclient.Client) (any, error) { return nothing(c.Release(ctx, app)) },
			want:  got{"POST", "/wxa/release", appQuery, `{}`},
			reply: ok,
		},
		{
			name: "revert to the version before",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) {
				return nothing(c.RevertRelease(ctx, app, nil))
			},
			want:  got{"GET", "/wxa/revertcoderelease", appQuery, ""},
			reply: ok,
		},
		{
			name: "revert to a named version",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) {
				return nothing(c.RevertRelease(ctx, app, &version))
			},
			want:  got{"GET", "/wxa/revertcoderelease", appQuery + "&app_version=3", ""},
			reply: ok,
		},
		{
			name:  "history",
			call:  func(ctx context.Context, c *wxclient.Client) (any, error) { return c.History(ctx, app) },
			want:  got{"GET", "/wxa/revertcoderelease", appQuery + "&action=get_history_version", ""},
			reply: `{"errcode":0,"version_list":[{"app_version":3,"user_version":"3.8.0","user_desc":"d","commit_time":1500000000}]}`,
			out:   []wxclient.HistoryEntry{{AppVersion: 3, Version: "3.8.0", Desc: "d", CommitTime: 1500000000}},
		},
		{
			name: "gray release",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) {
				return nothing(c.GrayRelease(ctx, app, wxclient.GrayRequest{Percentage: 0, DebuggersFirst: true}))
			},
			want:  got{"POST", "/wxa/grayrelease", appQuery, `{"gray_percentage":0,"support_debuger_first":true,"support_experiencer_first":false}`},
			reply: ok,
		},
		{
			name:  "gray plan",
			call:  func(ctx context.Context, c *wxclient.Client) (any, error) { return c.GrayPlan(ctx, app) },
			want:  got{"GET", "/wxa/getgrayreleaseplan", appQuery, ""},
			reply: plan,
			out:   wxclient.GrayPlan{Exists: true, Status: wxclient.GrayRunning, CreatedAt: 1600000000, Percentage: 25, DebuggersFirst: true},
		},
		{
			name:  "no gray plan",
			call:  func(ctx context.Context, c *wxclient.Client) (any, error) { return c.GrayPlan(ctx, app) },
			want:  got{"GET", "/wxa/getgrayreleaseplan", appQuery, ""},
			reply: `{"errcode":0,"gray_release_plan":{"status":0,"gray_percentage":0}}`,
			out:   wxclient.GrayPlan{},
		},
		{
			name:  "revert gray",
			call:  func(ctx context.Context, c *wxclient.Client) (any, error) { return nothing(c.RevertGray(ctx, app)) },
			want:  got{"GET", "/wxa/revertgrayrelease", appQuery, ""},
			reply: ok,
		},
	})
}

func TestComponentEndpoints(t *testing.T) {
	t.Parallel()
	runEndpoints(t, []endpointCase{
		{
			name: "authorizer info",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) { return c.AuthorizerInfo(ctx, app) },
			want: got{"POST", "/cgi-bin/component/api_get_authorizer_info", componentQuery,
				`{"component_appid":"wxcomponent","authorizer_appid":"` + app + `"}`},
			reply: `{"authorizer_info":{"nick_name":"Shop","user_name":"gh_1","principal_name":"Ltd","service_type_info":{"id":0},"verify_type_info":{"id":-1},` +
				`"account_status":1,"register_type":6,"MiniProgramInfo":{"visit_status":0,"categories":[{"first":"IT","second":"tools"},{"first":"Food"}]}},` +
				`"authorization_info":{"authorizer_appid":"` + app + `","authorizer_refresh_token":"refresh-1","func_info":[{"funcscope_category":{"id":17}},{"funcscope_category":{"id":18}}]}}`,
			out: wxclient.AuthorizerInfo{AppID: app, NickName: "Shop", UserName: "gh_1", PrincipalName: "Ltd", VerifyType: -1,
				AccountStatus: 1, RegisterType: 6, PermissionSets: []int64{17, 18}, MiniProgram: true, Categories: []string{"IT/tools", "Food"}, RefreshToken: "refresh-1"},
		},
		{
			name: "authorizer list",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) { return c.AuthorizerList(ctx, 500, 500) },
			want: got{"POST", "/cgi-bin/component/api_get_authorizer_list", componentQuery,
				`{"component_appid":"wxcomponent","offset":500,"count":500}`},
			reply: `{"total_count":501,"list":[{"authorizer_appid":"wxb","refresh_token":"refresh-2","auth_time":1558000607}]}`,
			out: wxclient.AuthorizerPage{Total: 501, List: []wxclient.Authorizer{
				{AppID: "wxb", RefreshToken: "refresh-2", AuthTime: 1558000607}}},
		},
		{
			name: "templates",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) { return c.Templates(ctx) },
			want: got{"GET", "/wxa/gettemplatelist", componentQuery, ""},
			reply: `{"errcode":0,"template_list":[{"create_time":1600000000,"user_version":"3.9.0","user_desc":"d","template_id":0,"draft_id":5,` +
				`"source_miniprogram_appid":"wxdev","source_miniprogram":"Dev","template_type":0,"category_list":[]}]}`,
			out: []wxclient.Template{{ID: 0, DraftID: 5, Version: "3.9.0", Desc: "d", CreateTime: 1600000000, SourceAppID: "wxdev", Source: "Dev"}},
		},
		{
			name: "drafts",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) { return c.TemplateDrafts(ctx) },
			want: got{"GET", "/wxa/gettemplatedraftlist", componentQuery, ""},
			reply: `{"errcode":0,"draft_list":[{"create_time":1600000000,"user_version":"3.9.0","user_desc":"d","draft_id":0,` +
				`"source_miniprogram_appid":"wxdev","source_miniprogram":"Dev","developer":"Ann"}]}`,
			out: []wxclient.TemplateDraft{{ID: 0, Version: "3.9.0", Desc: "d", CreateTime: 1600000000, SourceAppID: "wxdev", Source: "Dev", Developer: "Ann"}},
		},
		{
			name:  "add template",
			call:  func(ctx context.Context, c *wxclient.Client) (any, error) { return nothing(c.AddTemplate(ctx, 0)) },
			want:  got{"POST", "/wxa/addtotemplate", componentQuery, `{"draft_id":0,"template_type":0}`},
			reply: ok,
		},
		{
			name:  "delete template",
			call:  func(ctx context.Context, c *wxclient.Client) (any, error) { return nothing(c.DeleteTemplate(ctx, 0)) },
			want:  got{"POST", "/wxa/deletetemplate", componentQuery, `{"template_id":0}`},
			reply: ok,
		},
		{
			name: "pre-auth code",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) {
				code, life, err := c.PreAuthCode(ctx)
				return []any{code, life}, err
			},
			want:  got{"POST", "/cgi-bin/component/api_create_preauthcode", componentQuery, `{"component_appid":"wxcomponent"}`},
			reply: `{"pre_auth_code":"pre","expires_in":600}`,
			out:   []any{"pre", 10 * time.Minute},
		},
		{
			name: "query auth",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) {
				return c.QueryAuth(ctx, "queryauthcode@@@1")
			},
			want: got{"POST", "/cgi-bin/component/api_query_auth", componentQuery,
				`{"component_appid":"wxcomponent","authorization_code":"queryauthcode@@@1"}`},
			reply: `{"authorization_info":{"authorizer_appid":"wxb","authorizer_access_token":"a","expires_in":7200,"authorizer_refresh_token":"r","func_info":[{"funcscope_category":{"id":18}}]}}`,
			out: wxclient.Authorization{AppID: "wxb", PermissionSets: []int64{18},
				Token: wxclient.AuthorizerToken{Access: "a", Refresh: "r", ExpiresIn: 2 * time.Hour}},
		},
		{
			name: "api quota of the component",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) {
				return c.APIQuota(ctx, "", "/wxa/gettemplatelist")
			},
			want: got{"POST", "/cgi-bin/openapi/quota/get", componentQuery, `{"cgi_path":"/wxa/gettemplatelist"}`},
			reply: `{"errcode":0,"quota":{"daily_limit":10000,"used":1,"remain":9999},"rate_limit":{"call_count":100,"refresh_second":60},` +
				`"component_rate_limit":{"call_count":50,"refresh_second":30}}`,
			out: wxclient.APIQuota{DailyLimit: 10000, Used: 1, Remain: 9999, RateCalls: 100, RateWindow: time.Minute,
				ComponentRateCalls: 50, ComponentRateWindow: 30 * time.Second},
		},
		{
			name:  "api quota of an app",
			call:  func(ctx context.Context, c *wxclient.Client) (any, error) { return c.APIQuota(ctx, app, "/wxa/commit") },
			want:  got{"POST", "/cgi-bin/openapi/quota/get", appQuery, `{"cgi_path":"/wxa/commit"}`},
			reply: `{"errcode":0,"quota":{"daily_limit":1,"used":0,"remain":1}}`,
			out:   wxclient.APIQuota{DailyLimit: 1, Remain: 1},
		},
	})
}

func TestCredentialEndpoints(t *testing.T) {
	t.Parallel()
	startPush := func(ctx context.Context, c *wxclient.Client) (any, error) { return c.StartPushTicket(ctx, "s3cret") }
	startPushRequest := got{"POST", "/cgi-bin/component/api_start_push_ticket", "", `{"component_appid":"wxcomponent","component_secret":"s3cret"}`}
	refresh := func(ctx context.Context, c *wxclient.Client) (any, error) {
		return c.RefreshAuthorizerToken(ctx, "cat-x", app, "refresh-1")
	}
	refreshRequest := got{"POST", "/cgi-bin/component/api_authorizer_token", "access_token=cat-x",
		`{"component_appid":"wxcomponent","authorizer_appid":"` + app + `","authorizer_refresh_token":"refresh-1"}`}
	runEndpoints(t, []endpointCase{
		{name: "push restarted", call: startPush, want: startPushRequest, reply: ok, out: true},
		{name: "push was running", call: startPush, want: startPushRequest, reply: `{"errcode":0,"errmsg":"in a normal state"}`, out: false},
		{
			name: "component token",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) {
				token, life, err := c.FetchComponentToken(ctx, "s3cret", "ticket@@@1")
				return []any{token, life}, err
			},
			want: got{"POST", "/cgi-bin/component/api_component_token", "",
				`{"component_appid":"wxcomponent","component_appsecret":"s3cret","component_verify_ticket":"ticket@@@1"}`},
			reply: `{"component_access_token":"cat","expires_in":7200}`,
			out:   []any{"cat", 2 * time.Hour},
		},
		{
			name: "authorizer token", call: refresh, want: refreshRequest,
			reply: `{"authorizer_access_token":"aat","expires_in":"7200","authorizer_refresh_token":"refresh-2"}`,
			out:   wxclient.AuthorizerToken{Access: "aat", Refresh: "refresh-2", ExpiresIn: 2 * time.Hour},
		},
		{
			name: "authorizer token keeps the refresh token", call: refresh, want: refreshRequest,
			reply: `{"authorizer_access_token":"aat","expires_in":7200}`,
			out:   wxclient.AuthorizerToken{Access: "aat", Refresh: "refresh-1", ExpiresIn: 2 * time.Hour},
		},
	})
}

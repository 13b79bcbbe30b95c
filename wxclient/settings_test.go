package wxclient_test

import (
	"context"
	"testing"

	"github.com/wxrollout/wxrollout/wxclient"
	"github.com/wxrollout/wxrollout/wxclient/configapi"
)

func TestPrivacyEndpoints(t *testing.T) {
	t.Parallel()
	owner := configapi.PrivacyOwner{Email: "a@example.com", NoticeMethod: "弹窗", StoreExpire: "30天"}
	settings := []configapi.PrivacySetting{{Key: "PhoneNumber", Text: "送货", Label: "手机号"}}
	const set = "/cgi-bin/component/setprivacysetting"
	runEndpoints(t, []endpointCase{
		{
			name: "guideline",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) {
				return c.PrivacyGuideline(ctx, app, configapi.PrivacyDraft)
			},
			want: got{"POST", "/cgi-bin/component/getprivacysetting", appQuery, `{"privacy_ver":2}`},
			reply: `{"errcode":0,"code_exist":1,"privacy_list":["Location"],"setting_list":[{"privacy_key":"PhoneNumber","privacy_text":"送货","privacy_label":"手机号"}],` +
				`"update_time":1600000000,"owner_setting":{"contact_email":"a@example.com","notice_method":"弹窗","store_expire_timestamp":"30天"},` +
				`"privacy_desc":{"privacy_desc_list":[{"privacy_key":"Location","privacy_desc":"位置"}]}}`,
			out: configapi.PrivacyGuideline{HasCode: true, Detected: []string{"Location"}, Settings: settings, Owner: owner, UpdatedAt: 1600000000,
				Keys: map[string]string{"Location": "位置"}},
		},
		{
			name: "set a draft",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) {
				return nothing(c.SetPrivacyGuideline(ctx, app, configapi.GuidelineRequest{Version: configapi.PrivacyDraft, Owner: owner, Settings: settings}))
			},
			want: got{"POST", set, appQuery, `{"privacy_ver":2,"owner_setting":{"contact_email":"a@example.com","notice_method":"弹窗","store_expire_timestamp":"30天"},` +
				`"setting_list":[{"privacy_key":"PhoneNumber","privacy_text":"送货"}]}`},
			reply: ok,
		},
		{
			name: "set a draft of nothing",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) {
				return nothing(c.SetPrivacyGuideline(ctx, app, configapi.GuidelineRequest{Version: configapi.PrivacyDraft, Owner: owner}))
			},
			want:  got{"POST", set, appQuery, `{"privacy_ver":2,"owner_setting":{"contact_email":"a@example.com","notice_method":"弹窗","store_expire_timestamp":"30天"},"setting_list":[]}`},
			reply: ok,
		},
		{
			name: "set the contacts online",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) {
				return nothing(c.SetPrivacyGuideline(ctx, app, configapi.GuidelineRequest{Version: configapi.PrivacyOnline, Owner: owner}))
			},
			want:  got{"POST", set, appQuery, `{"privacy_ver":1,"owner_setting":{"contact_email":"a@example.com","notice_method":"弹窗","store_expire_timestamp":"30天"}}`},
			reply: ok,
		},
	})
}

func TestPrivacyFaults(t *testing.T) {
	t.Parallel()
	set := func(change func(*configapi.GuidelineRequest)) func(context.Context, *wxclient.Client) error {
		r := configapi.GuidelineRequest{Version: configapi.PrivacyDraft, Owner: configapi.PrivacyOwner{QQ: "1", NoticeMethod: "x"}}
		change(&r)
		return func(ctx context.Context, c *wxclient.Client) error { return c.SetPrivacyGuideline(ctx, app, r) }
	}
	read := func(version configapi.PrivacyVersion) func(context.Context, *wxclient.Client) error {
		return func(ctx context.Context, c *wxclient.Client) error {
			_, err := c.PrivacyGuideline(ctx, app, version)
			return err
		}
	}
	runRefusals(t, []refusalCase{
		{"read version 3", "privacy_ver is 3", read(3)},
		{"set version 0", "privacy_ver is 0", set(func(r *configapi.GuidelineRequest) { r.Version = 0 })},
		{"no notice method", "notice_method is empty", set(func(r *configapi.GuidelineRequest) { r.Owner.NoticeMethod = "" })},
		{"no contact", "none of the four contacts", set(func(r *configapi.GuidelineRequest) { r.Owner.QQ = "" })},
		{"days in English", "a form like 30天", set(func(r *configapi.GuidelineRequest) { r.Owner.StoreExpire = "30 days" })},
		{"setting without text", "setting 1 has no", set(func(r *configapi.GuidelineRequest) { r.Settings = []configapi.PrivacySetting{{Key: "Email"}} })},
		{"online with settings", "setting_list can't be set", set(func(r *configapi.GuidelineRequest) {
			r.Version, r.Settings = configapi.PrivacyOnline, []configapi.PrivacySetting{{Key: "a", Text: "b"}}
		})},
		{"online with a file", "ext_file_media_id can't be set", set(func(r *configapi.GuidelineRequest) {
			r.Version, r.Owner.ExtFileID = configapi.PrivacyOnline, "1"
		})},
		{"all faults at once", "; ", set(func(r *configapi.GuidelineRequest) { r.Owner = configapi.PrivacyOwner{} })},
	})
	runUnreadable(t, []unreadableCase{
		{"no code_exist", read(1), ok, "lacks code_exist"},
	})
}

func TestVisibilityEndpoints(t *testing.T) {
	t.Parallel()
	serving := func(ctx context.Context, c *wxclient.Client) (any, error) { return c.Serving(ctx, app) }
	runEndpoints(t, []endpointCase{
		{
			name: "open",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) {
				return nothing(c.SetServing(ctx, app, true))
			},
			want:  got{"POST", "/wxa/change_visitstatus", appQuery, `{"action":"open"}`},
			reply: ok,
		},
		{
			name: "close",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) {
				return nothing(c.SetServing(ctx, app, false))
			},
			want:  got{"POST", "/wxa/change_visitstatus", appQuery, `{"action":"close"}`},
			reply: ok,
		},
		{name: "serving", call: serving, want: got{"POST", "/wxa/getvisitstatus", appQuery, `{}`}, reply: `{"errcode":0,"status":1}`, out: true},
		{name: "suspended", call: serving, want: got{"POST", "/wxa/getvisitstatus", appQuery, `{}`}, reply: `{"errcode":0,"status":"0"}`, out: false},
		{
			name:  "lowest library",
			call:  func(ctx context.Context, c *wxclient.Client) (any, error) { return c.LowestLibrary(ctx, app) },
			want:  got{"POST", "/cgi-bin/wxopen/getweappsupportversion", appQuery, `{}`},
			reply: `{"errcode":0,"now_version":"1.0.0","uv_info":{"items":[{"version":"2.0.0","percentage":0.5},{"version":"1.0.0","percentage":"99.5"}]}}`,
			out:   configapi.BaseLibrary{Lowest: "1.0.0", Users: []configapi.BaseLibraryShare{{Version: "2.0.0", Percent: 0.5}, {Version: "1.0.0", Percent: 99.5}}},
		},
		{
			name: "set lowest library",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) {
				return nothing(c.SetLowestLibrary(ctx, app, "2.32.0"))
			},
			want:  got{"POST", "/cgi-bin/wxopen/setweappsupportversion", appQuery, `{"version":"2.32.0"}`},
			reply: ok,
		},
	})
	lowest := func(ctx context.Context, c *wxclient.Client) error { _, err := c.LowestLibrary(ctx, app); return err }
	runUnreadable(t, []unreadableCase{
		{"no status", func(ctx context.Context, c *wxclient.Client) error { _, err := c.Serving(ctx, app); return err }, ok, "lacks status"},
		{"no version", lowest, ok, "lacks now_version"},
		{"share a word", lowest, `{"errcode":0,"now_version":"1.0.0","uv_info":{"items":[{"percentage":"many"}]}}`, "not a number"},
		{"share without end", lowest, `{"errcode":0,"now_version":"1.0.0","uv_info":{"items":[{"percentage":"Inf"}]}}`, "not a number"},
	})
	runRefusals(t, []refusalCase{{"library of two parts", "a form like 2.32.0", func(ctx context.Context, c *wxclient.Client) error {
		return c.SetLowestLibrary(ctx, app, "2.32")
	}}})
}

func TestTesterEndpoints(t *testing.T) {
	t.Parallel()
	runEndpoints(t, []endpointCase{
		{
			name: "bind",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) {
				return c.BindTester(ctx, app, "ann_tester")
			},
			want:  got{"POST", "/wxa/bind_tester", appQuery, `{"wechatid":"ann_tester"}`},
			reply: `{"errcode":0,"userstr":"u1"}`, out: "u1",
		},
		{
			name: "unbind by id",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) {
				return nothing(c.UnbindTester(ctx, app, "ann_tester", "u1"))
			},
			want: got{"POST", "/wxa/unbind_tester", appQuery, `{"wechatid":"ann_tester"}`}, reply: ok,
		},
		{
			name: "unbind by userstr",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) {
				return nothing(c.UnbindTester(ctx, app, "", "u1"))
			},
			want: got{"POST", "/wxa/unbind_tester", appQuery, `{"userstr":"u1"}`}, reply: ok,
		},
		{
			name:  "testers",
			call:  func(ctx context.Context, c *wxclient.Client) (any, error) { return c.Testers(ctx, app) },
			want:  got{"POST", "/wxa/memberauth", appQuery, `{"action":"get_experiencer"}`},
			reply: `{"errcode":0,"members":[{"userstr":"u1"},{"userstr":"u2"}]}`, out: []string{"u1", "u2"},
		},
	})
	bind := func(id string) func(context.Context, *wxclient.Client) error {
		return func(ctx context.Context, c *wxclient.Client) error { _, err := c.BindTester(ctx, app, id); return err }
	}
	runUnreadable(t, []unreadableCase{{"no userstr", bind("ann_tester"), ok, "lacks userstr"}})
	runRefusals(t, []refusalCase{
		{"no user to bind", "wechatid is empty", bind("")},
		{"no user to unbind", "are empty", func(ctx context.Context, c *wxclient.Client) error { return c.UnbindTester(ctx, app, "", "") }},
	})
}

func TestQRRuleEndpoints(t *testing.T) {
	t.Parallel()
	rule := configapi.QRRule{Prefix: "https://qr.example.com/t/", Exclusive: true, Path: "pages/index", Version: configapi.QRTrial,
		DebugURLs: []string{"https://qr.example.com/t/1"}}
	bare := configapi.QRRule{Prefix: "https://qr.example.com/t/", Path: "pages/index", Version: configapi.QROnline}
	published := rule
	published.Published = true
	const path = "/cgi-bin/wxopen/qrcodejump"
	runEndpoints(t, []endpointCase{
		{
			name: "add",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) {
				return nothing(c.PutQRRule(ctx, app, rule, false))
			},
			want: got{"POST", path + "add", appQuery, `{"prefix":"https://qr.example.com/t/","permit_sub_rule":"2","path":"pages/index","open_version":"2",` +
				`"debug_url":["https://qr.example.com/t/1"],"is_edit":0}`},
			reply: ok,
		},
		{
			name: "edit",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) {
				return nothing(c.PutQRRule(ctx, app, bare, true))
			},
			want:  got{"POST", path + "add", appQuery, `{"prefix":"https://qr.example.com/t/","permit_sub_rule":"1","path":"pages/index","open_version":"3","is_edit":1}`},
			reply: ok,
		},
		{
			name: "rules",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) { return c.QRRules(ctx, app) },
			want: got{"POST", path + "get", appQuery, `{}`},
			reply: `{"errcode":0,"rule_list":[{"prefix":"https://qr.example.com/t/","permit_sub_rule":2,"path":"pages/index","open_version":"2",` +
				`"debug_url":["https://qr.example.com/t/1"],"state":2}],"qrcodejump_open":1,"list_size":1,"qrcodejump_pub_quota":99}`,
			out: configapi.QRRules{Open: true, PublishQuota: 99, Rules: []configapi.QRRule{published}},
		},
		{
			name:  "file",
			call:  func(ctx context.Context, c *wxclient.Client) (any, error) { return c.QRFile(ctx, app) },
			want:  got{"POST", path + "download", appQuery, `{}`},
			reply: `{"errcode":0,"file_name":"a.txt","file_content":"b"}`, out: configapi.ConfirmFile{Name: "a.txt", Content: "b"},
		},
		{
			name: "delete",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) {
				return nothing(c.DeleteQRRule(ctx, app, "https://x"))
			},
			want:  got{"POST", path + "delete", appQuery, `{"prefix":"https://x"}`},
			reply: ok,
		},
		{
			name: "publish",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) {
				return nothing(c.PublishQRRule(ctx, app, "https://x"))
			},
			want:  got{"POST", path + "publish", appQuery, `{"prefix":"https://x"}`},
			reply: ok,
		},
	})
	put := func(change func(*configapi.QRRule)) func(context.Context, *wxclient.Client) error {
		r := bare
		change(&r)
		return func(ctx context.Context, c *wxclient.Client) error { return c.PutQRRule(ctx, app, r, false) }
	}
	runRefusals(t, []refusalCase{
		{"prefix a host", "http or https URL", put(func(r *configapi.QRRule) { r.Prefix = "qr.example.com" })},
		{"no page", "path is empty", put(func(r *configapi.QRRule) { r.Path = "" })},
		{"no version", "open_version is 0", put(func(r *configapi.QRRule) { r.Version = 0 })},
		{"six links", "6 links", put(func(r *configapi.QRRule) { r.DebugURLs = make([]string, 6) })},
		{"foreign link", "doesn't begin with", put(func(r *configapi.QRRule) { r.DebugURLs = []string{"https://x"} })},
		{"no prefix to delete", "prefix is empty", func(ctx context.Context, c *wxclient.Client) error { return c.DeleteQRRule(ctx, app, "") }},
	})
	runUnreadable(t, []unreadableCase{
		{"no quota", func(ctx context.Context, c *wxclient.Client) error { _, err := c.QRRules(ctx, app); return err }, ok, "lacks qrcodejump_pub_quota"},
		{"no file", func(ctx context.Context, c *wxclient.Client) error { _, err := c.QRFile(ctx, app); return err }, ok, "lacks file_name"},
	})
}

package appconfig_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/appconfig"
	"github.com/wxrollout/wxrollout/rollout/extjson"
)

func TestDiff(t *testing.T) {
	t.Parallel()
	request := func(way appconfig.Way, e appconfig.Edit) appconfig.Spec {
		return appconfig.Spec{Domains: &appconfig.DomainSpec{Way: way, Lists: map[appconfig.List]appconfig.Edit{appconfig.Request: e}}}
	}
	third := func(list ...string) appconfig.Have {
		return appconfig.Have{Domains: appconfig.DomainsHave{Platform: appconfig.DomainLists{appconfig.Request: list}}}
	}
	const a, b, c = "https://a.test.cn", "https://b.test.cn", "https://c.test.cn"
	rule := appconfig.Rule{Prefix: "https://a.test.cn/t/", Path: "pages/a"}
	other := appconfig.Rule{Prefix: rule.Prefix, Path: "pages/b", Published: true}
	sound := appconfig.Guideline{Owner: appconfig.Owner{Notice: "弹窗", Phone: "1"}, Uses: []appconfig.Use{{Key: "Album", Text: "x"}}}
	for _, tc := range []struct {
		name string
		kind appconfig.Kind
		want appconfig.Spec
		have appconfig.Have
		is   string // verb: lines
	}{
		{"nothing asked", appconfig.Domains, appconfig.Spec{}, third(a), ""},
		{"there already", appconfig.Domains, request(appconfig.Platform, appconfig.Edit{Add: []string{a}}), third(a, b), ""},
		{"one more", appconfig.Domains, request(appconfig.Platform, appconfig.Edit{Add: []string{a, c}}), third(a, b), "add: + request " + c},
		{"one less", appconfig.Domains, request(appconfig.Platform, appconfig.Edit{Remove: []string{a, c}}), third(a, b), "remove: - request " + a},
		{"both in one write", appconfig.Domains, request(appconfig.Platform, appconfig.Edit{Add: []string{c}, Remove: []string{a}}), third(a, b), "set: + request " + c + ", - request " + a},
		{"exactly", appconfig.Domains, request(appconfig.Platform, appconfig.Edit{Set: []string{b}}), third(a, b), "remove: - request " + a},
		{"none at all", appconfig.Domains, request(appconfig.Platform, appconfig.Edit{Set: []string{}}), third(a), "remove: - request " + a},
		{"the other way has it", appconfig.Domains, request(appconfig.Direct, appconfig.Edit{Add: []string{a}}), third(a), "add: + request " + a},
		{"unknown tester", appconfig.Testers, appconfig.Spec{Testers: &appconfig.Edit{Add: []string{"li"}}}, appconfig.Have{}, "add: + li"},
		{"known tester", appconfig.Testers, appconfig.Spec{Testers: &appconfig.Edit{Add: []string{"li"}}}, appconfig.Have{Testers: map[string]bool{"li": true}}, ""},
		{"tester to go, and none there", appconfig.Testers, appconfig.Spec{Testers: &appconfig.Edit{Remove: []string{"li"}}}, appconfig.Have{NoTesters: true}, ""},
		{"tester gone", appconfig.Testers, appconfig.Spec{Testers: &appconfig.Edit{Remove: []string{"li"}}}, appconfig.Have{Testers: map[string]bool{"li": false}}, ""},
		{"new rule", appconfig.QRRules, appconfig.Spec{QRRules: &appconfig.QRSpec{Add: []appconfig.Rule{rule}}}, appconfig.Have{}, "add: + https://a.test.cn/t/ opens pages/a"},
		{"rule as published", appconfig.QRRules, appconfig.Spec{QRRules: &appconfig.QRSpec{Add: []appconfig.Rule{{Prefix: rule.Prefix, Path: "pages/b", Version: "online"}}}}, appconfig.Have{Rules: []appconfig.Rule{other}}, ""},
		{"published rule to change", appconfig.QRRules, appconfig.Spec{QRRules: &appconfig.QRSpec{Add: []appconfig.Rule{rule}}}, appconfig.Have{Rules: []appconfig.Rule{other}},
			"set: ~ https://a.test.cn/t/ opens pages/a, not pages/b (it stops for users until it is published: say publish: true)"},
		{"rule in WeChat's form", appconfig.QRRules, appconfig.Spec{QRRules: &appconfig.QRSpec{Add: []appconfig.Rule{{Prefix: "https://a.cn/", Path: "pages/b", Debug: []string{"1", "2"}}}}},
			appconfig.Have{Rules: []appconfig.Rule{{Prefix: "https://a.cn/", Path: "/pages/b", Version: "online", Debug: []string{"2", "1"}}}}, ""},
		{"rules of others stay", appconfig.QRRules, appconfig.Spec{QRRules: &appconfig.QRSpec{Remove: []string{"https://x.test.cn/"}}}, appconfig.Have{Rules: []appconfig.Rule{other}}, ""},
		{"no rule stays", appconfig.QRRules, appconfig.Spec{QRRules: &appconfig.QRSpec{Set: []appconfig.Rule{}}}, appconfig.Have{Rules: []appconfig.Rule{other}}, "remove: - " + rule.Prefix},
		{"to publish", appconfig.QRPublish, appconfig.Spec{QRRules: &appconfig.QRSpec{Add: []appconfig.Rule{rule}, Publish: true}}, appconfig.Have{Rules: []appconfig.Rule{rule}}, "publish: ~ " + rule.Prefix + " published"},
		{"published", appconfig.QRPublish, appconfig.Spec{QRRules: &appconfig.QRSpec{Add: []appconfig.Rule{rule}, Publish: true}}, appconfig.Have{Rules: []appconfig.Rule{other}}, ""},
		{"raised", appconfig.Library, appconfig.Spec{Library: &appconfig.LibrarySpec{AtLeast: "2.10.0"}}, appconfig.Have{Library: "2.9.9"}, "set: ~ 2.10.0, not 2.9.9"},
		{"higher already", appconfig.Library, appconfig.Spec{Library: &appconfig.LibrarySpec{AtLeast: "2.9.9"}}, appconfig.Have{Library: "2.10.0"}, ""},
		{"lowered", appconfig.Library, appconfig.Spec{Library: &appconfig.LibrarySpec{Set: "2.9.9"}}, appconfig.Have{Library: "2.10.0"}, "set: ~ 2.9.9, not 2.10.0"},
		{"never set", appconfig.Library, appconfig.Spec{Library: &appconfig.LibrarySpec{AtLeast: "2.9.9"}}, appconfig.Have{}, "set: ~ 2.9.9"},
		{"closed", appconfig.Visibility, appconfig.Spec{Visibility: appconfig.VisibilityClosed}, appconfig.Have{Serving: true}, "set: ~ closed"},
		{"open already", appconfig.Visibility, appconfig.Spec{Visibility: appconfig.VisibilityOpen}, appconfig.Have{Serving: true}, ""},
		{"owner's fields stay", appconfig.Privacy, appconfig.Spec{Privacy: &appconfig.PrivacySpec{Owner: appconfig.Owner{Phone: "1"}}}, appconfig.Have{Guideline: sound}, ""},
		{"another use", appconfig.Privacy, appconfig.Spec{Privacy: &appconfig.PrivacySpec{Owner: appconfig.Owner{Email: "e"}, Add: []appconfig.Use{{Key: "Camera", Text: "y"}}, Remove: []string{"Album"}}}, appconfig.Have{Guideline: sound},
			"set: ~ owner, + Camera, - Album"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			changes, err := appconfig.Diff(tc.kind, tc.want, tc.have)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, ch := range changes {
				got = append(got, string(ch.Verb)+": "+strings.Join(ch.Lines, ", "))
			}
			if text := strings.Join(got, "; "); text != tc.is {
				t.Errorf("got  %s\nwant %s", text, tc.is)
			}
		})
	}
}

// A list that would not fit, and a guideline that WeChat would not take, are told
// before anything is written; what doesn't fit already may shrink.
func TestDiffErrors(t *testing.T) {
	t.Parallel()
	var many []string
	for i := range appconfig.DomainsMax + 1 {
		many = append(many, fmt.Sprintf("https://a%d.test.cn", i))
	}
	for kind, want := range map[appconfig.Kind]appconfig.Spec{
		appconfig.Domains: {Domains: &appconfig.DomainSpec{Lists: map[appconfig.List]appconfig.Edit{appconfig.Upload: {Add: many}}}},
		appconfig.Webview: {Webview: &appconfig.WebSpec{Edit: appconfig.Edit{Add: many}}},
	} {
		_, err := appconfig.Diff(kind, want, appconfig.Have{})
		if limit := (*appconfig.LimitError)(nil); !errors.As(err, &limit) || limit.Have != appconfig.DomainsMax+1 {
			t.Errorf("%s: %v", kind, err)
		}
	}
	for want, owner := range map[string]appconfig.Owner{"notice": {Email: "e"}, "contact": {Notice: "n"}} {
		_, err := appconfig.Diff(appconfig.Privacy, appconfig.Spec{Privacy: &appconfig.PrivacySpec{Owner: owner}}, appconfig.Have{})
		if missing := (*appconfig.MissingError)(nil); !errors.As(err, &missing) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	shrink := appconfig.Spec{Webview: &appconfig.WebSpec{Edit: appconfig.Edit{Remove: many[:1]}}}
	have := appconfig.Have{Webview: appconfig.WebviewHave{Platform: append(many, "https://b.test.cn")}}
	if changes, err := appconfig.Diff(appconfig.Webview, shrink, have); err != nil || len(changes) != 1 {
		t.Errorf("a full list can't shrink: %v %v", changes, err)
	}
}

// What the platform registers no more is dropped by a release, and so is what was
// set at mp.weixin.qq.com.
func TestTraps(t *testing.T) {
	t.Parallel()
	const a, b, c = "https://a.test.cn", "https://b.test.cn", "https://c.test.cn"
	have := appconfig.Have{
		Domains: appconfig.DomainsHave{
			Console: appconfig.DomainLists{appconfig.Request: {b, c}}, Platform: appconfig.DomainLists{appconfig.Request: {a, b}},
			Effective: appconfig.DomainLists{appconfig.Request: {b}},
		},
		Webview: appconfig.WebviewHave{Console: []string{c}, Platform: []string{a, b}, Effective: []string{b}},
	}
	add := appconfig.Edit{Add: []string{a, b}}
	want := appconfig.Spec{
		Domains: &appconfig.DomainSpec{Way: appconfig.Platform, Lists: map[appconfig.List]appconfig.Edit{appconfig.Request: add}},
		Webview: &appconfig.WebSpec{Way: appconfig.Platform, Edit: add},
	}
	for _, kind := range []appconfig.Kind{appconfig.Domains, appconfig.Webview} {
		if got := appconfig.Trapped(kind, want, have); !slices.Equal(got, []string{a}) {
			t.Errorf("%s: trapped %v, want %s", kind, got, a)
		}
		if got := appconfig.Dropped(kind, want, have); !slices.Equal(got, []string{c}) {
			t.Errorf("%s: dropped %v, want %s", kind, got, c)
		}
		if got := want.Hosts(kind); !slices.Equal(got, []string{"a.test.cn", "b.test.cn"}) {
			t.Errorf("%s: hosts %v", kind, got)
		}
	}
	want.Domains.Way, want.Webview.Way, want.Domains.Adopt, want.Webview.Adopt = appconfig.Direct, appconfig.Direct, true, true
	for _, kind := range []appconfig.Kind{appconfig.Domains, appconfig.Webview} {
		if got := slices.Concat(appconfig.Trapped(kind, want, have), appconfig.Dropped(kind, want, have), want.Hosts(kind)); len(got) > 0 {
			t.Errorf("%s, directly: %v", kind, got)
		}
		changes, err := appconfig.Diff(kind, want, have)
		if err != nil || len(changes) != 1 || !strings.Contains(changes[0].String(), c) {
			t.Errorf("%s: %s isn't adopted: %v %v", kind, c, changes, err)
		}
	}
}

func TestChecks(t *testing.T) {
	t.Parallel()
	request := func(v string) string { return appconfig.CheckDomain(appconfig.Request, v) }
	for _, tc := range []struct {
		check func(string) string
		value string
		why   string // a part of it; "" for sound
	}{
		{request, "https://api.example.com", ""},
		{request, "https://api.example.com:8443", ""},
		{request, "https://xn--fiqs8s.cn", ""},
		{request, "http://api.example.com", "want https://"},
		{request, "api.example.com", "want https://"},
		{request, "https://", "want https://"},
		{request, "https://u:p@api.example.com", "want https://"},
		{request, "https://api.example.com?x=1", "want https://"},
		{request, "https://api.example.com/", "no path"},
		{request, "https://api.example.com:443", "leave the port 443 out"},
		{request, "https://api.example.com:", "want a port"},
		{request, "https://api.example.com:0", "want a port"},
		{request, "https://192.168.1.1", "IP address"},
		{request, "https://[::1]", "IP address"},
		{request, "https://localhost", "is no domain"},
		{request, "https://*.example.com", "is no domain"},
		{request, "https://中国.cn", "punycode"},
		{request, "https://API.example.com", "lower case"},
		{request, "https://api.weixin.qq.com", "WeChat's own"},
		{func(v string) string { return appconfig.CheckDomain(appconfig.WSRequest, v) }, "wss://ws.example.com", ""},
		{func(v string) string { return appconfig.CheckDomain(appconfig.WSRequest, v) }, "https://ws.example.com", "want wss://"},
		{func(v string) string { return appconfig.CheckDomain(appconfig.UDP, v) }, "udp://u.example.com", ""},
		{func(v string) string { return appconfig.CheckDomain(appconfig.TCP, v) }, "tcp://t.example.com:9000", ""},
		{appconfig.CheckWebview, "https://m.example.com", ""},
		{appconfig.CheckWebview, "https://m.example.com:8443", "no port"},
		{appconfig.CheckTester, "li_lei", ""},
		{appconfig.CheckTester, "li lei", "WeChat id"},
		{appconfig.CheckPrefix, "http://m.example.com/t/", ""},
		{appconfig.CheckPrefix, "m.example.com/t/", "http or https"},
		{appconfig.CheckPrefix, "https://10.0.0.1/t/", "IP address"},
		{appconfig.CheckLibrary, "2.32.0", ""},
		{appconfig.CheckLibrary, "2.32", "such as"},
		{appconfig.CheckStore, "30天", ""},
		{appconfig.CheckStore, "30 days", "30天"},
	} {
		if got := tc.check(tc.value); (tc.why == "") != (got == "") || !strings.Contains(got, tc.why) {
			t.Errorf("%s: %q, want %q", tc.value, got, tc.why)
		}
	}
}

// TestTemplate: columns fill the strings in, several values in one, or none.
func TestTemplate(t *testing.T) {
	t.Parallel()
	tmpl, err := appconfig.Parse(`{
"domains": {"way": "direct", "lists": {"request": {"add": ["https://{{.host}}", "{{default "" .more}}"]}}},
"qr_rules": {"add": [{"prefix": "{{default "" .link}}", "path": "pages/a"}]},
"testers": {"add": ["{{.who}}"]}
}`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := tmpl.Render(extjson.App{AppID: "wx1", Columns: map[string]string{
		"host": "a.test.cn", "more": " https://b.test.cn\thttps://c.test.cn https://a.test.cn", "link": "", "who": "li wang",
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := appconfig.Spec{
		AppID:   "wx1",
		Domains: &appconfig.DomainSpec{Way: appconfig.Direct, Lists: map[appconfig.List]appconfig.Edit{appconfig.Request: {Add: []string{"https://a.test.cn", "https://b.test.cn", "https://c.test.cn"}}}},
		QRRules: &appconfig.QRSpec{Add: []appconfig.Rule{}}, Testers: &appconfig.Edit{Add: []string{"li", "wang"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if faults := got.Faults(); len(faults) > 0 {
		t.Errorf("faults %v", faults)
	}
	_, err = tmpl.Render(extjson.App{AppID: "wx1", Columns: map[string]string{"host": "", "more": "", "link": "", "who": "x"}})
	if bad := (*extjson.Error)(nil); !errors.As(err, &bad) || bad.Column != "host" || bad.Line != 2 {
		t.Errorf("an empty host: %v", err)
	}
	if tmpl, err := appconfig.Parse(""); tmpl != nil || err != nil {
		t.Errorf("no text gives %v, %v", tmpl, err)
	}
}

// TestFaults: all of them, each with its key.
func TestFaults(t *testing.T) {
	t.Parallel()
	s := appconfig.Spec{
		Domains: &appconfig.DomainSpec{Lists: map[appconfig.List]appconfig.Edit{appconfig.Upload: {Add: []string{"http://a.cn", "https://b.cn"}, Remove: []string{"https://b.cn"}}}},
		Webview: &appconfig.WebSpec{Edit: appconfig.Edit{Set: []string{"https://a.cn:81"}}},
		Testers: &appconfig.Edit{Add: []string{"li"}, Remove: []string{"li"}},
		QRRules: &appconfig.QRSpec{Add: []appconfig.Rule{{Prefix: "ftp://a.cn"}, {Prefix: "https://a.cn/t/", Path: "p", Debug: []string{"https://b.cn/"}}}, Remove: []string{"https://a.cn/t/"}},
		Library: &appconfig.LibrarySpec{AtLeast: "2"}, Privacy: &appconfig.PrivacySpec{Owner: appconfig.Owner{Store: "30"}, Add: []appconfig.Use{{Key: "Album", Text: " "}}},
	}
	var got []string
	for _, f := range s.Faults() {
		got = append(got, f.Key+" "+f.Value)
	}
	want := []string{
		"domains.upload http://a.cn", "domains.upload https://b.cn", "webview https://a.cn:81", "testers li",
		"qr_rules ftp://a.cn", "qr_rules ftp://a.cn", "qr_rules https://b.cn/", "qr_rules https://a.cn/t/",
		"base_library 2", "privacy.owner.store 30", "privacy.Album  ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

package settings_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/settings"
)

func TestDiff(t *testing.T) {
	t.Parallel()
	request := func(way settings.Way, e settings.Edit) settings.Spec {
		return settings.Spec{Domains: &settings.DomainSpec{Way: way, Lists: map[settings.List]settings.Edit{settings.Request: e}}}
	}
	third := func(list ...string) settings.Have {
		return settings.Have{Domains: settings.DomainsHave{Platform: settings.DomainLists{settings.Request: list}}}
	}
	const a, b, c = "https://a.test.cn", "https://b.test.cn", "https://c.test.cn"
	rule := settings.Rule{Prefix: "https://a.test.cn/t/", Path: "pages/a"}
	other := settings.Rule{Prefix: rule.Prefix, Path: "pages/b", Published: true}
	sound := settings.Guideline{Owner: settings.Owner{Notice: "弹窗", Phone: "1"}, Uses: []settings.Use{{Key: "Album", Text: "x"}}}
	for _, tc := range []struct {
		name string
		kind settings.Kind
		want settings.Spec
		have settings.Have
		is   string // verb: lines
	}{
		{"nothing asked", settings.Domains, settings.Spec{}, third(a), ""},
		{"there already", settings.Domains, request(settings.Platform, settings.Edit{Add: []string{a}}), third(a, b), ""},
		{"one more", settings.Domains, request(settings.Platform, settings.Edit{Add: []string{a, c}}), third(a, b), "add: + request " + c},
		{"one less", settings.Domains, request(settings.Platform, settings.Edit{Remove: []string{a, c}}), third(a, b), "remove: - request " + a},
		{"both in one write", settings.Domains, request(settings.Platform, settings.Edit{Add: []string{c}, Remove: []string{a}}), third(a, b), "set: + request " + c + ", - request " + a},
		{"exactly", settings.Domains, request(settings.Platform, settings.Edit{Set: []string{b}}), third(a, b), "remove: - request " + a},
		{"none at all", settings.Domains, request(settings.Platform, settings.Edit{Set: []string{}}), third(a), "remove: - request " + a},
		{"the other way has it", settings.Domains, request(settings.Direct, settings.Edit{Add: []string{a}}), third(a), "add: + request " + a},
		{"unknown tester", settings.Testers, settings.Spec{Testers: &settings.Edit{Add: []string{"li"}}}, settings.Have{}, "add: + li"},
		{"known tester", settings.Testers, settings.Spec{Testers: &settings.Edit{Add: []string{"li"}}}, settings.Have{Testers: map[string]bool{"li": true}}, ""},
		{"tester to go, and none there", settings.Testers, settings.Spec{Testers: &settings.Edit{Remove: []string{"li"}}}, settings.Have{NoTesters: true}, ""},
		{"tester gone", settings.Testers, settings.Spec{Testers: &settings.Edit{Remove: []string{"li"}}}, settings.Have{Testers: map[string]bool{"li": false}}, ""},
		{"new rule", settings.QRRules, settings.Spec{QRRules: &settings.QRSpec{Add: []settings.Rule{rule}}}, settings.Have{}, "add: + https://a.test.cn/t/ opens pages/a"},
		{"rule as published", settings.QRRules, settings.Spec{QRRules: &settings.QRSpec{Add: []settings.Rule{{Prefix: rule.Prefix, Path: "pages/b", Version: "online"}}}}, settings.Have{Rules: []settings.Rule{other}}, ""},
		{"published rule to change", settings.QRRules, settings.Spec{QRRules: &settings.QRSpec{Add: []settings.Rule{rule}}}, settings.Have{Rules: []settings.Rule{other}},
			"set: ~ https://a.test.cn/t/ opens pages/a, not pages/b (it stops for users until it is published: say publish: true)"},
		{"rule in WeChat's form", settings.QRRules, settings.Spec{QRRules: &settings.QRSpec{Add: []settings.Rule{{Prefix: "https://a.cn/", Path: "pages/b", Debug: []string{"1", "2"}}}}},
			settings.Have{Rules: []settings.Rule{{Prefix: "https://a.cn/", Path: "/pages/b", Version: "online", Debug: []string{"2", "1"}}}}, ""},
		{"rules of others stay", settings.QRRules, settings.Spec{QRRules: &settings.QRSpec{Remove: []string{"https://x.test.cn/"}}}, settings.Have{Rules: []settings.Rule{other}}, ""},
		{"no rule stays", settings.QRRules, settings.Spec{QRRules: &settings.QRSpec{Set: []settings.Rule{}}}, settings.Have{Rules: []settings.Rule{other}}, "remove: - " + rule.Prefix},
		{"to publish", settings.QRPublish, settings.Spec{QRRules: &settings.QRSpec{Add: []settings.Rule{rule}, Publish: true}}, settings.Have{Rules: []settings.Rule{rule}}, "publish: ~ " + rule.Prefix + " published"},
		{"published", settings.QRPublish, settings.Spec{QRRules: &settings.QRSpec{Add: []settings.Rule{rule}, Publish: true}}, settings.Have{Rules: []settings.Rule{other}}, ""},
		{"raised", settings.Library, settings.Spec{Library: &settings.LibrarySpec{AtLeast: "2.10.0"}}, settings.Have{Library: "2.9.9"}, "set: ~ 2.10.0, not 2.9.9"},
		{"higher already", settings.Library, settings.Spec{Library: &settings.LibrarySpec{AtLeast: "2.9.9"}}, settings.Have{Library: "2.10.0"}, ""},
		{"lowered", settings.Library, settings.Spec{Library: &settings.LibrarySpec{Set: "2.9.9"}}, settings.Have{Library: "2.10.0"}, "set: ~ 2.9.9, not 2.10.0"},
		{"never set", settings.Library, settings.Spec{Library: &settings.LibrarySpec{AtLeast: "2.9.9"}}, settings.Have{}, "set: ~ 2.9.9"},
		{"closed", settings.Visibility, settings.Spec{Visibility: settings.VisibilityClosed}, settings.Have{Serving: true}, "set: ~ closed"},
		{"open already", settings.Visibility, settings.Spec{Visibility: settings.VisibilityOpen}, settings.Have{Serving: true}, ""},
		{"owner's fields stay", settings.Privacy, settings.Spec{Privacy: &settings.PrivacySpec{Owner: settings.Owner{Phone: "1"}}}, settings.Have{Guideline: sound}, ""},
		{"another use", settings.Privacy, settings.Spec{Privacy: &settings.PrivacySpec{Owner: settings.Owner{Email: "e"}, Add: []settings.Use{{Key: "Camera", Text: "y"}}, Remove: []string{"Album"}}}, settings.Have{Guideline: sound},
			"set: ~ owner, + Camera, - Album"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			changes, err := settings.Diff(tc.kind, tc.want, tc.have)
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
	for i := range settings.DomainsMax + 1 {
		many = append(many, fmt.Sprintf("https://a%d.test.cn", i))
	}
	for kind, want := range map[settings.Kind]settings.Spec{
		settings.Domains: {Domains: &settings.DomainSpec{Lists: map[settings.List]settings.Edit{settings.Upload: {Add: many}}}},
		settings.Webview: {Webview: &settings.WebSpec{Edit: settings.Edit{Add: many}}},
	} {
		_, err := settings.Diff(kind, want, settings.Have{})
		if limit := (*settings.LimitError)(nil); !errors.As(err, &limit) || limit.Have != settings.DomainsMax+1 {
			t.Errorf("%s: %v", kind, err)
		}
	}
	for want, owner := range map[string]settings.Owner{"notice": {Email: "e"}, "contact": {Notice: "n"}} {
		_, err := settings.Diff(settings.Privacy, settings.Spec{Privacy: &settings.PrivacySpec{Owner: owner}}, settings.Have{})
		if missing := (*settings.MissingError)(nil); !errors.As(err, &missing) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	shrink := settings.Spec{Webview: &settings.WebSpec{Edit: settings.Edit{Remove: many[:1]}}}
	have := settings.Have{Webview: settings.WebviewHave{Platform: append(many, "https://b.test.cn")}}
	if changes, err := settings.Diff(settings.Webview, shrink, have); err != nil || len(changes) != 1 {
		t.Errorf("a full list can't shrink: %v %v", changes, err)
	}
}

// What the platform registers no more is dropped by a release, and so is what was
// set at mp.weixin.qq.com.
func TestTraps(t *testing.T) {
	t.Parallel()
	const a, b, c = "https://a.test.cn", "https://b.test.cn", "https://c.test.cn"
	have := settings.Have{
		Domains: settings.DomainsHave{
			Console: settings.DomainLists{settings.Request: {b, c}}, Platform: settings.DomainLists{settings.Request: {a, b}},
			Effective: settings.DomainLists{settings.Request: {b}},
		},
		Webview: settings.WebviewHave{Console: []string{c}, Platform: []string{a, b}, Effective: []string{b}},
	}
	add := settings.Edit{Add: []string{a, b}}
	want := settings.Spec{
		Domains: &settings.DomainSpec{Way: settings.Platform, Lists: map[settings.List]settings.Edit{settings.Request: add}},
		Webview: &settings.WebSpec{Way: settings.Platform, Edit: add},
	}
	for _, kind := range []settings.Kind{settings.Domains, settings.Webview} {
		if got := settings.Trapped(kind, want, have); !slices.Equal(got, []string{a}) {
			t.Errorf("%s: trapped %v, want %s", kind, got, a)
		}
		if got := settings.Dropped(kind, want, have); !slices.Equal(got, []string{c}) {
			t.Errorf("%s: dropped %v, want %s", kind, got, c)
		}
		if got := want.Hosts(kind); !slices.Equal(got, []string{"a.test.cn", "b.test.cn"}) {
			t.Errorf("%s: hosts %v", kind, got)
		}
	}
	want.Domains.Way, want.Webview.Way, want.Domains.Adopt, want.Webview.Adopt = settings.Direct, settings.Direct, true, true
	for _, kind := range []settings.Kind{settings.Domains, settings.Webview} {
		if got := slices.Concat(settings.Trapped(kind, want, have), settings.Dropped(kind, want, have), want.Hosts(kind)); len(got) > 0 {
			t.Errorf("%s, directly: %v", kind, got)
		}
		changes, err := settings.Diff(kind, want, have)
		if err != nil || len(changes) != 1 || !strings.Contains(changes[0].String(), c) {
			t.Errorf("%s: %s isn't adopted: %v %v", kind, c, changes, err)
		}
	}
}

func TestChecks(t *testing.T) {
	t.Parallel()
	request := func(v string) string { return settings.CheckDomain(settings.Request, v) }
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
		{func(v string) string { return settings.CheckDomain(settings.WSRequest, v) }, "wss://ws.example.com", ""},
		{func(v string) string { return settings.CheckDomain(settings.WSRequest, v) }, "https://ws.example.com", "want wss://"},
		{func(v string) string { return settings.CheckDomain(settings.UDP, v) }, "udp://u.example.com", ""},
		{func(v string) string { return settings.CheckDomain(settings.TCP, v) }, "tcp://t.example.com:9000", ""},
		{settings.CheckWebview, "https://m.example.com", ""},
		{settings.CheckWebview, "https://m.example.com:8443", "no port"},
		{settings.CheckTester, "li_lei", ""},
		{settings.CheckTester, "li lei", "WeChat id"},
		{settings.CheckPrefix, "http://m.example.com/t/", ""},
		{settings.CheckPrefix, "m.example.com/t/", "http or https"},
		{settings.CheckPrefix, "https://10.0.0.1/t/", "IP address"},
		{settings.CheckLibrary, "2.32.0", ""},
		{settings.CheckLibrary, "2.32", "such as"},
		{settings.CheckStore, "30天", ""},
		{settings.CheckStore, "30 days", "30天"},
	} {
		if got := tc.check(tc.value); (tc.why == "") != (got == "") || !strings.Contains(got, tc.why) {
			t.Errorf("%s: %q, want %q", tc.value, got, tc.why)
		}
	}
}

// TestTemplate: columns fill the strings in, several values in one, or none.
func TestTemplate(t *testing.T) {
	t.Parallel()
	tmpl, err := settings.Parse(`{
"domains": {"way": "direct", "lists": {"request": {"add": ["https://{{.host}}", "{{default "" .more}}"]}}},
"qr_rules": {"add": [{"prefix": "{{default "" .link}}", "path": "pages/a"}]},
"testers": {"add": ["{{.who}}"]}
}`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := tmpl.Render(rollout.ExtApp{AppID: "wx1", Columns: map[string]string{
		"host": "a.test.cn", "more": " https://b.test.cn\thttps://c.test.cn https://a.test.cn", "link": "", "who": "li wang",
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := settings.Spec{
		AppID:   "wx1",
		Domains: &settings.DomainSpec{Way: settings.Direct, Lists: map[settings.List]settings.Edit{settings.Request: {Add: []string{"https://a.test.cn", "https://b.test.cn", "https://c.test.cn"}}}},
		QRRules: &settings.QRSpec{Add: []settings.Rule{}}, Testers: &settings.Edit{Add: []string{"li", "wang"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if faults := got.Faults(); len(faults) > 0 {
		t.Errorf("faults %v", faults)
	}
	_, err = tmpl.Render(rollout.ExtApp{AppID: "wx1", Columns: map[string]string{"host": "", "more": "", "link": "", "who": "x"}})
	if bad := (*rollout.ExtError)(nil); !errors.As(err, &bad) || bad.Column != "host" || bad.Line != 2 {
		t.Errorf("an empty host: %v", err)
	}
	if tmpl, err := settings.Parse(""); tmpl != nil || err != nil {
		t.Errorf("no text gives %v, %v", tmpl, err)
	}
}

// TestFaults: all of them, each with its key.
func TestFaults(t *testing.T) {
	t.Parallel()
	s := settings.Spec{
		Domains: &settings.DomainSpec{Lists: map[settings.List]settings.Edit{settings.Upload: {Add: []string{"http://a.cn", "https://b.cn"}, Remove: []string{"https://b.cn"}}}},
		Webview: &settings.WebSpec{Edit: settings.Edit{Set: []string{"https://a.cn:81"}}},
		Testers: &settings.Edit{Add: []string{"li"}, Remove: []string{"li"}},
		QRRules: &settings.QRSpec{Add: []settings.Rule{{Prefix: "ftp://a.cn"}, {Prefix: "https://a.cn/t/", Path: "p", Debug: []string{"https://b.cn/"}}}, Remove: []string{"https://a.cn/t/"}},
		Library: &settings.LibrarySpec{AtLeast: "2"}, Privacy: &settings.PrivacySpec{Owner: settings.Owner{Store: "30"}, Add: []settings.Use{{Key: "Album", Text: " "}}},
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

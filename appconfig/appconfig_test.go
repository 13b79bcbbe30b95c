package appconfig_test

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/appconfig"
	"github.com/wxrollout/wxrollout/rollout/extjson"
	"github.com/wxrollout/wxrollout/wxclient/configapi"
)

func third(list ...string) *cloud {
	return &cloud{domains: configapi.EffectiveServerDomains{Third: configapi.ServerDomains{Request: list}}}
}

func TestChanges(t *testing.T) {
	t.Parallel()
	const a, b, c = "https://a.test.cn", "https://b.test.cn", "https://c.test.cn"
	const prefix = "https://a.test.cn/t/"
	request := func(way, edit string) string {
		return fmt.Sprintf(`{"domains": {"way": %q, "request": {%s}}}`, way, edit)
	}
	rules := func(more, rule string) string { return fmt.Sprintf(`{"qr_rules": {%s "add": [{%s}]}}`, more, rule) }
	rule := `"prefix": "` + prefix + `", "path": "pages/a"`
	other := &cloud{rules: []configapi.QRRule{{Prefix: prefix, Path: "pages/b", Published: true}}}
	plain := &cloud{rules: []configapi.QRRule{{Prefix: prefix, Path: "pages/a"}}}
	sound := &cloud{draft: configapi.PrivacyGuideline{
		Owner: configapi.PrivacyOwner{NoticeMethod: "弹窗", Phone: "1"}, Settings: []configapi.PrivacySetting{{Key: "Album", Text: "x"}},
	}}
	for _, tc := range []struct {
		name, kind, want string
		have             *cloud
		is               string // verb: lines
	}{
		{"there already", "domains", request("platform", `"add": ["`+a+`"]`), third(a, b), ""},
		{"one more", "domains", request("platform", `"add": ["`+a+`", "`+c+`"]`), third(a, b), "add: + request " + c},
		{"one less", "domains", request("platform", `"remove": ["`+a+`", "`+c+`"]`), third(a, b), "remove: - request " + a},
		{"both in one write", "domains", request("platform", `"add": ["`+c+`"], "remove": ["`+a+`"]`), third(a, b), "set: + request " + c + ", - request " + a},
		{"exactly", "domains", request("platform", `"set": ["`+b+`"]`), third(a, b), "remove: - request " + a},
		{"none at all", "domains", request("platform", `"set": []`), third(a), "remove: - request " + a},
		{"the other way has it", "domains", request("direct", `"add": ["`+a+`"]`), third(a), "add: + request " + a},
		{"unknown tester", "testers", `{"testers": {"add": ["li"]}}`, &cloud{}, "add: + li"},
		{"tester to go, and none there", "testers", `{"testers": {"remove": ["li"]}}`, &cloud{}, ""},
		{"tester to go, perhaps", "testers", `{"testers": {"remove": ["li"]}}`, &cloud{testers: []string{"u-wang"}}, "remove: - li"},
		{"new rule", "qr_rules", rules("", rule), &cloud{}, "add: + " + prefix + " opens pages/a"},
		{"rule as published", "qr_rules", rules("", `"prefix": "`+prefix+`", "path": "pages/b", "version": "online"`), other, ""},
		{"published rule to change", "qr_rules", rules("", rule), other,
			"set: ~ " + prefix + " opens pages/a, not pages/b (it stops for users until it is published: say publish: true)"},
		{"rule in WeChat's form", "qr_rules", rules("", `"prefix": "https://a.cn/", "path": "pages/b", "debug": ["https://a.cn/1", "https://a.cn/2"]`),
			&cloud{rules: []configapi.QRRule{{Prefix: "https://a.cn/", Path: "/pages/b", Version: configapi.QROnline, DebugURLs: []string{"https://a.cn/2", "https://a.cn/1"}}}}, ""},
		{"rules of others stay", "qr_rules", `{"qr_rules": {"remove": ["https://x.test.cn/"]}}`, other, ""},
		{"no rule stays", "qr_rules", `{"qr_rules": {"set": []}}`, other, "remove: - " + prefix},
		{"to publish", "qr_publish", rules(`"publish": true,`, rule), plain, "publish: ~ " + prefix + " published"},
		{"published", "qr_publish", rules(`"publish": true,`, rule), other, ""},
		{"raised", "base_library", `{"base_library": {"at_least": "2.10.0"}}`, &cloud{lowest: "2.9.9"}, "set: ~ 2.10.0, not 2.9.9"},
		{"higher already", "base_library", `{"base_library": {"at_least": "2.9.9"}}`, &cloud{lowest: "2.10.0"}, ""},
		{"lowered", "base_library", `{"base_library": {"set": "2.9.9"}}`, &cloud{lowest: "2.10.0"}, "set: ~ 2.9.9, not 2.10.0"},
		{"never set", "base_library", `{"base_library": {"at_least": "2.9.9"}}`, &cloud{}, "set: ~ 2.9.9"},
		{"closed", "visibility", `{"visibility": "closed"}`, &cloud{serving: true}, "set: ~ closed"},
		{"open already", "visibility", `{"visibility": "open"}`, &cloud{serving: true}, ""},
		{"owner's fields stay", "privacy", `{"privacy": {"owner": {"phone": "1"}}}`, sound, ""},
		{"another use", "privacy", `{"privacy": {"owner": {"email": "e"}, "add": [{"key": "Camera", "text": "y"}], "remove": ["Album"]}}`, sound,
			"set: ~ owner, + Camera, - Album"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := opened(t, tc.have.copy(), tc.kind, wanting(t, tc.want, nil))
			var got []string
			for _, ch := range changes(t, w) {
				got = append(got, string(ch.Verb)+": "+strings.Join(ch.Lines, ", "))
			}
			if text := strings.Join(got, "; "); text != tc.is {
				t.Errorf("got  %s\nwant %s", text, tc.is)
			}
		})
	}
}

// TestNothingAsked: an empty value asks for nothing, and so does a section that is not there.
func TestNothingAsked(t *testing.T) {
	t.Parallel()
	want := wanting(t, `{"visibility": "{{default "" .v}}", "base_library": {"at_least": "{{default "" .v}}"}}`, obj{"v": ""})
	if kinds := want.Kinds(); len(kinds) > 0 || len(want.Faults) > 0 {
		t.Errorf("kinds %v, faults %v", kinds, want.Faults)
	}
}

// A list that would not fit, and a guideline that WeChat would not take, are errors before anything
// is written; what doesn't fit already may shrink.
func TestChangesErrors(t *testing.T) {
	t.Parallel()
	var many []string
	for i := range appconfig.DomainsMax + 1 {
		many = append(many, fmt.Sprintf("https://a%d.test.cn", i))
	}
	for kind, tc := range map[string]struct {
		section obj
		says    string
	}{
		"domains": {obj{"way": "platform", "upload": obj{"add": many}}, "configure.domains.upload: the app would have 201"},
		"webview": {obj{"way": "platform", "add": many}, "configure.webview: the app would have 201"},
		"privacy": {obj{"owner": obj{"email": "e"}}, "notice is missing"},
	} {
		w := opened(t, &cloud{}, kind, wanting(t, asText(t, obj{kind: tc.section}), nil))
		if _, err := w.Changes(); err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v", kind, err)
		}
	}
	w := opened(t, &cloud{}, "privacy", wanting(t, `{"privacy": {"owner": {"notice": "n"}}}`, nil))
	if _, err := w.Changes(); err == nil || !strings.Contains(err.Error(), "contact") {
		t.Errorf("no contact: %v", err)
	}
	full := &cloud{webview: configapi.EffectiveWebviewDomains{Third: append(many, "https://b.test.cn")}}
	shrink := wanting(t, asText(t, obj{"webview": obj{"way": "platform", "remove": many[:1]}}), nil)
	if list := changes(t, opened(t, full, "webview", shrink)); len(list) != 1 {
		t.Errorf("a full list can't shrink: %v", list)
	}
}

// A release drops what the platform's list lacks, and what was set at mp.weixin.qq.com.
func TestTraps(t *testing.T) {
	t.Parallel()
	const a, b, c = "https://a.test.cn", "https://b.test.cn", "https://c.test.cn"
	have := &cloud{
		domains: configapi.EffectiveServerDomains{
			Console: configapi.ServerDomains{Request: []string{b, c}}, Third: configapi.ServerDomains{Request: []string{a, b}},
			Effective: configapi.ServerDomains{Request: []string{b}},
		},
		webview: configapi.EffectiveWebviewDomains{Console: []string{c}, Third: []string{a, b}, Effective: []string{b}},
	}
	section := func(way string, adopt bool) *appconfig.Want {
		add := obj{"add": []string{a, b}}
		return wanting(t, asText(t, obj{
			"domains": obj{"way": way, "adopt": adopt, "request": add}, "webview": obj{"way": way, "adopt": adopt, "add": add["add"]},
		}), nil)
	}
	for _, kind := range []string{"domains", "webview"} {
		w := opened(t, have.copy(), kind, section("platform", false))
		if got := w.Trapped(); !slices.Equal(got, []string{a}) {
			t.Errorf("%s: trapped %v, want %s", kind, got, a)
		}
		if got := w.Dropped(); !slices.Equal(got, []string{c}) {
			t.Errorf("%s: dropped %v, want %s", kind, got, c)
		}
		w = opened(t, have.copy(), kind, section("direct", true))
		if got := slices.Concat(w.Trapped(), w.Dropped()); len(got) > 0 {
			t.Errorf("%s, directly: %v", kind, got)
		}
		list := changes(t, w)
		if len(list) != 1 || !strings.Contains(strings.Join(list[0].Lines, ","), c) {
			t.Errorf("%s: %s isn't adopted: %v", kind, c, list)
		}
	}
}

// The platform's list gets what it lacks, in one write, if the plan says so.
func TestMissing(t *testing.T) {
	t.Parallel()
	section := func(way string, add bool) iter.Seq2[*appconfig.Want, error] {
		return func(yield func(*appconfig.Want, error) bool) {
			yield(wanting(t, asText(t, obj{"domains": obj{"way": way, "add_to_platform": add, "request": obj{"add": []string{"https://a.test.cn", "https://b.test.cn:444"}}}}), nil), nil)
		}
	}
	c := &cloud{servers: []string{"a.test.cn"}}
	find := func(way string, add bool) []appconfig.Missing {
		missing, err := appconfig.FindMissing(t.Context(), c, section(way, add))
		if err != nil {
			t.Fatal(err)
		}
		return missing
	}
	if got := find(wayDirect, false); len(got) > 0 {
		t.Errorf("directly: %v", got)
	}
	missing := find(wayPlatform, false)
	if len(missing) != 1 || !slices.Equal(missing[0].Hosts, []string{"b.test.cn"}) || !strings.Contains(missing[0].Warning(), "85018") {
		t.Fatalf("%+v", missing)
	}
	for _, add := range []bool{false, true} {
		if err := appconfig.AddMissing(t.Context(), c, find(wayPlatform, add)); err != nil || len(c.servers) != map[bool]int{false: 1, true: 2}[add] {
			t.Errorf("add %t: %v, %v", add, c.servers, err)
		}
	}
	if got := find(wayPlatform, true); len(got) > 0 {
		t.Errorf("afterwards: %v", got)
	}
}

const (
	wayPlatform = "platform"
	wayDirect   = "direct"
)

func TestChecks(t *testing.T) {
	t.Parallel()
	list := func(name string) string {
		return `{"domains": {"way": "direct", "` + name + `": {"add": ["{{.v}}"]}}}`
	}
	const (
		web     = `{"webview": {"way": "direct", "add": ["{{.v}}"]}}`
		tester  = `{"testers": {"add": ["{{.v}}"]}}`
		prefix  = `{"qr_rules": {"remove": ["{{.v}}"]}}`
		library = `{"base_library": {"set": "{{.v}}"}}`
		store   = `{"privacy": {"owner": {"store": "{{.v}}"}}}`
		visible = `{"visibility": "{{.v}}"}`
	)
	for _, tc := range []struct {
		section, value string
		why            string // a part of it; "" for valid
	}{
		{list("request"), "https://api.example.com", ""},
		{list("request"), "https://api.example.com:8443", ""},
		{list("request"), "https://xn--fiqs8s.cn", ""},
		{list("request"), "http://api.example.com", "want https://"},
		{list("request"), "api.example.com", "want https://"},
		{list("request"), "https://", "want https://"},
		{list("request"), "https://u:p@api.example.com", "want https://"},
		{list("request"), "https://api.example.com?x=1", "want https://"},
		{list("request"), "https://api.example.com/", "no path"},
		{list("request"), "https://api.example.com:443", "leave the port 443 out"},
		{list("request"), "https://api.example.com:", "want a port"},
		{list("request"), "https://api.example.com:0", "want a port"},
		{list("request"), "https://192.168.1.1", "IP address"},
		{list("request"), "https://[::1]", "IP address"},
		{list("request"), "https://localhost", "is no domain"},
		{list("request"), "https://*.example.com", "is no domain"},
		{list("request"), "https://中国.cn", "punycode"},
		{list("request"), "https://API.example.com", "lower case"},
		{list("request"), "https://api.weixin.qq.com", "WeChat's own"},
		{list("wsrequest"), "wss://ws.example.com", ""},
		{list("wsrequest"), "https://ws.example.com", "want wss://"},
		{list("udp"), "udp://u.example.com", ""},
		{list("tcp"), "tcp://t.example.com:9000", ""},
		{web, "https://m.example.com", ""},
		{web, "https://m.example.com:8443", "no port"},
		{tester, "li_lei", ""},
		{tester, strings.Repeat("l", 65), "WeChat id"},
		{prefix, "http://m.example.com/t/", ""},
		{prefix, "m.example.com/t/", "http or https"},
		{prefix, "https://10.0.0.1/t/", "IP address"},
		{library, "2.32.0", ""},
		{library, "2.32", "such as"},
		{store, "30天", ""},
		{store, "30 days", "30天"},
		{visible, "hidden", "open or closed"},
	} {
		faults := wanting(t, tc.section, obj{"v": tc.value}).Faults
		if (tc.why == "") != (len(faults) == 0) || tc.why != "" && !strings.Contains(faults[0].Msg, tc.why) {
			t.Errorf("%s: %v, want %q", tc.value, faults, tc.why)
		}
	}
}

// TestTemplate: columns fill in the strings, with several values in one, or none.
func TestTemplate(t *testing.T) {
	t.Parallel()
	const text = `{
"domains": {"way": "direct", "request": {"add": ["https://{{.host}}", "{{default "" .more}}"]}},
"qr_rules": {"add": [{"prefix": "{{default "" .link}}", "path": "pages/a"}]},
"testers": {"add": ["{{.who}}"]}
}`
	want := wanting(t, text, obj{"host": "a.test.cn", "more": " https://b.test.cn\thttps://c.test.cn https://a.test.cn", "link": "", "who": "li wang"})
	if len(want.Faults) > 0 {
		t.Errorf("faults %v", want.Faults)
	}
	var got []string
	for _, k := range want.Kinds() {
		for _, c := range changes(t, opened(t, &cloud{}, k.Name, want)) {
			got = append(got, c.ID()+" "+strings.Join(c.Lines, ", "))
		}
	}
	lines := []string{
		"domains + request https://a.test.cn, + request https://b.test.cn, + request https://c.test.cn",
		"testers add li + li", "testers add wang + wang",
	}
	if diff := gocmp.Diff(lines, got); diff != "" {
		t.Error(diff)
	}
	tmpl, err := appconfig.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	_, err = tmpl.Render(extjson.App{AppID: "wx1", Columns: map[string]string{"host": "", "more": "", "link": "", "who": "x"}})
	if bad := (*extjson.Error)(nil); !errors.As(err, &bad) || bad.Column != "host" || bad.Line != 2 {
		t.Errorf("an empty host: %v", err)
	}
	if tmpl, err := appconfig.Parse(""); tmpl != nil || err != nil {
		t.Errorf("no text gives %v, %v", tmpl, err)
	}
	for _, bad := range []string{`{"domain": {}}`, `{"domains": {"way": "direct", "reqest": {}}}`, `{"visibility": {}}`} {
		tmpl, err := appconfig.Parse(bad)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tmpl.Render(extjson.App{AppID: "wx1"}); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
}

// TestFaults: all of them, each with its key.
func TestFaults(t *testing.T) {
	t.Parallel()
	want := wanting(t, `{
"domains": {"way": "platform", "upload": {"add": ["http://a.cn", "https://b.cn"], "remove": ["https://b.cn"]}},
"webview": {"way": "platform", "set": ["https://a.cn:81"]},
"testers": {"add": ["li"], "remove": ["li"]},
"qr_rules": {"add": [{"prefix": "ftp://a.cn"}, {"prefix": "https://a.cn/t/", "path": "p", "debug": ["https://b.cn/"]}, {"prefix": "https://a.cn/t/", "path": "q"}],
	"remove": ["https://a.cn/t/"]},
"base_library": {"at_least": "2"},
"privacy": {"owner": {"store": "30"}, "add": [{"key": "Album", "text": " "}], "remove": ["Album"]}
}`, nil)
	var got []string
	for _, f := range want.Faults {
		got = append(got, f.Key+" "+f.Value)
	}
	lines := []string{
		"base_library 2", "domains.upload http://a.cn", "domains.upload https://b.cn",
		"privacy Album", "privacy.Album  ", "privacy.owner.store 30",
		"qr_rules ftp://a.cn", "qr_rules https://a.cn/t/", "qr_rules https://a.cn/t/", "qr_rules https://a.cn/t/", "qr_rules https://b.cn/", "qr_rules.prefix ftp://a.cn",
		"testers li", "webview https://a.cn:81",
	}
	slices.SortFunc(got, cmp.Compare[string])
	if diff := gocmp.Diff(lines, got); diff != "" {
		t.Error(diff)
	}
}

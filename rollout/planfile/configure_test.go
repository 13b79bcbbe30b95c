package planfile_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/appconfig"
	"github.com/wxrollout/wxrollout/rollout/applist"
	"github.com/wxrollout/wxrollout/rollout/extjson"
	"github.com/wxrollout/wxrollout/rollout/planfile"
)

// everything is a plan with all kinds of app configuration, whose values come from columns.
const everything = minimal + `configure:
  domains:
    way: direct
    adopt: true
    request: ["https://{{.host}}", 'https://{{default "api.test.cn" .api}}']
    udp: {remove: [udp://old.test.cn]}
  webview: {add_to_platform: true, set: []}
  testers: [qa_zhang, "{{.tester}}"]
  qr_rules:
    add:
    - {prefix: "https://{{.host}}/t/", path: pages/index/index, exclusive: true, version: trial, debug: ["https://{{.host}}/t/1"]}
    remove: [https://old.test.cn/t/]
    publish: true
  base_library: {set: 2.32.0}
  visibility: closed
  privacy:
    owner: {email: "{{.email}}", notice: "弹窗 <\"now\">"}
    set: {PhoneNumber: to call you, Album: "\\u003c as is"}
`

func TestConfigure(t *testing.T) {
	t.Parallel()
	f := parse(t, everything, nil)
	plan, err := f.Freeze(f.Template.Pinned(), 1)
	if err != nil {
		t.Fatal(err)
	}
	app := extjson.App{AppID: id1, Columns: map[string]string{"host": "a.test.cn", "api": "", "tester": "li_lei", "email": "x@test.cn"}}
	tmpl, err := extjson.Parse(plan.Configure)
	if err != nil {
		t.Fatalf("%v in\n%s", err, plan.Configure)
	}
	doc, err := tmpl.Render(app)
	if err != nil {
		t.Fatal(err)
	}
	type obj = map[string]any
	type list = []any
	want := obj{
		"extAppid": id1,
		"domains": obj{
			"way": "direct", "adopt": true,
			"request": obj{"add": list{"https://a.test.cn", "https://api.test.cn"}}, "udp": obj{"remove": list{"udp://old.test.cn"}},
		},
		"webview": obj{"way": "platform", "add_to_platform": true, "set": list{}},
		"testers": obj{"add": list{"qa_zhang", "li_lei"}},
		"qr_rules": obj{
			"add":    list{obj{"prefix": "https://a.test.cn/t/", "path": "pages/index/index", "exclusive": true, "version": "trial", "debug": list{"https://a.test.cn/t/1"}}},
			"remove": list{"https://old.test.cn/t/"}, "publish": true,
		},
		"base_library": obj{"set": "2.32.0"}, "visibility": "closed",
		"privacy": obj{
			"owner": obj{"email": "x@test.cn", "notice": `弹窗 <"now">`},
			"set":   list{obj{"key": "Album", "text": `\u003c as is`}, obj{"key": "PhoneNumber", "text": "to call you"}},
		},
	}
	var got obj
	if err := json.Unmarshal([]byte(doc), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s\nof %s", diff, plan.Configure)
	}
	wanted, err := f.Configure.Template().Render(app)
	if err != nil || len(wanted.Faults) > 0 || len(wanted.Kinds()) != len(appconfig.Kinds()) {
		t.Errorf("%v, faults %v, kinds %v", err, wanted.Faults, wanted.Kinds())
	}
}

// A plan without configure keeps nothing of it: its text, and with it its digest, is as before.
func TestNoConfigure(t *testing.T) {
	t.Parallel()
	f := parse(t, minimal, nil)
	plan, err := f.Freeze(f.Template.Pinned(), 1)
	if err != nil || plan.Configure != "" || f.Configure.Template() != nil {
		t.Errorf("got %q %v", plan.Configure, err)
	}
	if faults := planfile.CheckConfigure(f.Configure, applist.New("x", []applist.App{{AppID: id1}})); len(faults) > 0 {
		t.Errorf("faults %v", faults)
	}
}

// TestCheckConfigure: every app's faults at once, with its line, and with the
// plan's line where a value is missing.
func TestCheckConfigure(t *testing.T) {
	t.Parallel()
	text := minimal + "configure:\n  domains:\n    request: [\"https://{{.host}}\"]\n  base_library: '{{.library}}'\n  testers: ['{{.qa}}']\n"
	check := func(list string) string {
		f := parse(t, text, files{"apps.csv": list})
		apps, err := f.ReadApps()
		if err != nil {
			t.Fatal(err)
		}
		return planfile.CheckConfigure(f.Configure, apps).Error()
	}
	got := check("appid,host,library,qa\n" + id1 + ",a.test.cn,2.1.0,li\n" + id2 + ",10.0.0.1,two,li\n" + id3 + ",,2.1.0,li\n")
	want := strings.Join([]string{
		`apps.csv:3: ` + id2 + `: configure.domains.request: "https://10.0.0.1": is an IP address: WeChat wants a domain`,
		`apps.csv:3: ` + id2 + `: configure.base_library: "two": want a version such as 2.32.0`,
		`apps.csv:4: ` + id3 + `: host: is empty for this app; if it may be, write {{default "" .host}} (configure.domains.request on line 6 of the plan)`,
	}, "\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	got = check("appid,hots,library\n" + id1 + ",a.test.cn,2.1.0\n")
	want = strings.Join([]string{
		`apps.csv:1: host: the plan's configure uses this column and the list lacks it; did you mean hots?`,
		`apps.csv:1: qa: the plan's configure uses this column and the list lacks it`,
	}, "\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// The app configuration that the sample plan shows behind # is valid.
func TestSampleConfigure(t *testing.T) {
	t.Parallel()
	all := string(planfile.Sample())
	at := strings.Index(all, "# configure:")
	section, _, _ := strings.Cut(all[at:], "\n\n")
	section = regexp.MustCompile(`(?m)^# ?`).ReplaceAllString(section, "")
	f := parse(t, minimal+section+"\n", nil)
	want, err := f.Configure.Template().Render(extjson.App{AppID: id1, Columns: map[string]string{"host": "a.test.cn", "email": "x@test.cn"}})
	if err != nil || len(want.Faults) > 0 {
		t.Fatalf("%v %+v", err, want)
	}
	for _, kind := range appconfig.Kinds() {
		if !want.Asks(kind) {
			t.Errorf("the sample shows no %s", kind.Name)
		}
	}
}

// FuzzConfigure: for any section, what is kept of it can be read again, and
// every fault has a place.
func FuzzConfigure(f *testing.F) {
	f.Add(strings.TrimPrefix(everything, minimal))
	f.Add("configure: {domains: {request: ['{{\"}}\"}}', '\\u003c', '{{.a}}{{', \"\\u2028\"]}}\n")
	f.Add("configure: {privacy: {add: {'{{.k}}': '{{.v}}', a: '\"'}}}\n")
	f.Add("configure: {testers: ['{{if .a}}x{{end}}', '{{json .}}'], base_library: '{{.a}}'}\n")
	f.Fuzz(func(t *testing.T, section string) {
		text := minimal + section
		file, err := planfile.Parse("plan.yaml", []byte(text), files{}.open)
		if err != nil {
			placed(t, err, "plan.yaml", []byte(text))
			return
		}
		tmpl, err := appconfig.Parse(file.Configure.Text())
		if err != nil {
			t.Fatalf("kept what can't be read: %v\n%s", err, file.Configure.Text())
		}
		if tmpl == nil {
			return
		}
		app := applist.App{AppID: id1, Line: 2, Columns: map[string]string{"a": "x", "host": "a.test.cn", "k": "\"", "v": "\\"}}
		for _, fault := range planfile.CheckConfigure(file.Configure, applist.New("apps.csv", []applist.App{app})) {
			if fault.Msg == "" || len(fault.String()) > 8192 {
				t.Fatalf("fault %+v", fault)
			}
		}
	})
}

package wxsim

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

const (
	getPrivacyPath = "/cgi-bin/component/getprivacysetting"
	setPrivacyPath = "/cgi-bin/component/setprivacysetting"
)

// guidelineBody is a good draft after a change; nil values delete.
func guidelineBody(owner, top obj) obj {
	o := obj{"contact_email": "a@example.com", "notice_method": "弹窗", "store_expire_timestamp": "30天"}
	body := obj{"privacy_ver": 2, "owner_setting": o, "setting_list": []obj{{"privacy_key": "Location", "privacy_text": "送货"}}}
	for target, change := range map[*obj]obj{&o: owner, &body: top} {
		for k, v := range change {
			if v == nil {
				delete(*target, k)
			} else {
				(*target)[k] = v
			}
		}
	}
	return body
}

func TestPrivacyFields(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 1})
	id := AppID(0)
	for name, tc := range map[string]struct {
		body obj
		code int
	}{
		"good":                   {guidelineBody(nil, nil), 0},
		"no version is a draft":  {guidelineBody(nil, obj{"privacy_ver": nil}), 0},
		"nothing collected":      {guidelineBody(nil, obj{"setting_list": []obj{}}), 0},
		"free key":               {guidelineBody(nil, obj{"setting_list": []obj{{"privacy_key": "Own", "privacy_text": "x"}}}), 0},
		"no owner":               {guidelineBody(nil, obj{"owner_setting": nil}), 86069},
		"no contact":             {guidelineBody(obj{"contact_email": nil}, nil), 86069},
		"no notice method":       {guidelineBody(obj{"notice_method": ""}, nil), 86069},
		"version 3":              {guidelineBody(nil, obj{"privacy_ver": 3}), 86071},
		"store for a month":      {guidelineBody(obj{"store_expire_timestamp": "30 days"}, nil), 87072},
		"no settings":            {guidelineBody(nil, obj{"setting_list": nil}), 47001},
		"a setting without text": {guidelineBody(nil, obj{"setting_list": []obj{{"privacy_key": "Location"}}}), 47001},
		"online with settings":   {guidelineBody(nil, obj{"privacy_ver": 1}), 47001},
		"nothing online":         {guidelineBody(nil, obj{"privacy_ver": 1, "setting_list": nil}), 86074},
		"file not uploaded":      {guidelineBody(obj{"ext_file_media_id": "1"}, nil), 46001},
	} {
		t.Run(name, func(t *testing.T) {
			b := *b
			b.t = t
			b.want(tc.code, b.app(id, "POST", setPrivacyPath, tc.body))
		})
	}
	b.want(86071, b.app(id, "POST", getPrivacyPath, obj{"privacy_ver": 0}))
}

// TestPrivacyGoesLiveWithARelease: a draft is not online before, and what was detected is reported.
func TestPrivacyGoesLiveWithARelease(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 2, Templates: []Template{{ID: 1, Version: "2.0.0", Private: []string{"getLocation", "chooseAddress"}}},
		PrivacyDelay: Range{Min: time.Minute, Max: time.Minute}})
	id := AppID(1)
	read := func(version int) obj {
		t.Helper()
		return b.want(0, b.app(id, "POST", getPrivacyPath, obj{"privacy_ver": version}))
	}
	settings := func(version int) string { t.Helper(); return fmt.Sprint(read(version)["setting_list"]) }
	if out := read(2); fmt.Sprint(out["code_exist"]) != "0" || len(out["privacy_list"].([]any)) != 0 {
		t.Errorf("reply %v, want no code", out)
	}
	b.want(0, b.app(id, "POST", "/wxa/commit", obj{"template_id": 1, "ext_json": `{"requiredPrivateInfos":["getLocation","chooseAddress"]}`, "user_version": "2", "user_desc": "d"}))
	b.want(61039, b.app(id, "POST", setPrivacyPath, guidelineBody(nil, nil)))
	b.want(61039, b.app(id, "POST", getPrivacyPath, obj{}))
	b.clock.Advance(time.Minute)
	b.want(0, b.app(id, "POST", setPrivacyPath, guidelineBody(nil, nil)))
	out := read(2)
	if fmt.Sprint(out["privacy_list"]) != "[Location Address]" || fmt.Sprint(out["code_exist"]) != "1" || !strings.Contains(settings(2), "位置信息") {
		t.Errorf("reply %v, want what was detected and the label", out)
	}
	if settings(1) != "[]" {
		t.Error("the draft is online before a release")
	}
	b.submit(id)
	b.release(id)
	if settings(1) != settings(2) {
		t.Errorf("online %s, want the draft", settings(1))
	}
	b.want(0, b.app(id, "POST", setPrivacyPath, guidelineBody(obj{"contact_email": "b@example.com"}, obj{"privacy_ver": 1, "setting_list": nil})))
	if got := read(1)["owner_setting"].(obj)["contact_email"]; got != "b@example.com" || settings(1) == "[]" {
		t.Errorf("contact %v and settings %s, want the new contact at once and the old settings", got, settings(1))
	}
	b.want(0, b.app(id, "POST", setPrivacyPath, `{"privacy_ver":2,"owner_setting":{"contact_qq":"1","notice_method":"\u5f39\u7a97"},"setting_list":[]}`))
	if got := read(2)["owner_setting"].(obj)["notice_method"]; got != `\u5f39\u7a97` {
		t.Errorf("notice_method %q, want the garbage that escapes become", got)
	}
}

func TestPrivacyFile(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 1})
	id := AppID(0)
	upload := func(code int, field, name string, data []byte) obj {
		t.Helper()
		return b.want(code, b.post("/cgi-bin/component/uploadprivacyextfile", id, field, name, data))
	}
	upload(41005, "media", "a.txt", []byte("x"))
	upload(41005, "file", "a.txt", nil)
	upload(40005, "file", "a.doc", []byte("x"))
	upload(40005, "file", "a.txt", []byte("\xff"))
	upload(40126, "file", "a.txt", bytes.Repeat([]byte("x"), maxPrivacyText+1))
	media := upload(0, "file", "a.txt", []byte("隐私"))["ext_file_media_id"].(string)
	b.want(0, b.app(id, "POST", setPrivacyPath, guidelineBody(obj{"ext_file_media_id": media}, nil)))
}

// TestPrivacyInterfaces: what an app may not use is applied for, and used after the audit passed.
func TestPrivacyInterfaces(t *testing.T) {
	t.Parallel()
	url, got := receive(t, always("success"))
	b := setup(t, Options{Apps: 1, Callbacks: CallbackOptions{AppURL: url + "/$APPID$"}})
	id := AppID(0)
	if err := b.sim.ChangeApp(id, AppChange{NoPrivate: []string{"getLocation"}}); err != nil {
		t.Fatal(err)
	}
	state := func() string {
		t.Helper()
		for _, e := range b.want(0, b.app(id, "GET", "/wxa/security/get_privacy_interface", nil))["interface_list"].([]any) {
			if e := e.(obj); e["api_name"] == "wx.getLocation" {
				return fmt.Sprint(e["status"])
			}
		}
		return "missing"
	}
	apply := func(code int, change obj) {
		t.Helper()
		body := obj{"api_name": "wx.getLocation", "content": "送货", "url_list": []string{"https://a.example.com"}}
		for k, v := range change {
			body[k] = v
		}
		b.want(code, b.app(id, "POST", "/wxa/security/apply_privacy_interface", body))
	}
	commit := obj{"template_id": 1, "ext_json": `{"requiredPrivateInfos":["getLocation"]}`, "user_version": "2", "user_desc": "d"}
	if state() != "1" {
		t.Errorf("state %s, want that it may be applied for", state())
	}
	apply(40097, obj{"api_name": "wx.nothing"})
	apply(40097, obj{"api_name": "getLocation"})
	apply(40097, obj{"content": strings.Repeat("x", 301)})
	apply(40097, obj{"url_list": []string{}})
	apply(61035, obj{"api_name": "wx.choosePoi"})
	if b.sim.DecideInterface(id, "wx.getLocation", "") {
		t.Error("nothing was applied for")
	}
	apply(0, nil)
	apply(85050, nil)
	b.want(85312, b.app(id, "POST", "/wxa/commit", commit))
	if !b.sim.DecideInterface(id, "wx.getLocation", "no reason") || state() != "4" {
		t.Errorf("state %s, want that it failed", state())
	}
	if p := <-got; p.got.Event != "wxa_privacy_apply" || !strings.Contains(p.msg, "no reason") {
		t.Errorf("callback %s", p.msg)
	}
	apply(0, nil)
	if state() != "3" || !b.sim.DecideInterface(id, "wx.getLocation", "") || state() != "5" {
		t.Errorf("state %s, want that it is open", state())
	}
	<-got
	b.want(0, b.app(id, "POST", "/wxa/commit", commit))
	b.clock.Advance(time.Minute)
	for range applicationsPerMin {
		apply(61035, nil)
	}
	apply(45011, nil)
}

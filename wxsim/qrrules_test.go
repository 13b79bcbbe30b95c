package wxsim

import (
	"fmt"
	"testing"
	"time"
)

// ruleBody is a good rule after a change.
func ruleBody(change obj) obj {
	o := obj{"prefix": "https://qr.example.com/t/", "permit_sub_rule": "1", "path": "pages/index/index", "open_version": "2", "debug_url": []string{"https://qr.example.com/t/1"}, "is_edit": 0}
	for k, v := range change {
		o[k] = v
	}
	return o
}

func TestQRRules(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 2, TokenTTL: 10000 * time.Hour})
	id := AppID(0)
	call := func(code int, path string, body any) obj {
		t.Helper()
		return b.want(code, b.app(id, "POST", "/cgi-bin/wxopen/qrcodejump"+path, body))
	}
	state := func() string {
		t.Helper()
		out := call(0, "get", "{}")
		states := []any{}
		for _, r := range out["rule_list"].([]any) {
			states = append(states, r.(obj)["path"], r.(obj)["state"])
		}
		return fmt.Sprintf("%v %v %v %v", states, out["qrcodejump_open"], out["list_size"], out["qrcodejump_pub_quota"])
	}
	if state() != "[] 0 0 100" {
		t.Errorf("state %s", state())
	}
	call(85069, "add", ruleBody(nil))
	b.sim.PlaceFile(id, "qr.example.com")
	file := call(0, "download", "{}")
	if file["file_name"] == "" || file["file_content"] == "" {
		t.Errorf("file %v", file)
	}
	for name, tc := range map[string]struct {
		change obj
		code   int
	}{
		"no URL":          {obj{"prefix": "qr.example.com"}, 85066},
		"address":         {obj{"prefix": "https://1.2.3.4/"}, 85066},
		"no page":         {obj{"path": ""}, 85067},
		"version 4":       {obj{"open_version": 4}, 85067},
		"rule 0":          {obj{"permit_sub_rule": 0}, 85067},
		"six links":       {obj{"debug_url": make([]string, 6)}, 85067},
		"foreign link":    {obj{"debug_url": []string{"https://x.example.com"}}, 85068},
		"link no text":    {obj{"debug_url": "https://qr.example.com/t/1"}, 47001},
		"edit of nothing": {obj{"is_edit": 1}, 85067},
	} {
		t.Run(name, func(t *testing.T) {
			b := *b
			b.t = t
			b.want(tc.code, b.app(id, "POST", "/cgi-bin/wxopen/qrcodejumpadd", ruleBody(tc.change)))
		})
	}
	call(0, "add", ruleBody(obj{"permit_sub_rule": 2, "open_version": 3}))
	call(85071, "add", ruleBody(nil))
	call(0, "add", ruleBody(obj{"is_edit": 1, "path": "pages/goods/goods"}))
	b.sim.PlaceFile(AppID(1), "qr.example.com")
	b.want(85072, b.app(AppID(1), "POST", "/cgi-bin/wxopen/qrcodejumpadd", ruleBody(nil)))
	if err := b.sim.ChangeApp(id, AppChange{NoRelease: true}); err != nil {
		t.Fatal(err)
	}
	call(85066, "publish", obj{"prefix": "https://x.example.com"})
	call(85074, "publish", obj{"prefix": "https://qr.example.com/t/"})
	b.commit(id, "2", "d")
	b.submit(id)
	b.release(id)
	call(0, "publish", obj{"prefix": "https://qr.example.com/t/"})
	call(0, "publish", obj{"prefix": "https://qr.example.com/t/"})
	if state() != "[pages/goods/goods 2] 1 1 99" {
		t.Errorf("state %s, want one publication spent", state())
	}
	for range rulesPublished - 1 {
		call(0, "add", ruleBody(obj{"is_edit": 1}))
		call(0, "publish", obj{"prefix": "https://qr.example.com/t/"})
	}
	call(0, "add", ruleBody(obj{"is_edit": 1}))
	call(89030, "publish", obj{"prefix": "https://qr.example.com/t/"})
	b.clock.Advance(31 * 24 * time.Hour)
	call(0, "publish", obj{"prefix": "https://qr.example.com/t/"})
	call(0, "delete", obj{"prefix": "https://qr.example.com/t/"})
	call(85066, "delete", obj{"prefix": "https://qr.example.com/t/"})
	b.want(0, b.app(AppID(1), "POST", "/cgi-bin/wxopen/qrcodejumpadd", ruleBody(nil)))
	for n := range maxRules {
		call(0, "add", ruleBody(obj{"prefix": fmt.Sprintf("https://qr.example.com/%d/", n), "debug_url": []string{}}))
	}
	call(85073, "add", ruleBody(obj{"prefix": "https://qr.example.com/more/", "debug_url": []string{}}))
	yes := true
	if err := b.sim.ChangeApp(id, AppChange{Personal: &yes}); err != nil {
		t.Fatal(err)
	}
	call(85075, "add", ruleBody(nil))
	call(85075, "publish", obj{"prefix": "https://qr.example.com/1/"})
}

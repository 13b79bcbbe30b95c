package tasks

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/appconfig"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient/configapi"
)

// canned answers writes of app configuration with a body and counts them; reads go on.
type canned struct {
	next   http.RoundTripper
	body   string
	writes int
}

// configWrites are the paths of all writes of app configuration.
var configWrites = []string{
	"/wxa/modify_domain", "/wxa/modify_domain_directly", "/wxa/setwebviewdomain", "/wxa/setwebviewdomain_directly",
	"/wxa/bind_tester", "/wxa/unbind_tester", "/cgi-bin/wxopen/qrcodejumpadd", "/cgi-bin/wxopen/qrcodejumppublish",
	"/cgi-bin/wxopen/setweappsupportversion", "/wxa/change_visitstatus", "/cgi-bin/component/setprivacysetting",
}

func (c *canned) RoundTrip(r *http.Request) (*http.Response, error) {
	if !slices.Contains(configWrites, r.URL.Path) {
		return c.next.RoundTrip(r)
	}
	c.writes++
	return &http.Response{
		StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(c.body)), Request: r,
	}, nil
}

// kindPlans ask for one change of each kind, with the stage that writes it.
var kindPlans = []struct {
	kind  string
	plan  string
	stage rollout.Stage
}{
	{"domains", `{"domains": {"way": "direct", "request": {"add": ["https://a.test.cn"]}}}`, rollout.StageCommit},
	{"webview", `{"webview": {"way": "platform", "add": ["https://m.test.cn"]}}`, rollout.StageCommit},
	{"testers", `{"testers": {"add": ["qa_zhang"]}}`, rollout.StageCommit},
	{"qr_rules", `{"qr_rules": {"add": [{"prefix": "https://m.test.cn/t/", "path": "p"}]}}`, rollout.StageCommit},
	{"base_library", `{"base_library": {"at_least": "2.32.0"}}`, rollout.StageCommit},
	{"visibility", `{"visibility": "closed"}`, rollout.StageCommit},
	{"privacy", `{"privacy": {"owner": {"email": "x@test.cn", "notice": "弹窗"}, "add": [{"key": "Album", "text": "to show"}]}}`, rollout.StageCheck},
	{"qr_publish", `{"qr_rules": {"add": [{"prefix": "https://m.test.cn/t/", "path": "p"}], "publish": true}}`, rollout.StageRelease},
}

// answered runs an app whose writes of one kind all get the same answer, until it ends.
func writesAnswered(t *testing.T, plan string, stage rollout.Stage, body string) (rollout.Target, int) {
	t.Helper()
	r := configured(t, stage, plan)
	if stage == rollout.StageRelease {
		r.wx.versionInfo = live(ourVersion, ourDesc)
		r.must(r.client.PutQRRule(t.Context(), r.app, configapi.QRRule{Prefix: "https://m.test.cn/t/", Path: "p", Version: configapi.QROnline}, false))
	}
	c := &canned{next: r.trip.next, body: body}
	r.trip.next = c
	for rounds := 0; ; rounds++ {
		switch x := r.target(); {
		case x.State.Ended() || x.Stage != stage:
			return x, c.writes
		case rounds > 400:
			t.Fatalf("after %d writes it is still %s: %+v", c.writes, place(x), x.LastError)
		case x.State == rollout.StatePending:
			_ = r.h.Run(t.Context(), r.claim())
		default:
			r.wait(max(x.Due.Sub(r.now()), 0) + time.Second)
		}
	}
}

// TestConfigureWritesAreBounded: with any answer to a write of app configuration for ever, the
// target ends with a reason after few writes; an errcode that the outcome is unknown is one write.
func TestConfigureWritesAreBounded(t *testing.T) {
	t.Parallel()
	unshown := rollout.CauseUnshown.MaxTries()
	for _, answer := range []struct {
		name, body string
		writes     int
		says       string
	}{
		{"an unknown errcode", `{"errcode": 987654, "errmsg": "the outcome is unknown rid: 1-2-3"}`, 1, "987654"},
		{"already done", `{"errcode": 85017, "errmsg": "no domain to modify"}`, rollout.CauseContradicted.MaxTries(), "85017"},
		{"taken and never shown", `{"errcode": 0, "errmsg": "ok", "userstr": "unknown"}`, unshown, "shows no effect"},
		{"busy", `{"errcode": -1, "errmsg": "system error"}`, rollout.CauseBusy.MaxTries(), "-1"},
		{"no reply", `<html>`, unshown, "shows no effect"},
	} {
		for _, k := range kindPlans {
			t.Run(answer.name+" "+k.kind, func(t *testing.T) {
				t.Parallel()
				x, writes := writesAnswered(t, k.plan, k.stage, answer.body)
				most := answer.writes
				if answer.name == "busy" && appconfig.KindOf(k.kind).MonthSpent != 0 {
					most = rollout.CauseThrottle.MaxTries()
				}
				if x.State != rollout.StateFailed || writes > most || writes == 0 {
					t.Fatalf("after %d writes, at most %d, it is %s: %+v", writes, most, place(x), x.LastError)
				}
				if !strings.Contains(x.LastError.Text, answer.says) || !strings.Contains(x.LastError.Text, strings.TrimSuffix(k.kind, "s")) {
					t.Errorf("it says %q", x.LastError.Text)
				}
			})
		}
	}
}

// TestConfigureNamesWhatIsRefused: a reply that names refused entries fails the app after one
// write, with each entry and the reason, whether or not it has an errcode.
func TestConfigureNamesWhatIsRefused(t *testing.T) {
	t.Parallel()
	many := make([]string, 8)
	for i := range many {
		many[i] = fmt.Sprintf("https://a-rather-long-name-%d.shop.test.cn", i)
	}
	for name, tc := range map[string]struct {
		plan, body string
		says       []string
	}{
		"85301": {
			kindPlans[0].plan, `{"errcode": 85301, "errmsg": "no domain left to modify rid: 1-2-3", "invalid_requestdomain": ["https://a.test.cn"], "no_icp_domain": []}`,
			[]string{"https://a.test.cn", "does not accept it as requestdomain", "85301"},
		},
		"an unknown errcode": {
			kindPlans[0].plan, `{"errcode": 987654, "errmsg": "no", "no_icp_domain": ["https://a.test.cn"]}`,
			[]string{"https://a.test.cn", "has no ICP filing", "987654"},
		},
		"ok, and one is dropped": {
			kindPlans[0].plan, `{"errcode": 0, "errmsg": "ok", "requestdomain": [], "no_icp_domain": ["https://a.test.cn"]}`,
			[]string{"https://a.test.cn", "has no ICP filing"},
		},
		"many": {
			kindPlans[0].plan, `{"errcode": 85301, "errmsg": "no", "invalid_requestdomain": ["` + strings.Join(many, `","`) + `"]}`, many,
		},
		"web-view": {
			kindPlans[1].plan, `{"errcode": 0, "errmsg": "ok", "invalid_webviewdomain": ["https://m.test.cn"]}`,
			[]string{"https://m.test.cn", "does not accept it as webviewdomain"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x, writes := writesAnswered(t, tc.plan, rollout.StageCommit, tc.body)
			if writes != 1 || x.State != rollout.StateFailed || !strings.Contains(x.LastError.Next, "enqueue retry r1 --app") {
				t.Fatalf("after %d writes it is %s: %+v", writes, place(x), x.LastError)
			}
			for _, want := range tc.says {
				if !strings.Contains(x.LastError.Text, want) {
					t.Errorf("%q isn't in %q", want, x.LastError.Text)
				}
			}
		})
	}
}

// oneRule is an app that keeps the last QR code rule only.
type oneRule struct {
	configapi.Calls // nil: no other call is made
	rules           []configapi.QRRule
	writes          int
}

func (o *oneRule) QRRules(context.Context, string) (configapi.QRRules, error) {
	return configapi.QRRules{Rules: o.rules}, nil
}

func (o *oneRule) PutQRRule(_ context.Context, _ string, rule configapi.QRRule, _ bool) error {
	o.writes++
	o.rules = []configapi.QRRule{rule}
	return nil
}

// TestConfigureChangesThatExcludeEachOther: two changes of which WeChat keeps one are not
// written in assignments for ever.
func TestConfigureChangesThatExcludeEachOther(t *testing.T) {
	t.Parallel()
	r := configured(t, rollout.StageCommit, `{"qr_rules": {"add": [{"prefix": "https://m.test.cn/t/", "path": "p"}, {"prefix": "https://m.test.cn/u/", "path": "p"}]}}`)
	o := &oneRule{}
	r.configs = o
	r.h = r.handler(Timing{})
	for rounds := 0; !r.target().State.Ended() && rounds < 100; rounds++ {
		r.act()
		r.wait(2 * time.Hour)
	}
	got := r.is("commit/failed")
	if most := 2 * rollout.CauseContradicted.MaxTries(); o.writes > most || !strings.Contains(got.LastError.Text, "drops qr_rules") {
		t.Errorf("after %d writes, at most %d: %+v", o.writes, most, got.LastError)
	}
}

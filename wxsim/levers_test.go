package wxsim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/wxsim/internal/clock"
)

// lever pulls a lever over HTTP and wants a status.
func (b *bench) lever(status int, method, path, body string) obj {
	b.t.Helper()
	got, kind, out, err := b.raw(method, path, []byte(body))
	if err != nil {
		b.t.Fatal(err)
	}
	if got != status || kind != "application/json" {
		b.t.Fatalf("%s %s %s: status %d, type %q, body %s; want %d", method, path, body, got, kind, out, status)
	}
	var v obj
	if json.Unmarshal(out, &v) != nil {
		v = obj{"list": string(out)}
	}
	return v
}

// TestLeverExamples: every example the list of levers shows works, and no lever takes a field it does not know.
func TestLeverExamples(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 2})
	var list []struct{ Method, Path, Does, Body string }
	_, _, out, err := b.raw("GET", "/_sim/", nil)
	if err == nil {
		err = json.Unmarshal(out, &list)
	}
	if err != nil || len(list) < 30 {
		t.Fatalf("%d levers listed, %v", len(list), err)
	}
	for _, l := range list {
		t.Run(l.Method+l.Path, func(t *testing.T) {
			b := setup(t, Options{Apps: 2, Clock: NewManualClock(start)})
			if l.Does == "" {
				t.Error("the list does not say what it does")
			}
			for body := range strings.SplitSeq(l.Body, " or ") {
				body = strings.ReplaceAll(body, "wx...", AppID(1))
				body = b.ready(l.Path, body)
				b.lever(http.StatusOK, l.Method, l.Path, body)
			}
			if l.Body != "" {
				b.lever(http.StatusBadRequest, l.Method, l.Path, `{"nonsense":1}`)
				b.lever(http.StatusBadRequest, l.Method, l.Path, `{`)
			}
		})
	}
}

func TestLeverRefusals(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 2, Clock: clock.System{}})
	for _, tc := range []struct {
		status       int
		method, path string
		body         string
	}{
		{404, "GET", "/_sim/nonsense", ""},
		{405, "GET", "/_sim/seed", ""},
		{405, "POST", "/_sim/books", ""},
		{400, "POST", "/_sim/busy-rate", `{"rate":1.5}`},
		{400, "POST", "/_sim/busy-rate", `{"rate":-1}`},
		{400, "POST", "/_sim/busy-rate", `{}`},
		{400, "POST", "/_sim/busy-rate", `{"rate":0.5}{}`},
		{400, "POST", "/_sim/latency", `{"range":"3s-1s"}`},
		{400, "POST", "/_sim/latency", `{}`},
		{400, "POST", "/_sim/seed", `{}`},
		{400, "POST", "/_sim/apps", `{"add":0}`},
		{400, "GET", "/_sim/apps?offset=-1", ""},
		{404, "GET", "/_sim/apps?appid=wx0", ""},
		{404, "POST", "/_sim/app", `{"appid":"wx0"}`},
		{404, "POST", "/_sim/approve", `{"appid":"wx0"}`},
		{400, "POST", "/_sim/approve", `{}`},
		{400, "POST", "/_sim/approve", `{"appid":"` + AppID(0) + `","all":true}`},
		{400, "POST", "/_sim/decide-next", `{"all":true}`},
		{400, "POST", "/_sim/limit", `{"endpoint":"commit","daily":1}`},
		{400, "POST", "/_sim/faults", `{"endpoint":"commit","kind":"busy"}`},
		{400, "POST", "/_sim/quota", `{"refill":"soon"}`},
		{400, "POST", "/_sim/advance", `{"by":"1h"}`},
		{400, "GET", "/_sim/check?closing=x", ""},
	} {
		out := b.lever(tc.status, tc.method, tc.path, tc.body)
		if msg, _ := out["error"].(string); msg == "" {
			t.Errorf("%s %s: no reason given", tc.method, tc.path)
		}
	}
	b.lever(http.StatusBadRequest, "POST", "/_sim/advance", `{}`)
}

// ready makes an example work: it does what must come before the lever is pulled, and fills in what that gave.
func (b *bench) ready(path, body string) string {
	b.t.Helper()
	id := AppID(1)
	switch path {
	case "/_sim/visit":
		return strings.ReplaceAll(body, "https://...", b.page(id, nil))
	case "/_sim/register":
		out := b.want(0, b.platform("POST", "/wxa/component/fastregisterbetaweapp", obj{"name": "shop", "openid": openID}))
		return strings.ReplaceAll(body, "...", out["unique_id"].(string))
	case "/_sim/privacy-interface":
		if err := b.sim.ChangeApp(id, AppChange{NoPrivate: []string{"getLocation"}}); err != nil {
			b.t.Fatal(err)
		}
		b.want(0, b.app(id, "POST", "/wxa/security/apply_privacy_interface", obj{"api_name": "wx.getLocation", "content": "why", "url_list": []string{"https://a.example.com"}}))
	}
	return body
}

// TestLeversWork: what is pulled over HTTP is felt by the calls.
func TestLeversWork(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 2, TokenTTL: 100 * time.Hour})
	id := AppID(1)
	post := func(path, body string) obj { b.t.Helper(); return b.lever(http.StatusOK, "POST", "/_sim/"+path, body) }
	post("audit-delay", `{"range":"1h"}`)
	post("privacy-delay", `{"range":"1m"}`)
	if got := post("template", `{"id":-1,"version":"3.9.0"}`)["template_id"]; got != 3.0 {
		t.Errorf("template_id %v, want 3", got)
	}
	b.commit(id, "2", "d")
	b.want(61039, b.app(id, "POST", "/wxa/submit_audit", "{}"))
	post("advance", `{"by":"1m"}`)
	post("quota", `{"rest":1}`)
	b.submit(id)
	if got := post("quota", `{}`); got["rest"] != 0.0 || got["limit"] != float64(DefaultQuota) {
		t.Errorf("quota %v, want 0 of %d", got, DefaultQuota)
	}
	if got := post("reject", `{"appid":"`+id+`","reason":"no"}`)["settled"]; got != 1.0 {
		t.Errorf("%v settled, want 1", got)
	}
	post("quota", `{"rest":5}`)
	post("decide-next", `{"appid":"`+id+`","reject":true}`)
	b.submit(id)
	post("pass-everything", "")
	post("advance", `{"by":"1h"}`)
	b.release(id)
	post("busy-rate", `{"rate":1}`)
	b.want(-1, b.app(id, "GET", "/wxa/queryquota", nil))
	post("busy-rate", `{"rate":0}`)
	post("expire-tokens", `{"all":true}`)
	b.want(42001, b.app(id, "GET", "/wxa/queryquota", nil))
	post("expire-component-token", "")
	b.want(42001, b.platform("GET", "/wxa/gettemplatelist", nil))
	b.login()
	b.aat = map[string]string{}
	post("advance", `{"by":"1m"}`) // calls of the minute before do not count
	post("limit", `{"endpoint":"/wxa/queryquota","per_minute":1}`)
	b.want(0, b.app(id, "GET", "/wxa/queryquota", nil))
	b.want(45011, b.app(id, "GET", "/wxa/queryquota", nil))
	post("faults", `{"endpoint":"/wxa/get_category","kind":"code","code":45009,"count":-1}`)
	b.want(45009, b.app(id, "GET", "/wxa/get_category", nil))
	b.lever(http.StatusOK, "DELETE", "/_sim/faults", "")
	b.want(0, b.app(id, "GET", "/wxa/get_category", nil))
	b.lever(http.StatusOK, "GET", "/_sim/check", "")
	b.want(85052, b.app(id, "POST", "/wxa/release", "{}"))
	if out := b.lever(http.StatusConflict, "GET", "/_sim/check", ""); out["balanced"] != false || !strings.Contains(out["error"].(string), "double releases") {
		t.Errorf("check says %v, want the double release named", out)
	}
}

// TestTallyAndViews: the paged view and the tally agree on the states of an app's life.
func TestTallyAndViews(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 20, AuditDelay: Range{Min: 4 * time.Hour, Max: 4 * time.Hour}, TokenTTL: 100 * time.Hour})
	odd := func(n int) string { return AppID(2*n + 1) }
	for n := range 8 {
		b.commit(odd(n), "2", "d")
	}
	for n := range 6 {
		b.submit(odd(n))
	}
	b.sim.Reject(odd(1), "")
	b.want(0, b.app(odd(2), "GET", "/wxa/undocodeaudit", nil))
	b.sim.Approve(odd(3))
	b.sim.Approve(odd(4))
	b.sim.Approve(odd(5))
	b.want(0, b.app(odd(4), "POST", "/wxa/grayrelease", obj{"gray_percentage": 5}))
	b.release(odd(5))
	b.sim.Change(func(s *Settings) { s.PrivacyDelay = Range{Min: time.Hour, Max: time.Hour} })
	b.commit(odd(7), "2", "d")
	want := map[string]int{
		AppInAudit: 1, AppRejected: 1, AppWithdrawn: 1, AppApproved: 1, AppGray: 1, AppReleased: 1, AppCommitted: 1, AppChecking: 1, AppIdle: 12,
	}
	tally := b.sim.Tally()
	if fmt.Sprint(tally.States) != fmt.Sprint(want) || tally.Live["2"] != 1 || tally.Submissions != 6 || tally.Commits != 9 || tally.Releases != 1 {
		t.Errorf("tally %+v, want states %v", tally, want)
	}
	for state, n := range want {
		out := b.lever(http.StatusOK, "GET", "/_sim/apps?limit=5&state="+state, "")
		if out["total"] != float64(n) || len(out["apps"].([]any)) != min(n, 5) {
			t.Errorf("%s: %v of %v listed, want %d", state, len(out["apps"].([]any)), out["total"], n)
		}
	}
	page := b.lever(http.StatusOK, "GET", "/_sim/apps?offset=18&limit=5", "")
	if list := page["apps"].([]any); len(list) != 2 || list[0].(obj)["appid"] != AppID(18) || page["total"] != 20.0 {
		t.Errorf("page %v, want the last two of 20", page)
	}
	one := b.lever(http.StatusOK, "GET", "/_sim/apps?appid="+odd(1), "")
	if one["state"] != AppRejected || one["reason"] == "" || len(one["submissions"].([]any)) != 1 {
		t.Errorf("view %v, want a rejected app with its reason", one)
	}
}

func TestManyApps(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 3})
	if got := b.lever(http.StatusOK, "POST", "/_sim/apps", `{"add":10000}`)["apps"]; got != 10003.0 {
		t.Errorf("%v apps, want 10003", got)
	}
	b.want(0, b.app(AppID(10002), "GET", "/wxa/get_category", nil))
	if _, ok := b.sim.App(AppID(10003)); ok {
		t.Error("there is one app too many")
	}
}

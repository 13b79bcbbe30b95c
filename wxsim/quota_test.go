package wxsim

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

// TestQuota: the pool is shared by all apps, 85085 costs nothing, and months are those of UTC+8.
func TestQuota(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 10, Quota: QuotaOptions{Limit: 2}, TokenTTL: 1000 * time.Hour})
	for i := range 4 {
		b.commit(AppID(i), "2", "d")
	}
	submit := func(i int) obj { return b.app(AppID(i), "POST", "/wxa/submit_audit", "{}") }
	b.want(0, submit(0))
	b.want(0, submit(1))
	b.want(85085, submit(2))
	b.want(85085, submit(3))
	b.clock.Advance(15*24*time.Hour + 11*time.Hour + 59*time.Minute) // 30 November, 23:59 in UTC+8
	b.want(85085, submit(2))
	b.clock.Advance(time.Minute)
	b.want(0, submit(2))
	books := b.sim.Books()
	if q := books.Quota; q.Rest != 1 || q.Spent != 3 || q.Refused != 3 || len(q.Closings) != 1 || q.Closings[0].Refused != 3 || q.Closings[0].To.IsZero() {
		t.Errorf("quota %+v, want 1 left, 3 spent and one closing with 3 refused", q)
	}
	if err := books.CheckClosings(3); err != nil {
		t.Errorf("CheckClosings(3) = %v", err)
	}
	if err := books.CheckClosings(2); err == nil {
		t.Error("CheckClosings(2) found nothing wrong with 3 refusals")
	}
	b.balanced()
}

func TestQuotaLevers(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 10, Quota: QuotaOptions{Limit: 5, Rest: -1}})
	for i := range 8 {
		b.commit(AppID(i), "2", "d")
	}
	submit := func(i int) obj { return b.app(AppID(i), "POST", "/wxa/submit_audit", "{}") }
	b.want(85085, submit(0))
	b.sim.SetQuota(1, 2)
	b.want(0, submit(0))
	b.want(85085, submit(1))
	b.sim.SetRefill(10 * time.Second)
	b.clock.Advance(10 * time.Second)
	b.want(0, submit(1))
	b.want(0, submit(2))
	b.want(85085, submit(3))
	b.clock.Advance(25 * time.Second) // two refills, 5 s into the third
	b.want(0, submit(3))
	b.want(0, submit(4))
	b.clock.Advance(5 * time.Second)
	b.want(0, submit(5))
	if q := b.sim.Books().Quota; q.NClosings != 4 || q.Closings[0].Refused != 1 || q.Rest != 1 {
		t.Errorf("quota %+v, want 4 closings and 1 left", q)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 2, Limits: map[string]Limit{"/wxa/queryquota": {Daily: 5, PerMinute: 2}}, TokenTTL: 100 * time.Hour})
	ask := func(i int) obj { return b.app(AppID(i), "GET", "/wxa/queryquota", nil) }
	b.want(0, ask(0))
	b.want(0, ask(1))
	b.want(45011, ask(0))
	b.clock.Advance(time.Minute)
	b.want(0, ask(0))
	b.want(0, ask(0))
	b.clock.Advance(time.Minute)
	b.want(0, ask(0))
	b.want(45009, ask(0))
	out := b.want(0, b.app(AppID(0), "POST", "/cgi-bin/openapi/quota/get", obj{"cgi_path": "/wxa/queryquota"}))
	if got := fmt.Sprint(out["quota"]); got != "map[daily_limit:5 remain:0 used:5]" {
		t.Errorf("quota %s", got)
	}
	if got := out["rate_limit"].(obj)["call_count"]; got != json.Number("2") {
		t.Errorf("call_count %v, want 2", got)
	}
	b.clock.Advance(12 * time.Hour)
	b.want(0, ask(0))
	if !b.sim.SetLimit("/wxa/queryquota", Limit{}) || b.sim.SetLimit("/wxa/x", Limit{}) {
		t.Error("SetLimit: wrong report of whether the path is served")
	}
	for range 10 {
		b.want(0, ask(0))
	}
}

func TestAPIQuota(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 1})
	ask := func(token, path string) obj {
		return b.call("POST", withToken("/cgi-bin/openapi/quota/get", token), obj{"cgi_path": path})
	}
	aat := b.token(AppID(0))
	b.want(0, ask(aat, "/wxa/submit_audit"))
	b.want(76022, ask(b.cat, "/wxa/submit_audit"))
	b.want(0, ask(b.cat, "/cgi-bin/component/api_authorizer_token"))
	b.want(76022, ask(aat, "/cgi-bin/component/api_authorizer_token"))
	b.want(76003, ask(aat, "wxa/submit_audit"))
	b.want(76021, ask(aat, "/wxa/x"))
}

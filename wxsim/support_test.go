package wxsim

import (
	"net"
	"strings"
	"testing"
	"time"
)

func TestCallbackIPs(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{})
	list := b.want(0, b.platform("GET", "/cgi-bin/getcallbackip", nil))["ip_list"].([]any)
	for _, ip := range list {
		if net.ParseIP(ip.(string)) == nil {
			t.Errorf("%q is no address", ip)
		}
	}
	if len(list) < 2 {
		t.Errorf("%d addresses", len(list))
	}
}

// ridOf is the rid at the end of an errmsg.
func ridOf(out obj) string {
	msg, _ := out["errmsg"].(string)
	_, rid, _ := strings.Cut(msg, "rid: ")
	return rid
}

// TestRIDs: a refused call can be read back for a week, by the account it was made for.
func TestRIDs(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 2, TokenTTL: 1000 * time.Hour})
	id := AppID(0)
	const path = "/cgi-bin/openapi/rid/get"
	rid := ridOf(b.want(85014, b.app(id, "POST", "/wxa/commit", obj{"template_id": 99, "ext_json": "{}", "user_version": "1", "user_desc": "d"})))
	own := ridOf(b.want(85064, b.platform("POST", "/wxa/deletetemplate", obj{"template_id": 99})))
	kept := b.want(0, b.app(id, "POST", path, obj{"rid": rid}))["request"].(obj)
	if !strings.Contains(kept["response_body"].(string), rid) || !strings.Contains(kept["request_body"].(string), `"template_id":99`) ||
		!strings.Contains(kept["request_url"].(string), "access_token="+b.token(id)) || net.ParseIP(kept["client_ip"].(string)) == nil {
		t.Errorf("record %v", kept)
	}
	b.want(0, b.platform("POST", path, obj{"rid": own}))
	b.want(76003, b.platform("POST", path, obj{"rid": rid}))
	b.want(76003, b.app(AppID(1), "POST", path, obj{"rid": rid}))
	b.want(76002, b.app(id, "POST", path, obj{"rid": "x"}))
	b.want(76001, b.app(id, "POST", path, obj{"rid": "00000000-00000000-00000000"}))
	b.clock.Advance(7*24*time.Hour - time.Second)
	b.want(0, b.app(id, "POST", path, obj{"rid": rid}))
	b.clock.Advance(time.Second)
	b.want(76004, b.app(id, "POST", path, obj{"rid": rid}))
}

// TestClearQuota: both calls share ten clearings a month per account, and clear that account's own calls.
func TestClearQuota(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 2, TokenTTL: 10000 * time.Hour})
	id := AppID(0)
	b.token(id)
	b.sim.SetLimit("/wxa/queryquota", Limit{Daily: 1})
	b.sim.SetLimit("/cgi-bin/component/api_component_token", Limit{Daily: 1})
	spend := func(code int) { t.Helper(); b.want(code, b.app(id, "GET", "/wxa/queryquota", nil)) }
	spend(0)
	spend(45009)
	v2 := func(change obj) obj {
		o := obj{"component_appid": DefaultComponentAppID, "appsecret": DefaultSecret}
		for k, v := range change {
			o[k] = v
		}
		return b.call("POST", "/cgi-bin/component/clear_quota/v2", o)
	}
	b.want(0, b.platform("POST", "/cgi-bin/clear_quota", obj{"appid": DefaultComponentAppID}))
	spend(45009)
	b.want(49001, b.app(id, "POST", "/cgi-bin/clear_quota", obj{"appid": AppID(1)}))
	b.want(49001, b.platform("POST", "/cgi-bin/clear_quota", obj{"appid": id}))
	b.want(41002, b.app(id, "POST", "/cgi-bin/clear_quota", obj{"a": 1}))
	for range clearsPerMonth / 2 {
		b.want(0, b.app(id, "POST", "/cgi-bin/clear_quota", obj{"appid": id}))
		b.want(0, v2(obj{"appid": id}))
	}
	spend(0)
	b.want(48006, b.app(id, "POST", "/cgi-bin/clear_quota", obj{"appid": id}))
	b.want(48006, v2(obj{"appid": id}))
	b.want(0, v2(nil))
	b.want(0, v2(obj{"appid": AppID(1)}))
	b.want(40001, v2(obj{"appsecret": "f" + DefaultSecret[1:]}))
	b.want(41004, v2(obj{"appsecret": ""}))
	b.want(41002, v2(obj{"component_appid": ""}))
	b.want(40013, v2(obj{"component_appid": "wx1"}))
	b.want(40013, v2(obj{"appid": "wx1"}))
	b.sim.Unauthorize(AppID(1))
	b.want(43007, v2(obj{"appid": AppID(1)}))
	b.clock.Advance(31 * 24 * time.Hour)
	b.want(0, b.app(id, "POST", "/cgi-bin/clear_quota", obj{"appid": id}))
}

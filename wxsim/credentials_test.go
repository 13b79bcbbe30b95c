package wxsim

import (
	"encoding/json"
	"testing"
	"time"
)

func TestComponentToken(t *testing.T) {
	t.Parallel()
	good := func() obj {
		return obj{"component_appid": DefaultComponentAppID, "component_appsecret": DefaultSecret, "component_verify_ticket": DefaultTicket}
	}
	with := func(key string, value any) obj {
		o := good()
		if value == nil {
			delete(o, key)
		} else {
			o[key] = value
		}
		return o
	}
	b := setup(t, Options{})
	for name, tc := range map[string]struct {
		body obj
		code int
	}{
		"good":                 {good(), 0},
		"no appid":             {with("component_appid", nil), 41018},
		"other appid":          {with("component_appid", "wx1"), 40013},
		"no secret":            {with("component_appsecret", nil), 41004},
		"the other call's key": {obj{"component_appid": DefaultComponentAppID, "component_secret": DefaultSecret, "component_verify_ticket": DefaultTicket}, 41004},
		"malformed secret":     {with("component_appsecret", "short"), 40125},
		"wrong secret":         {with("component_appsecret", "f"+DefaultSecret[1:]), 40001},
		"no ticket":            {with("component_verify_ticket", nil), 61006},
		"unknown ticket":       {with("component_verify_ticket", "ticket@@@x"), 61006},
		"numeric ticket":       {with("component_verify_ticket", 7), 47001},
	} {
		t.Run(name, func(t *testing.T) {
			b := *b
			b.t = t
			out := b.want(tc.code, b.call("POST", "/cgi-bin/component/api_component_token", tc.body))
			if _, has := out["errcode"]; has && tc.code == 0 {
				t.Error("a token call that went well carries an errcode")
			}
		})
	}
	b.clock.Advance(12*time.Hour - time.Second)
	b.want(0, b.call("POST", "/cgi-bin/component/api_component_token", good()))
	b.clock.Advance(time.Second)
	b.want(61005, b.call("POST", "/cgi-bin/component/api_component_token", good()))
	fresh := b.sim.SendTicket()
	b.want(0, b.call("POST", "/cgi-bin/component/api_component_token", with("component_verify_ticket", fresh)))
}

// TestComponentTokenOverlap: a replaced token works five more minutes, an expired one is 42001.
func TestComponentTokenOverlap(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{})
	list := func(token string) obj { return b.call("GET", withToken("/wxa/gettemplatelist", token), nil) }
	old := b.cat
	b.login()
	if b.cat == old {
		t.Fatal("the new token is the old one")
	}
	b.clock.Advance(5*time.Minute - time.Second)
	b.want(0, list(old))
	b.clock.Advance(time.Second)
	b.want(40001, list(old))
	b.clock.Advance(2*time.Hour - 5*time.Minute)
	b.want(42001, list(b.cat))
	b.login()
	b.sim.ExpireComponentToken()
	b.want(42001, list(b.cat))
}

// TestComponentQueryName: calls under /cgi-bin/component/ take both names of the token, the template library one.
func TestComponentQueryName(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{})
	b.want(0, b.call("POST", "/cgi-bin/component/api_create_preauthcode?component_access_token="+b.cat, obj{"component_appid": DefaultComponentAppID}))
	b.want(41001, b.call("GET", "/wxa/gettemplatelist?component_access_token="+b.cat, nil))
}

func TestAuthorizerToken(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 2})
	id := AppID(1)
	ask := func(appid string, refresh any) obj {
		return b.platform("POST", "/cgi-bin/component/api_authorizer_token", obj{
			"component_appid": DefaultComponentAppID, "authorizer_appid": appid, "authorizer_refresh_token": refresh,
		})
	}
	page := func(token string) obj { return b.call("GET", withToken("/wxa/queryquota", token), nil) }
	view := b.platform("POST", "/cgi-bin/component/api_get_authorizer_info", obj{"component_appid": DefaultComponentAppID, "authorizer_appid": id})
	refresh := view["authorization_info"].(obj)["authorizer_refresh_token"]

	b.want(40013, ask("wx0123", refresh))
	b.want(61023, ask(id, nil))
	b.want(61023, ask(id, ""))
	b.want(61023, ask(id, "refreshtoken@@@x"))
	b.want(61023, ask(AppID(0), refresh))
	first := b.want(0, ask(id, refresh))
	if first["authorizer_refresh_token"] != refresh || first["expires_in"] != json.Number("7200") {
		t.Errorf("reply %v, want the same refresh token and 7200", first)
	}
	second := b.want(0, ask(id, refresh))
	b.want(40001, page(first["authorizer_access_token"].(string)))
	token := second["authorizer_access_token"].(string)
	b.want(0, page(token))
	b.clock.Advance(2 * time.Hour)
	b.want(42001, page(token))

	b.login()
	b.sim.RotateRefreshToken(id)
	out := b.want(0, ask(id, refresh))
	if out["authorizer_refresh_token"] == refresh {
		t.Error("the reply still has the old refresh token")
	}
	b.clock.Advance(5 * time.Minute)
	b.want(61023, ask(id, refresh))
	b.want(0, ask(id, out["authorizer_refresh_token"]))
}

func TestRotatingRefreshTokens(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 1, RotateRefreshTokens: true})
	access, refresh := map[string]bool{}, map[any]bool{}
	for range 3 {
		info := b.platform("POST", "/cgi-bin/component/api_get_authorizer_info", obj{"component_appid": DefaultComponentAppID, "authorizer_appid": AppID(0)})
		refresh[info["authorization_info"].(obj)["authorizer_refresh_token"]] = true
		access[b.refresh(AppID(0))] = true
	}
	if len(access) != 3 || len(refresh) != 3 {
		t.Errorf("%d access tokens and %d refresh tokens, want 3 of each", len(access), len(refresh))
	}
}

func TestQueryAuth(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 1})
	id := AppID(0)
	ask := func(code string) obj {
		return b.platform("POST", "/cgi-bin/component/api_query_auth", obj{"component_appid": DefaultComponentAppID, "authorization_code": code})
	}
	b.token(id)
	code := b.sim.Authorize(id)
	info := b.want(0, ask(code))["authorization_info"].(obj)
	if info["authorizer_appid"] != id || info["authorizer_access_token"] == "" || !granted(info, 18) {
		t.Errorf("authorization_info %v", info)
	}
	b.want(40001, b.app(id, "GET", "/wxa/queryquota", nil))
	b.want(0, b.call("GET", withToken("/wxa/queryquota", info["authorizer_access_token"].(string)), nil))
	b.want(61009, ask(code))
	late := b.sim.Authorize(id)
	b.clock.Advance(10 * time.Minute)
	b.want(61010, ask(late))
	if b.sim.Authorize("wx0") != "" {
		t.Error("an unknown app was authorized")
	}
}

func granted(info obj, id int) bool {
	for _, g := range info["func_info"].([]any) {
		n, _ := g.(obj)["funcscope_category"].(obj)["id"].(json.Number).Int64()
		if int(n) == id {
			return true
		}
	}
	return false
}

func TestAuthorizerList(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 7})
	no := false
	if err := b.sim.ChangeApp(AppID(3), AppChange{Authorized: &no}); err != nil {
		t.Fatal(err)
	}
	ask := func(offset, count any) obj {
		return b.platform("POST", "/cgi-bin/component/api_get_authorizer_list", obj{"component_appid": DefaultComponentAppID, "offset": offset, "count": count})
	}
	b.want(40170, ask(0, 501))
	b.want(40097, ask(-1, 10))
	b.want(40097, ask(0, 0))
	b.want(47001, ask("0", 10))
	var ids []string
	for offset := 0; offset < 8; offset += 4 {
		out := b.want(0, ask(offset, 4))
		if out["total_count"] != json.Number("6") {
			t.Errorf("total_count %v, want 6", out["total_count"])
		}
		for _, e := range out["list"].([]any) {
			ids = append(ids, e.(obj)["authorizer_appid"].(string))
		}
	}
	if len(ids) != 6 || ids[3] != AppID(4) {
		t.Errorf("listed %v, want 6 with the unauthorized one left out", ids)
	}
	b.want(0, ask(0, 500))
}

func TestAuthorizerInfo(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 2})
	no, banned := false, StatusBanned
	id := AppID(0)
	if err := b.sim.ChangeApp(id, AppChange{Set18: &no, Status: &banned, Category: &no}); err != nil {
		t.Fatal(err)
	}
	ask := func(appid string) obj {
		return b.platform("POST", "/cgi-bin/component/api_get_authorizer_info", obj{"component_appid": DefaultComponentAppID, "authorizer_appid": appid})
	}
	out := b.want(0, ask(id))
	info := out["authorizer_info"].(obj)
	if granted(out["authorization_info"].(obj), 18) || info["account_status"] != json.Number("16") {
		t.Errorf("info %v, want no set 18 and status 16", out)
	}
	if n := len(info["MiniProgramInfo"].(obj)["categories"].([]any)); n != 0 {
		t.Errorf("%d categories, want none", n)
	}
	if !granted(b.want(0, ask(AppID(1)))["authorization_info"].(obj), 18) {
		t.Error("an untouched app lacks set 18")
	}
	if err := b.sim.ChangeApp(id, AppChange{MiniProgram: &no}); err != nil {
		t.Fatal(err)
	}
	if _, has := ask(id)["authorizer_info"].(obj)["MiniProgramInfo"]; has {
		t.Error("an account that is no mini program shows MiniProgramInfo")
	}
	b.want(40013, ask("wx0"))
}

func TestStartPushTicket(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{})
	ask := func(secret string) obj {
		return b.call("POST", "/cgi-bin/component/api_start_push_ticket", obj{"component_appid": DefaultComponentAppID, "component_secret": secret})
	}
	if out := b.want(0, ask(DefaultSecret)); out["errmsg"] != "in a normal state" {
		t.Errorf("errmsg %q while callbacks are sent", out["errmsg"])
	}
	b.sim.StopTickets()
	b.want(40125, ask("x"))
	if out := b.want(0, ask(DefaultSecret)); out["errmsg"] != "ok" {
		t.Errorf("errmsg %q after callbacks had stopped", out["errmsg"])
	}
	if out := b.want(0, ask(DefaultSecret)); out["errmsg"] != "in a normal state" {
		t.Errorf("errmsg %q, want the callbacks resumed", out["errmsg"])
	}
}

func TestAppIDs(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for i := range 10_000 {
		id := AppID(i)
		if len(id) != 18 || id[:2] != "wx" || seen[id] || id == DefaultComponentAppID {
			t.Fatalf("AppID(%d) = %q: not 18 characters, not wx, or not unique", i, id)
		}
		seen[id] = true
	}
}

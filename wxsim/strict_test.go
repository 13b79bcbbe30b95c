package wxsim

import (
	"net/http"
	"strings"
	"testing"
)

// played is the calls as the documents list them, written by hand so that the simulator's own table is checked too.
var played = []struct {
	method, path, token string
	body                any // one that gets past the checks every call shares
}{
	{"POST", "/cgi-bin/component/api_component_token", "none", obj{}},
	{"POST", "/cgi-bin/component/api_start_push_ticket", "none", obj{}},
	{"POST", "/cgi-bin/component/api_create_preauthcode", "component", obj{}},
	{"POST", "/cgi-bin/component/api_query_auth", "component", obj{}},
	{"POST", "/cgi-bin/component/api_authorizer_token", "component", obj{}},
	{"POST", "/cgi-bin/component/api_get_authorizer_list", "component", obj{}},
	{"POST", "/cgi-bin/component/api_get_authorizer_info", "component", obj{}},
	{"POST", "/cgi-bin/component/get_authorizer_option", "option", obj{}},
	{"POST", "/cgi-bin/component/set_authorizer_option", "option", obj{}},
	{"POST", "/wxa/component/fastregisterbetaweapp", "component", obj{}},
	{"POST", "/cgi-bin/component/fastregisterweapp", "old name", obj{}},
	{"POST", "/wxa/component/fastregisterpersonalweapp", "old name", obj{}},
	{"POST", "/wxa/verifybetaweapp", "app", obj{}},
	{"GET", "/wxa/gettemplatedraftlist", "component", nil},
	{"POST", "/wxa/addtotemplate", "component", obj{"draft_id": 9}},
	{"GET", "/wxa/gettemplatelist", "component", nil},
	{"POST", "/wxa/deletetemplate", "component", obj{"template_id": 9}},
	{"POST", "/wxa/commit", "app", obj{"template_id": 99, "ext_json": "{}", "user_version": "1", "user_desc": "d"}},
	{"GET", "/wxa/security/get_code_privacy_info", "app", nil},
	{"GET", "/wxa/get_page", "app", nil},
	{"GET", "/wxa/get_qrcode", "app", nil},
	{"GET", "/wxa/get_category", "app", nil},
	{"POST", "/wxa/uploadmedia", "app", nil},
	{"POST", "/wxa/submit_audit", "app", obj{}},
	{"POST", "/wxa/get_auditstatus", "app", obj{"auditid": 1}},
	{"GET", "/wxa/get_latest_auditstatus", "app", nil},
	{"GET", "/wxa/undocodeaudit", "app", nil},
	{"POST", "/wxa/speedupaudit", "app", obj{"auditid": 1}},
	{"POST", "/wxa/release", "app", obj{}},
	{"POST", "/wxa/getversioninfo", "app", obj{}},
	{"GET", "/wxa/revertcoderelease", "app", nil},
	{"POST", "/wxa/grayrelease", "app", obj{}},
	{"GET", "/wxa/getgrayreleaseplan", "app", nil},
	{"GET", "/wxa/revertgrayrelease", "app", nil},
	{"GET", "/wxa/queryquota", "app", nil},
	{"POST", "/wxa/change_visitstatus", "app", obj{}},
	{"POST", "/wxa/getvisitstatus", "app", obj{}},
	{"POST", "/cgi-bin/component/getprivacysetting", "app", obj{}},
	{"POST", "/cgi-bin/component/setprivacysetting", "app", obj{}},
	{"POST", "/cgi-bin/component/uploadprivacyextfile", "app", nil},
	{"GET", "/wxa/security/get_privacy_interface", "app", nil},
	{"POST", "/wxa/security/apply_privacy_interface", "app", obj{}},
	{"POST", "/cgi-bin/wxopen/getweappsupportversion", "app", obj{}},
	{"POST", "/cgi-bin/wxopen/setweappsupportversion", "app", obj{}},
	{"POST", "/wxa/modify_domain", "app", obj{}},
	{"POST", "/wxa/modify_domain_directly", "app", obj{}},
	{"POST", "/wxa/get_effective_domain", "app", obj{}},
	{"POST", "/wxa/setwebviewdomain", "app", obj{}},
	{"POST", "/wxa/setwebviewdomain_directly", "app", obj{}},
	{"POST", "/wxa/get_webviewdomain_confirmfile", "app", obj{}},
	{"POST", "/wxa/get_effective_webviewdomain", "app", obj{}},
	{"POST", "/cgi-bin/component/modify_wxa_server_domain", "component", obj{}},
	{"POST", "/cgi-bin/component/modify_wxa_jump_domain", "component", obj{}},
	{"POST", "/cgi-bin/component/get_domain_confirmfile", "component", obj{}},
	{"POST", "/wxa/bind_tester", "app", obj{}},
	{"POST", "/wxa/unbind_tester", "app", obj{}},
	{"POST", "/wxa/memberauth", "app", obj{}},
	{"POST", "/cgi-bin/wxopen/qrcodejumpadd", "app", obj{}},
	{"POST", "/cgi-bin/wxopen/qrcodejumpget", "app", obj{}},
	{"POST", "/cgi-bin/wxopen/qrcodejumpdownload", "app", obj{}},
	{"POST", "/cgi-bin/wxopen/qrcodejumpdelete", "app", obj{}},
	{"POST", "/cgi-bin/wxopen/qrcodejumppublish", "app", obj{}},
	{"GET", "/cgi-bin/getcallbackip", "component", nil},
	{"POST", "/cgi-bin/openapi/quota/get", "either", obj{}},
	{"POST", "/cgi-bin/openapi/rid/get", "either", obj{}},
	{"POST", "/cgi-bin/clear_quota", "either", obj{}},
	{"POST", "/cgi-bin/component/clear_quota/v2", "none", obj{}},
}

// TestEveryEndpointIsStrict checks what holds for every call: method, token and body.
func TestEveryEndpointIsStrict(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 2})
	id := AppID(1)
	aat := b.token(id)
	if got := Routes(); len(got) != len(played) {
		t.Fatalf("%d endpoints, the documents' table has %d", len(got), len(played))
	}
	for _, ep := range played {
		t.Run(strings.TrimPrefix(ep.path, "/"), func(t *testing.T) {
			b := *b
			b.t = t
			good := map[string]string{"none": "", "component": b.cat, "app": aat, "either": aat, "option": aat, "old name": b.cat}[ep.token]
			withToken := withToken
			if ep.token == "old name" {
				b.want(41001, b.call(ep.method, withToken(ep.path, good), ep.body))
				withToken = func(path, token string) string { return path + "?component_access_token=" + token }
			}
			if ep.method == http.MethodGet {
				b.want(43001, b.call("POST", withToken(ep.path, good), obj{}))
			} else {
				b.want(43002, b.call("GET", withToken(ep.path, good), nil))
			}
			if ep.token != "none" {
				b.want(41001, b.call(ep.method, ep.path, ep.body))
				b.want(40014, b.call(ep.method, withToken(ep.path, "nonsense"), ep.body))
			}
			switch ep.token {
			case "component", "old name":
				b.want(61014, b.call(ep.method, withToken(ep.path, aat), ep.body))
			case "app":
				b.want(61015, b.call(ep.method, withToken(ep.path, b.cat), ep.body))
				if strings.Contains(b.call(ep.method, ep.path+"?component_access_token="+aat, ep.body)["errmsg"].(string), "missing") == false {
					t.Error("component_access_token was taken as the name of an app's token")
				}
			}
			if ep.method == http.MethodPost && ep.body != nil {
				b.want(44002, b.call(ep.method, withToken(ep.path, good), nil))
				for _, body := range []string{"[]", "null", `"x"`, `{"a":1`, `{} {}`, "{\"a\":\"\xff\"}"} {
					b.want(47001, b.call(ep.method, withToken(ep.path, good), body))
				}
			}
		})
	}
}

// TestStandingOfApps checks what an app's standing does to its calls.
func TestStandingOfApps(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	status := func(n int) *int { return &n }
	for name, tc := range map[string]struct {
		change        AppChange
		commit, query int
	}{
		"good":            {AppChange{Status: status(StatusWarned)}, 0, 0},
		"banned":          {AppChange{Status: status(StatusBanned)}, 89013, 0},
		"frozen":          {AppChange{Status: status(StatusFrozen)}, 50002, 0},
		"canceled":        {AppChange{Status: status(StatusCanceled)}, 50002, 0},
		"without set 18":  {AppChange{Set18: &no}, 61007, 61007},
		"unauthorized":    {AppChange{Authorized: &no}, 61003, 61003},
		"no mini program": {AppChange{MiniProgram: &no}, 48001, 48001},
		"granted set 18":  {AppChange{Set18: &yes}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, Options{Apps: 1})
			id := AppID(0)
			b.token(id)
			if err := b.sim.ChangeApp(id, tc.change); err != nil {
				t.Fatal(err)
			}
			b.want(tc.commit, b.app(id, "POST", "/wxa/commit", commitBody(id, "2", "d")))
			b.want(tc.query, b.app(id, "GET", "/wxa/queryquota", nil))
		})
	}
	b := setup(t, Options{})
	if err := b.sim.ChangeApp("wx0", AppChange{}); err == nil {
		t.Error("changing an app that does not exist went well")
	}
}

func TestUnknownPathsAreNotFound(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{})
	status, _, body, err := b.raw("GET", "/wxa/comit", nil)
	if err != nil || status != http.StatusNotFound || !strings.Contains(string(body), "/wxa/comit is not played") {
		t.Errorf("status %d, body %q, err %v; want 404 with a reason", status, body, err)
	}
	if err := b.sim.Books().Check(); err == nil || !strings.Contains(err.Error(), "paths that do not exist") {
		t.Errorf("Check() = %v, want the unknown path named", err)
	}
}

// TestUnicodeEscapes: WeChat wants text as UTF-8. An escaped backslash before a u is none of its business.
func TestUnicodeEscapes(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 1})
	id := AppID(0)
	for body, code := range map[string]int{
		`{"template_id":1,"ext_json":"{}","user_version":"1","user_desc":"\u4e2d"}`:                       47002,
		`{"template_id":1,"ext_json":"{}","user_version":"1","user_desc":"a \u003c b"}`:                   47002,
		`{"template_id":1,"ext_json":"{\"ext\":{\"a\":\"\\u4e2d\"}}","user_version":"1","user_desc":"x"}`: 0,
		`{"template_id":1,"ext_json":"{}","user_version":"1","user_desc":"中文 <&>"}`:                       0,
	} {
		b.want(code, b.app(id, "POST", "/wxa/commit", body))
	}
}

func TestErrorsCarryARID(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 1})
	out := b.want(40014, b.call("GET", "/wxa/get_page?access_token=x", nil))
	if msg, _ := out["errmsg"].(string); !strings.HasPrefix(msg, "invalid access_token rid: ") || len(strings.Split(msg, "-")) != 3 {
		t.Errorf("errmsg %q, want a rid of three groups", msg)
	}
	ok := b.want(0, b.app(AppID(0), "GET", "/wxa/queryquota", nil))
	if ok["errmsg"] != "ok" {
		t.Errorf("errmsg %q, want ok without a rid", ok["errmsg"])
	}
}

package wxsim

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const openID = "oAbCdEfGhIjKlMnOpQrStUvWxYz0"

// old calls with the component token under its old name.
func (b *bench) old(path string, body any) obj {
	b.t.Helper()
	sep := "?"
	if strings.Contains(path, "?") {
		sep = "&"
	}
	return b.call("POST", path+sep+"component_access_token="+b.cat, body)
}

// companyBody is a good enterprise after a change; nil values delete.
func companyBody(name string, change obj) obj {
	o := obj{name: "某某公司", "code": "91440300MA5FXXXX0X", "code_type": 1, "legal_persona_wechat": "legal_person", "legal_persona_name": "张三", "component_phone": "020"}
	for k, v := range change {
		if v == nil {
			delete(o, k)
		} else {
			o[k] = v
		}
	}
	return o
}

// TestTrialApps: from a name to an app that fails audits until it is converted and renamed.
func TestTrialApps(t *testing.T) {
	t.Parallel()
	url, got := receive(t, always("success"))
	b := setup(t, Options{Apps: 1, Callbacks: CallbackOptions{AuthURL: url}, TokenTTL: 1000 * time.Hour})
	const path = "/wxa/component/fastregisterbetaweapp"
	trial := func(code int, name, openid string) obj {
		t.Helper()
		return b.want(code, b.platform("POST", path, obj{"name": name, "openid": openid}))
	}
	trial(86017, "花店", openID)
	trial(86017, strings.Repeat("花", 31), openID)
	trial(86012, "鲜花小店", "me")
	b.want(47001, b.platform("POST", path, obj{"name": 1, "openid": openID}))
	out := trial(0, "鲜花小店", openID)
	id := out["unique_id"].(string)
	if !strings.Contains(out["authorize_url"].(string), "create_token=") {
		t.Errorf("reply %v", out)
	}
	appid, err := b.sim.FinishCreation(id, 0)
	if err != nil {
		t.Fatal(err)
	}
	first, second := <-got, <-got
	if first.got.InfoType == "authorized" {
		first, second = second, first
	}
	if first.got.InfoType != "notify_third_fastregisterbetaapp" || !strings.Contains(first.msg, "<appid><![CDATA["+appid) || !strings.Contains(first.msg, id) ||
		second.got.InfoType != "authorized" || second.got.AuthorizerAppid != appid {
		t.Errorf("callbacks %s and %s", first.msg, second.msg)
	}
	if _, err := b.sim.FinishCreation(id, 0); err == nil {
		t.Error("an app creation ended twice")
	}
	info := func() (obj, string) {
		t.Helper()
		out := b.platform("POST", "/cgi-bin/component/api_get_authorizer_info", obj{"component_appid": DefaultComponentAppID, "authorizer_appid": appid})["authorizer_info"].(obj)
		return out, fmt.Sprint(out["service_type_info"].(obj)["id"], " ", out["register_type"])
	}
	if out, kind := info(); kind != "12 13" || out["nick_name"] != "鲜花小店"+"的体验小程序" {
		t.Errorf("app %v, want a trial one with the suffix", out)
	}
	b.commit(appid, "1", "d")
	b.want(86020, b.app(appid, "POST", "/wxa/submit_audit", "{}"))

	convert := func(code int, change obj) {
		t.Helper()
		body := companyBody("enterprise_name", change)
		if _, has := change["legal_persona_idcard"]; !has {
			body["legal_persona_idcard"] = "440300199001011234"
		}
		b.want(code, b.app(appid, "POST", "/wxa/verifybetaweapp", obj{"verify_info": body}))
	}
	b.want(48001, b.app(AppID(0), "POST", "/wxa/verifybetaweapp", obj{"verify_info": companyBody("enterprise_name", nil)}))
	b.want(47001, b.app(appid, "POST", "/wxa/verifybetaweapp", obj{"a": 1}))
	convert(89253, obj{"legal_persona_idcard": ""})
	convert(0, nil)
	convert(89249, nil)
	if _, err := b.sim.FinishCreation(appid, 101); err != nil {
		t.Fatal(err)
	}
	if p := <-got; p.got.InfoType != "notify_third_fastverifybetaapp" || !strings.Contains(p.msg, "<status>101<") {
		t.Errorf("callback %s", p.msg)
	}
	if _, kind := info(); kind != "12 13" {
		t.Errorf("kind %s after a conversion that failed", kind)
	}
	convert(0, nil)
	if _, err := b.sim.FinishCreation(appid, 0); err != nil {
		t.Fatal(err)
	}
	<-got
	if out, kind := info(); kind != "0 19" || out["principal_name"] != "某某公司" {
		t.Errorf("app %v, want a former trial of the company", out)
	}
	b.want(86020, b.app(appid, "POST", "/wxa/submit_audit", "{}"))
	name := "鲜花小店"
	if err := b.sim.ChangeApp(appid, AppChange{NickName: &name}); err != nil {
		t.Fatal(err)
	}
	b.submit(appid)
	for range trialsPerUser - 1 {
		trial(0, "鲜花小店", openID)
	}
	trial(61071, "鲜花小店", openID)
	b.clock.Advance(24 * time.Hour) // links expire silently
	trial(0, "鲜花小店", openID)
	if n := b.sim.Books().Callbacks.Made; n != 4 {
		t.Errorf("%d callbacks, want 4", n)
	}
}

// TestEnterprises: creation, its searches, its ends by lever and by time.
func TestEnterprises(t *testing.T) {
	t.Parallel()
	url, got := receive(t, always("success"))
	b := setup(t, Options{Callbacks: CallbackOptions{AuthURL: url}, TokenTTL: 1000 * time.Hour})
	const create, search = "/cgi-bin/component/fastregisterweapp?action=create", "/cgi-bin/component/fastregisterweapp?action=search"
	for name, tc := range map[string]struct {
		change obj
		code   int
	}{
		"no name":        {obj{"name": nil}, 89253},
		"no code":        {obj{"code": ""}, 89253},
		"no code type":   {obj{"code_type": nil}, 89253},
		"type 4":         {obj{"code_type": 4}, 89248},
		"type as text":   {obj{"code_type": "1"}, 89248},
		"short code":     {obj{"code": "9144"}, 89255},
		"no WeChat id":   {obj{"legal_persona_wechat": ""}, 86004},
		"name a number":  {obj{"name": 1}, 47001},
		"no legal name":  {obj{"legal_persona_name": ""}, 89253},
		"license number": {obj{"code": "440300000000001", "code_type": 3, "legal_persona_wechat": "another_one"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			b := *b
			b.t = t
			b.want(tc.code, b.old(create, companyBody("name", tc.change)))
		})
	}
	b.want(40097, b.old("/cgi-bin/component/fastregisterweapp", companyBody("name", nil)))
	who := obj{"name": "某某公司", "legal_persona_wechat": "legal_person", "legal_persona_name": "张三"}
	b.want(89250, b.old(search, who))
	b.want(0, b.old(create, companyBody("name", nil)))
	b.want(89249, b.old(create, companyBody("name", nil)))
	b.want(89251, b.old(search, who))
	appid, err := b.sim.FinishCreation("91440300MA5FXXXX0X", 0)
	if err != nil {
		t.Fatal(err)
	}
	b.want(0, b.old(search, who))
	p := <-got
	_, code, _ := strings.Cut(p.msg, "<auth_code><![CDATA[")
	code, _, _ = strings.Cut(code, "]]>")
	if p.got.InfoType != "notify_third_fasteregister" || !strings.Contains(p.msg, "<legal_persona_name><![CDATA[张三]]>") {
		t.Errorf("callback %s", p.msg)
	}
	grant := b.want(0, b.platform("POST", "/cgi-bin/component/api_query_auth", obj{"component_appid": DefaultComponentAppID, "authorization_code": code}))
	if grant["authorization_info"].(obj)["authorizer_appid"] != appid {
		t.Errorf("the code of the callback answers %v", grant)
	}
	b.commit(appid, "1", "d")
	b.want(86002, b.app(appid, "POST", "/wxa/submit_audit", "{}"))
	b.want(0, b.old(create, companyBody("name", nil)))
	if _, err := b.sim.FinishCreation("91440300MA5FXXXX0X", 100002); err != nil {
		t.Fatal(err)
	}
	if p := <-got; !strings.Contains(p.msg, "<status>100002<") || !strings.Contains(p.msg, "<appid><![CDATA[]]>") {
		t.Errorf("callback %s, want the status and no app", p.msg)
	}
	b.want(89250, b.old(search, who))
	for range creationsPerDay - 2 {
		b.want(0, b.old(create, companyBody("name", nil)))
		if _, err := b.sim.FinishCreation("91440300MA5FXXXX0X", -1); err != nil {
			t.Fatal(err)
		}
		<-got
	}
	b.want(91030, b.old(create, companyBody("name", nil)))
	b.clock.Advance(24 * time.Hour)
	if p := <-got; !strings.Contains(p.msg, "<status>100001<") || !strings.Contains(p.msg, "440300000000001") {
		t.Errorf("callback %s, want the expiry", p.msg)
	}
	b.want(0, b.old(create, companyBody("name", nil)))
}

func TestPersonalApps(t *testing.T) {
	t.Parallel()
	url, got := receive(t, always("success"))
	b := setup(t, Options{Callbacks: CallbackOptions{AuthURL: url}, TokenTTL: 1000 * time.Hour})
	const path = "/wxa/component/fastregisterpersonalweapp?action="
	create := func(code int, name, user string) obj {
		t.Helper()
		return b.want(code, b.old(path+"create", obj{"idname": name, "wxuser": user, "component_phone": "020"}))
	}
	status := func(id any) string {
		t.Helper()
		return fmt.Sprint(b.want(0, b.old(path+"query", obj{"taskid": id}))["status"])
	}
	create(89253, "", "zhang_san")
	create(86004, "张三", "")
	task := create(0, "张三", "zhang_san")
	create(89249, "张三", "zhang_san")
	b.want(85060, b.old(path+"query", obj{"taskid": "x"}))
	b.want(40097, b.old(path+"ask", obj{"taskid": "x"}))
	if got := status(task["taskid"]); got != "0" {
		t.Errorf("status %s, want 0", got)
	}
	appid, err := b.sim.FinishCreation(task["taskid"].(string), 0)
	if err != nil {
		t.Fatal(err)
	}
	if p := <-got; p.got.InfoType != "notify_third_fasteregister" || !strings.Contains(p.msg, "<idname><![CDATA[张三]]>") {
		t.Errorf("callback %s", p.msg)
	}
	if got := status(task["taskid"]); got != "6" {
		t.Errorf("status %s, want 6", got)
	}
	b.want(89231, b.app(appid, "POST", "/wxa/setwebviewdomain", obj{"action": "get"}))
	late := create(0, "张三", "zhang_san")
	b.clock.Advance(24 * time.Hour)
	if got := status(late["taskid"]); got != "1" {
		t.Errorf("status %s, want 1 after a day", got)
	}
	if len(b.sim.Creations()) != 2 {
		t.Errorf("%d app creations", len(b.sim.Creations()))
	}
}

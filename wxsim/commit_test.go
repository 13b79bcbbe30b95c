package wxsim

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"
)

func TestCommit(t *testing.T) {
	t.Parallel()
	id := AppID(0)
	ext := func(doc string) obj { return obj{"ext_json": doc} }
	for name, tc := range map[string]struct {
		change obj // nil values delete
		code   int
	}{
		"good":                        {obj{}, 0},
		"quoted template id":          {obj{"template_id": "1"}, 0},
		"template 0":                  {obj{"template_id": 0}, 0},
		"unknown template":            {obj{"template_id": 99}, 85014},
		"no template":                 {obj{"template_id": nil}, 47001},
		"template as text":            {obj{"template_id": "spring"}, 47001},
		"ext_json as object":          {obj{"ext_json": obj{"ext": obj{}}}, 47001},
		"no ext_json":                 {obj{"ext_json": nil}, 85013},
		"empty ext_json":              {ext(""), 85013},
		"ext_json not parsable":       {ext("{"), 85048},
		"ext_json no object":          {ext("[]"), 85013},
		"ext_json null":               {ext("null"), 85013},
		"another app's ext_json":      {ext(`{"extAppid":"wx0"}`), 85013},
		"extAppid no string":          {ext(`{"extAppid":7}`), 85013},
		"ext no object":               {ext(`{"ext":"x"}`), 85013},
		"free ext":                    {ext(`{"ext":{"k":{"deep":[1]}}}`), 0},
		"subset of pages":             {ext(`{"pages":["pages/goods/goods"]}`), 0},
		"no pages":                    {ext(`{"pages":[]}`), 85047},
		"pages no list":               {ext(`{"pages":"pages/goods/goods"}`), 85013},
		"foreign page":                {ext(`{"pages":["pages/x/x"]}`), 85045},
		"extPages of foreign page":    {ext(`{"extPages":{"pages/x/x":{}}}`), 85045},
		"extPages":                    {ext(`{"extPages":{"pages/goods/goods":{"navigationBarTitleText":"x"}}}`), 0},
		"tab without path":            {ext(`{"tabBar":{"list":[{"text":"x"}]}}`), 85046},
		"tab to foreign page":         {ext(`{"tabBar":{"list":[{"pagePath":"pages/x/x"}]}}`), 85045},
		"tab to page left out":        {ext(`{"pages":["pages/goods/goods"],"tabBar":{"list":[{"pagePath":"pages/order/order"}]}}`), 85045},
		"tab":                         {ext(`{"tabBar":{"list":[{"pagePath":"pages/order/order"}]}}`), 0},
		"private infos":               {ext(`{"requiredPrivateInfos":["getLocation","chooseAddress"]}`), 0},
		"private infos no list":       {ext(`{"requiredPrivateInfos":"getLocation"}`), 85310},
		"private infos misspelt":      {ext(`{"requiredPrivateInfos":["wx.getLocation"]}`), 85310},
		"private infos exclusive":     {ext(`{"requiredPrivateInfos":["getFuzzyLocation","getLocation"]}`), 85311},
		"private infos without right": {ext(`{"requiredPrivateInfos":["chooseLocation"]}`), 85312},
		"version of 64":               {obj{"user_version": strings.Repeat("版", 64)}, 0},
		"version of 65":               {obj{"user_version": strings.Repeat("版", 65)}, 85015},
		"no version":                  {obj{"user_version": nil}, 85015},
		"version as number":           {obj{"user_version": 2}, 47001},
		"no desc":                     {obj{"user_desc": nil}, 40097},
		"desc null":                   {obj{"user_desc": json.RawMessage("null")}, 47001},
		"standard template":           {obj{"template_id": 7, "ext_json": `{"extAppid":"` + id + `","ext":{},"window":{}}`}, 0},
		"standard template and pages": {obj{"template_id": 7, "ext_json": `{"pages":["pages/goods/goods"]}`}, 9402203},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, Options{Apps: 1})
			b.sim.PutTemplate(Template{ID: 7, Version: "7", Type: 1})
			if err := b.sim.ChangeApp(id, AppChange{NoPrivate: []string{"chooseLocation"}}); err != nil {
				t.Fatal(err)
			}
			body := commitBody(id, "2.0.0", "desc")
			maps.Copy(body, tc.change)
			maps.DeleteFunc(body, func(_ string, v any) bool { return v == nil })
			b.want(tc.code, b.app(id, "POST", "/wxa/commit", body))
			exp := b.want(0, b.app(id, "POST", "/wxa/getversioninfo", "{}"))["exp_info"].(obj)
			if changed := exp["exp_desc"] == "desc"; changed != (tc.code == 0) {
				t.Errorf("exp_info %v after errcode %d", exp, tc.code)
			}
		})
	}
}

// TestPrivacyCheck: each commit restarts the check, and what it finds stops submit_audit.
func TestPrivacyCheck(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{
		Apps: 2, PrivacyDelay: Range{Min: time.Minute, Max: time.Minute},
		Templates: []Template{{ID: 1, Version: "2", Private: []string{"getLocation"}}},
	})
	id := AppID(1)
	look := func() obj { return b.app(id, "GET", "/wxa/security/get_code_privacy_info", nil) }
	count := func(out obj) [2]int {
		return [2]int{len(out["without_auth_list"].([]any)), len(out["without_conf_list"].([]any))}
	}
	b.want(86001, look())
	b.commit(id, "2", "a")
	b.clock.Advance(59 * time.Second)
	b.want(61039, look())
	b.commit(id, "2", "b")
	b.clock.Advance(59 * time.Second)
	b.want(61039, look())
	b.clock.Advance(time.Second)
	if got := count(b.want(0, look())); got != [2]int{0, 1} {
		t.Errorf("lists of %v entries, want 0 and 1: used but not declared", got)
	}
	b.want(61040, b.app(id, "POST", "/wxa/submit_audit", "{}"))
	b.want(0, b.app(id, "POST", "/wxa/submit_audit", obj{"privacy_api_not_use": true}))

	if err := b.sim.ChangeApp(id, AppChange{NoPrivate: []string{"getLocation"}}); err != nil {
		t.Fatal(err)
	}
	b.commit(id, "2", "c")
	b.clock.Advance(time.Minute)
	if got := count(b.want(0, look())); got != [2]int{1, 1} {
		t.Errorf("lists of %v entries, want 1 and 1: used without the right", got)
	}
	b.want(61040, b.app(id, "POST", "/wxa/submit_audit", obj{"privacy_api_not_use": true}))
}

func TestPagesAndQRCode(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 2})
	id := AppID(1)
	b.want(86001, b.app(id, "GET", "/wxa/get_page", nil))
	b.want(86001, b.app(id, "GET", "/wxa/get_qrcode", nil))
	body := commitBody(id, "2", "d")
	body["ext_json"] = `{"pages":["pages/goods/goods"]}`
	b.want(0, b.app(id, "POST", "/wxa/commit", body))
	pages := b.want(0, b.app(id, "GET", "/wxa/get_page", nil))["page_list"].([]any)
	if len(pages) != 1 || pages[0] != "pages/goods/goods" {
		t.Errorf("pages %v, want the subset committed", pages)
	}
	_, kind, picture, err := b.raw("GET", withToken("/wxa/get_qrcode?path=pages%2Fgoods%2Fgoods", b.token(id)), nil)
	if err != nil || kind != "image/jpeg" || len(picture) < 100 || picture[0] != 0xff || picture[1] != 0xd8 {
		t.Errorf("type %q, %d bytes, err %v; want a JPEG", kind, len(picture), err)
	}
}

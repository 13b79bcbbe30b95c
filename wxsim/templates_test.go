package wxsim

import (
	"encoding/json"
	"testing"
)

func TestTemplateLibrary(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 1})
	list := func(query string) []any {
		return b.want(0, b.platform("GET", "/wxa/gettemplatelist"+query, nil))["template_list"].([]any)
	}
	draft := b.sim.PutDraft(Template{Version: "3.9.0", Desc: "spring"})
	drafts := b.want(0, b.platform("GET", "/wxa/gettemplatedraftlist", nil))["draft_list"].([]any)
	if len(drafts) != 1 || drafts[0].(obj)["user_version"] != "3.9.0" {
		t.Fatalf("drafts %v, want only the latest upload", drafts)
	}
	b.want(85064, b.platform("POST", "/wxa/addtotemplate", obj{"draft_id": draft + 1}))
	b.want(40097, b.platform("POST", "/wxa/addtotemplate", obj{"draft_id": draft, "template_type": 2}))
	b.want(47001, b.platform("POST", "/wxa/addtotemplate", obj{}))
	out := b.want(0, b.platform("POST", "/wxa/addtotemplate", obj{"draft_id": draft}))
	if len(out) != 2 {
		t.Errorf("reply %v, want no template id", out)
	}
	all := list("")
	last := all[len(all)-1].(obj)
	if len(all) != 4 || last["template_id"] != json.Number("3") || last["draft_id"] != json.Number("2") || all[0].(obj)["template_id"] != json.Number("0") {
		t.Errorf("templates %v, want ids 0 to 3, the last from draft 2", all)
	}
	b.want(0, b.platform("POST", "/wxa/addtotemplate", obj{"draft_id": draft, "template_type": 1}))
	if ordinary, standard := list("?template_type=0"), list("?template_type=1"); len(ordinary) != 4 || len(standard) != 1 {
		t.Errorf("%d ordinary and %d standard templates, want 4 and 1", len(ordinary), len(standard))
	}
	b.want(40097, b.platform("GET", "/wxa/gettemplatelist?template_type=x", nil))

	b.want(0, b.platform("POST", "/wxa/deletetemplate", obj{"template_id": 1}))
	b.want(85064, b.platform("POST", "/wxa/deletetemplate", obj{"template_id": 1}))
	b.want(85014, b.app(AppID(0), "POST", "/wxa/commit", commitBody(AppID(0), "2", "d")))
}

func TestTemplateLibraryIsBounded(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{})
	for range maxTemplates - 3 {
		b.sim.PutTemplate(Template{ID: -1, Version: "9"})
	}
	b.want(85065, b.platform("POST", "/wxa/addtotemplate", obj{"draft_id": 1}))
	b.want(0, b.platform("POST", "/wxa/deletetemplate", obj{"template_id": 0}))
	b.want(0, b.platform("POST", "/wxa/addtotemplate", obj{"draft_id": 1}))
}

// TestLibraryByApp: whether the library accepts an app's token is a quirk. App creation never does.
func TestLibraryByApp(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 1})
	id := AppID(0)
	calls := func(code int) {
		t.Helper()
		b.want(code, b.app(id, "GET", "/wxa/gettemplatelist", nil))
		b.want(code, b.app(id, "GET", "/wxa/gettemplatedraftlist", nil))
		b.want(code, b.app(id, "POST", "/wxa/addtotemplate", obj{"draft_id": 1}))
		b.want(code, b.app(id, "POST", "/wxa/deletetemplate", obj{"template_id": 0}))
	}
	calls(61014)
	b.sim.Change(func(s *Settings) { s.Quirks.LibraryByApp = true })
	calls(0)
	b.want(0, b.platform("GET", "/wxa/gettemplatelist", nil))
	b.want(61014, b.app(id, "POST", "/wxa/component/fastregisterbetaweapp", obj{"name": "shop", "openid": "o1234567890123456789"}))
}

package wxsim

import "testing"

// TestOptions: whose token the calls want is a quirk; values are strict and per app.
func TestOptions(t *testing.T) {
	t.Parallel()
	const get, set = "/cgi-bin/component/get_authorizer_option", "/cgi-bin/component/set_authorizer_option"
	b := setup(t, Options{Apps: 2})
	id := AppID(0)
	body := func(name string, value any) obj {
		o := obj{"component_appid": DefaultComponentAppID, "authorizer_appid": id, "option_name": name}
		if value != nil {
			o["option_value"] = value
		}
		return o
	}
	b.want(61015, b.platform("POST", get, body("voice_recognize", nil)))
	b.want(61012, b.app(id, "POST", get, body("voice", nil)))
	b.want(61013, b.app(id, "POST", set, body("voice_recognize", "2")))
	b.want(47001, b.app(id, "POST", set, body("voice_recognize", 1)))
	if out := b.want(0, b.app(id, "POST", get, body("voice_recognize", nil))); out["option_value"] != "0" || out["authorizer_appid"] != id {
		t.Errorf("reply %v, want it off at first", out)
	}
	b.want(0, b.app(id, "POST", set, body("voice_recognize", "1")))

	b.sim.Change(func(s *Settings) { s.Quirks = Quirks{OptionByComponent: true} })
	b.want(61014, b.app(id, "POST", get, body("voice_recognize", nil)))
	if out := b.want(0, b.platform("POST", get, body("voice_recognize", nil))); out["option_value"] != "1" {
		t.Errorf("reply %v, want what was set", out)
	}
	b.want(41018, b.platform("POST", get, obj{"option_name": "voice_recognize"}))
	b.want(40013, b.platform("POST", set, obj{"component_appid": DefaultComponentAppID, "authorizer_appid": "wx0", "option_name": "voice_recognize", "option_value": "1"}))
	other := body("voice_recognize", nil)
	other["authorizer_appid"] = AppID(1)
	if out := b.want(0, b.platform("POST", get, other)); out["option_value"] != "0" {
		t.Errorf("reply %v, want the other app's own", out)
	}
	if !b.sim.Unauthorize(id) {
		t.Error("the app was not authorized")
	}
	b.want(61003, b.platform("POST", set, body("voice_recognize", "1")))
}

package wxsim

import (
	"fmt"
	"testing"
)

func TestBaseLibrary(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 1})
	id := AppID(0)
	const get, set = "/cgi-bin/wxopen/getweappsupportversion", "/cgi-bin/wxopen/setweappsupportversion"
	if out := b.want(0, b.app(id, "POST", get, "{}")); out["now_version"] != "2.0.0" || len(out["uv_info"].(obj)["items"].([]any)) != 4 {
		t.Errorf("reply %v", out)
	}
	for version, code := range map[string]int{"2.32.0": 0, "3.8.1": 89014, "4.0.0": 89014, "2.32": 89014, "": 89014, "v2.32.0": 89014, "3.8.0": 0} {
		b.want(code, b.app(id, "POST", set, obj{"version": version}))
	}
	b.want(47001, b.app(id, "POST", set, obj{"version": 2}))
	b.want(0, b.app(id, "POST", set, obj{"version": "2.9.5"}))
	if out := b.want(0, b.app(id, "POST", get, "{}")); out["now_version"] != "2.9.5" {
		t.Errorf("reply %v, want what was set", out)
	}
}

func TestVisibility(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 1})
	id := AppID(0)
	status := func() string { return fmt.Sprint(b.want(0, b.app(id, "POST", "/wxa/getvisitstatus", "{}"))["status"]) }
	change := func(code int, action string) {
		t.Helper()
		b.want(code, b.app(id, "POST", "/wxa/change_visitstatus", obj{"action": action}))
	}
	change(85022, "shut")
	change(85021, "open")
	change(0, "close")
	change(85021, "close")
	if status() != "0" {
		t.Errorf("status %s, want 0", status())
	}
	change(0, "open")
	if status() != "1" {
		t.Errorf("status %s, want 1", status())
	}
}

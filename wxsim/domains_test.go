package wxsim

import (
	"fmt"
	"testing"
	"time"
)

// registerHosts registers server domains on the component, published.
func (b *bench) registerHosts(action, hosts string) obj {
	b.t.Helper()
	return b.want(0, b.platform("POST", "/cgi-bin/component/modify_wxa_server_domain",
		obj{"action": action, "wxa_server_domain": hosts, "is_modify_published_together": true}))
}

func requestDomains(list ...string) obj { return obj{"action": "add", "requestdomain": list} }

// TestServerDomains: what may be set by each way, and what a call answers when it changes nothing.
func TestServerDomains(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 1})
	id := AppID(0)
	set := func(code int, path string, body obj) obj {
		t.Helper()
		return b.want(code, b.app(id, "POST", "/wxa/"+path, body))
	}
	set(85018, "modify_domain", requestDomains("https://a.example.com"))
	out := b.want(0, b.platform("POST", "/cgi-bin/component/modify_wxa_server_domain", obj{"action": "add", "wxa_server_domain": "a.example.com;b.example.com;https://x;1.2.3.4"}))
	if out["published_wxa_server_domain"] != "" || out["testing_wxa_server_domain"] != "a.example.com;b.example.com" || out["invalid_wxa_server_domain"] != "https://x;1.2.3.4" {
		t.Errorf("reply %v, want only the test version changed and two reported as invalid", out)
	}
	set(85018, "modify_domain", requestDomains("https://a.example.com"))
	b.registerHosts("add", "a.example.com;b.example.com")
	out = set(0, "modify_domain", obj{"action": "add", "requestdomain": []string{"https://a.example.com", "http://a.example.com", "https://a.example.com/x"}, "wsrequestdomain": []string{"wss://b.example.com"}})
	if fmt.Sprint(out["requestdomain"], out["wsrequestdomain"], len(out["invalid_requestdomain"].([]any))) != "[https://a.example.com] [wss://b.example.com] 2" {
		t.Errorf("reply %v", out)
	}
	set(85017, "modify_domain", requestDomains("https://a.example.com"))
	set(85017, "modify_domain", obj{"action": "delete", "requestdomain": []string{"https://b.example.com"}})
	set(85022, "modify_domain", obj{"action": "put"})
	set(47001, "modify_domain", obj{"action": "add", "requestdomain": "https://a.example.com"})
	set(0, "modify_domain_directly", requestDomains("https://c.example.com"))
	if out := set(0, "modify_domain", obj{"action": "get"}); fmt.Sprint(out["requestdomain"]) != "[https://a.example.com]" {
		t.Errorf("reply %v, want the first way's own list", out)
	}
	set(0, "modify_domain", obj{"action": "set", "requestdomain": []string{"https://b.example.com"}})
	if out := set(0, "modify_domain", obj{"action": "get"}); fmt.Sprint(out["requestdomain"], out["wsrequestdomain"]) != "[https://b.example.com] []" {
		t.Errorf("reply %v, want every list replaced", out)
	}
	many := []string{}
	for n := range maxDomains + 1 {
		many = append(many, fmt.Sprintf("https://n%d.example.com", n))
	}
	set(85016, "modify_domain_directly", requestDomains(many...))
	set(0, "modify_domain_directly", obj{"action": "set", "requestdomain": many[:maxDomains]})
}

// TestDomainChangesAMonth: fifty of an app over both ways, and fifty of the component.
func TestDomainChangesAMonth(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 1, TokenTTL: 10000 * time.Hour})
	id := AppID(0)
	change := func(code, n int) {
		t.Helper()
		b.want(code, b.app(id, "POST", "/wxa/modify_domain_directly", requestDomains(fmt.Sprintf("https://n%d.example.com", n))))
	}
	for n := range domainChanges {
		change(0, n)
		b.registerHosts("add", fmt.Sprintf("n%d.example.com", n))
	}
	change(86102, 99)
	b.want(0, b.app(id, "POST", "/wxa/modify_domain_directly", obj{"action": "get"}))
	b.want(45104, b.platform("POST", "/cgi-bin/component/modify_wxa_server_domain", obj{"action": "add", "wxa_server_domain": "x.example.com"}))
	b.want(0, b.platform("POST", "/cgi-bin/component/modify_wxa_server_domain", obj{"action": "get"}))
	b.clock.Advance(31 * 24 * time.Hour)
	change(0, 99)
}

// TestReleaseTrap: a domain that was taken off the component between commit and release disappears from the live app.
// Only the direct way survives.
func TestReleaseTrap(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 2})
	id := AppID(1)
	live := func() string { v, _ := b.sim.App(id); return fmt.Sprint(v.Domains) }
	effective := func(kind string) string {
		t.Helper()
		out := b.want(0, b.app(id, "POST", "/wxa/get_effective_domain", "{}"))
		return fmt.Sprint(out[kind].(obj)["requestdomain"])
	}
	if err := b.sim.ChangeApp(id, AppChange{Console: []string{"https://old.example.com"}}); err != nil {
		t.Fatal(err)
	}
	b.registerHosts("add", "stays.example.com;goes.example.com")
	b.want(0, b.app(id, "POST", "/wxa/modify_domain", requestDomains("https://stays.example.com", "https://goes.example.com")))
	b.want(0, b.app(id, "POST", "/wxa/modify_domain_directly", requestDomains("https://direct.example.com")))
	if live() != "[https://old.example.com]" || effective("mp_domain") != "[https://old.example.com]" {
		t.Errorf("live %s: a change took effect before a release", live())
	}
	if got := effective("effective_domain"); got != "[https://stays.example.com https://goes.example.com https://direct.example.com]" {
		t.Errorf("effective %s", got)
	}
	b.commit(id, "2", "d")
	b.submit(id)
	b.registerHosts("delete", "goes.example.com")
	want := "[https://stays.example.com https://direct.example.com]"
	if effective("effective_domain") != want || effective("third_domain") != "[https://stays.example.com https://goes.example.com]" {
		t.Errorf("effective %s, want what a release would leave", effective("effective_domain"))
	}
	b.release(id)
	if live() != want || effective("third_domain") != "[https://stays.example.com]" || effective("mp_domain") != "[]" {
		t.Errorf("live %s, want %s", live(), want)
	}
	b.registerHosts("add", "goes.example.com")
	if live() != want || effective("effective_domain") != want {
		t.Errorf("live %s: what was lost came back", live())
	}
	info := b.platform("POST", "/cgi-bin/component/api_get_authorizer_info", obj{"component_appid": DefaultComponentAppID, "authorizer_appid": id})
	if got := fmt.Sprint(info["authorizer_info"].(obj)["MiniProgramInfo"].(obj)["network"].(obj)["RequestDomain"]); got != want {
		t.Errorf("authorizer info shows %s, want %s", got, want)
	}
}

// TestDirectDomainsServeAHundred: one more owner is refused, unless another one gave the domain up.
func TestDirectDomainsServeAHundred(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: ownersDirectly + 1})
	add := func(code, n int) {
		t.Helper()
		b.want(code, b.app(AppID(n), "POST", "/wxa/modify_domain_directly", requestDomains("https://a.example.com")))
	}
	for n := range ownersDirectly {
		add(0, n)
	}
	add(85016, ownersDirectly)
	b.want(0, b.app(AppID(0), "POST", "/wxa/modify_domain_directly", obj{"action": "delete", "requestdomain": []string{"https://a.example.com"}}))
	add(0, ownersDirectly)
}

// TestWebviewDomains: both ways, their files, and the rule of releases.
func TestWebviewDomains(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 2})
	id := AppID(1)
	set := func(code int, path, action string, domains ...string) obj {
		t.Helper()
		body := obj{"webviewdomain": domains}
		if domains == nil {
			body = obj{}
		}
		if action != "" {
			body["action"] = action
		}
		return b.want(code, b.app(id, "POST", "/wxa/"+path, body))
	}
	jumps := func(action, hosts string) obj {
		t.Helper()
		return b.want(0, b.platform("POST", "/cgi-bin/component/modify_wxa_jump_domain", obj{"action": action, "wxa_jump_h5_domain": hosts, "is_modify_published_together": true}))
	}
	set(89020, "setwebviewdomain", "add", "https://a.example.com")
	file := b.want(0, b.platform("POST", "/cgi-bin/component/get_domain_confirmfile", "{}"))
	if out := jumps("add", "example.com;example.org"); out["invalid_wxa_jump_h5_domain"] != "example.com;example.org" || out["published_wxa_jump_h5_domain"] != "" {
		t.Errorf("reply %v, want hosts without the file refused", out)
	}
	b.sim.PlaceFile("", "example.com")
	b.sim.PlaceFile("", "example.org")
	if out := jumps("add", "example.com;example.org"); out["published_wxa_jump_h5_domain"] != "example.com;example.org" {
		t.Errorf("reply %v", out)
	}
	set(89021, "setwebviewdomain", "add", "https://a.example.net")
	set(89021, "setwebviewdomain", "add", "http://a.example.com")
	set(0, "setwebviewdomain", "add", "https://a.example.com", "https://b.example.org")
	set(89019, "setwebviewdomain", "add", "https://a.example.com")
	set(85022, "setwebviewdomain", "put")
	set(85022, "setwebviewdomain_directly", "")
	set(86103, "setwebviewdomain_directly", "add", "https://own.example.net")
	own := b.want(0, b.app(id, "POST", "/wxa/get_webviewdomain_confirmfile", "{}"))
	if own["file_name"] == file["file_name"] || own["file_content"] == file["file_content"] {
		t.Error("the app's file is the component's")
	}
	b.sim.PlaceFile("", "own.example.net")
	set(86103, "setwebviewdomain_directly", "add", "https://own.example.net")
	b.sim.PlaceFile(id, "own.example.net")
	set(0, "setwebviewdomain_directly", "add", "https://own.example.net")

	b.commit(id, "2", "d")
	b.submit(id)
	jumps("delete", "example.org")
	b.release(id)
	out := b.want(0, b.app(id, "POST", "/wxa/get_effective_webviewdomain", "{}"))
	if fmt.Sprint(out["third_webviewdomain"], out["direct_webviewdomain"], out["effective_webviewdomain"]) !=
		"[https://a.example.com] [https://own.example.net] [https://a.example.com https://own.example.net]" {
		t.Errorf("reply %v, want the subdomain of what is gone lost", out)
	}
	set(0, "setwebviewdomain", "")
	if out := set(0, "setwebviewdomain", "get"); fmt.Sprint(out["webviewdomain"]) != "[https://example.com]" {
		t.Errorf("reply %v, want a copy of the component's", out)
	}
	yes := true
	if err := b.sim.ChangeApp(id, AppChange{Personal: &yes}); err != nil {
		t.Fatal(err)
	}
	set(89231, "setwebviewdomain", "get")
}

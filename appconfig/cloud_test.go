package appconfig_test

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/wxrollout/wxrollout/appconfig"
	"github.com/wxrollout/wxrollout/rollout/extjson"
	"github.com/wxrollout/wxrollout/wxclient/configapi"
	"github.com/wxrollout/wxrollout/wxclient/errcode"
)

type obj = map[string]any

// fataler is a *testing.T or a *rapid.T.
type fataler interface {
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// cloud is an app at WeChat: the rules of its calls, in short.
type cloud struct {
	configapi.Calls // nil: no other call is made

	domains configapi.EffectiveServerDomains
	webview configapi.EffectiveWebviewDomains
	testers []string
	rules   []configapi.QRRule
	lowest  string
	serving bool
	draft   configapi.PrivacyGuideline
	servers []string // the platform's list
	writes  int
}

func (c *cloud) copy() *cloud {
	next := *c
	return &next
}

func (c *cloud) EffectiveDomains(context.Context, string) (configapi.EffectiveServerDomains, error) {
	return c.domains, nil
}

func changed(action configapi.DomainAction, have, sent []string) []string {
	var out []string
	if action != configapi.DomainSet {
		out = slices.DeleteFunc(slices.Clone(have), func(v string) bool { return slices.Contains(sent, v) })
	}
	if action != configapi.DomainDelete {
		out = append(out, sent...)
	}
	return out
}

func (c *cloud) modify(action configapi.DomainAction, have *configapi.ServerDomains, d configapi.ServerDomains) (configapi.ChangedDomains, error) {
	c.writes++
	*have = configapi.ServerDomains{
		Request: changed(action, have.Request, d.Request), WebSocket: changed(action, have.WebSocket, d.WebSocket),
		Upload: changed(action, have.Upload, d.Upload), Download: changed(action, have.Download, d.Download),
		UDP: changed(action, have.UDP, d.UDP), TCP: changed(action, have.TCP, d.TCP),
	}
	return configapi.ChangedDomains{}, nil
}

func (c *cloud) ModifyDomains(_ context.Context, _ string, action configapi.DomainAction, d configapi.ServerDomains) (configapi.ChangedDomains, error) {
	return c.modify(action, &c.domains.Third, d)
}

func (c *cloud) ModifyDomainsDirectly(_ context.Context, _ string, action configapi.DomainAction, d configapi.ServerDomains) (configapi.ChangedDomains, error) {
	return c.modify(action, &c.domains.Direct, d)
}

func (c *cloud) PlatformServerDomains(_ context.Context, action configapi.DomainAction, hosts []string, published bool) (configapi.PlatformDomains, error) {
	if published {
		c.servers = changed(action, c.servers, hosts)
	}
	return configapi.PlatformDomains{Published: c.servers}, nil
}

func (c *cloud) EffectiveWebviewDomains(context.Context, string) (configapi.EffectiveWebviewDomains, error) {
	return c.webview, nil
}

func (c *cloud) SetWebviewDomains(_ context.Context, _ string, action configapi.DomainAction, list []string) (configapi.ChangedWebviewDomains, error) {
	c.writes++
	c.webview.Third = changed(action, c.webview.Third, list)
	return configapi.ChangedWebviewDomains{}, nil
}

func (c *cloud) SetWebviewDomainsDirectly(_ context.Context, _ string, action configapi.DomainAction, list []string) (configapi.ChangedWebviewDomains, error) {
	c.writes++
	c.webview.Direct = changed(action, c.webview.Direct, list)
	return configapi.ChangedWebviewDomains{}, nil
}

func (c *cloud) Testers(context.Context, string) ([]string, error) { return c.testers, nil }

func (c *cloud) BindTester(_ context.Context, _, id string) (string, error) {
	c.writes++
	if slices.Contains(c.testers, "u-"+id) {
		return "", &errcode.Error{Code: 85004}
	}
	c.testers = append(slices.Clone(c.testers), "u-"+id)
	return "u-" + id, nil
}

func (c *cloud) UnbindTester(_ context.Context, _, id, _ string) error {
	c.writes++
	if !slices.Contains(c.testers, "u-"+id) {
		return &errcode.Error{Code: 85001}
	}
	c.testers = slices.DeleteFunc(slices.Clone(c.testers), func(u string) bool { return u == "u-"+id })
	return nil
}

func (c *cloud) QRRules(context.Context, string) (configapi.QRRules, error) {
	return configapi.QRRules{Rules: c.rules}, nil
}

func (c *cloud) DeleteQRRule(_ context.Context, _, prefix string) error {
	c.writes++
	c.rules = slices.DeleteFunc(slices.Clone(c.rules), func(r configapi.QRRule) bool { return r.Prefix == prefix })
	return nil
}

func (c *cloud) PutQRRule(_ context.Context, _ string, rule configapi.QRRule, _ bool) error {
	c.writes++
	c.rules = append(slices.DeleteFunc(slices.Clone(c.rules), func(r configapi.QRRule) bool { return r.Prefix == rule.Prefix }), rule)
	return nil
}

func (c *cloud) PublishQRRule(_ context.Context, _, prefix string) error {
	c.writes++
	c.rules = slices.Clone(c.rules)
	for i := range c.rules {
		c.rules[i].Published = c.rules[i].Published || c.rules[i].Prefix == prefix
	}
	return nil
}

func (c *cloud) LowestLibrary(context.Context, string) (configapi.BaseLibrary, error) {
	return configapi.BaseLibrary{Lowest: c.lowest}, nil
}

func (c *cloud) SetLowestLibrary(_ context.Context, _, version string) error {
	c.writes++
	c.lowest = version
	return nil
}

func (c *cloud) Serving(context.Context, string) (bool, error) { return c.serving, nil }

func (c *cloud) SetServing(_ context.Context, _ string, serving bool) error {
	c.writes++
	c.serving = serving
	return nil
}

func (c *cloud) PrivacyGuideline(context.Context, string, configapi.PrivacyVersion) (configapi.PrivacyGuideline, error) {
	return c.draft, nil
}

func (c *cloud) SetPrivacyGuideline(_ context.Context, _ string, r configapi.GuidelineRequest) error {
	c.writes++
	c.draft.Owner, c.draft.Settings = r.Owner, r.Settings
	return nil
}

// wanting renders a configure section for one app.
func wanting(t fataler, text string, columns obj) *appconfig.Want {
	tmpl, err := appconfig.Parse(text)
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	app := extjson.App{AppID: "wx1", Columns: map[string]string{}}
	for name, v := range columns {
		app.Columns[name] = v.(string)
	}
	want, err := tmpl.Render(app)
	if err != nil {
		t.Fatalf("%v of %s", err, text)
	}
	return want
}

// asText is a section as a plan keeps it.
func asText(t fataler, section obj) string {
	text, err := json.Marshal(section)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// opened is the work on one kind after a read.
func opened(t fataler, c *cloud, kind string, want *appconfig.Want) appconfig.Work {
	k := appconfig.KindOf(kind)
	if !want.Asks(k) {
		t.Fatalf("the section does not ask for %s", kind)
	}
	w, err := k.Open(c, want)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Read(context.Background()); err != nil {
		t.Fatal(err)
	}
	return w
}

func changes(t fataler, w appconfig.Work) []appconfig.Change {
	list, err := w.Changes()
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestTableIsComplete: each kind has what generic code and people need of it, and the client has its
// port.
func TestTableIsComplete(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	schemas := map[string]bool{}
	for _, k := range appconfig.Kinds() {
		if seen[k.Name] || k.Name == "" || k.Title == "" || len(k.At) == 0 {
			t.Errorf("kind %q: title %q, at %v, twice %t", k.Name, k.Title, k.At, seen[k.Name])
		}
		seen[k.Name] = true
		if k.Schema != nil && schemas[k.Key] || k.Schema == nil && !schemas[k.Key] {
			t.Errorf("%s: the section %s needs one schema, of its first kind", k.Name, k.Key)
		}
		schemas[k.Key] = true
	}
	if got := len(appconfig.Schema().Fields); got != len(slices.Collect(maps.Keys(schemas))) {
		t.Errorf("%d sections, want %d", got, len(schemas))
	}
	if appconfig.KindOf("nothing") != nil {
		t.Error("there is a kind of that name")
	}
	want := wanting(t, `{"visibility": "open"}`, nil)
	if _, err := appconfig.KindOf("visibility").Open(struct{}{}, want); err == nil {
		t.Error("a client without the port was taken")
	}
}

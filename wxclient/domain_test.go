package wxclient_test

import (
	"context"
	"strings"
	"testing"

	"github.com/wxrollout/wxrollout/wxclient"
	"github.com/wxrollout/wxrollout/wxclient/configapi"
)

func TestDomainEndpoints(t *testing.T) {
	t.Parallel()
	domains := configapi.ServerDomains{Request: []string{"https://a.example.com:8443"}, WebSocket: []string{"wss://b.example.com"},
		Upload: []string{"https://c.example.com"}, Download: []string{"https://d.example.com"}, UDP: []string{"udp://e.example.com"}, TCP: []string{"tcp://f.example.com"}}
	const lists = `"requestdomain":["https://a.example.com:8443"],"wsrequestdomain":["wss://b.example.com"],"uploaddomain":["https://c.example.com"],` +
		`"downloaddomain":["https://d.example.com"],"udpdomain":["udp://e.example.com"],"tcpdomain":["tcp://f.example.com"]`
	some := func(host string) configapi.ServerDomains {
		return configapi.ServerDomains{Request: []string{"https://" + host}}
	}
	runEndpoints(t, []endpointCase{
		{
			name: "add",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) {
				return c.ModifyDomains(ctx, app, configapi.DomainAdd, domains)
			},
			want:  got{"POST", "/wxa/modify_domain", appQuery, `{"action":"add",` + lists + `}`},
			reply: `{"errcode":0,` + lists + `,"invalid_requestdomain":["https://x"],"invalid_tcpdomain":["tcp://y"],"invalid_udpdomain":[],"no_icp_domain":["https://z"]}`,
			out: configapi.ChangedDomains{Domains: domains, Refused: []wxclient.RefusedItem{
				{List: "invalid_requestdomain", Item: "https://x"}, {List: "invalid_tcpdomain", Item: "tcp://y"}, {List: "no_icp_domain", Item: "https://z"}}},
		},
		{
			name: "get directly",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) {
				return c.ModifyDomainsDirectly(ctx, app, configapi.DomainGet, configapi.ServerDomains{})
			},
			want:  got{"POST", "/wxa/modify_domain_directly", appQuery, `{"action":"get"}`},
			reply: `{"errcode":0,` + lists + `}`, out: configapi.ChangedDomains{Domains: domains},
		},
		{
			name: "empty all lists",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) {
				return c.ModifyDomains(ctx, app, configapi.DomainSet, configapi.ServerDomains{})
			},
			want: got{"POST", "/wxa/modify_domain", appQuery, `{"action":"set"}`}, reply: ok, out: configapi.ChangedDomains{},
		},
		{
			name: "effective",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) { return c.EffectiveDomains(ctx, app) },
			want: got{"POST", "/wxa/get_effective_domain", appQuery, `{}`},
			reply: `{"errcode":0,"mp_domain":{"requestdomain":["https://a"]},"third_domain":{"requestdomain":["https://b"]},` +
				`"direct_domain":{"requestdomain":["https://c"]},"effective_domain":{"requestdomain":["https://d"]}}`,
			out: configapi.EffectiveServerDomains{Console: some("a"), Third: some("b"), Direct: some("c"), Effective: some("d")},
		},
		{
			name: "copy web-view domains",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) {
				return c.SetWebviewDomains(ctx, app, configapi.WebviewCopy, nil)
			},
			want: got{"POST", "/wxa/setwebviewdomain", appQuery, `{}`}, reply: ok, out: configapi.ChangedWebviewDomains{},
		},
		{
			name: "set web-view domains",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) {
				return c.SetWebviewDomainsDirectly(ctx, app, configapi.DomainSet, []string{"https://a.example.com"})
			},
			want:  got{"POST", "/wxa/setwebviewdomain_directly", appQuery, `{"action":"set","webviewdomain":["https://a.example.com"]}`},
			reply: `{"errcode":0,"webviewdomain":["https://a.example.com"],"invalid_webviewdomain":["https://b.example.com"]}`,
			out: configapi.ChangedWebviewDomains{Domains: []string{"https://a.example.com"},
				Refused: []wxclient.RefusedItem{{List: "invalid_webviewdomain", Item: "https://b.example.com"}}},
		},
		{
			name:  "web-view file",
			call:  func(ctx context.Context, c *wxclient.Client) (any, error) { return c.WebviewFile(ctx, app) },
			want:  got{"POST", "/wxa/get_webviewdomain_confirmfile", appQuery, `{}`},
			reply: `{"errcode":0,"file_name":"a.txt","file_content":"b"}`, out: configapi.ConfirmFile{Name: "a.txt", Content: "b"},
		},
		{
			name:  "effective web-view domains",
			call:  func(ctx context.Context, c *wxclient.Client) (any, error) { return c.EffectiveWebviewDomains(ctx, app) },
			want:  got{"POST", "/wxa/get_effective_webviewdomain", appQuery, `{}`},
			reply: `{"errcode":0,"mp_webviewdomain":["a"],"third_webviewdomain":["b"],"direct_webviewdomain":["c"],"effective_webviewdomain":["d"]}`,
			out:   configapi.EffectiveWebviewDomains{Console: []string{"a"}, Third: []string{"b"}, Direct: []string{"c"}, Effective: []string{"d"}},
		},
		{
			name: "platform servers",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) {
				return c.PlatformServerDomains(ctx, configapi.DomainAdd, []string{"a.example.com", "b.example.com"}, true)
			},
			want: got{"POST", "/cgi-bin/component/modify_wxa_server_domain", componentQuery,
				`{"action":"add","wxa_server_domain":"a.example.com;b.example.com","is_modify_published_together":true}`},
			reply: `{"errcode":0,"published_wxa_server_domain":"a.example.com","testing_wxa_server_domain":"a.example.com; b.example.com;","invalid_wxa_server_domain":""}`,
			out:   configapi.PlatformDomains{Published: []string{"a.example.com"}, Testing: []string{"a.example.com", "b.example.com"}},
		},
		{
			name: "platform web-view domains",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) {
				return c.PlatformWebviewDomains(ctx, configapi.DomainGet, nil, false)
			},
			want:  got{"POST", "/cgi-bin/component/modify_wxa_jump_domain", componentQuery, `{"action":"get","is_modify_published_together":false}`},
			reply: `{"errcode":0,"published_wxa_jump_h5_domain":null,"testing_wxa_jump_h5_domain":"a.example.com","invalid_wxa_jump_h5_domain":"x"}`,
			out:   configapi.PlatformDomains{Testing: []string{"a.example.com"}, Refused: []wxclient.RefusedItem{{List: "invalid_wxa_jump_h5_domain", Item: "x"}}},
		},
		{
			name:  "platform file",
			call:  func(ctx context.Context, c *wxclient.Client) (any, error) { return c.PlatformFile(ctx) },
			want:  got{"POST", "/cgi-bin/component/get_domain_confirmfile", componentQuery, `{}`},
			reply: `{"errcode":0,"file_name":"a.txt","file_content":"b"}`, out: configapi.ConfirmFile{Name: "a.txt", Content: "b"},
		},
	})
}

func TestDomainFaults(t *testing.T) {
	t.Parallel()
	modify := func(action configapi.DomainAction, d configapi.ServerDomains) func(context.Context, *wxclient.Client) error {
		return func(ctx context.Context, c *wxclient.Client) error {
			_, err := c.ModifyDomains(ctx, app, action, d)
			return err
		}
	}
	request := func(domain string) func(context.Context, *wxclient.Client) error {
		return modify(configapi.DomainAdd, configapi.ServerDomains{Request: []string{domain}})
	}
	webview := func(action configapi.DomainAction, domains ...string) func(context.Context, *wxclient.Client) error {
		return func(ctx context.Context, c *wxclient.Client) error {
			_, err := c.SetWebviewDomains(ctx, app, action, domains)
			return err
		}
	}
	platform := func(action configapi.DomainAction, domains ...string) func(context.Context, *wxclient.Client) error {
		return func(ctx context.Context, c *wxclient.Client) error {
			_, err := c.PlatformWebviewDomains(ctx, action, domains, false)
			return err
		}
	}
	many := strings.Split(strings.Repeat("https://a.example.com ", 201), " ")[:201]
	runRefusals(t, []refusalCase{
		{"no action", "action is \"\"", modify("", configapi.ServerDomains{})},
		{"nothing to add", "no domain to add", modify(configapi.DomainAdd, configapi.ServerDomains{})},
		{"get with domains", "get takes no domains", modify(configapi.DomainGet, configapi.ServerDomains{Request: []string{"https://a.example.com"}})},
		{"http", "not like https", request("http://a.example.com")},
		{"path", "without a path", request("https://a.example.com/x")},
		{"address", "IP address", request("https://1.2.3.4")},
		{"WeChat's own", "can't be a domain of an app", request("https://api.weixin.qq.com")},
		{"one word", "not a domain", request("https://localhost")},
		{"wrong list", "wss://example.com", modify(configapi.DomainSet, configapi.ServerDomains{WebSocket: []string{"https://a.example.com"}})},
		{"too many", "201 domains", modify(configapi.DomainSet, configapi.ServerDomains{UDP: nil, Request: many})},
		{"all at once", "; ", modify(configapi.DomainAdd, configapi.ServerDomains{Request: []string{"x"}, TCP: []string{"y"}})},
		{"web-view by http", "not like https", webview(configapi.DomainAdd, "http://a.example.com")},
		{"web-view copy with domains", "takes no domains", webview(configapi.WebviewCopy, "https://a.example.com")},
		{"many web-views", "201 domains", webview(configapi.DomainSet, many...)},
		{"direct copy", "action is", func(ctx context.Context, c *wxclient.Client) error {
			_, err := c.SetWebviewDomainsDirectly(ctx, app, configapi.WebviewCopy, nil)
			return err
		}},
		{"platform with scheme", "no scheme", platform(configapi.DomainAdd, "https://a.example.com")},
		{"two in one", "no scheme", platform(configapi.DomainAdd, "a.example.com;b.example.com")},
		{"platform deletes nothing", "no domain to delete", platform(configapi.DomainDelete)},
		{"many of the platform", "at most 200", platform(configapi.DomainSet, many...)},
		{"more servers", "at most 1000", func(ctx context.Context, c *wxclient.Client) error {
			_, err := c.PlatformServerDomains(ctx, configapi.DomainSet, make([]string, 1001), true)
			return err
		}},
	})
	runUnreadable(t, []unreadableCase{
		{"no effective", func(ctx context.Context, c *wxclient.Client) error {
			_, err := c.EffectiveDomains(ctx, app)
			return err
		}, ok, "lacks mp_domain"},
		{"no effective web-views", func(ctx context.Context, c *wxclient.Client) error {
			_, err := c.EffectiveWebviewDomains(ctx, app)
			return err
		}, ok, "lacks mp_webviewdomain"},
		{"no file of the platform", func(ctx context.Context, c *wxclient.Client) error { _, err := c.PlatformFile(ctx); return err }, ok, "lacks file_name"},
	})
}

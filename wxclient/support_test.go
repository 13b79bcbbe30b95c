package wxclient_test

import (
	"context"
	"testing"

	"github.com/wxrollout/wxrollout/wxclient"
)

func TestOptionEndpoints(t *testing.T) {
	t.Parallel()
	const path = "/cgi-bin/component/get_authorizer_option"
	reply := `{"authorizer_appid":"` + app + `","option_name":"voice_recognize","option_value":"1"}`
	runEndpoints(t, []endpointCase{
		{
			name: "option by app",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) {
				return c.AuthorizerOption(ctx, app, "voice_recognize", wxclient.OptionByApp)
			},
			want: got{"POST", path, appQuery, `{"option_name":"voice_recognize"}`}, reply: reply, out: "1",
		},
		{
			name: "option by component",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) {
				return c.AuthorizerOption(ctx, app, "voice_recognize", wxclient.OptionByComponent)
			},
			want:  got{"POST", path, componentQuery, `{"component_appid":"wxcomponent","authorizer_appid":"` + app + `","option_name":"voice_recognize"}`},
			reply: `{"option_value":1}`, out: "1",
		},
		{
			name: "set option",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) {
				return nothing(c.SetAuthorizerOption(ctx, app, "location_report", "2", wxclient.OptionByApp))
			},
			want:  got{"POST", "/cgi-bin/component/set_authorizer_option", appQuery, `{"option_name":"location_report","option_value":"2"}`},
			reply: ok,
		},
	})
}

func TestSupportEndpoints(t *testing.T) {
	t.Parallel()
	runEndpoints(t, []endpointCase{
		{
			name:  "callback IPs",
			call:  func(ctx context.Context, c *wxclient.Client) (any, error) { return c.CallbackIPs(ctx) },
			want:  got{"GET", "/cgi-bin/getcallbackip", componentQuery, ""},
			reply: `{"ip_list":["192.0.2.1","192.0.2.2"]}`,
			out:   []string{"192.0.2.1", "192.0.2.2"},
		},
		{
			name: "request by rid",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) {
				return c.RequestByID(ctx, app, "61725984-6126f6f9-040f19c4")
			},
			want: got{"POST", "/cgi-bin/openapi/rid/get", appQuery, `{"rid":"61725984-6126f6f9-040f19c4"}`},
			reply: `{"errcode":0,"request":{"invoke_time":1635156704,"cost_in_ms":"30","request_url":"access_token=50_Im7s3cret",` +
				`"request_body":"{\"component_appsecret\":\"s3cret\",\"x\":1}","response_body":"{\"errcode\":45009}","client_ip":"192.0.2.9"}}`,
			out: wxclient.RequestRecord{InvokedAt: 1635156704, CostMS: 30, Query: "access_token=[redacted]",
				Body: `{"component_appsecret":"[redacted]","x":1}`, Reply: `{"errcode":45009}`, ClientIP: "192.0.2.9"},
		},
		{
			name:  "clear the component's quota",
			call:  func(ctx context.Context, c *wxclient.Client) (any, error) { return nothing(c.ClearQuota(ctx, "")) },
			want:  got{"POST", "/cgi-bin/clear_quota", componentQuery, `{"appid":"wxcomponent"}`},
			reply: ok,
		},
		{
			name:  "clear an app's quota",
			call:  func(ctx context.Context, c *wxclient.Client) (any, error) { return nothing(c.ClearQuota(ctx, app)) },
			want:  got{"POST", "/cgi-bin/clear_quota", appQuery, `{"appid":"` + app + `"}`},
			reply: ok,
		},
		{
			name: "clear by secret",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) {
				return nothing(c.ClearQuotaBySecret(ctx, "s3cret", ""))
			},
			want:  got{"POST", "/cgi-bin/component/clear_quota/v2", "", `{"component_appid":"wxcomponent","appsecret":"s3cret"}`},
			reply: ok,
		},
		{
			name: "clear an app's by secret",
			call: func(ctx context.Context, c *wxclient.Client) (any, error) {
				return nothing(c.ClearQuotaBySecret(ctx, "s3cret", app))
			},
			want:  got{"POST", "/cgi-bin/component/clear_quota/v2", "", `{"component_appid":"wxcomponent","appid":"` + app + `","appsecret":"s3cret"}`},
			reply: ok,
		},
	})
	option := func(ctx context.Context, c *wxclient.Client) error {
		_, err := c.AuthorizerOption(ctx, app, "voice_recognize", wxclient.OptionByApp)
		return err
	}
	runUnreadable(t, []unreadableCase{
		{"no addresses", func(ctx context.Context, c *wxclient.Client) error { _, err := c.CallbackIPs(ctx); return err }, ok, "lacks ip_list"},
		{"no request", func(ctx context.Context, c *wxclient.Client) error {
			_, err := c.RequestByID(ctx, app, "x")
			return err
		}, ok, "lacks request"},
		{"no value", option, ok, "lacks option_value"},
		{"null value", option, `{"option_value":null}`, "lacks option_value"},
	})
	runRefusals(t, []refusalCase{
		{"no such option", "none of location_report", func(ctx context.Context, c *wxclient.Client) error {
			return c.SetAuthorizerOption(ctx, app, "voice", "1", wxclient.OptionByApp)
		}},
		{"no such value", "want one of", func(ctx context.Context, c *wxclient.Client) error {
			return c.SetAuthorizerOption(ctx, app, "voice_recognize", "2", wxclient.OptionByApp)
		}},
		{"nobody's option", "appid is empty", func(ctx context.Context, c *wxclient.Client) error {
			_, err := c.AuthorizerOption(ctx, "", "voice_recognize", wxclient.OptionByComponent)
			return err
		}},
		{"no rid", "rid is empty", func(ctx context.Context, c *wxclient.Client) error { _, err := c.RequestByID(ctx, app, ""); return err }},
		{"no secret", "secret", func(ctx context.Context, c *wxclient.Client) error { return c.ClearQuotaBySecret(ctx, "", app) }},
	})
}

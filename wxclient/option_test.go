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

func TestOptionFaults(t *testing.T) {
	t.Parallel()
	option := func(ctx context.Context, c *wxclient.Client) error {
		_, err := c.AuthorizerOption(ctx, app, "voice_recognize", wxclient.OptionByApp)
		return err
	}
	runUnreadable(t, []unreadableCase{
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
		{"option of no app", "appid is empty", func(ctx context.Context, c *wxclient.Client) error {
			_, err := c.AuthorizerOption(ctx, "", "voice_recognize", wxclient.OptionByComponent)
			return err
		}},
	})
}

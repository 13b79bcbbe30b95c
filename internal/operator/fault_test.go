package operator_test

import (
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/wxclient"
)

// TestProbeFollowsTheFault: a probe ends a fault once what failed gets through, whatever else
// happens to the app that it asks.
func TestProbeFollowsTheFault(t *testing.T) {
	t.Parallel()
	const token = "/cgi-bin/component/api_component_token"
	answer := func(endpoint string, code int64) error {
		return &wxclient.Error{Endpoint: endpoint, Code: code, Class: wxclient.ClassOf(code), Msg: "as the test says"}
	}
	busy := answer("/cgi-bin/component/api_get_authorizer_info", -1)
	noToken := &wxclient.NotSentError{Endpoint: "/cgi-bin/component/api_get_authorizer_info", Err: &wxclient.TokenError{Err: answer(token, 40125)}}
	lost := &wxclient.OutcomeUnknownError{Endpoint: "/cgi-bin/component/api_get_authorizer_info", Err: noToken}
	for name, tc := range map[string]struct {
		endpoint string
		errs     map[string]error
		ends     bool
	}{
		"all is well":                       {token, nil, true},
		"no token yet":                      {token, map[string]error{"AuthorizerInfo": noToken}, false},
		"a token, and WeChat is busy":       {token, map[string]error{"AuthorizerInfo": busy}, true},
		"a token, and a busy version":       {token, map[string]error{"VersionInfo": answer("/wxa/getversioninfo", -1)}, true},
		"our address is refused":            {"/wxa/getversioninfo", map[string]error{"VersionInfo": answer("/wxa/getversioninfo", 61004)}, false},
		"busy for every app":                {"/wxa/getversioninfo", map[string]error{"AuthorizerInfo": busy}, false},
		"busy for the first app":            {"/wxa/getversioninfo", map[string]error{"AuthorizerInfo " + appID(0): busy}, true},
		"busy for the first, others refuse": {"/wxa/getversioninfo", map[string]error{"AuthorizerInfo": noToken, "AuthorizerInfo " + appID(0): busy}, false},
		"a lost call that had no token":     {token, map[string]error{"AuthorizerInfo": lost}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := mini(t)
			for i := range 3 {
				f := ledger.PlatformFault{Code: 40125, Text: "invalid appsecret", Endpoint: tc.endpoint}
				if _, err := b.ledger.NotePlatformFault(b.ctx, f, appID(i)); err != nil {
					t.Fatal(err)
				}
			}
			b.advance(time.Minute)
			b.wx.errs = tc.errs
			p, err := b.op.ProbePlatform(b.ctx)
			if err != nil || p.Cleared != tc.ends || (p.Failed == nil) != tc.ends {
				t.Errorf("cleared %t, %v, %v; want %t; asked %v", p.Cleared, p.Failed, err, tc.ends, b.wx.asked)
			}
		})
	}
}

// TestProbesBeginWithAnotherApp: one app that is broken itself does not keep a fault up.
func TestProbesBeginWithAnotherApp(t *testing.T) {
	t.Parallel()
	b := mini(t)
	const apps = 5
	for i := range apps {
		if _, err := b.ledger.NotePlatformFault(b.ctx, ledger.PlatformFault{Code: 61004, Endpoint: "/wxa/commit"}, appID(i)); err != nil {
			t.Fatal(err)
		}
	}
	b.wx.errs["AuthorizerInfo"] = &wxclient.Error{Endpoint: "/cgi-bin/component/api_get_authorizer_info", Code: 61004, Class: wxclient.ClassOf(61004)}
	for i := range apps {
		b.advance(2 * time.Minute)
		b.wx.asked = nil
		if p, err := b.op.ProbePlatform(b.ctx); err != nil || p.Failed == nil {
			t.Fatalf("probe %d: %+v, %v", i, p, err)
		}
		if want := "AuthorizerInfo " + appID(i); len(b.wx.asked) != 1 || b.wx.asked[0] != want {
			t.Errorf("probe %d asked %v, want %s", i, b.wx.asked, want)
		}
	}
}

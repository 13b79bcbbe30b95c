package controller_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/internal/controller"
	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/wxclient"
)

// prober is WeChat as probes see it: errs are by method, or by method and app.
type prober struct {
	errs  map[string]error
	asked []string
}

func (p *prober) answer(method, app string) error {
	p.asked = append(p.asked, strings.TrimSpace(method+" "+app))
	if err := p.errs[method+" "+app]; err != nil {
		return err
	}
	return p.errs[method]
}

func (p *prober) AuthorizerInfo(_ context.Context, app string) (wxclient.AuthorizerInfo, error) {
	return wxclient.AuthorizerInfo{}, p.answer("AuthorizerInfo", app)
}

func (p *prober) VersionInfo(_ context.Context, app string) (wxclient.VersionInfo, error) {
	return wxclient.VersionInfo{}, p.answer("VersionInfo", app)
}

func (p *prober) AuthorizerList(context.Context, int, int) (wxclient.AuthorizerPage, error) {
	return wxclient.AuthorizerPage{}, p.answer("AuthorizerList", "")
}

func appID(n int) string { return fmt.Sprintf("wx%016d", n) }

// newPlatform is the loop with a fault that some apps met.
func newPlatform(t *testing.T, f ledger.PlatformFault, apps int) (*controller.Platform, *prober, *miniredis.Miniredis) {
	t.Helper()
	m, rdb := redistest.Mini(t)
	l := ledger.New(rdb, ledger.Options{})
	for i := range apps {
		if _, err := l.NotePlatformFault(t.Context(), f, appID(i)); err != nil {
			t.Fatal(err)
		}
	}
	wx := &prober{errs: map[string]error{}}
	return &controller.Platform{Faults: l, Unfinished: l, WeChat: wx, Log: zerolog.Nop()}, wx, m
}

// TestProbeFollowsTheFault: a probe ends a fault once the failed call succeeds, whichever other
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
			loop, wx, m := newPlatform(t, ledger.PlatformFault{Code: 40125, Text: "invalid appsecret", Endpoint: tc.endpoint}, 3)
			redistest.Advance(m, time.Minute)
			wx.errs = tc.errs
			p, err := loop.Probe(t.Context())
			if err != nil || p.Cleared != tc.ends || (p.Failed == nil) != tc.ends {
				t.Errorf("cleared %t, %v, %v; want %t; asked %v", p.Cleared, p.Failed, err, tc.ends, wx.asked)
			}
		})
	}
}

// TestProbesBeginWithAnotherApp: one app that is broken itself does not keep a fault up.
func TestProbesBeginWithAnotherApp(t *testing.T) {
	t.Parallel()
	const apps = 5
	loop, wx, m := newPlatform(t, ledger.PlatformFault{Code: 61004, Endpoint: "/wxa/commit"}, apps)
	wx.errs["AuthorizerInfo"] = &wxclient.Error{Endpoint: "/cgi-bin/component/api_get_authorizer_info", Code: 61004, Class: wxclient.ClassOf(61004)}
	for i := range apps {
		redistest.Advance(m, 2*time.Minute)
		wx.asked = nil
		if p, err := loop.Probe(t.Context()); err != nil || p.Failed == nil {
			t.Fatalf("probe %d: %+v, %v", i, p, err)
		}
		if want := "AuthorizerInfo " + appID(i); len(wx.asked) != 1 || wx.asked[0] != want {
			t.Errorf("probe %d asked %v, want %s", i, wx.asked, want)
		}
	}
}

// TestNoAppIsAloneAmongFailures: an undocumented errcode of a credential call is the platform's fault
// until that call works for one app. That the list of apps answers shows nothing about it.
func TestNoAppIsAloneAmongFailures(t *testing.T) {
	t.Parallel()
	const renew = "/cgi-bin/component/api_authorizer_token"
	refused := &wxclient.NotSentError{Endpoint: "/wxa/getversioninfo", Err: &wxclient.TokenError{
		Err: &wxclient.Error{Endpoint: renew, Code: 99999, Class: wxclient.ClassOf(99999)}}}
	for apps, alone := range map[int]bool{1: true, 2: false, 8: false} {
		loop, wx, m := newPlatform(t, ledger.PlatformFault{Code: 99999, Endpoint: renew, Confirm: true}, apps)
		redistest.Advance(m, time.Minute)
		wx.errs["VersionInfo"] = refused
		p, err := loop.Probe(t.Context())
		if err != nil || p.Cleared != alone || (len(p.Alone) > 0) != alone {
			t.Errorf("%d apps that fail alike: %+v, %v; asked %v", apps, p, err, wx.asked)
		}
		if !alone {
			redistest.Advance(m, 2*time.Minute)
			wx.errs["VersionInfo"] = nil
			if p, err := loop.Probe(t.Context()); err != nil || !p.Cleared || len(p.Alone) != 0 {
				t.Errorf("%d apps that work again: %+v, %v", apps, p, err)
			}
		}
	}
}

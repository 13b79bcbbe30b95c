package classify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/wxrollout/wxrollout/internal/goldentest"
	"github.com/wxrollout/wxrollout/wxclient/errcode"
)

// scopeCalls are an errcode's ways to a handler.
var scopeCalls = []struct {
	name string
	err  func(code int64) error
}{
	{"component token", func(code int64) error {
		return gotNoToken("wx1", answered("/cgi-bin/component/api_component_token", code))
	}},
	{"app token", func(code int64) error {
		return gotNoToken("wx1", fmt.Errorf("renew an app's token: %w", answered("/cgi-bin/component/api_authorizer_token", code)))
	}},
	{"authorizer info", func(code int64) error { return answered("/cgi-bin/component/api_get_authorizer_info", code) }},
	{"app call", func(code int64) error { return answered("/wxa/commit", code) }},
}

func answered(endpoint string, code int64) error {
	return &errcode.Error{Endpoint: endpoint, Code: code, Class: errcode.ClassOf(code), Msg: "m"}
}

// gotNoToken is a call of an app that was not sent because of its token.
func gotNoToken(app string, cause error) error {
	return fmt.Errorf("commit: %w", &errcode.NotSentError{Endpoint: "/wxa/commit", Err: &errcode.TokenError{AppID: app, Err: cause}})
}

// Every errcode, as the answer to each kind of endpoint.
func TestScopeOfEveryErrcode(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	out.WriteString("# errcode class: component token | app token | authorizer info | app call (? asks another app before it blames the platform)\n")
	for _, code := range allCodes() {
		fmt.Fprintf(&out, "%d %s:", code, errcode.ClassOf(code))
		for i, c := range scopeCalls {
			j := Judge(c.err(code))
			if i > 0 {
				out.WriteString(" |")
			}
			out.WriteString(" " + string(j.Scope))
			if j.Confirm {
				out.WriteString("?")
			}
			if j.Scope != ScopeOf(c.err(code)) || j.API == nil || j.API.Code != code {
				t.Errorf("%d as the answer to the %s: judged %+v", code, c.name, j)
			}
			if i == 0 && j.Scope != ScopePlatform {
				t.Errorf("%d as the answer to the component token is the fault of %s", code, j.Scope)
			}
			if i < 3 && j.Scope == ScopePlan {
				t.Errorf("%d as the answer to the %s is blamed on the plan", code, c.name)
			}
		}
		out.WriteString("\n")
	}
	goldentest.Compare(t, "scope.golden", out.String())
}

// downService is a token service without an answer.
type downService struct{}

func (downService) Error() string     { return "ask the token broker: it answers 503" }
func (downService) TokenServiceDown() {}

// Errors that are no errcode.
func TestScopeOfOtherErrors(t *testing.T) {
	t.Parallel()
	lost := func(endpoint string) error {
		return &errcode.OutcomeUnknownError{Endpoint: endpoint, Err: context.DeadlineExceeded}
	}
	unsent := func(endpoint string) error {
		return &errcode.NotSentError{Endpoint: endpoint, Err: errors.New("dial")}
	}
	const component, grant = "/cgi-bin/component/api_component_token", "/cgi-bin/component/api_authorizer_token"
	for name, tc := range map[string]struct {
		err  error
		want Scope
	}{
		"reply to a commit lost":               {lost("/wxa/commit"), ScopeStage},
		"reply to an intent lost":              {&LostError{Op: "commit", Err: lost("/wxa/commit")}, ScopeStage},
		"commit not sent":                      {unsent("/wxa/commit"), ScopeStage},
		"reply of the authorizer info lost":    {lost("/cgi-bin/component/api_get_authorizer_info"), ScopeStage},
		"component token lost":                 {gotNoToken("wx1", lost(component)), ScopePlatform},
		"component token not sent":             {gotNoToken("wx1", unsent(component)), ScopePlatform},
		"component token takes too long":       {gotNoToken("", context.DeadlineExceeded), ScopePlatform},
		"app token lost":                       {gotNoToken("wx1", lost(grant)), ScopeStage},
		"app token takes too long":             {gotNoToken("wx1", context.DeadlineExceeded), ScopeStage},
		"broker down":                          {gotNoToken("wx1", downService{}), ScopePlatform},
		"credential of the platform":           {gotNoToken("wx1", &noToken{}), ScopePlatform},
		"credential of the app":                {gotNoToken("wx1", &noToken{"wx1"}), ScopeMerchant},
		"credential of the app, by an errcode": {gotNoToken("wx1", errors.Join(&noToken{"wx1"}, answered(grant, 61004))), ScopeMerchant},
		"refused before sending":               {&errcode.InvalidRequestError{Problem: "six items"}, ScopeUnknown},
		"plan error":                           {&PlanError{errors.New("parse")}, ScopeUnknown},
		"unheard of":                           {errors.New("?"), ScopeUnknown},
		"no error":                             {nil, ScopeUnknown},
	} {
		if got := ScopeOf(tc.err); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
}

func TestAddressIn(t *testing.T) {
	t.Parallel()
	for msg, want := range map[string]string{
		"access clientip is not registered, requestIP: 203.0.113.9":        "203.0.113.9",
		"access clientip is not registered requestIP:203.0.113.9.":         "203.0.113.9",
		"invalid ip 203.0.113.9 ipv6 ::ffff:203.0.113.9, not in whitelist": "203.0.113.9",
		"not in whitelist: 2001:db8::7":                                    "2001:db8::7",
		"component ticket is expired":                                      "",
		"":                                                                 "",
	} {
		if got := addressIn(msg); got != want {
			t.Errorf("addressIn(%q) = %q, want %q", msg, got, want)
		}
	}
}

// noToken is a credential that waits for a person.
type noToken struct{ appid string }

func (e *noToken) Error() string        { return "no token of " + e.appid }
func (e *noToken) CredentialOf() string { return e.appid }

// allCodes are the errcodes of the table but 0, and one that it lacks.
func allCodes() []int64 {
	codes := []int64{123456}
	for _, class := range errcode.Classes() {
		codes = append(codes, errcode.Codes(class)...)
	}
	codes = slices.DeleteFunc(codes, func(code int64) bool { return code == 0 })
	slices.Sort(codes)
	return codes
}

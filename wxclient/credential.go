package wxclient

import (
	"context"
	"strings"
	"time"

	"github.com/wxrollout/wxrollout/wxclient/internal/wire"
)

// componentRef is the body of the calls that name the component and perhaps an app.
type componentRef struct {
	AppID      string `json:"component_appid"`
	Authorizer string `json:"authorizer_appid,omitempty"`
}

// StartPushTicket makes WeChat send verify tickets again. restarted is false if it was sending them,
// so the call is also a health probe.
//
// WeChat page: api_startpushticket. Codes: 40013, 40125.
func (c *Client) StartPushTicket(ctx context.Context, secret string) (restarted bool, err error) {
	var reply struct {
		Msg wire.LooseText `json:"errmsg"`
	}
	r := wire.Post("/cgi-bin/component/api_start_push_ticket", struct {
		AppID  string `json:"component_appid"`
		Secret string `json:"component_secret"`
	}{c.wire.Component(), secret})
	r.Secrets = []string{secret}
	if err := c.wire.CallWith(ctx, r, "", &reply); err != nil {
		return false, err
	}
	return !strings.Contains(string(reply.Msg), "normal state"), nil
}

type componentTokenReply struct {
	Token     string       `json:"component_access_token" need:"yes"`
	ExpiresIn wire.Integer `json:"expires_in" need:"yes"`
}

// FetchComponentToken exchanges secret and verify ticket for a new component token. The previous one
// stays valid for about 5 minutes.
//
// WeChat page: api_getcomponentaccesstoken. Codes: 40001 and 40125 wrong secret, 61005 and 61006
// ticket ran out or wrong, 61004 address not allowed, 45009.
func (c *Client) FetchComponentToken(ctx context.Context, secret, ticket string) (token string, expiresIn time.Duration, err error) {
	var reply componentTokenReply
	r := wire.Post("/cgi-bin/component/api_component_token", struct {
		AppID  string `json:"component_appid"`
		Secret string `json:"component_appsecret"`
		Ticket string `json:"component_verify_ticket"`
	}{c.wire.Component(), secret, ticket}).WithoutErrcode()
	r.Secrets = []string{secret, ticket}
	if err := c.wire.CallWith(ctx, r, "", &reply); err != nil {
		return "", 0, err
	}
	return reply.Token, seconds(reply.ExpiresIn), nil
}

func seconds(n wire.Integer) time.Duration { return time.Duration(n) * time.Second }

type preAuthReply struct {
	Code      string       `json:"pre_auth_code" need:"yes"`
	ExpiresIn wire.Integer `json:"expires_in" need:"yes"`
}

// PreAuthCode returns a code for WeChat's authorization page. Use expiresIn: the documents disagree.
//
// WeChat page: api_getpreauthcode. Codes: 40013, 61004.
func (c *Client) PreAuthCode(ctx context.Context) (code string, expiresIn time.Duration, err error) {
	var reply preAuthReply
	r := wire.Post("/cgi-bin/component/api_create_preauthcode", componentRef{AppID: c.wire.Component()}).WithoutErrcode()
	if err := c.wire.CallComponent(ctx, r, &reply); err != nil {
		return "", 0, err
	}
	return reply.Code, seconds(reply.ExpiresIn), nil
}

// AuthorizerToken is the pair of tokens of one app. Both are secrets and left out of every rendering.
type AuthorizerToken struct {
	// Access is the authorizer_access_token.
	Access string `json:"-"`
	// Refresh is the authorizer_refresh_token to store; it may differ from the one used. "" means that the
	// reply has none: keep the stored one.
	Refresh string `json:"-"`
	// ExpiresIn is the life of Access from now.
	ExpiresIn time.Duration
}

// String renders the pair without its tokens.
func (t AuthorizerToken) String() string { return "authorizer token for " + t.ExpiresIn.String() }

// GoString is String, so that %#v shows no secret either.
func (t AuthorizerToken) GoString() string { return t.String() }

type authorizerTokenReply struct {
	Access    string       `json:"authorizer_access_token" need:"yes"`
	Refresh   string       `json:"authorizer_refresh_token"`
	ExpiresIn wire.Integer `json:"expires_in" need:"yes"`
}

// RefreshAuthorizerToken returns a new access token for an app. Always store the returned refresh
// token. The component token is an argument because an expired one (42001) is no fault of the app: the
// caller renews it and repeats the call.
//
// WeChat page: api_getauthorizeraccesstoken. Codes: 61023 refresh token refused, 40001 and 42001
// component token, 61003 no longer authorized.
func (c *Client) RefreshAuthorizerToken(ctx context.Context, componentToken, appid, refreshToken string) (AuthorizerToken, error) {
	var reply authorizerTokenReply
	r := wire.Post("/cgi-bin/component/api_authorizer_token", struct {
		AppID      string `json:"component_appid"`
		Authorizer string `json:"authorizer_appid"`
		Refresh    string `json:"authorizer_refresh_token"`
	}{c.wire.Component(), appid, refreshToken}).WithoutErrcode()
	r.AppID = appid
	r.Secrets = []string{refreshToken, componentToken}
	if err := c.wire.CallWith(ctx, r, componentToken, &reply); err != nil {
		return AuthorizerToken{}, err
	}
	if reply.Refresh == "" {
		reply.Refresh = refreshToken
	}
	return AuthorizerToken{Access: reply.Access, Refresh: reply.Refresh, ExpiresIn: seconds(reply.ExpiresIn)}, nil
}

// Authorization is the result of exchanging an authorization code.
type Authorization struct {
	// AppID is the app that authorized the component.
	AppID string
	// Token is empty when the app has no right to any API.
	Token AuthorizerToken
	// PermissionSets are the granted sets.
	PermissionSets []int64
}

type queryAuthReply struct {
	Info *struct {
		AppID     string       `json:"authorizer_appid" need:"yes"`
		Access    string       `json:"authorizer_access_token"` // an app without a right to any API gets none
		Refresh   string       `json:"authorizer_refresh_token"`
		ExpiresIn wire.Integer `json:"expires_in"`
		Sets      grants       `json:"func_info"`
	} `json:"authorization_info" need:"yes"`
}

func (r *queryAuthReply) Check() error {
	if r.Info.Access != "" && r.Info.ExpiresIn <= 0 {
		return wire.Missing("expires_in in authorization_info")
	}
	return nil
}

// QueryAuth exchanges an authorization code, from the redirect or the authorized event, for tokens.
//
// WeChat page: api_getauthorizerrefreshtoken. Codes: 61009 code wrong, 61010 code ran out.
func (c *Client) QueryAuth(ctx context.Context, authCode string) (Authorization, error) {
	var reply queryAuthReply
	r := wire.Post("/cgi-bin/component/api_query_auth", struct {
		AppID string `json:"component_appid"`
		Code  string `json:"authorization_code"`
	}{c.wire.Component(), authCode}).WithoutErrcode()
	r.Secrets = []string{authCode}
	if err := c.wire.CallComponent(ctx, r, &reply); err != nil {
		return Authorization{}, err
	}
	info := reply.Info
	return Authorization{
		AppID:          info.AppID,
		Token:          AuthorizerToken{Access: info.Access, Refresh: info.Refresh, ExpiresIn: seconds(info.ExpiresIn)},
		PermissionSets: info.Sets.ids(),
	}, nil
}

package wxclient

import (
	"context"
	"strings"
	"time"
)

// componentRef is the body of the calls that name the component and perhaps an app.
type componentRef struct {
	AppID      string `json:"component_appid"`
	Authorizer string `json:"authorizer_appid,omitempty"`
}

// callComponent is call with the component's token, for bodies that hold the component appid.
func (c *Client) callComponent(ctx context.Context, r request, out any) error {
	if err := c.needComponent(r.path); err != nil {
		return err
	}
	return c.call(ctx, r, out)
}

func (c *Client) needComponent(path string) error {
	if c.component == "" {
		return &InvalidRequestError{Endpoint: path, Problem: "Options.ComponentAppID is empty"}
	}
	return nil
}

// callWith makes one exchange with a token given by the caller; "" means without.
func (c *Client) callWith(ctx context.Context, r request, token string, out any) error {
	if err := c.needComponent(r.path); err != nil {
		return err
	}
	for _, secret := range r.secrets {
		if secret == "" {
			return &InvalidRequestError{Endpoint: r.path, Problem: "a secret, ticket or refresh token is empty"}
		}
	}
	return c.exchange(ctx, r, token, out)
}

// StartPushTicket restarts the push of verify tickets. restarted is false when it ran already,
// which makes the call a health probe.
//
// WeChat page: api_startpushticket. Codes: 40013, 40125.
func (c *Client) StartPushTicket(ctx context.Context, secret string) (restarted bool, err error) {
	var reply struct {
		Msg looseText `json:"errmsg"`
	}
	r := post("/cgi-bin/component/api_start_push_ticket", struct {
		AppID  string `json:"component_appid"`
		Secret string `json:"component_secret"`
	}{c.component, secret})
	r.secrets = []string{secret}
	if err := c.callWith(ctx, r, "", &reply); err != nil {
		return false, err
	}
	return !strings.Contains(string(reply.Msg), "normal state"), nil
}

type componentTokenReply struct {
	Token     string  `json:"component_access_token"`
	ExpiresIn integer `json:"expires_in"`
}

func (r *componentTokenReply) check() error {
	return needToken("component_access_token", r.Token, r.ExpiresIn)
}

// needToken refuses a success without a token, which must never overwrite a stored one.
func needToken(field, token string, expiresIn integer) error {
	if token == "" {
		return missing(field)
	}
	if expiresIn <= 0 {
		return missing("expires_in")
	}
	return nil
}

// FetchComponentToken trades secret and verify ticket for a new component token. The one before
// stays valid for about 5 minutes.
//
// WeChat page: api_getcomponentaccesstoken. Codes: 40001 and 40125 wrong secret, 61005 and 61006
// ticket ran out or wrong, 61004 address not allowed, 45009.
func (c *Client) FetchComponentToken(ctx context.Context, secret, ticket string) (token string, expiresIn time.Duration, err error) {
	var reply componentTokenReply
	r := post("/cgi-bin/component/api_component_token", struct {
		AppID  string `json:"component_appid"`
		Secret string `json:"component_appsecret"`
		Ticket string `json:"component_verify_ticket"`
	}{c.component, secret, ticket}).withoutErrcode()
	r.secrets = []string{secret, ticket}
	if err := c.callWith(ctx, r, "", &reply); err != nil {
		return "", 0, err
	}
	return reply.Token, seconds(reply.ExpiresIn), nil
}

func seconds(n integer) time.Duration { return time.Duration(n) * time.Second }

type preAuthReply struct {
	Code      string  `json:"pre_auth_code"`
	ExpiresIn integer `json:"expires_in"`
}

func (r *preAuthReply) check() error { return needToken("pre_auth_code", r.Code, r.ExpiresIn) }

// PreAuthCode gets a code for WeChat's authorization page. Trust expiresIn: the pages disagree.
//
// WeChat page: api_getpreauthcode. Codes: 40013, 61004.
func (c *Client) PreAuthCode(ctx context.Context) (code string, expiresIn time.Duration, err error) {
	var reply preAuthReply
	r := post("/cgi-bin/component/api_create_preauthcode", componentRef{AppID: c.component}).withoutErrcode()
	if err := c.callComponent(ctx, r, &reply); err != nil {
		return "", 0, err
	}
	return reply.Code, seconds(reply.ExpiresIn), nil
}

// AuthorizerToken is the pair of tokens of one app. Both are secrets and left out of every rendering.
type AuthorizerToken struct {
	// Access is the authorizer_access_token.
	Access string `json:"-"`
	// Refresh is the authorizer_refresh_token to store; it may differ from the one used. "" is not shown:
	// keep the stored one.
	Refresh string `json:"-"`
	// ExpiresIn is the life of Access from now.
	ExpiresIn time.Duration
}

// String renders the pair without its tokens.
func (t AuthorizerToken) String() string { return "authorizer token for " + t.ExpiresIn.String() }

// GoString is String, so that %#v shows no secret either.
func (t AuthorizerToken) GoString() string { return t.String() }

type authorizerTokenReply struct {
	Access    string  `json:"authorizer_access_token"`
	Refresh   string  `json:"authorizer_refresh_token"`
	ExpiresIn integer `json:"expires_in"`
}

func (r *authorizerTokenReply) check() error {
	return needToken("authorizer_access_token", r.Access, r.ExpiresIn)
}

// RefreshAuthorizerToken gets a new access token for an app. Always store the returned refresh
// token. The component token is an argument because an expired one (42001) must not be blamed on
// the app: the caller renews it and asks again.
//
// WeChat page: api_getauthorizeraccesstoken. Codes: 61023 refresh token refused, 40001 and 42001
// component token, 61003 not authorized any more.
func (c *Client) RefreshAuthorizerToken(ctx context.Context, componentToken, appid, refreshToken string) (AuthorizerToken, error) {
	var reply authorizerTokenReply
	r := post("/cgi-bin/component/api_authorizer_token", struct {
		AppID      string `json:"component_appid"`
		Authorizer string `json:"authorizer_appid"`
		Refresh    string `json:"authorizer_refresh_token"`
	}{c.component, appid, refreshToken}).withoutErrcode()
	r.appid = appid
	r.secrets = []string{refreshToken, componentToken}
	if err := c.callWith(ctx, r, componentToken, &reply); err != nil {
		return AuthorizerToken{}, err
	}
	if reply.Refresh == "" {
		reply.Refresh = refreshToken
	}
	return AuthorizerToken{Access: reply.Access, Refresh: reply.Refresh, ExpiresIn: seconds(reply.ExpiresIn)}, nil
}

// Authorization is what an authorization code is worth.
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
		AppID string `json:"authorizer_appid"`
		authorizerTokenReply
		Sets grants `json:"func_info"`
	} `json:"authorization_info"`
}

func (r *queryAuthReply) check() error {
	if r.Info == nil || r.Info.AppID == "" {
		return missing("authorization_info.authorizer_appid")
	}
	if r.Info.Access == "" {
		return nil // an app without a right to any API gets no tokens
	}
	return needToken("authorization_info.authorizer_access_token", r.Info.Access, r.Info.ExpiresIn)
}

// QueryAuth trades an authorization code, from the redirect or the authorized event, for tokens.
//
// WeChat page: api_getauthorizerrefreshtoken. Codes: 61009 code wrong, 61010 code ran out.
func (c *Client) QueryAuth(ctx context.Context, authCode string) (Authorization, error) {
	var reply queryAuthReply
	r := post("/cgi-bin/component/api_query_auth", struct {
		AppID string `json:"component_appid"`
		Code  string `json:"authorization_code"`
	}{c.component, authCode}).withoutErrcode()
	r.secrets = []string{authCode}
	if err := c.callComponent(ctx, r, &reply); err != nil {
		return Authorization{}, err
	}
	info := reply.Info
	return Authorization{
		AppID:          info.AppID,
		Token:          AuthorizerToken{Access: info.Access, Refresh: info.Refresh, ExpiresIn: seconds(info.ExpiresIn)},
		PermissionSets: info.Sets.ids(),
	}, nil
}

package wxclient

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wxrollout/wxrollout/wxclient/internal/wire"
)

// MaxAuthorizerPage is the largest count of AuthorizerList (else 40170).
const MaxAuthorizerPage = 500

// AuthorizerInfo describes an authorized account and what it granted.
type AuthorizerInfo struct {
	// AppID is the account's appid.
	AppID string
	// NickName is the shown name, UserName the gh_ id, PrincipalName the owner.
	NickName, UserName, PrincipalName string
	// HeadImage is the URL of its avatar, Signature its introduction; blank until they are set.
	HeadImage, Signature string
	// ServiceType of a mini program: 0 ordinary, 2 and 3 store, 4 mini game, 10 small shop, 12 trial.
	ServiceType int64
	// VerifyType: -1 not verified, 0 verified.
	VerifyType int64
	// AccountStatus: 1 normal, 14 canceled, 16 banned, 18 warned, 19 frozen; 0 unknown.
	AccountStatus int64
	// RegisterType: 0 normal, 6 enterprise by face scan, 13 trial, 19 former trial, and others.
	RegisterType int64
	// PermissionSets are the granted sets (func_info); 18 is needed for code management. Empty for
	// official accounts whose reply lacks them.
	PermissionSets []int64
	// MiniProgram is true for mini programs, false for official accounts.
	MiniProgram bool
	// Categories are a mini program's service categories, as "first/second".
	Categories []string
	// RefreshToken is the current refresh token: a secret, left out of every rendering.
	RefreshToken string `json:"-"`
}

// String renders the account without its refresh token.
func (a AuthorizerInfo) String() string {
	return fmt.Sprintf("authorizer %s (%s)", a.AppID, a.NickName)
}

// GoString is String, so that %#v shows no secret either.
func (a AuthorizerInfo) GoString() string { return a.String() }

// Has reports whether the account granted a permission set.
func (a AuthorizerInfo) Has(set int64) bool {
	return slices.Contains(a.PermissionSets, set)
}

type typeID struct {
	ID wire.Integer `json:"id"`
}

// grants is func_info.
type grants []struct {
	Category typeID `json:"funcscope_category"`
}

func (g grants) ids() []int64 {
	ids := make([]int64, 0, len(g))
	for _, e := range g {
		ids = append(ids, int64(e.Category.ID))
	}
	return ids
}

type authorizerReply struct {
	Info *struct {
		NickName      string          `json:"nick_name"`
		HeadImage     string          `json:"head_img"`
		Signature     string          `json:"signature"`
		UserName      string          `json:"user_name"`
		PrincipalName string          `json:"principal_name"`
		ServiceType   *typeID         `json:"service_type_info"`
		VerifyType    typeID          `json:"verify_type_info"`
		AccountStatus wire.Integer    `json:"account_status"`
		RegisterType  wire.Integer    `json:"register_type"`
		MiniProgram   json.RawMessage `json:"MiniProgramInfo"`
	} `json:"authorizer_info" need:"yes"`
	Grant *struct {
		AppID string `json:"authorizer_appid"`
		// OlderAppID and OldAppID are the names of the appid in older replies about official accounts.
		OlderAppID   string `json:"authorization_appid"`
		OldAppID     string `json:"appid"`
		RefreshToken string `json:"authorizer_refresh_token"`
		Sets         grants `json:"func_info"`
	} `json:"authorization_info" need:"yes"`
}

func (r *authorizerReply) appID() string {
	return cmp.Or(r.Grant.AppID, r.Grant.OlderAppID, r.Grant.OldAppID)
}

func (r *authorizerReply) miniProgram() bool {
	return len(r.Info.MiniProgram) > 0 && string(r.Info.MiniProgram) != "null"
}

// Check requires the grants of mini programs only: the platform needs none of official accounts.
func (r *authorizerReply) Check() error {
	switch {
	case r.appID() == "":
		return wire.Missing("authorization_info.authorizer_appid")
	case r.Info.ServiceType == nil && !r.miniProgram():
		return wire.Missing("authorizer_info.service_type_info")
	case r.miniProgram() && (r.Grant.Sets == nil || slices.Contains(r.Grant.Sets.ids(), 0)):
		return wire.Missing("authorization_info.func_info or an id in it")
	}
	return nil
}

// AuthorizerInfo reads an authorized account: its kind, its grants, its refresh token. A reply about a
// mini program that lacks the grants is an error; the older shapes of replies about official accounts
// are accepted.
//
// WeChat page: api_getauthorizerinfo. Codes: 61003 no longer authorized, 40013.
func (c *Client) AuthorizerInfo(ctx context.Context, appid string) (AuthorizerInfo, error) {
	const path = "/cgi-bin/component/api_get_authorizer_info"
	if appid == "" {
		return AuthorizerInfo{}, &InvalidRequestError{Endpoint: path, Problem: "appid is empty"}
	}
	var reply authorizerReply
	err := c.wire.CallComponent(ctx, wire.Post(path, componentRef{AppID: c.wire.Component(), Authorizer: appid}).WithoutErrcode(), &reply)
	if err != nil {
		return AuthorizerInfo{}, err
	}
	info := reply.Info
	if reply.appID() != appid {
		return AuthorizerInfo{}, &OutcomeUnknownError{Endpoint: path, Err: fmt.Errorf("the reply is about %.40q, not about %s", reply.appID(), appid)}
	}
	if info.ServiceType == nil {
		info.ServiceType = &typeID{}
	}
	return AuthorizerInfo{
		AppID: appid, NickName: info.NickName, HeadImage: info.HeadImage, Signature: info.Signature, UserName: info.UserName, PrincipalName: info.PrincipalName,
		ServiceType: int64(info.ServiceType.ID), VerifyType: int64(info.VerifyType.ID),
		AccountStatus: int64(info.AccountStatus), RegisterType: int64(info.RegisterType),
		PermissionSets: reply.Grant.Sets.ids(), RefreshToken: reply.Grant.RefreshToken,
		MiniProgram: reply.miniProgram(),
		Categories:  categoryNames(info.MiniProgram),
	}, nil
}

// categoryNames reads MiniProgramInfo.categories, and nothing of another form.
func categoryNames(miniProgram json.RawMessage) []string {
	var info struct {
		Categories []struct {
			First  string `json:"first"`
			Second string `json:"second"`
		} `json:"categories"`
	}
	if len(miniProgram) == 0 || json.Unmarshal(miniProgram, &info) != nil {
		return nil
	}
	names := make([]string, 0, len(info.Categories))
	for _, c := range info.Categories {
		names = append(names, strings.Trim(c.First+"/"+c.Second, "/"))
	}
	return names
}

// Authorizer is one row of AuthorizerList.
type Authorizer struct {
	// AppID is the account's appid.
	AppID string
	// AuthTime is when it was authorized, in unix seconds.
	AuthTime int64
	// RefreshToken is a secret, left out of every rendering.
	RefreshToken string `json:"-"`
}

// String renders the row without its refresh token.
func (a Authorizer) String() string { return "authorizer " + a.AppID }

// GoString is String, so that %#v shows no secret either.
func (a Authorizer) GoString() string { return a.String() }

// AuthorizerPage is one page of the authorized accounts.
type AuthorizerPage struct {
	// Total counts all authorized accounts.
	Total int64
	// List is this page, in an undocumented order: drop duplicates.
	List []Authorizer
}

type authorizersReply struct {
	Total *wire.Integer `json:"total_count" need:"yes"`
	List  []struct {
		AppID        string       `json:"authorizer_appid" need:"yes"`
		RefreshToken string       `json:"refresh_token"`
		AuthTime     wire.Integer `json:"auth_time"`
	} `json:"list"`
}

func (r *authorizersReply) Check() error {
	if r.List == nil && *r.Total != 0 {
		return wire.Missing("list")
	}
	return nil
}

// AuthorizerList reads count (1 to 500) authorized accounts, starting at offset.
//
// WeChat page: api_getauthorizerlist. Codes: 40170 count too large.
func (c *Client) AuthorizerList(ctx context.Context, offset, count int) (AuthorizerPage, error) {
	const path = "/cgi-bin/component/api_get_authorizer_list"
	if offset < 0 || count < 1 || count > MaxAuthorizerPage {
		return AuthorizerPage{}, &InvalidRequestError{Endpoint: path, Problem: "offset is negative or count is outside 1 to 500"}
	}
	var reply authorizersReply
	r := wire.Post(path, struct {
		AppID  string `json:"component_appid"`
		Offset int    `json:"offset"`
		Count  int    `json:"count"`
	}{c.wire.Component(), offset, count}).WithoutErrcode()
	r.List = true
	if err := c.wire.CallComponent(ctx, r, &reply); err != nil {
		return AuthorizerPage{}, err
	}
	page := AuthorizerPage{Total: reply.Total.Value(), List: make([]Authorizer, 0, len(reply.List))}
	for _, e := range reply.List {
		page.List = append(page.List, Authorizer{AppID: e.AppID, RefreshToken: e.RefreshToken, AuthTime: int64(e.AuthTime)})
	}
	return page, nil
}

// APIQuota is the call allowance of one endpoint.
type APIQuota struct {
	// DailyLimit, Used and Remain count calls of today.
	DailyLimit, Used, Remain int64
	// RateCalls are allowed per RateWindow; both are 0 when WeChat returns no rate.
	RateCalls  int64
	RateWindow time.Duration
	// ComponentRateCalls are the same for calls on behalf of apps.
	ComponentRateCalls  int64
	ComponentRateWindow time.Duration
}

type rate struct {
	Calls  wire.Integer `json:"call_count"`
	Window wire.Integer `json:"refresh_second"`
}

type apiQuotaReply struct {
	Quota *struct {
		Daily  *wire.Integer `json:"daily_limit" need:"yes"`
		Used   *wire.Integer `json:"used" need:"yes"`
		Remain *wire.Integer `json:"remain" need:"yes"`
	} `json:"quota" need:"yes"`
	Rate          rate `json:"rate_limit"`
	ComponentRate rate `json:"component_rate_limit"`
}

// APIQuota reads the allowance of an endpoint. cgiPath is its path with the leading slash; appid
// names the app whose token that endpoint takes, "" for the component's endpoints.
//
// WeChat page: get_api_quota. Codes: 76021 no such path, 76022 wrong kind of token.
func (c *Client) APIQuota(ctx context.Context, appid, cgiPath string) (APIQuota, error) {
	var reply apiQuotaReply
	r := wire.Post("/cgi-bin/openapi/quota/get", struct {
		Path string `json:"cgi_path"`
	}{cgiPath})
	r.AppID = appid
	if err := c.wire.Call(ctx, r, &reply); err != nil {
		return APIQuota{}, err
	}
	return APIQuota{
		DailyLimit: reply.Quota.Daily.Value(), Used: reply.Quota.Used.Value(), Remain: reply.Quota.Remain.Value(),
		RateCalls: int64(reply.Rate.Calls), RateWindow: time.Duration(reply.Rate.Window) * time.Second,
		ComponentRateCalls: int64(reply.ComponentRate.Calls), ComponentRateWindow: time.Duration(reply.ComponentRate.Window) * time.Second,
	}, nil
}

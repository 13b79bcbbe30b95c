package wxclient

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/wxrollout/wxrollout/wxclient/internal/wire"
)

// AuthType says which kinds of account WeChat's authorization page offers.
type AuthType int

// The kinds of account. 7 is not documented.
const (
	// AuthOfficial: official accounts only.
	AuthOfficial AuthType = 1
	// AuthMiniProgram: mini programs only.
	AuthMiniProgram AuthType = 2
	// AuthBoth: official accounts and mini programs.
	AuthBoth AuthType = 3
	// AuthPromoter: promoter apps (推客).
	AuthPromoter AuthType = 4
	// AuthChannels: channels accounts (视频号).
	AuthChannels AuthType = 5
	// AuthAll: every kind.
	AuthAll AuthType = 6
	// AuthTalent: talent assistants (带货助手).
	AuthTalent AuthType = 8
)

// Hosts and paths of the authorization pages.
const (
	pagePC    = "https://mp.weixin.qq.com/cgi-bin/componentloginpage"
	pageH5    = "https://open.weixin.qq.com/wxaopen/safe/bindcomponent"
	pageOldH5 = "https://mp.weixin.qq.com/safe/bindcomponent"
)

// AuthorizePage is WeChat's page on which a merchant's administrator authorizes the component. The
// visitor must come from a page on the component's authorization-start domain, and is redirected to Redirect with auth_code and expires_in added to its query.
//
// Set Accounts or App, not both: by the current pages biz_appid wins, by others the two exclude each
// other.
type AuthorizePage struct {
	// Component is the component's appid.
	Component string
	// PreAuthCode is from Client.PreAuthCode: a secret until it is used.
	PreAuthCode string `json:"-"`
	// Redirect is an absolute http or https URL.
	Redirect string
	// Accounts are the kinds of account offered; 0 when App is set.
	Accounts AuthType
	// App pins the one account that may authorize (biz_appid).
	App string
	// Sets are the requested permission sets (category_id_list); empty requests all of the component's.
	Sets []int64
}

// String renders the page without its code.
func (p AuthorizePage) String() string {
	return fmt.Sprintf("authorization page of %s for %q", p.Component, p.App)
}

// GoString is String, so that %#v shows no secret either.
func (p AuthorizePage) GoString() string { return p.String() }

// PC returns the URL of the page to be opened in a desktop browser, where it shows a QR code.
//
// WeChat page: Authorization_Process_Technical_Description.
func (p AuthorizePage) PC() (string, error) {
	query, err := p.query()
	if err != nil {
		return "", &InvalidRequestError{Endpoint: pagePC, Problem: err.Error()}
	}
	return pagePC + "?" + query.Encode(), nil
}

// H5 returns the URL of the page to be opened inside WeChat.
//
// WeChat page: Authorization_Process_Technical_Description.
func (p AuthorizePage) H5() (string, error) { return p.mobile(pageH5) }

// OldH5 returns H5 at its former address, which is still answered.
//
// WeChat page: Authorization_Process_Technical_Description (2019).
func (p AuthorizePage) OldH5() (string, error) { return p.mobile(pageOldH5) }

func (p AuthorizePage) mobile(base string) (string, error) {
	query, err := p.query()
	if err != nil {
		return "", &InvalidRequestError{Endpoint: base, Problem: err.Error()}
	}
	query.Set("action", "bindcomponent")
	query.Set("no_scan", "1")
	return base + "?" + query.Encode() + "#wechat_redirect", nil
}

func (p AuthorizePage) query() (url.Values, error) {
	var faults []error
	if p.Component == "" {
		faults = append(faults, errors.New("the component's appid is empty"))
	}
	if p.PreAuthCode == "" {
		faults = append(faults, errors.New("the pre-auth code is empty"))
	}
	if u, err := url.Parse(p.Redirect); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		faults = append(faults, errors.New("the redirect is not an absolute http or https URL"))
	}
	known := []AuthType{AuthOfficial, AuthMiniProgram, AuthBoth, AuthPromoter, AuthChannels, AuthAll, AuthTalent}
	switch {
	case p.App != "" && p.Accounts != 0:
		faults = append(faults, errors.New("biz_appid and auth_type exclude each other: set one"))
	case p.App == "" && !slices.Contains(known, p.Accounts):
		faults = append(faults, fmt.Errorf("auth_type is %d, want 1 to 6 or 8", p.Accounts))
	}
	for _, set := range p.Sets {
		if set <= 0 {
			faults = append(faults, fmt.Errorf("permission set %d does not exist", set))
		}
	}
	if len(faults) > 0 {
		return nil, wire.OneLine(faults)
	}
	query := url.Values{"component_appid": {p.Component}, "pre_auth_code": {p.PreAuthCode}, "redirect_uri": {p.Redirect}}
	if p.App != "" {
		query.Set("biz_appid", p.App)
	} else {
		query.Set("auth_type", strconv.Itoa(int(p.Accounts)))
	}
	if len(p.Sets) > 0 {
		ids := make([]string, 0, len(p.Sets))
		for _, set := range p.Sets {
			ids = append(ids, strconv.FormatInt(set, 10))
		}
		query.Set("category_id_list", strings.Join(ids, "|"))
	}
	return query, nil
}

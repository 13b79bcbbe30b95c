package operatortest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/wxrollout/wxrollout/wxclient"
)

// WeChat is a client that answers from its fields; an error of a call comes first. It is safe for
// concurrent calls.
type WeChat struct {
	Library []wxclient.Template
	Drafts  []wxclient.TemplateDraft
	Apps    []string
	Quota   wxclient.Quota
	Calls   wxclient.APIQuota
	Audit   wxclient.Audit
	Version wxclient.VersionInfo
	Info    map[string]wxclient.AuthorizerInfo // by app; other apps get a healthy one
	Errs    map[string]error                   // by method, or by method and app
	mu      sync.Mutex
	Asked   []string
	Quiet   bool                                     // don't record Asked
	Page    func(offset int) wxclient.AuthorizerPage // answers AuthorizerList if it is set
}

// NewWeChat returns a client with a template library and some quota.
func NewWeChat() *WeChat {
	return &WeChat{
		Library: []wxclient.Template{{ID: 117, Version: "3.8.0"}, {ID: 118, Version: "3.9.0", Desc: "spring [draft]"}, {ID: 200, Type: 1}},
		Quota:   wxclient.Quota{Rest: 10, Limit: 20, SpeedupRest: 1, SpeedupLimit: 2},
		Calls:   wxclient.APIQuota{DailyLimit: 100, Used: 10, Remain: 90},
		Errs:    make(map[string]error),
	}
}

func (f *WeChat) fail(method, appid string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.Quiet {
		f.Asked = append(f.Asked, strings.TrimSpace(method+" "+appid))
	}
	if err := f.Errs[method+" "+appid]; err != nil {
		return err
	}
	return f.Errs[method]
}

// Templates implements the method of wxclient.Client.
func (f *WeChat) Templates(context.Context) ([]wxclient.Template, error) {
	return f.Library, f.fail("Templates", "")
}

// TemplateDrafts implements the method of wxclient.Client.
func (f *WeChat) TemplateDrafts(context.Context) ([]wxclient.TemplateDraft, error) {
	return f.Drafts, f.fail("TemplateDrafts", "")
}

// AddTemplate implements the method of wxclient.Client.
func (f *WeChat) AddTemplate(_ context.Context, draft int64) error {
	err := f.fail("AddTemplate", "")
	if err == nil || wxclient.IsOutcomeUnknown(err) { // lost on its way back
		d := f.Drafts[slices.IndexFunc(f.Drafts, func(d wxclient.TemplateDraft) bool { return d.ID == draft })]
		f.Library = append(f.Library, wxclient.Template{ID: 300 + draft, DraftID: draft, Version: d.Version, Desc: d.Desc})
	}
	return err
}

// DeleteTemplate implements the method of wxclient.Client.
func (f *WeChat) DeleteTemplate(_ context.Context, id int64) error {
	err := f.fail("DeleteTemplate", fmt.Sprint(id))
	if err == nil || wxclient.IsOutcomeUnknown(err) {
		f.Library = slices.DeleteFunc(f.Library, func(t wxclient.Template) bool { return t.ID == id })
	}
	return err
}

// AuthorizerList implements the method of wxclient.Client.
func (f *WeChat) AuthorizerList(_ context.Context, offset, count int) (wxclient.AuthorizerPage, error) {
	if count > wxclient.MaxAuthorizerPage {
		return wxclient.AuthorizerPage{}, errors.New("40170")
	}
	if f.Page != nil {
		return f.Page(offset), f.fail("AuthorizerList", "")
	}
	page := wxclient.AuthorizerPage{Total: int64(len(f.Apps))}
	for i := offset; i < min(offset+count, len(f.Apps)); i++ {
		page.List = append(page.List, wxclient.Authorizer{AppID: f.Apps[i], RefreshToken: "secret", AuthTime: 1})
	}
	return page, f.fail("AuthorizerList", "")
}

// QueryQuota implements the method of wxclient.Client.
func (f *WeChat) QueryQuota(_ context.Context, appid string) (wxclient.Quota, error) {
	return f.Quota, f.fail("QueryQuota", appid)
}

// APIQuota implements the method of wxclient.Client.
func (f *WeChat) APIQuota(_ context.Context, appid, _ string) (wxclient.APIQuota, error) {
	return f.Calls, f.fail("APIQuota", appid)
}

// LatestAudit implements the method of wxclient.Client.
func (f *WeChat) LatestAudit(_ context.Context, appid string) (wxclient.Audit, error) {
	return f.Audit, f.fail("LatestAudit", appid)
}

// VersionInfo implements the method of wxclient.Client.
func (f *WeChat) VersionInfo(_ context.Context, appid string) (wxclient.VersionInfo, error) {
	return f.Version, f.fail("VersionInfo", appid)
}

// AuthorizerInfo implements the method of wxclient.Client.
func (f *WeChat) AuthorizerInfo(_ context.Context, appid string) (wxclient.AuthorizerInfo, error) {
	if err := f.fail("AuthorizerInfo", appid); err != nil {
		return wxclient.AuthorizerInfo{}, err
	}
	if info, ok := f.Info[appid]; ok {
		return info, nil
	}
	return wxclient.AuthorizerInfo{
		AppID: appid, NickName: "Shop " + appid, PrincipalName: "Ltd", AccountStatus: 1, MiniProgram: true,
		PermissionSets: []int64{17, 18}, Categories: []string{"IT/tools"}, RefreshToken: "secret",
	}, nil
}

// PreAuthCode implements the method of wxclient.Client.
func (f *WeChat) PreAuthCode(context.Context) (string, time.Duration, error) {
	return "preauthcode@@@1", 10 * time.Minute, f.fail("PreAuthCode", "")
}

// ComponentAppID implements the method of wxclient.Client.
func (f *WeChat) ComponentAppID() string { return "wxcomponent" }

// CreateTrial implements the method of wxclient.Client.
func (f *WeChat) CreateTrial(_ context.Context, name, openid string) (wxclient.TrialApp, error) {
	return wxclient.TrialApp{UniqueID: "u-" + name, AuthorizeURL: "https://mp.weixin.qq.com/x?create_token=secret-token"}, f.fail("CreateTrial", openid)
}

// CreateEnterprise implements the method of wxclient.Client.
func (f *WeChat) CreateEnterprise(_ context.Context, e wxclient.Enterprise) error {
	return f.fail("CreateEnterprise", e.Code)
}

// ConvertTrial implements the method of wxclient.Client.
func (f *WeChat) ConvertTrial(_ context.Context, appid string, _ wxclient.Enterprise) error {
	return f.fail("ConvertTrial", appid)
}

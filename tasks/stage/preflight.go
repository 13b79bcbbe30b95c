package stage

import (
	"context"
	"fmt"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/run"
	"github.com/wxrollout/wxrollout/wxclient"
)

// PermissionSet is "development and data analysis", which every code call needs.
const PermissionSet = 18

// Account states of get_authorizer_info; 0 is not reported. A rollout goes on with normal and warned
// accounts.
const (
	accountNormal   = 1
	accountCanceled = 14
	accountBanned   = 16
	accountWarned   = 18
	accountFrozen   = 19
)

// preflightAPI are the calls of preflight.
type preflightAPI interface {
	AuthorizerInfo(ctx context.Context, appid string) (wxclient.AuthorizerInfo, error)
	VersionInfo(ctx context.Context, appid string) (wxclient.VersionInfo, error)
	Categories(ctx context.Context, appid string) ([]wxclient.Category, error)
}

// preflight reads what would block the app, and writes nothing.
type preflight struct {
	*run.Run
	wx preflightAPI
}

func (r preflight) act(ctx context.Context) (rollout.Event, error) {
	info, err := r.wx.AuthorizerInfo(ctx, r.Assignment.AppID)
	if err != nil {
		return nil, err
	}
	seen := run.Seen{Account: &info}
	defer func() { r.Saw(ctx, seen) }()
	if event := r.account(info); event != nil {
		return event, nil
	}
	versions, err := r.wx.VersionInfo(ctx, r.Assignment.AppID)
	if err != nil {
		return nil, err
	}
	if versions.Release != nil {
		seen.Live = versions.Release.Version
	}
	if live := versions.Release; live != nil && live.Version == r.Plan.Template.Version {
		return rollout.Finished{At: r.Now(), End: rollout.StateUpToDate, Note: "live already with " + live.Version}, nil
	}
	categories, err := r.wx.Categories(ctx, r.Assignment.AppID)
	if err != nil {
		return nil, err
	}
	if len(categories) == 0 {
		return noCategory(r.Run), nil
	}
	return rollout.Advanced{At: r.Now()}, nil
}

// noCategory waits for the merchant of an app without a category. There is no errcode for that.
func noCategory(r *run.Run) rollout.Event {
	return r.Wait(rollout.ReasonMerchant, r.Timing.Merchant, rollout.LastError{
		Stage: r.Assignment.Stage, Class: rollout.ClassNoCategory,
		Text: "the app has no approved category: the merchant must add one at mp.weixin.qq.com", At: r.Now(),
	})
}

// account ends or parks an app whose account or grants stop it; nil if they do not.
func (r preflight) account(info wxclient.AuthorizerInfo) rollout.Event {
	skip := func(why string) rollout.Event {
		return rollout.Finished{At: r.Now(), End: rollout.StateSkipped, Note: why}
	}
	if !info.MiniProgram {
		return skip("not a mini program")
	}
	switch info.AccountStatus {
	case 0, accountNormal, accountWarned:
	case accountCanceled, accountBanned, accountFrozen:
		return skip(fmt.Sprintf("account_status %d: canceled, banned or frozen", info.AccountStatus))
	default:
		return r.Wait(rollout.ReasonUnlisted, r.Timing.InAudit, rollout.LastError{
			Stage: r.Assignment.Stage, Class: string(wxclient.ClassUnknown), At: r.Now(),
			Text: fmt.Sprintf("the app has the undocumented account_status %d: look at the account at mp.weixin.qq.com", info.AccountStatus),
		})
	}
	switch {
	case !info.Has(PermissionSet):
		return r.Wait(rollout.ReasonMerchant, r.Timing.Merchant, rollout.LastError{
			Stage: r.Assignment.Stage, Class: rollout.ClassNoPermission,
			Text: "permission set 18 is not granted: the merchant must authorize it", At: r.Now(),
		})
	default:
		return nil
	}
}

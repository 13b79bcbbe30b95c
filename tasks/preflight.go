package tasks

import (
	"context"
	"fmt"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient"
)

// permissionSet is "development and data analysis", which every code call needs.
const permissionSet = 18

// Account states of get_authorizer_info that a rollout goes on with.
const (
	accountNormal = 1
	accountWarned = 18
)

// preflightAPI are the calls of preflight.
type preflightAPI interface {
	AuthorizerInfo(ctx context.Context, appid string) (wxclient.AuthorizerInfo, error)
	VersionInfo(ctx context.Context, appid string) (wxclient.VersionInfo, error)
	Categories(ctx context.Context, appid string) ([]wxclient.Category, error)
}

// preflight reads what would block the app, and writes nothing.
type preflight struct {
	*run
	wx preflightAPI
}

func (r preflight) act(ctx context.Context) (rollout.Event, error) {
	info, err := r.wx.AuthorizerInfo(ctx, r.assignment.AppID)
	if err != nil {
		return nil, err
	}
	seen := Seen{Account: &info}
	defer func() { r.saw(ctx, seen) }()
	if event := r.account(info); event != nil {
		return event, nil
	}
	versions, err := r.wx.VersionInfo(ctx, r.assignment.AppID)
	if err != nil {
		return nil, err
	}
	if versions.Release != nil {
		seen.Live = versions.Release.Version
	}
	if live := versions.Release; live != nil && live.Version == r.plan.Template.Version {
		return rollout.Finished{At: r.now(), End: rollout.StateUpToDate, Note: "live already with " + live.Version}, nil
	}
	categories, err := r.wx.Categories(ctx, r.assignment.AppID)
	if err != nil {
		return nil, err
	}
	if len(categories) == 0 {
		return r.noCategory(), nil
	}
	return rollout.Advanced{At: r.now()}, nil
}

// noCategory waits for the merchant of an app without a category. There is no errcode for that.
func (r *run) noCategory() rollout.Event {
	return r.wait(rollout.ReasonMerchant, r.h.timing.Merchant, rollout.LastError{
		Stage: r.assignment.Stage, Class: rollout.ClassNoCategory,
		Text: "the app has no approved category: the merchant must add one at mp.weixin.qq.com", At: r.now(),
	})
}

// account ends or parks an app whose account or grants stop it; nil if they do not.
func (r preflight) account(info wxclient.AuthorizerInfo) rollout.Event {
	skip := func(why string) rollout.Event {
		return rollout.Finished{At: r.now(), End: rollout.StateSkipped, Note: why}
	}
	switch {
	case !info.MiniProgram:
		return skip("not a mini program")
	case info.AccountStatus != 0 && info.AccountStatus != accountNormal && info.AccountStatus != accountWarned:
		return skip(fmt.Sprintf("account_status %d: canceled, banned or frozen", info.AccountStatus))
	case !info.Has(permissionSet):
		return r.wait(rollout.ReasonMerchant, r.h.timing.Merchant, rollout.LastError{
			Stage: r.assignment.Stage, Class: rollout.ClassNoPermission,
			Text: "permission set 18 is not granted: the merchant must authorize it", At: r.now(),
		})
	default:
		return nil
	}
}

package operator

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/wxrollout/wxrollout/internal/credential"
	"github.com/wxrollout/wxrollout/internal/library"
	"github.com/wxrollout/wxrollout/wxclient"
)

// checkWeChat looks at the credentials and at what they give access to. What
// can't be asked because of an earlier fault is left out.
func (o *Operator) checkWeChat(ctx context.Context, appID string) []Result {
	if o.wx == nil {
		return []Result{{
			Name: "credentials", Level: LevelFail, Detail: "none are set, so WeChat can't be asked", Credentials: true,
			Hint: "set WXROLLOUT_COMPONENT_APPID, WXROLLOUT_COMPONENT_SECRET and WXROLLOUT_SEAL_KEY, or WXROLLOUT_TOKEN_URL and _BEARER, as the workers have them",
		}}
	}
	templates, err := o.library.Templates(ctx)
	if err != nil {
		return []Result{refusal("credentials", err)}
	}
	results := []Result{
		{Name: "credentials", Level: LevelOK, Detail: "WeChat takes the platform's token from this address"},
		checkLibrary(templates), o.checkApps(ctx), o.checkQuota(ctx, appID),
	}
	return append(results, o.checkCalls(ctx, appID)...)
}

func checkLibrary(list []library.Template) Result {
	r := Result{Name: "template library", Level: LevelOK}
	newest, some := library.Newest(list)
	if !some {
		r.Level, r.Detail, r.Hint = LevelWarn, "empty", "upload the code and add the draft to the library"
		return r
	}
	r.Detail = fmt.Sprintf("%d templates, the newest is %d, version %s", len(list), newest.ID, newest.Version)
	if len(list) >= library.NearlyFull {
		r.Level, r.Hint = LevelWarn, fmt.Sprintf("it holds %d: delete old ones (enqueue templates prune)", library.Max)
	}
	return r
}

func (o *Operator) checkApps(ctx context.Context) Result {
	page, err := o.wx.AuthorizerList(ctx, 0, 1)
	if err != nil {
		return refusal("authorized apps", err)
	}
	r := Result{Name: "authorized apps", Level: LevelOK, Detail: fmt.Sprint(page.Total)}
	if page.Total == 0 {
		r.Level, r.Hint = LevelWarn, "no merchant has authorized the platform"
	}
	return r
}

func (o *Operator) checkQuota(ctx context.Context, appID string) Result {
	q, err := o.liveQuota(ctx, appID)
	if err != nil {
		return refusal("submission quota", err)
	}
	r := Result{Name: "submission quota", Level: LevelOK, Detail: fmt.Sprintf("%d of %d submissions left this month", q.Rest, q.Limit)}
	switch {
	case q.Limit == 0:
		r.Level, r.Hint = LevelFail, "the platform has no submissions at all: ask WeChat for them"
	case q.Rest == 0:
		r.Level, r.Hint = LevelWarn, "targets wait until the next month, or until WeChat grants more"
	}
	return r
}

// watchedCalls are the calls whose daily limits a large rollout may reach.
var watchedCalls = []string{"/wxa/commit", "/wxa/submit_audit", "/wxa/release"}

// checkCalls looks at the daily limits of calls.
func (o *Operator) checkCalls(ctx context.Context, appID string) []Result {
	apps := []string{appID}
	if appID == "" {
		var err error
		if apps, err = o.readers.Any(ctx); err != nil {
			return nil // told by the quota's check already
		}
	}
	var results []Result
	_, err := o.readers.Ask(ctx, "the limits of calls", apps, func(ctx context.Context, app string) error {
		for _, path := range watchedCalls {
			results = append(results, o.checkCall(ctx, app, path))
		}
		return nil
	})
	if err != nil {
		results = append(results, Result{Name: "limits of calls", Level: LevelWarn, Detail: err.Error()})
	}
	return results
}

func (o *Operator) checkCall(ctx context.Context, appID, path string) Result {
	r := Result{Name: "calls of " + path, Level: LevelOK}
	q, err := o.wx.APIQuota(ctx, appID, path)
	switch {
	case err != nil:
		r.Level, r.Detail = LevelWarn, err.Error()
	case q.DailyLimit > 0 && q.Remain*10 < q.DailyLimit:
		r.Level, r.Detail, r.Hint = LevelWarn, fmt.Sprintf("%d of %d left today", q.Remain, q.DailyLimit), "the rest of the day will be slow: calls wait for tomorrow"
	default:
		r.Detail = fmt.Sprintf("%d of %d left today", q.Remain, q.DailyLimit)
	}
	return r
}

// addressCodes are WeChat's answers to a caller whose address is not on the
// allow-list.
var addressCodes = []int64{61004, 40164, 45035}

// callerIP finds the address that WeChat saw in its message.
var callerIP = regexp.MustCompile(`\d{1,3}(\.\d{1,3}){3}|\[?[0-9a-fA-F]{0,4}(:[0-9a-fA-F]{0,4}){2,7}\]?`)

// refusal makes a Result of an error of WeChat's.
func refusal(name string, err error) Result {
	r := Result{Name: name, Level: LevelFail, Detail: err.Error(), Credentials: credential.AtFault(err)}
	var api *wxclient.Error
	if errors.As(err, &api) && slices.Contains(addressCodes, api.Code) {
		ip := callerIP.FindString(api.Msg)
		if ip == "" {
			ip = "this machine's public address"
		}
		r.Hint = "add " + ip + " to the IP allow-list (白名单IP地址列表) of the platform at open.weixin.qq.com"
	}
	return r
}

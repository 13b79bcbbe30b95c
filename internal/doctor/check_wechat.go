package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/wxrollout/wxrollout/internal/credential"
	"github.com/wxrollout/wxrollout/internal/library"
	"github.com/wxrollout/wxrollout/wxclient"
)

// checkWeChat checks the credentials and what they give access to. It omits what can't be asked
// after an earlier fault.
func (d *Doctor) checkWeChat(ctx context.Context, appID string) []Result {
	const name = "credentials"
	if d.WeChat == nil {
		r := fail(name, "none are set, so WeChat can't be asked",
			"set WXROLLOUT_COMPONENT_APPID, WXROLLOUT_COMPONENT_SECRET and WXROLLOUT_SEAL_KEY, or WXROLLOUT_TOKEN_URL and _BEARER, as the workers have them")
		r.Credentials = true
		return []Result{r}
	}
	templates, err := d.Templates.Templates(ctx)
	if err != nil {
		return []Result{refusal(name, err)}
	}
	var through []string
	if appID != "" {
		through = []string{appID}
	}
	results := []Result{ok(name, "WeChat takes the platform's token from this address"), checkLibrary(templates), d.checkApps(ctx), d.checkQuota(ctx, through)}
	return append(results, d.checkCalls(ctx, through)...)
}

func checkLibrary(list []library.Template) Result {
	const name = "template library"
	newest, some := library.Newest(list)
	if !some {
		return warn(name, "empty", "upload the code and add the draft to the library")
	}
	detail := fmt.Sprintf("%d templates, the newest is %d, version %s", len(list), newest.ID, newest.Version)
	if len(list) >= library.NearlyFull {
		return warn(name, detail, fmt.Sprintf("it holds %d: delete old ones (enqueue templates prune)", library.Max))
	}
	return ok(name, detail)
}

func (d *Doctor) checkApps(ctx context.Context) Result {
	const name = "authorized apps"
	page, err := d.WeChat.AuthorizerList(ctx, 0, 1)
	switch {
	case err != nil:
		return refusal(name, err)
	case page.Total == 0:
		return warn(name, "0", "no merchant has authorized the platform")
	default:
		return ok(name, fmt.Sprint(page.Total))
	}
}

func (d *Doctor) checkQuota(ctx context.Context, through []string) Result {
	const name = "submission quota"
	q, err := d.Quota.Live(ctx, through...)
	if err != nil {
		return refusal(name, err)
	}
	detail := fmt.Sprintf("%d of %d submissions left this month", q.Rest, q.Limit)
	switch {
	case q.Limit <= 0 && q.Rest <= 0:
		return fail(name, detail, "the platform has no submissions at all: ask WeChat for them")
	case q.Rest <= 0:
		return warn(name, detail, "targets wait until the next month, or until WeChat grants more")
	default:
		return ok(name, detail)
	}
}

// watchedCalls are the calls whose daily limits a large rollout may reach.
var watchedCalls = []string{"/wxa/commit", "/wxa/submit_audit", "/wxa/release"}

// checkCalls checks the daily limits of calls.
func (d *Doctor) checkCalls(ctx context.Context, through []string) (results []Result) {
	if len(through) == 0 {
		var err error
		if through, err = d.Readers.Any(ctx); err != nil {
			return nil // the check of the quota reports it
		}
	}
	_, err := d.Readers.Ask(ctx, "the limits of calls", through, func(ctx context.Context, app string) error {
		for _, path := range watchedCalls {
			results = append(results, d.checkCall(ctx, app, path))
		}
		return nil
	})
	if err != nil {
		results = append(results, warn("limits of calls", err.Error(), ""))
	}
	return results
}

func (d *Doctor) checkCall(ctx context.Context, appID, path string) Result {
	name := "calls of " + path
	q, err := d.WeChat.APIQuota(ctx, appID, path)
	if err != nil {
		return warn(name, err.Error(), "")
	}
	detail := fmt.Sprintf("%d of %d left today", q.Remain, q.DailyLimit)
	if q.DailyLimit > 0 && q.Remain*10 < q.DailyLimit {
		return warn(name, detail, "the rest of the day will be slow: calls wait for tomorrow")
	}
	return ok(name, detail)
}

// addressCodes are WeChat's replies to a caller whose address is not on the allow-list.
var addressCodes = []int64{61004, 40164, 45035}

// callerIP finds the address of the caller in WeChat's message.
var callerIP = regexp.MustCompile(`\d{1,3}(\.\d{1,3}){3}|\[?[0-9a-fA-F]{0,4}(:[0-9a-fA-F]{0,4}){2,7}\]?`)

// refusal makes a Result of an error of a call.
func refusal(name string, err error) Result {
	r := fail(name, err.Error(), "")
	r.Credentials = credential.AtFault(err)
	var api *wxclient.Error
	if errors.As(err, &api) && slices.Contains(addressCodes, api.Code) {
		ip := cmp.Or(callerIP.FindString(api.Msg), "this machine's public address")
		r.Hint = "add " + ip + " to the IP allow-list (白名单IP地址列表) of the platform at open.weixin.qq.com"
	}
	return r
}

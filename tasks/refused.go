package tasks

import (
	"context"
	"errors"
	"fmt"

	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/classify"
	"github.com/wxrollout/wxrollout/tasks/run"
	"github.com/wxrollout/wxrollout/tasks/stage"
)

// quotaRefused handles an 85085: it reads the quota through the refused app, and records the refusal.
func (a actor) quotaRefused(ctx context.Context, refused error) rollout.Event {
	ctx, cancel := a.Deadline.Bound(context.WithoutCancel(ctx))
	defer cancel()
	rest, err := a.pools.Refill(ctx, func(ctx context.Context) (int64, int64, error) {
		q, err := a.wx.QueryQuota(ctx, a.Assignment.AppID)
		if err == nil && a.Hooks.Quota != nil {
			a.Hooks.Quota(q.Rest, q.Limit)
		}
		return q.Rest, q.Limit, err
	})
	if err != nil {
		a.Log.Warn().Err(err).Msg("quota not read after a submission was refused for lack of it")
	}
	f := a.Refusal(fmt.Sprint(classify.Code(refused)))
	f.Left = err == nil && rest > 0
	closed, err := a.pools.Refused(context.WithoutCancel(ctx), f)
	reopened := errors.As(err, new(*ratelimit.ReopenedError))
	switch {
	case err != nil && !reopened:
		a.Log.Error().Err(err).Msg("refusal for lack of quota not recorded")
	case closed && !reopened:
		a.closedHook(f.Reason)
	}
	return a.Draw(classify.AfterQuota(a.Facts(), refused, f.Left, closed, reopened))
}

// permissionRefused reads what a refusal for lack of rights means: the merchant may have given
// permission set 18 to another platform since preflight.
func (a actor) permissionRefused(ctx context.Context, refused error) rollout.Event {
	timed, cancel := a.Deadline.Bound(ctx)
	defer cancel()
	info, err := a.wx.AuthorizerInfo(timed, a.Assignment.AppID)
	switch {
	case classify.NoPermission(classify.Code(err)) && classify.ScopeOf(err) != classify.ScopePlatform:
		return a.Draw(classify.AfterPermission(a.Facts(), refused, false))
	case err != nil:
		return a.failed(ctx, fmt.Errorf("read the app's permissions after errcode %d: %w", classify.Code(refused), err))
	}
	a.Saw(ctx, run.Seen{Account: &info})
	return a.Draw(classify.AfterPermission(a.Facts(), refused, !info.Has(stage.PermissionSet)))
}

package operator

import (
	"context"
	"fmt"
	"slices"

	"github.com/wxrollout/wxrollout/internal/library"
	"github.com/wxrollout/wxrollout/internal/quota"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient"
)

// pool reads one stage's pool.
func (o *Operator) pool(ctx context.Context, s rollout.Stage) (quota.Pool, error) {
	return quota.Read(ctx, o.pools, s)
}

// Pools reads the pools of all stages, submit first.
func (o *Operator) Pools(ctx context.Context) ([]quota.Pool, error) {
	stages := append([]rollout.Stage{rollout.StageSubmit}, rollout.Stages()...)
	var pools []quota.Pool
	for i, s := range stages {
		if i > 0 && s == rollout.StageSubmit {
			continue
		}
		p, err := o.pool(ctx, s)
		if err != nil {
			return nil, err
		}
		pools = append(pools, p)
	}
	return pools, nil
}

// LiveQuota is what WeChat says of the platform's quota now.
type LiveQuota struct {
	Rest         int64 `json:"rest"`
	Limit        int64 `json:"limit"`
	SpeedupRest  int64 `json:"speedup_rest"`
	SpeedupLimit int64 `json:"speedup_limit"`
	// AppID is the app that was asked through; all share one quota.
	AppID string `json:"appid"`
}

// QuotaReport is the pools and, if WeChat could be asked, its own numbers.
type QuotaReport struct {
	Pools []quota.Pool `json:"pools"`
	Live  *LiveQuota   `json:"live,omitempty"`
	// Books divide the submissions among the pools of plans.
	Books QuotaBooks `json:"books"`
	// Actions are what operators did to the pools, oldest first.
	Actions []ledger.Action `json:"actions,omitempty"`
	// Fault is the fault of the platform that stops everything; nil if none stands.
	Fault *ledger.PlatformFault `json:"platform_fault,omitempty"`
	// Note says why Live is missing.
	Note string `json:"note,omitempty"`
}

// Quota reads the pools, and WeChat's queryquota through an app: the given one,
// or any of an unfinished rollout or of the platform. That WeChat couldn't be
// asked is a note, unless an app was named.
func (o *Operator) Quota(ctx context.Context, appID string) (QuotaReport, error) {
	pools, err := o.Pools(ctx)
	if err != nil {
		return QuotaReport{}, err
	}
	actions, err := o.ledger.PlatformActions(ctx)
	if err != nil {
		return QuotaReport{}, err
	}
	actions = slices.DeleteFunc(actions, library.IsAction)
	fault, err := o.ledger.PlatformFault(ctx)
	if err != nil {
		return QuotaReport{}, err
	}
	report := QuotaReport{Pools: pools, Actions: actions, Fault: fault}
	if report.Books, err = o.books(ctx); err != nil {
		return report, err
	}
	live, err := o.liveQuota(ctx, appID)
	switch {
	case err == nil:
		report.Live = &live
	case appID != "" || ctx.Err() != nil:
		return report, err
	default:
		report.Note = err.Error()
	}
	return report, nil
}

func (o *Operator) liveQuota(ctx context.Context, appID string) (LiveQuota, error) {
	if _, err := o.online("ask queryquota"); err != nil {
		return LiveQuota{}, err
	}
	apps := []string{appID}
	if appID == "" {
		var err error
		if apps, err = o.readers.Any(ctx); err != nil {
			return LiveQuota{}, err
		}
	}
	q, asked, err := o.askQuota(ctx, apps)
	return LiveQuota{Rest: q.Rest, Limit: q.Limit, SpeedupRest: q.SpeedupRest, SpeedupLimit: q.SpeedupLimit, AppID: asked}, err
}

// askQuota asks through the first of the apps that no worker calls for and whose token works.
func (o *Operator) askQuota(ctx context.Context, apps []string) (q wxclient.Quota, asked string, err error) {
	asked, err = o.readers.Ask(ctx, "queryquota", apps, func(ctx context.Context, app string) (err error) {
		q, err = o.wx.QueryQuota(ctx, app)
		return err
	})
	return q, asked, err
}

// OpenPool opens a stage's pool whatever closed it: the override for a wrong
// reading or a penalty that is over. If the platform still refuses, the next
// call closes it again. Who opened a pool that was not open, and why, is noted.
func (o *Operator) OpenPool(ctx context.Context, s rollout.Stage, why string) (was quota.Pool, err error) {
	if !s.Valid() {
		return quota.Pool{}, fmt.Errorf("open a pool: no stage is called %q", s)
	}
	if was, err = o.pool(ctx, s); err != nil {
		return was, err
	}
	if err := o.pools.Quota(s).Open(ctx); err != nil {
		return was, fmt.Errorf("open the %s pool: %w", s, err)
	}
	if was.Open() {
		return was, nil
	}
	from := fmt.Sprintf("%s pool %s: %s", s, was.State, was.Words)
	if err := o.ledger.NotePlatform(ctx, from, ratelimit.StateOpen, o.by, orNoReason(why)); err != nil {
		return was, fmt.Errorf("the %s pool is open: %w", s, err)
	}
	return was, nil
}

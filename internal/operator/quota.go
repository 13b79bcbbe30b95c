package operator

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/wxrollout/wxrollout/internal/library"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/classify"
	"github.com/wxrollout/wxrollout/wxclient"
	"github.com/wxrollout/wxrollout/wxclient/errcode"
)

// Pool is a stage's pool of permits as it stands.
type Pool struct {
	Stage rollout.Stage `json:"stage"`
	// State is open, closed or probing.
	State string `json:"state"`
	// Reason is the errcode that closed it, or exhausted; Words say it in words.
	Reason string `json:"reason,omitempty"`
	Words  string `json:"words,omitempty"`
	// Punished says that WeChat punishes the platform (86008, 86010).
	Punished bool `json:"punished,omitempty"`
	// Known says that the platform's quota was read: Rest of Limit is left.
	Known bool  `json:"known"`
	Rest  int64 `json:"rest"`
	Limit int64 `json:"limit"`
	// Outstanding permits are in the workers' hands, Spent is the sum of all.
	Outstanding int64 `json:"outstanding"`
	Spent       int64 `json:"spent"`
	Closings    int64 `json:"closings"`
	// Since is when it closed, RetryAt when it is tried again, ReadAt when the
	// quota was read last.
	Since   time.Time `json:"since,omitzero"`
	RetryAt time.Time `json:"retry_at,omitzero"`
	ReadAt  time.Time `json:"read_at,omitzero"`
}

// Open tells whether the pool gives permits.
func (p Pool) Open() bool { return p.State == ratelimit.StateOpen && p.Reason == "" }

// Next is what a person should do about a pool that is not open; "" for nothing.
func (p Pool) Next() string {
	if !p.Punished {
		return ""
	}
	return "find out on the platform's console what WeChat punishes, and end it; then enqueue quota open " + string(p.Stage) +
		", and enqueue resume for each paused rollout"
}

// punished tells whether a pool's reason is a penalty of the platform.
func punished(reason string) bool {
	code, err := strconv.ParseInt(reason, 10, 64)
	return err == nil && classify.Penalty(code)
}

// pool reads one stage's pool.
func (o *Operator) pool(ctx context.Context, s rollout.Stage) (Pool, error) {
	q, err := o.pools.Quota(s).State(ctx)
	if err != nil {
		return Pool{}, fmt.Errorf("read the %s pool: %w", s, err)
	}
	return Pool{
		Stage: s, State: q.State, Reason: q.Reason, Words: closureWords(q.Reason), Punished: punished(q.Reason), Known: q.Known, Rest: q.Rest, Limit: q.Limit,
		Outstanding: q.Outstanding, Spent: q.Spent, Closings: q.Closings, Since: q.Since, RetryAt: q.RetryAt, ReadAt: q.ReadAt,
	}, nil
}

// closureWords says what closed a pool.
func closureWords(reason string) string {
	if reason == "" {
		return ""
	}
	if reason == ratelimit.Exhausted {
		return "the platform's submissions are used up"
	}
	if reason == classify.ReasonOutage {
		return "WeChat answers no app here (-1, no connection or no reply): one app at a time probes it"
	}
	code, err := strconv.ParseInt(reason, 10, 64)
	if err != nil {
		return reason
	}
	meaning, _ := errcode.Advice(code, "")
	text := cmp.Or(meaning, "an errcode our table lacks")
	if classify.Penalty(code) {
		return fmt.Sprintf("punished: errcode %d: %s; nothing is submitted for any rollout", code, text)
	}
	return fmt.Sprintf("errcode %d: %s", code, text)
}

// Pools reads the pools of all stages, submit first.
func (o *Operator) Pools(ctx context.Context) ([]Pool, error) {
	stages := append([]rollout.Stage{rollout.StageSubmit}, rollout.Stages()...)
	var pools []Pool
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
	Pools []Pool     `json:"pools"`
	Live  *LiveQuota `json:"live,omitempty"`
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
func (o *Operator) OpenPool(ctx context.Context, s rollout.Stage, why string) (was Pool, err error) {
	if !s.Valid() {
		return Pool{}, fmt.Errorf("open a pool: no stage is called %q", s)
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

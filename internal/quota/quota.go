// Package quota holds the use cases of the submission quota: describe the pools of permits, divide
// the submissions among the pools of plans, read the quota from WeChat, and open a pool.
package quota

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/wxrollout/wxrollout/internal/credential"
	"github.com/wxrollout/wxrollout/internal/human"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/pool"
	"github.com/wxrollout/wxrollout/wxclient"
)

// Readers chooses apps to ask WeChat through. *fleet.Readers implements it.
type Readers interface {
	Any(ctx context.Context) (appIDs []string, err error)
	Ask(ctx context.Context, what string, apps []string, ask func(ctx context.Context, app string) error) (asked string, err error)
}

// WeChat answers queryquota. *wxclient.Client implements it.
type WeChat interface {
	QueryQuota(ctx context.Context, appid string) (wxclient.Quota, error)
}

// Deps are what a Quota works on.
type Deps struct {
	Ledger  *ledger.Ledger
	Pools   *pool.Pools
	Readers Readers
	// WeChat answers calls; a nil interface means offline.
	WeChat WeChat
	// By names the operator in the log of the platform.
	By string
}

// Quota carries out the use cases. It is safe for concurrent use.
type Quota struct{ d Deps }

// New returns a Quota; it starts nothing and needs no closing.
func New(d Deps) *Quota { return &Quota{d} }

// Pool reads the pool of a stage.
func (q *Quota) Pool(ctx context.Context, s rollout.Stage) (Pool, error) {
	state, err := q.d.Pools.Quota(s).State(ctx)
	if err != nil {
		return Pool{}, fmt.Errorf("read the %s pool: %w", s, err)
	}
	return poolOf(s, state), nil
}

// Pools reads the pools of all stages, submit first.
func (q *Quota) Pools(ctx context.Context) ([]Pool, error) {
	others := slices.DeleteFunc(rollout.Stages(), func(s rollout.Stage) bool { return s == rollout.StageSubmit })
	var pools []Pool
	for _, s := range append([]rollout.Stage{rollout.StageSubmit}, others...) {
		p, err := q.Pool(ctx, s)
		if err != nil {
			return nil, err
		}
		pools = append(pools, p)
	}
	return pools, nil
}

// Live is the platform's quota as WeChat reports it now.
type Live struct {
	Rest  int64 `json:"rest"`
	Limit int64 `json:"limit"`
	// SpeedupRest and SpeedupLimit are -1 if WeChat does not show them.
	SpeedupRest  int64 `json:"speedup_rest"`
	SpeedupLimit int64 `json:"speedup_limit"`
	// AppID is the app that was asked through; all share one quota.
	AppID string `json:"appid"`
}

// Online reports whether WeChat can be asked.
func (q *Quota) Online() bool { return q.d.WeChat != nil }

// Live reads the quota through the first of the apps that no worker calls for and that answers, or,
// without apps, through any of the platform's.
func (q *Quota) Live(ctx context.Context, apps ...string) (live Live, err error) {
	if !q.Online() {
		return live, &credential.OfflineError{What: "ask queryquota"}
	}
	if len(apps) == 0 {
		if apps, err = q.d.Readers.Any(ctx); err != nil {
			return live, err
		}
	}
	live.AppID, err = q.d.Readers.Ask(ctx, "queryquota", apps, func(ctx context.Context, app string) error {
		got, err := q.d.WeChat.QueryQuota(ctx, app)
		live.Rest, live.Limit, live.SpeedupRest, live.SpeedupLimit = got.Rest, got.Limit, got.SpeedupRest, got.SpeedupLimit
		return err
	})
	return live, err
}

// Report has the pools and, if WeChat could be asked, its own numbers.
type Report struct {
	Pools []Pool `json:"pools"`
	Live  *Live  `json:"live,omitempty"`
	// Books divide the submissions among the pools of plans.
	Books Books `json:"books"`
	// Actions are what operators did to the pools, oldest first.
	Actions []ledger.TimedAction `json:"actions,omitempty"`
	// Fault is the fault of the platform that stops everything; nil if there is none.
	Fault *ledger.PlatformFault `json:"platform_fault,omitempty"`
	// Note is why Live is missing.
	Note string `json:"note,omitempty"`
}

// Report reads the pools, and the quota through an app; "" takes any. A failure to ask WeChat is a
// note, unless an app was named.
func (q *Quota) Report(ctx context.Context, appID string) (r Report, err error) {
	if r.Pools, err = q.Pools(ctx); err != nil {
		return r, err
	}
	actions, err := q.d.Ledger.PlatformActions(ctx)
	if err != nil {
		return r, err
	}
	for _, a := range actions {
		if isPoolAction(a) {
			r.Actions = append(r.Actions, a.Timed())
		}
	}
	if r.Fault, err = q.d.Ledger.PlatformFault(ctx); err != nil {
		return r, err
	}
	if r.Books, err = q.Books(ctx); err != nil {
		return r, err
	}
	var through []string
	if appID != "" {
		through = []string{appID}
	}
	live, err := q.Live(ctx, through...)
	switch {
	case err == nil:
		r.Live = &live
	case appID != "" || ctx.Err() != nil:
		return r, err
	default:
		r.Note = err.Error()
	}
	return r, nil
}

// isPoolAction reports whether an action of the platform's log opened a pool.
func isPoolAction(a ledger.Action) bool {
	stage, rest, _ := strings.Cut(a.From, " ")
	return rollout.Stage(stage).Valid() && strings.HasPrefix(rest, "pool ")
}

// Open opens a stage's pool that was closed for any reason: the override for a wrong reading or a penalty
// that is over. If the platform still refuses, the next call closes the pool again. The log of the
// platform names who opened a closed pool, and why.
func (q *Quota) Open(ctx context.Context, s rollout.Stage, why string) (was Pool, err error) {
	if !s.Valid() {
		return was, fmt.Errorf("open a pool: no stage is called %q", s)
	}
	if was, err = q.Pool(ctx, s); err != nil {
		return was, err
	}
	if err := q.d.Pools.Quota(s).Open(ctx); err != nil {
		return was, fmt.Errorf("open the %s pool: %w", s, err)
	}
	if was.Open() {
		return was, nil
	}
	from := fmt.Sprintf("%s pool %s: %s", s, was.State, was.Words)
	if err := q.d.Ledger.NotePlatform(ctx, from, ratelimit.StateOpen, q.d.By, human.Reason(why)); err != nil {
		return was, fmt.Errorf("the %s pool is open: %w", s, err)
	}
	return was, nil
}

// Reserve reserves n submissions a month for the pool of a plan, and drops any other such share.
func (q *Quota) Reserve(ctx context.Context, pool string, n int64) error {
	var shares map[string]int64
	if n > 0 {
		shares = map[string]int64{pool: n}
	}
	return q.d.Pools.Quota(rollout.StageSubmit).SetShares(ctx, shares)
}

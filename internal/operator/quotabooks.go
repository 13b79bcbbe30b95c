package operator

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
)

// QuotaBooks are this month's submissions by pool, in units. Months and days are those of
// UTC+8.
type QuotaBooks struct {
	// Month of the books, such as 2026-11; "" before the first one.
	Month string `json:"month,omitempty"`
	// External are the units that others than us spent, Raised those that WeChat added
	// or never took; both at least so many.
	External int64 `json:"external"`
	Raised   int64 `json:"raised"`
	// Unread is why the quota could not be read since UnreadSince; "" if it could.
	Unread      string    `json:"unread,omitempty"`
	UnreadSince time.Time `json:"unread_since,omitzero"`
	// Pools are those with a share, a spent unit or a permit.
	Pools []PoolBooks `json:"pools"`
	// Waiting are the running rollouts with targets that wait for their submission.
	Waiting []Waiting `json:"waiting,omitempty"`
}

// PoolBooks is one pool's part.
type PoolBooks struct {
	Pool string `json:"pool"`
	// Share is what it is sure of this month, Lacks what of that it has not used.
	Share int64 `json:"share"`
	Lacks int64 `json:"lacks"`
	// Spent this month, Today, and permits Out.
	Spent int64 `json:"spent"`
	Today int64 `json:"today"`
	Out   int64 `json:"out"`
}

// Waiting is a rollout whose targets wait for their submission, and what binds it: nil if
// they are about to be submitted.
type Waiting struct {
	Rollout string         `json:"rollout"`
	Pool    string         `json:"pool"`
	Targets int            `json:"targets"`
	Limit   *rollout.Limit `json:"limit,omitempty"`
}

// unfinished lists the unfinished rollouts that can be read.
func (o *Operator) unfinished(ctx context.Context) ([]rollout.Rollout, error) {
	active, err := o.ledger.Active(ctx)
	_, err = ledger.Broken(err)
	return active, err
}

// limit says what binds a rollout's submissions; nil if nothing does or none waits.
func (o *Operator) limit(ctx context.Context, r rollout.Rollout, shares map[string]int64) (*rollout.Limit, error) {
	if r.Wants(rollout.StageSubmit) == 0 {
		return nil, nil
	}
	return o.pools.Explain(ctx, r.Plan.Quota.Request(rollout.StageSubmit, shares))
}

// books reads the books of the submit pool.
func (o *Operator) books(ctx context.Context) (QuotaBooks, error) {
	active, err := o.unfinished(ctx)
	if err != nil {
		return QuotaBooks{}, err
	}
	q, err := o.pools.Quota(rollout.StageSubmit).State(ctx)
	if err != nil {
		return QuotaBooks{}, fmt.Errorf("read the submit pool: %w", err)
	}
	shares := rollout.Shares(active)
	for pool, n := range q.Shares {
		shares[pool] = max(shares[pool], n)
	}
	b := QuotaBooks{External: q.External, Raised: q.Raised, Unread: q.Unread, UnreadSince: q.UnreadSince, Pools: poolBooks(q.Pools, shares)}
	if q.Month > 0 {
		b.Month = fmt.Sprintf("%d-%02d", q.Month/100, q.Month%100)
	}
	for _, r := range active {
		n := r.Wants(rollout.StageSubmit)
		if n == 0 {
			continue
		}
		limit, err := o.limit(ctx, r, shares)
		if err != nil {
			return b, err
		}
		b.Waiting = append(b.Waiting, Waiting{Rollout: r.ID, Pool: r.Plan.Quota.PoolName(), Targets: n, Limit: limit})
	}
	return b, nil
}

func poolBooks(used []ratelimit.PoolBooks, shares map[string]int64) []PoolBooks {
	pools := make([]PoolBooks, 0, len(used))
	for _, p := range used {
		pools = append(pools, PoolBooks{Pool: p.Pool, Spent: p.Spent, Today: p.Today, Out: p.Out})
	}
	for name := range shares {
		if !slices.ContainsFunc(pools, func(p PoolBooks) bool { return p.Pool == name }) {
			pools = append(pools, PoolBooks{Pool: name})
		}
	}
	for i, p := range pools {
		pools[i].Share, pools[i].Lacks = shares[p.Pool], max(0, shares[p.Pool]-p.Spent-p.Out)
	}
	slices.SortFunc(pools, func(a, b PoolBooks) int { return strings.Compare(a.Pool, b.Pool) })
	return pools
}

// checkPool tells of a closed submit pool, of a quota that is not read, and of rollouts
// that wait for quota.
func (o *Operator) checkPool(ctx context.Context) []Result {
	const name = "submit pool"
	p, err := o.pool(ctx, rollout.StageSubmit)
	if err != nil {
		return []Result{{Name: name, Level: LevelFail, Detail: err.Error()}}
	}
	r := Result{Name: name, Level: LevelOK, Detail: "open"}
	if !p.Open() {
		r = Result{Name: name, Level: LevelWarn, Detail: p.State + ": " + p.Words, Hint: "it opens by itself; enqueue quota open overrides"}
		if !p.RetryAt.IsZero() {
			r.Detail += "; tried again at " + p.RetryAt.Format(time.RFC3339)
		}
	}
	b, err := o.books(ctx)
	if err != nil {
		return []Result{r, {Name: "quota books", Level: LevelFail, Detail: err.Error()}}
	}
	results := []Result{r}
	if b.Unread != "" {
		results = append(results, Result{
			Name: "quota reading", Level: LevelWarn,
			Detail: "not read since " + b.UnreadSince.Format(time.RFC3339) + ": " + b.Unread,
			Hint:   "nothing above what is known to be left is submitted until queryquota answers",
		})
	}
	for _, w := range b.Waiting {
		if w.Limit != nil {
			results = append(results, Result{
				Name: "quota of " + w.Rollout, Level: LevelWarn, Detail: w.Limit.String(), Hint: limitNext(w.Limit),
			})
		}
	}
	return results
}

// limitNext is what a person may do about a limit; "" for nothing.
func limitNext(l *rollout.Limit) string {
	switch l.Kind {
	case rollout.LimitReserved:
		return "it goes on when WeChat grants more, or when the rollouts that reserve have ended; ask for a temporary quota in WeChat's provider assistant (服务商助手)"
	case rollout.LimitExhausted:
		return "it goes on with the next month's quota, or when WeChat grants more"
	case rollout.LimitCap:
		return "it goes on next month; the plan's quota.cap bounds it"
	case rollout.LimitUnread:
		return "the leader reads queryquota on a clock: see the quota reading, and that a worker is alive"
	default:
		return ""
	}
}

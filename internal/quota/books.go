package quota

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

// Books are this month's submissions by pool, in units. Months and days are those of
// UTC+8.
type Books struct {
	// Month of the books, such as 2026-11; "" before the first one.
	Month string `json:"month,omitempty"`
	// External are the units that other systems spent, Raised those that WeChat added or did not
	// take; both are lower bounds.
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
	// Share is guaranteed this month, Lacks is the part that it has not used.
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

// shares lists the unfinished rollouts that can be read, and the shares of their pools.
func (q *Quota) shares(ctx context.Context) ([]rollout.Rollout, map[string]int64, error) {
	active, err := q.d.Ledger.Active(ctx)
	_, err = ledger.Broken(err)
	return active, rollout.Shares(active), err
}

// Limits returns what binds the submissions of each rollout; nil if nothing does or none waits.
func (q *Quota) Limits(ctx context.Context, rollouts ...rollout.Rollout) ([]*rollout.Limit, error) {
	_, shares, err := q.shares(ctx)
	if err != nil {
		return nil, err
	}
	limits := make([]*rollout.Limit, len(rollouts))
	for i, r := range rollouts {
		if limits[i], err = q.limit(ctx, r, shares); err != nil {
			return nil, err
		}
	}
	return limits, nil
}

func (q *Quota) limit(ctx context.Context, r rollout.Rollout, shares map[string]int64) (*rollout.Limit, error) {
	if r.Wants(rollout.StageSubmit) == 0 {
		return nil, nil
	}
	return q.d.Pools.Explain(ctx, r.Plan.Quota.Request(rollout.StageSubmit, shares))
}

// Books reads the books of the submit pool.
func (q *Quota) Books(ctx context.Context) (Books, error) {
	active, shares, err := q.shares(ctx)
	if err != nil {
		return Books{}, err
	}
	s, err := q.d.Pools.Quota(rollout.StageSubmit).State(ctx)
	if err != nil {
		return Books{}, fmt.Errorf("read the submit pool: %w", err)
	}
	for pool, n := range s.Shares {
		shares[pool] = max(shares[pool], n)
	}
	b := Books{External: s.External, Raised: s.Raised, Unread: s.Unread, UnreadSince: s.UnreadSince, Pools: poolBooks(s.Pools, shares)}
	if s.Month > 0 {
		b.Month = fmt.Sprintf("%d-%02d", s.Month/100, s.Month%100)
	}
	for _, r := range active {
		n := r.Wants(rollout.StageSubmit)
		if n == 0 {
			continue
		}
		limit, err := q.limit(ctx, r, shares)
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

// LimitNext is what a person may do about a limit; "" for nothing.
func LimitNext(l *rollout.Limit) string {
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

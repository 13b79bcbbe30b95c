package rollout

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Unlimited is an allowance without a known end.
const Unlimited = int64(-1)

// TakeRequest asks for permits of a stage's pool.
type TakeRequest struct {
	Stage Stage
	// Pool is the plan's quota pool. Shares are guaranteed to pools: see [Shares].
	Pool   string
	Shares map[string]int64
	// Cap, CapPercent and PerDay are the plan's bounds on what Pool spends and holds;
	// 0 means none.
	Cap, CapPercent, PerDay int64
	// IDs are the permits, in order; see [PermitID].
	IDs []string
}

// Request is the request of a plan's targets to a stage's pool. Only submissions have shares
// and bounds.
func (q QuotaPolicy) Request(stage Stage, shares map[string]int64) TakeRequest {
	if stage != StageSubmit {
		return TakeRequest{Stage: stage}
	}
	return TakeRequest{
		Stage: stage, Pool: q.PoolName(), Shares: shares,
		Cap: q.Cap, CapPercent: q.CapPercent, PerDay: q.PerDay,
	}
}

// Taken is a pool's answer.
type Taken struct {
	// Granted are the ids that have a permit now.
	Granted []string
	// Limit is why not all were granted; nil if they were.
	Limit *Limit
}

// Shares are the submissions that each pool is guaranteed: the largest reserve for it among the
// plans of unfinished rollouts.
func Shares(rollouts []Rollout) map[string]int64 {
	shares := make(map[string]int64)
	for _, r := range rollouts {
		if r.Status.Ended() {
			continue
		}
		for pool, n := range r.Plan.Quota.Reserve {
			shares[pool] = max(shares[pool], n)
		}
	}
	return shares
}

// Kinds of [Limit].
const (
	LimitUnread    = "unread"
	LimitClosed    = "closed"
	LimitExhausted = "exhausted"
	LimitReserved  = "reserved"
	LimitCap       = "cap"
	LimitPerDay    = "per_day"
)

// Limit is what keeps a pool from more submissions, in numbers. Times are the store's;
// zero means that there is none.
type Limit struct {
	// Kind is one of the Limit constants. Pool is the pool that it bounds.
	Kind string `json:"kind"`
	Pool string `json:"pool"`
	// Reason is why the stage is closed, an errcode or exhausted, and Since the time of closing.
	Reason string    `json:"reason,omitempty"`
	Since  time.Time `json:"since,omitzero"`
	// RetryAt is the time of the next probe; a reading may open the pool sooner.
	RetryAt time.Time `json:"retry_at,omitzero"`
	// Left is the last reading of the quota less the units spent since and those in Out. Limit
	// is the reading's limit and ReadAt its time. All are 0 if the quota is unread.
	Left   int64     `json:"left"`
	Limit  int64     `json:"limit"`
	ReadAt time.Time `json:"read_at,omitzero"`
	// Reserved is the unmet part of other pools' shares, and For the same by pool.
	Reserved int64            `json:"reserved"`
	For      map[string]int64 `json:"for,omitempty"`
	// Used of Bound are the units of its cap or daily bound that the pool has spent or holds.
	Used  int64 `json:"used"`
	Bound int64 `json:"bound"`
	// Out is the number of permits of all pools that are out.
	Out int64 `json:"out"`
	// Now is the time of these numbers.
	Now time.Time `json:"now"`
}

// String is the limit in numbers; "" for nil.
func (l *Limit) String() string {
	if l == nil {
		return ""
	}
	var text string
	switch l.Kind {
	case LimitReserved:
		text = fmt.Sprintf("%d of %d left are reserved for %s; waits for quota above %d", min(l.Left, l.Reserved), l.Left, l.names(), l.Reserved)
	case LimitExhausted:
		text = "the quota is used up"
		if l.Out > 0 {
			text += fmt.Sprintf(": %d submissions are on their way", l.Out)
		}
		if l.Reserved > 0 {
			text += fmt.Sprintf("; waits for quota above %d, reserved for %s", l.Reserved, l.names())
		}
	case LimitUnread:
		text = "the quota is not read yet"
		if l.Reserved > 0 {
			text += fmt.Sprintf("; %d units are reserved for %s", l.Reserved, l.names())
		}
	case LimitCap:
		text = fmt.Sprintf("pool %s has used %d of its cap of %d this month", l.Pool, l.Used, l.Bound)
	case LimitPerDay:
		text = fmt.Sprintf("pool %s has used %d of its %d a day; goes on at %s", l.Pool, l.Used, l.Bound, l.RetryAt.Format(time.RFC3339))
	default:
		text = "submissions are closed for every app: errcode " + l.Reason
		if _, err := strconv.Atoi(l.Reason); err != nil {
			text = "submissions are closed for every app: " + l.Reason
		}
		if !l.RetryAt.IsZero() {
			text += "; tried again at " + l.RetryAt.Format(time.RFC3339)
		}
	}
	if !l.ReadAt.IsZero() {
		text += fmt.Sprintf("; read %s ago", max(0, l.Now.Sub(l.ReadAt)).Round(time.Second))
	}
	return text
}

// names lists the pools that the reserved units are for.
func (l *Limit) names() string {
	pools := make([]string, 0, len(l.For))
	for pool := range l.For {
		pools = append(pools, pool)
	}
	slices.SortFunc(pools, func(a, b string) int { return cmp.Or(cmp.Compare(l.For[b], l.For[a]), cmp.Compare(a, b)) })
	return strings.Join(pools, ", ")
}

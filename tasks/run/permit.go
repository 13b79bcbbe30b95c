package run

import (
	"cmp"
	"context"

	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
)

// Permit is an assignment's permit at its stage, and what earlier calls spent.
type Permit struct {
	// Use is how the permit, or a unit of an earlier call, was used; "" if not at all.
	Use ratelimit.Use
	// Denied is set if a submission that counts as spent is proven not to have taken effect.
	Denied bool
	// Lost is set if the assignment reads back a call of unknown outcome, without a permit.
	Lost bool
	// Opening is the pool's opening in which the permit was last held; 0 if it was not checked.
	Opening int64
	// RefusedProbe is set if the assignment was the probe of a closed stage, and got no answer.
	RefusedProbe bool
}

// Settle returns the permit of an assignment that is over, and records the result of a read-back,
// which has none.
func (r *Run) Settle(ctx context.Context, event rollout.Event) {
	if r.Permit.Denied {
		r.settleAs(ctx, rollout.StageSubmit, ratelimit.Denied)
		r.Permit.Denied = false
	}
	if _, waits := event.(rollout.Stalled); !r.Assignment.Permit && r.Permit.Use == "" || waits {
		return
	}
	if r.Assignment.Stage != rollout.StageSubmit {
		_, unused := event.(rollout.Yielded)
		_, left := event.(rollout.Skipped)
		if event != nil && !unused && !left && !r.Permit.RefusedProbe { // WeChat answers again: the pool opens
			r.Permit.Use = ratelimit.Spent
		}
	}
	r.settleAs(ctx, r.Assignment.Stage, cmp.Or(r.Permit.Use, ratelimit.Unused))
}

func (r *Run) settleAs(ctx context.Context, stage rollout.Stage, use ratelimit.Use) {
	id := rollout.PermitID(r.Assignment.Rollout, r.Assignment.AppID)
	if err := r.Permits.Settle(ctx, stage, r.Plan.Quota.PoolName(), id, use); err != nil {
		r.Log.Warn().Err(err).Str("use", string(use)).Msg("permit not settled; it returns when it expires")
	}
}

// Refusal is this app's, in the opening in which its call began.
func (r *Run) Refusal(reason string) ratelimit.Refusal {
	return ratelimit.Refusal{App: r.Assignment.AppID, Reason: reason, Opening: r.Permit.Opening}
}

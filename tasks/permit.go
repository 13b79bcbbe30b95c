package tasks

import (
	"cmp"
	"context"

	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
)

// permit is what an assignment knows at its stage of its permit, and of units that earlier calls
// spent.
type permit struct {
	// use is how the permit, or a unit of an earlier call, was used; "" if not at all.
	use ratelimit.Use
	// denied is set if a submission that counts as spent is proven not to have taken effect.
	denied bool
	// lost is set if the assignment reads back a call of unknown outcome, without a permit.
	lost bool
	// opening is the pool's opening in which the permit was last held; 0 if it was not checked.
	opening int64
	// refusedProbe is set if the assignment was the probe of a closed stage, and got no answer.
	refusedProbe bool
}

// settle returns the permit of an assignment that is over, and records the result of a read-back,
// which has none.
func (r *run) settle(ctx context.Context, event rollout.Event) {
	if r.permit.denied {
		r.settleAs(ctx, rollout.StageSubmit, ratelimit.Denied)
		r.permit.denied = false
	}
	if _, waits := event.(rollout.Stalled); !r.assignment.Permit && r.permit.use == "" || waits {
		return
	}
	if r.assignment.Stage != rollout.StageSubmit {
		_, unused := event.(rollout.Yielded)
		_, left := event.(rollout.Skipped)
		if event != nil && !unused && !left && !r.permit.refusedProbe { // WeChat answers again: the pool opens
			r.permit.use = ratelimit.Spent
		}
	}
	r.settleAs(ctx, r.assignment.Stage, cmp.Or(r.permit.use, ratelimit.Unused))
}

func (r *run) settleAs(ctx context.Context, stage rollout.Stage, use ratelimit.Use) {
	id := rollout.PermitID(r.assignment.Rollout, r.assignment.AppID)
	if err := r.h.permits.Settle(ctx, stage, r.plan.Quota.PoolName(), id, use); err != nil {
		r.log.Warn().Err(err).Str("use", string(use)).Msg("permit not settled; it returns when it expires")
	}
}

// refusal is this app's, in the opening in which its call began.
func (r *run) refusal(reason string) ratelimit.Refusal {
	return ratelimit.Refusal{App: r.assignment.AppID, Reason: reason, Opening: r.permit.opening}
}

package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/wxrollout/wxrollout/rollout"
)

// readsBack reports whether a target waits to be read back.
func readsBack(r rollout.Rollout) bool {
	return slices.ContainsFunc(rollout.Stages(), func(s rollout.Stage) bool { return r.ReadBacks(s) > 0 })
}

// readBacks dispatches a queue's targets that have a call of unknown outcome, before anything new.
// Their handlers read and write nothing that needs a permit, so no closed pool holds them. Until
// the outcome is known the target keeps its app.
func (c *Controller) readBacks(ctx context.Context, active []rollout.Rollout, queueName rollout.QueueName, room int) (int, error) {
	claimed := 0
	var errs []error
	for _, r := range active {
		for _, stage := range queueStages[queueName] {
			n := min(r.ReadBacks(stage), room-claimed)
			if n <= 0 {
				continue
			}
			got, err := c.hand(ctx, rollout.Claim{Rollout: r.ID, Stage: stage, ReadBack: true, N: n, Lease: c.opts.Lease}, nil)
			claimed += got
			if stopsAll(err) {
				return claimed, err
			}
			if err != nil {
				errs = append(errs, fmt.Errorf("rollout %s: read back at stage %s: %w", r.ID, stage, err))
			}
		}
	}
	return claimed, errors.Join(errs...)
}

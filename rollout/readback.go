package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// readsBack tells whether a target waits to be read back.
func (r Rollout) readsBack() bool {
	return slices.ContainsFunc(Stages(), func(s Stage) bool { return r.ReadBacks(s) > 0 })
}

// readBacks dispatches a queue's targets that have a call of unknown outcome. Their handlers read,
// and write nothing for which the stage needs a permit: they need none, no closed pool holds
// them, and they come before anything new. Until the outcome is known the target keeps its app.
func (c *Controller) readBacks(ctx context.Context, active []Rollout, queueName QueueName, room int) (int, error) {
	claimed := 0
	var errs []error
	for _, r := range active {
		for _, stage := range queueStages[queueName] {
			n := min(r.ReadBacks(stage), room-claimed)
			if n <= 0 {
				continue
			}
			got, err := c.hand(ctx, Claim{Rollout: r.ID, Stage: stage, ReadBack: true, N: n, Lease: c.opts.Lease}, nil)
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

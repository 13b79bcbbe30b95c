package controller

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/internal/launch"
)

// schedulesEvery is how often the loop checks which schedules are due, also after an error: one
// schedule that fails must not delay the others.
const schedulesEvery = 2 * time.Second

// Firer begins the runs of schedules that are due.
type Firer interface {
	FireDue(ctx context.Context) ([]launch.Fired, error)
}

// Schedules is the loop that begins the runs of schedules.
type Schedules struct {
	Firer Firer
	Log   zerolog.Logger
}

// Reconcile implements Reconciler.
func (s Schedules) Reconcile(ctx context.Context) (next time.Duration, err error) {
	fired, err := s.Firer.FireDue(ctx)
	for _, f := range fired {
		s.Log.Info().Str("schedule", f.Schedule).Str("rollout", f.ID).Time("due", f.At).
			Int("missed", f.Missed).Int("targets", f.Targets).Str("skipped", f.Skipped).Msg("scheduled run")
	}
	return schedulesEvery, err
}

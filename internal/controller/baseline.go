package controller

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/internal/launch"
)

const (
	// baselineEvery is the least wait between two passes.
	baselineEvery = 2 * time.Second
	// baselineShare limits passes to 1/50 of the time: each pass reads all newcomers that the baseline
	// cannot take, and there may be many.
	baselineShare = 50
)

// Gatherer moves newcomers into rollouts of the baseline.
type Gatherer interface {
	Gather(ctx context.Context) (*launch.Gathered, error)
}

// Baseline is the loop that gives newcomers the baseline.
type Baseline struct {
	Gatherer Gatherer
	Log      zerolog.Logger
}

// Reconcile implements Reconciler.
func (b Baseline) Reconcile(ctx context.Context) (next time.Duration, err error) {
	began := time.Now()
	made, err := b.Gatherer.Gather(ctx)
	switch {
	case err != nil:
		return 0, err
	case made != nil:
		b.Log.Info().Str("rollout", made.ID).Int("targets", made.Targets).Msg("newcomers get the baseline")
		return baselineEvery, nil
	default:
		return max(baselineEvery, baselineShare*time.Since(began)), nil
	}
}

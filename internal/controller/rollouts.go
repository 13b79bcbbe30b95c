package controller

import (
	"context"
	"time"

	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/dispatch"
)

// RolloutsOptions are what the loop of the rollouts works with.
type RolloutsOptions struct {
	Controller *dispatch.Controller
	// Record receives what each pass did and its error; nil drops both.
	Record func(dispatch.Progress, error)
	Log    zerolog.Logger
	// Busy and Idle are the waits after a pass that moved something and after one that did not.
	// Default 20 ms and 200 ms.
	Busy, Idle time.Duration
}

// Rollouts is the loop that moves targets, gates and rollouts.
type Rollouts struct {
	o           RolloutsOptions
	quarantined bool
}

// NewRollouts returns the loop.
func NewRollouts(o RolloutsOptions) *Rollouts {
	if o.Busy <= 0 {
		o.Busy = 20 * time.Millisecond
	}
	if o.Idle <= 0 {
		o.Idle = 200 * time.Millisecond
	}
	if o.Record == nil {
		o.Record = func(dispatch.Progress, error) {}
	}
	return &Rollouts{o: o}
}

// Reconcile implements Reconciler. An error names what could not be done; the rest was.
func (r *Rollouts) Reconcile(ctx context.Context) (next time.Duration, err error) {
	p, err := r.o.Controller.Reconcile(ctx)
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	r.o.Record(p, err)
	r.logQuarantine(p.Quarantine)
	for _, g := range p.Gates {
		level := zerolog.WarnLevel // an operator has to act
		if g.Decision == rollout.DecisionPass {
			level = zerolog.InfoLevel
		}
		r.o.Log.WithLevel(level).Str("rollout", g.Rollout).Str("wave", g.Wave).Str("gate", string(g.Decision)).Str("why", g.Why).Msg("gate decided")
	}
	if err == nil && p.Moved() {
		return r.o.Busy, nil
	}
	return r.o.Idle, err
}

// logQuarantine logs when the store stops and resumes giving assignments.
func (r *Rollouts) logQuarantine(left time.Duration) {
	if now := left > 0; now != r.quarantined {
		r.quarantined = now
		if now {
			r.o.Log.Warn().Dur("left", left).Msg("redis restarted or failed over: dispatching waits until calls of assignments that it may have lost are over")
		} else {
			r.o.Log.Info().Msg("dispatching resumes after the redis restart")
		}
	}
}

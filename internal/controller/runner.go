package controller

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/rs/zerolog"
)

// Reconciler is one loop of the controller.
type Reconciler interface {
	// Reconcile makes one pass: it compares wanted with actual state and acts. next is the wait
	// before the next pass. After an error the Runner backs off; a positive next caps that wait.
	Reconcile(ctx context.Context) (next time.Duration, err error)
}

// Loop is a Reconciler with the name that the log shows.
type Loop struct {
	Name string
	Reconciler
}

// Bounds of the wait between two passes.
const (
	minWait      = time.Millisecond
	maxWait      = 5 * time.Minute
	firstBackoff = 2 * time.Second
)

// Runner repeats loops, each in a goroutine: a loop that fails, panics or takes long delays no
// other.
type Runner struct {
	loops []Loop
	log   zerolog.Logger
}

// NewRunner returns a runner of loops; it starts nothing.
func NewRunner(log zerolog.Logger, loops ...Loop) *Runner { return &Runner{loops: loops, log: log} }

// Run repeats the loops until ctx ends, and returns when all passes have ended.
func (r *Runner) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, l := range r.loops {
		wg.Go(func() { r.repeat(ctx, l) })
	}
	wg.Wait()
}

// repeat runs the passes of one loop. It logs an error once, until another one or a pass without
// one comes.
func (r *Runner) repeat(ctx context.Context, l Loop) {
	wait := backoff.ExponentialBackOff{InitialInterval: firstBackoff, Multiplier: 2, MaxInterval: maxWait}
	logged := ""
	for {
		next, err := pass(ctx, l)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			wait.Reset()
			logged = ""
		} else {
			if text := err.Error(); text != logged {
				logged = text
				r.logError(l, err)
			}
			if d := wait.NextBackOff(); next <= 0 || d < next {
				next = d
			}
		}
		if sleep(ctx, min(max(next, minWait), maxWait)) != nil {
			return
		}
	}
}

func (r *Runner) logError(l Loop, err error) {
	e := r.log.Warn()
	if p := (*panicError)(nil); errors.As(err, &p) {
		e = r.log.Error().Bytes("stack", p.stack)
	}
	e.Err(err).Str("loop", l.Name).Msg("reconcile failed; the next pass tries again")
}

// panicError is a pass that panicked. The stack is no part of the text: it differs each time.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// pass runs one pass and turns a panic into its error.
func pass(ctx context.Context, l Loop) (next time.Duration, err error) {
	defer func() {
		if p := recover(); p != nil {
			next, err = 0, &panicError{p, debug.Stack()}
		}
	}()
	return l.Reconcile(ctx)
}

// sleep waits for d or until ctx ends, whose error it returns.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

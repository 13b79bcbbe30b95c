package app

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// stack holds named teardowns; they run last in, first out.
type stack struct{ items []teardown }

type teardown struct {
	name string
	run  func(context.Context) error
}

func (s *stack) push(name string, run func(context.Context) error) {
	s.items = append(s.items, teardown{name, run})
}

// unwind runs every teardown, also after a failed one, and joins the errors. Each may take until ctx
// ends, and teardownGrace longer.
func (s *stack) unwind(ctx context.Context) error {
	var errs []error
	for i := len(s.items) - 1; i >= 0; i-- {
		if err := s.items[i].bounded(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", s.items[i].name, err))
		}
	}
	s.items = nil
	return errors.Join(errs...)
}

// teardownGrace is how long a teardown may take after its context has ended: a handler stores the
// outcome of its canceled call. unwind abandons one that takes longer, so that the process ends before
// it is killed.
const teardownGrace = 5 * time.Second

// bounded runs the teardown and waits for it, but not forever.
func (t teardown) bounded(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { done <- t.run(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	case <-time.After(teardownGrace):
		return fmt.Errorf("not done %s after the deadline: left behind", teardownGrace)
	}
}

package app

import (
	"context"
	"errors"
	"fmt"
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

// unwind runs every teardown, also after a failed one, and joins the errors.
func (s *stack) unwind(ctx context.Context) error {
	var errs []error
	for i := len(s.items) - 1; i >= 0; i-- {
		if err := s.items[i].run(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", s.items[i].name, err))
		}
	}
	s.items = nil
	return errors.Join(errs...)
}

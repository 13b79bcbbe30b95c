// Package command has what the commands of all rooms share: the environment they run
// in, their arguments, and the flags that several of them have.
package command

import (
	"context"

	"github.com/wxrollout/wxrollout/internal/app"
	"github.com/wxrollout/wxrollout/internal/cli/term"
	"github.com/wxrollout/wxrollout/internal/fleet"
	"github.com/wxrollout/wxrollout/internal/library"
	"github.com/wxrollout/wxrollout/internal/operator"
)

// Env is what every command works with.
type Env struct {
	term.Streams
	Open func(context.Context) (*app.Tools, func() error, error)
}

// With runs f with the operator's verbs.
func (env *Env) With(ctx context.Context, f func(*operator.Operator) error) error {
	return env.with(ctx, func(t *app.Tools) error { return f(t.Operator) })
}

// WithFleet runs f with the use cases of the app registry.
func (env *Env) WithFleet(ctx context.Context, f func(*fleet.Fleet) error) error {
	return env.with(ctx, func(t *app.Tools) error { return f(t.Fleet) })
}

// WithLibrary runs f with the use cases of the template library.
func (env *Env) WithLibrary(ctx context.Context, f func(*library.Library) error) error {
	return env.with(ctx, func(t *app.Tools) error { return f(t.Library) })
}

// with opens the tools for f and closes them after. An error of closing counts only if f succeeded.
func (env *Env) with(ctx context.Context, f func(*app.Tools) error) error {
	tools, done, err := env.Open(ctx)
	if err != nil {
		return err
	}
	err = f(tools)
	if closing := done(); err == nil {
		err = closing
	}
	return err
}

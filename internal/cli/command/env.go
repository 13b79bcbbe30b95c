// Package command has what the commands of all rooms share: the environment they run
// in, their arguments, and the flags that several of them have.
package command

import (
	"context"

	"github.com/wxrollout/wxrollout/internal/cli/term"
	"github.com/wxrollout/wxrollout/internal/operator"
)

// Env is what every command works with.
type Env struct {
	term.Streams
	Open func(context.Context) (*operator.Operator, func() error, error)
}

// With opens the operator for f and closes it afterwards. An error of f hides one of closing.
func (env *Env) With(ctx context.Context, f func(*operator.Operator) error) error {
	op, done, err := env.Open(ctx)
	if err != nil {
		return err
	}
	err = f(op)
	if closing := done(); err == nil {
		err = closing
	}
	return err
}

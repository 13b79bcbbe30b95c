// Package command holds what the subpackages of commands share: the environment,
// arguments, and common flags.
package command

import (
	"cmp"
	"context"

	"github.com/wxrollout/wxrollout/internal/archive"
	"github.com/wxrollout/wxrollout/internal/cli/term"
	"github.com/wxrollout/wxrollout/internal/config"
	"github.com/wxrollout/wxrollout/internal/doctor"
	"github.com/wxrollout/wxrollout/internal/fleet"
	"github.com/wxrollout/wxrollout/internal/launch"
	"github.com/wxrollout/wxrollout/internal/library"
	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/internal/quota"
)

// Tools are the use cases behind the commands.
type Tools struct {
	Operator *operator.Operator
	Doctor   *doctor.Doctor
	Launcher *launch.Launcher
	Fleet    *fleet.Fleet
	Library  *library.Library
	Quota    *quota.Quota
	Archiver archive.Archiver
}

// Env is what every command works with.
type Env struct {
	term.Streams
	Open func(context.Context) (t Tools, done func() error, err error)
	// Environ is the environment of the process.
	Environ []string
	// Settings returns the settings in effect with their origins, also if some are wrong.
	Settings func() ([]config.Setting, error)
	// Contexts reads the settings file; without one its path is "".
	Contexts func() (config.Contexts, error)
}

// With runs f with the tools and closes them. An error of closing counts only if f succeeded.
func (env *Env) With(ctx context.Context, f func(Tools) error) error {
	t, done, err := env.Open(ctx)
	if err != nil {
		return err
	}
	err = f(t)
	return cmp.Or(err, done())
}

// Package cli is the enqueue command: its root, its exit codes and its wiring. The
// subpackages hold the commands.
package cli

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/pflag"

	"github.com/wxrollout/wxrollout/internal/app"
	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/term"
	"github.com/wxrollout/wxrollout/internal/config"
)

// Run runs a command line and returns its exit code. The first Ctrl-C stops the command
// at a safe point, the second kills the process.
func Run(version string, args, environ []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	redis.SetLogger(silent{})
	var cfg config.Config
	settings := pflag.NewFlagSet("settings", pflag.ContinueOnError)
	settings.SortFlags = false
	config.Bind(settings, &cfg, config.RoleOperator)
	env := &command.Env{
		Streams: term.NewStreams(stdin, stdout, stderr),
		Environ: environ,
		Settings: func() ([]config.Setting, error) {
			err := config.Load(settings, &cfg, config.RoleOperator, environ, config.OpenFile)
			return cfg.Settings(settings), err
		},
		Contexts: func() (config.Contexts, error) { return config.ReadContexts(settings, environ, config.OpenFile) },
		Open: func(ctx context.Context) (t command.Tools, done func() error, err error) {
			if err := config.Load(settings, &cfg, config.RoleOperator, environ, config.OpenFile); err != nil {
				return t, nil, err
			}
			tools, done, err := app.Open(ctx, &cfg)
			if err != nil {
				return t, nil, err
			}
			return command.Tools(*tools), done, nil
		},
	}
	return int(execute(ctx, env, settings, version, args))
}

// silent discards the log of the Redis client: its failures are returned as errors.
type silent struct{}

// Printf implements the Redis client's logger.
func (silent) Printf(context.Context, string, ...any) {}

// Command enqueue is the operator's side of wxrollout: it plans and applies
// rollouts, shows where they stand and why, and holds, retries, schedules and
// checks them. The workers do the work; enqueue may go away at any time.
//
//	enqueue plan -f spring.yaml
//	enqueue apply -f spring.yaml
//	enqueue watch spring
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/pflag"

	"github.com/wxrollout/wxrollout/internal/app"
	"github.com/wxrollout/wxrollout/internal/operator"
)

func main() { os.Exit(run(os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr)) }

// run is main without the process: it returns the exit code. The first Ctrl-C
// ends what is done at a good place, the second ends the process.
func run(args, environ []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	redis.SetLogger(silent{})
	var cfg app.Config
	settings := pflag.NewFlagSet("settings", pflag.ContinueOnError)
	settings.SortFlags = false
	app.BindFlags(settings, &cfg, app.RoleOperator)
	d := &deps{
		streams: newStreams(stdin, stdout, stderr),
		now:     time.Now,
		open: func(ctx context.Context) (*operator.Operator, func() error, error) {
			if err := app.Load(settings, &cfg, app.RoleOperator, environ, os.ReadFile); err != nil {
				return nil, nil, err
			}
			return app.OpenOperator(ctx, &cfg)
		},
	}
	return int(execute(ctx, d, settings, args))
}

// silent keeps the Redis client's own lines off stderr: what matters of them comes
// back as an error.
type silent struct{}

// Printf implements the Redis client's logger.
func (silent) Printf(context.Context, string, ...any) {}

// deps are what every command works with.
type deps struct {
	streams
	now  func() time.Time
	open func(context.Context) (*operator.Operator, func() error, error)
}

// with opens the operator for f and closes it after. Closing is worth an error
// only if nothing else went wrong.
func (d *deps) with(ctx context.Context, f func(*operator.Operator) error) error {
	op, done, err := d.open(ctx)
	if err != nil {
		return err
	}
	err = f(op)
	if closing := done(); err == nil {
		err = closing
	}
	return err
}

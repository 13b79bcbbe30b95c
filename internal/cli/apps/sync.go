package apps

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/exit"
	"github.com/wxrollout/wxrollout/internal/cli/term"
	"github.com/wxrollout/wxrollout/internal/fleet"
	"github.com/wxrollout/wxrollout/internal/human"
)

// syncOptions is the command line of apps sync.
type syncOptions struct {
	full, versions, status bool
	rate                   int
	format                 term.Format
}

func newAppsSync(env *command.Env, run func(context.Context, *command.Env, syncOptions) error) *cobra.Command {
	var o syncOptions
	cmd := &cobra.Command{
		Use:   "sync",
		Short: "Sync the registry with WeChat's list of authorized apps",
		Long: `Read WeChat's list of authorized apps, 500 per call, mark the apps that are gone,
and read each new or changed app with one call, or three with --versions. 100,000
new apps take about 90 minutes at the default rate.

Ctrl-C is always safe: the same command, or a worker, continues where it stopped.
Only one sync runs at a time. Refresh tokens are stored sealed.`,
		Example: `  enqueue apps sync
  enqueue apps sync --full --versions --rate 50
  enqueue apps sync --status`,
		Args: command.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.rate < 1 || o.rate > 1000 {
				return exit.Usagef("--rate %d: want 1 to 1000 calls a second", o.rate)
			}
			return run(cmd.Context(), env, o)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.full, "full", false, "read every app again")
	f.BoolVar(&o.versions, "versions", false, "also read the live version of each app")
	f.IntVar(&o.rate, "rate", 20, "maximum number of calls per second to WeChat")
	f.BoolVar(&o.status, "status", false, "only show how complete the registry is")
	command.BindObject(cmd, &o.format)
	return cmd
}

func runAppsSync(ctx context.Context, env *command.Env, o syncOptions) error {
	return env.With(ctx, func(t command.Tools) error {
		if o.status {
			return appsStatus(ctx, env, t.Fleet, o.format)
		}
		bar := env.Bar()
		done, err := t.Fleet.Sync(ctx, fleet.SyncOptions{Full: o.full, Versions: o.versions, Rate: o.rate, Progress: bar.Show})
		bar.End()
		short := errors.As(err, new(*fleet.ListShortError)) // the rest of the sync is done
		if err != nil && !short {
			return err
		}
		if o.format.Object() {
			return errors.Join(env.Object(o.format, done), err)
		}
		listed := human.Plural(done.Listed, "app")
		if done.Listed < done.Of {
			listed = fmt.Sprintf("%s of %s", human.Count(done.Listed), human.Plural(done.Of, "app"))
		}
		text := fmt.Sprintf("%s listed, %s new or back, %s gone, %s read", listed, human.Count(done.Joined), human.Count(done.Left), human.Count(done.Read))
		if done.Resumed {
			text = "continued an interrupted sync: " + text
		}
		if done.Failed > 0 {
			text += fmt.Sprintf("; %s could not be read and will be retried", human.Count(done.Failed))
		}
		for _, reason := range done.Errors {
			env.Talk("%s\n", human.OneLine(reason))
		}
		return errors.Join(env.Print("%s\n", text), err)
	})
}

func appsStatus(ctx context.Context, env *command.Env, fl *fleet.Fleet, f term.Format) error {
	s, err := fl.Status(ctx)
	if err != nil {
		return err
	}
	text := fmt.Sprintf("%s, %s unread", human.Plural(s.Apps, "app"), human.Count(s.Unread))
	switch {
	case s.Phase != "":
		text += "; a sync is running or was interrupted: " + string(s.Phase)
	case s.Listed.IsZero():
		text += "; WeChat's list was never read"
	default:
		text += "; WeChat's list was last read at " + human.Local(s.Listed)
	}
	if s.Short != "" {
		text += "; " + s.Short
	}
	return env.Show(f, s, "%s\n", text)
}

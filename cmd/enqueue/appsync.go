package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/operator"
)

// syncOptions are the command line of apps sync.
type syncOptions struct {
	full, versions, status bool
	rate                   int
	format                 format
}

func newAppsSync(d *deps, run func(context.Context, *deps, syncOptions) error) *cobra.Command {
	var o syncOptions
	cmd := &cobra.Command{
		Use:   "sync",
		Short: "Bring the registry up to WeChat's list of authorized apps",
		Long: `Read WeChat's list of authorized apps, 500 at a time, mark those that are gone, and
ask about each that is new or changed: one call an app, two more with --versions.
100,000 new apps take about 90 minutes at the default rate.

Ctrl-C is safe at any moment: the same command goes on from there, and so does a
worker. One sync runs at a time. Refresh tokens go sealed into the token store.`,
		Example: `  enqueue apps sync
  enqueue apps sync --full --versions --rate 50
  enqueue apps sync --status`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.rate < 1 || o.rate > 1000 {
				return usagef("--rate %d: want 1 to 1000 calls a second", o.rate)
			}
			return run(cmd.Context(), d, o)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.full, "full", false, "ask about every app anew")
	f.BoolVar(&o.versions, "versions", false, "look at the version users have, too")
	f.IntVar(&o.rate, "rate", 20, "calls to WeChat a second, at most")
	f.BoolVar(&o.status, "status", false, "only tell how complete the registry is")
	bindFormat(cmd, &o.format, formatTable, formatJSON)
	return cmd
}

func runAppsSync(ctx context.Context, d *deps, o syncOptions) error {
	return d.with(ctx, func(op *operator.Operator) error {
		if o.status {
			return d.appsStatus(ctx, op, o.format)
		}
		bar := d.bar()
		done, err := op.SyncApps(ctx, operator.SyncOptions{Full: o.full, Versions: o.versions, Rate: o.rate, Progress: bar.show})
		bar.end()
		short := errors.As(err, new(*operator.ListShortError)) // the rest of the sync was done
		if err != nil && !short {
			return err
		}
		if o.format == formatJSON {
			return errors.Join(writeJSON(d.out, done), err)
		}
		listed := plural(done.Listed, "app")
		if done.Listed < done.Of {
			listed = fmt.Sprintf("%s of %s", count(done.Listed), plural(done.Of, "app"))
		}
		text := fmt.Sprintf("%s listed, %s new or back, %s gone, %s asked about", listed, count(done.Joined), count(done.Left), count(done.Read))
		if done.Resumed {
			text = "went on with a sync that was interrupted: " + text
		}
		if done.Failed > 0 {
			text += fmt.Sprintf("; %s could not be read and are tried again later", count(done.Failed))
		}
		for _, reason := range done.Errors {
			d.talk("%s\n", oneLine(reason))
		}
		return errors.Join(d.print("%s\n", text), err)
	})
}

func (d *deps) appsStatus(ctx context.Context, op *operator.Operator, f format) error {
	s, err := op.AppsStatus(ctx)
	if err != nil {
		return err
	}
	if f == formatJSON {
		return writeJSON(d.out, s)
	}
	text := fmt.Sprintf("%s, %s to be asked about", plural(s.Apps, "app"), count(s.Unread))
	switch {
	case s.Phase != "":
		text += "; a sync is under way or was interrupted: " + string(s.Phase)
	case s.Listed.IsZero():
		text += "; WeChat's list was never read"
	default:
		text += "; WeChat's list was read at " + clockTime(s.Listed)
	}
	if s.Short != "" {
		text += "; " + s.Short
	}
	return d.print("%s\n", text)
}

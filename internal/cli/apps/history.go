package apps

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/exit"
	"github.com/wxrollout/wxrollout/internal/cli/term"
	"github.com/wxrollout/wxrollout/internal/fleet"
	"github.com/wxrollout/wxrollout/internal/human"
)

// historyOptions is the command line of apps history.
type historyOptions struct {
	limit  int
	format term.Format
}

func newAppsHistory(env *command.Env, run func(context.Context, *command.Env, historyOptions) error) *cobra.Command {
	var o historyOptions
	cmd := &cobra.Command{
		Use:   "history",
		Short: "Show who changed labels and values, and why",
		Long: `Show the changes that operators made to the registry, newest first, with operator
and reason. The last 1,000 are kept.`,
		Example: `  enqueue apps history
  enqueue apps history --limit 5 -o json`,
		Args: command.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.limit < 1 {
				return exit.Usagef("--limit %d: want 1 or more", o.limit)
			}
			return run(cmd.Context(), env, o)
		},
	}
	cmd.Flags().IntVar(&o.limit, "limit", 20, "maximum number of changes")
	command.BindList(env, cmd, &o.format)
	return cmd
}

func runAppsHistory(ctx context.Context, env *command.Env, o historyOptions) error {
	return env.With(ctx, func(t command.Tools) error {
		found, err := t.Fleet.Actions(ctx, o.limit)
		if err != nil {
			return err
		}
		return term.List(env.Streams, o.format, "changes", historyColumns, found)
	})
}

var historyColumns = []term.Column[fleet.Action]{
	{Name: "at", Text: func(a fleet.Action) string { return human.Stamp(a.At) }},
	{Name: "by", Text: func(a fleet.Action) string { return a.By }},
	{Name: "what", Text: func(a fleet.Action) string { return a.What }},
	{Name: "why", Text: func(a fleet.Action) string { return human.Shorten(a.Why, command.CellWidth) }},
}

package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/registry/apps"
)

// historyOptions are the command line of apps history.
type historyOptions struct {
	limit  int
	format format
}

func newAppsHistory(d *deps, run func(context.Context, *deps, historyOptions) error) *cobra.Command {
	var o historyOptions
	cmd := &cobra.Command{
		Use:   "history",
		Short: "Show who changed labels and values, and why",
		Long: `Show what operators did to the registry, the newest first: imports and labels, by
whom and for what reason. The last thousand are kept.`,
		Example: `  enqueue apps history
  enqueue apps history --limit 5 -o json`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.limit < 1 {
				return usagef("--limit %d: want 1 or more", o.limit)
			}
			return run(cmd.Context(), d, o)
		},
	}
	cmd.Flags().IntVar(&o.limit, "limit", 20, "how many to show")
	bindFormat(cmd, &o.format, formatTable, formatJSON, formatCSV)
	return cmd
}

func runAppsHistory(ctx context.Context, d *deps, o historyOptions) error {
	return d.with(ctx, func(op *operator.Operator) error {
		found, err := op.AppActions(ctx, o.limit)
		if err != nil {
			return err
		}
		return list(d, o.format, historyColumns, found)
	})
}

var historyColumns = []column[apps.Action]{
	{name: "at", text: func(a apps.Action) string { return stamp(a.At.Time()) }},
	{name: "by", text: func(a apps.Action) string { return a.By }},
	{name: "what", text: func(a apps.Action) string { return a.What }},
	{name: "why", text: func(a apps.Action) string { return shorten(a.Why, textWidth) }},
}

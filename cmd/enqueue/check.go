package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/app"
	"github.com/wxrollout/wxrollout/internal/operator"
)

// checkOptions are the command line of check.
type checkOptions struct {
	app    string
	format format
}

func newCheck(d *deps, run func(context.Context, *deps, checkOptions) error) *cobra.Command {
	var o checkOptions
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check that everything a rollout needs is there",
		Long: `Check Redis and its settings, the platform's credentials, the IP allow-list, the
template library, the submission quota, the daily limits of calls and the workers.
It changes nothing. The exit code is 0 if nothing fails (warnings are fine), 4 if
the credentials are at fault, and 1 for anything else.`,
		Example: `  enqueue check
  enqueue check -o json --app wx1234567890abcdef`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), d, o) },
	}
	cmd.Flags().StringVar(&o.app, "app", "", "the app to ask WeChat through")
	bindFormat(cmd, &o.format, formatTable, formatJSON, formatCSV)
	return cmd
}

func runCheck(ctx context.Context, d *deps, o checkOptions) error {
	var results []operator.Result
	err := d.with(ctx, func(op *operator.Operator) error {
		results = op.Check(ctx, o.app)
		return ctx.Err()
	})
	if errors.As(err, new(*app.SettingsError)) || ctx.Err() != nil {
		return err
	}
	if err != nil && len(results) == 0 { // nothing could be opened
		results = []operator.Result{{Name: "redis", Level: operator.LevelFail, Detail: err.Error(), Credentials: operator.IsCredential(err)}}
	}
	if err := list(d, o.format, resultColumns, results); err != nil {
		return err
	}
	failed := func(r operator.Result) bool { return r.Level == operator.LevelFail }
	switch {
	case slices.ContainsFunc(results, func(r operator.Result) bool { return failed(r) && r.Credentials }):
		return &statusError{exitCredentials}
	case slices.ContainsFunc(results, failed):
		return &statusError{exitError}
	default:
		return nil
	}
}

var resultColumns = []column[operator.Result]{
	{name: "check", text: func(r operator.Result) string { return r.Name }},
	{name: "level", text: func(r operator.Result) string { return strings.ToUpper(string(r.Level)) }},
	{name: "found", text: func(r operator.Result) string {
		if r.Hint == "" {
			return r.Detail
		}
		return r.Detail + "; " + r.Hint
	}},
}

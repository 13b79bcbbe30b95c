package rollouts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/exit"
	"github.com/wxrollout/wxrollout/internal/cli/term"
	"github.com/wxrollout/wxrollout/internal/human"
	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/internal/view"
)

func newGet(env *command.Env, more ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "get",
		Short: "List rollouts, targets, failures or schedules",
		Long: `List rollouts, the targets of a rollout, the targets that need an operator or a
merchant, or schedules.`,
		Example: `  enqueue get rollouts
  enqueue get targets spring --state parked
  enqueue get failures spring -o json`,
		Args: command.Args(cobra.ArbitraryArgs),
		RunE: command.Group,
	}
	cmd.AddCommand(newGetRollouts(env, runGetRollouts), newGetTargets(env, runGetTargets), newGetFailures(env, runGetFailures))
	cmd.AddCommand(more...)
	return cmd
}

// rolloutsOptions is the command line of get rollouts.
type rolloutsOptions struct {
	limit  int
	active bool
	format term.Format
}

func newGetRollouts(env *command.Env, run func(context.Context, *command.Env, rolloutsOptions) error) *cobra.Command {
	var o rolloutsOptions
	cmd := &cobra.Command{
		Use:     "rollouts",
		Aliases: []string{"rollout", "ro"},
		Short:   "List rollouts, newest first",
		Long: `List rollouts, newest first. WHY is the reason why a rollout is paused, held or
aborted. -o wide adds who did that, and the times of start and end. Unreadable
rollouts are listed last; the exit code is then 1.`,
		Example: `  enqueue get rollouts
  enqueue get rollouts --active -o json`,
		Args: command.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.limit < 1 {
				return exit.Usagef("--limit %d: want 1 or more", o.limit)
			}
			return run(cmd.Context(), env, o)
		},
	}
	cmd.Flags().IntVar(&o.limit, "limit", 20, "maximum number of rollouts")
	cmd.Flags().BoolVar(&o.active, "active", false, "only unfinished rollouts")
	command.BindList(env, cmd, &o.format)
	return cmd
}

func runGetRollouts(ctx context.Context, env *command.Env, o rolloutsOptions) error {
	return env.With(ctx, func(t command.Tools) error {
		found, err := t.Operator.Rollouts(ctx, 0, o.limit)
		if err != nil && !operator.Partial(err) {
			return err
		}
		if o.active {
			found = slices.DeleteFunc(found, func(s view.Summary) bool { return s.Status.Ended() })
		}
		return errors.Join(term.List(env.Streams, o.format, "rollouts", rolloutColumns(env), found), err)
	})
}

func rolloutColumns(env *command.Env) []term.Column[view.Summary] {
	why := func(s view.Summary) string {
		if s.Blocked != "" {
			return s.Blocked
		}
		if s.Halted != "" {
			return s.Halted
		}
		if s.Limit != nil {
			return s.Limit.String()
		}
		return s.Why
	}
	return []term.Column[view.Summary]{
		{Name: "id", Text: func(s view.Summary) string { return s.ID }},
		{Name: "status", State: true, Text: view.Summary.StatusText},
		{Name: "version", Text: func(s view.Summary) string { return s.Template.Version }},
		{Name: "ended", Text: func(s view.Summary) string { return fmt.Sprintf("%d/%d", s.Done, s.Total) }},
		{Name: "bad", Text: func(s view.Summary) string { return fmt.Sprint(s.Bad) }},
		{Name: "age", Text: func(s view.Summary) string { return env.Ago(s.Created) }, Time: func(s view.Summary) time.Time { return s.Created }, CSV: "created"},
		{Name: "why", Text: why},
		{Name: "by", Wide: true, Text: func(s view.Summary) string { return s.By }},
		{Name: "template", Wide: true, Text: func(s view.Summary) string { return fmt.Sprint(s.Template.ID) }},
		{Name: "started_at", Wide: true, Text: func(s view.Summary) string { return human.Stamp(s.Started) }},
		{Name: "ended_at", Wide: true, Text: func(s view.Summary) string { return human.Stamp(s.Ended) }},
	}
}

// targetsOptions is the command line of get targets.
type targetsOptions struct {
	ref    string
	choice command.Choice
	limit  int
	format term.Format
}

func newGetTargets(env *command.Env, run func(context.Context, *command.Env, targetsOptions) error) *cobra.Command {
	var o targetsOptions
	cmd := &cobra.Command{
		Use:     "targets [ROLLOUT]",
		Aliases: []string{"target", "apps"},
		Short:   "List the targets of a rollout",
		Long: `List the targets of a rollout in dispatch order, with stage and state. For parked
targets the list shows the reason and the time until they wake. Flags select
targets: the values of one flag are alternatives, and all flags must match.`,
		Example: `  enqueue get targets spring --state parked --waits-for merchant
  enqueue get targets spring --errcode 85013 -o wide
  enqueue get targets spring -l "tier=gold" --wave canary -o csv`,
		Args:              command.Args(cobra.MaximumNArgs(1)),
		ValidArgsFunction: command.CompleteRollouts(env),
		RunE: func(cmd *cobra.Command, given []string) error {
			o.ref = command.First(given)
			if o.limit < 0 {
				return exit.Usagef("--limit %d: want 0 or more", o.limit)
			}
			if _, err := o.choice.Filter(); err != nil {
				return err
			}
			return run(cmd.Context(), env, o)
		},
	}
	command.BindChoice(env, cmd, &o.choice)
	cmd.Flags().IntVar(&o.limit, "limit", 0, "maximum number of targets; 0 means all")
	command.BindList(env, cmd, &o.format)
	return cmd
}

func runGetTargets(ctx context.Context, env *command.Env, o targetsOptions) error {
	filter, err := o.choice.Filter()
	if err != nil {
		return err
	}
	return env.With(ctx, func(t command.Tools) error {
		r, err := t.Operator.Rollout(ctx, o.ref)
		if err != nil {
			return err
		}
		rows, partial := t.Operator.Rows(ctx, r, filter)
		if partial != nil && !operator.Partial(partial) {
			return partial
		}
		all := len(rows)
		if o.limit > 0 {
			rows = rows[:min(all, o.limit)]
		}
		if err := t.Operator.NoteOwners(ctx, r, rows); err != nil {
			return err
		}
		if o.format == term.CSV {
			return errors.Join(term.List(env.Streams, o.format, "targets", csvColumns(), rows), partial)
		}
		if err := term.List(env.Streams, o.format, "targets", targetColumns(env), rows); err != nil {
			return err
		}
		if all > len(rows) {
			env.Talk("%s more: --limit 0 lists all\n", human.Count(all-len(rows)))
		}
		return partial
	})
}

func targetColumns(env *command.Env) []term.Column[view.Row] {
	lastError := func(f func(view.LastError) string) func(view.Row) string {
		return func(r view.Row) string {
			if r.LastError == nil {
				return ""
			}
			return f(*r.LastError)
		}
	}
	return []term.Column[view.Row]{
		{Name: "appid", Text: func(r view.Row) string { return r.AppID }},
		{Name: "label", Text: func(r view.Row) string { return human.Shorten(r.Label, 24) }},
		{Name: "wave", Text: func(r view.Row) string { return r.Wave }},
		{Name: "stage", Text: func(r view.Row) string { return string(r.Stage) }},
		{Name: "state", State: true, Text: view.Row.StateText},
		{Name: "since", Text: func(r view.Row) string { return env.Ago(r.Since) }, Time: func(r view.Row) time.Time { return r.Since }},
		{Name: "wakes", Text: func(r view.Row) string { return wakes(env, r) }, Time: func(r view.Row) time.Time { return r.Due }},
		{Name: "attempt", Wide: true, Text: func(r view.Row) string { return fmt.Sprint(r.Attempt) }},
		{Name: "audit", Wide: true, Text: func(r view.Row) string { return human.Number(r.AuditID) }},
		{Name: "class", Wide: true, Text: lastError(func(t view.LastError) string { return t.Class })},
		{Name: "errcode", Text: lastError(func(t view.LastError) string { return human.Number(t.Code) })},
		{Name: "rid", Wide: true, Text: lastError(func(t view.LastError) string { return t.RID })},
		{Name: "last_error", Text: func(r view.Row) string {
			if r.LastError != nil {
				return human.Shorten(r.LastError.Text, command.CellWidth)
			}
			return human.Shorten(r.Note, command.CellWidth)
		}},
	}
}

// csvColumns are the columns of reports, for the same spreadsheet.
func csvColumns() []term.Column[view.Row] {
	var columns []term.Column[view.Row]
	for i, name := range operator.CSVHead() {
		columns = append(columns, term.Column[view.Row]{Name: name, Text: func(r view.Row) string { return operator.CSVLine(r)[i] }})
	}
	return columns
}

// wakes is the time until a parked target wakes.
func wakes(env *command.Env, r view.Row) string {
	if r.Reason == "" {
		return ""
	}
	return env.Until(r.Due)
}

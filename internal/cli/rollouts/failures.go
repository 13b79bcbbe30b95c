package rollouts

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/term"
	"github.com/wxrollout/wxrollout/internal/human"
	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/internal/view"
)

// failuresOptions is the command line of get failures.
type failuresOptions struct {
	ref    string
	format term.Format
}

func newGetFailures(env *command.Env, run func(context.Context, *command.Env, failuresOptions) error) *cobra.Command {
	var o failuresOptions
	cmd := &cobra.Command{
		Use:     "failures [ROLLOUT]",
		Aliases: []string{"failure"},
		Short:   "Show what needs attention, grouped by cause",
		Long: `Show the targets that were rejected, failed, or wait for a merchant or an
operator, grouped by cause, with the next step for each group. -o wide and -o csv
list every target.`,
		Example: `  enqueue get failures spring
  enqueue get failures spring -o csv > failures.csv`,
		Args:              command.Args(cobra.MaximumNArgs(1)),
		ValidArgsFunction: command.CompleteRollouts(env),
		RunE: func(cmd *cobra.Command, given []string) error {
			o.ref = command.First(given)
			return run(cmd.Context(), env, o)
		},
	}
	command.BindList(env, cmd, &o.format)
	return cmd
}

func runGetFailures(ctx context.Context, env *command.Env, o failuresOptions) error {
	return env.With(ctx, func(t command.Tools) error {
		r, err := t.Operator.Rollout(ctx, o.ref)
		if err != nil {
			return err
		}
		f, err := t.Operator.Failures(ctx, r)
		if err != nil && !operator.Partial(err) {
			return err
		}
		switch {
		case o.format.Object():
			return errors.Join(env.Object(o.format, f), err)
		case o.format == term.CSV, o.format == term.Name:
			return errors.Join(term.List(env.Streams, o.format, "targets", csvColumns(), f.Rows), err)
		case o.format == term.Wide:
			return errors.Join(term.List(env.Streams, o.format, "targets", targetColumns(env), f.Rows), err)
		default:
			return errors.Join(PrintFailures(env, r.ID, f), err)
		}
	})
}

// PrintFailures writes the causes and the next steps.
func PrintFailures(env *command.Env, id string, f view.Failures) error {
	if f.Total == 0 {
		return env.Print("no target of rollout %s needs attention\n", id)
	}
	var b strings.Builder
	for _, g := range f.Groups {
		fmt.Fprintf(&b, "%s %s at %s", human.Plural(g.Count, "target"), view.StateText(g.State, g.Reason), g.Stage)
		if g.Code != 0 {
			fmt.Fprintf(&b, ", errcode %d", g.Code)
		}
		fmt.Fprintf(&b, ": %s\n", human.OneLine(g.Text))
		more := ""
		if g.Count > len(g.Apps) {
			more = fmt.Sprintf(" and %s more", human.Count(g.Count-len(g.Apps)))
		}
		fmt.Fprintf(&b, "  apps: %s%s\n", strings.Join(g.Apps, ", "), more)
		if g.Next != "" {
			fmt.Fprintf(&b, "  next: %s\n", g.Next)
		}
	}
	return env.Print("%s\n%s in total; -o wide lists them\n", b.String(), human.Plural(f.Total, "target"))
}

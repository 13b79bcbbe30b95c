package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
)

// failuresOptions are the command line of get failures.
type failuresOptions struct {
	ref    string
	format format
}

func newGetFailures(d *deps, run func(context.Context, *deps, failuresOptions) error) *cobra.Command {
	var o failuresOptions
	cmd := &cobra.Command{
		Use:     "failures [ROLLOUT]",
		Aliases: []string{"failure"},
		Short:   "Show what a person has to look at, grouped by cause",
		Long: `Show the targets that a person has to look at - rejected, failed, or parked until
the merchant or an operator acts - grouped by cause with what to do about each.
-o wide and -o csv list every one of them.`,
		Example: `  enqueue get failures spring
  enqueue get failures spring -o csv > failures.csv`,
		Args:              args(cobra.MaximumNArgs(1)),
		ValidArgsFunction: completeRollouts(d),
		RunE: func(cmd *cobra.Command, given []string) error {
			o.ref = first(given)
			return run(cmd.Context(), d, o)
		},
	}
	bindFormat(cmd, &o.format, formatTable, formatWide, formatJSON, formatCSV)
	return cmd
}

func runGetFailures(ctx context.Context, d *deps, o failuresOptions) error {
	return d.with(ctx, func(op *operator.Operator) error {
		r, err := op.Rollout(ctx, o.ref)
		if err != nil {
			return err
		}
		f, err := op.Failures(ctx, r)
		broken, err := ledger.Broken(err)
		if err != nil {
			return err
		}
		switch o.format {
		case formatJSON:
			err = writeJSON(d.out, f)
		case formatCSV:
			err = list(d, o.format, csvColumns(), f.Rows)
		case formatWide:
			err = list(d, o.format, d.targetColumns(), f.Rows)
		default:
			err = d.printFailures(r.ID, f)
		}
		return errors.Join(err, ledger.JoinBroken(broken))
	})
}

// printFailures writes the causes for a person.
func (d *deps) printFailures(id string, f operator.Failures) error {
	if f.Total == 0 {
		return d.print("nothing of rollout %s needs a person\n", id)
	}
	var b strings.Builder
	for _, g := range f.Groups {
		state := string(g.State)
		if g.State == rollout.StateParked {
			state += ": " + string(g.Reason)
		}
		fmt.Fprintf(&b, "%s %s at %s", plural(g.Count, "target"), state, g.Stage)
		if g.Code != 0 {
			fmt.Fprintf(&b, ", errcode %d", g.Code)
		}
		fmt.Fprintf(&b, ": %s\n", oneLine(g.Text))
		more := ""
		if g.Count > len(g.Apps) {
			more = fmt.Sprintf(" and %s more", count(g.Count-len(g.Apps)))
		}
		fmt.Fprintf(&b, "  apps: %s%s\n", strings.Join(g.Apps, ", "), more)
		if g.Next != "" {
			fmt.Fprintf(&b, "  next: %s\n", g.Next)
		}
	}
	return d.print("%s\n%s in all; -o wide lists each\n", b.String(), plural(f.Total, "target"))
}

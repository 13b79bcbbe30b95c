package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/operator"
)

// undoOptions are the command line of undo.
type undoOptions struct {
	change
	ref    string
	choice choice
	format format
}

func newUndo(d *deps, run func(context.Context, *deps, undoOptions) error) *cobra.Command {
	var o undoOptions
	cmd := &cobra.Command{
		Use:   "undo ROLLOUT [APPID...]",
		Short: "Take an upgrade back: the version before goes live again",
		Long: `Take the upgrade of targets back, all of them or those that appids and flags
choose. What is live goes back to the version before, a gray release ends, what is
in audit is withdrawn, and what was never submitted ends. A version that isn't this
rollout's own is never touched. WeChat lets a platform go back about 30 times a day,
and withdraw 5 times a day and 10 times a month per app; submissions that were spent
stay spent. What doesn't fit in waits, and can be watched as any stage.

The rollout must be paused, aborted or done, so that it doesn't upgrade others
meanwhile; targets that are named by their appids may be undone while it runs.
Targets that a worker acts on at this moment are told of: undo again for those.
What was undone is upgraded again only by retry --state undone --recommit.`,
		Example: `  enqueue pause spring && enqueue undo spring --dry-run
  enqueue undo spring --reason "checkout is broken" --yes
  enqueue undo spring wx0123456789abcdef
  enqueue undo spring --state released --wave canary`,
		Args:              args(some("ROLLOUT")),
		ValidArgsFunction: completeRollouts(d),
		RunE: func(cmd *cobra.Command, given []string) error {
			o.ref = given[0]
			o.choice.apps = append(o.choice.apps, given[1:]...)
			if _, err := o.choice.filter(); err != nil {
				return err
			}
			return run(cmd.Context(), d, o)
		},
	}
	bindChoice(cmd, &o.choice)
	f := cmd.Flags()
	f.StringVar(&o.why, "reason", "", "why, for the record of the rollout and its targets")
	f.BoolVarP(&o.yes, "yes", "y", false, fmt.Sprintf("don't ask when it reaches more than %d targets", many))
	f.BoolVar(&o.dryRun, "dry-run", false, "tell what would be done, and change nothing")
	bindFormat(cmd, &o.format, formatTable, formatJSON)
	return cmd
}

// some wants at least one argument and says which.
func some(what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, given []string) error {
		if len(given) == 0 {
			return usagef("%s is missing", what)
		}
		return nil
	}
}

func runUndo(ctx context.Context, d *deps, o undoOptions) error {
	filter, err := o.choice.filter()
	if err != nil {
		return err
	}
	return d.with(ctx, func(op *operator.Operator) error {
		r, err := op.Rollout(ctx, o.ref)
		if err != nil {
			return err
		}
		would, err := op.Undo(ctx, r.ID, filter, o.why, true)
		if err != nil {
			return err
		}
		if o.dryRun || would.Reaches() == 0 {
			return d.undone(o, would)
		}
		if err := d.confirm(o.yes, would.Reaches(), "undo "+r.ID); err != nil {
			return err
		}
		done, err := op.Undo(ctx, r.ID, filter, o.why, false)
		if err != nil {
			return err
		}
		return d.undone(o, done)
	})
}

// undone tells what an undo did.
func (d *deps) undone(o undoOptions, u operator.Undone) error {
	if o.dryRun {
		d.talk("this is a dry run: nothing was changed\n")
	}
	if o.format == formatJSON {
		return writeJSON(d.out, u)
	}
	if u.Matched == 0 {
		return d.print("no target of rollout %s was chosen\n", u.ID)
	}
	text := fmt.Sprintf("rollout %s: %s being taken back at WeChat, %s ended with nothing there", u.ID, count(u.Queued), count(u.Ended))
	if u.Left > 0 {
		text += fmt.Sprintf("; %s left alone, which it did not upgrade or which are undone", count(u.Left))
	}
	if n := u.Acting + u.Moved; n > 0 {
		text += fmt.Sprintf("; %s in a worker's hands: undo again in a minute", count(n))
	}
	return d.print("%s\n", text)
}

package rollouts

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/term"
	"github.com/wxrollout/wxrollout/internal/human"
	"github.com/wxrollout/wxrollout/internal/operator"
)

// undoOptions are the command line of undo.
type undoOptions struct {
	command.Change
	ref    string
	choice command.Choice
	format term.Format
}

func newUndo(env *command.Env, run func(context.Context, *command.Env, undoOptions) error) *cobra.Command {
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
		Args:              command.Args(command.Some("ROLLOUT")),
		ValidArgsFunction: command.CompleteRollouts(env),
		RunE: func(cmd *cobra.Command, given []string) error {
			o.ref = given[0]
			o.choice.Apps = append(o.choice.Apps, given[1:]...)
			if _, err := o.choice.Filter(); err != nil {
				return err
			}
			return run(cmd.Context(), env, o)
		},
	}
	command.BindChoice(cmd, &o.choice)
	f := cmd.Flags()
	f.StringVar(&o.Why, "reason", "", "why, for the record of the rollout and its targets")
	f.BoolVarP(&o.Yes, "yes", "y", false, fmt.Sprintf("don't ask when it reaches more than %d targets", term.ConfirmAbove))
	f.BoolVar(&o.DryRun, "dry-run", false, "tell what would be done, and change nothing")
	command.BindFormat(cmd, &o.format, term.Table, term.JSON)
	return cmd
}

func runUndo(ctx context.Context, env *command.Env, o undoOptions) error {
	filter, err := o.choice.Filter()
	if err != nil {
		return err
	}
	return env.With(ctx, func(op *operator.Operator) error {
		r, err := op.Rollout(ctx, o.ref)
		if err != nil {
			return err
		}
		would, err := op.Undo(ctx, r.ID, filter, o.Why, true)
		if err != nil {
			return err
		}
		if o.DryRun || would.Reaches() == 0 {
			return printUndone(env, o, would)
		}
		if err := env.Confirm(o.Yes, would.Reaches(), "undo "+r.ID); err != nil {
			return err
		}
		done, err := op.Undo(ctx, r.ID, filter, o.Why, false)
		if err != nil {
			return err
		}
		return printUndone(env, o, done)
	})
}

// printUndone tells what an undo did.
func printUndone(env *command.Env, o undoOptions, u operator.Undone) error {
	if o.DryRun {
		env.Talk("this is a dry run: nothing was changed\n")
	}
	if o.format == term.JSON {
		return term.WriteJSON(env.Out, u)
	}
	if u.Matched == 0 {
		return env.Print("no target of rollout %s was chosen\n", u.ID)
	}
	text := fmt.Sprintf("rollout %s: %s being taken back at WeChat, %s ended with nothing there", u.ID, human.Count(u.Queued), human.Count(u.Ended))
	if u.Left > 0 {
		text += fmt.Sprintf("; %s left alone, which it did not upgrade or which are undone", human.Count(u.Left))
	}
	if n := u.Acting + u.Moved; n > 0 {
		text += fmt.Sprintf("; %s in a worker's hands: undo again in a minute", human.Count(n))
	}
	return env.Print("%s\n", text)
}

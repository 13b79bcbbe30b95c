package rollouts

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/term"
	"github.com/wxrollout/wxrollout/internal/human"
	"github.com/wxrollout/wxrollout/internal/operator"
)

// undoOptions is the command line of undo.
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
		Short: "Undo an upgrade: the previous version goes live again",
		Long: `Undo the upgrade of all targets, or of those that appids and flags select. Live
versions are reverted, gray releases end, audits are withdrawn, and targets that
were never submitted end. Versions of other rollouts or tools are never touched.
WeChat limits reverts to about 30 a day per platform, and withdrawals to 5 a day
and 10 a month per app. Targets beyond these limits wait; watch shows them like
any stage. Quota that was spent is not returned.

The rollout must be paused, aborted or done, so that it upgrades no other target
meanwhile. Targets selected by appid can be undone while it runs; an appid that the
rollout lacks is refused before anything is undone. The output counts targets that a
worker is acting on: run undo again for those. To upgrade undone targets again, use
retry --state undone --recommit.`,
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
	command.BindChoice(env, cmd, &o.choice)
	command.BindChange(cmd, &o.Change)
	command.BindObject(cmd, &o.format)
	return cmd
}

func runUndo(ctx context.Context, env *command.Env, o undoOptions) error {
	filter, err := o.choice.Filter()
	if err != nil {
		return err
	}
	return env.With(ctx, func(t command.Tools) error {
		r, err := t.Operator.Rollout(ctx, o.ref)
		if err != nil {
			return err
		}
		would, partial := t.Operator.Undo(ctx, r.ID, filter, o.Why, true)
		if partial != nil && !operator.Partial(partial) {
			return partial
		}
		if o.DryRun || would.Reaches() == 0 {
			return errors.Join(printUndone(env, o, would), partial)
		}
		if err := env.Confirm(o.Yes, would.Reaches(), question("undo", r.ID, would.Reaches())); err != nil {
			return err
		}
		done, partial := t.Operator.Undo(ctx, r.ID, filter, o.Why, false)
		if partial != nil && !operator.Partial(partial) {
			return partial
		}
		return errors.Join(printUndone(env, o, done), partial)
	})
}

// printUndone prints what an undo did.
func printUndone(env *command.Env, o undoOptions, u operator.Undone) error {
	if o.DryRun {
		env.DryRun()
	}
	if u.Matched == 0 {
		return noMatch(env, o.format, u, u.ID, o.choice)
	}
	text := fmt.Sprintf("rollout %s: %s to be reverted at WeChat, %s ended, with nothing to revert", u.ID, human.Count(u.Queued), human.Count(u.Ended))
	if u.Left > 0 {
		text += fmt.Sprintf("; %s skipped, not upgraded by it or undone already", human.Count(u.Left))
	}
	if n := u.Acting + u.Moved; n > 0 {
		text += fmt.Sprintf("; %s in progress at a worker: run undo again in a minute", human.Count(n))
	}
	return env.Show(o.format, u, "%s\n", text)
}

package rollouts

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/term"
	"github.com/wxrollout/wxrollout/internal/human"
	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/rollout"
)

// controlOptions are the command line of the verbs that change a rollout as a whole.
type controlOptions struct {
	command.Change
	verb   string
	ref    string
	wave   string
	format term.Format
}

// newControl makes one of these commands.
func newControl(env *command.Env, o *controlOptions, cmd *cobra.Command, run func(context.Context, *command.Env, controlOptions) error) *cobra.Command {
	o.verb = cmd.Name()
	cmd.Args = command.Args(command.One("ROLLOUT"))
	cmd.ValidArgsFunction = command.CompleteRollouts(env)
	cmd.RunE = func(cmd *cobra.Command, given []string) error {
		o.ref = given[0]
		return run(cmd.Context(), env, *o)
	}
	command.BindChange(cmd, &o.Change)
	command.BindFormat(cmd, &o.format, term.Table, term.JSON)
	return cmd
}

func newPause(env *command.Env, run func(context.Context, *command.Env, controlOptions) error) *cobra.Command {
	return newControl(env, new(controlOptions), &cobra.Command{
		Use:   "pause ROLLOUT",
		Short: "Stop a rollout until it is resumed",
		Long: `Stop a rollout at once: no target gets an assignment and no call with effect begins
until it is resumed. Audits that run go on at WeChat. It never asks.`,
		Example: `  enqueue pause spring --reason "the new version crashes"`,
	}, run)
}

func newResume(env *command.Env, run func(context.Context, *command.Env, controlOptions) error) *cobra.Command {
	return newControl(env, new(controlOptions), &cobra.Command{
		Use:   "resume ROLLOUT",
		Short: "Let a paused rollout go on",
		Long: `Let a paused rollout go on. The failures that made it pause by itself are
forgiven: it pauses again only after new ones.`,
		Example: `  enqueue resume spring --reason "it was the staging server"`,
	}, run)
}

func newPromote(env *command.Env, run func(context.Context, *command.Env, controlOptions) error) *cobra.Command {
	var o controlOptions
	cmd := newControl(env, &o, &cobra.Command{
		Use:   "promote ROLLOUT",
		Short: "Open the next wave",
		Long: `Open the next wave, past a gate that waits for a person or failed. After a gate
has tripped, what waits behind it goes on. A gate that failed or tripped and was
promoted is not judged again. A gate that still counts is opened only with --wave,
so that the same command twice, or by two people at once, opens one wave. With
--wave it opens just that one, and does nothing if it is open already. A gate that
changed after it was shown is not opened.`,
		Example: `  enqueue promote spring
  enqueue promote spring --wave early --reason "canary looks good" --yes`,
	}, run)
	cmd.Flags().StringVar(&o.wave, "wave", "", "the wave to open; if it is left out, the next one, whose gate has to wait for a person")
	return cmd
}

func newApprove(env *command.Env, run func(context.Context, *command.Env, controlOptions) error) *cobra.Command {
	return newControl(env, new(controlOptions), &cobra.Command{
		Use:   "approve ROLLOUT",
		Short: "Let audited apps go live (release.when: manual)",
		Long: `Let the apps of a rollout go live once their audit has passed: those that wait
now and those to come. It is for plans with release.when: manual.`,
		Example: `  enqueue approve spring --reason "go"`,
	}, run)
}

func newAbort(env *command.Env, run func(context.Context, *command.Env, controlOptions) error) *cobra.Command {
	return newControl(env, new(controlOptions), &cobra.Command{
		Use:   "abort ROLLOUT",
		Short: "End a rollout for good",
		Long: `End a rollout for good. What is live stays live; what is committed or in audit
stays so at WeChat; no write is made. Targets end at once, but those with a call
whose reply was lost: workers read back first what it did. It can't be resumed:
apply its plan again with --again to go on with the rest.`,
		Example: `  enqueue abort spring --reason "superseded by summer"`,
	}, run)
}

func runControl(ctx context.Context, env *command.Env, o controlOptions) error {
	return env.With(ctx, func(op *operator.Operator) error {
		r, err := op.Rollout(ctx, o.ref)
		if err != nil {
			return err
		}
		reach, err := reachOf(r, o)
		if err != nil {
			return err
		}
		if o.verb == "resume" && reach.Was == rollout.StatusPaused {
			if reach.Pause, err = op.PauseOf(ctx, r); err != nil {
				return err
			}
		}
		if o.DryRun {
			env.Talk("%s %s reaches %s; this was a dry run: nothing was changed\n", o.verb, r.ID, human.Plural(reach.Targets, "target"))
			return printChange(env, o, reach, "would ")
		}
		if o.verb == "promote" && reach.Done {
			env.Talk("opens wave %s of rollout %s; its gate is %s: %s\n", reach.Wave, r.ID, reach.Gate, reach.Why)
		}
		if !reach.Pause.At.IsZero() {
			env.Talk("ends the pause%s\n", pauseWords(reach.Pause))
		}
		if o.verb != "pause" { // a brake must not ask
			if err := env.Confirm(o.Yes, reach.Targets, o.verb+" "+r.ID); err != nil {
				return err
			}
		}
		c, err := do(ctx, op, reach, o)
		if err != nil {
			return err
		}
		return printChange(env, o, c, "")
	})
}

// reachOf tells what a verb would do.
func reachOf(r rollout.Rollout, o controlOptions) (operator.Change, error) {
	if o.verb == "promote" {
		return operator.PlanPromote(r, o.wave)
	}
	to := map[string]rollout.Status{"pause": rollout.StatusPaused, "resume": rollout.StatusRunning, "abort": rollout.StatusAborted, "approve": r.Status}[o.verb]
	return operator.Change{
		ID: r.ID, Was: r.Status, Status: to, Done: o.verb == "approve" && !r.ReleaseApproved || to != r.Status, Targets: r.Counts.Unfinished(),
	}, nil
}

// do carries a verb out; a promotion only as it was shown.
func do(ctx context.Context, op *operator.Operator, reach operator.Change, o controlOptions) (operator.Change, error) {
	id := reach.ID
	switch o.verb {
	case "pause":
		return op.Pause(ctx, id, o.Why)
	case "resume":
		return op.Resume(ctx, id, o.Why)
	case "abort":
		return op.Abort(ctx, id, o.Why)
	case "approve":
		return op.ApproveReleases(ctx, id, o.Why)
	default:
		if !reach.Done {
			return reach, nil
		}
		return op.PromoteAs(ctx, reach, o.Why)
	}
}

// printChange tells what was done, or with "would " what would be.
func printChange(env *command.Env, o controlOptions, c operator.Change, would string) error {
	if o.format == term.JSON {
		return term.WriteJSON(env.Out, c)
	}
	text := ""
	switch {
	case o.verb == "promote" && !c.Done:
		text = fmt.Sprintf("wave %s of rollout %s is open already", c.Wave, c.ID)
		if o.wave == "" && c.Why != "" {
			text += "; " + c.Why
		}
	case o.verb == "promote":
		text = fmt.Sprintf("wave %s of rollout %s %sopen, with %s", c.Wave, c.ID, orIs(would), human.Plural(c.Targets, "target"))
	case o.verb == "approve" && !c.Done && c.Targets == 0:
		text = fmt.Sprintf("the releases of rollout %s are approved already", c.ID)
	case o.verb == "approve" && would != "":
		text = fmt.Sprintf("the releases of rollout %s would be approved", c.ID)
	case o.verb == "approve":
		text = fmt.Sprintf("the releases of rollout %s are approved; %s go on at once", c.ID, human.Plural(c.Targets, "waiting target"))
	case !c.Done:
		text = fmt.Sprintf("rollout %s is %s already", c.ID, c.Status)
	default:
		text = fmt.Sprintf("rollout %s %s%s, was %s%s; %s not ended", c.ID, orIs(would), c.Status, c.Was, pauseWords(c.Pause), human.Plural(c.Targets, "target"))
	}
	return env.Print("%s\n", text)
}

// pauseWords say since when, by whom and why a rollout was paused; "" if it was not.
func pauseWords(p operator.Pause) string {
	if p.At.IsZero() {
		return ""
	}
	return fmt.Sprintf(" since %s by %s: %s", human.Local(p.At), p.By, p.Why)
}

// orIs is "is " or "would be ".
func orIs(would string) string {
	if would == "" {
		return "is "
	}
	return would + "be "
}

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
	"github.com/wxrollout/wxrollout/rollout"
)

// controlOptions is the command line of a verb that changes a whole rollout.
type controlOptions struct {
	command.Change
	verb   string
	ref    string
	wave   string
	format term.Format
}

// newControl completes the command of such a verb.
func newControl(env *command.Env, o *controlOptions, cmd *cobra.Command, run func(context.Context, *command.Env, controlOptions) error) *cobra.Command {
	o.verb = cmd.Name()
	cmd.Args = command.Args(command.One("ROLLOUT"))
	cmd.ValidArgsFunction = command.CompleteRollouts(env)
	cmd.RunE = func(cmd *cobra.Command, given []string) error {
		o.ref = given[0]
		return run(cmd.Context(), env, *o)
	}
	command.BindChange(cmd, &o.Change)
	command.BindObject(cmd, &o.format)
	return cmd
}

func newPause(env *command.Env, run func(context.Context, *command.Env, controlOptions) error) *cobra.Command {
	return newControl(env, new(controlOptions), &cobra.Command{
		Use:   "pause ROLLOUT",
		Short: "Stop a rollout until it is resumed",
		Long: `Stop a rollout at once: until it is resumed, no target gets an assignment and no
write to WeChat starts. Audits continue at WeChat. pause never asks for
confirmation.`,
		Example: `  enqueue pause spring --reason "the new version crashes"`,
	}, run)
}

func newResume(env *command.Env, run func(context.Context, *command.Env, controlOptions) error) *cobra.Command {
	return newControl(env, new(controlOptions), &cobra.Command{
		Use:   "resume ROLLOUT",
		Short: "Resume a paused rollout",
		Long: `Resume a paused rollout. Failures so far no longer count towards an automatic
pause: the rollout pauses again only after new failures.`,
		Example: `  enqueue resume spring --reason "it was the staging server"`,
	}, run)
}

func newPromote(env *command.Env, run func(context.Context, *command.Env, controlOptions) error) *cobra.Command {
	var o controlOptions
	cmd := newControl(env, &o, &cobra.Command{
		Use:   "promote ROLLOUT",
		Short: "Open the next wave",
		Long: `Open the next wave although its gate holds for an operator, has failed or has
tripped. A promoted gate is not evaluated again. A gate that is still counting
opens only with --wave: giving the command twice, or by two operators at once,
opens one wave. With --wave the command opens that wave only, and does nothing if
it is open. A gate that changed after it was shown is not opened.`,
		Example: `  enqueue promote spring
  enqueue promote spring --wave early --reason "canary looks good" --yes`,
	}, run)
	cmd.Flags().StringVar(&o.wave, "wave", "", "the wave to open (default: the next one, if its gate needs an operator)")
	command.CompleteBy(cmd, "wave", command.CompleteWaves(env))
	return cmd
}

func newApprove(env *command.Env, run func(context.Context, *command.Env, controlOptions) error) *cobra.Command {
	return newControl(env, new(controlOptions), &cobra.Command{
		Use:   "approve ROLLOUT",
		Short: "Approve the release of audited apps (release.when: manual)",
		Long: `Approve the releases of a rollout whose plan has release.when: manual. Apps with a
passed audit go live at once, the others when their audit passes.`,
		Example: `  enqueue approve spring --reason "go"`,
	}, run)
}

func newAbort(env *command.Env, run func(context.Context, *command.Env, controlOptions) error) *cobra.Command {
	return newControl(env, new(controlOptions), &cobra.Command{
		Use:   "abort ROLLOUT",
		Short: "End a rollout permanently",
		Long: `End a rollout permanently, without a write to WeChat: live versions stay live, and
committed code and audits stay as they are. Targets end at once, except those with
an unknown result of a call, which workers read back first. An aborted rollout
can't be resumed: to continue with the rest, apply the plan again with --again.`,
		Example: `  enqueue abort spring --reason "superseded by summer"`,
	}, run)
}

func runControl(ctx context.Context, env *command.Env, o controlOptions) error {
	return env.With(ctx, func(t command.Tools) error {
		r, err := t.Operator.Rollout(ctx, o.ref)
		if err != nil {
			return err
		}
		reach, err := reachOf(r, o)
		if err != nil {
			return err
		}
		if o.verb == "resume" && reach.Was == rollout.StatusPaused {
			if reach.Pause, err = t.Operator.PauseOf(ctx, r); err != nil {
				return err
			}
		}
		if o.DryRun {
			env.DryRun()
			return printChange(env, o, reach, "would ")
		}
		if o.verb == "promote" && reach.Done {
			env.Talk("this opens wave %s of rollout %s; its gate is %s: %s\n", reach.Wave, r.ID, reach.Gate, reach.Why)
		}
		if !reach.Pause.At.IsZero() {
			env.Talk("this ends the pause%s\n", pauseWords(reach.Pause))
		}
		if o.verb != "pause" { // stopping must not wait for an answer
			if err := env.Confirm(o.Yes, reach.Targets, question(o.verb, r.ID, reach.Targets)); err != nil {
				return err
			}
		}
		c, partial := do(ctx, t.Operator, reach, o)
		if partial != nil && !operator.Partial(partial) {
			return partial
		}
		return errors.Join(printChange(env, o, c, ""), partial)
	})
}

// question asks whether a verb may affect so many targets: "Abort spring with 60 unfinished targets".
func question(verb, id string, targets int) string {
	return fmt.Sprintf("%s%s %s with %s", strings.ToUpper(verb[:1]), verb[1:], id, human.Plural(targets, "target"))
}

// reachOf returns the effect of a verb.
func reachOf(r rollout.Rollout, o controlOptions) (operator.Change, error) {
	if o.verb == "promote" {
		return operator.PlanPromote(r, o.wave)
	}
	to := map[string]rollout.Status{"pause": rollout.StatusPaused, "resume": rollout.StatusRunning, "abort": rollout.StatusAborted, "approve": r.Status}[o.verb]
	return operator.Change{
		ID: r.ID, Was: r.Status, Status: to, Done: o.verb == "approve" && !r.ReleaseApproved || to != r.Status, Targets: r.Counts.Unfinished(),
	}, nil
}

// do executes a verb. It promotes a gate only if it is still as shown.
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

// printChange prints what was done or, with would = "would ", what would be.
func printChange(env *command.Env, o controlOptions, c operator.Change, would string) error {
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
		text = fmt.Sprintf("the releases of rollout %s are approved; %s continue at once", c.ID, human.Plural(c.Targets, "waiting target"))
	case !c.Done:
		text = fmt.Sprintf("rollout %s is %s already", c.ID, c.Status)
	default:
		text = fmt.Sprintf("rollout %s %s%s, was %s%s; %s unfinished", c.ID, orIs(would), c.Status, c.Was, pauseWords(c.Pause), human.Plural(c.Targets, "target"))
	}
	return env.Show(o.format, c, "%s\n", text)
}

// pauseWords describes a pause; "" if there was none.
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

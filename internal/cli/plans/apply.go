package plans

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/exit"
	"github.com/wxrollout/wxrollout/internal/cli/term"
	"github.com/wxrollout/wxrollout/internal/human"
	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/planfile"
)

// applyOptions are the command line of apply, and of schedule -f.
type applyOptions struct {
	command.Change
	file     string
	again    bool
	expect   string
	offline  bool
	schedule bool
	format   term.Format
}

func newApply(env *command.Env, run func(context.Context, *command.Env, applyOptions) error) *cobra.Command {
	var o applyOptions
	cmd := &cobra.Command{
		Use:   "apply -f FILE",
		Short: "Begin the rollout of a plan",
		Long: `Make the rollout that plan shows, and let the workers begin. Applying the same
plan twice makes one rollout. Ctrl-C is safe at any moment: nothing of a rollout
runs before all its targets are written, and the same apply completes it.

A plan whose content was rolled out to its end before is refused without
--again, and a name that an unfinished rollout of other content has is refused.`,
		Example: `  enqueue apply -f spring.yaml
  enqueue apply -f spring.yaml --expect spring-1a2b3c4d --yes   # in a pipeline
  enqueue apply -f spring.yaml --again --reason "after the outage"`,
		Args: command.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.file == "" {
				return exit.Usagef("-f FILE is missing")
			}
			return run(cmd.Context(), env, o)
		},
	}
	bindApply(cmd, &o)
	cmd.Flags().BoolVar(&o.again, "again", false, "make a new rollout although one of the same content has ended")
	return cmd
}

func bindApply(cmd *cobra.Command, o *applyOptions) {
	f := cmd.Flags()
	f.StringVarP(&o.file, "file", "f", "", "the plan")
	f.StringVar(&o.expect, "expect", "", "refuse unless the rollout has this id, as plan showed it")
	f.BoolVar(&o.offline, "offline", false, "don't ask WeChat: the template and the quota are not looked up")
	command.BindChange(cmd, &o.Change)
	command.BindFormat(cmd, &o.format, term.Table, term.JSON)
}

func runApply(ctx context.Context, env *command.Env, o applyOptions) error {
	file, err := planfile.Read(o.file)
	if err != nil {
		return err
	}
	switch {
	case !o.schedule && file.Schedule != "":
		return operator.ErrScheduled
	case o.schedule && file.Schedule == "":
		return operator.ErrNotScheduled
	}
	return env.With(ctx, func(op *operator.Operator) error {
		p, err := previewPlan(ctx, env, op, file, operator.PlanOptions{Offline: o.offline})
		if err != nil {
			return err
		}
		if o.DryRun {
			return printDryRun(env, p, o.format)
		}
		if o.expect == "" || o.expect != p.ID { // what was reviewed needs no second look
			for _, note := range previewNotes(p) {
				env.Talk("%s\n", note)
			}
		}
		verb := "apply"
		if o.schedule {
			verb = "schedule"
		}
		if o.makes(p) {
			if err := env.Confirm(o.Yes, p.Total, fmt.Sprintf("%s %s", verb, p.ID)); err != nil {
				return err
			}
		}
		bar := env.Bar()
		opt := operator.ApplyOptions{
			Again: o.again, Expect: o.expect, Why: o.Why,
			Progress: func(done, total int) { bar.Show("targets written", done, total) },
		}
		if o.schedule {
			s, err := op.Schedule(ctx, p, opt)
			bar.End()
			return printScheduled(env, s, o.format, err)
		}
		a, err := op.Apply(ctx, p, opt)
		bar.End()
		return printApplied(env, a, o.format, err)
	})
}

// makes tells whether applying would make something new. It doesn't where the same
// content was applied before: that is left, completed or refused.
func (o applyOptions) makes(p *operator.Preview) bool {
	return p.Earlier == nil || o.again && p.Earlier.Status.Ended()
}

func printDryRun(env *command.Env, p *operator.Preview, f term.Format) error {
	if f == term.JSON {
		return term.WriteJSON(env.Out, p)
	}
	if err := printPreview(env, p, term.Table); err != nil {
		return err
	}
	env.Talk("\nthis was a dry run: nothing was changed\n")
	return nil
}

// printApplied tells what applying did.
func printApplied(env *command.Env, a operator.Applied, f term.Format, err error) error {
	if err != nil {
		return err
	}
	if f == term.JSON {
		return term.WriteJSON(env.Out, a)
	}
	text := map[operator.Outcome]string{
		operator.OutcomeCreated: "rollout %s was made for %s and is %s\n",
		operator.OutcomeResumed: "rollout %s is complete now, after an apply that was interrupted, with %s, and is %s\n",
		operator.OutcomeExists:  "rollout %s of the same content for %s exists already and is %s; nothing was changed\n",
	}[a.Outcome]
	if err := env.Print(text, a.ID, human.Plural(a.Total, "target"), a.Status); err != nil {
		return err
	}
	if a.Status != rollout.StatusDone && a.Status != rollout.StatusAborted {
		env.Talk("look at it: enqueue watch %s\n", a.ID)
	}
	return nil
}

// printScheduled tells what scheduling did.
func printScheduled(env *command.Env, s operator.Schedule, f term.Format, err error) error {
	if err != nil {
		return err
	}
	if f == term.JSON {
		return term.WriteJSON(env.Out, s)
	}
	return env.Print("schedule %s for %s runs next at %s\n", s.Name, human.Plural(s.Total, "target"), human.Local(s.Next))
}

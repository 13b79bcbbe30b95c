package plans

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/exit"
	"github.com/wxrollout/wxrollout/internal/cli/rollouts"
	"github.com/wxrollout/wxrollout/internal/cli/term"
	"github.com/wxrollout/wxrollout/internal/human"
	"github.com/wxrollout/wxrollout/internal/launch"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/planfile"
)

// applyOptions is the command line of apply and of schedule -f.
type applyOptions struct {
	command.Change
	file     string
	again    bool
	damaged  bool
	expect   string
	offline  bool
	schedule bool
	wait     bool
	timeout  time.Duration
	format   term.Format
}

func newApply(env *command.Env, run func(context.Context, *command.Env, applyOptions) error) *cobra.Command {
	var o applyOptions
	cmd := &cobra.Command{
		Use:   "apply -f FILE",
		Short: "Start the rollout of a plan",
		Long: `Create the rollout that plan shows and start it. Applying the same plan twice
creates one rollout. Ctrl-C is always safe: a rollout starts when all its targets
are written, and the same apply completes an interrupted one.

A plan whose rollout has ended is refused without --again. So is a plan whose name
belongs to an unfinished rollout with other content.

With --wait, apply then follows the rollout as watch --exit-status does: the exit
code is 0 when it is done, 3 held or paused, 5 aborted, 6 done with rejected or
failed targets, 7 after --timeout.`,
		Example: `  enqueue apply -f spring.yaml
  enqueue apply -f spring.yaml --expect spring-1a2b3c4d --yes   # in a pipeline
  enqueue apply -f spring.yaml --again --reason "after the outage"
  enqueue apply -f spring.yaml --yes --wait --timeout 2h        # until it ends`,
		Args: command.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case o.file == "":
				return exit.Usagef("-f FILE is missing")
			case o.timeout != 0 && !o.wait:
				return exit.Usagef("--timeout is for --wait")
			case o.timeout < 0:
				return exit.Usagef("--timeout %s: want no negative duration", o.timeout)
			}
			return run(cmd.Context(), env, o)
		},
	}
	bindApply(cmd, &o)
	cmd.Flags().BoolVar(&o.wait, "wait", false, "follow the rollout until it ends or needs an operator")
	cmd.Flags().DurationVar(&o.timeout, "timeout", 0, "stop waiting after this time; 0 means never")
	cmd.Flags().BoolVar(&o.again, "again", false, "create a new rollout although one with the same content has ended")
	return cmd
}

func bindApply(cmd *cobra.Command, o *applyOptions) {
	f := cmd.Flags()
	f.StringVarP(&o.file, "file", "f", "", "the plan file")
	f.StringVar(&o.expect, "expect", "", "refuse unless the rollout has this id, which plan shows")
	f.BoolVar(&o.offline, "offline", false, "work without WeChat: template and quota are not checked")
	f.BoolVar(&o.damaged, "allow-damaged", false, "take values of the list that a spreadsheet program seems to have changed")
	command.BindChange(cmd, &o.Change)
	command.BindObject(cmd, &o.format)
}

func runApply(ctx context.Context, env *command.Env, o applyOptions) error {
	file, err := planfile.Read(o.file)
	if err != nil {
		return err
	}
	switch {
	case !o.schedule && file.Schedule != "":
		return launch.ErrScheduled
	case o.schedule && file.Schedule == "":
		return launch.ErrNotScheduled
	}
	return env.With(ctx, func(t command.Tools) error {
		p, err := previewPlan(ctx, env, t.Launcher, file, launch.PlanOptions{Offline: o.offline})
		if err != nil {
			return err
		}
		if o.DryRun {
			return printDryRun(env, p, o.format)
		}
		if len(p.Damaged) > 0 && !o.damaged {
			return &launch.DamagedError{Faults: p.Damaged}
		}
		switch reviewed := o.expect != "" && o.expect == p.ID; {
		case env.InTTY && env.ErrTTY && !o.Yes && o.makes(p): // a person decides: show what about
			shown := *env
			shown.Out = env.Err
			if err := printPreview(&shown, p, term.Table); err != nil {
				return err
			}
			env.Talk("\n")
		case !reviewed:
			for _, note := range previewNotes(p) {
				env.Talk("%s\n", note)
			}
		}
		verb := "Apply"
		if o.schedule {
			verb = "Schedule"
		}
		if o.makes(p) {
			if err := env.Confirm(o.Yes, p.Total, fmt.Sprintf("%s %s to %s", verb, p.ID, human.Plural(p.Total, "target"))); err != nil {
				return err
			}
		}
		bar := env.Bar()
		opt := launch.ApplyOptions{
			Again: o.again, Expect: o.expect, Why: o.Why, AllowDamaged: o.damaged,
			Progress: func(done, total int) { bar.Show("targets written", done, total) },
		}
		if o.schedule {
			s, err := t.Launcher.Schedule(ctx, p, opt)
			bar.End()
			return printScheduled(env, s, o.format, err)
		}
		a, err := t.Launcher.Apply(ctx, p, opt)
		bar.End()
		if err := printApplied(env, a, o, err); err != nil || !o.wait {
			return err
		}
		following := *env
		following.Out, following.OutTTY = env.Err, env.ErrTTY // stdout has what was applied
		return rollouts.Await(ctx, &following, t.Operator, a.ID, waitEvery, o.timeout, true, term.Table)
	})
}

// waitEvery is the interval between two looks of --wait.
const waitEvery = 2 * time.Second

// makes reports whether applying would create something. A rollout with the same content
// is left alone, completed or refused instead.
func (o applyOptions) makes(p *launch.Preview) bool {
	return p.Earlier == nil || o.again && p.Earlier.Status.Ended()
}

func printDryRun(env *command.Env, p *launch.Preview, f term.Format) error {
	if f.Object() {
		return env.Object(f, p)
	}
	if err := printPreview(env, p, term.Table); err != nil {
		return err
	}
	env.DryRun()
	return nil
}

// printApplied prints what apply did.
func printApplied(env *command.Env, a launch.Applied, o applyOptions, err error) error {
	if err != nil {
		return err
	}
	if o.format.Object() {
		return env.Object(o.format, a)
	}
	text := map[launch.Outcome]string{
		launch.OutcomeCreated: "rollout %s with %s was created and is %s\n",
		launch.OutcomeResumed: "rollout %s with %s was completed after an interrupted apply and is %s\n",
		launch.OutcomeExists:  "rollout %s with %s and the same content exists and is %s; nothing was changed\n",
	}[a.Outcome]
	if err := env.Print(text, a.ID, human.Plural(a.Total, "target"), a.Status); err != nil {
		return err
	}
	if !o.wait && a.Status != rollout.StatusDone && a.Status != rollout.StatusAborted {
		env.Talk("to follow it: enqueue watch %s\n", a.ID)
	}
	return nil
}

// printScheduled prints what schedule did.
func printScheduled(env *command.Env, s launch.Schedule, f term.Format, err error) error {
	if err != nil {
		return err
	}
	return env.Show(f, s, "schedule %s for %s runs next at %s\n", s.Name, human.Plural(s.Total, "target"), human.Local(s.Next))
}

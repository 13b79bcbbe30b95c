package plans

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

func newSchedule(env *command.Env) *cobra.Command {
	o := applyOptions{schedule: true}
	cmd := &cobra.Command{
		Use:   "schedule -f FILE",
		Short: "Run a plan again and again at its times",
		Long: `Store a plan with a schedule: the workers begin a rollout of it each time it comes
up. A run whose time passed while no worker was alive is made up for once, and those
between count as missed. A run that comes up while the one before has not ended is
skipped, but not for targets that only wait for their merchant. Schedule list counts
both, and says with -o wide why the last run was skipped.

A plan with latest: true takes the newest template of each run. One with all: true
or select: without a file takes the apps of each run's time from the registry; a
file's apps are those of now. The same plan again only changes when it runs.`,
		Example: `  enqueue schedule -f monthly.yaml
  enqueue schedule list
  enqueue schedule pause monthly
  enqueue schedule delete monthly`,
		Args: command.Args(cobra.ArbitraryArgs),
		RunE: func(cmd *cobra.Command, given []string) error {
			if o.file == "" || len(given) > 0 {
				return command.Group(cmd, given)
			}
			return runApply(cmd.Context(), env, o)
		},
	}
	bindApply(cmd, &o)
	cmd.AddCommand(
		newScheduleList(env, runGetSchedules),
		newScheduleVerb(env, "pause", "Keep a schedule from running", "Keep a schedule from running. Rollouts that it began go on.", runScheduleVerb),
		newScheduleVerb(env, "resume", "Let a paused schedule run again", "Let a paused schedule run again at its next time. What came up meanwhile is not\nmade up for.", runScheduleVerb),
		newScheduleVerb(env, "delete", "Take a schedule away", "Take a schedule away for good. Rollouts that it began go on.", runScheduleVerb),
	)
	return cmd
}

// schedulesOptions are the command line of get schedules.
type schedulesOptions struct{ format term.Format }

func newGetSchedules(env *command.Env, run func(context.Context, *command.Env, schedulesOptions) error) *cobra.Command {
	cmd := newScheduleList(env, run)
	cmd.Use, cmd.Aliases = "schedules", []string{"schedule"}
	cmd.Example = "  enqueue get schedules -o wide"
	return cmd
}

func newScheduleList(env *command.Env, run func(context.Context, *command.Env, schedulesOptions) error) *cobra.Command {
	var o schedulesOptions
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List schedules by their next run",
		Long: `List schedules by their next run. MISSED counts runs that no worker began before
the next one came. SKIPPED counts runs that were left out on purpose: the run before
had not ended, or no apps could be chosen. -o wide says when that was last, and why.`,
		Example: "  enqueue schedule list -o wide",
		Args:    command.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return run(cmd.Context(), env, o)
		},
	}
	command.BindFormat(cmd, &o.format, term.Table, term.Wide, term.JSON, term.CSV)
	return cmd
}

func runGetSchedules(ctx context.Context, env *command.Env, o schedulesOptions) error {
	return env.With(ctx, func(op *operator.Operator) error {
		found, err := op.Schedules(ctx)
		if err != nil && len(found) == 0 {
			return err
		}
		return errors.Join(term.List(env.Out, o.format, scheduleColumns, found), err)
	})
}

var scheduleColumns = []term.Column[operator.Schedule]{
	{Name: "name", Text: func(s operator.Schedule) string { return s.Name }},
	{Name: "schedule", Text: func(s operator.Schedule) string { return s.Spec }},
	{Name: "state", Text: scheduleState},
	{Name: "next", Text: func(s operator.Schedule) string { return human.Stamp(s.Next) }},
	{Name: "targets", Text: scheduleTargets},
	{Name: "template", Text: scheduleTemplate},
	{Name: "last_rollout", Text: func(s operator.Schedule) string { return s.LastID }},
	{Name: "missed", Text: func(s operator.Schedule) string { return fmt.Sprint(s.Missed) }},
	{Name: "skipped", Text: func(s operator.Schedule) string { return fmt.Sprint(s.Skipped) }},
	{Name: "runs", Wide: true, Text: func(s operator.Schedule) string { return fmt.Sprint(s.Runs) }},
	{Name: "last_missed", Wide: true, Text: func(s operator.Schedule) string { return human.Stamp(s.MissedAt) }},
	{Name: "last_skipped", Wide: true, Text: func(s operator.Schedule) string { return human.Stamp(s.SkippedAt) }},
	{Name: "skipped_why", Wide: true, Text: func(s operator.Schedule) string { return s.SkippedWhy }},
	{Name: "last", Wide: true, Text: func(s operator.Schedule) string { return human.Stamp(s.LastRun) }},
	{Name: "by", Wide: true, Text: func(s operator.Schedule) string { return s.By }},
}

func scheduleState(s operator.Schedule) string {
	switch {
	case s.Loading:
		return "incomplete"
	case s.Paused:
		return "paused"
	default:
		return "active"
	}
}

func scheduleTargets(s operator.Schedule) string {
	if s.Chooses {
		return fmt.Sprintf("%d, chosen at each run", s.Total)
	}
	return fmt.Sprint(s.Total)
}

func scheduleTemplate(s operator.Schedule) string {
	if s.Latest {
		return "latest"
	}
	return fmt.Sprintf("%d (%s)", s.Template.ID, s.Template.Version)
}

// scheduleVerbOptions are the command line of schedule pause, resume and delete.
type scheduleVerbOptions struct{ verb, name string }

func newScheduleVerb(env *command.Env, verb, short, long string, run func(context.Context, *command.Env, scheduleVerbOptions) error) *cobra.Command {
	return &cobra.Command{
		Use:     verb + " NAME",
		Short:   short,
		Long:    long,
		Example: fmt.Sprintf("  enqueue schedule %s monthly", verb),
		Args:    command.Args(command.One("NAME")),
		RunE: func(cmd *cobra.Command, given []string) error {
			return run(cmd.Context(), env, scheduleVerbOptions{verb: verb, name: given[0]})
		},
	}
}

func runScheduleVerb(ctx context.Context, env *command.Env, o scheduleVerbOptions) error {
	return env.With(ctx, func(op *operator.Operator) error {
		switch o.verb {
		case "pause":
			if err := op.PauseSchedule(ctx, o.name); err != nil {
				return err
			}
			return env.Print("schedule %s is paused\n", o.name)
		case "resume":
			s, err := op.ResumeSchedule(ctx, o.name)
			if err != nil {
				return err
			}
			return env.Print("schedule %s runs next at %s\n", s.Name, human.Local(s.Next))
		default:
			if err := op.Unschedule(ctx, o.name); err != nil {
				return err
			}
			return env.Print("schedule %s is deleted\n", o.name)
		}
	})
}

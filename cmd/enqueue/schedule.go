package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/operator"
)

func newSchedule(d *deps) *cobra.Command {
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
		Args: args(cobra.ArbitraryArgs),
		RunE: func(cmd *cobra.Command, given []string) error {
			if o.file == "" || len(given) > 0 {
				return group(cmd, given)
			}
			return runApply(cmd.Context(), d, o)
		},
	}
	bindApply(cmd, &o)
	cmd.AddCommand(
		newScheduleList(d, runGetSchedules),
		newScheduleVerb(d, "pause", "Keep a schedule from running", "Keep a schedule from running. Rollouts that it began go on.", runScheduleVerb),
		newScheduleVerb(d, "resume", "Let a paused schedule run again", "Let a paused schedule run again at its next time. What came up meanwhile is not\nmade up for.", runScheduleVerb),
		newScheduleVerb(d, "delete", "Take a schedule away", "Take a schedule away for good. Rollouts that it began go on.", runScheduleVerb),
	)
	return cmd
}

// schedulesOptions are the command line of get schedules.
type schedulesOptions struct{ format format }

func newGetSchedules(d *deps, run func(context.Context, *deps, schedulesOptions) error) *cobra.Command {
	cmd := newScheduleList(d, run)
	cmd.Use, cmd.Aliases = "schedules", []string{"schedule"}
	cmd.Example = "  enqueue get schedules -o wide"
	return cmd
}

func newScheduleList(d *deps, run func(context.Context, *deps, schedulesOptions) error) *cobra.Command {
	var o schedulesOptions
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List schedules by their next run",
		Long: `List schedules by their next run. MISSED counts runs that no worker began before
the next one came. SKIPPED counts runs that were left out on purpose: the run before
had not ended, or no apps could be chosen. -o wide says when that was last, and why.`,
		Example: "  enqueue schedule list -o wide",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return run(cmd.Context(), d, o)
		},
	}
	bindFormat(cmd, &o.format, formatTable, formatWide, formatJSON, formatCSV)
	return cmd
}

func runGetSchedules(ctx context.Context, d *deps, o schedulesOptions) error {
	return d.with(ctx, func(op *operator.Operator) error {
		found, err := op.Schedules(ctx)
		if err != nil && len(found) == 0 {
			return err
		}
		return errors.Join(list(d, o.format, scheduleColumns, found), err)
	})
}

var scheduleColumns = []column[operator.Schedule]{
	{name: "name", text: func(s operator.Schedule) string { return s.Name }},
	{name: "schedule", text: func(s operator.Schedule) string { return s.Spec }},
	{name: "state", text: scheduleState},
	{name: "next", text: func(s operator.Schedule) string { return stamp(s.Next) }},
	{name: "targets", text: scheduleTargets},
	{name: "template", text: scheduleTemplate},
	{name: "last_rollout", text: func(s operator.Schedule) string { return s.LastID }},
	{name: "missed", text: func(s operator.Schedule) string { return fmt.Sprint(s.Missed) }},
	{name: "skipped", text: func(s operator.Schedule) string { return fmt.Sprint(s.Skipped) }},
	{name: "runs", wide: true, text: func(s operator.Schedule) string { return fmt.Sprint(s.Runs) }},
	{name: "last_missed", wide: true, text: func(s operator.Schedule) string { return stamp(s.MissedAt) }},
	{name: "last_skipped", wide: true, text: func(s operator.Schedule) string { return stamp(s.SkippedAt) }},
	{name: "skipped_why", wide: true, text: func(s operator.Schedule) string { return s.SkippedWhy }},
	{name: "last", wide: true, text: func(s operator.Schedule) string { return stamp(s.LastRun) }},
	{name: "by", wide: true, text: func(s operator.Schedule) string { return s.By }},
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

func newScheduleVerb(d *deps, verb, short, long string, run func(context.Context, *deps, scheduleVerbOptions) error) *cobra.Command {
	return &cobra.Command{
		Use:     verb + " NAME",
		Short:   short,
		Long:    long,
		Example: fmt.Sprintf("  enqueue schedule %s monthly", verb),
		Args:    args(one("NAME")),
		RunE: func(cmd *cobra.Command, given []string) error {
			return run(cmd.Context(), d, scheduleVerbOptions{verb: verb, name: given[0]})
		},
	}
}

func runScheduleVerb(ctx context.Context, d *deps, o scheduleVerbOptions) error {
	return d.with(ctx, func(op *operator.Operator) error {
		switch o.verb {
		case "pause":
			if err := op.PauseSchedule(ctx, o.name); err != nil {
				return err
			}
			return d.print("schedule %s is paused\n", o.name)
		case "resume":
			s, err := op.ResumeSchedule(ctx, o.name)
			if err != nil {
				return err
			}
			return d.print("schedule %s runs next at %s\n", s.Name, clockTime(s.Next))
		default:
			if err := op.Unschedule(ctx, o.name); err != nil {
				return err
			}
			return d.print("schedule %s is deleted\n", o.name)
		}
	})
}

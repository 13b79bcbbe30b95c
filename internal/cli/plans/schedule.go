package plans

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/term"
	"github.com/wxrollout/wxrollout/internal/human"
	"github.com/wxrollout/wxrollout/internal/launch"
)

func newSchedule(env *command.Env) *cobra.Command {
	o := applyOptions{schedule: true}
	cmd := &cobra.Command{
		Use:   "schedule -f FILE",
		Short: "Run a plan on its schedule",
		Long: `Store a plan that has a schedule: the workers start a rollout of it at each
scheduled time. If no worker was alive at a scheduled time, one run starts late
and the others count as missed. A run is skipped while the previous rollout is
unfinished, unless that only waits for merchants. schedule list counts missed and
skipped runs; with -o wide it also shows why the last one was skipped.

With latest: true each run uses the newest template. With all: true or select: and
no file, each run selects its apps from the registry; the apps of a file are fixed
now. Scheduling the same plan again changes only its times.`,
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
		newScheduleVerb(env, "pause", "Pause a schedule", "Pause a schedule: no run starts. Rollouts that it started continue.", runScheduleVerb),
		newScheduleVerb(env, "resume", "Resume a paused schedule", "Resume a paused schedule at its next time. Runs that were due meanwhile are not\nmade up for.", runScheduleVerb),
		newScheduleVerb(env, "delete", "Delete a schedule", "Delete a schedule. Rollouts that it started continue.", runScheduleVerb),
	)
	return cmd
}

// schedulesOptions is the command line of get schedules.
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
		Long: `List schedules by their next run. MISSED counts runs that no worker started before
the next run was due. SKIPPED counts runs that were skipped because the previous
rollout was unfinished or no apps were selected. -o wide shows time and reason of
the last one.`,
		Example: "  enqueue schedule list -o wide",
		Args:    command.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return run(cmd.Context(), env, o)
		},
	}
	command.BindList(env, cmd, &o.format)
	return cmd
}

func runGetSchedules(ctx context.Context, env *command.Env, o schedulesOptions) error {
	return env.With(ctx, func(t command.Tools) error {
		found, err := t.Launcher.Schedules(ctx)
		if err != nil && len(found) == 0 {
			return err
		}
		return errors.Join(term.List(env.Streams, o.format, "schedules", scheduleColumns, found), err)
	})
}

var scheduleColumns = []term.Column[launch.Schedule]{
	{Name: "name", Text: func(s launch.Schedule) string { return s.Name }},
	{Name: "schedule", Text: func(s launch.Schedule) string { return s.Spec }},
	{Name: "state", State: true, Text: scheduleState},
	{Name: "next", Text: func(s launch.Schedule) string { return human.Stamp(s.Next) }},
	{Name: "targets", Text: scheduleTargets},
	{Name: "template", Text: scheduleTemplate},
	{Name: "last_rollout", Text: func(s launch.Schedule) string { return s.LastID }},
	{Name: "missed", Text: func(s launch.Schedule) string { return fmt.Sprint(s.Missed) }},
	{Name: "skipped", Text: func(s launch.Schedule) string { return fmt.Sprint(s.Skipped) }},
	{Name: "runs", Wide: true, Text: func(s launch.Schedule) string { return fmt.Sprint(s.Runs) }},
	{Name: "last_missed", Wide: true, Text: func(s launch.Schedule) string { return human.Stamp(s.MissedAt) }},
	{Name: "last_skipped", Wide: true, Text: func(s launch.Schedule) string { return human.Stamp(s.SkippedAt) }},
	{Name: "skipped_why", Wide: true, Text: func(s launch.Schedule) string { return s.SkippedWhy }},
	{Name: "last", Wide: true, Text: func(s launch.Schedule) string { return human.Stamp(s.LastRun) }},
	{Name: "by", Wide: true, Text: func(s launch.Schedule) string { return s.By }},
	{Name: "last_change", Wide: true, Text: changeText},
}

func scheduleState(s launch.Schedule) string {
	switch {
	case s.Loading:
		return "incomplete"
	case s.Paused:
		return "paused"
	default:
		return "active"
	}
}

func scheduleTargets(s launch.Schedule) string {
	if s.Chooses {
		return fmt.Sprintf("%d, selected at each run", s.Total)
	}
	return fmt.Sprint(s.Total)
}

func scheduleTemplate(s launch.Schedule) string {
	if s.Latest {
		return "latest"
	}
	return fmt.Sprintf("%d (%s)", s.Template.ID, s.Template.Version)
}

// scheduleVerbOptions is the command line of schedule pause, resume and delete.
type scheduleVerbOptions struct {
	verb, name string
	why        string
	dryRun     bool
	format     term.Format
}

func newScheduleVerb(env *command.Env, verb, short, long string, run func(context.Context, *command.Env, scheduleVerbOptions) error) *cobra.Command {
	o := scheduleVerbOptions{verb: verb}
	cmd := &cobra.Command{
		Use:               verb + " NAME",
		Short:             short,
		Long:              long,
		Example:           fmt.Sprintf("  enqueue schedule %s monthly --reason \"holidays\"", verb),
		Args:              command.Args(command.One("NAME")),
		ValidArgsFunction: command.CompleteSchedules(env),
		RunE: func(cmd *cobra.Command, given []string) error {
			o.name = given[0]
			return run(cmd.Context(), env, o)
		},
	}
	command.BindReason(cmd, &o.why)
	command.BindDryRun(cmd, &o.dryRun)
	command.BindObject(cmd, &o.format)
	return cmd
}

func runScheduleVerb(ctx context.Context, env *command.Env, o scheduleVerbOptions) error {
	return env.With(ctx, func(t command.Tools) error {
		change, text := t.Launcher.Unschedule, "is deleted"
		switch o.verb {
		case "pause":
			change, text = t.Launcher.PauseSchedule, "is paused"
		case "resume":
			change, text = t.Launcher.ResumeSchedule, ""
		}
		s, err := change(ctx, o.name, o.why, o.dryRun)
		if err != nil {
			return err
		}
		if text == "" {
			text = "runs next at " + human.Local(s.Next)
		}
		if o.dryRun {
			env.DryRun()
			text = "would be changed: it " + text
		}
		return env.Show(o.format, s, "schedule %s %s\n", s.Name, text)
	})
}

// changeText is the last change of a schedule.
func changeText(s launch.Schedule) string {
	if s.LastChange == nil {
		return ""
	}
	return fmt.Sprintf("%s by %s: %s", s.LastChange.To, s.LastChange.By, s.LastChange.Why)
}

package platform

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/exit"
	"github.com/wxrollout/wxrollout/internal/cli/term"
	"github.com/wxrollout/wxrollout/internal/human"
	"github.com/wxrollout/wxrollout/internal/launch"
	"github.com/wxrollout/wxrollout/rollout/planfile"
)

// baselineOptions is the command line of baseline and its verbs.
type baselineOptions struct {
	command.Change
	verb    string
	file    string
	since   string
	every   time.Duration
	reserve int64
	format  term.Format
}

func newBaseline(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "baseline",
		Short: "Roll out a version to newly authorized apps",
		Long: `A baseline is a standing plan: every app that authorizes the platform from then on
gets the version of the plan. The workers batch newcomers into rollouts with their
own quota pool. Each app is taken once.`,
		Example: `  enqueue baseline set -f standing.yaml --reserve 20
  enqueue baseline get
  enqueue baseline pause --reason "template is broken"`,
		Args: command.Args(cobra.ArbitraryArgs),
		RunE: command.Group,
	}
	cmd.AddCommand(
		newBaselineSet(env, runBaselineSet), newBaselineGet(env, runBaselineGet),
		newBaselineVerb(env, "pause", "Pause the baseline", "Pause the baseline: newcomers wait, and rollouts that it created continue.", runBaselineVerb),
		newBaselineVerb(env, "resume", "Resume a paused baseline", "Resume a paused baseline. Newcomers that waited come first.", runBaselineVerb),
		newBaselineVerb(env, "clear", "Remove the baseline", "Remove the baseline. Rollouts that it created continue; newcomers no longer get a\nversion automatically.", runBaselineVerb),
	)
	return cmd
}

func newBaselineSet(env *command.Env, run func(context.Context, *command.Env, baselineOptions) error) *cobra.Command {
	var o baselineOptions
	cmd := &cobra.Command{
		Use:   "set -f FILE",
		Short: "Set the plan for newcomers",
		Long: `Set the plan for every app that authorizes the platform from now on (or since
--since). It replaces the previous baseline. The targets of the plan are all: true
or select:. Apps that don't match the selector, or lack a value for ext.json, wait
until that changes. The plan has no waves, schedule or start. With latest: true
newcomers get the template that is newest when they are taken.

Every --every, newcomers become a rollout baseline-DATE-N in the quota pool
"baseline", or the pool that the plan names. --reserve reserves submissions for
this pool each month, also from rollouts that are already running.`,
		Example: `  enqueue baseline set -f standing.yaml
  enqueue baseline set -f standing.yaml --since 2026-11-01T00:00+08:00 --reserve 20 --reason "spring is live"`,
		Args: command.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.check(); err != nil {
				return err
			}
			return run(cmd.Context(), env, o)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.file, "file", "f", "", "the plan file")
	f.StringVar(&o.since, "since", "", "time since when authorized apps are newcomers (default: now)")
	f.DurationVar(&o.every, "every", launch.DefaultGather, "interval between two batches of newcomers")
	f.Int64Var(&o.reserve, "reserve", 0, "submissions reserved for the baseline's pool each month")
	command.BindReason(cmd, &o.Why)
	command.BindDryRun(cmd, &o.DryRun)
	command.BindObject(cmd, &o.format)
	return cmd
}

func (o baselineOptions) check() error {
	switch {
	case o.file == "":
		return exit.Usagef("-f FILE is missing")
	case o.every < time.Second:
		return exit.Usagef("--every %s: want 1s or more", o.every)
	case o.reserve < 0:
		return exit.Usagef("--reserve %d: want 0 or more", o.reserve)
	}
	_, err := o.sinceTime()
	return err
}

func (o baselineOptions) sinceTime() (time.Time, error) {
	if o.since == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{"2006-01-02T15:04Z07:00", time.RFC3339} {
		if t, err := time.Parse(layout, o.since); err == nil {
			return t, nil
		}
	}
	return time.Time{}, exit.Usagef("--since %q: want a time with its zone, such as 2026-11-01T00:00+08:00", o.since)
}

func runBaselineSet(ctx context.Context, env *command.Env, o baselineOptions) error {
	file, err := planfile.Read(o.file)
	if err != nil {
		return err
	}
	since, err := o.sinceTime()
	if err != nil {
		return err
	}
	return env.With(ctx, func(t command.Tools) error {
		b, err := t.Launcher.SetBaseline(ctx, file, launch.BaselineOptions{Since: since, Every: o.every, Reserve: o.reserve, Why: o.Why}, o.DryRun)
		if err != nil {
			return err
		}
		if o.DryRun {
			env.DryRun()
		}
		return printBaseline(env, b, o.format)
	})
}

func newBaselineGet(env *command.Env, run func(context.Context, *command.Env, baselineOptions) error) *cobra.Command {
	var o baselineOptions
	cmd := &cobra.Command{
		Use:     "get",
		Short:   "Show the baseline and its newcomers",
		Long:    "Show the baseline, the number of newcomers that wait and why, and the newest rollout\nfor them.",
		Example: "  enqueue baseline get -o json",
		Args:    command.Args(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), env, o) },
	}
	command.BindObject(cmd, &o.format)
	return cmd
}

func runBaselineGet(ctx context.Context, env *command.Env, o baselineOptions) error {
	return env.With(ctx, func(t command.Tools) error {
		b, err := t.Launcher.Baseline(ctx)
		if err != nil {
			return err
		}
		return printBaseline(env, b, o.format)
	})
}

func newBaselineVerb(env *command.Env, verb, short, long string, run func(context.Context, *command.Env, baselineOptions) error) *cobra.Command {
	o := baselineOptions{verb: verb}
	cmd := &cobra.Command{
		Use: verb, Short: short, Long: long,
		Example: fmt.Sprintf("  enqueue baseline %s --reason \"spring is over\"", verb),
		Args:    command.Args(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), env, o) },
	}
	command.BindReason(cmd, &o.Why)
	if verb == "clear" {
		command.BindDryRun(cmd, &o.DryRun)
	}
	command.BindObject(cmd, &o.format)
	return cmd
}

func runBaselineVerb(ctx context.Context, env *command.Env, o baselineOptions) error {
	return env.With(ctx, func(t command.Tools) error {
		if o.verb == "clear" {
			was, err := t.Launcher.ClearBaseline(ctx, o.Why, o.DryRun)
			if err != nil {
				return err
			}
			text := "the baseline is removed"
			if o.DryRun {
				env.DryRun()
				text = "the baseline " + was.Name + " would be removed"
			}
			return env.Show(o.format, was, "%s\n", text)
		}
		b, err := t.Launcher.PauseBaseline(ctx, o.verb == "pause", o.Why)
		if err != nil {
			return err
		}
		return printBaseline(env, b, o.format)
	})
}

// printBaseline writes the baseline and its newcomers.
func printBaseline(env *command.Env, b launch.Baseline, f term.Format) error {
	if b.Set.IsZero() {
		text := "no baseline is set: enqueue baseline set -f PLAN sets one"
		if c := b.Cleared; c != nil {
			text += fmt.Sprintf("\nthe last one was cleared %s ago by %s: %s", env.Ago(c.At), c.By, c.Why)
		}
		return env.Show(f, b, "%s\n", text)
	}
	template := "the newest template"
	if b.Template.ID != planfile.LatestTemplate {
		template = fmt.Sprintf("template %d, version %s", b.Template.ID, b.Template.Version)
	}
	state := "takes newcomers every " + b.Gathers
	if b.Paused {
		state = "is paused"
	}
	lines := []string{
		fmt.Sprintf("baseline  %s %s, set by %s at %s  %s", b.Name, state, b.By, human.Local(b.Set), b.Why),
		"version   " + template + " to apps that authorized since " + human.Local(b.Since),
		fmt.Sprintf("pool      %s, %s reserved", b.Pool, human.Plural(b.Reserve, "submission")),
		fmt.Sprintf("waiting   %s, of which %s do not match the selector or lack a value for ext.json", human.Plural(b.Waiting, "app"), human.Count(b.Held)),
		fmt.Sprintf("taken     %s  %s", human.Plural(b.Taken, "app"), b.Last),
	}
	if b.Select != "" {
		lines[1] += " and match " + b.Select
	}
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return env.Show(f, b, "%s\n", strings.Join(lines, "\n"))
}

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
	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/rollout/planfile"
)

// baselineOptions are the command line of baseline and its verbs.
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
		Short: "Give every newly authorized app the live version",
		Long: `A baseline is a plan that stands: every app that authorizes the platform while it
does gets the plan's version, through a rollout of its own with a quota pool of its
own. The workers gather newcomers; an app is taken once.`,
		Example: `  enqueue baseline set -f standing.yaml --reserve 20
  enqueue baseline get
  enqueue baseline pause --reason "template is broken"`,
		Args: command.Args(cobra.ArbitraryArgs),
		RunE: command.Group,
	}
	cmd.AddCommand(
		newBaselineSet(env, runBaselineSet), newBaselineGet(env, runBaselineGet),
		newBaselineVerb(env, "pause", "Keep the baseline from gathering", "Keep the baseline from gathering. Newcomers wait; rollouts that it made go on.", runBaselineVerb),
		newBaselineVerb(env, "resume", "Let a paused baseline gather again", "Let a paused baseline gather again, those first that came meanwhile.", runBaselineVerb),
		newBaselineVerb(env, "clear", "Take the baseline away", "Take the baseline away. Rollouts that it made go on; newcomers get nothing by\nthemselves any more.", runBaselineVerb),
	)
	return cmd
}

func newBaselineSet(env *command.Env, run func(context.Context, *command.Env, baselineOptions) error) *cobra.Command {
	var o baselineOptions
	cmd := &cobra.Command{
		Use:   "set -f FILE",
		Short: "Let a plan stand for newcomers",
		Long: `Let a plan stand for every app that authorizes the platform from now on (or from
--since on), in place of the baseline before. Its targets are all: true, or select:
an app that a selector leaves out, or that lacks a value which ext.json needs, waits
until that changes. It has no waves, schedule or start. With latest: true newcomers
get the template that is newest when they come.

Newcomers are gathered every --every into a rollout baseline-DATE-N, of the quota
pool "baseline" unless the plan names another. --reserve keeps so many submissions
for that pool each month: rollouts of other pools leave them, those that run too.`,
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
	f.StringVarP(&o.file, "file", "f", "", "the plan")
	f.StringVar(&o.since, "since", "", "apps that authorized since this time are newcomers; now if left out")
	f.DurationVar(&o.every, "every", operator.DefaultGather, "how often newcomers are gathered")
	f.Int64Var(&o.reserve, "reserve", 0, "submissions that other pools leave to the baseline's")
	f.StringVar(&o.Why, "reason", "", "why, for the record")
	f.BoolVar(&o.DryRun, "dry-run", false, "tell what would be done, and change nothing")
	command.BindFormat(cmd, &o.format, term.Table, term.JSON)
	return cmd
}

func (o baselineOptions) check() error {
	switch {
	case o.file == "":
		return exit.Usagef("-f FILE is missing")
	case o.every < time.Second:
		return exit.Usagef("--every %s: want a second or more", o.every)
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
	return env.With(ctx, func(op *operator.Operator) error {
		b, err := op.SetBaseline(ctx, file, operator.BaselineOptions{Since: since, Every: o.every, Reserve: o.reserve, Why: o.Why}, o.DryRun)
		if err != nil {
			return err
		}
		if o.DryRun {
			env.Talk("this is a dry run: nothing was changed\n")
		}
		return printBaseline(env, b, o.format)
	})
}

func newBaselineGet(env *command.Env, run func(context.Context, *command.Env, baselineOptions) error) *cobra.Command {
	var o baselineOptions
	cmd := &cobra.Command{
		Use:     "get",
		Short:   "Show the baseline and what became of newcomers",
		Long:    "Show what stands for newcomers, how many wait and why, and the newest rollout that\nwas made for them.",
		Example: "  enqueue baseline get -o json",
		Args:    command.Args(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), env, o) },
	}
	command.BindFormat(cmd, &o.format, term.Table, term.JSON)
	return cmd
}

func runBaselineGet(ctx context.Context, env *command.Env, o baselineOptions) error {
	return env.With(ctx, func(op *operator.Operator) error {
		b, err := op.Baseline(ctx)
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
		Example: fmt.Sprintf("  enqueue baseline %s", verb),
		Args:    command.Args(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), env, o) },
	}
	if verb != "clear" {
		cmd.Flags().StringVar(&o.Why, "reason", "", "why, for the record")
	}
	return cmd
}

func runBaselineVerb(ctx context.Context, env *command.Env, o baselineOptions) error {
	return env.With(ctx, func(op *operator.Operator) error {
		if o.verb == "clear" {
			if err := op.ClearBaseline(ctx); err != nil {
				return err
			}
			return env.Print("no baseline stands any more\n")
		}
		b, err := op.PauseBaseline(ctx, o.verb == "pause", o.Why)
		if err != nil {
			return err
		}
		return printBaseline(env, b, o.format)
	})
}

// printBaseline writes what stands for newcomers.
func printBaseline(env *command.Env, b operator.Baseline, f term.Format) error {
	if f == term.JSON {
		return term.WriteJSON(env.Out, b)
	}
	if b.Set.IsZero() {
		return env.Print("%s\n", "no baseline stands: enqueue baseline set -f PLAN makes one")
	}
	template := "the newest template"
	if b.Template.ID != operator.LatestTemplate {
		template = fmt.Sprintf("template %d, version %s", b.Template.ID, b.Template.Version)
	}
	state := "gathers every " + b.Gathers
	if b.Paused {
		state = "is paused"
	}
	lines := []string{
		fmt.Sprintf("baseline  %s %s, set by %s at %s  %s", b.Name, state, b.By, human.Local(b.Set), b.Why),
		"gives     " + template + " to apps that authorized since " + human.Local(b.Since),
		fmt.Sprintf("pool      %s, %s kept for it", b.Pool, human.Plural(b.Reserve, "submission")),
		fmt.Sprintf("waiting   %s, %s of them held: the selector leaves them out, or ext.json lacks a value", human.Plural(b.Waiting, "app"), human.Count(b.Held)),
		fmt.Sprintf("taken     %s  %s", human.Plural(b.Taken, "app"), b.Last),
	}
	if b.Select != "" {
		lines[1] += " and match " + b.Select
	}
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return env.Print("%s\n", strings.Join(lines, "\n"))
}

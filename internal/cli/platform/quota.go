package platform

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/exit"
	"github.com/wxrollout/wxrollout/internal/cli/term"
	"github.com/wxrollout/wxrollout/internal/human"
	"github.com/wxrollout/wxrollout/internal/quota"
	"github.com/wxrollout/wxrollout/rollout"
)

// quotaOptions is the command line of quota and quota open.
type quotaOptions struct {
	command.Change
	app    string
	open   rollout.Stage // "" opens none
	format term.Format
}

func newQuota(env *command.Env, run func(context.Context, *command.Env, quotaOptions) error) *cobra.Command {
	var o quotaOptions
	cmd := &cobra.Command{
		Use:   "quota",
		Short: "Show the submission quota and the pools",
		Long: `Show the platform's submission quota at WeChat and the pools of all stages. While
a pool is closed, no rollout gets assignments of its stage until the next try. All
apps share one quota; --app selects the app whose token reads it.`,
		Example: `  enqueue quota
  enqueue quota -o json
  enqueue quota open submit --reason "the penalty is over"`,
		Args: command.Args(cobra.ArbitraryArgs),
		RunE: func(cmd *cobra.Command, given []string) error {
			if len(given) > 0 {
				return command.Group(cmd, given)
			}
			return run(cmd.Context(), env, o)
		},
	}
	cmd.Flags().StringVar(&o.app, "app", "", "appid whose token reads the quota")
	command.CompleteBy(cmd, "app", command.CompleteApps(env))
	command.BindList(env, cmd, &o.format)
	cmd.AddCommand(newQuotaOpen(env, run))
	return cmd
}

func newQuotaOpen(env *command.Env, run func(context.Context, *command.Env, quotaOptions) error) *cobra.Command {
	var o quotaOptions
	cmd := &cobra.Command{
		Use:   "open [STAGE]",
		Short: "Open a closed pool at once",
		Long: `Open the pool of a stage (default: submit), closed for any reason. Pools also open
automatically; use this when the cause is gone and the next try is late. If WeChat
still refuses, the next call closes the pool again. 86008 and 86010 close it for a
day: make sure that the penalty is over. The operator and the reason are recorded.`,
		Example:   `  enqueue quota open submit --reason "the penalty is over"`,
		Args:      command.Args(cobra.MaximumNArgs(1)),
		ValidArgs: command.Texts(rollout.Stages()),
		RunE: func(cmd *cobra.Command, given []string) error {
			o.open = rollout.StageSubmit
			if len(given) > 0 {
				o.open = rollout.Stage(given[0])
			}
			if !o.open.Valid() {
				return exit.Usagef("stage %q: want one of %s", o.open, command.Joined(rollout.Stages()))
			}
			return run(cmd.Context(), env, o)
		},
	}
	command.BindDryRun(cmd, &o.DryRun)
	command.BindReason(cmd, &o.Why)
	command.BindObject(cmd, &o.format)
	return cmd
}

func runQuota(ctx context.Context, env *command.Env, o quotaOptions) error {
	return env.With(ctx, func(t command.Tools) error {
		if o.open != "" {
			return openPool(ctx, env, t.Quota, o)
		}
		q, err := t.Quota.Report(ctx, o.app)
		if err != nil {
			return err
		}
		if o.format.Object() {
			return env.Object(o.format, q)
		}
		if o.format.Text() {
			text := "WeChat was not read: " + q.Note
			if q.Live != nil {
				speedups := fmt.Sprintf(" and %d of %d speed-ups", q.Live.SpeedupRest, q.Live.SpeedupLimit)
				if q.Live.SpeedupLimit < 0 {
					speedups = "" // WeChat does not show them
				}
				text = fmt.Sprintf("%s of %s submissions%s are left at WeChat (read through %s)",
					human.Count(q.Live.Rest), human.Count(q.Live.Limit), speedups, q.Live.AppID)
			}
			if err := env.Print("%s\n\n", text); err != nil {
				return err
			}
		}
		if err := term.List(env.Streams, o.format, "pools", poolColumns(env), q.Pools); err != nil || !o.format.Text() {
			return err
		}
		if len(q.Books.Pools) > 0 {
			if err := env.Print("\nsubmissions in %s by quota pool:\n", q.Books.Month); err != nil {
				return err
			}
			if err := term.Rows(env.Streams, o.format, bookColumns(), q.Books.Pools); err != nil {
				return err
			}
		}
		return env.Print("%s", bookNotes(env, q.Books)+poolNotes(env, q))
	})
}

func bookColumns() []term.Column[quota.PoolBooks] {
	number := func(f func(quota.PoolBooks) int64) func(quota.PoolBooks) string {
		return func(p quota.PoolBooks) string { return fmt.Sprint(f(p)) }
	}
	return []term.Column[quota.PoolBooks]{
		{Name: "pool", Text: func(p quota.PoolBooks) string { return p.Pool }},
		{Name: "share", Text: number(func(p quota.PoolBooks) int64 { return p.Share })},
		{Name: "lacks", Text: number(func(p quota.PoolBooks) int64 { return p.Lacks })},
		{Name: "spent", Text: number(func(p quota.PoolBooks) int64 { return p.Spent })},
		{Name: "today", Text: number(func(p quota.PoolBooks) int64 { return p.Today })},
		{Name: "out", Text: number(func(p quota.PoolBooks) int64 { return p.Out })},
	}
}

// bookNotes name the rollouts that wait for quota, spending by other systems, and a failed reading.
func bookNotes(env *command.Env, b quota.Books) string {
	text := ""
	if b.Unread != "" {
		text += fmt.Sprintf("\nthe quota could not be read for %s: %s\n", env.Ago(b.UnreadSince), human.OneLine(b.Unread))
	}
	if b.External > 0 {
		text += fmt.Sprintf("\nother systems spent %s of the platform's submissions this month\n", human.Count(b.External))
	}
	if b.Raised > 0 {
		text += fmt.Sprintf("\nWeChat added %s this month\n", human.Plural(b.Raised, "submission"))
	}
	for _, w := range b.Waiting {
		why := "submission is next"
		if w.Limit != nil {
			why = w.Limit.String()
		}
		text += fmt.Sprintf("\n%s (pool %s): %s: %s\n", w.Rollout, w.Pool, human.Plural(int64(w.Targets), "target"), why)
	}
	return text
}

// poolNotes have the next steps for the pools, and who opened one last.
func poolNotes(env *command.Env, q quota.Report) string {
	text := ""
	if q.Fault != nil {
		text += "\n" + q.Fault.Cause() + "\n"
	}
	for _, p := range q.Pools {
		if next := p.Next(); next != "" {
			text += "\n" + next + "\n"
		}
	}
	if n := len(q.Actions); n > 0 {
		a := q.Actions[n-1]
		text += fmt.Sprintf("\nlast opened %s ago by %s: %s (it was: %s)\n", env.Ago(a.At), a.By, human.OneLine(a.Why), a.From)
	}
	return text
}

func openPool(ctx context.Context, env *command.Env, q *quota.Quota, o quotaOptions) error {
	if o.DryRun {
		was, err := q.Pool(ctx, o.open)
		if err != nil {
			return err
		}
		env.DryRun()
		return printOpened(env, was, o.format, "would be opened")
	}
	was, err := q.Open(ctx, o.open, o.Why)
	if err != nil {
		return err
	}
	return printOpened(env, was, o.format, "is open")
}

// printOpened prints the previous state of a pool.
func printOpened(env *command.Env, was quota.Pool, f term.Format, now string) error {
	if was.Open() {
		return env.Show(f, was, "the %s pool is already open\n", was.Stage)
	}
	return env.Show(f, was, "the %s pool %s; it was %s: %s\n", was.Stage, now, was.State, was.Words)
}

func poolColumns(env *command.Env) []term.Column[quota.Pool] {
	known := func(f func(quota.Pool) int64) func(quota.Pool) string {
		return func(p quota.Pool) string {
			if !p.Known {
				return ""
			}
			return fmt.Sprint(f(p))
		}
	}
	return []term.Column[quota.Pool]{
		{Name: "stage", Text: func(p quota.Pool) string { return string(p.Stage) }},
		{Name: "state", State: true, Text: func(p quota.Pool) string { return p.State }},
		{Name: "left", Text: known(func(p quota.Pool) int64 { return p.Rest })},
		{Name: "limit", Text: known(func(p quota.Pool) int64 { return p.Limit })},
		{Name: "out", Text: func(p quota.Pool) string { return fmt.Sprint(p.Outstanding) }},
		{Name: "spent", Text: func(p quota.Pool) string { return fmt.Sprint(p.Spent) }},
		{Name: "closings", Text: func(p quota.Pool) string { return fmt.Sprint(p.Closings) }},
		{Name: "next try", Text: func(p quota.Pool) string { return env.Until(p.RetryAt) }, Time: func(p quota.Pool) time.Time { return p.RetryAt }},
		{Name: "why", Text: func(p quota.Pool) string { return p.Words }},
	}
}

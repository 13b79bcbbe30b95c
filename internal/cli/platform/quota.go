package platform

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
)

// quotaOptions are the command line of quota and quota open.
type quotaOptions struct {
	command.Change
	app    string
	open   rollout.Stage // "" looks only
	format term.Format
}

func newQuota(env *command.Env, run func(context.Context, *command.Env, quotaOptions) error) *cobra.Command {
	var o quotaOptions
	cmd := &cobra.Command{
		Use:   "quota",
		Short: "Show what is left of the platform's submissions",
		Long: `Show what WeChat says is left of the platform's submissions, and how the pools of
all stages stand: a closed one gives no assignments to any rollout until it is tried
again. All apps share one quota; --app names the one to ask through.`,
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
	cmd.Flags().StringVar(&o.app, "app", "", "the app to ask WeChat through")
	command.BindFormat(cmd, &o.format, term.Table, term.JSON, term.CSV)
	cmd.AddCommand(newQuotaOpen(env, run))
	return cmd
}

func newQuotaOpen(env *command.Env, run func(context.Context, *command.Env, quotaOptions) error) *cobra.Command {
	var o quotaOptions
	cmd := &cobra.Command{
		Use:   "open [STAGE]",
		Short: "Open a closed pool at once",
		Long: `Open a stage's pool (submit if none is named) whatever closed it. It is for a
closing that is over and not noticed yet: pools open by themselves. If WeChat still
refuses, the next call closes it again. After 86008 or 86010, which close it for a
day, make sure first that the penalty is over. Who opened it and why is recorded.`,
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
	cmd.Flags().BoolVar(&o.DryRun, "dry-run", false, "tell what would be done, and change nothing")
	cmd.Flags().StringVar(&o.Why, "reason", "", "why, for the platform's record")
	command.BindFormat(cmd, &o.format, term.Table, term.JSON)
	return cmd
}

func runQuota(ctx context.Context, env *command.Env, o quotaOptions) error {
	return env.With(ctx, func(op *operator.Operator) error {
		if o.open != "" {
			return openPool(ctx, env, op, o)
		}
		q, err := op.Quota(ctx, o.app)
		if err != nil {
			return err
		}
		if o.format == term.JSON {
			return term.WriteJSON(env.Out, q)
		}
		if o.format == term.Table {
			text := "WeChat was not asked: " + q.Note
			if q.Live != nil {
				text = fmt.Sprintf("WeChat says %s of %s submissions and %d of %d speed-ups are left (asked through %s)",
					human.Count(q.Live.Rest), human.Count(q.Live.Limit), q.Live.SpeedupRest, q.Live.SpeedupLimit, q.Live.AppID)
			}
			if err := env.Print("%s\n\n", text); err != nil {
				return err
			}
		}
		if err := term.List(env.Out, o.format, poolColumns(env), q.Pools); err != nil || o.format != term.Table {
			return err
		}
		if len(q.Books.Pools) > 0 {
			if err := env.Print("\nsubmissions of %s by the plans' pools:\n", q.Books.Month); err != nil {
				return err
			}
			if err := term.List(env.Out, o.format, bookColumns(), q.Books.Pools); err != nil {
				return err
			}
		}
		return env.Print("%s", bookNotes(env, q.Books)+poolNotes(env, q))
	})
}

func bookColumns() []term.Column[operator.PoolBooks] {
	number := func(f func(operator.PoolBooks) int64) func(operator.PoolBooks) string {
		return func(p operator.PoolBooks) string { return fmt.Sprint(f(p)) }
	}
	return []term.Column[operator.PoolBooks]{
		{Name: "pool", Text: func(p operator.PoolBooks) string { return p.Pool }},
		{Name: "share", Text: number(func(p operator.PoolBooks) int64 { return p.Share })},
		{Name: "lacks", Text: number(func(p operator.PoolBooks) int64 { return p.Lacks })},
		{Name: "spent", Text: number(func(p operator.PoolBooks) int64 { return p.Spent })},
		{Name: "today", Text: number(func(p operator.PoolBooks) int64 { return p.Today })},
		{Name: "out", Text: number(func(p operator.PoolBooks) int64 { return p.Out })},
	}
}

// bookNotes say who waits for quota, who else spends it, and that it can't be read.
func bookNotes(env *command.Env, b operator.QuotaBooks) string {
	text := ""
	if b.Unread != "" {
		text += fmt.Sprintf("\nthe quota is not read since %s ago: %s\n", env.Ago(b.UnreadSince), human.OneLine(b.Unread))
	}
	if b.External > 0 {
		text += fmt.Sprintf("\nanother system spent %s of this platform's submissions this month\n", human.Count(b.External))
	}
	if b.Raised > 0 {
		text += fmt.Sprintf("\nWeChat added %s this month\n", human.Plural(b.Raised, "submission"))
	}
	for _, w := range b.Waiting {
		why := "about to be submitted"
		if w.Limit != nil {
			why = w.Limit.String()
		}
		text += fmt.Sprintf("\n%s (pool %s): %s: %s\n", w.Rollout, w.Pool, human.Plural(int64(w.Targets), "target"), why)
	}
	return text
}

// poolNotes say what to do about the pools, and who opened one last.
func poolNotes(env *command.Env, q operator.QuotaReport) string {
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
		text += fmt.Sprintf("\nlast opened %s ago by %s: %s (it was: %s)\n", env.Ago(a.Time()), a.By, human.OneLine(a.Why), a.From)
	}
	return text
}

func openPool(ctx context.Context, env *command.Env, op *operator.Operator, o quotaOptions) error {
	if o.DryRun {
		pools, err := op.Pools(ctx)
		if err != nil {
			return err
		}
		for _, p := range pools {
			if p.Stage == o.open {
				env.Talk("this is a dry run: nothing was changed\n")
				return printOpened(env, p, o.format, "would be opened")
			}
		}
	}
	was, err := op.OpenPool(ctx, o.open, o.Why)
	if err != nil {
		return err
	}
	return printOpened(env, was, o.format, "is open")
}

// printOpened tells how a pool was before.
func printOpened(env *command.Env, was operator.Pool, f term.Format, now string) error {
	if f == term.JSON {
		return term.WriteJSON(env.Out, was)
	}
	if was.Open() {
		return env.Print("the %s pool is open already\n", was.Stage)
	}
	return env.Print("the %s pool %s; it was %s: %s\n", was.Stage, now, was.State, was.Words)
}

func poolColumns(env *command.Env) []term.Column[operator.Pool] {
	known := func(f func(operator.Pool) int64) func(operator.Pool) string {
		return func(p operator.Pool) string {
			if !p.Known {
				return ""
			}
			return fmt.Sprint(f(p))
		}
	}
	return []term.Column[operator.Pool]{
		{Name: "stage", Text: func(p operator.Pool) string { return string(p.Stage) }},
		{Name: "state", Text: func(p operator.Pool) string { return p.State }},
		{Name: "left", Text: known(func(p operator.Pool) int64 { return p.Rest })},
		{Name: "limit", Text: known(func(p operator.Pool) int64 { return p.Limit })},
		{Name: "out", Text: func(p operator.Pool) string { return fmt.Sprint(p.Outstanding) }},
		{Name: "spent", Text: func(p operator.Pool) string { return fmt.Sprint(p.Spent) }},
		{Name: "closings", Text: func(p operator.Pool) string { return fmt.Sprint(p.Closings) }},
		{Name: "tried again", Text: func(p operator.Pool) string { return env.Until(p.RetryAt) }},
		{Name: "why", Text: func(p operator.Pool) string { return p.Words }},
	}
}

package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/rollout"
)

// quotaOptions are the command line of quota and quota open.
type quotaOptions struct {
	change
	app    string
	open   rollout.Stage // "" looks only
	format format
}

func newQuota(d *deps, run func(context.Context, *deps, quotaOptions) error) *cobra.Command {
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
		Args: args(cobra.ArbitraryArgs),
		RunE: func(cmd *cobra.Command, given []string) error {
			if len(given) > 0 {
				return group(cmd, given)
			}
			return run(cmd.Context(), d, o)
		},
	}
	cmd.Flags().StringVar(&o.app, "app", "", "the app to ask WeChat through")
	bindFormat(cmd, &o.format, formatTable, formatJSON, formatCSV)
	cmd.AddCommand(newQuotaOpen(d, run))
	return cmd
}

func newQuotaOpen(d *deps, run func(context.Context, *deps, quotaOptions) error) *cobra.Command {
	var o quotaOptions
	cmd := &cobra.Command{
		Use:   "open [STAGE]",
		Short: "Open a closed pool at once",
		Long: `Open a stage's pool (submit if none is named) whatever closed it. It is for a
closing that is over and not noticed yet: pools open by themselves. If WeChat still
refuses, the next call closes it again. After 86008 or 86010, which close it for a
day, make sure first that the penalty is over. Who opened it and why is recorded.`,
		Example:   `  enqueue quota open submit --reason "the penalty is over"`,
		Args:      args(cobra.MaximumNArgs(1)),
		ValidArgs: texts(rollout.Stages()),
		RunE: func(cmd *cobra.Command, given []string) error {
			o.open = rollout.StageSubmit
			if len(given) > 0 {
				o.open = rollout.Stage(given[0])
			}
			if !o.open.Valid() {
				return usagef("stage %q: want one of %s", o.open, joined(rollout.Stages()))
			}
			return run(cmd.Context(), d, o)
		},
	}
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "tell what would be done, and change nothing")
	cmd.Flags().StringVar(&o.why, "reason", "", "why, for the platform's record")
	bindFormat(cmd, &o.format, formatTable, formatJSON)
	return cmd
}

func runQuota(ctx context.Context, d *deps, o quotaOptions) error {
	return d.with(ctx, func(op *operator.Operator) error {
		if o.open != "" {
			return d.openPool(ctx, op, o)
		}
		q, err := op.Quota(ctx, o.app)
		if err != nil {
			return err
		}
		if o.format == formatJSON {
			return writeJSON(d.out, q)
		}
		if o.format == formatTable {
			text := "WeChat was not asked: " + q.Note
			if q.Live != nil {
				text = fmt.Sprintf("WeChat says %s of %s submissions and %d of %d speed-ups are left (asked through %s)",
					count(q.Live.Rest), count(q.Live.Limit), q.Live.SpeedupRest, q.Live.SpeedupLimit, q.Live.AppID)
			}
			if err := d.print("%s\n\n", text); err != nil {
				return err
			}
		}
		if err := list(d, o.format, d.poolColumns(), q.Pools); err != nil || o.format != formatTable {
			return err
		}
		if len(q.Books.Pools) > 0 {
			if err := d.print("\nsubmissions of %s by the plans' pools:\n", q.Books.Month); err != nil {
				return err
			}
			if err := list(d, o.format, bookColumns(), q.Books.Pools); err != nil {
				return err
			}
		}
		return d.print("%s", d.bookNotes(q.Books)+d.poolNotes(q))
	})
}

func bookColumns() []column[operator.PoolBooks] {
	number := func(f func(operator.PoolBooks) int64) func(operator.PoolBooks) string {
		return func(p operator.PoolBooks) string { return fmt.Sprint(f(p)) }
	}
	return []column[operator.PoolBooks]{
		{name: "pool", text: func(p operator.PoolBooks) string { return p.Pool }},
		{name: "share", text: number(func(p operator.PoolBooks) int64 { return p.Share })},
		{name: "lacks", text: number(func(p operator.PoolBooks) int64 { return p.Lacks })},
		{name: "spent", text: number(func(p operator.PoolBooks) int64 { return p.Spent })},
		{name: "today", text: number(func(p operator.PoolBooks) int64 { return p.Today })},
		{name: "out", text: number(func(p operator.PoolBooks) int64 { return p.Out })},
	}
}

// bookNotes say who waits for quota, who else spends it, and that it can't be read.
func (d *deps) bookNotes(b operator.QuotaBooks) string {
	text := ""
	if b.Unread != "" {
		text += fmt.Sprintf("\nthe quota is not read since %s ago: %s\n", d.ago(b.UnreadSince), oneLine(b.Unread))
	}
	if b.External > 0 {
		text += fmt.Sprintf("\nanother system spent %s of this platform's submissions this month\n", count(b.External))
	}
	if b.Raised > 0 {
		text += fmt.Sprintf("\nWeChat added %s this month\n", plural(b.Raised, "submission"))
	}
	for _, w := range b.Waiting {
		why := "about to be submitted"
		if w.Limit != nil {
			why = w.Limit.String()
		}
		text += fmt.Sprintf("\n%s (pool %s): %s: %s\n", w.Rollout, w.Pool, plural(int64(w.Targets), "target"), why)
	}
	return text
}

// poolNotes say what to do about the pools, and who opened one last.
func (d *deps) poolNotes(q operator.QuotaReport) string {
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
		text += fmt.Sprintf("\nlast opened %s ago by %s: %s (it was: %s)\n", d.ago(a.Time()), a.By, oneLine(a.Why), a.From)
	}
	return text
}

func (d *deps) openPool(ctx context.Context, op *operator.Operator, o quotaOptions) error {
	if o.dryRun {
		pools, err := op.Pools(ctx)
		if err != nil {
			return err
		}
		for _, p := range pools {
			if p.Stage == o.open {
				d.talk("this is a dry run: nothing was changed\n")
				return d.opened(p, o.format, "would be opened")
			}
		}
	}
	was, err := op.OpenPool(ctx, o.open, o.why)
	if err != nil {
		return err
	}
	return d.opened(was, o.format, "is open")
}

// opened tells how a pool was before.
func (d *deps) opened(was operator.Pool, f format, now string) error {
	if f == formatJSON {
		return writeJSON(d.out, was)
	}
	if was.Open() {
		return d.print("the %s pool is open already\n", was.Stage)
	}
	return d.print("the %s pool %s; it was %s: %s\n", was.Stage, now, was.State, was.Words)
}

func (d *deps) poolColumns() []column[operator.Pool] {
	known := func(f func(operator.Pool) int64) func(operator.Pool) string {
		return func(p operator.Pool) string {
			if !p.Known {
				return ""
			}
			return fmt.Sprint(f(p))
		}
	}
	return []column[operator.Pool]{
		{name: "stage", text: func(p operator.Pool) string { return string(p.Stage) }},
		{name: "state", text: func(p operator.Pool) string { return p.State }},
		{name: "left", text: known(func(p operator.Pool) int64 { return p.Rest })},
		{name: "limit", text: known(func(p operator.Pool) int64 { return p.Limit })},
		{name: "out", text: func(p operator.Pool) string { return fmt.Sprint(p.Outstanding) }},
		{name: "spent", text: func(p operator.Pool) string { return fmt.Sprint(p.Spent) }},
		{name: "closings", text: func(p operator.Pool) string { return fmt.Sprint(p.Closings) }},
		{name: "tried again", text: func(p operator.Pool) string { return d.until(p.RetryAt) }},
		{name: "why", text: func(p operator.Pool) string { return p.Words }},
	}
}

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/ledger"
)

func newGet(d *deps) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "get",
		Short: "List rollouts, targets, failures or schedules",
		Long: `List rollouts, the targets of one, those of its targets that a person has to
look at, or schedules.`,
		Example: `  enqueue get rollouts
  enqueue get targets spring --state parked
  enqueue get failures spring -o json`,
		Args: args(cobra.ArbitraryArgs),
		RunE: group,
	}
	cmd.AddCommand(newGetRollouts(d, runGetRollouts), newGetTargets(d, runGetTargets), newGetFailures(d, runGetFailures), newGetSchedules(d, runGetSchedules))
	return cmd
}

// rolloutsOptions are the command line of get rollouts.
type rolloutsOptions struct {
	limit  int
	active bool
	format format
}

func newGetRollouts(d *deps, run func(context.Context, *deps, rolloutsOptions) error) *cobra.Command {
	var o rolloutsOptions
	cmd := &cobra.Command{
		Use:     "rollouts",
		Aliases: []string{"rollout", "ro"},
		Short:   "List rollouts, newest first",
		Long: `List rollouts, newest first. WHY says why one is paused, held or aborted.
-o wide adds who did it and when it began and ended. Rollouts that can't be read are
listed last as unreadable, and the exit code is then 1.`,
		Example: `  enqueue get rollouts
  enqueue get rollouts --active -o json`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.limit < 1 {
				return usagef("--limit %d: want 1 or more", o.limit)
			}
			return run(cmd.Context(), d, o)
		},
	}
	cmd.Flags().IntVar(&o.limit, "limit", 20, "how many at most")
	cmd.Flags().BoolVar(&o.active, "active", false, "only those that have not ended")
	bindFormat(cmd, &o.format, formatTable, formatWide, formatJSON, formatCSV)
	return cmd
}

func runGetRollouts(ctx context.Context, d *deps, o rolloutsOptions) error {
	return d.with(ctx, func(op *operator.Operator) error {
		found, err := op.Rollouts(ctx, 0, o.limit)
		broken, err := ledger.Broken(err)
		if err != nil {
			return err
		}
		if o.active {
			found = slices.DeleteFunc(found, func(s operator.Summary) bool { return s.Status.Ended() })
		}
		return errors.Join(list(d, o.format, d.rolloutColumns(), found), ledger.JoinBroken(broken))
	})
}

func (d *deps) rolloutColumns() []column[operator.Summary] {
	why := func(s operator.Summary) string {
		if s.Blocked != "" {
			return s.Blocked
		}
		if s.Halted != "" {
			return s.Halted
		}
		if s.Limit != nil {
			return s.Limit.String()
		}
		return s.Why
	}
	return []column[operator.Summary]{
		{name: "id", text: func(s operator.Summary) string { return s.ID }},
		{name: "status", text: func(s operator.Summary) string { return string(s.Status) }},
		{name: "version", text: func(s operator.Summary) string { return s.Template.Version }},
		{name: "ended", text: func(s operator.Summary) string { return fmt.Sprintf("%d/%d", s.Done, s.Total) }},
		{name: "bad", text: func(s operator.Summary) string { return fmt.Sprint(s.Bad) }},
		{name: "age", text: func(s operator.Summary) string { return d.ago(s.Created) }},
		{name: "why", text: why},
		{name: "by", wide: true, text: func(s operator.Summary) string { return s.By }},
		{name: "template", wide: true, text: func(s operator.Summary) string { return fmt.Sprint(s.Template.ID) }},
		{name: "started_at", wide: true, text: func(s operator.Summary) string { return stamp(s.Started) }},
		{name: "ended_at", wide: true, text: func(s operator.Summary) string { return stamp(s.Ended) }},
	}
}

// targetsOptions are the command line of get targets.
type targetsOptions struct {
	ref    string
	choice choice
	limit  int
	format format
}

func newGetTargets(d *deps, run func(context.Context, *deps, targetsOptions) error) *cobra.Command {
	var o targetsOptions
	cmd := &cobra.Command{
		Use:     "targets [ROLLOUT]",
		Aliases: []string{"target", "apps"},
		Short:   "List the targets of a rollout",
		Long: `List the targets of a rollout in dispatch order: where each stands, and for
a parked one why and when it is looked at again. Flags choose among them; several
values of one flag are "or", several flags are "and".`,
		Example: `  enqueue get targets spring --state parked --waits-for merchant
  enqueue get targets spring --errcode 85013 -o wide
  enqueue get targets spring -l "tier=gold" --wave canary -o csv`,
		Args:              args(cobra.MaximumNArgs(1)),
		ValidArgsFunction: completeRollouts(d),
		RunE: func(cmd *cobra.Command, given []string) error {
			o.ref = first(given)
			if o.limit < 0 {
				return usagef("--limit %d: want 0 or more", o.limit)
			}
			if _, err := o.choice.filter(); err != nil {
				return err
			}
			return run(cmd.Context(), d, o)
		},
	}
	bindChoice(cmd, &o.choice)
	cmd.Flags().IntVar(&o.limit, "limit", 0, "how many at most; 0 is all")
	bindFormat(cmd, &o.format, formatTable, formatWide, formatJSON, formatCSV)
	return cmd
}

func runGetTargets(ctx context.Context, d *deps, o targetsOptions) error {
	filter, err := o.choice.filter()
	if err != nil {
		return err
	}
	return d.with(ctx, func(op *operator.Operator) error {
		r, err := op.Rollout(ctx, o.ref)
		if err != nil {
			return err
		}
		var rows []operator.Row
		var broken []*ledger.BrokenError
		for t, err := range op.Targets(ctx, r, filter) {
			if one := (*ledger.BrokenError)(nil); errors.As(err, &one) {
				broken = append(broken, one)
				continue
			}
			if err != nil {
				return err
			}
			rows = append(rows, operator.RowOf(r, t))
		}
		slices.SortFunc(rows, func(a, b operator.Row) int {
			return cmp.Or(cmp.Compare(a.Rank, b.Rank), cmp.Compare(a.AppID, b.AppID))
		})
		all := len(rows)
		if o.limit > 0 {
			rows = rows[:min(all, o.limit)]
		}
		if err := op.NoteOwners(ctx, r, rows); err != nil {
			return err
		}
		if o.format == formatCSV {
			return errors.Join(list(d, o.format, csvColumns(), rows), ledger.JoinBroken(broken))
		}
		if err := list(d, o.format, d.targetColumns(), rows); err != nil {
			return err
		}
		if all > len(rows) {
			d.talk("%s more; --limit 0 shows all\n", count(all-len(rows)))
		}
		return ledger.JoinBroken(broken)
	})
}

// textWidth is how much of a last error's text a table shows.
const textWidth = 80

func (d *deps) targetColumns() []column[operator.Row] {
	lastError := func(f func(operator.LastError) string) func(operator.Row) string {
		return func(r operator.Row) string {
			if r.LastError == nil {
				return ""
			}
			return f(*r.LastError)
		}
	}
	return []column[operator.Row]{
		{name: "appid", text: func(r operator.Row) string { return r.AppID }},
		{name: "label", text: func(r operator.Row) string { return shorten(r.Label, 24) }},
		{name: "wave", text: func(r operator.Row) string { return r.Wave }},
		{name: "stage", text: func(r operator.Row) string { return string(r.Stage) }},
		{name: "state", text: stateText},
		{name: "since", text: func(r operator.Row) string { return d.ago(r.Since) }},
		{name: "wakes", text: func(r operator.Row) string { return d.wakes(r) }},
		{name: "attempt", wide: true, text: func(r operator.Row) string { return fmt.Sprint(r.Attempt) }},
		{name: "audit", wide: true, text: func(r operator.Row) string { return number(r.AuditID) }},
		{name: "class", wide: true, text: lastError(func(t operator.LastError) string { return t.Class })},
		{name: "errcode", text: lastError(func(t operator.LastError) string { return number(t.Code) })},
		{name: "rid", wide: true, text: lastError(func(t operator.LastError) string { return t.RID })},
		{name: "last_error", text: func(r operator.Row) string {
			if r.LastError != nil {
				return shorten(r.LastError.Text, textWidth)
			}
			return shorten(r.Note, textWidth)
		}},
	}
}

// csvColumns are those of reports, so that both open in the same spreadsheet.
func csvColumns() []column[operator.Row] {
	var columns []column[operator.Row]
	for i, name := range operator.CSVHead() {
		columns = append(columns, column[operator.Row]{name: name, text: func(r operator.Row) string { return operator.CSVLine(r)[i] }})
	}
	return columns
}

// stateText is a state with the reason to park.
func stateText(r operator.Row) string {
	if r.Reason == "" {
		return string(r.State)
	}
	return string(r.State) + ": " + string(r.Reason)
}

// wakes is when a parked target is looked at again.
func (d *deps) wakes(r operator.Row) string {
	if r.Reason == "" {
		return ""
	}
	return d.until(r.Due)
}

// number is n, and blank for 0.
func number(n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

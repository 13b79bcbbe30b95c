package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
)

// archiveOptions are the command line of archive.
type archiveOptions struct {
	change
	refs      []string
	to        string
	olderThan string
	prune     bool
	format    format
}

func newArchive(d *deps, run func(context.Context, *deps, archiveOptions) error) *cobra.Command {
	var o archiveOptions
	cmd := &cobra.Command{
		Use:   "archive [ROLLOUT...]",
		Short: "Write finished rollouts to files, and free their memory",
		Long: `Write finished rollouts (done, or aborted with every target ended) to files: the
plan with its revisions, what operators did, and every target with its timeline.
Each file is read back before anything else is done. With --prune the rollout is
then taken out of Redis; its id, name and file are remembered. Nothing brings it
back, so that retry and undo of it end. What changed meanwhile is not pruned, and
a command that was interrupted can be given again.

Files are gzip of JSON lines (docs/archive.md) and hold what the app list held.
Without a ROLLOUT, --older-than chooses all that ended so long ago. Rollouts that
can't be read are named and left, and the exit code is then 1.`,
		Example: `  enqueue archive spring --to spring.jsonl.gz
  enqueue archive --older-than 30d --to archive/ --prune --reason "yearly" --yes
  enqueue archive --older-than 30d --prune --dry-run
  enqueue archive show spring.jsonl.gz --state failed`,
		Args:              args(cobra.ArbitraryArgs),
		ValidArgsFunction: completeRollouts(d),
		RunE: func(cmd *cobra.Command, given []string) error {
			o.refs = given
			if _, err := parseAge(o.olderThan); err != nil {
				return err
			}
			if len(given) == 0 && o.olderThan == "" {
				return usagef("ROLLOUT is missing; or choose all finished ones with --older-than, such as 30d")
			}
			return run(cmd.Context(), d, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.to, "to", "", "file for one rollout, or a directory; here by its id if left out")
	f.StringVar(&o.olderThan, "older-than", "", "only rollouts that ended so long ago, such as 30d or 12h")
	f.BoolVar(&o.prune, "prune", false, "take them out of Redis when their files are whole")
	bindChange(cmd, &o.change)
	bindFormat(cmd, &o.format, formatTable, formatJSON)
	cmd.AddCommand(newArchiveList(d, runArchiveList), newArchiveShow(d, runArchiveShow))
	return cmd
}

var days = regexp.MustCompile(`^(\d{1,5})d$`)

// parseAge reads a duration that may be in days; "" is 0.
func parseAge(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	if m := days.FindStringSubmatch(text); m != nil {
		n, err := strconv.Atoi(m[1])
		return time.Duration(n) * 24 * time.Hour, err
	}
	age, err := time.ParseDuration(text)
	if err != nil || age < 0 {
		return 0, usagef("--older-than %q: want a time such as 30d or 12h", text)
	}
	return age, nil
}

func runArchive(ctx context.Context, d *deps, o archiveOptions) error {
	age, err := parseAge(o.olderThan)
	if err != nil {
		return err
	}
	return d.with(ctx, func(op *operator.Operator) error {
		chosen, err := archivable(ctx, op, o.refs, age)
		broken, err := ledger.Broken(err)
		if err != nil {
			return err
		}
		targets := 0
		for _, r := range chosen {
			targets += r.Total
		}
		if o.dryRun {
			return errors.Join(d.wouldArchive(o, chosen, targets), ledger.JoinBroken(broken))
		}
		if o.prune {
			if err := d.agree(o.yes, targets, fmt.Sprintf("archive and prune %s reaches %s and can't be undone", plural(len(chosen), "rollout"), plural(targets, "target"))); err != nil {
				return err
			}
		}
		return errors.Join(d.archive(ctx, op, o, chosen), ledger.JoinBroken(broken))
	})
}

// archivable are the rollouts that were named, or all that ended long ago.
func archivable(ctx context.Context, op *operator.Operator, refs []string, age time.Duration) ([]rollout.Rollout, error) {
	if len(refs) == 0 {
		return op.Archivable(ctx, age)
	}
	var out []rollout.Rollout
	var broken []*ledger.BrokenError
	for _, ref := range refs {
		r, err := op.Rollout(ctx, ref)
		if one := (*ledger.BrokenError)(nil); errors.As(err, &one) {
			broken = append(broken, one)
			continue
		}
		if err != nil {
			return nil, err
		}
		if left := r.Counts.Unfinished(); !r.Status.Ended() || left > 0 {
			return nil, &ledger.UnfinishedError{Rollout: r.ID, Status: r.Status, Targets: left}
		}
		if age == 0 || time.Since(r.Ended) >= age {
			out = append(out, r)
		}
	}
	return out, ledger.JoinBroken(broken)
}

func (d *deps) wouldArchive(o archiveOptions, chosen []rollout.Rollout, targets int) error {
	verb := "archived"
	if o.prune {
		verb = "archived and pruned"
	}
	d.talk("%s with %s would be %s; this was a dry run: nothing was changed\n", plural(len(chosen), "rollout"), plural(targets, "target"), verb)
	done := make([]operator.ArchiveDone, 0, len(chosen))
	for _, r := range chosen {
		done = append(done, operator.ArchiveDone{ID: r.ID, Status: r.Status, File: o.file(r.ID, len(chosen)), Targets: r.Total})
	}
	return list(d, o.format, archiveColumns(), done)
}

// archive goes on past a rollout that can't be archived, and says what was done.
func (d *deps) archive(ctx context.Context, op *operator.Operator, o archiveOptions, chosen []rollout.Rollout) error {
	var all []operator.ArchiveDone
	var errs []error
	for _, r := range chosen {
		done, err := op.Archive(ctx, r.ID, operator.ArchiveOptions{File: o.file(r.ID, len(chosen)), Prune: o.prune, Why: o.why})
		if err != nil {
			errs = append(errs, err)
			continue
		}
		all = append(all, done)
	}
	return errors.Join(append(errs, list(d, o.format, archiveColumns(), all))...)
}

// file is where a rollout goes: --to is a directory if it ends so, is one, or has
// to hold several.
func (o archiveOptions) file(id string, rollouts int) string {
	name := id + operator.ArchiveSuffix
	if o.to == "" {
		return name
	}
	info, err := os.Stat(o.to)
	if os.IsPathSeparator(o.to[len(o.to)-1]) || rollouts > 1 || err == nil && info.IsDir() {
		return filepath.Join(o.to, name)
	}
	return o.to
}

func archiveColumns() []column[operator.ArchiveDone] {
	yes := func(b bool, text string) string {
		if b {
			return text
		}
		return ""
	}
	return []column[operator.ArchiveDone]{
		{name: "id", text: func(a operator.ArchiveDone) string { return a.ID }},
		{name: "status", text: func(a operator.ArchiveDone) string { return string(a.Status) }},
		{name: "targets", text: func(a operator.ArchiveDone) string { return fmt.Sprint(a.Targets) }},
		{name: "file", text: func(a operator.ArchiveDone) string { return a.File }},
		{name: "done", text: func(a operator.ArchiveDone) string {
			return cmp.Or(yes(a.Pruned, "pruned"), yes(a.Found, "there already"), yes(a.Sum != "", "written"), "nothing")
		}},
	}
}

// archivesOptions are the command line of archive list.
type archivesOptions struct {
	limit  int
	format format
}

func newArchiveList(d *deps, run func(context.Context, *deps, archivesOptions) error) *cobra.Command {
	var o archivesOptions
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List rollouts that were taken out of Redis, and their files",
		Long:    fmt.Sprintf("List the rollouts that were archived with --prune, newest first. The last %d are\nremembered.", ledger.ArchivedMax),
		Example: `  enqueue archive list -o wide`,
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.limit < 1 {
				return usagef("--limit %d: want 1 or more", o.limit)
			}
			return run(cmd.Context(), d, o)
		},
	}
	cmd.Flags().IntVar(&o.limit, "limit", 20, "how many at most")
	bindFormat(cmd, &o.format, formatTable, formatWide, formatJSON, formatCSV)
	return cmd
}

func runArchiveList(ctx context.Context, d *deps, o archivesOptions) error {
	return d.with(ctx, func(op *operator.Operator) error {
		found, err := op.Archives(ctx, o.limit)
		if err != nil {
			return err
		}
		return list(d, o.format, []column[ledger.Archived]{
			{name: "id", text: func(a ledger.Archived) string { return a.ID }},
			{name: "status", text: func(a ledger.Archived) string { return string(a.Status) }},
			{name: "good", text: func(a ledger.Archived) string { return fmt.Sprintf("%d/%d", a.Good, a.Total) }},
			{name: "archived", text: func(a ledger.Archived) string { return d.ago(a.At) }},
			{name: "file", text: func(a ledger.Archived) string { return a.File }},
			{name: "by", wide: true, text: func(a ledger.Archived) string { return a.By }},
			{name: "why", wide: true, text: func(a ledger.Archived) string { return a.Why }},
			{name: "sha256", wide: true, text: func(a ledger.Archived) string { return a.Sum }},
		}, found)
	})
}

// archiveShowOptions are the command line of archive show.
type archiveShowOptions struct {
	file   string
	choice choice
	format format
}

func newArchiveShow(d *deps, run func(context.Context, *deps, archiveShowOptions) error) *cobra.Command {
	var o archiveShowOptions
	cmd := &cobra.Command{
		Use:   "show FILE",
		Short: "List the targets of an archived rollout",
		Long: `List the targets of an archive file as get targets does, and say what became of
its rollout. It needs no Redis. Flags choose among the targets; -o json has their
timelines. A file that is not whole is an error, after what could be read of it.`,
		Example: `  enqueue archive show spring-1a2b3c4d.jsonl.gz --state failed
  enqueue archive show spring-1a2b3c4d.jsonl.gz --app wx0123456789abcdef -o json`,
		Args: args(one("FILE")),
		RunE: func(cmd *cobra.Command, given []string) error {
			o.file = given[0]
			if _, err := o.choice.filter(); err != nil {
				return err
			}
			return run(cmd.Context(), d, o)
		},
	}
	bindChoice(cmd, &o.choice)
	bindFormat(cmd, &o.format, formatTable, formatWide, formatJSON, formatCSV)
	return cmd
}

// archivedRow is a target as archive show writes it in JSON.
type archivedRow struct {
	operator.Row
	Columns  map[string]string `json:"columns,omitempty"`
	Timeline []rollout.Entry   `json:"timeline,omitempty"`
}

func runArchiveShow(_ context.Context, d *deps, o archiveShowOptions) error {
	filter, err := o.choice.filter()
	if err != nil {
		return err
	}
	var found []archivedRow
	var r rollout.Rollout
	read, err := operator.ReadArchive(o.file, func(h operator.ArchiveHead, t rollout.Target) error {
		if r.ID == "" {
			r = h.Rollout()
		}
		if filter.Match(r, t) {
			found = append(found, archivedRow{operator.RowOf(r, t), t.Columns, t.Timeline})
		}
		return nil
	})
	if err != nil && read.Head.ID == "" {
		return err
	}
	s := read.Head.Summary
	d.talk("rollout %s was %s when it was archived at %s by %s: %s, %s ended well, %s rejected or failed\n",
		s.ID, s.Status, stamp(read.Head.At), read.Head.By, plural(s.Total, "target"), count(s.Good), count(s.Bad))
	slices.SortFunc(found, func(a, b archivedRow) int {
		return cmp.Or(cmp.Compare(a.Rank, b.Rank), cmp.Compare(a.AppID, b.AppID))
	})
	return errors.Join(d.archivedRows(o.format, found), err)
}

func (d *deps) archivedRows(f format, found []archivedRow) error {
	if f == formatJSON {
		return list[archivedRow](d, f, nil, found)
	}
	rows := make([]operator.Row, len(found))
	for i, r := range found {
		rows[i] = r.Row
	}
	if f == formatCSV {
		return list(d, f, csvColumns(), rows)
	}
	return list(d, f, d.targetColumns(), rows)
}

package rollouts

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
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/archive"
	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/exit"
	"github.com/wxrollout/wxrollout/internal/cli/term"
	"github.com/wxrollout/wxrollout/internal/human"
	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/internal/view"
	"github.com/wxrollout/wxrollout/rollout"
)

// archiveOptions is the command line of archive.
type archiveOptions struct {
	command.Change
	refs      []string
	to        string
	olderThan string
	prune     bool
	format    term.Format
}

func newArchive(env *command.Env, run func(context.Context, *command.Env, archiveOptions) error) *cobra.Command {
	var o archiveOptions
	cmd := &cobra.Command{
		Use:   "archive [ROLLOUT...]",
		Short: "Write finished rollouts to files and free their memory",
		Long: `Write finished rollouts (done, or aborted with every target ended) to files: the
plan with its revisions, the actions of operators, and every target with its
history. Each file is verified by reading it back. --prune then removes the
rollout from Redis, which keeps its id, name and file. This is irreversible: a
pruned rollout can't be retried or undone. A rollout that changed meanwhile is not
pruned. An interrupted command can be repeated.

Files are gzipped JSON lines (docs/archive.md) and contain the columns of the app
list. Without ROLLOUT, --older-than selects all rollouts that ended that long ago.
Unreadable rollouts are named and skipped; the exit code is then 1.`,
		Example: `  enqueue archive spring --to spring.jsonl.gz
  enqueue archive --older-than 30d --to archive/ --prune --reason "yearly" --yes
  enqueue archive --older-than 30d --prune --dry-run
  enqueue archive show spring.jsonl.gz --state failed`,
		Args:              command.Args(cobra.ArbitraryArgs),
		ValidArgsFunction: command.CompleteRollouts(env),
		RunE: func(cmd *cobra.Command, given []string) error {
			o.refs = given
			if _, err := parseAge(o.olderThan); err != nil {
				return err
			}
			if len(given) == 0 && o.olderThan == "" {
				return exit.Usagef("ROLLOUT is missing: name one, or select finished rollouts with --older-than 30d")
			}
			return run(cmd.Context(), env, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.to, "to", "", "file of a single rollout, or a directory (default: ID.jsonl.gz in the working directory)")
	f.StringVar(&o.olderThan, "older-than", "", "only rollouts that ended at least this long ago, such as 30d or 12h")
	f.BoolVar(&o.prune, "prune", false, "remove the rollouts from Redis once their files are verified")
	command.BindChange(cmd, &o.Change)
	command.BindObject(cmd, &o.format)
	cmd.AddCommand(newArchiveList(env, runArchiveList), newArchiveShow(env, runArchiveShow))
	return cmd
}

var days = regexp.MustCompile(`^(\d{1,5})d$`)

// parseAge parses a duration, which may be in days; "" is 0.
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
		return 0, exit.Usagef("--older-than %q: want a duration such as 30d or 12h", text)
	}
	return age, nil
}

func runArchive(ctx context.Context, env *command.Env, o archiveOptions) error {
	age, err := parseAge(o.olderThan)
	if err != nil {
		return err
	}
	return env.With(ctx, func(t command.Tools) error {
		chosen, partial := archivable(ctx, t, o.refs, age)
		if partial != nil && !operator.Partial(partial) {
			return partial
		}
		targets := 0
		for _, r := range chosen {
			targets += r.Total
		}
		if o.DryRun {
			return errors.Join(wouldArchive(env, o, chosen, targets), partial)
		}
		if o.prune {
			if err := env.Confirm(o.Yes, targets, fmt.Sprintf("Archive and prune %s with %s for good", human.Plural(len(chosen), "rollout"), human.Plural(targets, "target"))); err != nil {
				return err
			}
		}
		return errors.Join(archiveAll(ctx, env, t.Archiver, o, chosen), partial)
	})
}

// archivable returns the named rollouts, or all that ended before age.
func archivable(ctx context.Context, t command.Tools, refs []string, age time.Duration) ([]rollout.Rollout, error) {
	if len(refs) == 0 {
		return t.Archiver.Archivable(ctx, age)
	}
	var out []rollout.Rollout
	var broken []error
	for _, ref := range refs {
		r, err := t.Operator.Rollout(ctx, ref)
		if operator.Partial(err) {
			broken = append(broken, err)
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := archive.CheckFinished(r); err != nil {
			return nil, err
		}
		if age == 0 || time.Since(r.Ended) >= age {
			out = append(out, r)
		}
	}
	return out, errors.Join(broken...)
}

func wouldArchive(env *command.Env, o archiveOptions, chosen []rollout.Rollout, targets int) error {
	verb := "archived"
	if o.prune {
		verb = "archived and pruned"
	}
	env.DryRun()
	env.Talk("%s with %s would be %s\n", human.Plural(len(chosen), "rollout"), human.Plural(targets, "target"), verb)
	done := make([]archive.Done, 0, len(chosen))
	for _, r := range chosen {
		done = append(done, archive.Done{ID: r.ID, Status: r.Status, File: o.file(r.ID, len(chosen)), Targets: r.Total})
	}
	return term.List(env.Streams, o.format, "rollouts", archiveColumns(), done)
}

// archiveAll archives rollouts, continues after a failed one, and lists what it did.
func archiveAll(ctx context.Context, env *command.Env, a archive.Archiver, o archiveOptions, chosen []rollout.Rollout) error {
	var all []archive.Done
	var errs []error
	for _, r := range chosen {
		done, err := a.Archive(ctx, r.ID, archive.Options{File: o.file(r.ID, len(chosen)), Prune: o.prune, Why: o.Why})
		if err != nil {
			errs = append(errs, err)
			continue
		}
		all = append(all, done)
	}
	return errors.Join(append(errs, term.List(env.Streams, o.format, "rollouts", archiveColumns(), all))...)
}

// file is the path for a rollout. --to is a directory if it ends with a separator, exists
// as one, or must hold several rollouts.
func (o archiveOptions) file(id string, rollouts int) string {
	name := id + archive.Suffix
	if o.to == "" {
		return name
	}
	info, err := os.Stat(o.to)
	if os.IsPathSeparator(o.to[len(o.to)-1]) || rollouts > 1 || err == nil && info.IsDir() {
		return filepath.Join(o.to, name)
	}
	return o.to
}

func archiveColumns() []term.Column[archive.Done] {
	yes := func(b bool, text string) string {
		if b {
			return text
		}
		return ""
	}
	return []term.Column[archive.Done]{
		{Name: "id", Text: func(a archive.Done) string { return a.ID }},
		{Name: "status", State: true, Text: func(a archive.Done) string { return string(a.Status) }},
		{Name: "targets", Text: func(a archive.Done) string { return fmt.Sprint(a.Targets) }},
		{Name: "file", Text: func(a archive.Done) string { return a.File }},
		{Name: "done", Text: func(a archive.Done) string {
			return cmp.Or(yes(a.Pruned, "pruned"), yes(a.Found, "already there"), yes(a.Sum != "", "written"), "nothing")
		}},
	}
}

// archivesOptions is the command line of archive list.
type archivesOptions struct {
	limit  int
	format term.Format
}

func newArchiveList(env *command.Env, run func(context.Context, *command.Env, archivesOptions) error) *cobra.Command {
	var o archivesOptions
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List pruned rollouts and their files",
		Long:    fmt.Sprintf("List the rollouts that archive --prune removed, newest first. Redis keeps the last\n%d.", archive.Max),
		Example: `  enqueue archive list -o wide`,
		Args:    command.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.limit < 1 {
				return exit.Usagef("--limit %d: want 1 or more", o.limit)
			}
			return run(cmd.Context(), env, o)
		},
	}
	cmd.Flags().IntVar(&o.limit, "limit", 20, "maximum number of rollouts")
	command.BindList(env, cmd, &o.format)
	return cmd
}

func runArchiveList(ctx context.Context, env *command.Env, o archivesOptions) error {
	return env.With(ctx, func(t command.Tools) error {
		found, err := t.Archiver.List(ctx, o.limit)
		if err != nil {
			return err
		}
		return term.List(env.Streams, o.format, "pruned rollouts", []term.Column[archive.Archived]{
			{Name: "id", Text: func(a archive.Archived) string { return a.ID }},
			{Name: "status", State: true, Text: func(a archive.Archived) string { return string(a.Status) }},
			{Name: "good", Text: func(a archive.Archived) string { return fmt.Sprintf("%d/%d", a.Good, a.Total) }},
			{Name: "archived", Text: func(a archive.Archived) string { return env.Ago(a.At) }, Time: func(a archive.Archived) time.Time { return a.At }},
			{Name: "file", Text: func(a archive.Archived) string { return a.File }},
			{Name: "by", Wide: true, Text: func(a archive.Archived) string { return a.By }},
			{Name: "why", Wide: true, Text: func(a archive.Archived) string { return a.Why }},
			{Name: "sha256", Wide: true, Text: func(a archive.Archived) string { return a.Sum }},
		}, found)
	})
}

// archiveShowOptions is the command line of archive show.
type archiveShowOptions struct {
	file   string
	choice command.Choice
	format term.Format
}

func newArchiveShow(env *command.Env, run func(context.Context, *command.Env, archiveShowOptions) error) *cobra.Command {
	var o archiveShowOptions
	cmd := &cobra.Command{
		Use:   "show FILE",
		Short: "List the targets of an archived rollout",
		Long: `List the targets in an archive file as get targets does, with the status of the
rollout. It needs no Redis. Flags select targets; -o json includes their history.
For a truncated file, the command lists the readable part and then fails.`,
		Example: `  enqueue archive show spring-1a2b3c4d.jsonl.gz --state failed
  enqueue archive show spring-1a2b3c4d.jsonl.gz --app wx0123456789abcdef -o json`,
		Args: command.Args(command.One("FILE")),
		RunE: func(cmd *cobra.Command, given []string) error {
			o.file = given[0]
			if _, err := o.choice.Filter(); err != nil {
				return err
			}
			return run(cmd.Context(), env, o)
		},
	}
	command.BindChoice(env, cmd, &o.choice)
	command.BindList(env, cmd, &o.format)
	return cmd
}

// archivedRow is a target in the JSON of archive show.
type archivedRow struct {
	view.Row
	Columns  map[string]string `json:"columns,omitempty"`
	Timeline []view.Entry      `json:"timeline,omitempty"`
}

func runArchiveShow(_ context.Context, env *command.Env, o archiveShowOptions) error {
	filter, err := o.choice.Filter()
	if err != nil {
		return err
	}
	var found []archivedRow
	var r rollout.Rollout
	unknown := slices.Clone(filter.AppIDs)
	read, err := archive.Read(o.file, func(h archive.Head, t rollout.Target) error {
		if r.ID == "" {
			r = h.Rollout()
		}
		unknown = slices.DeleteFunc(unknown, func(appID string) bool { return appID == t.AppID })
		if filter.Match(r, t) {
			found = append(found, archivedRow{view.RowOf(r, t), t.Columns, view.Timeline(t)})
		}
		return nil
	})
	if err != nil && read.Head.ID == "" {
		return err
	}
	s := read.Head.Summary
	env.Talk("rollout %s was %s when it was archived at %s by %s: %s, %s good, %s rejected or failed\n",
		s.ID, s.Status, human.Stamp(read.Head.At), read.Head.By, human.Plural(s.Total, "target"), human.Count(s.Good), human.Count(s.Bad))
	slices.SortFunc(found, func(a, b archivedRow) int { return view.CompareRows(a.Row, b.Row) })
	if err == nil && len(unknown) > 0 {
		err = fmt.Errorf("the archive has no target %s", strings.Join(unknown, ", "))
	}
	return errors.Join(archivedRows(env, o.format, found), err)
}

func archivedRows(env *command.Env, f term.Format, found []archivedRow) error {
	if f.Object() {
		return env.Object(f, found)
	}
	rows := make([]view.Row, len(found))
	for i, r := range found {
		rows[i] = r.Row
	}
	if f == term.CSV {
		return term.List(env.Streams, f, "targets", csvColumns(), rows)
	}
	return term.List(env.Streams, f, "targets", targetColumns(env), rows)
}

package rollouts

import (
	"cmp"
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/exit"
	"github.com/wxrollout/wxrollout/internal/cli/term"
	"github.com/wxrollout/wxrollout/internal/human"
	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/internal/outfile"
)

// reportOptions is the command line of report.
type reportOptions struct {
	ref    string
	file   string
	excel  bool
	format term.Format
}

func newReport(env *command.Env, run func(context.Context, *command.Env, reportOptions) error) *cobra.Command {
	var o reportOptions
	cmd := &cobra.Command{
		Use:   "report [ROLLOUT]",
		Short: "Write a report with the result of every target",
		Long: `Write a report of a rollout. csv has a line per target, json has everything, and
markdown has the numbers, the causes of failures and the actions of operators.
All count the quota that was spent by result: a submission is approved, rejected,
withdrawn or in audit. Targets are streamed in no order: a report of 100,000
targets needs little memory.

--to replaces a regular file, with mode 0600, once the report is complete and on
disk. It refuses devices, FIFOs, sockets, directories and symbolic links.`,
		Example: `  enqueue report spring -o csv --excel --to spring.csv
  enqueue report spring -o markdown`,
		Args:              command.Args(cobra.MaximumNArgs(1)),
		ValidArgsFunction: command.CompleteRollouts(env),
		RunE: func(cmd *cobra.Command, given []string) error {
			o.ref = command.First(given)
			if o.excel && o.format != term.CSV {
				return exit.Usagef("--excel is for -o csv")
			}
			return run(cmd.Context(), env, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.file, "to", "", "file to write (default: stdout)")
	f.BoolVar(&o.excel, "excel", false, "start the csv with a byte order mark, which Excel needs for UTF-8")
	command.Page(cmd)
	command.BindFormat(cmd, &o.format, term.CSV, term.JSON, term.Format(operator.FormatMarkdown))
	return cmd
}

func runReport(ctx context.Context, env *command.Env, o reportOptions) error {
	return env.With(ctx, func(t command.Tools) error {
		r, err := t.Operator.Rollout(ctx, o.ref)
		if err != nil {
			return err
		}
		var partial error
		write := func(w io.Writer) error {
			if o.excel {
				if _, err := io.WriteString(w, "\ufeff"); err != nil {
					return err
				}
			}
			report, err := t.Operator.Report(ctx, r.ID, w, operator.Format(o.format))
			if partial = err; err != nil && !operator.Partial(err) {
				return err
			}
			s := report.Summary
			env.Talk("rollout %s is %s: %s, %s good, %s rejected or failed; %s of quota spent\n",
				s.ID, s.Status, human.Plural(s.Total, "target"), human.Count(s.Good), human.Count(s.Bad), human.Plural(report.Quota.Submissions, "submission"))
			return nil
		}
		if o.file == "" {
			err = write(env.Out)
		} else {
			err = outfile.Write(o.file, write)
		}
		return cmp.Or(err, partial)
	})
}

package rollouts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/exit"
	"github.com/wxrollout/wxrollout/internal/cli/term"
	"github.com/wxrollout/wxrollout/internal/human"
	"github.com/wxrollout/wxrollout/internal/operator"
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
Targets are streamed in no order: a report of 100,000 targets needs little memory.`,
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
	command.BindFormat(cmd, &o.format, term.CSV, term.JSON, term.Format(operator.FormatMarkdown))
	return cmd
}

func runReport(ctx context.Context, env *command.Env, o reportOptions) error {
	return env.With(ctx, func(t command.Tools) error {
		r, err := t.Operator.Rollout(ctx, o.ref)
		if err != nil {
			return err
		}
		return writeTo(env, o.file, func(w io.Writer) error {
			if o.excel {
				if _, err := io.WriteString(w, "\ufeff"); err != nil {
					return err
				}
			}
			report, err := t.Operator.Report(ctx, r.ID, w, operator.Format(o.format))
			if err != nil {
				return err
			}
			s := report.Summary
			env.Talk("rollout %s is %s: %s, %s good, %s rejected or failed\n",
				s.ID, s.Status, human.Plural(s.Total, "target"), human.Count(s.Good), human.Count(s.Bad))
			return nil
		})
	})
}

// writeTo writes to stdout, or to a file that appears only when it is complete.
func writeTo(env *command.Env, path string, write func(io.Writer) error) error {
	if path == "" {
		return write(env.Out)
	}
	partial := path + ".part"
	f, err := os.Create(partial)
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	err = write(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(partial))
	}
	return os.Rename(partial, path)
}

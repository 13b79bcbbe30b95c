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

// reportOptions are the command line of report.
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
		Short: "Write what became of every target",
		Long: `Write what became of a rollout: csv has one line per target, json everything, and
markdown the numbers, the causes of failures and what operators did, for people.
Targets come in no order, so that a report of 100,000 takes no memory.`,
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
	f.StringVar(&o.file, "to", "", "write to this file instead of stdout")
	f.BoolVar(&o.excel, "excel", false, "begin the csv with the mark by which Excel knows UTF-8")
	command.BindFormat(cmd, &o.format, term.CSV, term.JSON, term.Format(operator.FormatMarkdown))
	return cmd
}

func runReport(ctx context.Context, env *command.Env, o reportOptions) error {
	return env.With(ctx, func(op *operator.Operator) error {
		r, err := op.Rollout(ctx, o.ref)
		if err != nil {
			return err
		}
		return writeTo(env, o.file, func(w io.Writer) error {
			if o.excel {
				if _, err := io.WriteString(w, "\ufeff"); err != nil {
					return err
				}
			}
			report, err := op.Report(ctx, r.ID, w, operator.Format(o.format))
			if err != nil {
				return err
			}
			s := report.Summary
			env.Talk("rollout %s is %s: %s, %s ended well, %s rejected or failed\n",
				s.ID, s.Status, human.Plural(s.Total, "target"), human.Count(s.Good), human.Count(s.Bad))
			return nil
		})
	})
}

// writeTo writes to a file, which is there only if it is whole, or to stdout.
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

package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/rollout"
)

// retryOptions are the command line of retry.
type retryOptions struct {
	change
	ref      string
	choice   choice
	recommit bool
	template int64
	version  string
	desc     string
	ext      string
	format   format
}

// noTemplate is --template left out; 0 is a valid id.
const noTemplate = -1

func newRetry(d *deps, run func(context.Context, *deps, retryOptions) error) *cobra.Command {
	var o retryOptions
	cmd := &cobra.Command{
		Use:   "retry ROLLOUT",
		Short: "Try targets again that were rejected or failed, or wake parked ones",
		Long: `Try targets again: the rejected and the failed ones, less what flags leave out. A
rejected one is submitted again, which spends one submission more; a failed one
goes on where it failed, with its own submission if that is in audit or has
passed. How many submissions are spent is told first. --state, --waits-for or
--app choose others: parked targets are looked at again at once.

--recommit begins again at commit, for a template or an ext.json that had to be
fixed. Every chosen target's ext.json is checked first: one that would not
render changes nothing at all.`,
		Example: `  enqueue retry spring --state rejected --text "login page" --dry-run
  enqueue retry spring --class plan --recommit --ext fixed.json.tmpl
  enqueue retry spring --recommit --template 119 --version 3.9.1 --reason "hotfix"
  enqueue retry spring --state parked --waits-for merchant`,
		Args:              args(one("ROLLOUT")),
		ValidArgsFunction: completeRollouts(d),
		RunE: func(cmd *cobra.Command, given []string) error {
			o.ref = given[0]
			if err := o.check(); err != nil {
				return err
			}
			return run(cmd.Context(), d, o)
		},
	}
	bindChoice(cmd, &o.choice)
	f := cmd.Flags()
	f.BoolVar(&o.recommit, "recommit", false, "begin again at commit")
	f.Int64Var(&o.template, "template", noTemplate, "with --recommit: another template, by its id")
	f.StringVar(&o.version, "version", "", "with --template: the version users see; the library's if left out")
	f.StringVar(&o.desc, "desc", "", "with --template: the version's description")
	f.StringVar(&o.ext, "ext", "", "with --recommit: another ext.json template, a file")
	f.StringVar(&o.why, "reason", "", "why, for the targets' record")
	f.BoolVarP(&o.yes, "yes", "y", false, fmt.Sprintf("don't ask when it reaches more than %d targets", many))
	f.BoolVar(&o.dryRun, "dry-run", false, "tell what would be done, and change nothing")
	bindFormat(cmd, &o.format, formatTable, formatJSON)
	return cmd
}

// check refuses flags that don't go together.
func (o retryOptions) check() error {
	if _, err := o.choice.filter(); err != nil {
		return err
	}
	switch {
	case !o.recommit && (o.template != noTemplate || o.ext != ""):
		return usagef("--template and --ext need --recommit")
	case o.template == noTemplate && (o.version != "" || o.desc != ""):
		return usagef("--version and --desc need --template")
	case o.template < noTemplate:
		return usagef("--template %d: want an id of the template library (enqueue templates)", o.template)
	}
	return nil
}

func runRetry(ctx context.Context, d *deps, o retryOptions) error {
	filter, err := o.choice.filter()
	if err != nil {
		return err
	}
	opt := operator.RetryOptions{Recommit: o.recommit, Why: o.why, DryRun: true}
	if o.template != noTemplate {
		opt.Template = &rollout.Template{ID: o.template, Version: o.version, Desc: o.desc}
	}
	if o.ext != "" {
		text, err := os.ReadFile(o.ext)
		if err != nil {
			return fmt.Errorf("read the ext template: %w", err)
		}
		ext := string(text)
		opt.Ext = &ext
	}
	return d.with(ctx, func(op *operator.Operator) error {
		r, err := op.Rollout(ctx, o.ref)
		if err != nil {
			return err
		}
		would, err := op.Retry(ctx, r.ID, filter, opt)
		if err != nil {
			return err
		}
		if o.dryRun || would.Retried+would.Woken == 0 {
			return d.retried(o, would)
		}
		what := "retry " + r.ID
		if text := spends(would); text != "" {
			what += " spends " + text + " and"
		}
		if err := d.confirm(o.yes, would.Retried+would.Woken, what); err != nil {
			return err
		}
		opt.DryRun = false
		done, err := op.Retry(ctx, r.ID, filter, opt)
		if err != nil {
			return err
		}
		return d.retried(o, done)
	})
}

// spends tells how many submissions a retry spends; "" for none.
func spends(r operator.Retried) string {
	switch {
	case r.Unsure > 0:
		return fmt.Sprintf("%s to %s", count(r.Resubmits), plural(r.Resubmits+r.Unsure, "submission"))
	case r.Resubmits > 0:
		return plural(r.Resubmits, "submission")
	default:
		return ""
	}
}

// retried tells what a retry did.
func (d *deps) retried(o retryOptions, r operator.Retried) error {
	if o.dryRun {
		d.talk("this is a dry run: nothing was changed\n")
	}
	if o.format == formatJSON {
		return writeJSON(d.out, r)
	}
	if r.Matched == 0 {
		return d.print("no target of rollout %s was chosen\n", r.ID)
	}
	text := fmt.Sprintf("rollout %s: %s tried again, %s woken", r.ID, count(r.Retried), count(r.Woken))
	if spent := spends(r); spent != "" {
		text += "; " + spent + " will be spent"
	}
	if r.Follows > 0 {
		text += fmt.Sprintf("; %s with a submission of their own spend none", count(r.Follows))
	}
	if r.Revision > 0 {
		text += fmt.Sprintf("; committed again as plan revision %d", r.Revision)
	}
	if r.Going > 0 {
		text += fmt.Sprintf("; %s left alone, which go on by themselves or are live", count(r.Going))
	}
	if r.Moved > 0 {
		text += fmt.Sprintf("; %s moved on meanwhile", count(r.Moved))
	}
	return d.print("%s\n", text)
}

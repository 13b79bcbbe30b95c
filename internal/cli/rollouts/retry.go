package rollouts

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/exit"
	"github.com/wxrollout/wxrollout/internal/cli/term"
	"github.com/wxrollout/wxrollout/internal/human"
	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/rollout"
)

// retryOptions are the command line of retry.
type retryOptions struct {
	command.Change
	ref      string
	choice   command.Choice
	recommit bool
	template int64
	version  string
	desc     string
	ext      string
	format   term.Format
}

// noTemplate is --template left out; 0 is a valid id.
const noTemplate = -1

func newRetry(env *command.Env, run func(context.Context, *command.Env, retryOptions) error) *cobra.Command {
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
		Args:              command.Args(command.One("ROLLOUT")),
		ValidArgsFunction: command.CompleteRollouts(env),
		RunE: func(cmd *cobra.Command, given []string) error {
			o.ref = given[0]
			if err := o.check(); err != nil {
				return err
			}
			return run(cmd.Context(), env, o)
		},
	}
	command.BindChoice(cmd, &o.choice)
	f := cmd.Flags()
	f.BoolVar(&o.recommit, "recommit", false, "begin again at commit")
	f.Int64Var(&o.template, "template", noTemplate, "with --recommit: another template, by its id")
	f.StringVar(&o.version, "version", "", "with --template: the version users see; the library's if left out")
	f.StringVar(&o.desc, "desc", "", "with --template: the version's description")
	f.StringVar(&o.ext, "ext", "", "with --recommit: another ext.json template, a file")
	f.StringVar(&o.Why, "reason", "", "why, for the targets' record")
	f.BoolVarP(&o.Yes, "yes", "y", false, fmt.Sprintf("don't ask when it reaches more than %d targets", term.ConfirmAbove))
	f.BoolVar(&o.DryRun, "dry-run", false, "tell what would be done, and change nothing")
	command.BindFormat(cmd, &o.format, term.Table, term.JSON)
	return cmd
}

// check refuses flags that don't go together.
func (o retryOptions) check() error {
	if _, err := o.choice.Filter(); err != nil {
		return err
	}
	switch {
	case !o.recommit && (o.template != noTemplate || o.ext != ""):
		return exit.Usagef("--template and --ext need --recommit")
	case o.template == noTemplate && (o.version != "" || o.desc != ""):
		return exit.Usagef("--version and --desc need --template")
	case o.template < noTemplate:
		return exit.Usagef("--template %d: want an id of the template library (enqueue templates)", o.template)
	}
	return nil
}

func runRetry(ctx context.Context, env *command.Env, o retryOptions) error {
	filter, err := o.choice.Filter()
	if err != nil {
		return err
	}
	opt := operator.RetryOptions{Recommit: o.recommit, Why: o.Why, DryRun: true}
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
	return env.With(ctx, func(op *operator.Operator) error {
		r, err := op.Rollout(ctx, o.ref)
		if err != nil {
			return err
		}
		would, err := op.Retry(ctx, r.ID, filter, opt)
		if err != nil {
			return err
		}
		if o.DryRun || would.Retried+would.Woken == 0 {
			return printRetried(env, o, would)
		}
		what := "retry " + r.ID
		if text := spends(would); text != "" {
			what += " spends " + text + " and"
		}
		if err := env.Confirm(o.Yes, would.Retried+would.Woken, what); err != nil {
			return err
		}
		opt.DryRun = false
		done, err := op.Retry(ctx, r.ID, filter, opt)
		if err != nil {
			return err
		}
		return printRetried(env, o, done)
	})
}

// spends tells how many submissions a retry spends; "" for none.
func spends(r operator.Retried) string {
	switch {
	case r.Unsure > 0:
		return fmt.Sprintf("%s to %s", human.Count(r.Resubmits), human.Plural(r.Resubmits+r.Unsure, "submission"))
	case r.Resubmits > 0:
		return human.Plural(r.Resubmits, "submission")
	default:
		return ""
	}
}

// printRetried tells what a retry did.
func printRetried(env *command.Env, o retryOptions, r operator.Retried) error {
	if o.DryRun {
		env.Talk("this is a dry run: nothing was changed\n")
	}
	if o.format == term.JSON {
		return term.WriteJSON(env.Out, r)
	}
	if r.Matched == 0 {
		return env.Print("no target of rollout %s was chosen\n", r.ID)
	}
	text := fmt.Sprintf("rollout %s: %s tried again, %s woken", r.ID, human.Count(r.Retried), human.Count(r.Woken))
	if spent := spends(r); spent != "" {
		text += "; " + spent + " will be spent"
	}
	if r.Follows > 0 {
		text += fmt.Sprintf("; %s with a submission of their own spend none", human.Count(r.Follows))
	}
	if r.Revision > 0 {
		text += fmt.Sprintf("; committed again as plan revision %d", r.Revision)
	}
	if r.Going > 0 {
		text += fmt.Sprintf("; %s left alone, which go on by themselves or are live", human.Count(r.Going))
	}
	if r.Moved > 0 {
		text += fmt.Sprintf("; %s moved on meanwhile", human.Count(r.Moved))
	}
	return env.Print("%s\n", text)
}

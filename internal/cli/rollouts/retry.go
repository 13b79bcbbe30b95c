package rollouts

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/exit"
	"github.com/wxrollout/wxrollout/internal/cli/term"
	"github.com/wxrollout/wxrollout/internal/human"
	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/extjson"
	"github.com/wxrollout/wxrollout/rollout/filefault"
)

// retryOptions is the command line of retry.
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

// noTemplate is the default of --template; 0 is a valid id.
const noTemplate = -1

func newRetry(env *command.Env, run func(context.Context, *command.Env, retryOptions) error) *cobra.Command {
	var o retryOptions
	cmd := &cobra.Command{
		Use:   "retry ROLLOUT",
		Short: "Retry rejected and failed targets, or wake parked ones",
		Long: `Retry the rejected and failed targets that match the flags. A rejected target is
submitted again, which spends another submission. A failed target continues where
it failed, and keeps its submission if that is in audit or has passed. The command
shows how many submissions it spends before it asks. --state, --waits-for and
--app select other targets: parked ones wake at once.

--recommit starts again at commit, for a fixed template or ext.json. It first
renders the ext.json of every selected target, and changes nothing if one fails.`,
		Example: `  enqueue retry spring --state rejected --text "login page" --dry-run
  enqueue retry spring --class plan --recommit --ext fixed.json.tmpl
  enqueue retry spring --recommit --template 119 --version 3.9.1 --reason "hotfix"
  enqueue retry spring --state parked --waits-for merchant`,
		Args:              command.Args(command.One("ROLLOUT")),
		ValidArgsFunction: command.CompleteRollouts(env),
		RunE: func(cmd *cobra.Command, given []string) error {
			o.ref = given[0]
			if cmd.Flags().Changed("template") && o.template < 0 {
				return exit.Usagef("--template %d: want an id of the template library (enqueue templates)", o.template)
			}
			if err := o.check(); err != nil {
				return err
			}
			return run(cmd.Context(), env, o)
		},
	}
	command.BindChoice(env, cmd, &o.choice)
	f := cmd.Flags()
	f.BoolVar(&o.recommit, "recommit", false, "start again at commit")
	f.Int64Var(&o.template, "template", noTemplate, "with --recommit: the id of another template")
	command.CompleteBy(cmd, "template", command.CompleteTemplates(env))
	f.StringVar(&o.version, "version", "", "with --template: the version that users see (default: the version in the library)")
	f.StringVar(&o.desc, "desc", "", "with --template: the description of the version")
	f.StringVar(&o.ext, "ext", "", "with --recommit: the file of another ext.json template")
	command.BindChange(cmd, &o.Change)
	command.BindObject(cmd, &o.format)
	return cmd
}

// check refuses flags that contradict each other.
func (o retryOptions) check() error {
	if _, err := o.choice.Filter(); err != nil {
		return err
	}
	switch {
	case !o.recommit && (o.template != noTemplate || o.ext != ""):
		return exit.Usagef("--template and --ext need --recommit")
	case o.template == noTemplate && (o.version != "" || o.desc != ""):
		return exit.Usagef("--version and --desc need --template")
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
		text, err := filefault.ReadFile(o.ext, extjson.Max)
		if err != nil {
			return fmt.Errorf("read the ext template: %s: %w", o.ext, err)
		}
		ext := string(text)
		opt.Ext = &ext
	}
	return env.With(ctx, func(t command.Tools) error {
		r, err := t.Operator.Rollout(ctx, o.ref)
		if err != nil {
			return err
		}
		would, partial := t.Operator.Retry(ctx, r.ID, filter, opt)
		if partial != nil && !operator.Partial(partial) {
			return partial
		}
		if o.DryRun || would.Retried+would.Woken == 0 {
			return errors.Join(printRetried(env, o, would), partial)
		}
		what := question("retry", r.ID, would.Retried+would.Woken)
		if text := spends(would); text != "" {
			what += ", which spends " + text
		}
		if err := env.Confirm(o.Yes, would.Retried+would.Woken, what); err != nil {
			return err
		}
		opt.DryRun = false
		done, partial := t.Operator.Retry(ctx, r.ID, filter, opt)
		if partial != nil && !operator.Partial(partial) {
			return partial
		}
		return errors.Join(printRetried(env, o, done), partial)
	})
}

// spends is the number of submissions that a retry spends; "" for none.
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

// noMatch reports that flags select no target of a rollout. If they name apps, that is an error:
// these targets are in another state, and a script must not take them for retried.
func noMatch(env *command.Env, f term.Format, result any, id string, c command.Choice) error {
	if len(c.Apps) == 0 {
		return env.Show(f, result, "no target of rollout %s matches\n", id)
	}
	err := fmt.Errorf("no target of rollout %s matches: nothing was changed; enqueue get targets %s --app %s shows the states", id, id, strings.Join(c.Apps, ","))
	if f.Object() {
		return errors.Join(env.Object(f, result), err)
	}
	return err
}

// printRetried prints what a retry did.
func printRetried(env *command.Env, o retryOptions, r operator.Retried) error {
	if o.DryRun {
		env.DryRun()
	}
	if r.Matched == 0 {
		return noMatch(env, o.format, r, r.ID, o.choice)
	}
	text := fmt.Sprintf("rollout %s: %s retried, %s woken", r.ID, human.Count(r.Retried), human.Count(r.Woken))
	if spent := spends(r); spent != "" {
		text += "; this spends " + spent
	}
	if r.Follows > 0 {
		text += fmt.Sprintf("; %s keep their submission and spend none", human.Count(r.Follows))
	}
	if r.Revision > 0 {
		text += fmt.Sprintf("; they commit plan revision %d", r.Revision)
	}
	if r.Going > 0 {
		text += fmt.Sprintf("; %s skipped: still in progress, or live", human.Count(r.Going))
	}
	if r.Undone > 0 {
		text += fmt.Sprintf("; %s skipped: undone, which --recommit begins again", human.Count(r.Undone))
	}
	if r.Moved > 0 {
		text += fmt.Sprintf("; %s changed meanwhile and were skipped", human.Count(r.Moved))
	}
	return env.Show(o.format, r, "%s\n", text)
}

package apps

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/exit"
	"github.com/wxrollout/wxrollout/internal/cli/term"
	"github.com/wxrollout/wxrollout/internal/human"
	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/registry/apps"
	"github.com/wxrollout/wxrollout/rollout/planfile"
)

// importOptions are the command line of apps import.
type importOptions struct {
	command.Change
	file        string
	replace     bool
	skipUnknown bool
	format      term.Format
}

func newAppsImport(env *command.Env, run func(context.Context, *command.Env, importOptions) error) *cobra.Command {
	var o importOptions
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Give apps the labels and values of a list",
		Long: `Give apps the label and the values of a list: CSV with a column appid, a label if
you like, and columns of your own. A blank value is taken away; what the list has
no column for stays, unless --replace. Everything that is wrong is told at once,
with line and value, and then nothing is changed.`,
		Example: `  enqueue apps import crm.csv --dry-run
  enqueue apps import crm.csv --yes --reason "from the CRM"`,
		Args: command.Args(command.One("FILE")),
		RunE: func(cmd *cobra.Command, given []string) error {
			o.file = given[0]
			return run(cmd.Context(), env, o)
		},
	}
	command.BindChange(cmd, &o.Change)
	f := cmd.Flags()
	f.BoolVar(&o.replace, "replace", false, "take away every value of these apps that the list has no column for")
	f.BoolVar(&o.skipUnknown, "skip-unknown", false, "leave out apps that the registry has no record of")
	command.BindFormat(cmd, &o.format, term.Table, term.JSON)
	return cmd
}

func runAppsImport(ctx context.Context, env *command.Env, o importOptions) error {
	list, err := readAppList(o.file)
	if err != nil {
		return err
	}
	return env.With(ctx, func(op *operator.Operator) error {
		opt := operator.EditOptions{DryRun: true, Why: o.Why, Replace: o.replace, SkipUnknown: o.skipUnknown}
		return editApps(env, o.Change, o.format, "import "+o.file, opt, func(opt operator.EditOptions) (operator.Edited, error) {
			return op.ImportApps(ctx, list, opt)
		})
	})
}

func readAppList(path string) (*planfile.Apps, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the app list: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	return planfile.ReadApps(path, f)
}

// editApps looks first, asks past many apps, and does it.
func editApps(env *command.Env, c command.Change, f term.Format, what string, opt operator.EditOptions, edit func(operator.EditOptions) (operator.Edited, error)) error {
	opt.DryRun = true
	would, err := edit(opt)
	if err != nil {
		return err
	}
	if c.DryRun || would.Changed == 0 {
		return printEdited(env, would, f, c.DryRun)
	}
	if err := env.Confirm(c.Yes, would.Changed, what); err != nil {
		return err
	}
	bar := env.Bar()
	opt.DryRun, opt.Progress = false, func(done, total int) { bar.Show("apps changed", done, total) }
	done, err := edit(opt)
	bar.End()
	if err != nil {
		return err
	}
	return printEdited(env, done, f, false)
}

// printEdited tells what a change of the registry did.
func printEdited(env *command.Env, e operator.Edited, f term.Format, dryRun bool) error {
	if dryRun {
		env.Talk("this is a dry run: nothing was changed\n")
	}
	if f == term.JSON {
		return term.WriteJSON(env.Out, e)
	}
	text := fmt.Sprintf("%s of %s changed", human.Count(e.Changed), human.Plural(e.Apps, "app"))
	if e.Unknown > 0 {
		text += fmt.Sprintf("; %s left out, which the registry has no record of", human.Count(e.Unknown))
	}
	return env.Print("%s\n", text)
}

// labelOptions are the command line of apps label.
type labelOptions struct {
	command.Change
	ids      []string
	edit     apps.Edit
	selector string
	all      bool
	format   term.Format
}

func newAppsLabel(env *command.Env, run func(context.Context, *command.Env, labelOptions) error) *cobra.Command {
	var o labelOptions
	cmd := &cobra.Command{
		Use:   "label [APPID...] NAME=VALUE... NAME-...",
		Short: "Set values of apps, or take them away",
		Long: `Set values of apps (tier=gold), or take them away (note-): of the apps named, of
those a selector chooses, or of all. label=... is the label, which lists show.
Selectors, the order of a plan and ext.json see them; a rollout keeps the values
that it began with.`,
		Example: `  enqueue apps label wx1234567890abcdef tier=gold "label=Corner shop"
  enqueue apps label -l "wx.principal=Chain Ltd" chain=yes --yes
  enqueue apps label --all note- --reason "tidied up"`,
		Args: command.Args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			if err := o.parse(given); err != nil {
				return err
			}
			return run(cmd.Context(), env, o)
		},
	}
	command.BindChange(cmd, &o.Change)
	f := cmd.Flags()
	f.StringVarP(&o.selector, "select", "l", "", `the apps that match, such as "tier=gold"`)
	f.BoolVar(&o.all, "all", false, "every app of the registry")
	command.BindFormat(cmd, &o.format, term.Table, term.JSON)
	return cmd
}

// parse tells appids from values.
func (o *labelOptions) parse(given []string) error {
	var words []string
	for _, g := range given {
		if strings.Contains(g, "=") || strings.HasSuffix(g, "-") {
			words = append(words, g)
		} else {
			o.ids = append(o.ids, g)
		}
	}
	if len(words) == 0 {
		return exit.Usagef("no value is given: want NAME=VALUE to set one, or NAME- to take it away")
	}
	var err error
	if o.edit, err = apps.ParseEdit(words); err != nil {
		return exit.UsageOf(err)
	}
	chosen := 0
	for _, given := range []bool{len(o.ids) > 0, o.selector != "", o.all} {
		if given {
			chosen++
		}
	}
	if chosen != 1 {
		return exit.Usagef("which apps? Name appids, or give --select, or --all: one of them")
	}
	_, err = appsOptions{selector: o.selector}.filter()
	return err
}

func runAppsLabel(ctx context.Context, env *command.Env, o labelOptions) error {
	filter, err := appsOptions{selector: o.selector}.filter()
	if err != nil {
		return err
	}
	return env.With(ctx, func(op *operator.Operator) error {
		return editApps(env, o.Change, o.format, "label", operator.EditOptions{Why: o.Why}, func(opt operator.EditOptions) (operator.Edited, error) {
			return op.LabelApps(ctx, o.ids, filter, o.edit, opt)
		})
	})
}

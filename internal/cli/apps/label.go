package apps

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/exit"
	"github.com/wxrollout/wxrollout/internal/cli/term"
	"github.com/wxrollout/wxrollout/internal/fleet"
	"github.com/wxrollout/wxrollout/internal/human"
	"github.com/wxrollout/wxrollout/rollout/applist"
	"github.com/wxrollout/wxrollout/rollout/filefault"
)

// importOptions is the command line of apps import.
type importOptions struct {
	command.Change
	file        string
	replace     bool
	damaged     bool
	skipUnknown bool
	format      term.Format
}

func newAppsImport(env *command.Env, run func(context.Context, *command.Env, importOptions) error) *cobra.Command {
	var o importOptions
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Import labels and values of apps from a list",
		Long: `Import the labels and values of apps from a CSV file with a column appid, an
optional column label, and your own columns. A blank cell removes a value. Values
without a column stay, unless --replace is set. If the file has faults, the
command reports all of them with line and value, and changes nothing.`,
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
	f.BoolVar(&o.replace, "replace", false, "remove values of these apps for which the list has no column")
	f.BoolVar(&o.damaged, "allow-damaged", false, "take values that a spreadsheet program seems to have changed")
	f.BoolVar(&o.skipUnknown, "skip-unknown", false, "skip apps that are not in the registry")
	command.BindObject(cmd, &o.format)
	return cmd
}

func runAppsImport(ctx context.Context, env *command.Env, o importOptions) error {
	list, err := readAppList(o.file)
	var faults filefault.Faults
	if err != nil && (!errors.As(err, &faults) || list == nil) {
		return err
	}
	return env.With(ctx, func(t command.Tools) error {
		opt := fleet.EditOptions{DryRun: true, Why: o.Why, Replace: o.replace, SkipUnknown: o.skipUnknown, AllowDamaged: o.damaged, Faults: faults}
		return editApps(env, o.Change, o.format, "Import "+strings.ReplaceAll(o.file, "%", "%%")+" into %s", opt, func(opt fleet.EditOptions) (fleet.Edited, error) {
			return t.Fleet.Import(ctx, list, opt)
		})
	})
}

// readAppList reads a list. With filefault.Faults it returns the sound rows, too.
func readAppList(path string) (*applist.Apps, error) {
	f, err := filefault.OpenFile(path, applist.BytesMax)
	if err != nil {
		return nil, fmt.Errorf("read the app list: %s: %w", path, err)
	}
	defer f.Close() //nolint:errcheck // only read
	return applist.ReadPart(path, f)
}

// editApps shows the effect of an edit, asks for confirmation, and makes it. what is the
// question, with a verb for the apps.
func editApps(env *command.Env, c command.Change, f term.Format, what string, opt fleet.EditOptions, edit func(fleet.EditOptions) (fleet.Edited, error)) error {
	opt.DryRun = true
	would, err := edit(opt)
	if err != nil {
		return err
	}
	if c.DryRun || would.Changed == 0 {
		return printEdited(env, would, f, c.DryRun)
	}
	if err := env.Confirm(c.Yes, would.Changed, fmt.Sprintf(what, human.Plural(would.Changed, "app"))); err != nil {
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

// printEdited prints what an edit did.
func printEdited(env *command.Env, e fleet.Edited, f term.Format, dryRun bool) error {
	if dryRun {
		env.DryRun()
	}
	text := fmt.Sprintf("%s of %s changed", human.Count(e.Changed), human.Plural(e.Apps, "app"))
	if e.Unknown > 0 {
		text += fmt.Sprintf("; %s skipped, not in the registry", human.Count(e.Unknown))
	}
	return env.Show(f, e, "%s\n", text)
}

// labelOptions is the command line of apps label.
type labelOptions struct {
	command.Change
	ids      []string
	edit     fleet.Edit
	selector string
	all      bool
	format   term.Format
}

func newAppsLabel(env *command.Env, run func(context.Context, *command.Env, labelOptions) error) *cobra.Command {
	var o labelOptions
	cmd := &cobra.Command{
		Use:   "label [APPID...] NAME=VALUE... NAME-...",
		Short: "Set or remove values of apps",
		Long: `Set (tier=gold) or remove (note-) values of the named apps, of those that match a
selector, or of all. label=... sets the label, which lists show. Selectors, the
order of a plan and ext.json use the values. A rollout keeps the values it started
with.`,
		Example: `  enqueue apps label wx1234567890abcdef tier=gold "label=Corner shop"
  enqueue apps label -l "wx.principal=Chain Ltd" chain=yes --yes
  enqueue apps label --all note- --reason "tidied up"`,
		Args:              command.Args(cobra.MinimumNArgs(1)),
		ValidArgsFunction: command.CompleteApps(env),
		RunE: func(cmd *cobra.Command, given []string) error {
			if err := o.parse(given); err != nil {
				return err
			}
			return run(cmd.Context(), env, o)
		},
	}
	command.BindChange(cmd, &o.Change)
	f := cmd.Flags()
	f.StringVarP(&o.selector, "select", "l", "", `apps that match a selector, such as "tier=gold"`)
	f.BoolVar(&o.all, "all", false, "every app of the registry")
	command.BindObject(cmd, &o.format)
	return cmd
}

// parse separates appids from values.
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
		return exit.Usagef("no value is given: want NAME=VALUE to set one, or NAME- to remove it")
	}
	var err error
	if o.edit, err = fleet.ParseEdit(words); err != nil {
		return exit.UsageOf(err)
	}
	chosen := 0
	for _, given := range []bool{len(o.ids) > 0, o.selector != "", o.all} {
		if given {
			chosen++
		}
	}
	if chosen != 1 {
		return exit.Usagef("no apps are selected: give either appids, --select or --all")
	}
	_, err = appsOptions{selector: o.selector}.filter()
	return err
}

func runAppsLabel(ctx context.Context, env *command.Env, o labelOptions) error {
	filter, err := appsOptions{selector: o.selector}.filter()
	if err != nil {
		return err
	}
	return env.With(ctx, func(t command.Tools) error {
		return editApps(env, o.Change, o.format, "Label %s", fleet.EditOptions{Why: o.Why}, func(opt fleet.EditOptions) (fleet.Edited, error) {
			return t.Fleet.Label(ctx, o.ids, filter, o.edit, opt)
		})
	})
}

package platform

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/exit"
	"github.com/wxrollout/wxrollout/internal/cli/term"
	"github.com/wxrollout/wxrollout/internal/human"
	"github.com/wxrollout/wxrollout/internal/library"
)

// addTemplateOptions is the command line of templates add.
type addTemplateOptions struct {
	draft  *int64 // nil is the newest
	why    string
	dryRun bool
	format term.Format
}

func newTemplatesAdd(env *command.Env, run func(context.Context, *command.Env, addTemplateOptions) error) *cobra.Command {
	var o addTemplateOptions
	newest := false
	cmd := &cobra.Command{
		Use:   "add DRAFT | --newest",
		Short: "Add a draft to the template library",
		Long: fmt.Sprintf(`Add a draft to the template library and print the id for plans. A draft that is
already a template is left alone, so scripts can repeat the command.

The library holds %d templates (older WeChat pages say 50). If it is full, the
command fails and shows what templates prune would free.`, library.Max),
		Example: `  enqueue templates add 12 --reason "spring"
  enqueue templates add --newest -o json`,
		Args:              command.Args(cobra.MaximumNArgs(1)),
		ValidArgsFunction: command.Once(command.CompleteDrafts(env)),
		RunE: func(cmd *cobra.Command, given []string) error {
			if newest == (len(given) == 1) {
				return exit.Usagef("no draft is selected: give either a draft id (enqueue templates drafts) or --newest")
			}
			if !newest {
				ids, err := templateIDs(given)
				if err != nil {
					return err
				}
				o.draft = &ids[0]
			}
			return run(cmd.Context(), env, o)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&newest, "newest", false, "the newest draft")
	command.BindReason(cmd, &o.why)
	command.BindDryRun(cmd, &o.dryRun)
	command.BindObject(cmd, &o.format)
	return cmd
}

// templateIDs parses ids; 0 is a valid id.
func templateIDs(given []string) ([]int64, error) {
	var ids []int64
	for _, text := range given {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil || id < 0 {
			return nil, exit.Usagef("template %q: want an id such as 118", text)
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

func runTemplatesAdd(ctx context.Context, env *command.Env, o addTemplateOptions) error {
	return env.With(ctx, func(t command.Tools) error {
		added, err := t.Library.Add(ctx, o.draft, o.dryRun, o.why)
		if err != nil {
			return err
		}
		if o.dryRun {
			env.DryRun()
		}
		if added.Templates >= library.NearlyFull {
			env.Talk("warning: the library has %d of at most %d templates: see enqueue templates prune --dry-run\n", added.Templates, added.Max)
		}
		what := fmt.Sprintf("draft %d, version %s", added.Draft.ID, added.Draft.Version)
		switch {
		case added.Existed:
			return env.Show(o.format, added, "%s, is already template %d\n", what, added.Template.ID)
		case o.dryRun:
			return env.Show(o.format, added, "%s, would be added to %s\n", what, human.Plural(added.Templates, "template"))
		default:
			return env.Show(o.format, added, "%s, was added as template %d; %s of at most %d\n", what, added.Template.ID, human.Plural(added.Templates, "template"), added.Max)
		}
	})
}

// deleteTemplatesOptions is the command line of templates delete and templates prune.
type deleteTemplatesOptions struct {
	command.Change
	ids    []int64
	keep   int
	live   bool
	format term.Format
}

// bindTemplateChange adds the flags of commands that delete templates.
func bindTemplateChange(cmd *cobra.Command, o *deleteTemplatesOptions) {
	command.BindReason(cmd, &o.Why)
	cmd.Flags().BoolVarP(&o.Yes, "yes", "y", false, "skip the confirmation")
	command.BindDryRun(cmd, &o.DryRun)
	command.BindObject(cmd, &o.format, term.Wide, term.CSV, term.Name)
}

func newTemplatesDelete(env *command.Env, run func(context.Context, *command.Env, deleteTemplatesOptions) error) *cobra.Command {
	var o deleteTemplatesOptions
	cmd := &cobra.Command{
		Use:   "delete ID...",
		Short: "Delete unused templates",
		Long: `Delete templates permanently: restoring one requires another upload of its code.
If an unfinished rollout, a schedule or the baseline needs one of the templates,
none is deleted, and the error names all uses.`,
		Example: `  enqueue templates delete 101 102 --dry-run
  enqueue templates delete 101 --yes --reason "broken upload"`,
		Args:              command.Args(cobra.MinimumNArgs(1)),
		ValidArgsFunction: command.CompleteTemplates(env),
		RunE: func(cmd *cobra.Command, given []string) error {
			var err error
			if o.ids, err = templateIDs(given); err != nil {
				return err
			}
			return run(cmd.Context(), env, o)
		},
	}
	bindTemplateChange(cmd, &o)
	return cmd
}

func newTemplatesPrune(env *command.Env, run func(context.Context, *command.Env, deleteTemplatesOptions) error) *cobra.Command {
	var o deleteTemplatesOptions
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Delete old unused templates",
		Long: `Delete the oldest unused templates. Kept are the newest --keep templates, those
that unfinished rollouts, schedules or the baseline need, and those whose version
is live in an app of the registry (unless --live is set). Deleting a template does
not affect live apps: only committing its version to another app needs it.`,
		Example: `  enqueue templates prune --dry-run
  enqueue templates prune --keep 10 --yes --reason "make room"`,
		Args: command.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.keep < 1 {
				return exit.Usagef("--keep %d: want 1 or more", o.keep)
			}
			return run(cmd.Context(), env, o)
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.keep, "keep", library.DefaultKeep, "number of newest templates to keep")
	f.BoolVar(&o.live, "live", false, "also delete templates whose version is live in apps")
	bindTemplateChange(cmd, &o)
	return cmd
}

func runTemplatesDelete(ctx context.Context, env *command.Env, o deleteTemplatesOptions) error {
	return env.With(ctx, func(t command.Tools) error {
		would, err := t.Library.Delete(ctx, o.ids, true, o.Why)
		if err != nil {
			return err
		}
		for _, e := range would {
			if e.Live > 0 {
				env.Talk("warning: template %d (version %s) is live in %s\n", e.ID, e.Version, human.Plural(e.Live, "app"))
			}
		}
		return deleteTemplates(ctx, env, t.Library, would, o)
	})
}

func runTemplatesPrune(ctx context.Context, env *command.Env, o deleteTemplatesOptions) error {
	return env.With(ctx, func(t command.Tools) error {
		l, err := t.Library.Contents(ctx)
		if err != nil {
			return err
		}
		would := l.Prunable(o.keep, o.live)
		if l.Unseen > 0 && !o.live && len(would) > 0 {
			env.Talk("warning: the live version of %s is unknown: run enqueue apps sync --full --versions\n", human.Plural(l.Unseen, "app"))
		}
		return deleteTemplates(ctx, env, t.Library, would, o)
	})
}

// deleteTemplates lists templates, asks for confirmation and deletes them.
func deleteTemplates(ctx context.Context, env *command.Env, lib *library.Library, would []library.Entry, o deleteTemplatesOptions) error {
	if len(would) == 0 {
		env.Talk("no template can be deleted\n")
		return term.List(env.Streams, o.format, "templates", templateColumns, would)
	}
	if o.DryRun {
		env.DryRun()
		env.Talk("%s would be deleted\n", human.Plural(len(would), "template"))
		return term.List(env.Streams, o.format, "templates", templateColumns, would)
	}
	if err := env.Confirm(o.Yes, term.Always, fmt.Sprintf("Delete %s for good", human.Plural(len(would), "template"))); err != nil {
		return err
	}
	ids := make([]int64, len(would))
	for i, e := range would {
		ids[i] = e.ID
	}
	done, err := lib.Delete(ctx, ids, false, o.Why)
	if len(done) > 0 {
		env.Talk("%s deleted\n", human.Plural(len(done), "template"))
	}
	if len(done) == 0 && err != nil {
		return err
	}
	if listed := term.List(env.Streams, o.format, "templates", templateColumns, done); err == nil {
		err = listed
	}
	return err
}

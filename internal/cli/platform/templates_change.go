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
	"github.com/wxrollout/wxrollout/internal/operator"
)

// addTemplateOptions are the command line of templates add.
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
		Short: "Put a draft into the template library",
		Long: fmt.Sprintf(`Put a draft into the template library, and tell the id that plans name it by. A
draft that is there already is left alone, so that a script may repeat it.

The library holds %d templates by WeChat's page (older pages say 50). When it is
full nothing is tried: what templates prune would free is told.`, operator.LibraryMax),
		Example: `  enqueue templates add 12 --reason "spring"
  enqueue templates add --newest -o json`,
		Args: command.Args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			if newest == (len(given) == 1) {
				return exit.Usagef("which draft? Name its id (enqueue templates drafts), or give --newest: one of them")
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
	f.StringVar(&o.why, "reason", "", "why, for the platform's record")
	f.BoolVar(&o.dryRun, "dry-run", false, "tell what would be done, and change nothing")
	command.BindFormat(cmd, &o.format, term.Table, term.JSON)
	return cmd
}

// templateIDs reads ids; 0 is one.
func templateIDs(given []string) ([]int64, error) {
	var ids []int64
	for _, text := range given {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil || id < 0 {
			return nil, exit.Usagef("%q: want an id such as 118", text)
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

func runTemplatesAdd(ctx context.Context, env *command.Env, o addTemplateOptions) error {
	return env.With(ctx, func(op *operator.Operator) error {
		added, err := op.AddTemplate(ctx, o.draft, o.dryRun, o.why)
		if err != nil {
			return err
		}
		if o.dryRun {
			env.Talk("this is a dry run: nothing was changed\n")
		}
		if added.Templates >= operator.LibraryNearlyFull {
			env.Talk("warning: the library has %d templates of %d: see enqueue templates prune --dry-run\n", added.Templates, added.LibraryMax)
		}
		if o.format == term.JSON {
			return term.WriteJSON(env.Out, added)
		}
		what := fmt.Sprintf("draft %d, version %s", added.Draft.ID, added.Draft.Version)
		switch {
		case added.Existed:
			return env.Print("%s, is template %d already\n", what, added.Template.ID)
		case o.dryRun:
			return env.Print("%s, would be added to the %s there are\n", what, human.Plural(added.Templates, "template"))
		default:
			return env.Print("%s, is template %d now; %s of %d\n", what, added.Template.ID, human.Plural(added.Templates, "template"), added.LibraryMax)
		}
	})
}

// deleteTemplatesOptions are the command line of templates delete and templates prune.
type deleteTemplatesOptions struct {
	command.Change
	ids    []int64
	keep   int
	live   bool
	format term.Format
}

// bindTemplateChange adds the flags of a command that deletes templates.
func bindTemplateChange(cmd *cobra.Command, o *deleteTemplatesOptions) {
	f := cmd.Flags()
	f.StringVar(&o.Why, "reason", "", "why, for the platform's record")
	f.BoolVarP(&o.Yes, "yes", "y", false, "don't ask")
	f.BoolVar(&o.DryRun, "dry-run", false, "tell what would be done, and change nothing")
	command.BindFormat(cmd, &o.format, term.Table, term.Wide, term.JSON, term.CSV)
}

func newTemplatesDelete(env *command.Env, run func(context.Context, *command.Env, deleteTemplatesOptions) error) *cobra.Command {
	var o deleteTemplatesOptions
	cmd := &cobra.Command{
		Use:   "delete ID...",
		Short: "Delete templates that nothing needs",
		Long: `Delete templates for good: their code can be had back only by uploading it anew.
One that an unfinished rollout, a schedule or the baseline uses can't be deleted;
then none of those named is, and all that is wrong is told at once.`,
		Example: `  enqueue templates delete 101 102 --dry-run
  enqueue templates delete 101 --yes --reason "broken upload"`,
		Args: command.Args(cobra.MinimumNArgs(1)),
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
		Short: "Delete old templates that nothing needs",
		Long: `Delete the oldest templates that nothing needs. Kept are the newest --keep, those
that unfinished rollouts, schedules or the baseline use, and those whose version
some app of the registry has live (--live deletes them too). What users have stays
live whatever is deleted; only committing it to one more app needs the template.`,
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
	f.IntVar(&o.keep, "keep", operator.DefaultKeep, "how many of the newest to keep")
	f.BoolVar(&o.live, "live", false, "also those whose version apps have live")
	bindTemplateChange(cmd, &o)
	return cmd
}

func runTemplatesDelete(ctx context.Context, env *command.Env, o deleteTemplatesOptions) error {
	return env.With(ctx, func(op *operator.Operator) error {
		would, err := op.DeleteTemplates(ctx, o.ids, true, o.Why)
		if err != nil {
			return err
		}
		for _, e := range would {
			if e.Live > 0 {
				env.Talk("warning: template %d (version %s) is live in %s\n", e.ID, e.Version, human.Plural(e.Live, "app"))
			}
		}
		return deleteTemplates(ctx, env, op, would, o)
	})
}

func runTemplatesPrune(ctx context.Context, env *command.Env, o deleteTemplatesOptions) error {
	return env.With(ctx, func(op *operator.Operator) error {
		l, err := op.Library(ctx)
		if err != nil {
			return err
		}
		would := l.Prunable(o.keep, o.live)
		if l.Unseen > 0 && !o.live && len(would) > 0 {
			env.Talk("warning: which version %s have live is not known: enqueue apps sync --full --versions looks\n", human.Plural(l.Unseen, "app"))
		}
		return deleteTemplates(ctx, env, op, would, o)
	})
}

// deleteTemplates shows, asks and deletes.
func deleteTemplates(ctx context.Context, env *command.Env, op *operator.Operator, would []operator.LibraryEntry, o deleteTemplatesOptions) error {
	if len(would) == 0 {
		env.Talk("nothing is to be deleted\n")
		return term.List(env.Out, o.format, templateColumns, would)
	}
	if o.DryRun {
		env.Talk("this is a dry run: %s would be deleted, and nothing was changed\n", human.Plural(len(would), "template"))
		return term.List(env.Out, o.format, templateColumns, would)
	}
	if err := env.ConfirmDeletion(o.Yes, len(would)); err != nil {
		return err
	}
	ids := make([]int64, len(would))
	for i, e := range would {
		ids[i] = e.ID
	}
	done, err := op.DeleteTemplates(ctx, ids, false, o.Why)
	if len(done) > 0 {
		env.Talk("%s deleted\n", human.Plural(len(done), "template"))
	}
	if len(done) == 0 && err != nil {
		return err
	}
	if listed := term.List(env.Out, o.format, templateColumns, done); err == nil {
		err = listed
	}
	return err
}

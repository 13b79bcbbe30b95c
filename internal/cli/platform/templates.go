package platform

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/term"
	"github.com/wxrollout/wxrollout/internal/human"
	"github.com/wxrollout/wxrollout/internal/library"
)

// templatesOptions is the command line of templates list and templates drafts.
type templatesOptions struct{ format term.Format }

func newTemplates(env *command.Env) *cobra.Command {
	var o templatesOptions
	cmd := &cobra.Command{
		Use:   "templates",
		Short: "List, add and delete templates of the library",
		Long: `Manage the platform's template library. Without a subcommand it lists the library,
as templates list does.`,
		Example: `  enqueue templates
  enqueue templates add --newest --reason "spring"
  enqueue templates prune --keep 20 --dry-run`,
		Args: command.Args(cobra.ArbitraryArgs),
		RunE: func(cmd *cobra.Command, given []string) error {
			if len(given) > 0 {
				return command.Group(cmd, given)
			}
			return runTemplates(cmd.Context(), env, o)
		},
	}
	command.BindList(env, cmd, &o.format)
	cmd.AddCommand(
		newTemplatesList(env, runTemplates), newTemplatesDrafts(env, runDrafts), newTemplatesAdd(env, runTemplatesAdd),
		newTemplatesDelete(env, runTemplatesDelete), newTemplatesPrune(env, runTemplatesPrune),
	)
	return cmd
}

func newTemplatesList(env *command.Env, run func(context.Context, *command.Env, templatesOptions) error) *cobra.Command {
	var o templatesOptions
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the template library, newest first",
		Long: `List the template library, newest first. USED BY names the unfinished rollouts
(any revision of their plan), schedules and the baseline that need a template.
LIVE counts the apps whose live version it is, according to the app registry.
Plans name a template by its ID; latest: true means the newest one that is not a
standard template.`,
		Example: `  enqueue templates list
  enqueue templates list -o json`,
		Args: command.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), env, o) },
	}
	command.BindList(env, cmd, &o.format)
	return cmd
}

func runTemplates(ctx context.Context, env *command.Env, o templatesOptions) error {
	return env.With(ctx, func(t command.Tools) error {
		l, err := t.Library.Contents(ctx)
		if err != nil {
			return err
		}
		if err := term.List(env.Streams, o.format, "templates", templateColumns, l.Entries); err != nil || !o.format.Text() {
			return err
		}
		return env.Print("\n%s\n", libraryNotes(env, l))
	})
}

// libraryNotes have the free room and the last change.
func libraryNotes(env *command.Env, l library.Contents) string {
	text := fmt.Sprintf("%s, room for %s more", human.Plural(len(l.Entries), "template"), human.Count(l.Room()))
	if len(l.Entries) >= library.NearlyFull {
		text += fmt.Sprintf(": nearly full; enqueue templates prune would free %s", human.Count(len(l.Prunable(library.DefaultKeep, false))))
	}
	if a := l.Last; a != nil {
		text += fmt.Sprintf("\nlast change %s ago by %s: %s to %s: %s", env.Ago(a.Time()), a.By, a.From, a.To, human.OneLine(a.Why))
	}
	return text
}

// usedBy lists the uses of a template.
func usedBy(e library.Entry) string {
	var uses []string
	for _, u := range e.Uses {
		uses = append(uses, u.String())
	}
	return strings.Join(uses, ", ")
}

var templateColumns = []term.Column[library.Entry]{
	{Name: "id", Text: func(e library.Entry) string { return fmt.Sprint(e.ID) }},
	{Name: "version", Text: func(e library.Entry) string { return e.Version }},
	{Name: "created", Text: func(e library.Entry) string { return human.Stamp(e.Created) }},
	{Name: "live", Text: func(e library.Entry) string { return human.Count(e.Live) }},
	{Name: "used_by", Text: func(e library.Entry) string { return human.Shorten(usedBy(e), command.CellWidth) }},
	{Name: "desc", Text: func(e library.Entry) string { return human.Shorten(e.Desc, command.CellWidth) }},
	{Name: "draft", Wide: true, Text: func(e library.Entry) string { return fmt.Sprint(e.Draft) }},
	{Name: "source", Wide: true, Text: func(e library.Entry) string { return e.Source }},
	{Name: "standard", Wide: true, Text: func(e library.Entry) string { return fmt.Sprint(e.Standard) }},
}

func newTemplatesDrafts(env *command.Env, run func(context.Context, *command.Env, templatesOptions) error) *cobra.Command {
	var o templatesOptions
	cmd := &cobra.Command{
		Use:   "drafts",
		Short: "List the drafts that can become templates",
		Long: `List the drafts, newest first: the last upload of each development mini program.
An upload replaces the previous draft, so add a draft before the next upload.
TEMPLATE is the template that was made from the draft.`,
		Example: `  enqueue templates drafts
  enqueue templates drafts -o json`,
		Args: command.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), env, o) },
	}
	command.BindList(env, cmd, &o.format)
	return cmd
}

func runDrafts(ctx context.Context, env *command.Env, o templatesOptions) error {
	return env.With(ctx, func(t command.Tools) error {
		drafts, err := t.Library.Drafts(ctx)
		if err != nil {
			return err
		}
		return term.List(env.Streams, o.format, "drafts", draftColumns, drafts)
	})
}

var draftColumns = []term.Column[library.Draft]{
	{Name: "draft", Text: func(x library.Draft) string { return fmt.Sprint(x.ID) }},
	{Name: "version", Text: func(x library.Draft) string { return x.Version }},
	{Name: "created", Text: func(x library.Draft) string { return human.Stamp(x.Created) }},
	{Name: "template", Text: func(x library.Draft) string {
		if x.Template == nil {
			return ""
		}
		return fmt.Sprint(*x.Template)
	}},
	{Name: "developer", Text: func(x library.Draft) string { return x.Developer }},
	{Name: "desc", Text: func(x library.Draft) string { return human.Shorten(x.Desc, command.CellWidth) }},
	{Name: "source", Wide: true, Text: func(x library.Draft) string { return x.Source }},
}

package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/operator"
)

// templatesOptions are the command line of templates list and templates drafts.
type templatesOptions struct{ format format }

func newTemplates(d *deps) *cobra.Command {
	var o templatesOptions
	cmd := &cobra.Command{
		Use:   "templates",
		Short: "List the template library, add to it, delete from it",
		Long: `The platform's template library: what is in it, what needs each template, and how
much room is left. Without a command it lists, as templates list does.`,
		Example: `  enqueue templates
  enqueue templates add --newest --reason "spring"
  enqueue templates prune --keep 20 --dry-run`,
		Args: args(cobra.ArbitraryArgs),
		RunE: func(cmd *cobra.Command, given []string) error {
			if len(given) > 0 {
				return group(cmd, given)
			}
			return runTemplates(cmd.Context(), d, o)
		},
	}
	bindFormat(cmd, &o.format, formatTable, formatWide, formatJSON, formatCSV)
	cmd.AddCommand(
		newTemplatesList(d, runTemplates), newTemplatesDrafts(d, runDrafts), newTemplatesAdd(d, runTemplatesAdd),
		newTemplatesDelete(d, runTemplatesDelete), newTemplatesPrune(d, runTemplatesPrune),
	)
	return cmd
}

func newTemplatesList(d *deps, run func(context.Context, *deps, templatesOptions) error) *cobra.Command {
	var o templatesOptions
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the template library, newest first",
		Long: `List the template library, newest first, with what needs each template: unfinished
rollouts in any revision of their plan, schedules, the baseline; and how many apps
have its version live, as far as the registry of apps knows. The ID is what a plan
names; latest: true in a plan takes the first one that is not a standard template.`,
		Example: `  enqueue templates list
  enqueue templates list -o json`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), d, o) },
	}
	bindFormat(cmd, &o.format, formatTable, formatWide, formatJSON, formatCSV)
	return cmd
}

func runTemplates(ctx context.Context, d *deps, o templatesOptions) error {
	return d.with(ctx, func(op *operator.Operator) error {
		l, err := op.Library(ctx)
		if err != nil {
			return err
		}
		if err := list(d, o.format, templateColumns, l.Entries); err != nil || o.format == formatJSON || o.format == formatCSV {
			return err
		}
		return d.print("\n%s\n", d.libraryNotes(l))
	})
}

// libraryNotes say how much room is left, and who changed the library last.
func (d *deps) libraryNotes(l operator.Library) string {
	text := fmt.Sprintf("%s, room for %s more", plural(len(l.Entries), "template"), count(l.Room()))
	if len(l.Entries) >= operator.LibraryNearlyFull {
		text += fmt.Sprintf(": nearly full, and enqueue templates prune would free %s", count(len(l.Prunable(operator.DefaultKeep, false))))
	}
	if a := l.Last; a != nil {
		text += fmt.Sprintf("\nlast changed %s ago by %s: %s became %s: %s", d.ago(a.Time()), a.By, a.From, a.To, oneLine(a.Why))
	}
	return text
}

// usedBy are the uses of a template in one cell.
func usedBy(e operator.LibraryEntry) string {
	var uses []string
	for _, u := range e.Uses {
		uses = append(uses, u.String())
	}
	return strings.Join(uses, ", ")
}

var templateColumns = []column[operator.LibraryEntry]{
	{name: "id", text: func(e operator.LibraryEntry) string { return fmt.Sprint(e.ID) }},
	{name: "version", text: func(e operator.LibraryEntry) string { return e.Version }},
	{name: "created", text: func(e operator.LibraryEntry) string { return stamp(e.Created) }},
	{name: "live", text: func(e operator.LibraryEntry) string { return count(e.Live) }},
	{name: "used_by", text: func(e operator.LibraryEntry) string { return shorten(usedBy(e), textWidth) }},
	{name: "desc", text: func(e operator.LibraryEntry) string { return shorten(e.Desc, textWidth) }},
	{name: "draft", wide: true, text: func(e operator.LibraryEntry) string { return fmt.Sprint(e.Draft) }},
	{name: "source", wide: true, text: func(e operator.LibraryEntry) string { return e.Source }},
	{name: "standard", wide: true, text: func(e operator.LibraryEntry) string { return fmt.Sprint(e.Standard) }},
}

func newTemplatesDrafts(d *deps, run func(context.Context, *deps, templatesOptions) error) *cobra.Command {
	var o templatesOptions
	cmd := &cobra.Command{
		Use:   "drafts",
		Short: "List the uploads that can become templates",
		Long: `List the drafts: the last upload of each development mini program, the newest
first. An upload replaces the one before, so add a draft before the next upload.
TEMPLATE is the template that was made of it already.`,
		Example: `  enqueue templates drafts
  enqueue templates drafts -o json`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), d, o) },
	}
	bindFormat(cmd, &o.format, formatTable, formatWide, formatJSON, formatCSV)
	return cmd
}

func runDrafts(ctx context.Context, d *deps, o templatesOptions) error {
	return d.with(ctx, func(op *operator.Operator) error {
		drafts, err := op.Drafts(ctx)
		if err != nil {
			return err
		}
		return list(d, o.format, draftColumns, drafts)
	})
}

var draftColumns = []column[operator.Draft]{
	{name: "draft", text: func(x operator.Draft) string { return fmt.Sprint(x.ID) }},
	{name: "version", text: func(x operator.Draft) string { return x.Version }},
	{name: "created", text: func(x operator.Draft) string { return stamp(x.Created) }},
	{name: "template", text: func(x operator.Draft) string {
		if x.Template == nil {
			return ""
		}
		return fmt.Sprint(*x.Template)
	}},
	{name: "developer", text: func(x operator.Draft) string { return x.Developer }},
	{name: "desc", text: func(x operator.Draft) string { return shorten(x.Desc, textWidth) }},
	{name: "source", wide: true, text: func(x operator.Draft) string { return x.Source }},
}

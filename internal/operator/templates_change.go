package operator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wxrollout/wxrollout/wxclient"
)

// Draft is the last upload of a development mini program.
type Draft struct {
	ID        int64     `json:"id"`
	Version   string    `json:"version"`
	Desc      string    `json:"desc,omitempty"`
	Created   time.Time `json:"created"`
	Source    string    `json:"source,omitempty"`
	Developer string    `json:"developer,omitempty"`
	// Template is the template that was made of it; nil if none was.
	Template *int64 `json:"template,omitempty"`
}

// made is the template of a library that was made of the draft. The id alone doesn't
// tell: 0 is one, and stands for none, too.
func (d Draft) made(list []Template) *Template {
	i := slices.IndexFunc(list, func(t Template) bool { return t.Draft == d.ID && t.Version == d.Version && t.Desc == d.Desc })
	if i < 0 {
		return nil
	}
	return &list[i]
}

// Drafts lists the uploads that can become templates, the newest first.
func (o *Operator) Drafts(ctx context.Context) ([]Draft, error) {
	drafts, _, err := o.draftsAnd(ctx)
	return drafts, err
}

// draftsAnd reads the drafts and the library.
func (o *Operator) draftsAnd(ctx context.Context) ([]Draft, []Template, error) {
	library, err := o.Templates(ctx)
	if err != nil {
		return nil, nil, err
	}
	found, err := o.wx.TemplateDrafts(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("list drafts: %w", err)
	}
	list := make([]Draft, len(found))
	for i, f := range found {
		d := Draft{ID: f.ID, Version: f.Version, Desc: f.Desc, Created: time.Unix(f.CreateTime, 0), Source: f.Source, Developer: f.Developer}
		if t := d.made(library); t != nil {
			d.Template = &t.ID
		}
		list[i] = d
	}
	slices.SortFunc(list, func(a, b Draft) int { return cmp.Compare(b.ID, a.ID) })
	return list, library, nil
}

// DraftError says that a draft isn't there.
type DraftError struct {
	ID   int64
	Have []Draft
}

func (e *DraftError) Error() string {
	if len(e.Have) == 0 {
		return "there is no draft: upload the code from the development mini program first"
	}
	var have []string
	for _, d := range e.Have {
		have = append(have, fmt.Sprintf("%d (version %s)", d.ID, d.Version))
	}
	return fmt.Sprintf("draft %d is not there: each upload replaces its developer's last one; there are %s", e.ID, strings.Join(have, ", "))
}

// LibraryFullError says that the library takes no more templates.
type LibraryFullError struct {
	Have int
	// Prunable is how many a pruning with its defaults would delete.
	Prunable int
	// Err is WeChat's refusal; nil if it was not asked.
	Err error
}

func (e *LibraryFullError) Error() string {
	text := fmt.Sprintf("the template library is full with %d templates", e.Have)
	if e.Err != nil {
		text += fmt.Sprintf(", says WeChat (%v)", e.Err)
	}
	if e.Prunable == 0 {
		return text + ": enqueue templates prune would free none; see who uses them with enqueue templates -o wide"
	}
	return text + fmt.Sprintf(": enqueue templates prune would free %d (--dry-run shows which)", e.Prunable)
}

func (e *LibraryFullError) Unwrap() error { return e.Err }

// AddedTemplate is what adding a draft to the library did, or would do.
type AddedTemplate struct {
	Draft Draft `json:"draft"`
	// Template is what it is in the library; nil in a dry run.
	Template *Template `json:"template,omitempty"`
	// Existed says that it was there already: nothing was done.
	Existed bool `json:"existed"`
	// Templates is how many the library has now, LibraryMax how many it holds.
	Templates  int `json:"templates"`
	LibraryMax int `json:"library_max"`
}

// WeChat's codes for a library that is full, and for a template that isn't there.
const (
	codeLibraryFull = 85065
	codeNoTemplate  = 85064
)

// AddTemplate puts a draft into the library, or the newest one if id is nil. One that is
// there already is left alone. The error is a *DraftError or a *LibraryFullError.
func (o *Operator) AddTemplate(ctx context.Context, id *int64, dryRun bool, why string) (AddedTemplate, error) {
	out := AddedTemplate{LibraryMax: LibraryMax}
	drafts, library, err := o.draftsAnd(ctx)
	if err != nil {
		return out, err
	}
	i := slices.IndexFunc(drafts, func(d Draft) bool { return id == nil || d.ID == *id })
	if i < 0 {
		e := &DraftError{Have: drafts}
		if id != nil {
			e.ID = *id
		}
		return out, e
	}
	out.Draft, out.Templates = drafts[i], len(library)
	if t := out.Draft.made(library); t != nil {
		out.Template, out.Existed = t, true
		return out, nil
	}
	if len(library) >= LibraryMax {
		return out, o.full(ctx, nil)
	}
	if dryRun {
		return out, nil
	}
	err = o.wx.AddTemplate(ctx, out.Draft.ID)
	if refusal := (*wxclient.Error)(nil); errors.As(err, &refusal) && refusal.Code == codeLibraryFull {
		return out, o.full(ctx, err)
	}
	return o.added(ctx, out, why, err)
}

// full tells what a pruning would free.
func (o *Operator) full(ctx context.Context, refusal error) error {
	l, err := o.Library(ctx)
	if err != nil {
		return errors.Join(refusal, err)
	}
	return &LibraryFullError{Have: len(l.Entries), Prunable: len(l.Prunable(DefaultKeep, false)), Err: refusal}
}

// added finds the template that was made, also after a lost reply: WeChat tells no id.
func (o *Operator) added(ctx context.Context, out AddedTemplate, why string, lost error) (AddedTemplate, error) {
	if lost != nil && !wxclient.IsOutcomeUnknown(lost) {
		return out, fmt.Errorf("add draft %d to the template library: %w", out.Draft.ID, lost)
	}
	library, err := o.Templates(ctx)
	if err != nil {
		return out, errors.Join(lost, err)
	}
	out.Templates, out.Template = len(library), out.Draft.made(library)
	if out.Template == nil {
		err := fmt.Errorf("draft %d is not in the template library's list: look again (enqueue templates) before adding it once more", out.Draft.ID)
		return out, errors.Join(lost, err)
	}
	from := fmt.Sprintf("%s%d, version %s", actionDraft, out.Draft.ID, out.Draft.Version)
	if err := o.ledger.NotePlatform(ctx, from, fmt.Sprintf("template %d", out.Template.ID), o.by, orNoReason(why)); err != nil {
		return out, fmt.Errorf("template %d is in the library: %w", out.Template.ID, err)
	}
	return out, nil
}

// TemplateUsedError says that a template can't be deleted.
type TemplateUsedError struct {
	Template Template
	Uses     []TemplateUse
}

func (e *TemplateUsedError) Error() string {
	var uses []string
	for _, u := range e.Uses {
		uses = append(uses, u.String())
	}
	return fmt.Sprintf("template %d (version %s) is used by %s: without it their commits would fail with 85014", e.Template.ID, e.Template.Version, strings.Join(uses, ", "))
}

// DeleteTemplates deletes templates, and says which, in a dry run which it would. If one
// is not in the library (*TemplateError) or in use (*TemplateUsedError) it deletes none,
// and tells all of them. What stops it midway leaves the ones before deleted.
func (o *Operator) DeleteTemplates(ctx context.Context, ids []int64, dryRun bool, why string) ([]LibraryEntry, error) {
	l, err := o.Library(ctx)
	if err != nil {
		return nil, err
	}
	var chosen []LibraryEntry
	var faults []error
	for _, id := range ids {
		i := slices.IndexFunc(l.Entries, func(e LibraryEntry) bool { return e.ID == id })
		switch {
		case i < 0:
			faults = append(faults, l.missing(id))
		case len(l.Entries[i].Uses) > 0:
			faults = append(faults, &TemplateUsedError{Template: l.Entries[i].Template, Uses: l.Entries[i].Uses})
		default:
			chosen = append(chosen, l.Entries[i])
		}
	}
	if err := errors.Join(faults...); err != nil || dryRun {
		return chosen, err
	}
	for n, e := range chosen {
		if err := o.deleteTemplate(ctx, e.Template, why); err != nil {
			return chosen[:n], fmt.Errorf("deleted %d of %d templates: %w", n, len(chosen), err)
		}
	}
	return chosen, nil
}

// missing is the error of a template that isn't in the library.
func (l Library) missing(id int64) error {
	for _, e := range l.Entries {
		if !e.Standard {
			return &TemplateError{ID: id, Newest: e.pinned()}
		}
	}
	return &TemplateError{ID: id, Empty: true}
}

// deleteTemplate deletes one; one that somebody else deleted is fine, and a lost reply is
// read back.
func (o *Operator) deleteTemplate(ctx context.Context, t Template, why string) error {
	err := o.wx.DeleteTemplate(ctx, t.ID)
	refusal := (*wxclient.Error)(nil)
	switch {
	case err == nil, errors.As(err, &refusal) && refusal.Code == codeNoTemplate:
	case wxclient.IsOutcomeUnknown(err):
		list, failed := o.Templates(ctx)
		if failed != nil || slices.ContainsFunc(list, func(x Template) bool { return x.ID == t.ID }) {
			return errors.Join(fmt.Errorf("delete template %d: %w", t.ID, err), failed)
		}
	default:
		return fmt.Errorf("delete template %d: %w", t.ID, err)
	}
	from := fmt.Sprintf("%s%d, version %s", actionTemplate, t.ID, t.Version)
	if err := o.ledger.NotePlatform(ctx, from, "deleted", o.by, orNoReason(why)); err != nil {
		return fmt.Errorf("template %d is deleted: %w", t.ID, err)
	}
	return nil
}

package library

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wxrollout/wxrollout/internal/human"
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

// made is the template of a library that was made of the draft. The id is
// ambiguous: 0 is a valid id and also means none.
func (d Draft) made(list []Template) *Template {
	i := slices.IndexFunc(list, func(t Template) bool { return t.Draft == d.ID && t.Version == d.Version && t.Desc == d.Desc })
	if i < 0 {
		return nil
	}
	return &list[i]
}

// Drafts lists the uploads that can become templates, the newest first.
func (l *Library) Drafts(ctx context.Context) ([]Draft, error) {
	drafts, _, err := l.draftsAnd(ctx)
	return drafts, err
}

// draftsAnd reads the drafts and the library.
func (l *Library) draftsAnd(ctx context.Context) ([]Draft, []Template, error) {
	library, err := l.Templates(ctx)
	if err != nil {
		return nil, nil, err
	}
	found, err := l.d.WeChat.TemplateDrafts(ctx)
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

// DraftError reports that a draft isn't there.
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

// FullError reports that the library takes no more templates.
type FullError struct {
	Have int
	// Prunable is how many a pruning with its defaults would delete.
	Prunable int
	// Err is WeChat's refusal; nil if it was not asked.
	Err error
}

func (e *FullError) Error() string {
	text := fmt.Sprintf("the template library is full with %d templates", e.Have)
	if e.Err != nil {
		text += fmt.Sprintf(", says WeChat (%v)", e.Err)
	}
	if e.Prunable == 0 {
		return text + ": enqueue templates prune would free none; see who uses them with enqueue templates -o wide"
	}
	return text + fmt.Sprintf(": enqueue templates prune would free %d (--dry-run shows which)", e.Prunable)
}

func (e *FullError) Unwrap() error { return e.Err }

// Added is what adding a draft to the library did, or would do.
type Added struct {
	Draft Draft `json:"draft"`
	// Template is what it is in the library; nil in a dry run.
	Template *Template `json:"template,omitempty"`
	// Existed reports that it was there already: nothing was done.
	Existed bool `json:"existed"`
	// Templates is how many the library has now, Max how many it holds.
	Templates int `json:"templates"`
	Max       int `json:"library_max"`
}

// WeChat's codes for a library that is full, and for a template that isn't there.
const (
	codeLibraryFull = 85065
	codeNoTemplate  = 85064
)

// Add puts a draft into the library, or the newest one if id is nil. One that is
// there already is left alone. The error is a *DraftError or a *FullError.
func (l *Library) Add(ctx context.Context, id *int64, dryRun bool, why string) (Added, error) {
	out := Added{Max: Max}
	drafts, library, err := l.draftsAnd(ctx)
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
	if len(library) >= Max {
		return out, l.full(ctx, nil)
	}
	if dryRun {
		return out, nil
	}
	err = l.d.WeChat.AddTemplate(ctx, out.Draft.ID)
	if refusal := (*wxclient.Error)(nil); errors.As(err, &refusal) && refusal.Code == codeLibraryFull {
		return out, l.full(ctx, err)
	}
	return l.added(ctx, out, why, err)
}

// full says what a pruning would free.
func (l *Library) full(ctx context.Context, refusal error) error {
	c, err := l.Contents(ctx)
	if err != nil {
		return errors.Join(refusal, err)
	}
	return &FullError{Have: len(c.Entries), Prunable: len(c.Prunable(DefaultKeep, false)), Err: refusal}
}

// added finds the template that was made, also after a lost reply: WeChat returns no id.
func (l *Library) added(ctx context.Context, out Added, why string, lost error) (Added, error) {
	if lost != nil && !wxclient.IsOutcomeUnknown(lost) {
		return out, fmt.Errorf("add draft %d to the template library: %w", out.Draft.ID, lost)
	}
	library, err := l.Templates(ctx)
	if err != nil {
		return out, errors.Join(lost, err)
	}
	out.Templates, out.Template = len(library), out.Draft.made(library)
	if out.Template == nil {
		err := fmt.Errorf("draft %d is not in the template library's list: look again (enqueue templates) before adding it once more", out.Draft.ID)
		return out, errors.Join(lost, err)
	}
	from := fmt.Sprintf("%s%d, version %s", actionDraft, out.Draft.ID, out.Draft.Version)
	if err := l.d.Log.NotePlatform(ctx, from, fmt.Sprintf("template %d", out.Template.ID), l.d.By, human.Reason(why)); err != nil {
		return out, fmt.Errorf("template %d is in the library: %w", out.Template.ID, err)
	}
	return out, nil
}

// UsedError reports that a template can't be deleted.
type UsedError struct {
	Template Template
	Uses     []Use
}

func (e *UsedError) Error() string {
	var uses []string
	for _, u := range e.Uses {
		uses = append(uses, u.String())
	}
	return fmt.Sprintf("template %d (version %s) is used by %s: without it their commits would fail with 85014", e.Template.ID, e.Template.Version, strings.Join(uses, ", "))
}

// Delete deletes templates, and says which, in a dry run which it would. If one
// is not in the library (*TemplateError) or in use (*UsedError) it deletes none,
// and reports all of them. What stops it midway leaves the ones before deleted.
func (l *Library) Delete(ctx context.Context, ids []int64, dryRun bool, why string) ([]Entry, error) {
	c, err := l.Contents(ctx)
	if err != nil {
		return nil, err
	}
	var chosen []Entry
	var faults []error
	for _, id := range ids {
		i := slices.IndexFunc(c.Entries, func(e Entry) bool { return e.ID == id })
		switch {
		case i < 0:
			faults = append(faults, c.missing(id))
		case len(c.Entries[i].Uses) > 0:
			faults = append(faults, &UsedError{Template: c.Entries[i].Template, Uses: c.Entries[i].Uses})
		default:
			chosen = append(chosen, c.Entries[i])
		}
	}
	if err := errors.Join(faults...); err != nil || dryRun {
		return chosen, err
	}
	for n, e := range chosen {
		if err := l.deleteTemplate(ctx, e.Template, why); err != nil {
			return chosen[:n], fmt.Errorf("deleted %d of %d templates: %w", n, len(chosen), err)
		}
	}
	return chosen, nil
}

// missing is the error of a template that isn't in the library.
func (c Contents) missing(id int64) error {
	for _, e := range c.Entries {
		if !e.Standard {
			return &TemplateError{ID: id, Newest: e.Pinned()}
		}
	}
	return &TemplateError{ID: id, Empty: true}
}

// deleteTemplate deletes one; one that is gone is fine, and a lost reply is
// read back.
func (l *Library) deleteTemplate(ctx context.Context, t Template, why string) error {
	err := l.d.WeChat.DeleteTemplate(ctx, t.ID)
	refusal := (*wxclient.Error)(nil)
	switch {
	case err == nil, errors.As(err, &refusal) && refusal.Code == codeNoTemplate:
	case wxclient.IsOutcomeUnknown(err):
		list, failed := l.Templates(ctx)
		if failed != nil || slices.ContainsFunc(list, func(x Template) bool { return x.ID == t.ID }) {
			return errors.Join(fmt.Errorf("delete template %d: %w", t.ID, err), failed)
		}
	default:
		return fmt.Errorf("delete template %d: %w", t.ID, err)
	}
	from := fmt.Sprintf("%s%d, version %s", actionTemplate, t.ID, t.Version)
	if err := l.d.Log.NotePlatform(ctx, from, "deleted", l.d.By, human.Reason(why)); err != nil {
		return fmt.Errorf("template %d is deleted: %w", t.ID, err)
	}
	return nil
}

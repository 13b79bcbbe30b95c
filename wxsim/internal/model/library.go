package model

import (
	"slices"
	"sync"
	"time"
)

// maxTemplates is the size of the template library.
const maxTemplates = 200

// Template is one entry of the template library, or a draft of one.
type Template struct {
	// ID is the template_id (from 0) or the draft_id.
	ID      int64  `json:"id"`
	Version string `json:"version"`
	Desc    string `json:"desc"`
	// Type is 0 for ordinary, 1 for standard templates.
	Type int64 `json:"type"`
	// Pages are the pages of the package; nil means three pages of a shop.
	Pages []string `json:"pages"`
	// Private names the location apis that the code uses, such as getLocation. They must be declared in
	// requiredPrivateInfos.
	Private []string `json:"private"`

	draft   int64
	created time.Time
}

// Draft is the draft_id of the draft that the template was made from.
func (t Template) Draft() int64 { return t.draft }

// Created is when the template was made, or the draft uploaded.
func (t Template) Created() time.Time { return t.created }

// defaultPages are the pages of a template that names none.
var defaultPages = []string{"pages/index/index", "pages/goods/goods", "pages/order/order"}

// DefaultTemplates is the library of a Sim that is given none: ids 0 to 2 with versions 1.0.0, 2.0.0 and 3.0.0.
func DefaultTemplates() []Template {
	return []Template{
		{ID: 0, Version: "1.0.0", Desc: "first release"},
		{ID: 1, Version: "2.0.0", Desc: "second release"},
		{ID: 2, Version: "3.0.0", Desc: "third release"},
	}
}

type library struct {
	mu        sync.RWMutex
	templates []Template
	drafts    []Template
	nextID    int64
	nextDraft int64
}

func (l *library) open(list []Template, now time.Time) {
	for _, t := range list {
		l.put(t, now)
	}
	l.drafts = []Template{{ID: 1, Version: "3.1.0", Desc: "latest upload", Pages: defaultPages, created: now}}
	l.nextDraft = 2
}

// put adds a template, or replaces the one with its id.
func (l *library) put(t Template, now time.Time) {
	if t.Pages == nil {
		t.Pages = defaultPages
	}
	t.created = now
	if i := indexOf(l.templates, t.ID); i >= 0 {
		l.templates[i] = t
	} else {
		l.templates = append(l.templates, t)
	}
	l.nextID = max(l.nextID, t.ID+1)
}

func indexOf(list []Template, id int64) int {
	return slices.IndexFunc(list, func(t Template) bool { return t.ID == id })
}

// Template is the template with an id.
func (w *World) Template(id int64) (t Template, found bool) {
	l := &w.library
	l.mu.RLock()
	defer l.mu.RUnlock()
	if i := indexOf(l.templates, id); i >= 0 {
		return l.templates[i], true
	}
	return Template{}, false
}

// Templates and Drafts are copies of the library.
func (w *World) Templates() []Template {
	w.library.mu.RLock()
	defer w.library.mu.RUnlock()
	return slices.Clone(w.library.templates)
}

// Drafts are the uploaded drafts.
func (w *World) Drafts() []Template {
	w.library.mu.RLock()
	defer w.library.mu.RUnlock()
	return slices.Clone(w.library.drafts)
}

// PutTemplate adds a template, or replaces the one with its id. A negative id means the next free one. It returns the id.
func (w *World) PutTemplate(t Template) int64 {
	l := &w.library
	defer hold(&l.mu)()
	if t.ID < 0 {
		t.ID = l.nextID
	}
	l.put(t, w.Clock.Now())
	return t.ID
}

// PutDraft plays an upload from the developer tools: it replaces the draft and returns the new draft_id.
func (w *World) PutDraft(t Template) int64 {
	l := &w.library
	defer hold(&l.mu)()
	t.ID, t.created = l.nextDraft, w.Clock.Now()
	l.nextDraft++
	l.drafts = []Template{t}
	return t.ID
}

// AddToTemplates makes a template of a draft.
func (w *World) AddToTemplates(draft, kind int64, now time.Time) (code int) {
	l := &w.library
	defer hold(&l.mu)()
	i := indexOf(l.drafts, draft)
	switch {
	case i < 0:
		return 85064
	case len(l.templates) >= maxTemplates:
		return 85065
	}
	t := l.drafts[i]
	t.draft, t.ID, t.Type = draft, l.nextID, kind
	l.put(t, now)
	return 0
}

// DeleteTemplate removes a template from the library.
func (w *World) DeleteTemplate(id int64) (code int) {
	l := &w.library
	defer hold(&l.mu)()
	i := indexOf(l.templates, id)
	if i < 0 {
		return 85064
	}
	l.templates = slices.Delete(l.templates, i, i+1)
	return 0
}

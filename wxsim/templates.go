package wxsim

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
	ID int64 `json:"id"`
	// Version and Desc are user_version and user_desc.
	Version string `json:"version"`
	Desc    string `json:"desc"`
	// Type is 0 for ordinary, 1 for standard templates.
	Type int64 `json:"type"`
	// Pages are the pages of the package; nil means three pages of a shop.
	Pages []string `json:"pages"`
	// Private names the location apis the code uses, such as getLocation. They must be declared in requiredPrivateInfos.
	Private []string `json:"private"`

	draft   int64
	created time.Time
}

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

// library is the template library and the drafts.
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
	l.nextDraft = 1
	l.drafts = []Template{{ID: 1, Version: "3.1.0", Desc: "latest upload", Pages: defaultPages, created: now}}
	l.nextDraft = 2
}

// put adds or replaces a template by id.
func (l *library) put(t Template, now time.Time) {
	if t.Pages == nil {
		t.Pages = defaultPages
	}
	if t.created.IsZero() {
		t.created = now
	}
	if i := slices.IndexFunc(l.templates, func(o Template) bool { return o.ID == t.ID }); i >= 0 {
		l.templates[i] = t
	} else {
		l.templates = append(l.templates, t)
	}
	l.nextID = max(l.nextID, t.ID+1)
}

// find is the template with an id.
func (l *library) find(id int64) (Template, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	i := slices.IndexFunc(l.templates, func(t Template) bool { return t.ID == id })
	if i < 0 {
		return Template{}, false
	}
	return l.templates[i], true
}

// PutTemplate adds a template, or replaces the one with its id, as no API call can. A negative ID means the next free one.
// It returns the id.
func (s *Sim) PutTemplate(t Template) int64 {
	l := &s.library
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.ID < 0 {
		t.ID = l.nextID
	}
	l.put(t, s.clock.Now())
	return t.ID
}

// PutDraft plays an upload from the developer tools: it replaces the one draft there is and returns the new draft_id.
func (s *Sim) PutDraft(t Template) int64 {
	l := &s.library
	l.mu.Lock()
	defer l.mu.Unlock()
	t.ID, t.created = l.nextDraft, s.clock.Now()
	l.nextDraft++
	l.drafts = []Template{t}
	return t.ID
}

// source is the development mini program of the library.
const source = "wxd0d0d0d0d0d0d0d0"

func (t Template) payload() payload {
	return payload{
		"create_time": t.created.Unix(), "user_version": t.Version, "user_desc": t.Desc,
		"source_miniprogram_appid": source, "source_miniprogram": "Shop template", "developer": "dev",
	}
}

// draftList plays gettemplatedraftlist.
func (c *call) draftList() reply {
	l := &c.sim.library
	l.mu.RLock()
	defer l.mu.RUnlock()
	list := []payload{}
	for _, t := range l.drafts {
		p := t.payload()
		p["draft_id"] = t.ID
		list = append(list, p)
	}
	return success(payload{"draft_list": list})
}

// addToTemplate plays addtotemplate: the reply does not tell the new template_id.
func (c *call) addToTemplate() reply {
	id, ok := c.f.number("draft_id", true)
	kind, ok2 := c.f.number("template_type", false)
	if !ok || !ok2 && c.f.has("template_type") {
		return failure(47001)
	}
	if kind != 0 && kind != 1 {
		return failure(40097)
	}
	l := &c.sim.library
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.IndexFunc(l.drafts, func(t Template) bool { return t.ID == id })
	switch {
	case i < 0:
		return failure(85064)
	case len(l.templates) >= maxTemplates:
		return failure(85065)
	}
	t := l.drafts[i]
	t.draft, t.ID, t.Type, t.created = id, l.nextID, kind, c.now
	l.put(t, c.now)
	return success(nil)
}

// templateList plays gettemplatelist.
func (c *call) templateList() reply {
	only := c.r.URL.Query().Get("template_type")
	if only != "" && only != "0" && only != "1" {
		return failure(40097)
	}
	l := &c.sim.library
	l.mu.RLock()
	defer l.mu.RUnlock()
	list := []payload{}
	for _, t := range l.templates {
		if only == "0" && t.Type != 0 || only == "1" && t.Type != 1 {
			continue
		}
		p := t.payload()
		p["template_id"], p["draft_id"], p["template_type"] = t.ID, t.draft, t.Type
		p["category_list"], p["audit_scene"], p["audit_status"], p["reason"] = []string{}, 0, 0, ""
		list = append(list, p)
	}
	return success(payload{"template_list": list})
}

// deleteTemplate plays deletetemplate.
func (c *call) deleteTemplate() reply {
	id, ok := c.f.number("template_id", true)
	if !ok {
		return failure(47001)
	}
	l := &c.sim.library
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.IndexFunc(l.templates, func(t Template) bool { return t.ID == id })
	if i < 0 {
		return failure(85064)
	}
	l.templates = slices.Delete(l.templates, i, i+1)
	return success(nil)
}

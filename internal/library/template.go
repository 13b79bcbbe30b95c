package library

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/wxrollout/wxrollout/internal/credential"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/planfile"
)

// Template is one entry of the template library.
type Template struct {
	ID      int64     `json:"id"`
	Version string    `json:"version"`
	Desc    string    `json:"desc,omitempty"`
	Created time.Time `json:"created"`
	Source  string    `json:"source,omitempty"`
	// Draft is the draft it was made from.
	Draft int64 `json:"draft"`
	// Standard templates can't be used for rollouts any more.
	Standard bool `json:"standard,omitempty"`
}

// Templates lists the template library, the newest (highest id) first.
func (l *Library) Templates(ctx context.Context) ([]Template, error) {
	wx, err := l.online("list templates")
	if err != nil {
		return nil, err
	}
	entries, err := wx.Templates(ctx)
	if err != nil {
		return nil, fmt.Errorf("list templates: %w", err)
	}
	list := make([]Template, len(entries))
	for i, e := range entries {
		list[i] = Template{ID: e.ID, Version: e.Version, Desc: e.Desc, Created: time.Unix(e.CreateTime, 0), Source: e.Source, Draft: e.DraftID, Standard: e.Type != 0}
	}
	slices.SortFunc(list, func(a, b Template) int { return cmp.Compare(b.ID, a.ID) })
	return list, nil
}

// Newest returns the usable template with the highest id.
func Newest(list []Template) (Template, bool) {
	i := slices.IndexFunc(list, func(t Template) bool { return !t.Standard })
	if i < 0 {
		return Template{}, false
	}
	return list[i], true
}

// Find looks up a plan's template. The warnings name what differs in the library.
func (l *Library) Find(ctx context.Context, spec planfile.TemplateSpec, offline bool) (t rollout.Template, warnings []string, err error) {
	if offline || l.d.WeChat == nil {
		if spec.Latest {
			return t, nil, &credential.OfflineError{What: "find the newest template"}
		}
		return spec.Pinned(), []string{"the template was not looked up: WeChat was not asked"}, nil
	}
	list, err := l.Templates(ctx)
	if err != nil {
		return t, nil, err
	}
	newest, some := Newest(list)
	if !some {
		return t, nil, &TemplateError{Empty: true}
	}
	if spec.Latest {
		return newest.Pinned(), nil, nil
	}
	i := slices.IndexFunc(list, func(t Template) bool { return t.ID == spec.ID })
	if i >= 0 && list[i].Standard {
		return t, nil, &TemplateError{ID: spec.ID, Newest: newest.Pinned(), Standard: true}
	}
	if i < 0 {
		return t, nil, &TemplateError{ID: spec.ID, Newest: newest.Pinned()}
	}
	if found := list[i]; found.Version != spec.Version {
		warnings = append(warnings, fmt.Sprintf("the plan says version %s, the library has template %d as version %q: apps will show the plan's", spec.Version, found.ID, found.Version))
	}
	return spec.Pinned(), warnings, nil
}

// Pinned is the template as a plan names it.
func (t Template) Pinned() rollout.Template {
	return rollout.Template{ID: t.ID, Version: t.Version, Desc: t.Desc}
}

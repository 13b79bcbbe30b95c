package planfile

import (
	"encoding/json"
	"fmt"
	"io/fs"
)

// recipe is a plan with all that it needs, for one that chooses its apps later.
type recipe struct {
	Path string `json:"path"`
	Plan string `json:"plan"`
	Ext  string `json:"ext,omitempty"`
}

// Recipe is the plan as text that can be kept and read again by FromRecipe, with its
// ext template. A plan with a separate app list has none: it is "".
func (f *File) Recipe() string {
	if !f.Targets.Registry() {
		return ""
	}
	r := recipe{Path: f.Path, Plan: string(f.text)}
	if f.Ext != nil {
		r.Ext = f.Ext.Text()
	}
	text, err := json.Marshal(r)
	if err != nil {
		panic(fmt.Sprintf("planfile: marshal recipe: %v", err)) // three texts
	}
	return string(text)
}

// FromRecipe reads what Recipe made.
func FromRecipe(text string) (*File, error) {
	var r recipe
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return nil, fmt.Errorf("read a kept plan: %w", err)
	}
	f, err := Parse(r.Path, []byte(r.Plan), func(string) ([]byte, error) {
		if r.Ext == "" {
			return nil, fs.ErrNotExist
		}
		return []byte(r.Ext), nil
	})
	if err != nil {
		return nil, fmt.Errorf("read a kept plan: %w", err)
	}
	return f, nil
}

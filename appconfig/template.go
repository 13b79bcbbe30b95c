package appconfig

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/wxrollout/wxrollout/rollout/extjson"
)

// Template is the configure section of a plan before the values of an app are in it: JSON text
// whose strings may hold {{.column}}, as an ext template. It is safe for concurrent use.
type Template struct{ ext *extjson.Template }

// Parse reads the text that a plan keeps. "" is no template.
func Parse(text string) (*Template, error) {
	if text == "" {
		return nil, nil
	}
	ext, err := extjson.Parse(text)
	if err != nil {
		return nil, err
	}
	return &Template{ext: ext}, nil
}

// Columns are the columns of the app list that the template uses, sorted.
func (t *Template) Columns() []string { return t.ext.Columns() }

// Want is what a plan wants of one app.
type Want struct {
	// AppID is the app's.
	AppID string
	// Faults are the values that WeChat would not take, in order.
	Faults []Fault

	asked map[string]any // what each kind decoded, by its name
}

// Render fills in the values of one app. The error is a *extjson.Error, whose line is the
// template's; see Faults for values that WeChat would not take.
func (t *Template) Render(app extjson.App) (*Want, error) {
	doc, err := t.ext.Render(app)
	if err != nil {
		return nil, err
	}
	var sections map[string]any
	if err := json.Unmarshal([]byte(doc), &sections); err != nil {
		return nil, unread(err)
	}
	delete(sections, "extAppid") // the rendering of an ext template adds it
	w := &Want{AppID: app.AppID, asked: map[string]any{}}
	for _, k := range table {
		section, ok := sections[k.Key]
		if !ok {
			continue
		}
		if err := w.decode(k, section); err != nil {
			return nil, unread(fmt.Errorf("%s: %w", k.Key, err))
		}
	}
	for _, k := range table {
		delete(sections, k.Key)
	}
	if len(sections) > 0 {
		return nil, unread(fmt.Errorf("unknown key %q", slices.Sorted(maps.Keys(sections))[0]))
	}
	return w, nil
}

func unread(err error) error {
	return &extjson.Error{Msg: fmt.Sprintf("read the app configuration: %v", err)}
}

// decode adds what a section asks of a kind. The kind with the section's schema comes first, so
// that the others decode what it has settled.
func (w *Want) decode(k *Kind, section any) error {
	s := &settler{}
	if k.Schema != nil {
		section = s.settle(k.Key, k.Schema, section)
	}
	text, err := json.Marshal(section)
	if err != nil {
		return err
	}
	want, err := k.decode(text)
	if err != nil {
		return err
	}
	w.Faults = append(w.Faults, s.faults...)
	if f, ok := want.(interface{ faults() []Fault }); ok {
		w.Faults = append(w.Faults, f.faults()...)
	}
	if a, ok := want.(interface{ asks() bool }); !ok || a.asks() {
		w.asked[k.Name] = want
	}
	return nil
}

// Asks reports whether the plan asks for a kind.
func (w *Want) Asks(k *Kind) bool {
	_, ok := w.asked[k.Name]
	return ok
}

// Kinds are those that the plan asks for, in order.
func (w *Want) Kinds() []*Kind {
	return slices.DeleteFunc(Kinds(), func(k *Kind) bool { return !w.Asks(k) })
}

// At are those of a moment.
func (w *Want) At(m Moment) []*Kind {
	return slices.DeleteFunc(w.Kinds(), func(k *Kind) bool { return !slices.Contains(k.At, m) })
}

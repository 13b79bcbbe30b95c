package appconfig

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/wxrollout/wxrollout/rollout/extjson"
)

// Template is the configure part of a plan before the values of an app are in it:
// JSON text whose strings may hold {{.column}}, as an ext template. It is safe for
// concurrent use.
type Template struct{ ext *extjson.Template }

// Parse reads the text that a plan keeps. "" is no template, and asks for nothing.
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

// Render is what is asked of one app. Its values may still be ones that WeChat
// doesn't take: see Faults. The error is a *extjson.Error, whose line is the
// template's.
func (t *Template) Render(app extjson.App) (Spec, error) {
	var s Spec
	doc, err := t.ext.Render(app)
	if err != nil {
		return s, err
	}
	d := json.NewDecoder(strings.NewReader(doc))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return Spec{}, &extjson.Error{Msg: fmt.Sprintf("read the settings: %v", err)}
	}
	s.split()
	return s, nil
}

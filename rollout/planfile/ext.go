package planfile

import (
	"errors"
	"fmt"
	"slices"

	"github.com/goccy/go-yaml/ast"

	"github.com/wxrollout/wxrollout/rollout/extjson"
)

// readExt reads the section ext and the template it names; nil when there is none.
func readExt(top *object, open func(string) ([]byte, error)) *extjson.Template {
	o := top.object("ext")
	if o == nil {
		return nil
	}
	file, text := o.text("file"), o.text("inline")
	where := Fault{File: file, Key: "ext"}
	switch inline := o.get("inline"); {
	case file != "" && inline != nil:
		o.fault("inline", "", "can't be with file: want one of them")
	case inline != nil:
		where = Fault{Key: "ext.inline", Line: inline.GetToken().Position.Line - 1}
		if _, block := inline.(*ast.LiteralNode); block {
			where.Line++ // its text begins on the line after the |
		}
	case file == "":
		o.missing("file", "want file: ext.json.tmpl, or inline and the text")
	default:
		data, err := open(file)
		if err != nil {
			o.fault("file", file, "can't be read: %v", reason(err))
		}
		text = string(data)
	}
	o.done()
	ext, err := extjson.Parse(text)
	if bad := (*extjson.Error)(nil); errors.As(err, &bad) {
		where.Line, where.Msg = where.Line+bad.Line, bad.Msg
		o.r.add(where)
	}
	return ext
}

// CheckExt renders the template for every app and gives all faults, with the
// app's line in its list. A column the list lacks is one fault of its header.
func CheckExt(ext *extjson.Template, apps *Apps) Faults {
	if ext == nil {
		return nil
	}
	var faults Faults
	for _, name := range ext.Columns() {
		if !slices.Contains(apps.known(), name) {
			faults = append(faults, Fault{File: apps.name, Line: apps.headerLine, Key: name,
				Msg: "the ext template uses this column and the list lacks it" + suggest(name, apps.known())})
		}
	}
	if faults != nil {
		return faults
	}
	for _, app := range apps.All() {
		_, err := ext.Render(extjson.App{AppID: app.AppID, Label: app.Label, Columns: app.Columns})
		if bad := (*extjson.Error)(nil); errors.As(err, &bad) {
			msg := fmt.Sprintf("%s (%s, line %d of the ext template)", bad.Msg, app.AppID, bad.Line)
			faults = append(faults, Fault{File: apps.name, Line: app.Line, Key: bad.Column, Value: bad.Value, Msg: msg})
		}
	}
	return faults
}

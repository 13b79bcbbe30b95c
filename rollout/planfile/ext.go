package planfile

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"github.com/wxrollout/wxrollout/appconfig"
	"github.com/wxrollout/wxrollout/rollout/applist"
	"github.com/wxrollout/wxrollout/rollout/extjson"
	"github.com/wxrollout/wxrollout/rollout/filefault"
)

// readExt reads the section ext and the template it names; nil when there is none.
func readExt(top *object, open func(string) ([]byte, error)) *extjson.Template {
	o := top.object("ext")
	if o == nil {
		return nil
	}
	file, text, empty := o.text("file"), o.text("inline"), ""
	where := filefault.Fault{File: file, Key: "ext"}
	switch inline := o.get("inline"); {
	case file != "" && inline != nil:
		o.fault("inline", "", "can't be with file: want one of them")
	case inline != nil:
		where = filefault.Fault{Key: "ext.inline", Line: inline.GetToken().Position.Line - 1}
		if _, block := inline.(*ast.LiteralNode); block {
			where.Line++ // its text begins on the line after the |
		}
	case file == "":
		o.missing("file", "want file: ext.json.tmpl, or inline and the text")
	default:
		data, err := open(file)
		if book := filefault.Workbook(data); book != "" {
			err = errors.New(book + ": want a text file with the JSON of ext.json")
		}
		if err != nil {
			o.fault("file", file, "can't be read: %v", reason(err))
			o.done()
			return nil
		}
		text, empty = string(data), "the file is empty"
	}
	o.done()
	if blank := strings.TrimSpace(strings.TrimPrefix(text, "\ufeff")) == ""; blank && (empty != "" || o.has("inline")) {
		if where.Line++; empty != "" {
			where.Column = 1
		}
		where.Key, where.Msg = map[bool]string{true: where.Key}[empty == ""], cmp.Or(empty, "is empty")+`: want the JSON of ext.json, such as {"ext": {"shop": "{{.label}}"}}, or leave ext out`
		o.r.add(where)
		return nil
	}
	ext, err := extjson.Parse(text)
	if bad := (*extjson.Error)(nil); errors.As(err, &bad) {
		where.Line, where.Msg = where.Line+bad.Line, bad.Msg
		o.r.add(where)
	}
	return ext
}

// CheckExt renders the template for every app and returns all faults.
func CheckExt(ext *extjson.Template, apps *applist.Apps) filefault.Faults {
	if ext == nil {
		return nil
	}
	return checkApps(apps, "the ext template", ext.Columns(), func(app extjson.App) ([]appconfig.Fault, error) {
		_, err := ext.Render(app)
		return nil, err
	}, func(line int) string { return fmt.Sprintf("line %d of the ext template", line) })
}

// checkApps renders a template for every app. A fault has the app's line in its list; a column that the
// list lacks is one fault of its header. place is a line of the template in words.
func checkApps(apps *applist.Apps, what string, columns []string, render func(extjson.App) ([]appconfig.Fault, error), place func(line int) string) filefault.Faults {
	faults := apps.Missing(columns, what)
	if faults != nil {
		return faults
	}
	for _, app := range apps.All() {
		wrong, err := render(valuesOf(app))
		if bad := (*extjson.Error)(nil); errors.As(err, &bad) {
			msg := fmt.Sprintf("%s (%s)", bad.Msg, place(bad.Line))
			faults = append(faults, filefault.Fault{File: apps.Name(), Line: app.Line, App: app.AppID, Key: bad.Column, Value: bad.Value, Msg: msg})
		}
		for _, f := range wrong {
			faults = append(faults, filefault.Fault{File: apps.Name(), Line: app.Line, App: app.AppID, Key: "configure." + f.Key, Value: f.Value, Msg: f.Msg})
		}
	}
	return faults
}

// valuesOf is an app as templates take it.
func valuesOf(app applist.App) extjson.App {
	return extjson.App{AppID: app.AppID, Label: app.Label, Columns: app.Columns}
}

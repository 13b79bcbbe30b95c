package extjson

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"unicode/utf8"
)

// Max bounds the text of an ext template and the document it renders, in bytes.
const Max = 1 << 20

const (
	// actionsMax bounds the {{...}} of a template: each may be inside the one
	// before, and each reader of the tree recurses.
	actionsMax = 10_000
	// msgMax bounds an error of text/template, in characters: it may quote the
	// whole template.
	msgMax = 300
)

// Template is a parsed ext.json template: the document WeChat's commit takes as
// ext_json, with the columns of the app list filled in per app.
//
// It is Go template text. .appid, .label and every column of the app list by its
// name (.store_name) are available; $.store_name is the same, and so is
// (col "store-name") for names that aren't words. Each value is escaped for the
// inside of a JSON string when it is inserted, so the template writes the quotes:
//
//	{"ext": {"shop": "{{.store_name}}", "tier": {{.tier}}}}
//
// A value outside quotes must be JSON itself. {{json .store_name}} writes the
// quotes too, {{json .}} writes an object of all columns.
//
// It is strict: naming a column the list lacks is an error, and so is inserting
// one that is empty for the app. {{default "" .note}} and {{if .note}} are the
// ways to say that a column may be empty. Comparisons see the plain value.
// There are no loops and no sub-templates.
//
// A Template is safe for concurrent use.
type Template struct {
	text    string
	tmpl    *template.Template
	refs    []columnRef
	literal map[*byte]int // first byte of each literal piece to its line
	ends    []int         // where the lines end, while it is being prepared
}

// columnRef is one place where the template names a column.
type columnRef struct {
	name string
	line int
}

// App is what one app gives to the template.
type App struct {
	// AppID and Label are .appid and .label, also if Columns hold them.
	AppID, Label string
	// Columns are the app list's values by name.
	Columns map[string]string
}

// Error is a fault of an ext template, or of the document it renders for one app.
type Error struct {
	// Line is the line of the template, from 1; 0 when it is the whole document.
	Line int
	// Column is the app list's column to look at; "" when there is none.
	Column string
	// Value is the app's value of that column.
	Value string
	// Msg is what is wrong, and what to do where that isn't obvious.
	Msg string
}

// Error gives line, column, value and what is wrong.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("ext template")
	if e.Line > 0 {
		fmt.Fprintf(&b, " line %d", e.Line)
	}
	if e.Column != "" {
		fmt.Fprintf(&b, ": column %q", cut(e.Column, 60))
		if e.Value != "" {
			fmt.Fprintf(&b, " = %q", cut(e.Value, 60))
		}
	}
	return b.String() + ": " + e.Msg
}

// Parse reads an ext template. Blank text means {}. The error is an *Error.
func Parse(text string) (*Template, error) {
	text = strings.TrimPrefix(text, "\ufeff")
	switch {
	case len(text) > Max:
		return nil, &Error{Msg: "is larger than 1 MiB"}
	case strings.Count(text, "{{") > actionsMax:
		return nil, &Error{Msg: fmt.Sprintf("has more than %d {{...}}", actionsMax)}
	case !utf8.ValidString(text):
		return nil, &Error{Line: badLine(text), Msg: "is not valid UTF-8: save the file as UTF-8"}
	case strings.TrimSpace(text) == "":
		text = "{}"
	}
	tmpl, err := template.New("ext").Option("missingkey=error").Funcs(functions).Parse(text)
	if err != nil {
		return nil, templateError(err)
	}
	e := &Template{text: text, tmpl: tmpl, literal: make(map[*byte]int)}
	if err := e.prepare(); err != nil {
		return nil, err
	}
	return e, nil
}

// Text is the template as it was parsed; a plan keeps it.
func (e *Template) Text() string { return e.text }

// Columns are the names the template uses apart from appid and label, sorted. An
// app list that lacks one of them can't be rendered.
func (e *Template) Columns() []string {
	var names []string
	for _, ref := range e.refs {
		if ref.name != "appid" && ref.name != "label" {
			names = append(names, ref.name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Render gives the ext_json of one app: one JSON object on one line, without \u
// escapes (WeChat answers 47002 to those), whose extAppid is the app's. The
// error is an *Error.
func (e *Template) Render(app App) (string, error) {
	data := make(map[string]cell, len(app.Columns)+2)
	for name, value := range app.Columns {
		data[name] = cell(value)
	}
	data["appid"], data["label"] = cell(app.AppID), cell(app.Label)
	for _, ref := range e.refs {
		if _, ok := data[ref.name]; !ok {
			return "", &Error{Line: ref.line, Column: ref.name, Msg: "the app list has no such column"}
		}
	}
	out := &output{literal: e.literal}
	if err := e.tmpl.Execute(out, data); err != nil {
		return "", e.blame(templateError(err), data)
	}
	doc, err := compact(out.text, app.AppID)
	if bad := (*jsonError)(nil); errors.As(err, &bad) {
		return "", e.blame(&Error{Line: out.lineAt(bad.offset), Msg: bad.Error()}, data)
	}
	return doc, nil
}

// blame adds the column to an error that a single column of its line explains.
func (e *Template) blame(err *Error, data map[string]cell) *Error {
	if err.Column != "" {
		err.Value = string(data[err.Column])
		return err
	}
	var names []string
	for _, ref := range e.refs {
		if ref.line == err.Line && !slices.Contains(names, ref.name) {
			names = append(names, ref.name)
		}
	}
	if len(names) == 1 {
		err.Column, err.Value = names[0], string(data[names[0]])
		return err
	}
	for i, name := range names {
		names[i] = name + "=" + strconv.Quote(cut(string(data[name]), 60))
	}
	if len(names) > 0 {
		err.Msg += "; columns on this line: " + cut(strings.Join(names, ", "), msgMax)
	}
	return err
}

// text/template has no typed errors: their text holds the line and the reason.
var (
	templatePlace  = regexp.MustCompile(`^template: ext:(\d+)(?::\d+)?: `)
	templateAction = regexp.MustCompile(`^executing "ext" at <.*?>: (?:error calling \w+: )?`)
)

// templateError converts an error of text/template.
func templateError(err error) *Error {
	msg, line := err.Error(), 0
	if m := templatePlace.FindStringSubmatch(msg); m != nil {
		line, _ = strconv.Atoi(m[1])
		msg = msg[len(m[0]):]
		msg = strings.TrimPrefix(msg, templateAction.FindString(msg))
	}
	if own := (*Error)(nil); errors.As(err, &own) {
		return &Error{Line: line, Column: own.Column, Value: own.Value, Msg: cut(own.Msg, msgMax)}
	}
	return &Error{Line: line, Msg: cut(msg, msgMax)}
}

// badLine is the line of the first byte that isn't UTF-8.
func badLine(text string) int {
	good := strings.ToValidUTF8(text, "\x00")
	n := 0
	for n < len(good) && n < len(text) && good[n] == text[n] {
		n++
	}
	return 1 + strings.Count(text[:n], "\n")
}

// cut shortens s to n characters.
func cut(s string, n int) string {
	for at := range s {
		if n == 0 {
			return s[:at] + "..."
		}
		n--
	}
	return s
}

package term

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dustin/go-humanize/english"
)

// Format is an output format: a word, or a template with its text, such as jsonpath={.id}.
type Format string

// The formats.
const (
	Table      Format = "table"
	Wide       Format = "wide"
	JSON       Format = "json"
	YAML       Format = "yaml"
	CSV        Format = "csv"
	Name       Format = "name"
	JSONPath   Format = "jsonpath=PATH"
	GoTemplate Format = "go-template=TEMPLATE"
)

// Objects are the formats that write a whole value.
func Objects() []Format { return []Format{JSON, YAML, JSONPath, GoTemplate} }

// split returns the kind of a format and the text of its template.
func (f Format) split() (kind Format, text string) {
	for _, k := range []Format{JSONPath, GoTemplate} {
		prefix, _, _ := strings.Cut(string(k), "=")
		if text, ok := strings.CutPrefix(string(f), prefix+"="); ok {
			return k, text
		}
	}
	return f, ""
}

// Object reports whether the format writes a whole value instead of text or rows.
func (f Format) Object() bool {
	kind, _ := f.split()
	return slices.Contains(Objects(), kind)
}

// Text reports whether the format is for people.
func (f Format) Text() bool { return f == Table || f == Wide }

// FormatFlag is the flag -o of a command that knows some formats.
type FormatFlag struct {
	Value *Format
	Known []Format
}

func (f FormatFlag) String() string {
	if f.Value == nil {
		return ""
	}
	return string(*f.Value)
}

// Type implements pflag.Value.
func (f FormatFlag) Type() string { return "format" }

// Set implements pflag.Value.
func (f FormatFlag) Set(s string) error {
	kind, text := Format(s).split()
	if !slices.Contains(f.Known, kind) || s == string(JSONPath) || s == string(GoTemplate) {
		return fmt.Errorf("want %s", f.List())
	}
	if text != "" || kind != Format(s) {
		if _, err := parseTemplate(kind, text); err != nil {
			return err
		}
	}
	*f.Value = Format(s)
	return nil
}

// List names the formats for people.
func (f FormatFlag) List() string {
	names := make([]string, len(f.Known))
	for i, k := range f.Known {
		names[i] = string(k)
	}
	return english.OxfordWordSeries(names, "or")
}

package term

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/dustin/go-humanize/english"

	"github.com/wxrollout/wxrollout/internal/human"
)

// Format is an output format.
type Format string

// The formats.
const (
	Table Format = "table"
	Wide  Format = "wide"
	JSON  Format = "json"
	CSV   Format = "csv"
)

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
	if !slices.Contains(f.Known, Format(s)) {
		return fmt.Errorf("want %s", f.List())
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

// Column is one column of a list.
type Column[T any] struct {
	Name string
	// Wide columns are for -o wide and csv only.
	Wide bool
	Text func(T) string
}

// List writes items as rows of columns, or as JSON.
func List[T any](out io.Writer, f Format, columns []Column[T], items []T) error {
	if items == nil {
		items = []T{}
	}
	if f == JSON {
		return WriteJSON(out, items)
	}
	if f == Table {
		columns = slices.DeleteFunc(slices.Clone(columns), func(c Column[T]) bool { return c.Wide })
	}
	rows := make([][]string, 0, len(items))
	head := make([]string, len(columns))
	for i, c := range columns {
		head[i] = c.Name
	}
	for _, item := range items {
		row := make([]string, len(columns))
		for i, c := range columns {
			row[i] = c.Text(item)
		}
		rows = append(rows, row)
	}
	if f == CSV {
		return csv.NewWriter(out).WriteAll(append([][]string{head}, rows...))
	}
	for i, name := range head {
		head[i] = strings.ReplaceAll(name, "_", " ")
	}
	_, err := io.WriteString(out, human.Table(head, rows))
	return err
}

// WriteJSON writes an indented value.
func WriteJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

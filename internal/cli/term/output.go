package term

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mattn/go-runewidth"

	"github.com/wxrollout/wxrollout/internal/human"
)

// Format is how data is written.
type Format string

// The formats.
const (
	Table Format = "table"
	Wide  Format = "wide"
	JSON  Format = "json"
	CSV   Format = "csv"
)

// FormatFlag is -o with the formats a command knows, the first being its default.
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
	var names []string
	for _, k := range f.Known {
		names = append(names, string(k))
	}
	if len(names) == 1 {
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

// Column is one column of a list.
type Column[T any] struct {
	Name string
	// Wide ones are shown by -o wide and csv only.
	Wide bool
	Text func(T) string
}

// List writes a list of things; json writes them as they are.
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
	rows := make([][]string, 0, len(items)+1)
	head := make([]string, len(columns))
	for i, c := range columns {
		head[i] = c.Name
	}
	rows = append(rows, head)
	for _, item := range items {
		row := make([]string, len(columns))
		for i, c := range columns {
			row[i] = c.Text(item)
		}
		rows = append(rows, row)
	}
	if f == CSV {
		w := csv.NewWriter(out)
		return w.WriteAll(rows)
	}
	for i, name := range head {
		head[i] = strings.ToUpper(strings.ReplaceAll(name, "_", " "))
	}
	return writeTable(out, rows)
}

// WriteJSON writes a value for programs and people.
func WriteJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// gap parts the columns of a table.
const gap = "  "

// writeTable aligns rows in columns. Chinese characters are two columns wide.
func writeTable(w io.Writer, rows [][]string) error {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], runewidth.StringWidth(human.OneLine(cell)))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(runewidth.FillRight(human.OneLine(cell), widths[i]) + gap)
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

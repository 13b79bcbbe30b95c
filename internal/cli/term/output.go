package term

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/wxrollout/wxrollout/internal/human"
)

// Listing has the flags of commands that write lists.
type Listing struct {
	SortBy    string
	NoHeaders bool
}

// Column is one column of a list.
type Column[T any] struct {
	Name string
	// Wide columns are for -o wide and csv only.
	Wide bool
	// State columns have a color on a terminal.
	State bool
	// Key is the column that -o name writes; without one it is the first.
	Key  bool
	Text func(T) string
	// Time is the time that Text shows as an age. CSV has the time itself, under the name CSV.
	Time func(T) time.Time
	CSV  string
}

// List writes items, which noun names, as rows of columns or as one value.
func List[T any](s Streams, f Format, noun string, columns []Column[T], items []T) error {
	if items == nil {
		items = []T{}
	}
	items, err := sorted(s.Listing.SortBy, columns, items)
	if err != nil {
		return err
	}
	switch {
	case f.Object():
		return s.Object(f, items)
	case f == Name:
		key := max(0, slices.IndexFunc(columns, func(c Column[T]) bool { return c.Key }))
		var b strings.Builder
		for _, item := range items {
			b.WriteString(human.OneLine(columns[key].Text(item)) + "\n")
		}
		return s.Print("%s", b.String())
	case f == CSV:
		return writeCSV(s, columns, items)
	case len(items) == 0:
		s.Talk("no %s\n", noun)
		return nil
	}
	return Rows(s, f, columns, items)
}

func writeCSV[T any](s Streams, columns []Column[T], items []T) error {
	w := human.NewCSV(s.Out)
	row := make([]string, len(columns))
	if !s.Listing.NoHeaders {
		for i, c := range columns {
			if row[i] = c.Name; c.CSV != "" {
				row[i] = c.CSV
			}
		}
		if err := w.Write(row); err != nil {
			return err
		}
	}
	for _, item := range items {
		for i, c := range columns {
			if row[i] = ""; c.Time != nil {
				row[i] = human.Stamp(c.Time(item))
			} else {
				row[i] = c.Text(item)
			}
		}
		if err := w.Write(row); err != nil {
			return err
		}
	}
	return w.Flush()
}

// Rows writes items as a table for people, as a part of a longer text.
func Rows[T any](s Streams, f Format, columns []Column[T], items []T) error {
	if f == Table {
		columns = slices.DeleteFunc(slices.Clone(columns), func(c Column[T]) bool { return c.Wide })
	}
	var head []string
	if !s.Listing.NoHeaders {
		for _, c := range columns {
			head = append(head, strings.ReplaceAll(c.Name, "_", " "))
		}
	}
	rows := make([][]string, 0, len(items))
	for _, item := range items {
		row := make([]string, len(columns))
		for i, c := range columns {
			row[i] = c.Text(item)
		}
		rows = append(rows, row)
	}
	_, err := io.WriteString(s.Out, human.PaintedTable(head, rows, func(column int, cell string) string {
		if s.Color && columns[column].State {
			return paint(cell)
		}
		return cell
	}))
	return err
}

// Object writes a whole value in a format for programs.
func (s Streams) Object(f Format, v any) error {
	if f == JSON {
		return WriteJSON(s.Out, v)
	}
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if f == YAML {
		return writeYAML(s.Out, text)
	}
	template, err := parseTemplate(f.split())
	if err != nil {
		return err
	}
	value, err := plain(text)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := template(&b, value); err != nil {
		return err
	}
	return s.Print("%s", b.String())
}

// plain reads a JSON text. Whole numbers stay whole.
func plain(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("read the value for the template: %w", err)
	}
	return numbers(v), nil
}

// numbers replaces each json.Number with an int64 or a float64.
func numbers(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, x := range v {
			v[name] = numbers(x)
		}
	case []any:
		for i, x := range v {
			v[i] = numbers(x)
		}
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		n, _ := v.Float64() // the decoder has accepted it
		return n
	}
	return v
}

// WriteJSON writes an indented value.
func WriteJSON(w io.Writer, v any) error { return writeJSON(w, v, "  ") }

// WriteJSONLine writes a value on one line.
func WriteJSONLine(w io.Writer, v any) error { return writeJSON(w, v, "") }

func writeJSON(w io.Writer, v any, indent string) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", indent)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(human.EscapeJSON(b.Bytes()))
	return err
}

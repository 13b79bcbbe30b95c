package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"
	"github.com/spf13/cobra"
)

// format is how data is written.
type format string

const (
	formatTable format = "table"
	formatWide  format = "wide"
	formatJSON  format = "json"
	formatCSV   format = "csv"
)

// formatFlag is -o with the formats a command knows, the first being its default.
type formatFlag struct {
	value *format
	known []format
}

func (f formatFlag) String() string {
	if f.value == nil {
		return ""
	}
	return string(*f.value)
}
func (f formatFlag) Type() string { return "format" }
func (f formatFlag) Set(s string) error {
	if !slices.Contains(f.known, format(s)) {
		return fmt.Errorf("want %s", f.list())
	}
	*f.value = format(s)
	return nil
}

func (f formatFlag) list() string {
	var names []string
	for _, k := range f.known {
		names = append(names, string(k))
	}
	if len(names) == 1 {
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

// bindFormat adds -o to a command.
func bindFormat(cmd *cobra.Command, value *format, known ...format) {
	*value = known[0]
	f := formatFlag{value: value, known: known}
	cmd.Flags().VarP(f, "output", "o", "how to write: "+f.list())
	var names []string
	for _, k := range known {
		names = append(names, string(k))
	}
	complete(cmd, "output", names...)
}

// complete lets the shell complete a flag's values.
func complete(cmd *cobra.Command, flag string, values ...string) {
	if err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag was just added
	}
}

// column is one column of a list.
type column[T any] struct {
	name string
	// wide ones are shown by -o wide and csv only.
	wide bool
	text func(T) string
}

// list writes a list of things; json writes them as they are.
func list[T any](d *deps, f format, columns []column[T], items []T) error {
	if items == nil {
		items = []T{}
	}
	if f == formatJSON {
		return writeJSON(d.out, items)
	}
	if f == formatTable {
		columns = slices.DeleteFunc(slices.Clone(columns), func(c column[T]) bool { return c.wide })
	}
	rows := make([][]string, 0, len(items)+1)
	head := make([]string, len(columns))
	for i, c := range columns {
		head[i] = c.name
	}
	rows = append(rows, head)
	for _, item := range items {
		row := make([]string, len(columns))
		for i, c := range columns {
			row[i] = c.text(item)
		}
		rows = append(rows, row)
	}
	if f == formatCSV {
		w := csv.NewWriter(d.out)
		return w.WriteAll(rows)
	}
	for i, name := range head {
		head[i] = strings.ToUpper(strings.ReplaceAll(name, "_", " "))
	}
	return writeTable(d.out, rows)
}

// writeJSON writes a value for programs and people.
func writeJSON(w io.Writer, v any) error {
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
			widths[i] = max(widths[i], runewidth.StringWidth(oneLine(cell)))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(runewidth.FillRight(oneLine(cell), widths[i]) + gap)
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// oneLine makes text fit a table's cell: line ends and what a terminal would
// take for commands become blanks.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
}

// shorten cuts text to a width.
func shorten(s string, width int) string { return runewidth.Truncate(oneLine(s), width, "…") }

// ago is how long ago a time was, in one unit and a bit: 4m, 3h20m, 5d.
func (d *deps) ago(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return span(d.now().Sub(t))
}

// until is how long until a time; "now" when it has come.
func (d *deps) until(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	if left := t.Sub(d.now()); left > 0 {
		return span(left)
	}
	return "now"
}

// span writes a duration for people.
func span(d time.Duration) string {
	switch d = max(0, d); {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	default:
		return fmt.Sprintf("%dd%02dh", int(d.Hours())/24, int(d.Hours())%24)
	}
}

// clockTime is a time for people, in their zone; "" for none.
func clockTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04:05 MST")
}

// stamp is a time for programs; "" for none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339)
}

package human

import (
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// plain is a table without lines: two blanks between columns, none at the end of a line.
var plain = table.Style{
	Box:     table.BoxStyle{PaddingRight: "  "},
	Format:  table.FormatOptions{Header: text.FormatUpper},
	Options: table.OptionsNoBordersAndSeparators,
}

// Table aligns rows below an upper-case head, which may be nil.
func Table(head []string, rows [][]string) string {
	t := newTable(head, rows, OneLine)
	t.SetStyle(plain)
	t.SuppressTrailingSpaces()
	return line(t.Render())
}

// Markdown writes a table in Markdown.
func Markdown(head []string, rows [][]string) string {
	return line(newTable(head, rows, markdownCell).RenderMarkdown())
}

// line ends text with a line end unless it is empty.
func line(s string) string {
	if s == "" {
		return ""
	}
	return s + "\n"
}

// markdownCell keeps text from being read as HTML; the renderer escapes bars.
func markdownCell(s string) string { return strings.ReplaceAll(OneLine(s), "<", "&lt;") }

func newTable(head []string, rows [][]string, clean func(string) string) table.Writer {
	t := table.NewWriter()
	cells := func(values []string) table.Row {
		row := make(table.Row, len(values))
		for i, v := range values {
			row[i] = clean(v)
		}
		return row
	}
	if head != nil {
		t.AppendHeader(cells(head))
	}
	for _, values := range rows {
		t.AppendRow(cells(values))
	}
	return t
}

package human

import (
	"regexp"
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
func Table(head []string, rows [][]string) string { return PaintedTable(head, rows, nil) }

// PaintedTable is a table whose cells paint may color; it gets the column and the text.
func PaintedTable(head []string, rows [][]string, paint func(column int, cell string) string) string {
	t := newTable(head, rows, func(column int, cell string) string {
		if cell = OneLine(cell); paint != nil {
			return paint(column, cell)
		}
		return cell
	})
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

// markdownMarks escapes what begins HTML, links, images and code, and what escapes.
var markdownMarks = strings.NewReplacer(`\`, `\\`, "&", "&amp;", "<", "&lt;", "[", `\[`, "]", `\]`, "`", "\\`")

// autolinks are the parts by which renderers recognize addresses in plain text.
var autolinks = regexp.MustCompile(`(?i)://|\bwww\.|@[\w-]+\.`)

// MarkdownText escapes a text for Markdown: it has no links that a reader could follow.
func MarkdownText(s string) string {
	return autolinks.ReplaceAllStringFunc(markdownMarks.Replace(OneLine(s)), func(found string) string {
		return strings.NewReplacer(":", "&#58;", ".", "&#46;", "@", "&#64;").Replace(found)
	})
}

// markdownCell is MarkdownText for the renderer of tables, which escapes bars.
func markdownCell(_ int, s string) string { return MarkdownText(s) }

func newTable(head []string, rows [][]string, clean func(int, string) string) table.Writer {
	t := table.NewWriter()
	cells := func(values []string) table.Row {
		row := make(table.Row, len(values))
		for i, v := range values {
			row[i] = clean(i, v)
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

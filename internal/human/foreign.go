package human

import (
	"encoding/csv"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Hidden reports whether a character can change how the text around it is shown, or is
// invisible itself: control characters, line separators, marks of direction, characters
// without a width, and blanks that look like nothing. WeChat and merchants write such text.
func Hidden(r rune) bool {
	switch r {
	case 0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0: // joiners and fillers that fonts draw as nothing
		return true
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

// neutral replaces hidden characters but those of keep: controls with a blank, others with
// U+FFFD, so that two names that look alike stay distinct.
func neutral(s, keep string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case strings.ContainsRune(keep, r) || !Hidden(r):
			return r
		case unicode.IsControl(r):
			return ' '
		default:
			return utf8.RuneError
		}
	}, s)
}

// OneLine neutralizes the hidden characters of a text, line ends included.
func OneLine(s string) string { return neutral(s, "") }

// Lines neutralizes the hidden characters of a text but line ends and tabs.
func Lines(s string) string { return neutral(s, "\n\t") }

// EscapeJSON escapes the hidden characters inside the strings of a JSON text. Programs read
// the same value; terminals show the escape.
func EscapeJSON(text []byte) []byte {
	out := make([]byte, 0, len(text))
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if r < utf8.RuneSelf && r != 0x7F || !Hidden(r) { // encoding/json escapes the controls of ASCII but DEL
			out = append(out, text[:size]...)
		} else if high, low := utf16.EncodeRune(r); high != unicode.ReplacementChar {
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		} else {
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		text = text[size:]
	}
	return out
}

// CSV writes rows for spreadsheets: without hidden characters, and without cells that a
// spreadsheet reads as formulas.
type CSV struct{ w *csv.Writer }

// NewCSV returns a writer of rows.
func NewCSV(w io.Writer) CSV { return CSV{csv.NewWriter(w)} }

// Write writes a row.
func (c CSV) Write(row []string) error {
	cells := make([]string, len(row))
	for i, cell := range row {
		cells[i] = guard(OneLine(cell))
	}
	return c.w.Write(cells)
}

// Flush writes what is buffered and returns the first error.
func (c CSV) Flush() error {
	c.w.Flush()
	return c.w.Error()
}

// formulas are the characters that begin a formula, also in their full width.
const formulas = "=+-@＝＋－＠"

var plainNumber = regexp.MustCompile(`^[+-]?\d+(\.\d+)?$`)

func formula(cell string) bool {
	first, _ := utf8.DecodeRuneInString(strings.TrimLeft(cell, " "))
	return first != utf8.RuneError && strings.ContainsRune(formulas, first) && !plainNumber.MatchString(cell)
}

// guard puts an apostrophe before a formula: spreadsheets then show it as text.
func guard(cell string) string {
	if formula(cell) {
		return "'" + cell
	}
	return cell
}

// Unguard returns the cell that CSV guarded.
func Unguard(cell string) string {
	if rest, ok := strings.CutPrefix(cell, "'"); ok && formula(rest) {
		return rest
	}
	return cell
}

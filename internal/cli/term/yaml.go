package term

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/wxrollout/wxrollout/internal/human"
)

// writeYAML writes a JSON text as YAML with the same order of fields. Libraries write control
// characters as they are, or leave strings such as 1e3 unquoted; this writer quotes
// everything but plain words, and escapes what EscapeJSON escapes.
func writeYAML(w io.Writer, text []byte) error {
	y := yamlWriter{in: json.NewDecoder(bytes.NewReader(text))}
	y.in.UseNumber()
	if err := y.value("", ""); err != nil {
		return err
	}
	_, err := io.WriteString(w, strings.TrimPrefix(y.out.String(), "\n")+"\n")
	return err
}

type yamlWriter struct {
	in  *json.Decoder
	out strings.Builder
}

// value writes the next value behind a name's colon, behind the dash of an element, or at
// the start of the text.
func (y *yamlWriter) value(indent, behind string) error {
	token, err := y.in.Token()
	if err != nil {
		return err
	}
	if open, ok := token.(json.Delim); ok && y.in.More() {
		return y.block(open, indent, behind)
	} else if ok {
		closing, err := y.in.Token()
		y.scalar(behind, open.String()+fmt.Sprint(closing))
		return err
	}
	switch token := token.(type) {
	case string:
		y.scalar(behind, yamlString(token))
	case nil:
		y.scalar(behind, "null")
	default:
		y.scalar(behind, fmt.Sprint(token))
	}
	return nil
}

func (y *yamlWriter) scalar(behind, text string) {
	if behind != "" {
		text = " " + text
	}
	y.out.WriteString(text)
}

// block writes the fields or elements of a value, each on a line but the first of an element.
func (y *yamlWriter) block(open json.Delim, indent, behind string) error {
	lead := "\n" + indent
	if behind == "-" {
		lead = " "
	}
	for y.in.More() {
		y.out.WriteString(lead)
		lead = "\n" + indent
		mark := "-"
		if open == '{' {
			name, err := y.in.Token()
			if err != nil {
				return err
			}
			y.out.WriteString(yamlString(fmt.Sprint(name)))
			mark = ":"
		}
		y.out.WriteString(mark)
		if err := y.value(indent+"  ", mark); err != nil {
			return err
		}
	}
	_, err := y.in.Token()
	return err
}

var (
	yamlWord     = regexp.MustCompile(`^[\p{L}_]([\p{L}\p{N} ._/@+-]*[\p{L}\p{N}_/+-])?$`)
	yamlReserved = regexp.MustCompile(`(?i)^(true|false|yes|no|on|off|y|n|null|nan|inf)$`)
)

// yamlString returns a word, or a string in double quotes.
func yamlString(s string) string {
	if yamlWord.MatchString(s) && !yamlReserved.MatchString(s) && !strings.ContainsFunc(s, human.Hidden) {
		return s
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"', r == '\\':
			b.WriteString(`\` + string(r))
		case r == '\n':
			b.WriteString(`\n`)
		case !human.Hidden(r):
			b.WriteRune(r)
		case r > 0xFFFF:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

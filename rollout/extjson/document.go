package extjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// output collects what a template writes, within Max, and remembers which
// line of the template each literal piece came from. A template writes each
// piece of literal text with one Write of the very bytes it parsed.
type output struct {
	literal map[*byte]int
	text    []byte
	pieces  []piece
}

// piece is where in the output a literal piece begins, and its line in the template.
type piece struct{ offset, line int }

// Write implements io.Writer.
func (o *output) Write(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	if len(o.text)+len(b) > Max {
		return 0, &Error{Msg: "renders more than 1 MiB"}
	}
	if line, ok := o.literal[&b[0]]; ok {
		o.pieces = append(o.pieces, piece{len(o.text), line})
	}
	o.text = append(o.text, b...)
	return len(b), nil
}

// lineAt is the template's line for a place in the output. Inserted values have
// no line ends, being escaped.
func (o *output) lineAt(offset int) int {
	from := piece{0, 1}
	for _, p := range o.pieces {
		if p.offset > offset {
			break
		}
		from = p
	}
	return from.line + strings.Count(string(o.text[from.offset:min(offset, len(o.text))]), "\n")
}

// jsonError is a fault at a place of the rendered document.
type jsonError struct {
	offset int
	msg    string
}

// Error is what is wrong.
func (e *jsonError) Error() string { return e.msg }

// extAppid is the key whose value must be the app itself.
const extAppid = "extAppid"

// compact makes one line of a rendered document: an object, no blanks, no
// duplicate keys, no \u escapes, extAppid set. The error is a *jsonError.
func compact(doc []byte, appid string) (string, error) {
	if !json.Valid(doc) || !bytes.HasPrefix(bytes.TrimSpace(doc), []byte("{")) {
		return "", explainJSON(doc)
	}
	s := &squeezer{in: doc, out: make([]byte, 0, len(doc)+len(appid)+len(`{"extAppid":"",}`))}
	if err := s.run(); err != nil {
		return "", err
	}
	for _, own := range s.named {
		if own.key != extAppid {
			return "", &jsonError{own.at, fmt.Sprintf("unknown key %q: write extAppid", own.key)}
		}
		var value json.RawMessage
		if err := json.NewDecoder(bytes.NewReader(s.out[own.value:])).Decode(&value); err != nil {
			return "", &jsonError{own.at, err.Error()}
		}
		if string(value) != string(appendQuoted(nil, appid)) {
			return "", &jsonError{own.at, fmt.Sprintf("extAppid is %s, want this app's %q: leave it out and it is set", cut(string(value), 40), appid)}
		}
	}
	if len(s.named) > 0 {
		return string(s.out), nil
	}
	head := appendQuoted([]byte(`{"extAppid":`), appid)
	if len(s.out) > len(`{}`) {
		head = append(head, ',')
	}
	return string(append(head, s.out[1:]...)), nil
}

// explainJSON says why a document isn't an object, and where.
func explainJSON(doc []byte) error {
	err := json.Unmarshal(doc, new(json.RawMessage))
	if bad := (*json.SyntaxError)(nil); errors.As(err, &bad) {
		at := max(0, int(bad.Offset)-1)
		near := strings.ToValidUTF8(string(doc[at:min(len(doc), at+20)]), "")
		near, _, _ = strings.Cut(near, "\n")
		if near = strings.TrimSpace(near); near != "" {
			return &jsonError{at, fmt.Sprintf("not JSON near %q: %v", near, bad)}
		}
		return &jsonError{at, fmt.Sprintf("not JSON: %v", bad)}
	}
	return &jsonError{0, "want a JSON object, { to }"}
}

// squeezer rewrites a valid document without blanks and needless escapes.
type squeezer struct {
	in, out []byte
	// open has the keys seen of each enclosing object; nil for an array.
	open   []map[string]bool
	last   string // the last string read: a key when a colon follows
	lastAt int    // where it began
	named  []namedApp
}

// namedApp is the document's own extAppid, in any case.
type namedApp struct {
	key   string
	at    int // of the key, in
	value int // of the value, out
}

// run rewrites the document.
func (s *squeezer) run() error {
	for i := 0; i < len(s.in); i++ {
		switch c := s.in[i]; c {
		case ' ', '\t', '\r', '\n':
			continue
		case '"':
			end := stringEnd(s.in, i)
			if err := s.text(i, end); err != nil {
				return err
			}
			i = end - 1
			continue
		case '{':
			s.open = append(s.open, make(map[string]bool))
		case '[':
			s.open = append(s.open, nil)
		case '}', ']':
			s.open = s.open[:len(s.open)-1]
		case ':':
			if err := s.key(); err != nil {
				return err
			}
		}
		s.out = append(s.out, s.in[i])
	}
	return nil
}

// key notes the last string as a key of the object it is in.
func (s *squeezer) key() error {
	keys := s.open[len(s.open)-1]
	if keys[s.last] {
		return &jsonError{s.lastAt, fmt.Sprintf("the key %q is there twice", cut(s.last, 60))}
	}
	keys[s.last] = true
	if len(s.open) == 1 && strings.EqualFold(s.last, extAppid) {
		s.named = append(s.named, namedApp{s.last, s.lastAt, len(s.out) + len(":")})
	}
	return nil
}

// text writes the string in[from:to], quotes included, without \u escapes.
func (s *squeezer) text(from, to int) error {
	quoted := s.in[from:to]
	if !utf8.Valid(quoted) {
		return &jsonError{from, "not valid UTF-8"}
	}
	s.last, s.lastAt = string(quoted[1:len(quoted)-1]), from
	if !strings.Contains(s.last, `\`) {
		s.out = append(s.out, quoted...)
		return nil
	}
	escaped := strings.Contains(s.last, `\u`)
	if err := json.Unmarshal(quoted, &s.last); err != nil {
		return &jsonError{from, err.Error()}
	}
	if strings.IndexFunc(s.last, unprintable) >= 0 {
		return &jsonError{from, fmt.Sprintf("the text %s has a control character, which WeChat does not take", cut(string(quoted), 60))}
	}
	if escaped && strings.ContainsRune(s.last, utf8.RuneError) {
		return &jsonError{from, fmt.Sprintf("the text %s has half a character: write it plainly, without \\u", cut(string(quoted), 60))}
	}
	s.out = appendQuoted(s.out, s.last)
	return nil
}

// stringEnd is the index after the string that begins at from in valid JSON.
func stringEnd(doc []byte, from int) int {
	for i := from + 1; ; i++ {
		switch doc[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}

// unprintable reports a character JSON can write only as \u00xx.
func unprintable(r rune) bool {
	return r < ' ' && !strings.ContainsRune("\b\f\n\r\t", r)
}

// appendQuoted appends s as a JSON string.
func appendQuoted(dst []byte, s string) []byte {
	return append(appendEscaped(append(dst, '"'), s), '"')
}

// appendEscaped appends s as the inside of a JSON string. Only what JSON can't
// hold otherwise is escaped; a control character without a short escape is
// refused by whoever inserts, and comes out as \u00xx here.
func appendEscaped(dst []byte, s string) []byte {
	for _, r := range s {
		switch r {
		case '"', '\\':
			dst = append(dst, '\\', byte(r))
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\f':
			dst = append(dst, '\\', 'f')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			if r < ' ' {
				dst = fmt.Appendf(dst, `\u%04x`, r)
				continue
			}
			dst = utf8.AppendRune(dst, r)
		}
	}
	return dst
}

package wire

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Unescape replaces every \uXXXX escape of a JSON text by the character it stands for.
// An escape that JSON cannot do without (a control character, half a surrogate pair) is an
// error: WeChat answers such text with 47002 or stores the escape itself. Escaped quotes and
// backslashes keep their short form.
func Unescape(text []byte) ([]byte, error) {
	if !bytes.Contains(text, []byte(`\u`)) {
		return text, nil
	}
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); {
		if text[i] != '\\' || i+1 == len(text) {
			out = append(out, text[i])
			i++
			continue
		}
		if text[i+1] != 'u' {
			out = append(out, text[i], text[i+1])
			i += 2
			continue
		}
		r, size := escapedRune(text[i:])
		switch {
		case r == '"' || r == '\\':
			out = append(out, '\\', byte(r))
		case r == utf8.RuneError || unicode.IsControl(r):
			return nil, fmt.Errorf("the text holds %q, a character WeChat does not take", text[i:min(i+6, len(text))])
		default:
			out = utf8.AppendRune(out, r)
		}
		i += size
	}
	return out, nil
}

// escapedRune decodes the escape at the start of text and returns how many bytes it takes.
func escapedRune(text []byte) (rune, int) {
	first, ok := hex4(text)
	if !ok {
		return utf8.RuneError, len(text)
	}
	if !utf16.IsSurrogate(first) {
		return first, 6
	}
	second, ok := hex4(text[6:])
	if !ok {
		return utf8.RuneError, 6
	}
	return utf16.DecodeRune(first, second), 12
}

func hex4(text []byte) (rune, bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	return rune(n), err == nil
}

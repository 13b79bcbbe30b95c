package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

const (
	// maxRawRunes is the longest raw reply kept in an error.
	maxRawRunes = 300
	// maxRawBytes is how much of a reply is looked at for it.
	maxRawBytes = 8 << 10
)

// raw is the reply for a person to read: on one line, without secrets, at most 300 runes. A broken
// reply of a call that answers with credentials is withheld: what cannot be parsed cannot be
// redacted with certainty.
func (a answer) raw() string {
	if a.Bare && !json.Valid(a.body) && holdsCredential.Match(a.body) {
		return fmt.Sprintf("%d bytes, withheld: they may hold a token", len(a.body))
	}
	head := a.body
	if len(head) > maxRawBytes {
		head = head[:maxRawBytes]
		head = head[:max(bytes.LastIndexAny(head, "\", \n"), 0)] // half a secret would not be recognized
	}
	return tidy(string(head), a.secrets, maxRawRunes)
}

// holdsCredential finds the names of fields that hold credentials.
var holdsCredential = regexp.MustCompile(`(?i)token|ticket|secret|auth_code`)

// salvage reads errcode, errmsg and rid from the top of an object that is broken further on: cut off,
// followed by garbage, or with a field of the wrong form. ok reports that it found an errcode other
// than 0. A broken reply never counts as a success.
func salvage(text []byte) (env envelope, ok bool) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if _, err := d.Token(); err != nil { // the opening brace
		return env, false
	}
	for {
		key, err := d.Token()
		name, isKey := key.(string)
		if err != nil || !isKey {
			break
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			if strings.EqualFold(name, "errmsg") {
				env.Msg = LooseText(partialText(text[d.InputOffset():]))
			}
			break
		}
		if int(d.InputOffset()) == len(text) && value[0] != '"' {
			break // a number that is cut off is another number
		}
		env.take(name, value)
	}
	return env, env.Code.Value() != 0
}

// take sets the field of that name; a value of the wrong form leaves it unchanged.
func (e *envelope) take(name string, value json.RawMessage) {
	switch strings.ToLower(name) {
	case "errcode":
		var code Integer
		if json.Unmarshal(value, &code) == nil {
			e.Code = &code
		}
	case "errmsg":
		_ = json.Unmarshal(value, &e.Msg) // a LooseText takes any value
	case "rid":
		_ = json.Unmarshal(value, &e.RID)
	case "hint":
		e.Hint = value
	}
}

// firstText finds the beginning of a JSON string, up to its end or to where the text breaks off.
var firstText = regexp.MustCompile(`^\s*:?\s*"((?:[^"\\]|\\.)*)`)

// partialText is the string at the start of text, of which the end may be missing.
func partialText(text []byte) string {
	found := firstText.FindSubmatch(text)
	if found == nil {
		return ""
	}
	if whole, err := strconv.Unquote(`"` + string(found[1]) + `"`); err == nil {
		return whole
	}
	return string(found[1])
}

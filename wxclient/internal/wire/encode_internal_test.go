package wire

import (
	"encoding/json"
	"testing"

	"pgregory.net/rapid"
)

// TestEncodeKeepsText: what is encoded decodes to the same value, without any \u escape.
func TestEncodeKeepsText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[\x20-\x{D7FF}\x{E000}-\x{10FFFF}\n\t]*`).Draw(t, "text")
		in := map[string]string{"text": text}
		body, err := encodeJSON(in)
		if err != nil {
			return // refused: a control character outside ASCII
		}
		var out map[string]string
		if err := json.Unmarshal(body, &out); err != nil || out["text"] != text {
			t.Fatalf("%q became %q (%v)", text, out["text"], err)
		}
	})
}

// TestUnescapeIsFaithful: a text with every character escaped means the same afterwards.
func TestUnescapeIsFaithful(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`"\u4e2d"`:       `"中"`,
		`"\\u4e2d"`:      `"\\u4e2d"`,
		`"\ud83d\ude00"`: `"😀"`,
		`"\u0022\u005c"`: `"\"\\"`,
		`"\n\t\/"`:       `"\n\t\/"`,
	} {
		got, err := Unescape([]byte(in))
		if err != nil || string(got) != want {
			t.Errorf("%s became %s (%v), want %s", in, got, err, want)
		}
	}
	for _, in := range []string{`"\u0000"`, `"\u0085"`, `"\ud83d"`, `"\ud83d\u0041"`, `"\u12`, `"\u12zz"`} {
		if got, err := Unescape([]byte(in)); err == nil {
			t.Errorf("%s was taken as %s", in, got)
		}
	}
}

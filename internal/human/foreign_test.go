package human

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// hostile are texts that change what a reader or a spreadsheet sees.
var hostile = []string{
	"a\x1b[2Jb", "a\x07b", "a\x7fb", "a\u0085b", "a\u009b31mb", "a\u200bb", "a\u200db", "a\u202eb", "a\u2066b", "a\u2069b",
	"a\ufeffb", "a\u2028b", "a\u2029b", "a\u00adb", "a\u3164b", "a\U000e0041b", "a\u061cb",
}

func TestForeignTextIsNeutralized(t *testing.T) {
	t.Parallel()
	hidden := func(s string) bool { return strings.ContainsFunc(s, Hidden) }
	for _, text := range hostile {
		for name, got := range map[string]string{"one line": OneLine(text), "lines": Lines(text), "markdown": MarkdownText(text)} {
			if hidden(got) || !utf8.ValidString(got) || !strings.HasPrefix(got, "a") || !strings.Contains(got, "b") {
				t.Errorf("%s of %q: %q", name, text, got)
			}
		}
		plain, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		escaped := EscapeJSON(plain)
		var back string
		if err := json.Unmarshal(escaped, &back); err != nil || back != text || hidden(string(escaped)) {
			t.Errorf("JSON of %q: %s, read as %q: %v", text, escaped, back, err)
		}
	}
	if got := Lines("a\n\tb\r"); got != "a\n\tb " {
		t.Errorf("lines: %q", got)
	}
	if got := OneLine("店铺 ñ 👍🏽 ️ עברית"); got != "店铺 ñ 👍🏽 ️ עברית" {
		t.Errorf("innocent text: %q", got)
	}
}

func TestCSVHasNoFormula(t *testing.T) {
	t.Parallel()
	for cell, want := range map[string]string{
		"=1+1": "'=1+1", "+cmd|x": "'+cmd|x", "-1+1": "'-1+1", "@sum": "'@sum", "＝1": "'＝1", "＋1": "'＋1", "－x": "'－x", "＠x": "'＠x",
		"\t=1": "' =1", "\r=1": "' =1", "\n=1": "' =1", "a\nb": "a b", "a\u202eb": "a\ufffdb",
		"-1": "-1", "+8613800000000": "+8613800000000", "-0.5": "-0.5", "a=b": "a=b", "": "", "'=x": "'=x",
	} {
		var b strings.Builder
		w := NewCSV(&b)
		if err := w.Write([]string{"x", cell}); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		got := strings.TrimPrefix(strings.TrimSuffix(b.String(), "\n"), "x,")
		if got = strings.Trim(got, `"`); got != want {
			t.Errorf("%q: %q, want %q", cell, got, want)
		}
		if guarded := strings.HasPrefix(want, "'") && !strings.HasPrefix(cell, "'"); guarded && Unguard(want) != want[1:] || !guarded && !strings.HasPrefix(cell, "'") && Unguard(want) != want {
			t.Errorf("unguard %q: %q", want, Unguard(want))
		}
	}
}

func TestMarkdownHasNoForeignLinks(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"[x](https://h)":  `\[x\](https&#58;//h)`,
		"![x](javascript": `!\[x\](javascript`,
		"<a href=x>":      "&lt;a href=x>",
		"www.h.example":   "www&#46;h.example",
		"me@h.example":    "me&#64;h&#46;example",
		`a\|b`:            `a\\|b`,
		"`code`":          "\\`code\\`",
		"&lt;":            "&amp;lt;",
	} {
		if got := MarkdownText(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	if got, want := Markdown([]string{"a"}, [][]string{{`x\|y`}}), "| a |\n| --- |\n| x\\\\\\|y |\n"; got != want {
		t.Errorf("a bar behind a backslash: %q, want %q", got, want)
	}
}

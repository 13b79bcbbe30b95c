package extjson_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/wxrollout/wxrollout/internal/memtest"
	"github.com/wxrollout/wxrollout/rollout/extjson"
)

const extTestAppID = "wx0123456789abcdef"

func extApp(columns ...string) extjson.App {
	app := extjson.App{AppID: extTestAppID, Label: "Tea House", Columns: map[string]string{}}
	for i := 0; i+1 < len(columns); i += 2 {
		app.Columns[columns[i]] = columns[i+1]
	}
	return app
}

func TestRender(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, text string
		app        extjson.App
		want       string
	}{
		{"empty text", "", extApp(), `{"extAppid":"wx0123456789abcdef"}`},
		{"blank text with a BOM", "\ufeff \n", extApp(), `{"extAppid":"wx0123456789abcdef"}`},
		{"own appid written out", `{"extAppid": "{{.appid}}"}`, extApp(), `{"extAppid":"wx0123456789abcdef"}`},
		{"column", `{"ext": {"shop": "{{.shop}}"}}`, extApp("shop", "North"), `{"extAppid":"wx0123456789abcdef","ext":{"shop":"North"}}`},
		{"root variable", `{"a": "{{$.shop}}"}`, extApp("shop", "North"), `{"extAppid":"wx0123456789abcdef","a":"North"}`},
		{"label", `{"a": "{{.label}}"}`, extApp(), `{"extAppid":"wx0123456789abcdef","a":"Tea House"}`},
		{"appid column does not shadow", `{"a": "{{.appid}}"}`, extApp("appid", "wxffffffffffffffff"), `{"extAppid":"wx0123456789abcdef","a":"wx0123456789abcdef"}`},
		{"quote, backslash and line end", `{"a": "{{.x}}"}`, extApp("x", "a\"b\\c\nd\t"), `{"extAppid":"wx0123456789abcdef","a":"a\"b\\c\nd\t"}`},
		{"no HTML escapes, Chinese stays", `{"a": "{{.x}}"}`, extApp("x", "<茶&馆>\u2028"), "{\"extAppid\":\"wx0123456789abcdef\",\"a\":\"<茶&馆>\u2028\"}"},
		{"template's own escapes are undone", `{"a": "\u8336\ud83c\udf75\/"}`, extApp(), `{"extAppid":"wx0123456789abcdef","a":"茶🍵/"}`},
		{"number outside quotes", `{"n": {{.n}}}`, extApp("n", "7.50"), `{"extAppid":"wx0123456789abcdef","n":7.50}`},
		{"json of a column", `{"a": {{json .x}}}`, extApp("x", `5" disc`), `{"extAppid":"wx0123456789abcdef","a":"5\" disc"}`},
		{"json of all", `{"ext": {{json .}}}`, extApp("x", `"`), `{"extAppid":"wx0123456789abcdef","ext":{"appid":"wx0123456789abcdef","label":"Tea House","x":"\""}}`},
		{"json twice is once", `{"a": {{json (json .x)}}}`, extApp("x", `"`), `{"extAppid":"wx0123456789abcdef","a":"\""}`},
		{"default", `{"a": "{{default "none" .x}}", "b": "{{.x | default ""}}"}`, extApp("x", ""), `{"extAppid":"wx0123456789abcdef","a":"none","b":""}`},
		{"default is escaped once", `{"a": {{json (default "\"" .x)}}}`, extApp("x", ""), `{"extAppid":"wx0123456789abcdef","a":"\""}`},
		{"if compares the plain value", `{"a": {{if eq .x "\"q\""}}1{{else}}2{{end}}}`, extApp("x", `"q"`), `{"extAppid":"wx0123456789abcdef","a":1}`},
		{"if an empty column", `{"a": {{if .x}}1{{else}}2{{end}}}`, extApp("x", ""), `{"extAppid":"wx0123456789abcdef","a":2}`},
		{"with", `{"a": "{{with .x}}{{.}}{{$.y}}{{end}}"}`, extApp("x", `"`, "y", "z"), `{"extAppid":"wx0123456789abcdef","a":"\"z"}`},
		{"col", `{"a": "{{col "store-name"}}"}`, extApp("store-name", "x"), `{"extAppid":"wx0123456789abcdef","a":"x"}`},
		{"blanks and key order", "{ \"z\" : [ 1 , true ] ,\r\n\t\"a\" : \"b c\" }", extApp(), `{"extAppid":"wx0123456789abcdef","z":[1,true],"a":"b c"}`},
		{"the same key in two objects", `{"a": {"k": 1}, "b": [{"k": 2}, {"k": 3}]}`, extApp(), `{"extAppid":"wx0123456789abcdef","a":{"k":1},"b":[{"k":2},{"k":3}]}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			ext, err := extjson.Parse(tc.text)
			if err != nil {
				t.Fatal(err)
			}
			got, err := ext.Render(tc.app)
			if err != nil || got != tc.want {
				t.Errorf("got  %s (%v)\nwant %s", got, err, tc.want)
			}
		})
	}
}

// extFault gives the error of a template, from parsing or rendering.
func extFault(t *testing.T, text string, app extjson.App) *extjson.Error {
	t.Helper()
	ext, err := extjson.Parse(text)
	if err == nil {
		var doc string
		if doc, err = ext.Render(app); err == nil {
			t.Fatalf("rendered %s, want an error", doc)
		}
	}
	var fault *extjson.Error
	if !errors.As(err, &fault) {
		t.Fatalf("%T is not an *Error: %v", err, err)
	}
	return fault
}

func TestFaults(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("x", extjson.Max/2)
	for _, tc := range []struct {
		name, text string
		app        extjson.App
		line       int
		column     string
		value      string
		msg        string
	}{
		{"unknown column", "{\n\"a\": \"{{.shpo}}\"}", extApp("shop", "x"), 2, "shpo", "", "no such column"},
		{"unknown column in a branch not taken", "{{if false}}\n{{.shpo}}{{end}}{}", extApp(), 2, "shpo", "", "no such column"},
		{"unknown column by col", "{\n\n\"a\": \"{{col \"shpo\"}}\"}", extApp(), 3, "shpo", "", "no such column"},
		{"unknown column by a computed col", "{\n\"a\": \"{{col .x}}\"}", extApp("x", "shpo"), 2, "shpo", "", "no such column"},
		{"empty column", "{\n\"a\": \"{{.x}}\"}", extApp("x", ""), 2, "x", "", `write {{default "" .x}}`},
		{"empty label", "{\"a\": \"{{.label}}\"}", extjson.App{AppID: extTestAppID}, 1, "label", "", "is empty"},
		{"json of an empty column", "{\"a\": {{json .x}}}", extApp("x", ""), 1, "x", "", "is empty"},
		{"control character", "{\n\"a\": \"{{.x}}\"}", extApp("x", "a\x01"), 2, "x", "a\x01", "control character"},
		{"half a character", "{\"a\": \"{{slice .x 0 2}}\"}", extApp("x", "茶"), 1, "x", "茶", "UTF-8"},
		{"half a surrogate", `{"a": "\ud83c"}`, extApp(), 1, "", "", "half a character"},
		{"control character in the template", "{\n\"a\": \"\\u0001\"}", extApp(), 2, "", "", "control character"},
		{"broken by a value", "{\n\"n\": {{.n}}}", extApp("n", "many"), 2, "n", "many", `not JSON near "many}"`},
		{"value that would add a key", "{\n\"n\": {{.n}}}", extApp("n", `1,"x":2`), 2, "n", `1,"x":2`, "not JSON"},
		{"broken after a trimmed action", "{\n{{- /* a\n\nb */ -}}\n\"a\" 1}", extApp(), 5, "", "", "not JSON near \"1}\""},
		{"two columns on the line", "{\n\"n\": {{.n}}, \"m\": {{.m}}}", extApp("n", "1", "m", "x"), 2, "", "", `columns on this line: n="1", m="x"`},
		{"not an object", "[]", extApp(), 1, "", "", "want a JSON object"},
		{"null", "null", extApp(), 1, "", "", "want a JSON object"},
		{"two documents", "{}\n{}", extApp(), 2, "", "", "not JSON"},
		{"cut short", "{\n\"a\": 1", extApp(), 2, "", "", "unexpected end"},
		{"another app", "{\n\"extAppid\": \"wxffffffffffffffff\"}", extApp(), 2, "", "", "leave it out"},
		{"another app from a column", "{\n\"extAppid\": \"{{.id}}\"}", extApp("id", "wx1"), 2, "id", "wx1", "leave it out"},
		{"appid of another kind", "{\"extAppid\": 1}", extApp(), 1, "", "", "extAppid is 1"},
		{"misspelt extAppid", "{\n\"extAppId\": \"x\"}", extApp(), 2, "", "", "write extAppid"},
		{"duplicate key", "{\"a\": 1,\n\"\\u0061\": 2}", extApp(), 2, "", "", `"a" is there twice`},
		{"range", "{\n{{range .}}{{end}}}", extApp(), 2, "", "", "range is not supported"},
		{"define", "{{define \"x\"}}{{template \"x\"}}{{end}}{}", extApp(), 0, "", "", "not supported"},
		{"function left out", "{\n\"a\": \"{{printf \"%q\" .x}}\"}", extApp("x", "y"), 2, "", "", "printf is not supported"},
		{"index is loose", "{\"a\": \"{{index . \"x\"}}\"}", extApp(), 1, "", "", "index is not supported"},
		{"the guard is not callable", "{\"a\": \"{{_insert \"x\" .x}}\"}", extApp("x", "y"), 1, "", "", "not supported"},
		{"unknown function", "{\n{{jsn .x}}}", extApp(), 2, "", "", `"jsn" not defined`},
		{"unclosed action", "{\n\n\"a\": \"{{.x\"}", extApp(), 3, "", "", "bad character"},
		{"col without a name", "{\"a\": \"{{\"x\" | col}}\"}", extApp(), 1, "", "", `write (col "name")`},
		{"only a comment", "{{/* nothing */}}", extApp(), 1, "", "", "unexpected end of JSON"},
		{"not UTF-8", "{\n\"a\": \"\xb2\xe8\"}", extApp(), 2, "", "", "UTF-8"},
		{"too large", strings.Repeat(" ", extjson.Max+1), extApp(), 0, "", "", "1 MiB"},
		{"renders too much", "{\"a\": \"{{.x}}{{.x}}\"}", extApp("x", big), 0, "", "", "1 MiB"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := extFault(t, tc.text, tc.app)
			if got.Line != tc.line || got.Column != tc.column || got.Value != tc.value || !strings.Contains(got.Msg, tc.msg) {
				t.Errorf("got %d %q %q %q, want %d %q %q ...%s...", got.Line, got.Column, got.Value, got.Msg, tc.line, tc.column, tc.value, tc.msg)
			}
		})
	}
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	got := extFault(t, "{\n\"n\": {{.n}}}", extApp("n", "many")).Error()
	const want = `ext template line 2: column "n" = "many": not JSON near "many}": invalid character 'm' looking for beginning of value`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestColumns(t *testing.T) {
	t.Parallel()
	ext, err := extjson.Parse(`{"a": "{{.appid}}{{.b}}{{if .a}}{{(col "c-d")}}{{end}}", "b": "{{with .b}}{{.}}{{$.e}}{{else}}{{.f}}{{end}}"}`)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(ext.Columns(), " "), "a b c-d e f"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestValueSurvives: with any printable text in a column, the document is
// JSON, holds exactly that text, and has no \u in it.
func TestValueSurvives(t *testing.T) {
	t.Parallel()
	ext, err := extjson.Parse(`{"ext": {"quoted": "{{.x}}", "func": {{json .x}}, "all": {{json .}}}}`)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringOfN(rapid.OneOf(rapid.Rune(), rapid.SampledFrom([]rune("\"\\/\n\t<>&{}茶\u2028"))).Filter(func(r rune) bool {
			return r >= ' ' || r == '\n' || r == '\t'
		}), 1, 40, -1).Draw(t, "value")
		doc, err := ext.Render(extApp("x", value))
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			ExtAppid string
			Ext      struct {
				Quoted, Func string
				All          map[string]string
			}
		}
		if err := json.Unmarshal([]byte(doc), &got); err != nil {
			t.Fatal(err)
		}
		if got.ExtAppid != extTestAppID || got.Ext.Quoted != value || got.Ext.Func != value || got.Ext.All["x"] != value {
			t.Fatalf("%q became %s", value, doc)
		}
		if strings.Contains(strings.ReplaceAll(doc, `\\`, ""), `\u`) || strings.Contains(doc, "\n") {
			t.Fatalf("escapes or line ends in %s", doc)
		}
	})
}

// extPerByte is the memory that a byte of a template may take, parsed and
// rendered, freed memory included.
const extPerByte = 3000

// FuzzRender: no template makes us panic or take memory without bound; what is
// refused is refused by an Error with a line of the template, and what is
// rendered is one plain line that says the same when it is rendered again.
func FuzzRender(f *testing.F) {
	for _, text := range []string{
		"", `{"a": "{{.x}}"}`, `{"a": {{json .}}}`, `{{if .x}}{}{{end}}`, `{"\u0061": 1}`, `{{with .x}}{{.}}{{end}}`, `{"a": {{default 1 .x}}}`,
		`{{range .x}}{{range .x}}a{{end}}{{end}}`, `{{define "a"}}{{template "a"}}{{end}}{{template "a"}}`, `{"a": {{printf "%999999999d" 1}}}`,
		`{{$a := json .}}{"a": {{$a}}, "b": {{json $a}}}`, `{"a": 1e999999999, "b": -0}`, strings.Repeat(`{"a":`, 50), `{{(((((1)))))}}`,
	} {
		f.Add(text, "v\"\n")
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		memtest.Bounded(t, len(text)+len(value), extPerByte, func() { renderExt(t, text, value) })
	})
}

// renderExt renders a template for one app, and checks what comes of it.
func renderExt(t *testing.T, text, value string) {
	t.Helper()
	doc, err := "", error(nil)
	ext, err := extjson.Parse(text)
	if err == nil {
		doc, err = ext.Render(extApp("x", value))
	}
	if err != nil {
		fault := (*extjson.Error)(nil)
		if !errors.As(err, &fault) || strings.Contains(fault.Msg, "template:") {
			t.Fatalf("raw error: %v", err)
		}
		if fault.Line < 0 || fault.Line > 1+strings.Count(text, "\n") || fault.Msg == "" || len(err.Error()) > 4096 {
			t.Fatalf("line %d of %d, and %d bytes: %.300v", fault.Line, 1+strings.Count(text, "\n"), len(err.Error()), err)
		}
		return
	}
	var got map[string]any
	decoder := json.NewDecoder(strings.NewReader(doc))
	decoder.UseNumber() // 1e999 is JSON, and no float64
	if err := decoder.Decode(&got); err != nil || got["extAppid"] != extTestAppID {
		t.Fatalf("%s: %v", doc, err)
	}
	if strings.ContainsAny(doc, "\n\r") || strings.Contains(strings.ReplaceAll(doc, `\\`, ""), `\u`) || len(doc) > extjson.Max+100 {
		t.Fatalf("not one plain line: %q", doc)
	}
	if strings.Contains(doc, "{{") || len(doc) > extjson.Max {
		return // as a template it would be another, or too large
	}
	again, err := extjson.Parse(doc)
	if err != nil {
		t.Fatalf("%s as a template: %v", doc, err)
	}
	if same, err := again.Render(extApp("x", value)); err != nil || same != doc {
		t.Fatalf("%s became %s, rendered again (%v)", doc, same, err)
	}
}

// TestHostileTemplate: templates made to cost are refused, or cost in proportion.
func TestHostileTemplate(t *testing.T) { //nolint:paralleltest // it measures memory
	for name, h := range map[string][3]string{
		"ifs": {"", "{{if 1}}", ""}, "ifs that end": {"", "{{if .x}}{{end}}", "{}"}, "withs": {"", "{{with .x}}", ""}, "else ifs": {"{{if .x}}", "{{else if .x}}", "{{end}}"},
		"parentheses": {"{{", "(", "}}"}, "pipes": {"{{.x", "|json", "}}"}, "fields": {"{{.x", ".x", "}}"}, "words": {"{{and ", "1 ", "}}"},
		"variables": {"", "{{$a := .x}}", "{}"}, "rows": {`{"a": [`, "{{json .}},", "1]}"}, "values": {`{"a": "`, "{{.x}}", `"}`}, "columns": {"", "{{.nope}}", ""},
		"comments": {"", "{{/* */}}", "{}"}, "lines": {"", "\n", "{}"}, "objects": {"", `{"a":`, ""}, "arrays": {`{"a":`, "[", ""}, "a number": {`{"a":`, "9", "}"},
		"keys": {"{", `"a":1,`, `"b":1}`}, "escapes": {`{"a":"`, `\u0041`, `"}`}, "empty objects": {`{"a":[`, "{},", "1]}"}, "bad bytes": {"", "\xff", ""},
		"a string": {"{{`", "a", "`}}"}, "trims": {"", "{{- 1 -}}", ""}, "unclosed": {"", "{{", ""}, "printf": {"{{printf ", "%d ", "}}"}, "numbers": {"{{", "9", "}}"},
	} {
		text := memtest.Long(h[0], h[1], h[2], extjson.Max)
		memtest.Bounded(t, len(text), 300, func() { renderExt(t, text, strings.Repeat("v", 4096)) })
		if t.Failed() {
			t.Fatalf("by %s", name)
		}
	}
}

func ExampleTemplate_Render() {
	ext, err := extjson.Parse(`{
  "ext": {"shop": "{{.store_name}}", "tier": {{.tier}}}
}`)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, tier := range []string{"3", "gold"} {
		doc, err := ext.Render(extjson.App{
			AppID:   "wx0123456789abcdef",
			Columns: map[string]string{"store_name": `Café "Nord"`, "tier": tier},
		})
		fmt.Println(doc, err)
	}
	// Output:
	// {"extAppid":"wx0123456789abcdef","ext":{"shop":"Café \"Nord\"","tier":3}} <nil>
	//  ext template line 2: not JSON near "gold}": invalid character 'g' looking for beginning of value; columns on this line: store_name="Café \"Nord\"", tier="gold"
}

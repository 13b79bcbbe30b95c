package term

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/wxrollout/wxrollout/internal/cli/exit"
	"github.com/wxrollout/wxrollout/internal/human"
)

// shop is an entry of a list.
type shop struct {
	Name  string    `json:"name"`
	State string    `json:"state"`
	Apps  int64     `json:"apps"`
	Owner *owner    `json:"owner,omitempty"`
	Since time.Time `json:"since"`
}

type owner struct {
	City string `json:"city"`
}

var shopColumns = []Column[shop]{
	{Name: "no", Text: func(s shop) string { return human.Count(s.Apps) }},
	{Name: "name", Key: true, Text: func(s shop) string { return s.Name }},
	{Name: "state", State: true, Text: func(s shop) string { return s.State }},
	{Name: "age", Text: func(s shop) string { return human.Duration(noon.Sub(s.Since)) }, Time: func(s shop) time.Time { return s.Since }, CSV: "since"},
	{Name: "city", Wide: true, Text: func(s shop) string {
		if s.Owner == nil {
			return ""
		}
		return s.Owner.City
	}},
}

var shops = []shop{
	{"b-10", "failed: x", 1000, &owner{"=Sh\u202eanghai"}, noon.Add(-3 * time.Hour)},
	{"b-9", "released", 999, nil, noon.Add(-25 * time.Hour)},
	{"a\x1b[2J\nx", "odd", 7, &owner{"1e3"}, noon.Add(-time.Minute)},
}

func listed(t *testing.T, f Format, o Listing, items []shop) (out, err string, code exit.Code) {
	t.Helper()
	s := newStreams("")
	s.Listing = o
	code = exit.CodeOf(List(s.Streams, f, "shops", shopColumns, items))
	return s.Stdout.String(), s.Stderr.String(), code
}

func TestList(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		f    Format
		o    Listing
		want string
	}{
		{"table", Table, Listing{}, "NO     NAME     STATE      AGE\n1,000  b-10     failed: x  3h00m\n999    b-9      released   1d01h\n7      a [2J x  odd        1m\n"},
		{"no headers", Wide, Listing{NoHeaders: true}, "1,000  b-10     failed: x  3h00m  =Sh\ufffdanghai\n999    b-9      released   1d01h\n7      a [2J x  odd        1m     1e3\n"},
		{"csv", CSV, Listing{}, "no,name,state,since,city\n\"1,000\",b-10,failed: x,2030-01-01T09:00:00Z,'=Sh\ufffdanghai\n999,b-9,released,2029-12-31T11:00:00Z,\n7,a [2J x,odd,2030-01-01T11:59:00Z,1e3\n"},
		{"csv without head", CSV, Listing{NoHeaders: true, SortBy: "no"}, "7,a [2J x,odd,2030-01-01T11:59:00Z,1e3\n999,b-9,released,2029-12-31T11:00:00Z,\n\"1,000\",b-10,failed: x,2030-01-01T09:00:00Z,'=Sh\ufffdanghai\n"},
		{"name", Name, Listing{}, "b-10\nb-9\na [2J x\n"},
		{"by column", Name, Listing{SortBy: "name"}, "a [2J x\nb-9\nb-10\n"},
		{"by time", Name, Listing{SortBy: "AGE"}, "b-9\nb-10\na [2J x\n"},
		{"by a wide column", Name, Listing{SortBy: "city"}, "b-9\na [2J x\nb-10\n"},
		{"by path", Name, Listing{SortBy: ".apps"}, "a [2J x\nb-9\nb-10\n"},
		{"by path as kubectl has it", Name, Listing{SortBy: "{.owner.city}"}, "b-9\na [2J x\nb-10\n"},
		{"jsonpath", "jsonpath={[*].name}", Listing{SortBy: "no"}, "a [2J\nx b-9 b-10"},
		{"jsonpath range", `jsonpath={range [*]}{.apps}{"\t"}{.owner.city}{";"}{end}`, Listing{}, "1000\t=Sh\ufffdanghai;999\t;7\t1e3;"},
		{"jsonpath filter", `jsonpath=$[?(@.apps > 998)].state`, Listing{}, "failed: x released"},
		{"jsonpath object", `jsonpath=[1]`, Listing{}, `{"apps":999,"name":"b-9","since":"2029-12-31T11:00:00Z","state":"released"}`},
		{"go-template", `go-template={{range .}}{{if gt .apps 998}}{{.name}}={{.apps}} {{end}}{{end}}`, Listing{}, "b-10=1000 b-9=999 "},
	}
	for _, tt := range tests {
		if got, _, code := listed(t, tt.f, tt.o, shops); got != tt.want || code != exit.OK {
			t.Errorf("%s: exit %d\n%q, want\n%q", tt.name, code, got, tt.want)
		}
	}
	for _, by := range []string{"nme", ".owner.street", "[", "no no"} {
		if _, _, code := listed(t, JSON, Listing{SortBy: by}, shops); code != exit.Usage {
			t.Errorf("--sort-by %q: exit %d, want %d", by, code, exit.Usage)
		}
	}
}

func TestEmptyList(t *testing.T) {
	t.Parallel()
	for f, want := range map[Format][2]string{
		Table: {"", "no shops\n"}, Wide: {"", "no shops\n"}, JSON: {"[]\n", ""}, YAML: {"[]\n", ""}, Name: {"", ""}, "jsonpath={[*].name}": {"", ""},
		CSV: {"no,name,state,since,city\n", ""},
	} {
		if out, err, code := listed(t, f, Listing{}, nil); out != want[0] || err != want[1] || code != exit.OK {
			t.Errorf("%s: %q, %q, exit %d", f, out, err, code)
		}
	}
}

func TestColorOfStates(t *testing.T) {
	t.Parallel()
	s := newStreams("")
	s.Color = true
	if err := List(s.Streams, Table, "shops", shopColumns, shops); err != nil {
		t.Fatal(err)
	}
	want := "NO     NAME     STATE      AGE\n1,000  b-10     \x1b[31mfailed: x\x1b[0m  3h00m\n999    b-9      \x1b[32mreleased\x1b[0m   1d01h\n7      a [2J x  odd        1m\n"
	if got := s.Stdout.String(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestFormatFlag(t *testing.T) {
	t.Parallel()
	var value Format
	f := FormatFlag{Value: &value, Known: []Format{Table, JSON, JSONPath, GoTemplate}}
	for _, good := range []string{"table", "json", "jsonpath={.id}", "jsonpath=.id", `jsonpath={range .a[*]}{@.b}{"\n"}{end}`, "go-template={{.id}}"} {
		if err := f.Set(good); err != nil || string(value) != good {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "xml", "yaml", "jsonpath", "jsonpath=", "jsonpath={.id", "jsonpath={range .a}x", "jsonpath={.a[}", "go-template={{.id", "go-template", "jsonpath=PATH"} {
		if err := f.Set(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

// TestYAML reads random values back from YAML.
func TestYAML(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	texts := []string{
		"", "yes", "Null", "1e3", "0x1f", "2030-01-01T00:00:00Z", "12:30:45", "~", "a: b", "a #b", "- x", " x ", "a\nb", "a\tb", "a\x1bb", "\u200b", "\u202e",
		"\U000e0041", "a\u0085b", "店铺 1", "it's", `"q"`, `a\b`, "*x", "&x", "!x", "%x", "@x", "x:", "x#", ".inf", "wx0123456789abcdef", "a, b", "{x}", "[x]", "\ufeff",
	}
	var value func(depth int) any
	value = func(depth int) any {
		switch kind := random.IntN(8); {
		case kind == 0 && depth > 0:
			list := []any{}
			for range random.IntN(4) {
				list = append(list, value(depth-1))
			}
			return list
		case kind <= 2 && depth > 0:
			object := map[string]any{}
			for range random.IntN(4) {
				object[texts[random.IntN(len(texts))]] = value(depth - 1)
			}
			return object
		case kind == 3:
			return []any{nil, true, false, 1.5, 12345678.0, -7.0}[random.IntN(6)]
		default:
			return texts[random.IntN(len(texts))]
		}
	}
	for range 300 {
		want := value(4)
		var out strings.Builder
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		if err := writeYAML(&out, text); err != nil {
			t.Fatal(err)
		}
		if hidden := strings.ContainsFunc(strings.ReplaceAll(out.String(), "\n", ""), human.Hidden); hidden {
			t.Errorf("hidden characters in %q", out.String())
		}
		var read, got any
		if err = yaml.Unmarshal([]byte(out.String()), &read); err == nil {
			if text, err = json.Marshal(read); err == nil { // one type for all numbers
				err = json.Unmarshal(text, &got)
			}
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d: %#v, want %#v: %v\n%s", seed, got, want, err, out.String())
		}
	}
}

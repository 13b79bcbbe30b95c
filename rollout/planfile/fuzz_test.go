package planfile_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/internal/memtest"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/applist"
	"github.com/wxrollout/wxrollout/rollout/calendar"
	"github.com/wxrollout/wxrollout/rollout/filefault"
	"github.com/wxrollout/wxrollout/rollout/planfile"
)

// perByte is the memory that a byte of a plan or list may take, freed memory
// included. The YAML parser keeps a few hundred bytes for each token.
const perByte = 2000

// FuzzParse: no text makes the reader panic, take memory without bound or give a
// half-read plan; faults show their place. A sound plan freezes or says why not,
// its schedule comes, and the order of its keys doesn't matter.
func FuzzParse(f *testing.F) {
	f.Add(planfile.Sample())
	f.Add([]byte(minimal))
	f.Add([]byte(everything))
	f.Add([]byte("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"))
	f.Add([]byte("name: " + strings.Repeat("[", 40)))
	f.Add([]byte("name: spring\ntemplate: {id: 1e400, version: 99999999999999999999}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var file *planfile.File
		var err error
		memtest.Bounded(t, len(text), perByte, func() { file, err = parsePlan(text) })
		if err != nil {
			if file != nil {
				t.Fatalf("got %v beside %v", file, err)
			}
			placed(t, err, "plan.yaml", text)
			return
		}
		plan, err := file.Freeze(file.Template.Pinned(), 100)
		if err == nil {
			sum := 0
			for _, w := range plan.Waves {
				sum += w.Size
			}
			if sum != 100 {
				t.Fatalf("waves take %d of 100", sum)
			}
		}
		if file.Schedule != "" {
			runs, err := calendar.NextRuns(file.Schedule, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), 1)
			if err != nil || len(runs) != 1 {
				t.Fatalf("schedule %q: %v, %v", file.Schedule, runs, err)
			}
		}
		reordered(t, text, plan, err == nil)
	})
}

func parsePlan(text []byte) (*planfile.File, error) {
	return planfile.Parse("plan.yaml", text, files{"apps.csv": "appid\n" + id1}.open)
}

// placed checks that an error is Faults, each with a line that text has and a
// message of readable length.
func placed(t *testing.T, err error, name string, text []byte) {
	t.Helper()
	var faults filefault.Faults
	if !errors.As(err, &faults) || len(faults) == 0 {
		t.Fatalf("got %v, want Faults", err)
	}
	const longest = 4096 // bytes of a message
	lines := 1 + bytes.Count(text, []byte("\n")) + bytes.Count(text, []byte("\r"))
	for _, fault := range faults {
		if fault.Msg == "" || fault.File == name && (fault.Line < 0 || fault.Line > lines) || len(fault.String()) > longest {
			t.Fatalf("fault %+v of %d lines", fault, lines)
		}
	}
	if n := len(err.Error()); n > (filefault.FaultsShown+1)*longest {
		t.Fatalf("an error of %d bytes", n)
	}
}

// reordered turns the top-level keys of a plan round, where that is certain to
// mean the same, and wants the same plan.
func reordered(t *testing.T, text []byte, want rollout.Plan, freezes bool) {
	t.Helper()
	var blocks []string
	for line := range strings.Lines(string(text)) {
		if len(blocks) == 0 || !strings.ContainsAny(line[:1], " \t\r\n#-]}") {
			blocks = append(blocks, "")
		}
		blocks[len(blocks)-1] += line
	}
	for i, block := range blocks {
		var one map[string]any
		if yaml.Unmarshal([]byte(block), &one) != nil || len(one) != 1 {
			return
		}
		blocks[i] = strings.TrimRight(block, "\n") + "\n"
	}
	slices.Reverse(blocks)
	again := strings.Join(blocks, "")
	file, err := parsePlan([]byte(again))
	if err != nil {
		t.Fatalf("a sound plan isn't, the other way round: %v\n%s", err, again)
	}
	plan, err := file.Freeze(file.Template.Pinned(), 100)
	if (err == nil) != freezes || freezes && cmp.Diff(want, plan) != "" {
		t.Fatalf("another plan, the other way round: %v\n%s", err, cmp.Diff(want, plan))
	}
}

// hostile are plans and lists made to cost: a part repeated to the size allowed.
var hostile = map[string][3]string{
	"brackets": {"name: ", "[", ""}, "braces": {"name: ", "{a: ", ""}, "dashes": {"", "- ", ""}, "keys": {"", "? ", ""},
	"aliases": {"a: &a x\nb: [", "*a,", "]"}, "anchors": {"a: [", "&a x,", "]"}, "merges": {"a: &a {x: 1}\nb: {", "<<: *a,", "}"},
	"laughs": {"a: &a [x]\n", "b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n", ""}, "tags": {"a: ", "!!str ", "x"}, "documents": {"", "---\n", ""},
	"colons": {"", ":", ""}, "quotes": {"a: ", "'", ""}, "double quotes": {"a: ", `"`, ""}, "lines of quotes": {"a: ", "\"\n", ""},
	"escapes": {`a: "`, `\x41`, `"`}, "comments": {"", "#\n", ""}, "blanks": {"a:", " ", "b"}, "tabs": {"a:", "\t", "b"}, "deeper": {"", " \n", "a"},
	"blocks": {"a: |\n", " x\n", ""}, "folds": {"a: >\n", " x\n", ""}, "one key": {"", "name: a\n", ""}, "strange keys": {"", "k: 1\n", ""},
	"waves": {"waves:\n", "  - {name: a, size: 1}\n", ""}, "a number": {"template: {id: ", "9", "}"}, "an exponent": {"template: {id: 1e", "9", "}"},
	"a name": {"name: ", "a", ""}, "a selector": {"targets: {select: \"", "a=b,", "\"}"}, "percent": {"waves: [{size: ", "1", "%}]"},
	"a schedule": {"schedule: \"", "1,", "\""}, "commas": {"appid\n", ",", ""}, "rows of commas": {"appid\n", ",\n", ""},
	"bare quotes": {"appid\n", "a\"b\n", ""}, "an open quote": {"appid,x\n", "\"", ""}, "an open text": {"appid,x\n\"", "x\n", ""},
	"columns": {"appid", ",x", "\n"}, "wrong appids": {"appid\n", "wx1\n", ""}, "the same appid": {"appid\n", id1 + "\n", ""},
	"NULs": {"appid\n", "\x00", ""}, "not UTF-8": {"appid\n", "\xff\n", ""},
}

// TestHostileSizes: what is made to cost costs in proportion.
func TestHostileSizes(t *testing.T) { //nolint:paralleltest // it measures memory
	for name, h := range hostile {
		started := time.Now()
		plan := memtest.Long(h[0], h[1], h[2], 256<<10)
		memtest.Bounded(t, len(plan), perByte, func() {
			if _, err := parsePlan([]byte(plan)); err == nil {
				t.Errorf("a plan of %s was taken", name)
			} else {
				placed(t, err, "plan.yaml", []byte(plan))
			}
		})
		const listSize, listPerByte = 4 << 20, 60 // the limit is more
		list := memtest.Long(h[0], h[1], h[2], listSize)
		memtest.Bounded(t, len(list), listPerByte, func() {
			if _, err := applist.Read("apps.csv", strings.NewReader(list)); err == nil {
				t.Errorf("a list of %s was taken", name)
			} else {
				placed(t, err, "apps.csv", []byte(list))
			}
		})
		t.Logf("%s: %v", name, time.Since(started).Round(time.Millisecond))
		if t.Failed() {
			t.Fatalf("by %s", name)
		}
	}
}

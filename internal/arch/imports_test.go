package arch_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/wxrollout/wxrollout/internal/goldentest"
)

// module is the path that all our packages start with.
const module = "github.com/wxrollout/wxrollout/"

// testOnly are imported by tests alone: the rows of ARCHITECTURE.md's second table of packages.
func testOnly(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, r := range packageRows(t) {
		if r.tests {
			names = append(names, r.name)
		}
	}
	return names
}

// packageRow is one row of a table of packages in ARCHITECTURE.md.
type packageRow struct {
	name    string
	imports []string // of ours, sorted
	tests   bool     // in the table of packages for tests
	line    string
}

var packageForm = regexp.MustCompile("^\\| `([a-z0-9/]+)` \\| .+ \\| (-|[a-z0-9/, ]+) \\|$")

// packageRows reads the tables of packages, from the ground floor up.
func packageRows(t *testing.T) []packageRow {
	t.Helper()
	var rows []packageRow
	tables := 0
	within := false
	for line := range strings.SplitSeq(string(read(t, "ARCHITECTURE.md")), "\n") {
		switch {
		case strings.HasPrefix(line, "| package | one line | imports of ours |"):
			within = true
			tables++
		case !strings.HasPrefix(line, "|"):
			within = false
		case within && !strings.HasPrefix(line, "|---"):
			m := packageForm.FindStringSubmatch(line)
			if m == nil {
				t.Fatalf("ARCHITECTURE.md: want | `package` | one line | imports or - |, not %s", line)
			}
			r := packageRow{name: m[1], tests: tables == 2, line: line}
			if m[2] != "-" {
				r.imports = strings.Split(m[2], ", ")
			}
			rows = append(rows, r)
		}
	}
	if tables != 2 || len(rows) == 0 {
		t.Fatalf("ARCHITECTURE.md has %d tables of packages with %d rows, want 2: the product's and the tests'", tables, len(rows))
	}
	return rows
}

// pkg is what go list says of a package.
type pkg struct {
	ImportPath string
	Imports    []string
}

// list runs go list at the root of the module.
func list(t *testing.T, args ...string) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-json=ImportPath,Imports"}, args...)...)
	cmd.Dir = root
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %v: %v\n%s", args, err, stderr.String())
	}
	var all []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("go list %v: %v", args, err)
		}
		all = append(all, p)
	}
}

// ours is a package's name in the table.
func ours(path string) (name string, ok bool) { return strings.CutPrefix(path, module) }

// imports lists what each of our packages imports of ours, tests left out.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	all := make(map[string][]string)
	for _, p := range list(t, "./...") {
		name, _ := ours(p.ImportPath)
		all[name] = nil
		for _, path := range p.Imports {
			if imported, ok := ours(path); ok {
				all[name] = append(all[name], imported)
			}
		}
		slices.Sort(all[name])
	}
	return all
}

// TestImports compares go list with the tables of packages: each package has a row, each row names
// exactly what its package imports, and only packages of rows above it, so that no arrow points up.
// -update writes the last column.
func TestImports(t *testing.T) {
	t.Parallel()
	if goldentest.Update() {
		writeImports(t)
	}
	actual := imports(t)
	floor := make(map[string]packageRow)
	for _, r := range packageRows(t) {
		got, there := actual[r.name]
		if !there {
			t.Errorf("ARCHITECTURE.md has a row for %s, which is no package", r.name)
		}
		if !slices.Equal(got, r.imports) {
			t.Errorf("%s imports %v, and its row in ARCHITECTURE.md says %v: go test ./internal/arch -run TestImports -update", r.name, got, r.imports)
		}
		for _, imported := range got {
			below, known := floor[imported]
			if !known {
				t.Errorf("%s imports %s, whose row in ARCHITECTURE.md is not above: an arrow up", r.name, imported)
			}
			if below.tests && !r.tests {
				t.Errorf("%s imports %s, which is for tests", r.name, imported)
			}
		}
		floor[r.name] = r
	}
	for name := range actual {
		if _, ok := floor[name]; !ok {
			t.Errorf("%s has no row in ARCHITECTURE.md's tables of packages", name)
		}
	}
}

// writeImports writes the last column of the tables of packages.
func writeImports(t *testing.T) {
	t.Helper()
	text := string(read(t, "ARCHITECTURE.md"))
	actual := imports(t)
	for _, r := range packageRows(t) {
		column := strings.Join(actual[r.name], ", ")
		if column == "" {
			column = "-"
		}
		cells := strings.Split(r.line, " | ")
		cells[len(cells)-1] = column + " |"
		text = strings.Replace(text, r.line, strings.Join(cells, " | "), 1)
	}
	if err := os.WriteFile(filepath.Join(root, "ARCHITECTURE.md"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestBinaries looks at everything that is linked into the programs.
func TestBinaries(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ never []string }{
		// A production worker carries no test code, no embedded Redis and no simulator.
		"cmd/worker": {never: []string{
			"testing", module + "wxsim", module + "internal/demo", "github.com/alicebob/miniredis/v2",
			"github.com/yuin/gopher-lua", "github.com/google/go-cmp/cmp", "pgregory.net/rapid", "go.uber.org/goleak",
		}},
		// demo brings the simulator and the embedded Redis.
		"cmd/enqueue": {never: []string{
			"testing", "github.com/google/go-cmp/cmp", "pgregory.net/rapid", "go.uber.org/goleak",
		}},
		"cmd/wxsim": {never: []string{
			"testing", "github.com/redis/go-redis/v9", "github.com/hibiken/asynq", module + "wxclient",
		}},
	}
	forTests := testOnly(t)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, p := range list(t, "-deps", "./"+name) {
				if imported, ok := ours(p.ImportPath); ok && slices.Contains(forTests, imported) || slices.Contains(tt.never, p.ImportPath) {
					t.Errorf("%s links %s: go list -deps shows the path", name, p.ImportPath)
				}
			}
		})
	}
}

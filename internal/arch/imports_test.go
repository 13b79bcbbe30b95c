package arch_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// module is the path that all our packages start with.
const module = "github.com/wxrollout/wxrollout/"

// arrows is the import table: which of our packages each of our packages may
// import. Tests may import anything.
var arrows = map[string][]string{
	// The middle: pure rules.
	"rollout":          {},
	"appconfig":        {"rollout"},
	"rollout/planfile": {"appconfig", "rollout"},

	// Each adapts one technology and knows no other adapter.
	"ratelimit":         {},
	"wxclient":          {},
	"wxclient/callback": {"wxclient"},
	"metrics":           {},
	"metrics/mixin":     {},
	"ledger":            {"rollout"},
	"console":           {"rollout"},
	"registry/apps":     {},

	// These join two or three.
	"registry": {"wxclient", "ratelimit"},
	"tasks":    {"appconfig", "rollout", "wxclient", "ratelimit"},

	// The simulator knows nothing of ours: one misreading can't hide on both sides.
	"wxsim": {},

	// What the programs are made of.
	"internal/operator":    {"appconfig", "rollout", "rollout/planfile", "ledger", "ratelimit", "registry/apps", "tasks", "wxclient"},
	"internal/quotareader": {"ledger", "rollout", "wxclient"},
	"internal/app": {
		"console", "internal/operator", "internal/quotareader", "ledger", "metrics", "ratelimit", "registry", "registry/apps", "rollout", "rollout/planfile",
		"tasks", "wxclient", "wxclient/callback",
	},
	"internal/demo": {
		"internal/app", "internal/operator", "ledger", "rollout", "rollout/planfile", "wxclient", "wxsim",
	},
	"cmd/worker": {"internal/app"},
	"cmd/wxsim":  {"wxsim"},
	"cmd/enqueue": {
		"internal/app", "internal/demo", "internal/operator", "ledger", "registry/apps", "rollout", "rollout/planfile", "wxclient", "wxsim",
	},

	// Measures; nothing imports it.
	"bench": {"internal/operator", "ledger", "ratelimit", "registry", "rollout", "tasks", "wxclient", "wxsim"},

	// For tests: see testOnly.
	"internal/arch":                  {},
	"internal/chaos":                 {},
	"internal/e2e":                   {},
	"internal/goldentest":            {},
	"internal/judgement":             {},
	"internal/memtest":               {},
	"internal/proctest":              {},
	"internal/redistest":             {},
	"internal/promtest":              {"metrics/mixin"},
	"internal/operator/operatortest": {"ledger", "rollout"},
	"rollout/rollouttest":            {"rollout"},
}

// testOnly are imported by tests alone.
var testOnly = []string{
	"internal/arch", "internal/chaos", "internal/e2e", "internal/goldentest", "internal/judgement", "internal/memtest", "internal/proctest", "internal/redistest", "internal/promtest",
	"internal/operator/operatortest",
	"rollout/rollouttest", "metrics/mixin",
}

// planned are packages of the table that need not be there yet.
var planned = []string{"console"}

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

// table is the import table as text, for messages.
func table() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(arrows)) {
		fmt.Fprintf(&b, "  %-32s -> %s\n", name, strings.Join(arrows[name], ", "))
	}
	return b.String()
}

// TestImports compares what go list says with the table.
func TestImports(t *testing.T) {
	t.Parallel()
	there := make(map[string]bool)
	for _, p := range list(t, "./...") {
		name, _ := ours(p.ImportPath)
		there[name] = true
		allowed, known := arrows[name]
		if !known {
			t.Errorf("%s is not in the import table of internal/arch: say there what it may import", name)
			continue
		}
		for _, path := range p.Imports {
			if imported, ok := ours(path); ok && !slices.Contains(allowed, imported) {
				t.Errorf("%s imports %s, which its line of the table doesn't allow", name, imported)
			}
		}
	}
	for name := range arrows {
		if !there[name] && !slices.Contains(planned, name) {
			t.Errorf("%s is in the import table of internal/arch, and no package", name)
		}
	}
	if t.Failed() {
		t.Logf("the import table (internal/arch/imports_test.go):\n%s", table())
	}
}

// TestTestPackagesStayOut: the table itself can't allow a product
// package to import one that is for tests.
func TestTestPackagesStayOut(t *testing.T) {
	t.Parallel()
	for name, allowed := range arrows {
		for _, imported := range allowed {
			if slices.Contains(testOnly, imported) && !slices.Contains(testOnly, name) {
				t.Errorf("the table lets %s import %s, which is for tests", name, imported)
			}
		}
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
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, p := range list(t, "-deps", "./"+name) {
				if imported, ok := ours(p.ImportPath); ok && slices.Contains(testOnly, imported) || slices.Contains(tt.never, p.ImportPath) {
					t.Errorf("%s links %s: go list -deps tells by which way", name, p.ImportPath)
				}
			}
		})
	}
}

package chaos

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/wxrollout/wxrollout/internal/proctest"
)

var (
	seed    = flag.Uint64("seed", 0, "seed of moments and choices; 0 draws one")
	apps    = flag.Int("apps", 0, "mini programs per rollout; 0 means 2000 with -full, else 300")
	only    = flag.String("faults", "", "names of the faults (or mutants) to run, comma separated; empty means all")
	full    = flag.Bool("full", false, "one rollout per fault and every mutant, instead of a cut of about a minute")
	journal = flag.Bool("journal", false, "print what happened in each rollout, even if all was well")
	out     = flag.String("out", "", "file that gets the table, too")
)

// bin is where TestMain puts the programs.
var bin string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "wxrollout-chaos-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	bin = dir
	if err := proctest.Build(dir, nil, "cmd/worker", "cmd/wxsim", "cmd/enqueue"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if *seed == 0 {
		*seed = rand.Uint64N(1_000_000) + 1
	}
	if *apps == 0 {
		if *apps = 300; *full {
			*apps = 2000
		}
	}
	fmt.Printf("chaos: seed %d (again: go test ./internal/chaos -seed %d)\n", *seed, *seed)
	code := m.Run()
	if err := results.print(*out); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// program is the path of a program of ours.
func program(name string) string { return filepath.Join(bin, name) }

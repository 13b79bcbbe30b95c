package e2e

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/wxrollout/wxrollout/internal/proctest"
)

var apps = flag.Int("apps", 200, "mini programs in each run")

// bin is where TestMain puts the programs.
var bin string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(build(m))
}

func build(m *testing.M) int {
	dir, err := os.MkdirTemp("", "wxrollout-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	bin = dir
	if err := proctest.Build(dir, nil, "cmd/..."); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// program is the path of a program of ours.
func program(name string) string { return filepath.Join(bin, name) }

package redisserver_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// commandPattern finds the command of a call in a script.
var commandPattern = regexp.MustCompile(`(?:redis\.p?call\(|try\()\s*['"]([A-Z]+)['"]`)

// commandsIn adds the commands of all scripts below a folder to have.
func commandsIn(t *testing.T, dir, ending string, have map[string]string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ending) || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range commandPattern.FindAllStringSubmatch(string(text), -1) {
			have[m[1]] = path
		}
		return err
	})
	if err != nil || len(have) == 0 {
		t.Fatalf("read scripts below %s: %v, %d commands", dir, err, len(have))
	}
}

// TestProbeRunsEveryCommand: the probe calls every command of our scripts and Asynq's first.
func TestProbeRunsEveryCommand(t *testing.T) {
	t.Parallel()
	probed, ours, asynqs := map[string]string{}, map[string]string{}, map[string]string{}
	commandsIn(t, ".", "probe.lua", probed)
	commandsIn(t, "../..", ".lua", ours)
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/hibiken/asynq").Output()
	if err != nil {
		t.Fatal(err)
	}
	commandsIn(t, filepath.Join(strings.TrimSpace(string(out)), "internal", "rdb"), ".go", asynqs)
	exempt := map[string]string{
		"INFO":   "a fact: rule.go",
		"MEMORY": "Asynq's inspector alone uses it",
	}
	for _, set := range []map[string]string{ours, asynqs} {
		for command, path := range set {
			if probed[command] == "" && exempt[command] == "" {
				t.Errorf("%s calls %s, which probe.lua does not try", path, command)
			}
		}
	}
}

package chaos

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wxrollout/wxrollout/internal/proctest"
)

// edit is a change of a source file: old must be in it exactly once.
type edit struct{ file, old, text string }

// buildWorker builds the worker with changed sources, which stay as they are on
// disk, and returns its path. Files are named from the module's root.
func buildWorker(t *testing.T, name string, edits []edit, added map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	replace := make(map[string]string)
	put := func(file, text string) {
		path := filepath.Join(dir, fmt.Sprintf("%d-%s", len(replace), filepath.Base(file)))
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		replace[file] = path
	}
	texts, err := changed(edits)
	if err != nil {
		t.Fatal(err)
	}
	for file, text := range texts {
		put(file, text)
	}
	for file, text := range added {
		put(file, text)
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	overlay := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlay, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := proctest.Build(dir, []string{"-overlay", overlay}, "cmd/worker"); err != nil {
		t.Fatal(err)
	}
	to := program(name)
	if err := os.Rename(filepath.Join(dir, "worker"), to); err != nil {
		t.Fatal(err)
	}
	return to
}

// changed are the texts of the files that the edits change, by their full names.
func changed(edits []edit) (map[string]string, error) {
	texts := make(map[string]string)
	for _, e := range edits {
		file := e.file
		if !filepath.IsAbs(file) {
			var err error
			if file, err = filepath.Abs(filepath.Join("..", "..", file)); err != nil {
				return nil, err
			}
		}
		if _, ok := texts[file]; !ok {
			b, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			texts[file] = string(b)
		}
		if n := strings.Count(texts[file], e.old); n != 1 {
			return nil, fmt.Errorf("%s has %d times, want once:\n%s", e.file, n, e.old)
		}
		texts[file] = strings.Replace(texts[file], e.old, e.text, 1)
	}
	return texts, nil
}

// skewEnv is how many seconds a skewed worker's wall clock is ahead.
const skewEnv = "CHAOS_SKEW"

// buildSkewed builds a worker whose wall clock is off, also for Asynq and all
// other libraries: time.Now itself is changed.
func buildSkewed(t *testing.T) {
	t.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(strings.TrimSpace(string(root)), "src", "time")
	buildWorker(t, "skewed-worker", []edit{{
		file: filepath.Join(dir, "time.go"),
		old:  "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n",
		text: "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n\tsec += skew\n",
	}}, map[string]string{filepath.Join(dir, "skew.go"): `package time

import "syscall"

// skew is how many seconds the wall clock is ahead.
var skew = func() (n int64) {
	text, _ := syscall.Getenv("` + skewEnv + `")
	sign := int64(1)
	for _, c := range text {
		if c == '-' {
			sign = -1
			continue
		}
		n = 10*n + int64(c-'0')
	}
	return sign * n
}()
`})
}

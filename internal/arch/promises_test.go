package arch_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// testsThatExist are the names of all Test and Fuzz functions of the module.
func testsThatExist(t *testing.T) map[string]bool {
	t.Helper()
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	names := make(map[string]bool)
	err := fs.WalkDir(os.DirFS(root), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(filepath.Join(root, path))
		for _, m := range declared.FindAllStringSubmatch(string(text), -1) {
			names[m[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestPromisesAreTested: the table of promises names tests that exist, and a row
// without any says what isn't tested.
func TestPromisesAreTested(t *testing.T) {
	t.Parallel()
	_, rest, found := strings.Cut(string(read(t, "ARCHITECTURE.md")), "\n## What is promised\n")
	section, _, _ := strings.Cut(rest, "\n## ")
	exist := testsThatExist(t)
	rows := 0
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|---") || strings.HasPrefix(line, "| setting") {
			continue
		}
		rows++
		const columns = 4
		if len(cells) != columns {
			t.Errorf("%d columns, want %d: %s", len(cells), columns, line)
			continue
		}
		named := regexp.MustCompile("`((?:Test|Fuzz)\\w+)`").FindAllStringSubmatch(cells[2], -1)
		for _, name := range named {
			if !exist[name[1]] {
				t.Errorf("%s is named in the table of promises, and no test: %s", name[1], strings.TrimSpace(cells[0]))
			}
		}
		if len(named) == 0 && strings.TrimSpace(cells[3]) == "" {
			t.Errorf("neither tested nor said not to be: %s", strings.TrimSpace(cells[0]))
		}
	}
	const fewest = 15
	if !found || rows < fewest {
		t.Errorf("%d rows in the table of promises, want %d or more", rows, fewest)
	}
}

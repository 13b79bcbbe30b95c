package arch_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	codeForm = regexp.MustCompile("`([^`\n]+)`")
	// pathForm is a path of the tree: with a folder and an ending, such as tasks/submit.go.
	pathForm = regexp.MustCompile(`^(?:\.\/)?(?:[\w.-]+/)+[\w.-]+\.(?:go|lua|md|yaml|yml|golden|csv|txtar|sh)$`)
	linkForm = regexp.MustCompile(`\]\(([^)#\s]+)(#[^)\s]*)?\)`)
)

// TestDocumentsNameFiles: each path of the tree that a document names in code marks exists.
func TestDocumentsNameFiles(t *testing.T) {
	t.Parallel()
	named := 0
	for _, s := range texts(t, ".md") {
		if s.path == "CHANGELOG.md" { // it also names what was removed
			continue
		}
		for _, m := range codeForm.FindAllStringSubmatch(s.text, -1) {
			path := strings.TrimPrefix(m[1], "./")
			if !pathForm.MatchString(path) || strings.HasPrefix(path, "out/") {
				continue
			}
			named++
			if _, err := os.Stat(filepath.Join(root, path)); err != nil {
				t.Errorf("%s names %s, which is not there", s.path, path)
			}
		}
	}
	if named == 0 {
		t.Error("no document names a file")
	}
}

// TestDocumentLinks: each relative link of a document leads to a file, and to a heading of it.
func TestDocumentLinks(t *testing.T) {
	t.Parallel()
	links := 0
	for _, s := range texts(t, ".md") {
		for _, m := range linkForm.FindAllStringSubmatch(s.text, -1) {
			if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
				continue
			}
			links++
			path := filepath.Join(root, filepath.Dir(s.path), m[1])
			body, err := os.ReadFile(path)
			if info, statErr := os.Stat(path); statErr == nil && info.IsDir() {
				continue
			}
			if err != nil {
				t.Errorf("%s links to %s, which is not there", s.path, m[1])
				continue
			}
			if m[2] != "" && !anchors(string(body))[m[2]] {
				t.Errorf("%s links to %s%s: no such heading", s.path, m[1], m[2])
			}
		}
	}
	if links == 0 {
		t.Error("no document has a link")
	}
}

// anchors are the headings of a document as GitHub links to them.
func anchors(text string) map[string]bool {
	all := map[string]bool{}
	for line := range strings.SplitSeq(text, "\n") {
		if !strings.HasPrefix(line, "#") {
			continue
		}
		title := strings.ToLower(strings.TrimSpace(strings.TrimLeft(line, "#")))
		title = regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(title, "")
		all["#"+strings.ReplaceAll(title, " ", "-")] = true
	}
	return all
}

package arch_test

import (
	"path"
	"strings"
	"testing"
)

// maxPackage bounds a package in lines outside of its tests: more is several packages.
const maxPackage = 2500

// TestPackagesAreSmall: no package outgrows what a reader keeps in mind.
func TestPackagesAreSmall(t *testing.T) {
	t.Parallel()
	lines := make(map[string]int)
	for _, s := range texts(t, ".go") {
		if !strings.HasSuffix(s.path, "_test.go") {
			lines[path.Dir(s.path)] += strings.Count(s.text, "\n")
		}
	}
	for dir, n := range lines {
		if n > maxPackage {
			t.Errorf("package %s has %d lines outside of its tests: split it below %d", dir, n, maxPackage)
		}
	}
}

package planfile_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/internal/goldentest"
	"github.com/wxrollout/wxrollout/rollout/planfile"
)

// TestKeysAreThoseOfTheReader: the table has every key that the reader asks for, and no other.
func TestKeysAreThoseOfTheReader(t *testing.T) {
	t.Parallel()
	asked := make(map[string]bool)
	for _, k := range planfile.Keys() {
		if k.Example != "" {
			planfile.Asked(t, k.Example, asked)
		}
	}
	// Free keys are names of pools.
	delete(asked, "quota.reserve.hotfix")
	var got, want []string
	for path := range asked {
		if !strings.HasPrefix(path, "configure.") { // these are read by the schema that the table shows
			got = append(got, path)
		}
	}
	for _, k := range planfile.Keys() {
		if !strings.HasPrefix(k.Path, "configure.") {
			want = append(want, k.Path)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("keys (-table +reader):\n%s", diff)
	}
}

// TestKeyExamples: each wrong example fails at its key; TestKeysAreThoseOfTheReader reads the right ones.
func TestKeyExamples(t *testing.T) {
	t.Parallel()
	for _, k := range planfile.Keys() {
		if k.Type == "" || k.Example == "" && !strings.HasPrefix(k.Path, "configure.") {
			t.Errorf("%s lacks a type or an example", k.Path)
		}
		if k.Example == "" {
			continue
		}
		at, _, _ := strings.Cut(strings.ReplaceAll(k.Error(), "[0]", "[]"), ": ")
		at = strings.ReplaceAll(at, "[1]", "[]")
		if at != k.Path {
			t.Errorf("%s: the wrong example %s gives %q", k.Path, k.Wrong, k.Error())
		}
	}
}

func TestReference(t *testing.T) {
	t.Parallel()
	path := filepath.Join("..", "..", "docs", "plan.md")
	if goldentest.Update() {
		if err := os.WriteFile(path, []byte(planfile.Reference()), 0o644); err != nil { //nolint:gosec // a document
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(planfile.Reference(), string(have)); diff != "" {
		t.Errorf("docs/plan.md (-table +file, -update writes it):\n%s", diff)
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		path string
		n    int
		err  string
	}{
		{"", len(planfile.Keys()), ""},
		{"waves", 8, ""},
		{"waves[].size", 1, ""},
		{"waves.size", 1, ""},
		{"wave", 0, "a plan has no key wave; did you mean waves?"},
		{"waves.sise", 0, "a plan has no key waves.sise; did you mean waves.size?"},
		{"in_audit", 0, "a plan has no key in_audit; did you mean audit.in_audit?"},
		{"color", 0, "a plan has no key color"},
	} {
		found, err := planfile.Explain(tc.path)
		if len(found) != tc.n || err == nil != (tc.err == "") || err != nil && err.Error() != tc.err {
			t.Errorf("%q: %d keys, %v", tc.path, len(found), err)
		}
	}
}

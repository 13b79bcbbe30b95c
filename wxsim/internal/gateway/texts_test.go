package gateway

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestEveryCodeHasAText: every code that the sources answer has a text, and so is among Codes.
func TestEveryCodeHasAText(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?:code: |return |, )(-1|\d{5}|94\d{5})\b`).FindAllSubmatch(text, -1) {
			code, err := strconv.Atoi(string(m[1]))
			if err != nil {
				t.Fatal(err)
			}
			found++
			if texts[code] == "" {
				t.Errorf("%s answers %d, which has no text", file, code)
			}
		}
	}
	if found < 100 {
		t.Errorf("only %d answers found: the form of the sources has changed", found)
	}
}

package wxsim

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestEveryCodeHasAText: what the sources refuse with is in the table of texts, and so among Codes.
func TestEveryCodeHasAText(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
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
		for _, m := range regexp.MustCompile(`(?:failure\(|return |, )(-1|\d{5}|94\d{5})\b`).FindAllSubmatch(text, -1) {
			code, err := strconv.Atoi(string(m[1]))
			if err != nil {
				t.Fatal(err)
			}
			found++
			if messages[code] == "" {
				t.Errorf("%s answers %d, which has no text", file, code)
			}
		}
	}
	if found < 100 {
		t.Errorf("only %d answers found: the sources are written another way now", found)
	}
}

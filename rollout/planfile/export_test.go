package planfile

import (
	"strings"
	"testing"
)

var (
	CheckConfigure = checkConfigure
	WaveOf         = waveOf
)

// Asked adds the paths of all keys that the reader asks for in a plan with a line.
func Asked(t *testing.T, line string, paths map[string]bool) {
	t.Helper()
	r := newReader("plan.yaml")
	if _, err := r.readLine(line); err != nil {
		t.Errorf("the example %s: %v", line, err)
	}
	for path := range r.asked {
		paths[strings.NewReplacer("[0]", "[]", "[1]", "[]").Replace(path)] = true
	}
}

package cli

import (
	"testing"

	"github.com/wxrollout/wxrollout/internal/cli/clitest"
	"github.com/wxrollout/wxrollout/internal/cli/term"
)

func TestParse(t *testing.T) {
	t.Parallel()
	clitest.Same(t, newDemo, "--apps 20 --seed 4 --redis redis://x -o json", demoOptions{apps: 20, seed: 4, redis: "redis://x", format: term.JSON})
}

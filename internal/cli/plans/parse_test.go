package plans

import (
	"testing"

	"github.com/wxrollout/wxrollout/internal/cli/clitest"
	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/term"
)

func TestParse(t *testing.T) {
	t.Parallel()
	clitest.Same(t, newPlan, "-f p.yaml", planOptions{file: "p.yaml", compare: 20, format: term.Table})
	clitest.Same(t, newPlan, "-f p.yaml --offline --apps -o csv --ext wx1", planOptions{file: "p.yaml", offline: true, apps: true, ext: "wx1", compare: 20, format: term.CSV})
	clitest.Same(t, newPlan, "--sample", planOptions{sample: true, compare: 20, format: term.Table})
	clitest.Same(t, newApply, "-f p.yaml --again --expect x-1 -y --reason why --dry-run --offline -o json", applyOptions{
		Change: command.Change{Why: "why", Yes: true, DryRun: true}, file: "p.yaml", again: true, expect: "x-1", offline: true, format: term.JSON,
	})
	clitest.Same(t, newGetSchedules, "-o csv", schedulesOptions{format: term.CSV})
}

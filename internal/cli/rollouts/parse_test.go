package rollouts

import (
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/cli/clitest"
	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/term"
)

func TestParse(t *testing.T) {
	t.Parallel()
	clitest.Same(t, newGetRollouts, "--limit 3 --active -o wide", rolloutsOptions{limit: 3, active: true, format: term.Wide})
	clitest.Same(t, newGetTargets, "spring --state failed,rejected --stage commit --waits-for merchant --class plan --errcode 1,-1 --text x -l a=b --app wx1 --wave w --limit 2", targetsOptions{
		ref: "spring", limit: 2, format: term.Table, choice: command.Choice{
			States: []string{"failed", "rejected"}, Stages: []string{"commit"}, Reasons: []string{"merchant"}, Classes: []string{"plan"},
			Codes: []string{"1", "-1"}, Text: "x", Selector: "a=b", Apps: []string{"wx1"}, Waves: []string{"w"},
		},
	})
	clitest.Same(t, newGetFailures, "", failuresOptions{format: term.Table})
	clitest.Same(t, newWatch, "spring --every 5s --exit-status -o json", watchOptions{ref: "spring", every: 5 * time.Second, exitStatus: true, format: term.JSON})
	clitest.Same(t, newWatch, "", watchOptions{every: 2 * time.Second, format: term.Table})
	clitest.Same(t, newWhy, "wx1 --rollout spring --live", whyOptions{app: "wx1", ref: "spring", live: true, format: term.Table})
	clitest.Same(t, newPause, "spring --reason x", controlOptions{Change: command.Change{Why: "x"}, verb: "pause", ref: "spring", format: term.Table})
	clitest.Same(t, newResume, "spring", controlOptions{verb: "resume", ref: "spring", format: term.Table})
	clitest.Same(t, newPromote, "spring --wave early -y", controlOptions{Change: command.Change{Yes: true}, verb: "promote", ref: "spring", wave: "early", format: term.Table})
	clitest.Same(t, newApprove, "spring --dry-run", controlOptions{Change: command.Change{DryRun: true}, verb: "approve", ref: "spring", format: term.Table})
	clitest.Same(t, newAbort, "spring -o json", controlOptions{verb: "abort", ref: "spring", format: term.JSON})
	clitest.Same(t, newRetry, "spring --recommit --template 0 --version 3 --desc d --ext e --reason n", retryOptions{
		Change: command.Change{Why: "n"}, ref: "spring", recommit: true, template: 0, version: "3", desc: "d", ext: "e", format: term.Table,
	})
	clitest.Same(t, newRetry, "spring", retryOptions{ref: "spring", template: noTemplate, format: term.Table})
	clitest.Same(t, newUndo, "spring wx1 wx2 --state released --reason r -y", undoOptions{
		Change: command.Change{Why: "r", Yes: true}, ref: "spring", choice: command.Choice{Apps: []string{"wx1", "wx2"}, States: []string{"released"}}, format: term.Table,
	})
	clitest.Same(t, newReport, "spring -o markdown --to f", reportOptions{ref: "spring", file: "f", format: "markdown"})
	clitest.Same(t, newReport, "--excel", reportOptions{excel: true, format: term.CSV})
}

package platform

import (
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/cli/clitest"
	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/term"
	"github.com/wxrollout/wxrollout/rollout"
)

func TestParse(t *testing.T) {
	t.Parallel()
	clitest.Same(t, newSealRotate, "--dry-run -o json", sealOptions{dryRun: true, format: term.JSON})
	clitest.Same(t, newQuota, "--app wx1", quotaOptions{app: "wx1", format: term.Table})
	clitest.Same(t, newQuota, "open", quotaOptions{open: rollout.StageSubmit, format: term.Table})
	clitest.Same(t, newQuota, "open commit --dry-run", quotaOptions{Change: command.Change{DryRun: true}, open: rollout.StageCommit, format: term.Table})
	clitest.Same(t, newCheck, "--app wx1 -o json", checkOptions{app: "wx1", format: term.JSON})
	clitest.Same(t, newCheck, "--deep spring --all --repair --reason x -y", checkOptions{
		Change: command.Change{Why: "x", Yes: true}, deep: true, ended: true, repair: true, refs: []string{"spring"}, format: term.Table,
	})
	clitest.Same(t, newTemplatesList, "-o wide", templatesOptions{format: term.Wide})
	clitest.Same(t, newTemplatesDrafts, "", templatesOptions{format: term.Table})
	zero := int64(0)
	clitest.Same(t, newTemplatesAdd, "0 --reason n --dry-run", addTemplateOptions{draft: &zero, why: "n", dryRun: true, format: term.Table})
	clitest.Same(t, newTemplatesAdd, "--newest", addTemplateOptions{format: term.Table})
	clitest.Same(t, newTemplatesDelete, "7 0 7 -y", deleteTemplatesOptions{Change: command.Change{Yes: true}, ids: []int64{7, 0}, format: term.Table})
	clitest.Same(t, newTemplatesPrune, "--keep 3 --live --dry-run --reason n", deleteTemplatesOptions{Change: command.Change{Why: "n", DryRun: true}, keep: 3, live: true, format: term.Table})
	clitest.Same(t, newBaselineSet, "-f p.yaml --since 2026-11-01T00:00+08:00 --every 1m --reserve 3 --reason n --dry-run", baselineOptions{
		Change: command.Change{Why: "n", DryRun: true}, file: "p.yaml", since: "2026-11-01T00:00+08:00", every: time.Minute, reserve: 3, format: term.Table,
	})
	clitest.Same(t, newBaselineGet, "-o json", baselineOptions{format: term.JSON})
}

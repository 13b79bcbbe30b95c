package apps

import (
	"testing"

	"github.com/wxrollout/wxrollout/internal/cli/clitest"
	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/term"
	"github.com/wxrollout/wxrollout/registry/apps"
)

func TestParse(t *testing.T) {
	t.Parallel()
	clitest.Same(t, newAppsGet, "-l a=b --left --needs-merchant -o csv", appsOptions{selector: "a=b", left: true, needs: true, format: term.CSV})
	clitest.Same(t, newAppsExport, "-l a=b -o json", appsOptions{selector: "a=b", format: term.JSON})
	clitest.Same(t, newAppsInspect, "wx1 --live", inspectOptions{app: "wx1", live: true, format: term.Table})
	clitest.Same(t, newAppsSync, "--full --versions --rate 5", syncOptions{full: true, versions: true, rate: 5, format: term.Table})
	clitest.Same(t, newAppsImport, "a.csv --replace --skip-unknown --dry-run -y --reason n", importOptions{
		Change: command.Change{Why: "n", Yes: true, DryRun: true}, file: "a.csv", replace: true, skipUnknown: true, format: term.Table,
	})
	clitest.Same(t, newAppsLabel, "wx1 wx2 tier=gold note-", labelOptions{
		ids: []string{"wx1", "wx2"}, edit: apps.Edit{Set: map[string]string{"tier": "gold"}, Remove: []string{"note"}}, format: term.Table,
	})
	clitest.Same(t, newAppsLabel, "-l a=b tier=", labelOptions{selector: "a=b", edit: apps.Edit{Set: map[string]string{"tier": ""}}, format: term.Table})
	clitest.Same(t, newAppsNeeds, "--redirect-uri https://h/x -o csv", needsOptions{redirect: "https://h/x", format: term.CSV})
	clitest.Same(t, newAppsLink, "wx1 --redirect-uri https://h/x", linkOptions{app: "wx1", redirect: "https://h/x", format: term.Table})
	owner := ownerOptions{code: "91", codeType: "license", legalName: "n", legalWeChat: "w", phone: "1"}
	clitest.Same(t, newAppsCreateTrial, "shop --openid o1 --reason n --dry-run -o json", createOptions{name: "shop", openid: "o1", why: "n", dryRun: true, format: term.JSON})
	clitest.Same(t, newAppsCreate, "co --code 91 --code-type license --legal-name n --legal-wechat w --phone 1", createOptions{name: "co", owner: owner, format: term.Table})
	clitest.Same(t, newAppsConvert, "wx1 --name co --code 91 --code-type license --legal-name n --legal-wechat w --phone 1 --legal-id-file -", createOptions{
		app: "wx1", name: "co", owner: owner, cardFile: "-", format: term.Table,
	})
	clitest.Same(t, newAppsHistory, "--limit 3 -o csv", historyOptions{limit: 3, format: term.CSV})
	clitest.Same(t, newAppsCreations, "--waiting", creationsOptions{waiting: true, format: term.Table})
}

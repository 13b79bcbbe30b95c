package main

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/registry/apps"
	"github.com/wxrollout/wxrollout/rollout"
)

// parse runs a constructor's command with args and gives the options that it
// would have run with.
func parse[O any](build func(*deps, func(context.Context, *deps, O) error) *cobra.Command, line string) (got O, err error) {
	f := newFake("")
	cmd := build(f.deps, func(_ context.Context, _ *deps, o O) error {
		got = o
		return nil
	})
	cmd.SetArgs(strings.Fields(line))
	cmd.SetOut(f.deps.out)
	cmd.SetErr(f.deps.err)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	return got, cmd.ExecuteContext(context.Background())
}

// same compares the options of a command line with the wanted ones.
func same[O any](t *testing.T, build func(*deps, func(context.Context, *deps, O) error) *cobra.Command, line string, want O) {
	t.Helper()
	got, err := parse(build, line)
	if err != nil {
		t.Errorf("%s: %v", line, err)
	}
	everything := cmp.Exporter(func(reflect.Type) bool { return true })
	if diff := cmp.Diff(want, got, everything); diff != "" {
		t.Errorf("%s (-want +got):\n%s", line, diff)
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	same(t, newPlan, "-f p.yaml", planOptions{file: "p.yaml", looks: 20, format: formatTable})
	same(t, newPlan, "-f p.yaml --offline --apps -o csv --ext wx1", planOptions{file: "p.yaml", offline: true, apps: true, ext: "wx1", looks: 20, format: formatCSV})
	same(t, newPlan, "--sample", planOptions{sample: true, looks: 20, format: formatTable})
	same(t, newApply, "-f p.yaml --again --expect x-1 -y --reason why --dry-run --offline -o json", applyOptions{
		change: change{why: "why", yes: true, dryRun: true}, file: "p.yaml", again: true, expect: "x-1", offline: true, format: formatJSON,
	})
	same(t, newGetRollouts, "--limit 3 --active -o wide", rolloutsOptions{limit: 3, active: true, format: formatWide})
	same(t, newGetTargets, "spring --state failed,rejected --stage commit --waits-for merchant --class plan --errcode 1,-1 --text x -l a=b --app wx1 --wave w --limit 2", targetsOptions{
		ref: "spring", limit: 2, format: formatTable, choice: choice{
			states: []string{"failed", "rejected"}, stages: []string{"commit"}, reasons: []string{"merchant"}, classes: []string{"plan"},
			codes: []string{"1", "-1"}, text: "x", selector: "a=b", apps: []string{"wx1"}, waves: []string{"w"},
		},
	})
	same(t, newSealRotate, "--dry-run -o json", sealOptions{dryRun: true, format: formatJSON})
	same(t, newGetFailures, "", failuresOptions{format: formatTable})
	same(t, newGetSchedules, "-o csv", schedulesOptions{format: formatCSV})
	same(t, newWatch, "spring --every 5s --exit-status -o json", watchOptions{ref: "spring", every: 5 * time.Second, exitStatus: true, format: formatJSON})
	same(t, newWatch, "", watchOptions{every: 2 * time.Second, format: formatTable})
	same(t, newWhy, "wx1 --rollout spring --live", whyOptions{app: "wx1", ref: "spring", live: true, format: formatTable})
	same(t, newPause, "spring --reason x", controlOptions{change: change{why: "x"}, verb: "pause", ref: "spring", format: formatTable})
	same(t, newResume, "spring", controlOptions{verb: "resume", ref: "spring", format: formatTable})
	same(t, newPromote, "spring --wave early -y", controlOptions{change: change{yes: true}, verb: "promote", ref: "spring", wave: "early", format: formatTable})
	same(t, newApprove, "spring --dry-run", controlOptions{change: change{dryRun: true}, verb: "approve", ref: "spring", format: formatTable})
	same(t, newAbort, "spring -o json", controlOptions{verb: "abort", ref: "spring", format: formatJSON})
	same(t, newRetry, "spring --recommit --template 0 --version 3 --desc d --ext e --reason n", retryOptions{
		change: change{why: "n"}, ref: "spring", recommit: true, template: 0, version: "3", desc: "d", ext: "e", format: formatTable,
	})
	same(t, newRetry, "spring", retryOptions{ref: "spring", template: noTemplate, format: formatTable})
	same(t, newUndo, "spring wx1 wx2 --state released --reason r -y", undoOptions{
		change: change{why: "r", yes: true}, ref: "spring", choice: choice{apps: []string{"wx1", "wx2"}, states: []string{"released"}}, format: formatTable,
	})
	same(t, newQuota, "--app wx1", quotaOptions{app: "wx1", format: formatTable})
	same(t, newQuota, "open", quotaOptions{open: rollout.StageSubmit, format: formatTable})
	same(t, newQuota, "open commit --dry-run", quotaOptions{change: change{dryRun: true}, open: rollout.StageCommit, format: formatTable})
	same(t, newCheck, "--app wx1 -o json", checkOptions{app: "wx1", format: formatJSON})
	same(t, newCheck, "--deep spring --all --repair --reason x -y", checkOptions{
		change: change{why: "x", yes: true}, deep: true, ended: true, repair: true, refs: []string{"spring"}, format: formatTable,
	})
	same(t, newReport, "spring -o markdown --to f", reportOptions{ref: "spring", file: "f", format: "markdown"})
	same(t, newReport, "--excel", reportOptions{excel: true, format: formatCSV})
	same(t, newTemplatesList, "-o wide", templatesOptions{format: formatWide})
	same(t, newTemplatesDrafts, "", templatesOptions{format: formatTable})
	zero := int64(0)
	same(t, newTemplatesAdd, "0 --reason n --dry-run", addTemplateOptions{draft: &zero, why: "n", dryRun: true, format: formatTable})
	same(t, newTemplatesAdd, "--newest", addTemplateOptions{format: formatTable})
	same(t, newTemplatesDelete, "7 0 7 -y", deleteTemplatesOptions{change: change{yes: true}, ids: []int64{7, 0}, format: formatTable})
	same(t, newTemplatesPrune, "--keep 3 --live --dry-run --reason n", deleteTemplatesOptions{change: change{why: "n", dryRun: true}, keep: 3, live: true, format: formatTable})
	same(t, newAppsGet, "-l a=b --left --needs-merchant -o csv", appsOptions{selector: "a=b", left: true, needs: true, format: formatCSV})
	same(t, newAppsExport, "-l a=b -o json", appsOptions{selector: "a=b", format: formatJSON})
	same(t, newAppsInspect, "wx1 --live", inspectOptions{app: "wx1", live: true, format: formatTable})
	same(t, newAppsSync, "--full --versions --rate 5", syncOptions{full: true, versions: true, rate: 5, format: formatTable})
	same(t, newAppsImport, "a.csv --replace --skip-unknown --dry-run -y --reason n", importOptions{
		change: change{why: "n", yes: true, dryRun: true}, file: "a.csv", replace: true, skipUnknown: true, format: formatTable,
	})
	same(t, newAppsLabel, "wx1 wx2 tier=gold note-", labelOptions{
		ids: []string{"wx1", "wx2"}, edit: apps.Edit{Set: map[string]string{"tier": "gold"}, Remove: []string{"note"}}, format: formatTable,
	})
	same(t, newAppsLabel, "-l a=b tier=", labelOptions{selector: "a=b", edit: apps.Edit{Set: map[string]string{"tier": ""}}, format: formatTable})
	same(t, newAppsNeeds, "--redirect-uri https://h/x -o csv", needsOptions{redirect: "https://h/x", format: formatCSV})
	same(t, newAppsLink, "wx1 --redirect-uri https://h/x", linkOptions{app: "wx1", redirect: "https://h/x", format: formatTable})
	owner := ownerOptions{code: "91", codeType: "license", legalName: "n", legalWeChat: "w", phone: "1"}
	same(t, newAppsCreateTrial, "shop --openid o1 --reason n --dry-run -o json", registerOptions{name: "shop", openid: "o1", why: "n", dryRun: true, format: formatJSON})
	same(t, newAppsCreate, "co --code 91 --code-type license --legal-name n --legal-wechat w --phone 1", registerOptions{name: "co", owner: owner, format: formatTable})
	same(t, newAppsConvert, "wx1 --name co --code 91 --code-type license --legal-name n --legal-wechat w --phone 1 --legal-id-file -", registerOptions{
		app: "wx1", name: "co", owner: owner, cardFile: "-", format: formatTable,
	})
	same(t, newAppsHistory, "--limit 3 -o csv", historyOptions{limit: 3, format: formatCSV})
	same(t, newAppsRegistrations, "--waiting", registrationsOptions{waiting: true, format: formatTable})
	same(t, newBaselineSet, "-f p.yaml --since 2026-11-01T00:00+08:00 --every 1m --reserve 3 --reason n --dry-run", baselineOptions{
		change: change{why: "n", dryRun: true}, file: "p.yaml", since: "2026-11-01T00:00+08:00", every: time.Minute, reserve: 3, format: formatTable,
	})
	same(t, newBaselineGet, "-o json", baselineOptions{format: formatJSON})
	same(t, newDemo, "--apps 20 --seed 4 --redis redis://x -o json", demoOptions{apps: 20, seed: 4, redis: "redis://x", format: formatJSON})
}

package tasks

import (
	"slices"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient"
)

// A target whose app a later rollout has released ends at any stage, without a call.
func TestSupersededMakesNoCall(t *testing.T) {
	t.Parallel()
	for _, stage := range rollout.Stages() {
		t.Run(string(stage), func(t *testing.T) {
			t.Parallel()
			f := happy(t)
			r := stubRun(f, &stubLedger{plan: testPlan()}, &fakePermits{}, running(stage))
			r.Started.Created, r.Started.Releases = t0, []rollout.Release{{Rollout: "r2", Created: t0.Add(time.Hour), Version: "99.0"}}
			event := r.decide(t.Context(), rollout.StatusRunning)
			if stage == rollout.StageUndo {
				if _, skipped := event.(rollout.Skipped); skipped || len(f.took()) == 0 {
					t.Errorf("what is taken back is left to others: %s", describe(event))
				}
				return
			}
			skipped, ok := event.(rollout.Skipped)
			if calls := f.took(); !ok || len(calls) > 0 || skipped.Note != "superseded by rollout r2 (version 99.0)" {
				t.Errorf("%+v after the calls %q", event, calls)
			}
			if _, err := rollout.Step(r.Target, event); err != nil {
				t.Error(err)
			}
		})
	}
}

// What a lost call did is read back first, and the call isn't made again.
func TestSupersededReadsBackFirst(t *testing.T) {
	t.Parallel()
	for _, stage := range []rollout.Stage{rollout.StageCommit, rollout.StageSubmit, rollout.StageRelease} {
		op := map[rollout.Stage]rollout.Op{rollout.StageCommit: rollout.OpCommit, rollout.StageSubmit: rollout.OpSubmit, rollout.StageRelease: rollout.OpRelease}[stage]
		t.Run(string(stage), func(t *testing.T) {
			t.Parallel()
			f := happy(t)
			if stage == rollout.StageCommit { // it didn't take effect
				f.versionInfo = gives(wxclient.VersionInfo{})
			}
			if stage == rollout.StageSubmit {
				f.latestAudit = func() (wxclient.Audit, error) { return wxclient.Audit{}, refusal(85058) }
			}
			target := running(stage)
			target.Intent = &rollout.Intent{Op: op, At: t0.Add(-time.Hour)}
			r := stubRun(f, &stubLedger{plan: testPlan()}, &fakePermits{}, target)
			r.Started.Created, r.Started.Releases = t0, []rollout.Release{{Rollout: "r2", Created: t0.Add(time.Hour), Version: "99.0"}}
			event := r.decide(t.Context(), rollout.StatusRunning)
			calls := f.took()
			if _, ok := event.(rollout.Skipped); !ok || len(calls) == 0 {
				t.Errorf("%s after the calls %q", describe(event), calls)
			}
			for _, write := range []string{"commit", "submit", "release"} {
				if slices.Contains(calls, write) {
					t.Errorf("the call %s was made again: %q", write, calls)
				}
			}
			if _, err := rollout.Step(r.Target, event); err != nil {
				t.Error(err)
			}
		})
	}
}

// The same version is up to date, if it is live; a plan that allows it goes back.
func TestNotSuperseded(t *testing.T) {
	t.Parallel()
	f := happy(t)
	f.versionInfo = gives(wxclient.VersionInfo{Release: &wxclient.VersionEntry{Version: ourVersion, Desc: "another's"}})
	r := stubRun(f, &stubLedger{plan: testPlan()}, &fakePermits{}, running(rollout.StagePreflight))
	r.Started.Created, r.Started.Releases = t0, []rollout.Release{{Rollout: "r2", Created: t0.Add(time.Hour), Version: ourVersion}}
	if got := describe(r.decide(t.Context(), rollout.StatusRunning)); got != "finished up-to-date" {
		t.Error(got)
	}
	plan := testPlan()
	plan.AllowDowngrade = true
	r = stubRun(happy(t), &stubLedger{plan: plan}, &fakePermits{}, running(rollout.StageCommit))
	r.Started.Created, r.Started.Releases = t0, []rollout.Release{{Rollout: "r2", Created: t0.Add(time.Hour), Version: "99.0"}}
	if got := describe(r.decide(t.Context(), rollout.StatusRunning)); got != "advanced" {
		t.Error(got)
	}
}

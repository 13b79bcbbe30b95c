package tasks

import (
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/classify"
	"github.com/wxrollout/wxrollout/wxclient"
)

// lose makes the submission of a target whose reply is lost, and claims its read-back.
func lose(r *rig) rollout.Assignment {
	r.Helper()
	r.wx.submit = func(wxclient.SubmitRequest) (int64, error) { return 0, lostReply() }
	r.act()
	r.called(wholeSubmit...)
	r.pool(doubtful)
	r.parked("submit/parked/unknown", 65*time.Second)
	assignment := r.claim()
	assignment.Permit = false
	return assignment
}

// A read-back has no permit: a submission that took effect is followed, and its unit settled; one
// that did not is given back, and is not made again before the target has a permit, even if one of
// its worker that died is still out.
func TestReadBackNeedsNoPermit(t *testing.T) {
	t.Parallel()
	r := atSubmit(t)
	assignment := lose(r)
	r.wx.latestAudit = audits(42, wxclient.AuditPending, ourVersion, ourDesc)
	r.must(r.h.Run(t.Context(), assignment))
	r.called("latest-audit")
	if got := r.is("verdict/pending"); got.AuditID != 42 {
		t.Errorf("audit %d, want 42", got.AuditID)
	}
	r.pool(foundOn)

	r = atSubmit(t)
	assignment = lose(r)
	r.must(r.h.Run(t.Context(), assignment))
	r.called(wholeSubmit[:len(wholeSubmit)-1]...)
	if got := r.is("submit/pending"); got.Intent != nil {
		t.Errorf("intent %+v", got.Intent)
	}
	r.pool(deniedOn)
	r.wx.submit = func(wxclient.SubmitRequest) (int64, error) { return 43, nil }
	r.act()
	r.called(wholeSubmit...)
	r.pool(spentOn)
	r.is("verdict/pending")
}

// A submission that shows only after it was given back is counted again.
func TestSubmissionShownAfterItsDenial(t *testing.T) {
	t.Parallel()
	r := atSubmit(t)
	r.must(r.h.Run(t.Context(), lose(r)))
	r.pool(deniedOn)
	r.wx.took()
	r.wx.latestAudit = audits(42, wxclient.AuditPending, ourVersion, ourDesc)
	r.act()
	r.called("latest-audit")
	r.is("verdict/pending")
	r.pool(foundOn)
}

// A stage that is closed doesn't hold a read-back; what it denies is made again when the stage is
// open.
func TestReadBackAtAClosedStage(t *testing.T) {
	t.Parallel()
	for stage, op := range map[rollout.Stage]rollout.Op{rollout.StageCommit: rollout.OpCommit, rollout.StageRelease: rollout.OpRelease} {
		for _, reason := range []string{"45009", classify.ReasonOutage} {
			r := newRig(t).at(stage)
			r.at(stage, r.intent(op, time.Hour))
			r.permits.closed = reason
			r.wx.versionInfo = exp(ourVersion, "another system's")
			r.wx.latestAudit = audits(41, wxclient.AuditPassed, ourVersion, ourDesc)
			r.act()
			if got := r.is(string(stage) + "/pending"); got.Intent != nil {
				t.Errorf("%s: intent %+v", stage, got.Intent)
			}
			for _, call := range r.wx.took() {
				if call == "commit" || call == "release" {
					t.Errorf("%s: %s at a closed stage", stage, call)
				}
			}
		}
	}
}

// What WeChat refuses everyone, a read-back waits for and counts: its target would come again at
// once.
func TestRefusedReadBackWaits(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		code   int64
		closed string
		least  time.Duration
		counts rollout.Cause
	}{
		{45009, "", time.Minute, rollout.CauseUnread},
		{45011, "", time.Minute, rollout.CauseUnread},
		{86008, "", time.Minute, rollout.CauseUnread},
		{-1, classify.ReasonOutage, 45 * time.Second, ""},
	} {
		r := atSubmit(t)
		r.at(rollout.StageSubmit, r.intent(rollout.OpSubmit, time.Hour))
		r.permits.closed = tc.closed
		r.wx.latestAudit = fails[wxclient.Audit](refusal(tc.code))
		assignment := r.claim()
		assignment.Permit = false
		r.must(r.h.Run(t.Context(), assignment))
		got := r.is("submit/parked/unknown")
		if got.Intent == nil || got.Due.Sub(r.now()) < tc.least-time.Second {
			t.Errorf("%d: intent %v, due in %s", tc.code, got.Intent, got.Due.Sub(r.now()))
		}
		if n := got.Tries[tc.counts]; tc.counts != "" && n != 1 || tc.counts == "" && len(got.Tries) > 0 {
			t.Errorf("%d: tries %v, want one of %q", tc.code, got.Tries, tc.counts)
		}
	}
}

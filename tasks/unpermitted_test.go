package tasks

import (
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient"
)

// A stage that is closed doesn't hold a read-back; what it denies is made again when the stage is
// open.
func TestReadBackAtAClosedStage(t *testing.T) {
	t.Parallel()
	for stage, op := range map[rollout.Stage]rollout.Op{rollout.StageCommit: rollout.OpCommit, rollout.StageRelease: rollout.OpRelease} {
		for _, reason := range []string{"45009", ReasonOutage} {
			r := newRig(t).at(stage)
			r.at(stage, r.intent(op, time.Hour))
			r.permits.closed = reason
			r.wx.versionInfo = exp(ourVersion, "somebody else's")
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
		{-1, ReasonOutage, 45 * time.Second, ""},
	} {
		r := atSubmit(t)
		r.at(rollout.StageSubmit, r.intent(rollout.OpSubmit, time.Hour))
		r.permits.closed = tc.closed
		r.wx.latestAudit = fails[wxclient.Audit](refusal(tc.code))
		turn := r.claim()
		turn.Permit = false
		r.must(r.h.Run(t.Context(), turn))
		got := r.is("submit/parked/unknown")
		if got.Intent == nil || got.Due.Sub(r.now()) < tc.least-time.Second {
			t.Errorf("%d: intent %v, due in %s", tc.code, got.Intent, got.Due.Sub(r.now()))
		}
		if n := got.Tries[tc.counts]; tc.counts != "" && n != 1 || tc.counts == "" && len(got.Tries) > 0 {
			t.Errorf("%d: tries %v, want one of %q", tc.code, got.Tries, tc.counts)
		}
	}
}

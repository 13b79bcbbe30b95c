package tasks

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient"
)

// inAudit sets the plan's policy for another version in audit.
func inAudit(policy rollout.InAudit) func(*rollout.Plan) {
	return func(p *rollout.Plan) { p.Audit.InAudit = policy }
}

// foreign is another version that is in audit.
var foreign = audits(40, wxclient.AuditPending, "3.8.1", "by hand")

func TestAnotherVersionInAuditIsWaitedFor(t *testing.T) {
	t.Parallel()
	for _, status := range []wxclient.AuditStatus{wxclient.AuditPending, wxclient.AuditDelayed} {
		r := atSubmit(t, inAudit(rollout.InAuditWait))
		r.wx.latestAudit = audits(40, status, "3.8.1", "by hand")
		r.act()
		r.called("latest-audit")
		if got := r.parked("submit/parked/in-audit", 30*time.Minute); got.LastError.Code != 0 || got.LastError.Text != "version 3.8.1 is in audit" {
			t.Errorf("last error %+v, want the version, and no errcode: WeChat sent none", got.LastError)
		}
		r.pool(settled)
		r.wx.latestAudit = audits(40, wxclient.AuditRejected, "3.8.1", "by hand")
		r.act()
		r.called(wholeSubmit...)
		r.is("verdict/pending")
	}
}

func TestAnotherVersionInAuditIsSkipped(t *testing.T) {
	t.Parallel()
	r := atSubmit(t, inAudit(rollout.InAuditSkip))
	r.wx.latestAudit = foreign
	r.act()
	r.called("latest-audit")
	r.is("submit/skipped")
	r.pool(settled)
}

// withdrawing makes undo take effect.
func (r *rig) withdrawing() error {
	r.wx.latestAudit = audits(40, wxclient.AuditWithdrawn, "3.8.1", "by hand")
	return nil
}

func TestAnotherVersionInAuditIsWithdrawn(t *testing.T) {
	t.Parallel()
	r := atSubmit(t, inAudit(rollout.InAuditWithdraw))
	r.wx.latestAudit = foreign
	r.wx.undo = func() error {
		if in := r.target().Intent; in == nil || in.Op != rollout.OpUndo {
			t.Errorf("intent before the call: %+v, want undo", in)
		}
		return r.withdrawing()
	}
	r.act()
	r.called("latest-audit", "undo", "version-info", "categories", "pages", "submit")
	r.is("verdict/pending")
	r.pool(spentOn)
}

// A withdrawal is as precious as a submission: it is read back, too.
func TestWithdrawalReplyLost(t *testing.T) {
	t.Parallel()
	for _, effect := range []bool{true, false} {
		r := atSubmit(t, inAudit(rollout.InAuditWithdraw))
		r.wx.latestAudit = foreign
		undone := 0
		r.wx.undo = func() error {
			if undone++; undone > 1 || effect {
				_ = r.withdrawing()
			}
			if undone > 1 {
				return nil
			}
			return lostReply()
		}
		r.act()
		r.called("latest-audit", "undo")
		r.parked("submit/parked/unknown", 65*time.Second)
		r.act()
		want := []string{"latest-audit", "undo", "version-info", "categories", "pages", "submit"}
		if effect {
			want = wholeSubmit
		}
		r.called(want...)
		r.is("verdict/pending")
	}
}

// The other version's audit passed before a withdrawal whose reply was lost took
// effect: it could hit our own submission, which waits.
func TestNoSubmissionBesideALostWithdrawal(t *testing.T) {
	t.Parallel()
	r := atSubmit(t, inAudit(rollout.InAuditWithdraw))
	r.at(rollout.StageSubmit, r.intent(rollout.OpUndo, 5*time.Second))
	r.wx.latestAudit = audits(40, wxclient.AuditPassed, "3.8.1", "by hand")
	r.act()
	r.called("latest-audit")
	r.parked("submit/parked/unknown", time.Minute)
	r.act()
	r.called(wholeSubmit...)
	r.is("verdict/pending")
}

// While a submission of ours may still show up, another version is not withdrawn.
func TestNoWithdrawalBesideALostSubmission(t *testing.T) {
	t.Parallel()
	r := atSubmit(t, inAudit(rollout.InAuditWithdraw))
	r.at(rollout.StageSubmit, r.intent(rollout.OpSubmit, 5*time.Second))
	r.wx.latestAudit = foreign
	r.act()
	r.called("latest-audit")
	r.is("submit/parked/unknown")
}

func TestWithdrawalAllowanceSpent(t *testing.T) {
	t.Parallel()
	r := atSubmit(t, inAudit(rollout.InAuditWithdraw))
	r.wx.latestAudit = foreign
	r.wx.undo = func() error { return refusal(87013) }
	r.act()
	r.called("latest-audit", "undo")
	if got := r.parkedUntil("submit/parked/throttle", untilTomorrow(r.now())); got.Intent != nil {
		t.Errorf("intent %+v of a refused withdrawal", got.Intent)
	}
}

// Code that is not ours is never submitted: it is committed again, once.
func TestForeignTrialVersionIsCommittedOver(t *testing.T) {
	t.Parallel()
	byHand := exp("3.9.0", "by hand")
	for _, tc := range []struct {
		name string
		set  func(r *rig)
		want []string
		text string // of the failure, which does not blame the plan
	}{
		{"another trial version", func(r *rig) { r.wx.versionInfo = byHand }, wholeSubmit[:2], "another system commits to this app"},
		{"another revision of ours", func(r *rig) { r.wx.versionInfo = exp(ourVersion, "spring sale [r1/1]") }, wholeSubmit[:2], "another system commits"},
		{"no trial version", func(r *rig) { r.wx.versionInfo = gives(wxclient.VersionInfo{}) }, wholeSubmit[:2], "WeChat shows no trial version"},
		{"85086", func(r *rig) { r.wx.submit = func(wxclient.SubmitRequest) (int64, error) { return 0, refusal(85086) } }, wholeSubmit, "shows our trial version"},
		{"86001", func(r *rig) { r.wx.submit = func(wxclient.SubmitRequest) (int64, error) { return 0, refusal(86001) } }, wholeSubmit, "shows our trial version"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := atSubmit(t)
			tc.set(r)
			r.act()
			r.called(tc.want...)
			r.pool(settled)
			if got := r.is("commit/pending"); got.Redone != 1 || got.Intent != nil {
				t.Errorf("redone %d, intent %+v; want 1 and none", got.Redone, got.Intent)
			}
			r.wx.commit = func(context.Context, wxclient.CommitRequest) error {
				r.wx.versionInfo = exp(ourVersion, ourDesc)
				return nil
			}
			r.act() // commit
			r.act() // check
			tc.set(r)
			r.wx.took()
			r.act()
			r.called(tc.want...)
			last := r.is("submit/failed").LastError
			if last.Class == "plan" || !strings.Contains(last.Text, tc.text) || !strings.Contains(last.Next, "enqueue retry r1 --app wx1 --recommit") {
				t.Errorf("last error %+v, want %q, a retry that commits again, and no blame of the plan", last, tc.text)
			}
		})
	}
}

// 85009 says that a version is in audit while the look before showed none: the submission is tried
// a few times, less and less often, and then a person is asked.
func TestSubmitWhileAnAuditThatDoesNotShowRuns(t *testing.T) {
	t.Parallel()
	for _, shows := range []bool{true, false} {
		r := atSubmit(t)
		r.wx.submit = func(wxclient.SubmitRequest) (int64, error) { return 0, refusal(85009) }
		for _, wait := range []time.Duration{65 * time.Second, 195 * time.Second, 585 * time.Second} {
			r.act()
			r.called(wholeSubmit...)
			r.parked("submit/parked/external", wait)
			r.pool(settled)
		}
		if shows {
			r.wx.latestAudit = foreign
			r.act()
			r.is("submit/parked/in-audit")
			continue
		}
		r.act()
		got := r.is("submit/failed")
		if tr := got.LastError; tr.Code != 85009 || tr.RID != "rid-1" || !strings.Contains(tr.Text, "4 tries") || !strings.Contains(tr.Next, "end it; then enqueue retry r1 --app wx1") {
			t.Errorf("reported as %+v", tr)
		}
	}
}

// Each way in which WeChat says that an app was never submitted.
func TestAppThatWasNeverSubmitted(t *testing.T) {
	t.Parallel()
	for _, code := range []int64{85012, 85058, 86001} {
		r := atSubmit(t)
		r.wx.latestAudit = fails[wxclient.Audit](refusal(code))
		r.act()
		r.called(wholeSubmit...)
		r.is("verdict/pending")
	}
}

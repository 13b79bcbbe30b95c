package tasks

import (
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient"
)

// atUndo is a released target that an operator sent to the undo stage, with
// version 3.8.0 to go back to.
func atUndo(t *testing.T, change ...func(*rollout.Plan)) *rig {
	t.Helper()
	r := newRig(t, change...).at(rollout.StageUndo)
	r.wx.versionInfo = live(ourVersion, ourDesc)
	r.wx.revert = r.reverting
	r.wx.undo = func() error {
		r.wx.latestAudit = audits(41, wxclient.AuditWithdrawn, ourVersion, ourDesc)
		return nil
	}
	r.wx.revertGray = func() error {
		r.wx.grayPlan = gives(wxclient.GrayPlan{Exists: true, Status: wxclient.GrayDeleted, Percentage: 5})
		return nil
	}
	return r
}

// reverting makes the revert take effect.
func (r *rig) reverting() error {
	r.wx.versionInfo = live("3.8.0", "winter")
	return nil
}

// inOurAudit is our version in audit, and another one live.
func (r *rig) inOurAudit() {
	r.wx.versionInfo = live("3.8.0", "winter")
	r.wx.latestAudit = audits(41, wxclient.AuditPending, ourVersion, ourDesc)
}

var (
	look      = []string{"version-info", "latest-audit"}
	wholeUndo = []string{"version-info", "latest-audit", "revert", "version-info", "latest-audit"}
)

func TestUndoARelease(t *testing.T) {
	t.Parallel()
	r := atUndo(t)
	r.wx.revert = func() error {
		if in := r.target().Intent; in == nil || in.Op != rollout.OpRevert {
			t.Errorf("intent before the call: %+v, want revert", in)
		}
		return r.reverting()
	}
	got := r.act()
	r.called(wholeUndo...)
	r.is("undo/undone")
	if got.AuditID != 0 || got.PastAuditID != 41 || got.Intent != nil {
		t.Errorf("audit %d, past %d, intent %+v; want none, 41, none", got.AuditID, got.PastAuditID, got.Intent)
	}
	if last := got.Timeline[len(got.Timeline)-1]; last.Note != "version 3.8.0 is live; audit 41 stays approved at WeChat" {
		t.Errorf("note %q", last.Note)
	}
}

func TestUndoASubmission(t *testing.T) {
	t.Parallel()
	r := atUndo(t)
	r.inOurAudit()
	r.act()
	r.called("version-info", "latest-audit", "undo", "version-info", "latest-audit")
	r.is("undo/undone")
}

// What isn't ours is never touched.
func TestUndoIsPinned(t *testing.T) {
	t.Parallel()
	r := atUndo(t)
	r.wx.versionInfo = live("4.0.0", "by hand")
	r.wx.latestAudit = audits(50, wxclient.AuditPending, "4.0.1", "by hand")
	r.act()
	r.called(look...)
	r.is("undo/undone")
}

// An earlier revision of the plan is this rollout's, too.
func TestUndoAnEarlierRevision(t *testing.T) {
	t.Parallel()
	r := atUndo(t)
	_, err := r.ledger.Revise(t.Context(), "r1", testPlan())
	r.must(err)
	r.at(rollout.StageUndo, func(x *rollout.Target) { x.Revision = 1 })
	r.act()
	r.called(wholeUndo...)
	r.is("undo/undone")
}

// A lost revert is read back, and made again only when it had no effect: WeChat
// would go one version further back.
func TestRevertReplyLost(t *testing.T) {
	t.Parallel()
	for _, effect := range []bool{true, false} {
		r := atUndo(t)
		made := 0
		r.wx.revert = func() error {
			if made++; made > 1 || effect {
				_ = r.reverting()
			}
			if made > 1 {
				return nil
			}
			return lostReply()
		}
		r.act()
		r.called("version-info", "latest-audit", "revert")
		r.parked("undo/parked/unknown", 65*time.Second)
		r.act()
		want := wholeUndo
		if effect {
			want = look
		}
		r.called(want...)
		r.is("undo/undone")
	}
}

// A worker died between its intent and the answer: nothing is repeated before a
// read-back may be believed.
func TestRevertReadBackTooSoon(t *testing.T) {
	t.Parallel()
	r := atUndo(t)
	r.at(rollout.StageUndo, r.intent(rollout.OpRevert, 5*time.Second))
	r.act()
	r.called(look...)
	r.parked("undo/parked/unknown", 60*time.Second)
	r.act()
	r.called(wholeUndo...)
	r.is("undo/undone")
}

// WeChat shows the old version a while after it answered.
func TestRevertThatShowsLater(t *testing.T) {
	t.Parallel()
	r := atUndo(t)
	r.wx.revert = func() error { return nil }
	r.act()
	r.called(wholeUndo...)
	_ = r.reverting()
	r.parked("undo/parked/unknown", 65*time.Second)
	r.act()
	r.called(look...)
	r.is("undo/undone")
}

// A submission or release whose reply was lost before the undo may still come.
func TestUndoAfterALostCall(t *testing.T) {
	t.Parallel()
	for _, op := range []rollout.Op{rollout.OpSubmit, rollout.OpRelease} {
		r := atUndo(t)
		r.wx.versionInfo = live("3.8.0", "winter")
		r.wx.latestAudit = audits(40, wxclient.AuditRejected, "3.8.1", "by hand")
		r.at(rollout.StageUndo, r.intent(op, time.Second))
		r.act()
		r.called(look...)
		r.parked("undo/parked/unknown", 60*time.Second)
		if op == rollout.OpSubmit { // it did come
			r.inOurAudit()
			r.act()
			r.called("version-info", "latest-audit", "undo", "version-info", "latest-audit")
		} else {
			r.wx.versionInfo = live(ourVersion, ourDesc)
			r.act()
			r.called(wholeUndo...)
		}
		r.is("undo/undone")
	}
}

func TestUndoRefused(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		code int64
		want string
	}{
		{"no version before", 87012, "undo/failed"},
		{"another's gray release", 87011, "undo/failed"},
		{"invalid args, which must not pause for ever", 40097, "undo/failed"},
		{"the platform's 30 a day", 45009, "undo/pending"},
		{"the platform's set-up", 61011, "undo/parked/unlisted"},
		{"our address is not on the platform's list", 40164, "undo/pending"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := atUndo(t)
			r.wx.revert = func() error { return refusal(tc.code) }
			r.act()
			if got := r.is(tc.want); got.Intent != nil {
				t.Errorf("intent %+v of a refused revert", got.Intent)
			}
			if ro, err := r.ledger.Rollout(t.Context(), "r1"); err != nil || ro.Status != rollout.StatusRunning {
				t.Errorf("the rollout is %s (%v)", ro.Status, err)
			}
		})
	}
}

func TestUndoOfASubmissionRefused(t *testing.T) {
	t.Parallel()
	r := atUndo(t)
	r.inOurAudit()
	r.wx.undo = func() error { return refusal(87013) }
	r.act()
	r.advance(r.parkedUntil("undo/parked/throttle", untilTomorrow(r.now())).Due.Sub(r.now()))
	if n, err := r.ledger.WakeDue(t.Context(), 9); err != nil || n != 1 {
		t.Fatalf("not woken at its reset (%v)", err)
	}
	// 87012: the verdict came between the look and the call.
	r.wx.undo = func() error {
		r.wx.latestAudit = audits(41, wxclient.AuditPassed, ourVersion, ourDesc)
		return refusal(87012)
	}
	r.act()
	r.parked("undo/parked/external", 65*time.Second)
	r.act()
	r.is("undo/undone")
}

// TestUndoAGrayRelease: it ends before anything else, and only if it is ours.
func TestUndoAGrayRelease(t *testing.T) {
	t.Parallel()
	running := gives(wxclient.GrayPlan{Exists: true, Status: wxclient.GrayRunning, Percentage: 5})
	began := func(x *rollout.Target) { x.Gray = 1 }
	withGray := []string{"version-info", "latest-audit", "gray-plan"}
	for _, tc := range []struct {
		name  string
		edit  func(*rollout.Target)
		audit func() (wxclient.Audit, error)
		want  string
		calls []string
	}{
		{"ours", began, audits(41, wxclient.AuditPassed, ourVersion, ourDesc), "undo/undone", append(append(append([]string{}, withGray...), "revert-gray"), withGray...)},
		{"ours, and another version in audit", began, audits(50, wxclient.AuditPending, "4.0.0", "by hand"), "undo/undone", append(append(append([]string{}, withGray...), "revert-gray"), withGray...)},
		{"another version passed since", began, audits(50, wxclient.AuditPassed, "4.0.0", "by hand"), "undo/failed", withGray},
		{"not begun by us", nil, audits(50, wxclient.AuditPending, "4.0.0", "by hand"), "undo/failed", withGray},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := atUndo(t, gray(5, 100))
			r.at(rollout.StageUndo, func(x *rollout.Target) {
				if tc.edit != nil {
					tc.edit(x)
				}
			})
			r.wx.versionInfo = live("3.8.0", "winter")
			r.wx.latestAudit, r.wx.grayPlan = tc.audit, running
			r.act()
			r.called(tc.calls...)
			r.is(tc.want)
		})
	}
}

// A lost end of a gray release is read back by its plan.
func TestRevertGrayReplyLost(t *testing.T) {
	t.Parallel()
	for _, effect := range []bool{true, false} {
		r := atUndo(t, gray(5, 100))
		r.at(rollout.StageUndo, func(x *rollout.Target) { x.Gray = 1 })
		r.wx.versionInfo = live("3.8.0", "winter")
		r.wx.latestAudit = audits(41, wxclient.AuditPassed, ourVersion, ourDesc)
		r.wx.grayPlan = gives(wxclient.GrayPlan{Exists: true, Status: wxclient.GrayRunning, Percentage: 5})
		end := r.wx.revertGray
		r.wx.revertGray = func() error {
			if effect {
				_ = end()
			}
			r.wx.revertGray = end
			return lostReply()
		}
		r.act()
		r.called("version-info", "latest-audit", "gray-plan", "revert-gray")
		r.parked("undo/parked/unknown", 65*time.Second)
		r.act()
		want := []string{"version-info", "latest-audit", "gray-plan"}
		if !effect {
			want = append(append(append([]string{}, want...), "revert-gray"), want...)
		}
		r.called(want...)
		r.is("undo/undone")
	}
}

// An operator undoes when a rollout is paused or aborted: its assignments go on.
func TestUndoInAPausedOrAbortedRollout(t *testing.T) {
	t.Parallel()
	for _, stop := range []func(r *rig) error{
		func(r *rig) error { return r.ledger.PauseBy(r.Context(), "r1", "op", "x") },
		func(r *rig) error { return r.ledger.Abort(r.Context(), "r1", "op", "x") },
	} {
		r := atUndo(t)
		r.must(stop(r))
		r.act()
		r.called(wholeUndo...)
		r.is("undo/undone")
	}
}

// An audit of ours in an undocumented state may go on: the undo does not end before it is readable.
func TestUndoOfAnUndocumentedAudit(t *testing.T) {
	t.Parallel()
	r := atUndo(t)
	r.wx.versionInfo = live("3.8.0", "winter")
	r.wx.latestAudit = audits(41, 7, ourVersion, ourDesc)
	r.act()
	r.called(look...)
	if got := r.parked("undo/parked/external", 65*time.Second); got.LastError.Class != rollout.ClassUnread {
		t.Errorf("last error %+v, want unread", got.LastError)
	}
	r.inOurAudit()
	r.act()
	r.called("version-info", "latest-audit", "undo", "version-info", "latest-audit")
	r.is("undo/undone")
}

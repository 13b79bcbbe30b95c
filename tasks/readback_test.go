package tasks

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/stage"
	"github.com/wxrollout/wxrollout/wxclient"
)

// abortedAt is a target of an aborted rollout with a call of unknown outcome, marked by the
// sweep to be read back. Every write fails the test.
func abortedAt(t *testing.T, stage rollout.Stage, op rollout.Op, ago time.Duration, change ...func(*rollout.Plan)) *rig {
	t.Helper()
	r := newRig(t, change...)
	r.wx.commit, r.wx.submit, r.wx.release, r.wx.undo, r.wx.revert, r.wx.revertGray, r.wx.grayRelease = nil, nil, nil, nil, nil, nil, nil
	r.at(stage, r.intent(op, ago))
	r.must(r.ledger.Abort(t.Context(), "r1", "test", "enough"))
	r.swept()
	return r
}

func (r *rig) swept() {
	r.Helper()
	_, err := r.ledger.Sweep(r.Context(), "r1", 9)
	r.must(err)
}

// A target of an aborted rollout isn't ended before its call of unknown outcome is read back,
// by reads alone, and its end says what is left at WeChat.
func TestAbortReadsBack(t *testing.T) {
	t.Parallel()
	ours := func(status wxclient.AuditStatus) func() (wxclient.Audit, error) {
		return gives(wxclient.Audit{ID: 77, Status: status, Version: ourVersion, Desc: ourDesc})
	}
	other := gives(wxclient.Audit{ID: 9, Status: wxclient.AuditPending, Version: "9.9.9", Desc: "theirs"})
	withdrawn := gives(wxclient.Audit{ID: 9, Status: wxclient.AuditWithdrawn, Version: "9.9.9", Desc: "theirs"})
	gray := func(p *rollout.Plan) { p.Release.Gray = []int{20} }
	for _, tc := range []struct {
		name  string
		stage rollout.Stage
		op    rollout.Op
		plan  func(*rollout.Plan)
		wx    func(f *fakeWeChat)
		calls []string
		end   string
		audit int64
		note  string
	}{
		{"commit took effect", rollout.StageCommit, rollout.OpCommit, nil, func(f *fakeWeChat) { f.versionInfo = exp(ourVersion, ourDesc) },
			[]string{"version-info"}, "commit/aborted", 0, "its commit took effect"},
		{"commit did not", rollout.StageCommit, rollout.OpCommit, nil, func(f *fakeWeChat) { f.versionInfo = exp("3.8.0", "winter") },
			[]string{"version-info"}, "commit/aborted", 0, "its commit had not taken effect"},
		{"submission took effect", rollout.StageSubmit, rollout.OpSubmit, nil, func(f *fakeWeChat) { f.latestAudit = ours(wxclient.AuditPending) },
			[]string{"latest-audit"}, "submit/aborted", 77, "audit 77"},
		{"submission took effect and passed", rollout.StageSubmit, rollout.OpSubmit, nil, func(f *fakeWeChat) { f.latestAudit = ours(wxclient.AuditPassed) },
			[]string{"latest-audit"}, "submit/aborted", 77, "audit 77 is passed"},
		{"submission did not", rollout.StageSubmit, rollout.OpSubmit, nil, func(f *fakeWeChat) { f.latestAudit = other },
			[]string{"latest-audit"}, "submit/aborted", 0, "its submit had not taken effect"},
		{"withdrawal took effect", rollout.StageSubmit, rollout.OpUndo, nil, func(f *fakeWeChat) { f.latestAudit = withdrawn },
			[]string{"latest-audit"}, "submit/aborted", 0, "its withdrawal of another version's audit took effect"},
		{"withdrawal did not", rollout.StageSubmit, rollout.OpUndo, nil, func(f *fakeWeChat) { f.latestAudit = other },
			[]string{"latest-audit"}, "submit/aborted", 0, "had not taken effect"},
		{"release took effect", rollout.StageRelease, rollout.OpRelease, nil, func(f *fakeWeChat) { f.versionInfo = live(ourVersion, ourDesc) },
			[]string{"version-info"}, "release/released", 41, "released before the abort"},
		{"release did not", rollout.StageRelease, rollout.OpRelease, nil, func(f *fakeWeChat) { f.versionInfo = live("3.8.0", "winter") },
			[]string{"version-info"}, "release/aborted", 41, "its release had not taken effect"},
		{"gray release took effect", rollout.StageRelease, rollout.OpRelease, gray, func(f *fakeWeChat) {
			f.versionInfo = live("3.8.0", "winter")
			f.grayPlan = gives(wxclient.GrayPlan{Exists: true, Status: wxclient.GrayRunning, Percentage: 20})
		}, []string{"version-info", "gray-plan"}, "release/aborted", 41, "a gray release to 20% of the users runs"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			edit := tc.plan
			if edit == nil {
				edit = func(*rollout.Plan) {}
			}
			r := abortedAt(t, tc.stage, tc.op, 2*time.Minute, edit)
			tc.wx(r.wx)
			r.act()
			r.called(tc.calls...)
			got := r.is(tc.end)
			if got.AuditID != tc.audit || got.Intent != nil {
				t.Errorf("audit %d, want %d; intent %v", got.AuditID, tc.audit, got.Intent)
			}
			if last := got.Timeline[len(got.Timeline)-1]; !strings.Contains(last.Note, tc.note) {
				t.Errorf("it ends with %q, want %q", last.Note, tc.note)
			}
		})
	}
}

// What isn't there yet may still take effect: the target waits once, then ends.
func TestAbortWaitsForALateEffect(t *testing.T) {
	t.Parallel()
	r := abortedAt(t, rollout.StageSubmit, rollout.OpSubmit, 20*time.Second)
	r.wx.latestAudit = noAudit
	r.act()
	r.called("latest-audit")
	r.parked("submit/parked/unknown", 45*time.Second)
	r.wx.latestAudit = gives(wxclient.Audit{ID: 77, Status: wxclient.AuditPending, Version: ourVersion, Desc: ourDesc})
	r.swept()
	r.act()
	r.called("latest-audit")
	if got := r.is("submit/aborted"); got.AuditID != 77 {
		t.Errorf("audit %d", got.AuditID)
	}
}

// What can never be read ends too: with its intent open, and a text that says so.
func TestAbortReadBackIsBounded(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"busy": refusal(-1), "lost": lostReply(), "merchant": refusal(61007), "plan": refusal(47001),
		"platform": refusal(48001), "throttled": refusal(45009), "unlisted": refusal(123456), "broken": errors.New("no connection"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := abortedAt(t, rollout.StageSubmit, rollout.OpSubmit, 2*time.Minute)
			r.wx.latestAudit = func() (wxclient.Audit, error) { return wxclient.Audit{}, err }
			reads := 0
			for ; !r.target().State.Ended() && reads < 99; reads++ {
				r.act()
				r.called("latest-audit")
				r.advance(time.Hour)
				_, e := r.ledger.WakeDue(t.Context(), 9)
				r.must(e)
				r.swept()
			}
			got := r.is("submit/aborted")
			if reads != stage.ReadBackLimit+1 || got.Intent == nil || got.LastError == nil || !strings.Contains(got.LastError.Text, "what its submit did is unknown") {
				t.Errorf("after %d reads: intent %v, last error %+v", reads, got.Intent, got.LastError)
			}
		})
	}
}

// A worker that stops gives a read-back to the next one.
func TestAbortReadBackOutlivesItsWorker(t *testing.T) {
	t.Parallel()
	r := abortedAt(t, rollout.StageRelease, rollout.OpRelease, 2*time.Minute)
	ctx, stop := context.WithCancel(t.Context())
	r.wx.versionInfo = func() (wxclient.VersionInfo, error) { stop(); return wxclient.VersionInfo{}, ctx.Err() }
	_ = r.h.Run(ctx, r.claim())
	if got := r.is("release/pending/unknown"); got.Intent == nil {
		t.Error("its intent is gone")
	}
	r.wx.versionInfo = live(ourVersion, ourDesc)
	r.swept()
	r.act()
	r.is("release/released")
}

// A fault of the platform spends none of the reads: it is recorded, and the target waits.
func TestAbortReadBackOutlivesAPlatformFault(t *testing.T) {
	t.Parallel()
	r := abortedAt(t, rollout.StageSubmit, rollout.OpSubmit, 2*time.Minute)
	r.wx.latestAudit = func() (wxclient.Audit, error) {
		return wxclient.Audit{}, &wxclient.TokenError{Err: &wxclient.Error{Endpoint: "/cgi-bin/component/api_component_token", Code: 61004, Msg: "not in whitelist", Class: wxclient.ClassFatalConfig}}
	}
	r.act()
	got := r.is("submit/pending/unknown")
	if got.Intent == nil || got.Intent.Waits != 0 {
		t.Errorf("intent %+v", got.Intent)
	}
	f, err := r.ledger.PlatformFault(t.Context())
	if err != nil || f == nil || f.Code != 61004 {
		t.Errorf("fault %+v %v", f, err)
	}
}

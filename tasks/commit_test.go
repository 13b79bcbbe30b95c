package tasks

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/run"
	"github.com/wxrollout/wxrollout/wxclient"
)

// atCommit is a target about to be committed, whose trial version is another.
func atCommit(t *testing.T, change ...func(*rollout.Plan)) *rig {
	t.Helper()
	r := newRig(t, change...).at(rollout.StageCommit)
	r.wx.versionInfo = exp("3.8.0", "winter")
	r.wx.commit = r.committed
	return r
}

func TestCommit(t *testing.T) {
	t.Parallel()
	r := atCommit(t, func(p *rollout.Plan) { p.Ext = `{"extAppid": {{ json .appid }}, "ext": {"city": {{ json .city }}}}` })
	var sent wxclient.CommitRequest
	r.wx.commit = func(ctx context.Context, req wxclient.CommitRequest) error {
		sent = req
		if in := r.target().Intent; in == nil || in.Op != rollout.OpCommit {
			t.Errorf("intent before the call: %+v, want commit", in)
		}
		return r.committed(ctx, req)
	}
	r.act()
	r.called("commit", "version-info")
	want := wxclient.CommitRequest{
		TemplateID: 118, Version: ourVersion, Desc: ourDesc, ExtJSON: `{"extAppid":"wx1","ext":{"city":"Foshan"}}`,
	}
	if diff := cmp.Diff(want, sent); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	if got := r.is("check/pending"); got.Intent != nil {
		t.Errorf("intent left behind: %+v", got.Intent)
	}
	r.pool()
}

// The reply is lost, the commit took effect: found at the first look.
func TestCommitReplyLostAfterItTookEffect(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{"reply lost": lostReply(), "still running": refusal(9402202), "still running too": refusal(9402205)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := atCommit(t)
			r.wx.commit = func(ctx context.Context, req wxclient.CommitRequest) error {
				return errors.Join(err, r.committed(ctx, req))
			}
			r.act()
			if got := r.parked("commit/parked/unknown", 65*time.Second); got.Intent == nil {
				t.Fatal("a lost call without its intent")
			}
			r.called("commit")
			r.act()
			r.called("version-info")
			r.is("check/pending")
		})
	}
}

// The reply is lost and so is the call: it is made again, but not before a
// late effect would have shown.
func TestCommitLostBeforeItTookEffect(t *testing.T) {
	t.Parallel()
	r := atCommit(t)
	r.at(rollout.StageCommit, r.intent(rollout.OpCommit, 20*time.Second))
	r.act()
	r.called("version-info")
	r.parked("commit/parked/unknown", 45*time.Second)
	r.act()
	r.called("version-info", "commit", "version-info")
	r.is("check/pending")
}

// WeChat took the call and shows another trial version.
func TestCommitThatDoesNotShow(t *testing.T) {
	t.Parallel()
	r := atCommit(t)
	r.wx.commit = func(context.Context, wxclient.CommitRequest) error { return nil }
	r.act()
	r.called("commit", "version-info")
	if got := r.parked("commit/parked/unknown", 65*time.Second); got.Intent == nil {
		t.Error("a commit that does not show yet, without its intent")
	}
	r.wx.versionInfo = exp(ourVersion, ourDesc)
	r.act()
	r.called("version-info")
	r.is("check/pending")
}

// A refusal for certain leaves no intent: the next try need not read back.
func TestCommitRefused(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		err  error
	}{{"busy", refusal(-1)}, {"not sent", notSent()}} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := atCommit(t)
			failed := false
			r.wx.commit = func(ctx context.Context, req wxclient.CommitRequest) error {
				if failed {
					return r.committed(ctx, req)
				}
				failed = true
				return tc.err
			}
			assignment := r.stalls()
			if got := r.is("commit/running"); got.Intent != nil || got.Tries[rollout.CauseBusy] != 1 {
				t.Errorf("intent %+v, busy %d; want none and 1", got.Intent, got.Tries[rollout.CauseBusy])
			}
			r.advance(time.Second)
			r.must(r.h.Run(t.Context(), assignment)) // the queue delivers the same task again
			r.called("commit", "commit", "version-info")
			r.is("check/pending")
		})
	}
}

func TestCommitWithoutTheExtsColumn(t *testing.T) {
	t.Parallel()
	r := atCommit(t, func(p *rollout.Plan) { p.Ext = `{"extAppid": {{ json .shop }}}` })
	r.act()
	r.called()
	if got := r.is("commit/failed"); got.LastError.Class != "plan" {
		t.Errorf("last error %+v, want the plan's", got.LastError)
	}
}

// An operator who pauses between the claim and the call stops the call.
func TestNoCallWhileHeld(t *testing.T) {
	t.Parallel()
	r := atCommit(t)
	r.at(rollout.StageCommit, r.intent(rollout.OpCommit, time.Hour))
	versions := r.wx.versionInfo
	r.wx.versionInfo = func() (wxclient.VersionInfo, error) { // while it reads back
		r.must(r.ledger.PauseBy(t.Context(), "r1", "op", "stop"))
		return versions()
	}
	r.act()
	r.called("version-info")
	if got := r.is("commit/pending"); got.Intent != nil {
		t.Errorf("intent %+v: the earlier call was read back, the new one was not begun", got.Intent)
	}
}

// A handler that lost its lease doesn't call, and writes nothing.
func TestNoCallWithoutALease(t *testing.T) {
	t.Parallel()
	r := atCommit(t)
	r.at(rollout.StageCommit, r.intent(rollout.OpCommit, time.Hour))
	versions := r.wx.versionInfo
	r.wx.versionInfo = func() (wxclient.VersionInfo, error) {
		r.advance(61 * time.Second)
		return versions()
	}
	r.act()
	r.called("version-info")
	if got := r.is("commit/running/acting"); got.Intent == nil {
		t.Error("the intent is gone")
	}
	same(t, "dropped", r.dropped, "commit lost")
}

// A process that stood still between its intent and its call is too late.
func TestNoCallPastTheDeadline(t *testing.T) {
	t.Parallel()
	r := atCommit(t)
	r.h = r.handler(Timing{Assignment: 1})
	r.stalls()
	r.called()
	if got := r.is("commit/running"); got.Intent != nil {
		t.Errorf("intent %+v of a call that was not made", got.Intent)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	allow := func(p *rollout.Plan) { p.Audit.AllowPrivacy = []string{"wx.getLocation"} }
	notUsed := func(p *rollout.Plan) { p.Audit.PrivacyAPINotUse = true }
	info := func(auth, conf []string) func() (wxclient.PrivacyInfo, error) {
		return gives(wxclient.PrivacyInfo{WithoutAuth: auth, WithoutConf: conf})
	}
	api := []string{"wx.getLocation"}
	for _, tc := range []struct {
		name    string
		change  func(*rollout.Plan)
		privacy func() (wxclient.PrivacyInfo, error)
		want    string
		class   string
	}{
		{"clean", nil, info(nil, nil), "submit/pending", ""},
		{"undeclared", nil, info(nil, api), "check/failed", "plan"},
		{"undeclared, allowed", allow, info(nil, api), "submit/pending", ""},
		{"undeclared, declared unused", notUsed, info(nil, api), "submit/pending", ""},
		{"one of two allowed", allow, info(nil, []string{"wx.getLocation", "wx.chooseAddress"}), "check/failed", "plan"},
		{"no right", nil, info(api, nil), "check/parked/merchant", "fatal-app"},
		{"no right, allowed", allow, info(api, nil), "submit/pending", ""},
		{"no right, declared unused", notUsed, info(api, nil), "check/parked/merchant", "fatal-app"},
		{"refused", nil, fails[wxclient.PrivacyInfo](refusal(61040)), "check/failed", "fatal-app"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var changes []func(*rollout.Plan)
			if tc.change != nil {
				changes = append(changes, tc.change)
			}
			r := newRig(t, changes...).at(rollout.StageCheck)
			r.wx.privacy = tc.privacy
			r.act()
			r.called("privacy")
			got := r.is(tc.want)
			class := ""
			if got.LastError != nil {
				class = got.LastError.Class
			}
			if class != tc.class {
				t.Errorf("last error %+v, want class %q", got.LastError, tc.class)
			}
		})
	}
}

// The privacy detection is polled less and less often, and given up after a day.
func TestCheckWaitsForTheDetection(t *testing.T) {
	t.Parallel()
	r := newRig(t).at(rollout.StageCheck)
	r.wx.privacy = fails[wxclient.PrivacyInfo](refusal(61039))
	for _, wait := range []time.Duration{time.Minute, 90 * time.Second, 135 * time.Second} {
		r.act()
		if got := r.parked("check/parked/privacy", wait); got.LastError.Code != 61039 {
			t.Errorf("last error %+v, want 61039", got.LastError)
		}
	}
	for range 200 {
		if r.act().State.Ended() {
			break
		}
		r.advance(r.target().Due.Sub(r.now()))
		_, err := r.ledger.WakeDue(t.Context(), 9)
		r.must(err)
	}
	got := r.is("check/failed")
	if waited := r.now().Sub(got.Since); waited < 24*time.Hour || waited > 24*time.Hour+10*time.Minute || !strings.Contains(got.LastError.Text, "deadline.check") {
		t.Errorf("failed after %s: %+v", waited, got.LastError)
	}
}

// WeChat accepted the commit and shows no trial version at all, which its documents do not define:
// it is read again, and never committed again.
func TestAcceptedCommitThatShowsNoTrialVersion(t *testing.T) {
	t.Parallel()
	r := atCommit(t)
	r.wx.commit = func(context.Context, wxclient.CommitRequest) error { return nil }
	r.wx.versionInfo = gives(wxclient.VersionInfo{})
	r.act()
	r.called("commit", "version-info")
	for n := 1; r.target().State != rollout.StateFailed; n++ {
		if got := r.is("commit/parked/unknown"); got.LastError.Class != rollout.ClassUnread || n > 10 {
			t.Fatalf("read %d: last error %+v, want unread, ten times", n, got.LastError)
		}
		r.advance(r.target().Due.Sub(r.now()))
		_, err := r.ledger.WakeDue(t.Context(), 9)
		r.must(err)
		r.act()
		r.called("version-info")
	}
	if last := r.is("commit/failed").LastError; !strings.Contains(last.Text, run.WhichTrial) {
		t.Errorf("last error %+v, want %q", last, run.WhichTrial)
	}
}

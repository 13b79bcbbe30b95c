package tasks

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/calendar"
	"github.com/wxrollout/wxrollout/tasks/classify"
	"github.com/wxrollout/wxrollout/tasks/run"
	"github.com/wxrollout/wxrollout/tasks/stage"
	"github.com/wxrollout/wxrollout/wxclient"
)

// unseenNote is the note of a release that WeChat accepted and does not show.
const unseenNote = "WeChat says so, and " + stage.NotShown + ": look at mp.weixin.qq.com"

// atRelease is a target whose audit passed and whose live version is another.
func atRelease(t *testing.T, change ...func(*rollout.Plan)) *rig {
	t.Helper()
	r := newRig(t, change...).at(rollout.StageRelease)
	r.wx.versionInfo = live("3.8.0", "winter")
	r.wx.release = r.publishing
	return r
}

// publishing makes release take effect, and shows it.
func (r *rig) publishing() error {
	r.wx.versionInfo = live(ourVersion, ourDesc)
	return nil
}

var wholeRelease = []string{"version-info", "latest-audit", "release", "version-info"}

func TestRelease(t *testing.T) {
	t.Parallel()
	r := atRelease(t)
	r.wx.release = func() error {
		if in := r.target().Intent; in == nil || in.Op != rollout.OpRelease {
			t.Errorf("intent before the call: %+v, want release", in)
		}
		return r.publishing()
	}
	r.act()
	r.called(wholeRelease...)
	if got := r.is("release/released"); got.Intent != nil || got.LastError != nil {
		t.Errorf("left behind: intent %+v, last error %+v", got.Intent, got.LastError)
	}
	r.pool()
}

// Live already, by a call whose reply or record was lost: nothing is called.
func TestReleaseThatIsLive(t *testing.T) {
	t.Parallel()
	r := atRelease(t)
	r.at(rollout.StageRelease, r.intent(rollout.OpRelease, time.Second))
	_ = r.publishing()
	r.act()
	r.called("version-info")
	r.is("release/released")
}

func TestReleaseReplyLost(t *testing.T) {
	t.Parallel()
	for _, effect := range []bool{true, false} {
		for _, err := range []error{lostReply(), refusal(9402202)} {
			r := atRelease(t)
			made := 0
			r.wx.release = func() error {
				if made++; made > 1 {
					return r.publishing()
				}
				if effect {
					_ = r.publishing()
				}
				return err
			}
			r.act()
			r.called(wholeRelease[:3]...)
			r.advance(10 * time.Second) // a callback wakes it too soon
			got := r.is("release/parked/unknown")
			woken, e := rollout.Step(got, rollout.Woken{At: r.now()})
			r.must(e)
			_, e = r.ledger.Save(t.Context(), got, woken, rollout.SaveOptions{})
			r.must(e)
			r.act()
			r.called("version-info")
			if effect {
				r.is("release/released")
				continue
			}
			r.parked("release/parked/unknown", 55*time.Second)
			r.act()
			r.called(wholeRelease...)
			r.is("release/released")
		}
	}
}

// Releasing publishes what passed last: it must be ours. An equal audit id proves it, with any
// the texts are.
func TestReleaseIsPinned(t *testing.T) {
	t.Parallel()
	passed := gives(wxclient.Audit{ID: 41, Status: wxclient.AuditPassed})
	none := []string{"version-info", "latest-audit"}
	byID := append(slices.Clone(none), "audit-status")
	for _, tc := range []struct {
		name  string
		audit func() (wxclient.Audit, error)
		calls []string
		want  string
	}{
		{"another passed since", audits(50, wxclient.AuditPassed, "4.0.0", "by hand"), none, "release/failed"},
		{"another is in audit", audits(50, wxclient.AuditPending, "4.0.0", "by hand"), none, "release/failed"},
		{"ours did not pass", audits(41, wxclient.AuditRejected, ourVersion, ourDesc), none, "release/failed"},
		{"our version, another audit", audits(50, wxclient.AuditPassed, ourVersion, ourDesc), none, "release/failed"},
		{"no id, another's texts", audits(0, wxclient.AuditPassed, "4.0.0", "by hand"), none, "release/failed"},
		{"our id, no text", audits(41, wxclient.AuditPassed, ourVersion, ""), wholeRelease, "release/released"},
		{"our id, another version", audits(41, wxclient.AuditPassed, "4.0.0", ourDesc), wholeRelease, "release/released"},
		{"no id, our texts", audits(0, wxclient.AuditPassed, ourVersion, ourDesc), append(byID, wholeRelease[2:]...), "release/released"},
		{"no id, no text", audits(0, wxclient.AuditPassed, ourVersion, ""), byID, "release/parked/external"},
		{"none", noAudit, byID, "release/parked/external"},
		{"ours has an undocumented status", audits(41, 7, ourVersion, ourDesc), none, "release/parked/external"},
	} {
		r := atRelease(t)
		r.wx.latestAudit = tc.audit
		r.wx.auditStatus = func(int64) (wxclient.Audit, error) { return passed() }
		r.act()
		r.called(tc.calls...)
		got := r.is(tc.want)
		blames := got.State == rollout.StateFailed && strings.Contains(got.LastError.Text, "another system")
		if got.State == rollout.StateFailed && got.LastError.Class != "pin" || blames == (tc.name == "ours did not pass") && got.State == rollout.StateFailed {
			t.Errorf("%s: last error %+v, want pin", tc.name, got.LastError)
		}
	}
}

// What 85019, 85020 and 85052 mean is only known by reading: the version is live, or nothing
// shows it, or the answers contradict each other, which is tried a few times and reported.
func TestReleaseRefusedWithoutMeaning(t *testing.T) {
	t.Parallel()
	const noneApproved = "WeChat says that no approved version is there, but audit 41 passed"
	for _, tc := range []struct {
		code  int64
		after func() (wxclient.VersionInfo, error) // the read after the refusal
		want  string
		text  string
	}{
		{85019, live(ourVersion, ourDesc), "release/released", ""},
		{85020, live(ourVersion, ourDesc), "release/released", ""},
		{85052, live(ourVersion, ourDesc), "release/released", ""},
		{85052, live("", ""), "release/released", unseenNote},
		{85019, live("3.8.0", "winter"), "release/parked/external", noneApproved + "; it shows 3.8.0 as live"},
		{85020, live("3.8.0", "winter"), "release/parked/external", noneApproved + "; it shows 3.8.0 as live"},
		{85020, live("", ""), "release/parked/external", noneApproved + "; it does not show which version is live"},
		{85052, live("3.8.0", "winter"), "release/parked/external", "WeChat says released, but 3.8.0 is live"},
	} {
		r := atRelease(t)
		before := r.wx.versionInfo
		r.wx.release = func() error {
			r.wx.versionInfo = tc.after
			return refusal(tc.code)
		}
		r.act()
		r.called(wholeRelease...)
		got := r.is(tc.want)
		if got.Intent != nil || !strings.Contains(fmt.Sprint(got.Timeline), tc.text) {
			t.Errorf("%d: intent %+v of a refused release, %+v", tc.code, got.Intent, got.Timeline)
		}
		if got.State.Ended() {
			continue
		}
		for range 3 {
			r.wx.versionInfo = before
			r.advance(got.Due.Sub(r.now()))
			_, err := r.ledger.WakeDue(t.Context(), 9)
			r.must(err)
			r.wx.took()
			got = r.act()
			r.called(wholeRelease...)
		}
		got = r.is("release/failed")
		if tr := got.LastError; tr.Code != tc.code || tr.RID != "rid-1" || !strings.Contains(tr.Text, tc.text) || !strings.Contains(tr.Next, "enqueue retry r1 --app wx1") {
			t.Errorf("%d: reported as %+v", tc.code, tr)
		}
	}
}

// WeChat takes the release and never shows a live version: it is not made again.
func TestReleaseThatNeverShows(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]func() (wxclient.VersionInfo, error){
		"blank":  live("", ""),
		"absent": exp(ourVersion, ourDesc),
		"bare":   gives(wxclient.VersionInfo{}),
	} {
		r := atRelease(t)
		r.wx.versionInfo = after
		r.wx.release = func() error { return nil }
		r.act()
		r.called(wholeRelease...)
		if got := r.is("release/released"); !strings.Contains(fmt.Sprint(got.Timeline), unseenNote) {
			t.Errorf("%s: no note of it in %+v", name, got.Timeline)
		}
	}
}

// A lost release is read back: what does not show which version is live is read again, a few
// times, and never made again.
func TestLostReleaseThatIsNotShown(t *testing.T) {
	t.Parallel()
	r := atRelease(t)
	r.at(rollout.StageRelease, r.intent(rollout.OpRelease, time.Hour))
	r.wx.versionInfo = live("", "")
	for range rollout.CauseUnread.MaxTries() - 1 {
		got := r.act()
		r.is("release/parked/unknown")
		r.advance(got.Due.Sub(r.now()))
		_, err := r.ledger.WakeDue(t.Context(), 9)
		r.must(err)
		r.called("version-info")
	}
	r.act()
	if got := r.is("release/failed").LastError; !strings.Contains(got.Text, run.WhichLive) || got.Next == "" {
		t.Errorf("reported as %+v", got)
	}
	r.called("version-info")
}

func TestReleaseThatDoesNotShow(t *testing.T) {
	t.Parallel()
	r := atRelease(t)
	r.wx.release = func() error { return nil }
	r.act()
	r.called(wholeRelease...)
	if got := r.parked("release/parked/unknown", 65*time.Second); got.Intent == nil {
		t.Error("a release that does not show yet, without its intent")
	}
	_ = r.publishing()
	r.act()
	r.called("version-info")
	r.is("release/released")
}

// WeChat answers each release with ok and goes on showing the older version: a few tries, then the
// version that is live, and where to go on by hand.
func TestReleaseThatShowsAnother(t *testing.T) {
	t.Parallel()
	r := atRelease(t)
	r.wx.release = func() error { return nil }
	r.wx.versionInfo = live("3.8.0", "winter")
	const reported = "WeChat answered the release with ok, and shows 3.8.0 as live"
	for range 20 {
		got := r.act()
		if got.State == rollout.StateFailed {
			if !strings.Contains(got.LastError.Text, reported) || !strings.HasPrefix(got.LastError.Next, classify.CompareLive) {
				t.Errorf("reported as %+v", got.LastError)
			}
			return
		}
		if r.is("release/parked/unknown"); got.LastError.Text != reported || got.LastError.Class != rollout.ClassUnshown {
			t.Errorf("reported as %+v", got.LastError)
		}
		r.advance(got.Due.Sub(r.now()))
		_, err := r.ledger.WakeDue(t.Context(), 9)
		r.must(err)
	}
	t.Error("released again and again")
}

func TestReleaseWaitsForItsWindow(t *testing.T) {
	t.Parallel()
	var opens time.Time
	r := atRelease(t, func(p *rollout.Plan) {
		// One that opens within two hours and lasts one, at any time.
		now := time.Now().UTC()
		opens = now.Truncate(time.Hour).Add(2 * time.Hour)
		from := time.Duration(opens.Hour()) * time.Hour
		p.Release.Window = &calendar.Window{From: from, To: (from + time.Hour) % (24 * time.Hour), Zone: "UTC"}
	})
	wait := opens.Sub(r.now())
	r.act()
	r.called("version-info")
	r.parked("release/parked/window", wait)
	r.act()
	r.called(wholeRelease...)
	r.is("release/released")
}

func TestReleaseWaitsForApproval(t *testing.T) {
	t.Parallel()
	r := atRelease(t, func(p *rollout.Plan) { p.Release.When = rollout.ReleaseManual })
	r.act()
	r.called("version-info")
	r.parked("release/parked/approval", 6*time.Hour)
	r.act()
	r.is("release/parked/approval")
	_, err := r.ledger.ApproveReleases(t.Context(), "r1", "op", "looks good")
	r.must(err)
	r.parked("release/parked/approval", 6*time.Hour)
	r.wx.took()
	r.act()
	r.called(wholeRelease...)
	r.is("release/released")
}

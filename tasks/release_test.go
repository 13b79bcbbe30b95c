package tasks

import (
	"fmt"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient"
)

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
	if got := r.is("release/released"); got.Intent != nil || got.Trouble != nil {
		t.Errorf("left behind: intent %+v, trouble %+v", got.Intent, got.Trouble)
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
			r.advance(10 * time.Second) // a push wakes it too soon
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

// Releasing publishes whatever passed last: it must be ours.
func TestReleaseIsPinned(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		audit func() (wxclient.Audit, error)
	}{
		{"another passed since", audits(50, wxclient.AuditPassed, "4.0.0", "by hand")},
		{"another is in audit", audits(50, wxclient.AuditPending, "4.0.0", "by hand")},
		{"ours did not pass", audits(41, wxclient.AuditRejected, ourVersion, ourDesc)},
		{"our id, another version", audits(41, wxclient.AuditPassed, "4.0.0", ourDesc)},
		{"our id, another marker", audits(41, wxclient.AuditPassed, ourVersion, "spring sale [r0/0]")},
		{"our version, another audit", audits(50, wxclient.AuditPassed, ourVersion, ourDesc)},
		{"none", none},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := atRelease(t)
			r.wx.latestAudit = tc.audit
			r.act()
			r.called("version-info", "latest-audit")
			if got := r.is("release/failed"); got.Trouble.Class != "pin" {
				t.Errorf("trouble %+v, want pin", got.Trouble)
			}
		})
	}
}

// What 85019, 85020 and 85052 mean is only known by reading.
func TestReleaseRefusedWithoutMeaning(t *testing.T) {
	t.Parallel()
	for _, code := range []int64{codeNoVersion, codeNotReleasable, codeReleased} {
		for _, isLive := range []bool{true, false} {
			t.Run(fmt.Sprint(code, isLive), func(t *testing.T) {
				t.Parallel()
				r := atRelease(t)
				r.wx.release = func() error {
					if isLive {
						_ = r.publishing()
					}
					return refusal(code)
				}
				_ = r.h.Run(t.Context(), r.claim())
				r.called(wholeRelease...)
				want := map[int64]string{
					codeNoVersion: "release/failed", codeNotReleasable: "release/parked/in-audit", codeReleased: "release/running",
				}[code]
				if isLive {
					want = "release/released"
				}
				if got := r.is(want); got.Intent != nil {
					t.Errorf("intent %+v of a refused release", got.Intent)
				}
			})
		}
	}
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

func TestReleaseWaitsForItsWindow(t *testing.T) {
	t.Parallel()
	var opens time.Time
	r := atRelease(t, func(p *rollout.Plan) {
		// One that opens within two hours and lasts one, whatever the time is.
		now := time.Now().UTC()
		opens = now.Truncate(time.Hour).Add(2 * time.Hour)
		from := time.Duration(opens.Hour()) * time.Hour
		p.Release.Window = &rollout.Window{From: from, To: (from + time.Hour) % (24 * time.Hour), Zone: "UTC"}
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
	r.must(r.ledger.ApproveReleases(t.Context(), "r1", "op", "looks good"))
	r.parked("release/parked/approval", 6*time.Hour)
	r.wx.took()
	r.act()
	r.called(wholeRelease...)
	r.is("release/released")
}

package tasks

import (
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient"
)

// gray is a plan that widens by steps, an hour apart.
func gray(steps ...int) func(*rollout.Plan) {
	return func(p *rollout.Plan) { p.Release.Gray, p.Release.Every = steps, time.Hour }
}

// atGray is a target about to be released in steps, without a gray plan at WeChat.
func atGray(t *testing.T, steps ...int) *rig {
	t.Helper()
	r := atRelease(t, gray(steps...))
	r.wx.grayPlan = gives(wxclient.GrayPlan{})
	r.wx.grayRelease = r.widening
	return r
}

// widening makes gray release take effect, and shows it.
func (r *rig) widening(req wxclient.GrayRequest) error {
	r.wx.grayPlan = gives(wxclient.GrayPlan{Exists: true, Status: wxclient.GrayRunning, Percentage: req.Percentage})
	return nil
}

func TestGrayReleaseStepByStep(t *testing.T) {
	t.Parallel()
	r := atGray(t, 5, 25, 100)
	for step, call := range []string{"gray-release 5", "gray-release 25"} {
		r.act()
		r.called("version-info", "latest-audit", "gray-plan", call)
		if got := r.is("release/parked/gray"); got.Gray != step+1 || got.Intent != nil {
			t.Errorf("step %d, intent %+v; want %d and none", got.Gray, got.Intent, step+1)
		}
		r.parked("release/parked/gray", time.Hour)
	}
	r.act()
	r.called(wholeRelease...)
	r.is("release/released")
}

// Steps that end below 100 end with the whole.
func TestGrayReleaseEndsWithEverybody(t *testing.T) {
	t.Parallel()
	r := atGray(t, 50)
	r.act()
	r.parked("release/parked/gray", time.Hour)
	r.wx.took()
	r.act()
	r.called(wholeRelease...)
	r.is("release/released")
}

func TestGrayReplyLost(t *testing.T) {
	t.Parallel()
	for _, effect := range []bool{true, false} {
		r := atGray(t, 5, 100)
		made := 0
		r.wx.grayRelease = func(req wxclient.GrayRequest) error {
			if made++; made > 1 || effect {
				_ = r.widening(req)
			}
			if made > 1 {
				return nil
			}
			return lostReply()
		}
		r.act()
		r.wx.took()
		r.parked("release/parked/unknown", 65*time.Second)
		r.act()
		want := []string{"version-info", "latest-audit", "gray-plan", "gray-release 5"}
		if effect {
			want = want[:3]
		}
		r.called(want...)
		if got := r.is("release/parked/gray"); got.Gray != 1 {
			t.Errorf("%d steps, want 1", got.Gray)
		}
	}
}

// Another system submitted another version between two steps: nothing is widened.
func TestGrayReleaseIsPinned(t *testing.T) {
	t.Parallel()
	r := atGray(t, 5, 100)
	r.act()
	r.parked("release/parked/gray", time.Hour)
	r.wx.latestAudit = audits(50, wxclient.AuditPassed, "4.0.0", "by hand")
	r.wx.took()
	r.act()
	r.called("version-info", "latest-audit")
	r.is("release/failed")
}

// WeChat goes on showing the gray plan of an earlier version. One that is over
// says nothing about ours.
func TestGrayPlanOfAnEarlierVersion(t *testing.T) {
	t.Parallel()
	for _, status := range []wxclient.GrayStatus{wxclient.GrayFinished, wxclient.GrayDeleted} {
		r := atGray(t, 5, 100)
		r.wx.grayPlan = gives(wxclient.GrayPlan{Exists: true, Status: status, Percentage: 50})
		r.act()
		r.called("version-info", "latest-audit", "gray-plan", "gray-release 5")
		r.is("release/parked/gray")
	}
}

// The release to everybody after the last step is read back as any release.
func TestWholeReleaseAfterGrayReplyLost(t *testing.T) {
	t.Parallel()
	for _, effect := range []bool{true, false} {
		r := atGray(t, 5, 100)
		r.act()
		r.parked("release/parked/gray", time.Hour)
		publish := r.wx.release
		made := 0
		r.wx.release = func() error {
			if made++; made == 1 {
				if effect {
					_ = publish()
				}
				return lostReply()
			}
			return publish()
		}
		r.act()
		r.parked("release/parked/unknown", 65*time.Second)
		r.wx.took()
		r.act()
		want := wholeRelease
		if effect {
			want = []string{"version-info"}
		}
		r.called(want...)
		r.is("release/released")
	}
}

// A gray release that began before our version was submitted is another version's, and one in an
// undocumented state shows nothing: neither counts as a step of ours, and none is begun beside it.
func TestForeignGrayReleaseIsNoStepOfOurs(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		plan wxclient.GrayPlan
		want string
	}{
		{"before our submission", wxclient.GrayPlan{Exists: true, Status: wxclient.GrayRunning, Percentage: 50, CreatedAt: 999}, "release/failed"},
		{"undocumented", wxclient.GrayPlan{Exists: true, Status: 9, Percentage: 50, CreatedAt: 1001}, "release/parked/external"},
		{"of an earlier attempt", wxclient.GrayPlan{Exists: true, Status: wxclient.GrayRunning, Percentage: 5, CreatedAt: 1001}, "release/parked/gray"},
	} {
		r := atGray(t, 5, 100)
		r.wx.latestAudit = gives(wxclient.Audit{ID: 41, Status: wxclient.AuditPassed, Version: ourVersion, Desc: ourDesc, SubmittedAt: 1000})
		r.wx.grayPlan = gives(tc.plan)
		r.act()
		r.called("version-info", "latest-audit", "gray-plan")
		if got := r.is(tc.want); got.State == rollout.StateFailed && (got.LastError.Class != "pin" || got.Gray != 0) {
			t.Errorf("%s: last error %+v after %d steps, want pin and none", tc.name, got.LastError, got.Gray)
		}
	}
}

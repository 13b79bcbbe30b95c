package tasks

import (
	"strings"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient"
)

func TestVerdict(t *testing.T) {
	t.Parallel()
	ours := func(status wxclient.AuditStatus) func() (wxclient.Audit, error) {
		return gives(wxclient.Audit{ID: 41, Status: status, Reason: "1. no  login<br>2. no shop<br/>", Screenshot: "a|b", Version: ourVersion, Desc: ourDesc})
	}
	for _, tc := range []struct {
		name  string
		audit func() (wxclient.Audit, error)
		want  string
		class string
		past  int64
	}{
		{"passed", ours(wxclient.AuditPassed), "release/pending", "", 0},
		{"rejected", ours(wxclient.AuditRejected), "verdict/rejected", "rejected", 41},
		{"withdrawn at WeChat", ours(wxclient.AuditWithdrawn), "verdict/failed", "withdrawn", 41},
		{"pending", ours(wxclient.AuditPending), "verdict/parked/verdict", "", 0},
		{"delayed", ours(wxclient.AuditDelayed), "verdict/parked/delayed", "delayed", 0},
		{"an undocumented status", ours(7), "verdict/parked/unlisted", "unknown", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t).at(rollout.StageVerdict)
			r.wx.latestAudit = tc.audit
			r.act()
			r.called("latest-audit")
			got := r.is(tc.want)
			class := ""
			if got.LastError != nil {
				class = got.LastError.Class
			}
			if class != tc.class || got.PastAuditID != tc.past {
				t.Errorf("last error %+v, past audit %d; want class %q and %d", got.LastError, got.PastAuditID, tc.class, tc.past)
			}
		})
	}
}

// The reason of a rejection is reported without its markup, with its screenshots.
func TestRejectionIsReported(t *testing.T) {
	t.Parallel()
	r := newRig(t).at(rollout.StageVerdict)
	r.wx.latestAudit = gives(wxclient.Audit{
		ID: 41, Status: wxclient.AuditRejected, Reason: "1. no  login<br>2. no shop<br />" + strings.Repeat("x", 400), Screenshot: "a|b",
	})
	r.act()
	got := r.is("verdict/rejected").LastError
	if !strings.HasPrefix(got.Text, "1. no login 2. no shop xxx") || len([]rune(got.Text)) != 301 || got.Screenshots != "a|b" {
		t.Errorf("reported as %q with screenshots %q", got.Text, got.Screenshots)
	}
}

// Polls of a pending audit grow apart up to half an hour.
func TestVerdictIsPolledLessAndLess(t *testing.T) {
	t.Parallel()
	r := newRig(t).at(rollout.StageVerdict)
	r.wx.latestAudit = audits(41, wxclient.AuditPending, ourVersion, ourDesc)
	wait := 2 * time.Minute
	for range 10 {
		r.act()
		r.parked("verdict/parked/verdict", min(wait, 30*time.Minute))
		wait += wait / 2
	}
}

// Another system submitted another version since: ours is asked for by its id.
func TestVerdictOfOursBehindAnother(t *testing.T) {
	t.Parallel()
	for _, latest := range []func() (wxclient.Audit, error){
		audits(50, wxclient.AuditPending, "4.0.0", "by hand"), noAudit, fails[wxclient.Audit](refusal(85058)),
	} {
		r := newRig(t).at(rollout.StageVerdict)
		r.wx.latestAudit = latest
		r.wx.auditStatus = func(id int64) (wxclient.Audit, error) {
			if id != 41 {
				t.Errorf("asked for audit %d, want 41", id)
			}
			return wxclient.Audit{Status: wxclient.AuditRejected, Reason: "no"}, nil
		}
		r.act()
		r.called("latest-audit", "audit-status")
		r.is("verdict/rejected")
	}
}

// A rejection without a reason gets it by the audit's id; if that reply has none either, the operator
// is sent to WeChat's console.
func TestRejectionWithoutAReason(t *testing.T) {
	t.Parallel()
	for reason, want := range map[string]string{"1. no login<br>": "1. no login", "": "WeChat names no reason: read it at mp.weixin.qq.com, audit 41"} {
		r := newRig(t).at(rollout.StageVerdict)
		r.wx.latestAudit = audits(41, wxclient.AuditRejected, ourVersion, ourDesc)
		r.wx.auditStatus = func(int64) (wxclient.Audit, error) {
			return wxclient.Audit{Status: wxclient.AuditRejected, Reason: reason, Screenshot: "a|b"}, nil
		}
		r.act()
		r.called("latest-audit", "audit-status")
		if got := r.is("verdict/rejected").LastError; got.Text != want || got.Screenshots != "a|b" {
			t.Errorf("reported as %q with screenshots %q, want %q and a|b", got.Text, got.Screenshots, want)
		}
	}
}

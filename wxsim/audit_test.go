package wxsim

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestRejection(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 2, RejectRate: 1, AuditDelay: Range{Min: time.Hour, Max: time.Hour}, TokenTTL: 100 * time.Hour})
	id := AppID(1)
	b.want(85012, b.app(id, "GET", "/wxa/get_latest_auditstatus", nil))
	b.commit(id, "2", "d")
	auditid := b.submit(id)
	if auditid <= 1<<32 {
		t.Errorf("auditid %d fits 32 bits: readers would not notice", auditid)
	}
	b.clock.Advance(time.Hour)
	b.status(id, auditid, AuditRejected)
	latest := b.app(id, "GET", "/wxa/get_latest_auditstatus", nil)
	one := b.app(id, "POST", "/wxa/get_auditstatus", obj{"auditid": auditid})
	if latest["ScreenShot"] == nil || latest["screenshot"] != nil || one["screenshot"] == nil || one["ScreenShot"] != nil {
		t.Errorf("want ScreenShot in the latest and screenshot in the other: %v and %v", latest, one)
	}
	if reason, _ := latest["reason"].(string); !strings.Contains(reason, "<br>") || reason != one["reason"] {
		t.Errorf("reasons %q and %q, want one with markup", latest["reason"], one["reason"])
	}
	if latest["user_version"] != "2" || latest["user_desc"] != "d" || latest["submit_audit_time"] == nil {
		t.Errorf("latest %v lacks what was submitted", latest)
	}
	b.want(85020, b.app(id, "POST", "/wxa/release", "{}"))
	b.want(85012, b.app(id, "POST", "/wxa/get_auditstatus", obj{"auditid": auditid + 1}))
	b.want(85012, b.app(AppID(0), "POST", "/wxa/get_auditstatus", obj{"auditid": auditid}))
	b.want(47001, b.app(id, "POST", "/wxa/get_auditstatus", obj{}))

	b.sim.Change(func(s *Settings) { s.RejectRate = 0 })
	b.submit(id)
	b.clock.Advance(time.Hour)
	b.release(id)
	if n := b.sim.Books().DoubleSubmissions.Total; n != 0 {
		t.Errorf("%d double submissions: trying a rejected version again is none", n)
	}
}

func TestDelayedAudit(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 2, DelayRate: 1, AuditDelay: Range{Min: 2 * time.Hour, Max: 2 * time.Hour}})
	id := AppID(1)
	b.commit(id, "2", "d")
	auditid := b.submit(id)
	b.clock.Advance(time.Hour)
	b.status(id, auditid, AuditDelayed)
	if b.app(id, "GET", "/wxa/get_latest_auditstatus", nil)["reason"] == nil {
		t.Error("a delay gives no reason")
	}
	b.want(85009, b.app(id, "POST", "/wxa/submit_audit", "{}"))
	b.want(85020, b.app(id, "POST", "/wxa/release", "{}"))
	b.clock.Advance(time.Hour - time.Second)
	b.login()
	b.clock.Advance(time.Second)
	b.aat = map[string]string{}
	b.status(id, auditid, AuditPassed)
}

// TestUndo: five a day and ten a month per app, by the calendar of UTC+8, and no unit comes back.
func TestUndo(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 2, AuditDelay: Range{Min: time.Hour, Max: time.Hour}, Quota: QuotaOptions{Limit: 50}, TokenTTL: 1000 * time.Hour})
	id := AppID(1)
	undo := func() obj { return b.app(id, "GET", "/wxa/undocodeaudit", nil) }
	b.want(87012, undo())
	b.commit(id, "2", "d")
	day := func() {
		for range 5 {
			auditid := b.submit(id)
			b.want(0, undo())
			b.status(id, auditid, AuditWithdrawn)
			b.want(87012, undo())
		}
		b.submit(id)
		b.want(87013, undo())
	}
	day()
	b.want(0, b.app(AppID(0), "POST", "/wxa/commit", commitBody(AppID(0), "2", "d")))
	b.submit(AppID(0))
	b.want(0, b.app(AppID(0), "GET", "/wxa/undocodeaudit", nil))
	b.clock.Advance(11*time.Hour + 59*time.Minute) // 23:59 in UTC+8
	b.commit(id, "3", "d")
	b.submit(id)
	b.want(87013, undo())
	b.clock.Advance(time.Minute)
	b.want(0, undo())
	for range 5 - 1 {
		b.submit(id)
		b.want(0, undo())
	}
	b.clock.Advance(24 * time.Hour)
	b.submit(id)
	b.want(87013, undo()) // the month's ten are used
	b.clock.Advance(15 * 24 * time.Hour)
	b.commit(id, "4", "d")
	b.submit(id)
	b.want(0, undo())
	q := b.sim.Books()
	if q.Quota.Spent != q.Submissions || q.Audits.Withdrawn != 12 {
		t.Errorf("spent %d of %d submissions, %d withdrawn; want no unit back and 12", q.Quota.Spent, q.Submissions, q.Audits.Withdrawn)
	}
}

func TestReleaseAfterWithdrawal(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 2, AuditDelay: Range{Min: time.Hour, Max: time.Hour}})
	id := AppID(1)
	b.want(85019, b.app(id, "POST", "/wxa/release", "{}"))
	b.commit(id, "2", "d")
	b.submit(id)
	b.want(0, b.app(id, "GET", "/wxa/undocodeaudit", nil))
	b.want(85019, b.app(id, "POST", "/wxa/release", "{}"))
}

func TestSpeedup(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 4, AuditDelay: Range{Min: time.Hour, Max: time.Hour}, Quota: QuotaOptions{SpeedupLimit: 1}})
	ask := func(i int, id int64) obj {
		return b.app(AppID(i), "POST", "/wxa/speedupaudit", obj{"auditid": id})
	}
	b.commit(AppID(1), "2", "d")
	first := b.submit(AppID(1))
	b.want(89402, ask(0, first))
	b.want(89402, ask(1, first+1))
	b.want(47001, b.app(AppID(1), "POST", "/wxa/speedupaudit", obj{}))
	b.want(0, ask(1, first))
	b.want(89404, ask(1, first))
	b.commit(AppID(3), "2", "d")
	b.want(89405, ask(3, b.submit(AppID(3))))
	b.clock.Advance(15 * time.Minute)
	b.status(AppID(1), first, AuditPassed)
	b.want(89402, ask(1, first))
	q := b.want(0, b.app(AppID(0), "GET", "/wxa/queryquota", nil))
	if q["speedup_rest"] != json.Number("0") || q["speedup_limit"] != json.Number("1") {
		t.Errorf("quota %v, want no speed-up of 1 left", q)
	}
}

func TestAuditIDAsString(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 2, Quirks: Quirks{AuditIDString: true}})
	id := AppID(1)
	b.commit(id, "2", "d")
	out := b.want(0, b.app(id, "POST", "/wxa/submit_audit", "{}"))
	text, ok := out["auditid"].(string)
	if !ok || b.app(id, "GET", "/wxa/get_latest_auditstatus", nil)["auditid"] != text {
		t.Errorf("auditid %v, want the same text twice", out["auditid"])
	}
	b.want(0, b.app(id, "POST", "/wxa/get_auditstatus", obj{"auditid": text}))
}

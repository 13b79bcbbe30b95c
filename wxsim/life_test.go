package wxsim

import (
	"encoding/json"
	"testing"
	"time"
)

// TestLife takes one app of either history from its first commit to a release, over HTTP.
func TestLife(t *testing.T) {
	t.Parallel()
	for name, index := range map[string]int{"upgraded before": 0, "published from the console": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, Options{
				Apps: 2, Seed: 3, PrivacyDelay: Range{Min: time.Minute, Max: time.Minute}, AuditDelay: Range{Min: time.Hour, Max: time.Hour},
				Quota: QuotaOptions{Limit: 5},
			})
			id := AppID(index)
			b.want(85086, b.app(id, "POST", "/wxa/submit_audit", "{}"))
			b.commit(id, "2.0.0", "rollout 1")
			b.want(61039, b.app(id, "GET", "/wxa/security/get_code_privacy_info", nil))
			b.want(61039, b.app(id, "POST", "/wxa/submit_audit", "{}"))
			b.clock.Advance(time.Minute)
			b.want(0, b.app(id, "GET", "/wxa/security/get_code_privacy_info", nil))
			auditid := b.submit(id)
			b.want(85009, b.app(id, "POST", "/wxa/submit_audit", "{}"))
			b.status(id, auditid, AuditRunning)
			b.want(85020, b.app(id, "POST", "/wxa/release", "{}")) // early: booked, and checked below
			b.clock.Advance(time.Hour)
			b.status(id, auditid, AuditPassed)
			b.release(id)
			b.want(85052, b.app(id, "POST", "/wxa/release", "{}"))
			live := b.want(0, b.app(id, "POST", "/wxa/getversioninfo", "{}"))["release_info"].(obj)
			if live["release_version"] != "2.0.0" || live["release_desc"] != "rollout 1" {
				t.Errorf("release_info %v", live)
			}
			q := b.want(0, b.app(id, "GET", "/wxa/queryquota", nil))
			if q["rest"] != json.Number("4") || q["limit"] != json.Number("5") {
				t.Errorf("quota %v, want 4 of 5", q)
			}
			books := b.sim.Books()
			if books.EarlyReleases.Total != 1 || books.DoubleReleases.Total != 1 || books.Releases != 1 {
				t.Errorf("books: early %d double %d releases %d, want 1 each", books.EarlyReleases.Total, books.DoubleReleases.Total, books.Releases)
			}
		})
	}
}

// status checks the state of the latest audit by both calls.
func (b *bench) status(appid string, auditid int64, state int) {
	b.t.Helper()
	latest := b.want(0, b.app(appid, "GET", "/wxa/get_latest_auditstatus", nil))
	one := b.want(0, b.app(appid, "POST", "/wxa/get_auditstatus", obj{"auditid": auditid}))
	for _, out := range []obj{latest, one} {
		if n, _ := out["status"].(json.Number).Int64(); n != int64(state) {
			b.t.Fatalf("audit status %v, want %d: %v", out["status"], state, out)
		}
	}
}

package judgement

import (
	"slices"
	"time"

	"github.com/wxrollout/wxrollout/wxclient"
)

// cloud is the model of WeChat: what it keeps of the platform and of each app.
type cloud struct {
	apps map[string]*cloudApp
	// limit and used are the submissions of the month; month is year*100+month in UTC+8.
	limit, used int64
	month       int
	audit       int64
	late        []lateEffect
	// refuses are apps that answer 85085 though units are left; refusesAll: every app does.
	refuses    map[string]bool
	refusesAll bool
	// out is what is out for every app.
	out outage
	// flying is who calls for an app.
	flying map[string]string
	// throttled is when a call was answered with a code that closes a stage's pool, by path.
	throttled map[string]time.Time
}

// cloudApp is one app at WeChat.
type cloudApp struct {
	trial, live wxclient.VersionEntry
	audits      []*cloudAudit // oldest first
	published   int64         // newest audit that was released
	releases    []cloudRelease
}

// cloudAudit is a submission that is decided at a time.
type cloudAudit struct {
	wxclient.Audit
	due     time.Time
	verdict wxclient.AuditStatus
}

// cloudRelease is a version that a rollout moved an app to.
type cloudRelease struct {
	by      *applied
	version string
}

// lateEffect is a request that WeChat acts on after its sender gave it up.
type lateEffect struct {
	at time.Time
	do func()
}

func newCloud(apps []string, limit int64, now time.Time) *cloud {
	c := &cloud{
		apps: make(map[string]*cloudApp), limit: limit, month: monthOf(now),
		refuses: make(map[string]bool), flying: make(map[string]string), throttled: make(map[string]time.Time),
	}
	for _, app := range apps {
		c.apps[app] = &cloudApp{live: wxclient.VersionEntry{Version: "1.0.0", Desc: "by hand"}}
	}
	return c
}

// china is WeChat's zone, whose months and days count.
var china = time.FixedZone("UTC+8", 8*3600)

func monthOf(t time.Time) int { return t.In(china).Year()*100 + int(t.In(china).Month()) }
func dayOf(t time.Time) int   { return int((t.Unix() + 8*3600) / 86400) }

// happen brings the model to a time.
func (c *cloud) happen(now time.Time) {
	if m := monthOf(now); m != c.month {
		c.month, c.used, c.refusesAll = m, 0, false
		clear(c.refuses)
	}
	due := slices.Clone(c.late)
	c.late = slices.DeleteFunc(c.late, func(l lateEffect) bool { return !l.at.After(now) })
	for _, l := range due {
		if !l.at.After(now) {
			l.do()
		}
	}
	for _, a := range c.apps {
		if l := a.latest(); l != nil && l.Status == wxclient.AuditPending && !l.due.After(now) {
			l.Status, l.Reason = l.verdict, "login<br>page"
		}
	}
}

func (c *cloud) rest() int64 { return max(0, c.limit-c.used) }

func (a *cloudApp) latest() *cloudAudit {
	if len(a.audits) == 0 {
		return nil
	}
	return a.audits[len(a.audits)-1]
}

// approved is what a release would publish.
func (a *cloudApp) approved() *cloudAudit {
	for _, x := range slices.Backward(a.audits) {
		if x.Status == wxclient.AuditPassed {
			return x
		}
	}
	return nil
}

func (c *cloud) submit(app string, due time.Time, verdict wxclient.AuditStatus) (int64, error) {
	a := c.apps[app]
	latest := a.latest()
	switch {
	case a.trial.Version == "":
		return 0, refusal("submit_audit", 85086)
	case latest != nil && latest.Status == wxclient.AuditPending:
		return 0, refusal("submit_audit", 85009)
	case c.refusesAll || c.refuses[app] || c.rest() <= 0:
		return 0, refusal("submit_audit", 85085)
	}
	c.used++
	c.audit++
	a.audits = append(a.audits, &cloudAudit{
		Audit: wxclient.Audit{ID: c.audit, Status: wxclient.AuditPending, Version: a.trial.Version, Desc: a.trial.Desc},
		due:   due, verdict: verdict,
	})
	return c.audit, nil
}

func (c *cloud) latestAudit(app string) (wxclient.Audit, error) {
	l := c.apps[app].latest()
	if l == nil {
		return wxclient.Audit{}, refusal("get_latest_auditstatus", 85058)
	}
	return l.Audit, nil
}

func (c *cloud) auditStatus(app string, id int64) (wxclient.Audit, error) {
	for _, a := range c.apps[app].audits {
		if a.ID == id {
			return wxclient.Audit{ID: id, Status: a.Status, Reason: a.Reason}, nil
		}
	}
	return wxclient.Audit{}, refusal("get_auditstatus", 85012)
}

func (c *cloud) versions(app string) wxclient.VersionInfo {
	a := c.apps[app]
	live := a.live
	v := wxclient.VersionInfo{Release: &live}
	if a.trial.Version != "" {
		trial := a.trial
		v.Exp = &trial
	}
	return v
}

func (c *cloud) release(app string) error {
	a, ok := c.apps[app], c.apps[app].approved()
	switch {
	case ok == nil:
		return refusal("release", 85019)
	case ok.ID == a.published:
		return refusal("release", 85052)
	}
	a.live, a.published = wxclient.VersionEntry{Version: ok.Version, Desc: ok.Desc}, ok.ID
	return nil
}

func refusal(name string, code int64) error {
	return &wxclient.Error{Endpoint: "/wxa/" + name, Code: code, Msg: "model", RID: "rid-1", Class: wxclient.ClassOf(code)}
}

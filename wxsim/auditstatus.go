package wxsim

import (
	"fmt"
	"time"
)

// Undo limits per mini program.
const (
	undoPerDay   = 5
	undoPerMonth = 10
)

// undoCount counts withdrawals by calendar in UTC+8.
type undoCount struct {
	day, month   int64 // which day and month the counts are of
	today, total int
}

// left reports whether one more withdrawal is allowed, after rolling the counts to now.
func (u *undoCount) left(now time.Time) bool {
	if d := dayOf(now); d != u.day {
		u.day, u.today = d, 0
	}
	if m := monthOf(now); m != u.month {
		u.month, u.total = m, 0
	}
	return u.today < undoPerDay && u.total < undoPerMonth
}

// verdictFields are the members both status calls share. shot is the name of the screenshot member, which differs.
func (au *audit) verdictFields(now time.Time, shot string) payload {
	p := payload{"status": au.state(now)}
	switch p["status"] {
	case AuditRejected:
		p["reason"] = au.reason
		p[shot] = au.shots()
	case AuditDelayed:
		p["reason"] = delayReason
	}
	return p
}

// shots are the media ids of two screenshots, joined as WeChat joins them. They do not tell the auditid.
func (au *audit) shots() string {
	return opaque(uint64(au.id), "shot", au.version, 1, 64) + "|" + opaque(uint64(au.id), "shot", au.version, 2, 64)
}

// auditStatus plays get_auditstatus.
func (c *call) auditStatus() reply {
	id, ok := c.f.number("auditid", true)
	if !ok {
		return failure(47001)
	}
	au := c.app.findAudit(id)
	if au == nil {
		return failure(85012)
	}
	return success(au.verdictFields(c.now, "screenshot"))
}

// latestAuditStatus plays get_latest_auditstatus; here the screenshots are spelled ScreenShot.
func (c *call) latestAuditStatus() reply {
	au := c.app.latest()
	if au == nil {
		return failure(85012)
	}
	p := au.verdictFields(c.now, "ScreenShot")
	p["auditid"] = au.id
	if c.set.Quirks.AuditIDString {
		p["auditid"] = fmt.Sprint(au.id)
	}
	p["user_version"], p["user_desc"], p["submit_audit_time"] = au.version, au.desc, au.at.Unix()
	return success(p)
}

// undoAudit plays undocodeaudit. The quota unit is not given back.
func (c *call) undoAudit() reply {
	au := c.app.latest()
	if au == nil || !au.open(c.now) {
		return failure(87012)
	}
	if !c.app.undone.left(c.now) {
		return failure(87013)
	}
	c.app.undone.today++
	c.app.undone.total++
	au.withdrawn = true
	return success(nil)
}

// speedupAudit plays speedupaudit: a quarter of the remaining time is left.
func (c *call) speedupAudit() reply {
	id, ok := c.f.number("auditid", true)
	if !ok {
		return failure(47001)
	}
	au := c.app.findAudit(id)
	switch {
	case au == nil || !au.open(c.now):
		return failure(89402)
	case au.urgent:
		return failure(89404)
	case !c.sim.quota.takeSpeedup(c.now):
		return failure(89405)
	}
	au.urgent = true
	au.ends = c.now.Add(au.ends.Sub(c.now) / 4)
	c.sim.push.watch(c.app, au, c.now)
	return success(nil)
}

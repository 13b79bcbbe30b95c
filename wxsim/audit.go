package wxsim

import (
	"fmt"
	"strings"
	"time"
)

// Audit states, as get_latest_auditstatus gives them.
const (
	// AuditPassed is final: the version may be released.
	AuditPassed = 0
	// AuditRejected is final; reason and screenshot say why.
	AuditRejected = 1
	// AuditRunning has no verdict yet.
	AuditRunning = 2
	// AuditWithdrawn is final: undocodeaudit took it back.
	AuditWithdrawn = 3
	// AuditDelayed has no verdict yet either, though it looks like one.
	AuditDelayed = 4
)

// auditsKept is how many audits of an app are remembered.
const auditsKept = 50

// audit is one accepted submission. Its state is computed from its times.
type audit struct {
	id        int64
	version   string
	desc      string
	at        time.Time
	ends      time.Time // when the verdict stands
	delayed   time.Time // when it turns to AuditDelayed; zero: never
	reject    bool
	reason    string
	withdrawn bool
	urgent    bool // speeded up
	released  bool
	foreign   bool // of an earlier platform; in no books
	code      *trialCode

	pushedDelay, pushedEnd bool
}

// verdict is what a lever decided about an audit to come.
type verdict struct {
	reject bool
	reason string
}

// state is the audit's state at a moment.
func (au *audit) state(now time.Time) int {
	switch {
	case au.withdrawn:
		return AuditWithdrawn
	case !now.Before(au.ends) && au.reject:
		return AuditRejected
	case !now.Before(au.ends):
		return AuditPassed
	case !au.delayed.IsZero() && !now.Before(au.delayed):
		return AuditDelayed
	}
	return AuditRunning
}

// open reports an audit without a verdict.
func (au *audit) open(now time.Time) bool {
	st := au.state(now)
	return st == AuditRunning || st == AuditDelayed
}

// auditID is the id of the nth audit of an app: above 2^32, so that 32-bit readers notice.
func auditID(index, n int) int64 { return 5_000_000_000 + int64(index)*1_000_000 + int64(n) }

// latest is the app's newest audit, or nil.
func (a *app) latest() *audit {
	if len(a.audits) == 0 {
		return nil
	}
	return a.audits[len(a.audits)-1]
}

// findAudit is the audit of this app with an id, or nil.
func (a *app) findAudit(id int64) *audit {
	for _, au := range a.audits {
		if au.id == id {
			return au
		}
	}
	return nil
}

// submitAudit plays submit_audit. Malformed fields are refused first, then the state of the app, then its material, and
// last the platform's quota, so that nothing but an acceptance costs a unit.
func (c *call) submitAudit() reply {
	sub, code := parseSubmission(c.f)
	if code != 0 {
		return failure(code)
	}
	a := c.app
	tr := a.trial
	switch last := a.latest(); {
	case a.miniGame:
		return failure(87006)
	case !a.profile:
		return failure(86002)
	case strings.HasSuffix(a.nick, trialSuffix):
		return failure(86020)
	case tr == nil || tr.foreign:
		return failure(85086)
	case c.now.Before(tr.checked):
		return failure(61039)
	case last != nil && last.open(c.now):
		return failure(85009)
	case !a.hasCategory:
		return failure(85008)
	}
	if code := sub.check(a, c.now); code != 0 {
		return failure(code)
	}
	if !c.sim.quota.take(c.now) {
		return failure(85085)
	}
	au := c.accept(tr)
	a.needsUGC = false
	c.sim.bookSubmission(a, au, c.now)
	c.sim.push.watch(a, au, c.now)
	var id any = au.id
	if c.set.Quirks.AuditIDString {
		id = fmt.Sprint(au.id)
	}
	return success(payload{"auditid": id})
}

// accept opens the audit of a trial version and decides how it will end.
func (c *call) accept(tr *trialCode) *audit {
	a := c.app
	a.accepted++
	n := uint64(a.accepted)
	au := &audit{id: auditID(a.index, a.accepted), version: tr.version, desc: tr.desc, at: c.now, code: tr}
	wait := c.set.AuditDelay.at(c.sim.draw(a.id, "audit-delay", n))
	au.ends = c.now.Add(wait)
	if wait > 0 && c.sim.draw(a.id, "audit-delayed", n) < c.set.DelayRate {
		au.delayed = c.now.Add(wait / 2)
	}
	v := verdict{reject: c.sim.draw(a.id, "verdict", n) < c.set.RejectRate}
	if len(a.next) > 0 {
		v, a.next = a.next[0], a.next[1:]
	}
	if v.reject {
		au.reject, au.reason = true, v.reason
		if au.reason == "" {
			au.reason = rejections[hash(c.set.Seed, a.id, "reason", n)%uint64(len(rejections))]
		}
	}
	a.audits = append(a.audits, au)
	if len(a.audits) > auditsKept {
		a.audits = a.audits[1:]
	}
	return au
}

// rejections are reasons as auditors write them, markup included.
var rejections = []string{
	"1:账号信息不符合规范:<br>(1):小程序名称与实际服务不一致<br>",
	"1:小程序内容不符合规则:<br>(1):页面内容无法正常展示，请完善后再提交<br>",
	"1:服务类目与页面内容不符:<br>(1):请补充对应类目<br>(2):或修改页面内容<br>",
}

// delayReason is the reason of state 4.
const delayReason = "1:为了更好地核实您的小程序，审核时间将延长<br>"

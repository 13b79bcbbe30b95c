package model

import (
	"time"

	"github.com/wxrollout/wxrollout/wxsim/internal/chance"
	"github.com/wxrollout/wxrollout/wxsim/internal/clock"
)

// Audit states, as get_latest_auditstatus gives them. All but AuditRunning and AuditDelayed are final.
const (
	AuditPassed    = 0
	AuditRejected  = 1
	AuditRunning   = 2
	AuditWithdrawn = 3
	AuditDelayed   = 4 // no verdict yet either, though it looks like one
)

// auditsKept is how many audits of an app are kept.
const auditsKept = 50

// Audit is one accepted submission. Its state is computed from its times.
type Audit struct {
	ID        int64
	Version   string
	Desc      string
	At        time.Time
	ends      time.Time // when the verdict is given
	delayed   time.Time // when the state becomes AuditDelayed; zero: never
	reject    bool
	reason    string
	withdrawn bool
	urgent    bool
	released  bool
	foreign   bool // of an earlier platform; not in the books
	code      *Code

	sentDelay, sentEnd bool // events
}

// verdict is decided in advance for an audit to come.
type verdict struct {
	reject bool
	reason string
}

// State is the audit's state at a moment.
func (au *Audit) State(now time.Time) int {
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
func (au *Audit) open(now time.Time) bool {
	st := au.State(now)
	return st == AuditRunning || st == AuditDelayed
}

// Reason is WeChat's text for a state that has one, else empty.
func (au *Audit) Reason(now time.Time) string {
	switch au.State(now) {
	case AuditRejected:
		return au.reason
	case AuditDelayed:
		return delayReason
	}
	return ""
}

// Screenshots are the media ids of two screenshots, joined as WeChat joins them. The auditid cannot be read from them.
func (au *Audit) Screenshots() string {
	return chance.Opaque(uint64(au.ID), "shot", au.Version, 1, 64) + "|" + chance.Opaque(uint64(au.ID), "shot", au.Version, 2, 64)
}

// auditID is the id of the nth audit of the app: above 2^32, so that 32-bit readers fail.
func (a *App) auditID(n int64) int64 { return 5_000_000_000 + int64(a.index)*1_000_000 + n }

// Latest is the app's newest audit, or nil.
func (a *App) Latest() *Audit {
	if len(a.audits) == 0 {
		return nil
	}
	return a.audits[len(a.audits)-1]
}

// Audit is the app's audit with an id, or nil.
func (a *App) Audit(id int64) *Audit {
	return a.last(func(au *Audit) bool { return au.ID == id })
}

// last is the app's newest audit with a property, or nil.
func (a *App) last(f func(*Audit) bool) *Audit {
	for i := len(a.audits) - 1; i >= 0; i-- {
		if f(a.audits[i]) {
			return a.audits[i]
		}
	}
	return nil
}

// approved is the newest audit that passed, or nil.
func (a *App) approved(now time.Time) *Audit {
	return a.last(func(au *Audit) bool { return au.State(now) == AuditPassed })
}

// accept opens the audit of a trial version and decides how it will end.
func (a *App) accept(tr *Code, now time.Time) *Audit {
	w, set := a.world, a.world.Settings()
	a.accepted++
	n := uint64(a.accepted)
	au := &Audit{ID: a.auditID(int64(n)), Version: tr.Version, Desc: tr.Desc, At: now, code: tr}
	wait := set.AuditDelay.At(w.draw(a.ID, "audit-delay", n))
	au.ends = now.Add(wait)
	if wait > 0 && w.draw(a.ID, "audit-delayed", n) < set.DelayRate {
		au.delayed = now.Add(wait / 2)
	}
	v := verdict{reject: w.draw(a.ID, "verdict", n) < set.RejectRate}
	if len(a.next) > 0 {
		v, a.next = a.next[0], a.next[1:]
	}
	if v.reject {
		au.reject, au.reason = true, v.reason
		if au.reason == "" {
			au.reason = rejections[chance.Hash(set.Seed, a.ID, "reason", n)%uint64(len(rejections))]
		}
	}
	a.audits = append(a.audits, au)
	if len(a.audits) > auditsKept {
		a.audits = a.audits[1:]
	}
	return au
}

// rejections are reasons as auditors write them, with markup.
var rejections = []string{
	"1:账号信息不符合规范:<br>(1):小程序名称与实际服务不一致<br>",
	"1:小程序内容不符合规则:<br>(1):页面内容无法正常展示，请完善后再提交<br>",
	"1:服务类目与页面内容不符:<br>(1):请补充对应类目<br>(2):或修改页面内容<br>",
}

const delayReason = "1:为了更好地核实您的小程序，审核时间将延长<br>"

// Limits of withdrawals per mini program.
const (
	withdrawalsPerDay   = 5
	withdrawalsPerMonth = 10
)

// withdrawals counts by calendar in UTC+8.
type withdrawals struct {
	day   int64
	today int
	month clock.Monthly
}

// take spends one withdrawal; false means that none was left.
func (u *withdrawals) take(now time.Time) bool {
	if d := clock.Day(now); d != u.day {
		u.day, u.today = d, 0
	}
	if u.today >= withdrawalsPerDay || !u.month.Take(now, withdrawalsPerMonth) {
		return false
	}
	u.today++
	return true
}

// Withdraw takes the latest audit back. The unit of quota is lost.
func (a *App) Withdraw(now time.Time) (code int) {
	au := a.Latest()
	switch {
	case au == nil || !au.open(now):
		return 87012
	case !a.withdraw.take(now):
		return 87013
	}
	au.withdrawn = true
	return 0
}

// SpeedUp shortens the rest of an audit to a quarter.
func (a *App) SpeedUp(id int64, now time.Time) (code int) {
	au := a.Audit(id)
	switch {
	case au == nil || !au.open(now):
		return 89402
	case au.urgent:
		return 89404
	case !a.world.quota.takeSpeedup(now):
		return 89405
	}
	au.urgent = true
	au.ends = now.Add(au.ends.Sub(now) / 4)
	a.watch(au, now)
	return 0
}

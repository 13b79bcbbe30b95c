package model

import (
	"strings"
	"time"
)

// What auditors, merchants and the passage of time do to apps, rather than calls of the API. An empty appid stands for
// every app where the parameter is documented so.

// Approve passes the running audit of an app (of every app if appid is empty) now; it returns the number of audits.
func (w *World) Approve(appid string) int { return w.settle(appid, verdict{}) }

// Reject rejects the running audit of an app (of every app if appid is empty) now; it returns the number of audits. An
// empty reason means one of the usual ones.
func (w *World) Reject(appid, reason string) int {
	if reason == "" {
		reason = rejections[0]
	}
	return w.settle(appid, verdict{reject: true, reason: reason})
}

func (w *World) settle(appid string, v verdict) (n int) {
	now := w.Clock.Now()
	w.each(appid, func(a *App) {
		if au := a.Latest(); au != nil && au.open(now) {
			au.ends, au.reject, au.reason = now, v.reject, v.reason
			a.report(au, now)
			n++
		}
	})
	return n
}

// DecideNext decides the next undecided submission of an app in advance; further calls decide those after it.
func (w *World) DecideNext(appid string, reject bool, reason string) {
	w.each(appid, func(a *App) { a.next = append(a.next, verdict{reject, reason}) })
}

// PassEverything lets running audits and all to come pass: the reject rate becomes 0.
func (w *World) PassEverything() {
	w.Change(func(x *Settings) { x.RejectRate = 0 })
	now := w.Clock.Now()
	w.each("", func(a *App) {
		a.next = nil
		if au := a.Latest(); au != nil && au.open(now) {
			au.reject = false
		}
	})
}

// SendVerdict sends the event of the end of an app's latest audit again; it reports whether the audit has ended.
func (w *World) SendVerdict(appid string) (sent bool) {
	now := w.Clock.Now()
	if appid != "" {
		w.each(appid, func(a *App) {
			if au := a.Latest(); au != nil && !au.open(now) && !au.withdrawn {
				a.reportVerdict(au, now)
				sent = true
			}
		})
	}
	return sent
}

// SendTicket issues a component_verify_ticket, sends its event, and returns it.
func (w *World) SendTicket() string {
	ticket := w.newTicket(w.Clock.Now())
	w.platformEvent("component_verify_ticket", Field{"ComponentVerifyTicket", ticket})
	return ticket
}

// StopTickets stops the ticket callbacks, as WeChat does when they fail too often; api_start_push_ticket resumes them.
func (w *World) StopTickets() {
	defer hold(&w.component)()
	w.component.stopped = true
}

// SetTicketEvery sends a ticket now and then at an interval; zero ends it.
func (w *World) SetTicketEvery(every time.Duration) {
	start := w.tickets.Add(1)
	if every <= 0 || !w.out.Receives(false) {
		return
	}
	var tick func()
	tick = func() {
		if w.tickets.Load() != start || w.Closing.Err() != nil {
			return
		}
		w.component.Lock()
		stopped := w.component.stopped
		w.component.Unlock()
		if !stopped {
			w.SendTicket()
		}
		w.Clock.AfterFunc(every, tick)
	}
	tick()
}

// ExpireComponentToken makes every component_access_token answer 42001.
func (w *World) ExpireComponentToken() {
	defer hold(&w.component)()
	expire(w.component.bearers, w.Clock.Now())
}

// ExpireToken makes the access tokens of an app (of every app if appid is empty) answer 42001.
func (w *World) ExpireToken(appid string) {
	now := w.Clock.Now()
	w.each(appid, func(a *App) { expire(a.bearers, now) })
}

// RotateRefreshToken replaces the refresh token of an app (of every app if appid is empty); the old one works 5 more
// minutes.
func (w *World) RotateRefreshToken(appid string) {
	now := w.Clock.Now()
	w.each(appid, func(a *App) { a.rotate(now.Add(overlapLife)) })
}

// ForgetRenewals sets the counts of renewals to zero.
func (w *World) ForgetRenewals() {
	w.component.Lock()
	w.component.renewals = 0
	w.component.Unlock()
	w.each("", func(a *App) { a.renewals = 0 })
}

// DecideInterface ends the audit of an app's application for a location api, such as wx.getLocation: with an empty reason
// it is granted, and later commits may use the api. An event reports the end. It reports whether there was an audit.
func (w *World) DecideInterface(appid, api, reason string) (decided bool) {
	if appid == "" {
		return false
	}
	w.each(appid, func(a *App) {
		name := strings.TrimPrefix(api, "wx.")
		if ap := a.Config.Privacy.Decide(name, reason); ap != nil {
			decided = true
			a.event("wxa_privacy_apply", w.Clock.Now(), Field{"result_info", []Field{
				{"api_name", "wx." + name}, {"audit_id", ap.ID}, {"reason", reason},
			}})
		}
	})
	return decided
}

// ApplyForInterface starts an application for a location api.
func (a *App) ApplyForInterface(name string, now time.Time) (id int64, code int) {
	return a.Config.Privacy.Apply(name, a.auditID(900_000), now)
}

// Change alters an app; nil fields stay as they are.
type Change struct {
	// Status is the account status, such as StatusBanned.
	Status *int `json:"account_status,omitempty"`
	// Authorized false takes the authorization back: every call on the app answers 61003. The callback is unauthorized.
	Authorized *bool `json:"authorized,omitempty"`
	// Set18 false takes permission set 18 back: code calls answer 61007. The callback is updateauthorized.
	Set18 *bool `json:"set18,omitempty"`
	// Category false leaves the app without a category: submissions answer 85008.
	Category *bool `json:"category,omitempty"`
	// Profile false leaves name, avatar or introduction unset: submissions answer 86002.
	Profile *bool `json:"profile,omitempty"`
	// MiniProgram false makes it another kind of account: code calls answer 48001.
	MiniProgram *bool `json:"mini_program,omitempty"`
	// MiniGame true makes submissions answer 87006.
	MiniGame *bool `json:"mini_game,omitempty"`
	// NeedsUGC true makes submissions without ugc_declare answer 85094, until one is accepted.
	NeedsUGC *bool `json:"needs_ugc,omitempty"`
	// NoPrivate are location apis that the app has no right to; an empty list restores all.
	NoPrivate []string `json:"no_private,omitempty"`
	// Personal true makes the owner a person: no web-view domains and no QR code rules.
	Personal *bool `json:"personal,omitempty"`
	// NickName renames the app, as a trial app must be before its audits.
	NickName *string `json:"nick_name,omitempty"`
	// Console sets request domains as if on mp.weixin.qq.com: the next release by the platform deletes them.
	Console []string `json:"console_domains,omitempty"`
	// NoRelease true forgets every version that was ever live: gray release answers 85079.
	NoRelease bool `json:"no_release,omitempty"`
}

// ChangeApp alters an app.
func (w *World) ChangeApp(appid string, ch Change) error {
	a, err := w.Find(appid)
	if err != nil {
		return err
	}
	defer hold(a)()
	if ch.Set18 != nil && *ch.Set18 != a.Set18 {
		a.Set18 = *ch.Set18
		a.grant("updateauthorized", "", w.Clock.Now())
	}
	if ch.Authorized != nil && a.Authorized && !*ch.Authorized {
		a.revoke(w.Clock.Now())
	}
	set(&a.Authorized, ch.Authorized)
	set(&a.Status, ch.Status)
	set(&a.HasCategory, ch.Category)
	set(&a.profile, ch.Profile)
	set(&a.MiniProgram, ch.MiniProgram)
	set(&a.MiniGame, ch.MiniGame)
	set(&a.needsUGC, ch.NeedsUGC)
	set(&a.Personal, ch.Personal)
	set(&a.Nick, ch.NickName)
	if ch.Console != nil {
		a.Config.Domains.SetConsole(ch.Console)
	}
	if ch.NoPrivate != nil {
		a.Config.Privacy.Deny(ch.NoPrivate)
	}
	if ch.NoRelease {
		a.Live, a.versions = nil, nil
	}
	return nil
}

// set assigns a value that was given.
func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

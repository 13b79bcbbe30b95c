package wxsim

import (
	"fmt"
	"time"
)

// SetSeed changes the seed of decisions to come.
func (s *Sim) SetSeed(seed uint64) { s.change(func(x *settings) { x.Seed = seed }) }

// SetLatency changes the real time calls take.
func (s *Sim) SetLatency(r Range) { s.change(func(x *settings) { x.Latency = r }) }

// SetPrivacyDelay changes how long the privacy checks of commits to come take.
func (s *Sim) SetPrivacyDelay(r Range) { s.change(func(x *settings) { x.PrivacyDelay = r }) }

// SetAuditDelay changes how long audits to come take.
func (s *Sim) SetAuditDelay(r Range) { s.change(func(x *settings) { x.AuditDelay = r }) }

// SetRejectRate changes the share of submissions to come that are rejected. Zero lets even those apps pass on their next
// audit whose last one was rejected.
func (s *Sim) SetRejectRate(share float64) { s.change(func(x *settings) { x.RejectRate = share }) }

// SetDelayRate changes the share of audits to come that assignment to state 4 for a while.
func (s *Sim) SetDelayRate(share float64) { s.change(func(x *settings) { x.DelayRate = share }) }

// SetBusyRate changes the share of calls answered -1.
func (s *Sim) SetBusyRate(share float64) { s.change(func(x *settings) { x.BusyRate = share }) }

// SetLostRate changes the share of writes whose reply is lost.
func (s *Sim) SetLostRate(share float64) { s.change(func(x *settings) { x.LostRate = share }) }

// SetQuirks chooses between behaviors on which sources differ.
func (s *Sim) SetQuirks(q Quirks) { s.change(func(x *settings) { x.Quirks = q }) }

// SetPushShares changes how many pushes are lost, late, doubled and out of order.
func (s *Sim) SetPushShares(lost, late, doubled, outOfOrder float64) {
	s.change(func(x *settings) {
		x.PushLost, x.PushLate, x.PushDoubled, x.PushOutOfOrder = lost, late, doubled, outOfOrder
	})
}

// Approve ends the running audit of an app (of every app if appid is empty) with a pass; it returns how many.
func (s *Sim) Approve(appid string) int { return s.settle(appid, verdict{}) }

// Reject ends the running audit of an app (of every app if appid is empty) with a rejection; it returns how many. An
// empty reason means one of the usual ones.
func (s *Sim) Reject(appid, reason string) int {
	return s.settle(appid, verdict{reject: true, reason: reason})
}

func (s *Sim) settle(appid string, v verdict) int {
	now, n := s.clock.Now(), 0
	if v.reject && v.reason == "" {
		v.reason = rejections[0]
	}
	s.each(appid, func(a *app) {
		au := a.latest()
		if au == nil || !au.open(now) {
			return
		}
		au.ends, au.reject, au.reason = now, v.reject, v.reason
		s.push.tell(a, au, now)
		n++
	})
	return n
}

// each runs f on one app, or on all if appid is empty, with the app locked.
func (s *Sim) each(appid string, f func(*app)) {
	list := s.apps.all()
	if appid != "" {
		list = nil
		if a := s.apps.find(appid); a != nil {
			list = []*app{a}
		}
	}
	for _, a := range list {
		a.mu.Lock()
		f(a)
		a.mu.Unlock()
	}
}

// DecideNext decides the next undecided submission of an app in advance; further calls decide those after it.
func (s *Sim) DecideNext(appid string, reject bool, reason string) {
	s.each(appid, func(a *app) { a.next = append(a.next, verdict{reject, reason}) })
}

// PassEverything lets running audits and all to come pass: the reject rate becomes 0.
func (s *Sim) PassEverything() {
	s.SetRejectRate(0)
	now := s.clock.Now()
	s.each("", func(a *app) {
		a.next = nil
		if au := a.latest(); au != nil && au.open(now) {
			au.reject = false
		}
	})
}

// ExpireComponentToken makes every component_access_token answer 42001.
func (s *Sim) ExpireComponentToken() {
	s.component.mu.Lock()
	defer s.component.mu.Unlock()
	s.tokens.kill(s.component.bearers, s.clock.Now())
}

// ExpireToken makes the access tokens of an app (of every app if appid is empty) answer 42001.
func (s *Sim) ExpireToken(appid string) {
	now := s.clock.Now()
	s.each(appid, func(a *app) { s.tokens.kill(a.bearers, now) })
}

// RotateRefreshToken gives an app (every app if appid is empty) a new refresh token; the old one works 5 more minutes.
func (s *Sim) RotateRefreshToken(appid string) {
	now := s.clock.Now()
	s.each(appid, func(a *app) { s.rotate(a, now.Add(overlapLife)) })
}

// AppChange alters an app; nil fields stay as they are.
type AppChange struct {
	// Status is the account status, such as StatusBanned.
	Status *int `json:"account_status,omitempty"`
	// Authorized false takes the authorization back: every call on the app answers 61003, and unauthorized is pushed.
	Authorized *bool `json:"authorized,omitempty"`
	// Set18 false takes permission set 18 back: code calls answer 61007. updateauthorized is pushed.
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
	// NoPrivate are location apis the app has no right to; an empty list restores all.
	NoPrivate []string `json:"no_private,omitempty"`
	// Personal true makes the owner a person: no web-view domains and no QR code rules.
	Personal *bool `json:"personal,omitempty"`
	// NickName renames the app, as a trial app must be before its audits.
	NickName *string `json:"nick_name,omitempty"`
	// Console sets request domains as if on mp.weixin.qq.com: the next release by the platform deletes them.
	Console []string `json:"console_domains,omitempty"`
	// NoRelease true forgets everything that was ever live: gray release answers 85079.
	NoRelease bool `json:"no_release,omitempty"`
}

// ChangeApp alters an app. It errs if there is none with this id.
func (s *Sim) ChangeApp(appid string, ch AppChange) error {
	a := s.apps.find(appid)
	if a == nil {
		return fmt.Errorf("change app %q: there is none with this appid", appid)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	set := func(to *bool, from *bool) bool {
		if from == nil || *to == *from {
			return false
		}
		*to = *from
		return true
	}
	if ch.Status != nil {
		a.status = *ch.Status
	}
	now := s.clock.Now()
	if set(&a.set18, ch.Set18) {
		s.updated(a, now)
	}
	if set(&a.authorized, ch.Authorized) && !a.authorized {
		s.revoke(a, now)
	}
	set(&a.hasCategory, ch.Category)
	set(&a.profile, ch.Profile)
	set(&a.miniProgram, ch.MiniProgram)
	set(&a.miniGame, ch.MiniGame)
	set(&a.needsUGC, ch.NeedsUGC)
	set(&a.personal, ch.Personal)
	if ch.NickName != nil {
		a.nick = *ch.NickName
	}
	if ch.Console != nil {
		a.domains.console = domainSet{"requestdomain": ch.Console}
		a.domains.live = a.domains.live.with(a.domains.console)
	}
	if ch.NoPrivate != nil {
		a.noPrivate = map[string]bool{}
		for _, name := range ch.NoPrivate {
			a.noPrivate[name] = true
		}
	}
	if ch.NoRelease {
		a.live, a.versions = nil, nil
	}
	return nil
}

// revoke tells the platform that a merchant took the authorization back; the refresh token dies with it.
func (s *Sim) revoke(a *app, now time.Time) {
	s.rotate(a, now)
	s.push.platformEvent("unauthorized", cdata("AuthorizerAppid", a.id))
}

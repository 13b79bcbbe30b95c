package wxsim

import "time"

// watch arranges the pushes of an audit of a locked app: when it turns delayed, and when its verdict stands. Calling it
// again after its times changed is harmless: what was pushed is pushed once.
func (p *pusher) watch(a *app, au *audit, now time.Time) {
	if p.s.opt.Push.AppURL == "" {
		return
	}
	look := func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		p.tell(a, au, p.s.clock.Now())
	}
	if au.open(now) {
		if !au.delayed.IsZero() && au.delayed.After(now) {
			p.s.clock.AfterFunc(au.delayed.Sub(now), look)
		}
		p.s.clock.AfterFunc(au.ends.Sub(now), look)
	}
	p.tell(a, au, now)
}

// tell pushes what an audit of a locked app has come to and nobody was told yet.
func (p *pusher) tell(a *app, au *audit, now time.Time) {
	switch au.state(now) {
	case AuditDelayed:
		if !au.pushedDelay {
			au.pushedDelay = true
			p.appEvent(a, now, "weapp_audit_delay", cdata("Reason", delayReason), number("DelayTime", now.Unix()))
		}
	case AuditPassed, AuditRejected:
		if !au.pushedEnd {
			au.pushedEnd = true
			p.verdict(a, au, now)
		}
	}
}

// verdict pushes the end of an audit.
func (p *pusher) verdict(a *app, au *audit, now time.Time) {
	if au.reject {
		p.appEvent(a, now, "weapp_audit_fail", cdata("Reason", au.reason), number("FailTime", now.Unix()),
			cdata("ScreenShot", au.shots()))
		return
	}
	p.appEvent(a, now, "weapp_audit_success", number("SuccTime", now.Unix()))
}

// PushTicket issues a new component_verify_ticket, pushes it if Push.AuthURL is set, and returns it.
func (s *Sim) PushTicket() string {
	s.push.ticket()
	co := &s.component
	co.mu.Lock()
	defer co.mu.Unlock()
	return co.order[len(co.order)-1]
}

// StopTickets stops the ticket pushes, as WeChat does when a callback fails too often; api_start_push_ticket starts them.
func (s *Sim) StopTickets() {
	s.component.mu.Lock()
	defer s.component.mu.Unlock()
	s.component.stopped = true
}

// PushVerdict pushes the end of an app's latest audit again, if it has ended; it reports whether there was one.
func (s *Sim) PushVerdict(appid string) bool {
	a := s.apps.find(appid)
	if a == nil {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	au, now := a.latest(), s.clock.Now()
	if au == nil || au.open(now) || au.withdrawn {
		return false
	}
	s.push.verdict(a, au, now)
	return true
}

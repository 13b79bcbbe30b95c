package model

import "time"

// Event is one event of WeChat before its delivery.
type Event struct {
	Name string
	// AppID and User are the app of an event; both are empty for events of the platform.
	AppID, User string
	At          time.Time
	Fields      []Field
}

// Field is one element of an event's message. Its value is a string, an int64, or a []Field.
type Field struct {
	Name  string
	Value any
}

// Outbox delivers events. Its methods do not block.
type Outbox interface {
	Send(Event)
	// Receives reports whether events of apps, or of the platform, have a receiver.
	Receives(apps bool) bool
}

func (w *World) platformEvent(name string, fields ...Field) {
	w.out.Send(Event{Name: name, At: w.Clock.Now(), Fields: fields})
}

// event sends an event of an app. Neither its appid nor an auditid is in the message.
func (a *App) event(name string, at time.Time, fields ...Field) {
	a.world.out.Send(Event{Name: name, AppID: a.ID, User: a.User, At: at, Fields: fields})
}

// watch arranges the events of an audit: when it is delayed, and when its verdict is given. It may be called again after
// the times of the audit changed: each event is sent once.
func (a *App) watch(au *Audit, now time.Time) {
	w := a.world
	if !w.out.Receives(true) {
		return
	}
	later := func() {
		defer hold(a)()
		a.report(au, w.Clock.Now())
	}
	if au.open(now) {
		if !au.delayed.IsZero() && au.delayed.After(now) {
			w.Clock.AfterFunc(au.delayed.Sub(now), later)
		}
		w.Clock.AfterFunc(au.ends.Sub(now), later)
	}
	a.report(au, now)
}

// report sends the event of an audit's state unless it was sent before.
func (a *App) report(au *Audit, now time.Time) {
	switch au.State(now) {
	case AuditDelayed:
		if !au.sentDelay {
			au.sentDelay = true
			a.event("weapp_audit_delay", now, Field{"Reason", delayReason}, Field{"DelayTime", now.Unix()})
		}
	case AuditPassed, AuditRejected:
		if !au.sentEnd {
			au.sentEnd = true
			a.reportVerdict(au, now)
		}
	}
}

func (a *App) reportVerdict(au *Audit, now time.Time) {
	if au.reject {
		a.event("weapp_audit_fail", now, Field{"Reason", au.reason}, Field{"FailTime", now.Unix()}, Field{"ScreenShot", au.Screenshots()})
		return
	}
	a.event("weapp_audit_success", now, Field{"SuccTime", now.Unix()})
}

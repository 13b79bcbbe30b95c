package judgement

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/classify"
	"github.com/wxrollout/wxrollout/wxclient"
)

// outage is a way in which every call of every app comes to nothing. The zero value is none.
type outage string

const (
	works     outage = ""
	address   outage = "the address is not allowed"
	noToken   outage = "no component token"
	noService outage = "no token service"
	busy      outage = "-1 to every call"
	noNetwork outage = "no connection"
	silence   outage = "no reply"
)

// platform reports whether the platform's credentials fail: nothing is dispatched then, and nothing
// is counted however long it lasts. The others are known by many apps alone.
func (o outage) platform() bool { return slices.Contains([]outage{address, noToken, noService}, o) }

var outages = []outage{address, noToken, noService, busy, noNetwork, silence}

type serviceDown struct{}

func (serviceDown) Error() string     { return "ask the token broker: it answers 503" }
func (serviceDown) TokenServiceDown() {}

// of is what a call comes to; nil if it works.
func (o outage) of(name string) error {
	endpoint := "/wxa/" + name
	answer := func(path string, code int64) error {
		return &wxclient.Error{Endpoint: path, Code: code, Msg: "refused, requestIP: 203.0.113.9", RID: "rid-1", Class: wxclient.ClassOf(code)}
	}
	token := func(err error) error {
		return &wxclient.NotSentError{Endpoint: endpoint, Err: &wxclient.TokenError{AppID: "wx", Err: err}}
	}
	switch o {
	case address:
		return answer("/cgi-bin/component/api_component_token", 61004)
	case noToken:
		return token(answer("/cgi-bin/component/api_component_token", 40125))
	case noService:
		return token(serviceDown{})
	case busy:
		return answer(endpoint, -1)
	case noNetwork:
		return &wxclient.NotSentError{Endpoint: endpoint, Err: errors.New("connection refused")}
	case silence:
		return &wxclient.OutcomeUnknownError{Endpoint: endpoint, Err: context.DeadlineExceeded}
	default:
		return nil
	}
}

// Bounds of an outage in virtual time. One that looks like each app's own fault ends before a lone
// app, which closes no stage, has tried often enough to fail: docs/limits.md. Whoever probes such a
// stage without an answer stands back for 5 minutes, and a tenth for the jitter.
const (
	longestBusy     = time.Hour
	longestPlatform = 3 * 24 * time.Hour
	afterOutage     = 15 * time.Minute
)

// outage lets the platform, or WeChat, be out for a while. Work must resume soon after.
func (w *world) outage() {
	kind := pick(w, outages)
	most := longestBusy
	if kind.platform() && w.oneIn(2) {
		most = longestPlatform
	}
	end := w.now.Add(time.Duration(w.between(10, int(most/time.Second))) * time.Second)
	w.cloud.out = kind
	w.log("outage: %s until %s", kind, end)
	for least := shortStep; w.now.Before(end); least *= 2 {
		w.round()
		switch w.draw.Below(12) {
		case 0:
			w.operate()
		case 1:
			w.lose()
		case 2:
			w.one(0)
		}
		w.move(min(least, end.Sub(w.now)))
	}
	w.cloud.out = works
	w.log("the outage is over")
	w.resume()
}

// resume checks that an outage leaves nothing behind.
func (w *world) resume() {
	calm := w.calm
	w.calm = true
	w.settle(afterOutage)
	w.calm = calm
	f, err := w.ledger.PlatformFault(w.ctx)
	w.must(err)
	if f != nil {
		w.breach("no resumption: %s after the outage the platform's fault of %s stands", afterOutage, f.Since)
	}
	for _, a := range w.applied {
		r, err := w.ledger.Rollout(w.ctx, a.id)
		w.must(err)
		if r.Status != rollout.StatusRunning {
			continue
		}
		for _, app := range a.apps {
			if t, ok := w.target(a.id, app); ok {
				w.resumed(r, t)
			}
		}
	}
}

// resumed: no target waits because WeChat did not answer before.
func (w *world) resumed(r rollout.Rollout, t rollout.Target) {
	why := ""
	switch {
	case t.State == rollout.StatePending && t.Wave() <= r.Reach(t.Stage):
		s, err := w.leaders[0].pools.Quota(t.Stage).State(w.ctx)
		w.must(err)
		if s.Reason == classify.ReasonOutage && s.State != "open" {
			why = fmt.Sprintf("its stage is %s, tried again at %s", s.State, s.RetryAt)
		}
	case t.State == rollout.StateParked && t.Reason == rollout.ReasonBusy:
		why = fmt.Sprintf("it waits until %s", t.Due)
	}
	if why != "" {
		w.breach("no resumption: %s after the outage %s %s is %s%s: %s", afterOutage, t.Rollout, t.AppID, place(t), lastNote(t), why)
	}
}

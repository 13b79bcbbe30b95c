package tasks

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/classify"
	"github.com/wxrollout/wxrollout/tasks/pool"
	"github.com/wxrollout/wxrollout/wxclient"
)

// outages are what every app gets when WeChat is out.
var outages = map[string]error{
	"-1": refusal(-1), "no connection": notSent(), "refused tokens": refusal(40001),
	"app tokens": &wxclient.NotSentError{Endpoint: "/wxa/x", Err: &wxclient.TokenError{AppID: "wx1", Err: lostReply()}},
}

// runAs is a run of an app at commit, whose commit ends so, on a handler.
func runAs(t *testing.T, h *Handler, app string, err error) *stubbed {
	t.Helper()
	f := happy(t)
	f.commit = func(context.Context, wxclient.CommitRequest) error { return err }
	h.wx = f
	r := stubRun(f, &stubLedger{plan: testPlan()}, h.permits, running(rollout.StageCommit))
	r.h, r.Target.AppID, r.Assignment.AppID = h, app, app
	return r
}

// The last of pool.BreakApps apps in a row closes the stage; no app after it counts a try, nor is called for until the
// stage is open.
func TestOutageClosesTheStage(t *testing.T) {
	t.Parallel()
	for name, err := range outages {
		p := &fakePermits{}
		h := stubRun(nil, &stubLedger{plan: testPlan()}, p, running(rollout.StageCommit)).h
		for i := range pool.BreakApps - 1 {
			if e := runAs(t, h, fmt.Sprint("wx", i), err).decide(t.Context(), rollout.StatusRunning); e.Kind() != "stalled" {
				t.Errorf("%s: app %d: %s, want it busy alone", name, i, describe(e))
			}
		}
		if did := p.took(); len(did) > 0 {
			t.Fatalf("%s: the pool is %q before the last app", name, did)
		}
		if e := runAs(t, h, "wxlast", err).decide(t.Context(), rollout.StatusRunning); e.Kind() != "yielded" {
			t.Errorf("%s: the last app: %s", name, describe(e))
		}
		same(t, name+": pool", p.took(), "close commit busy 15s")
		p.closed = classify.ReasonOutage
		r := runAs(t, h, "wxnext", errors.New("must not be called"))
		if e := r.decide(t.Context(), rollout.StatusRunning); e.Kind() != "yielded" || len(r.h.wx.(*fakeWeChat).took()) > 0 {
			t.Errorf("%s: an app whose turn was given before: %s", name, describe(e))
		}
		p.closed = ""
		if e := runAs(t, h, "wxnext", nil).decide(t.Context(), rollout.StatusRunning); describe(e) == "yielded" {
			t.Errorf("%s: an app after the opening: %s", name, describe(e))
		}
	}
}

// A probe without an answer keeps the stage closed, counts no try, and makes room for another app.
func TestOutageProbesRotate(t *testing.T) {
	t.Parallel()
	p := &fakePermits{closed: classify.ReasonOutage}
	h := stubRun(nil, &stubLedger{plan: testPlan()}, p, running(rollout.StageCommit)).h
	last := time.Duration(0)
	for polls := range 12 {
		r := runAs(t, h, "wx1", refusal(-1))
		r.Assignment.Permit, r.Target.Polls, r.Target.Tries = true, polls, map[rollout.Cause]int{rollout.CauseBusy: 59}
		e := r.Facts().Bounded(r.decide(t.Context(), rollout.StatusRunning), r.Plan.Deadline)
		w, ok := e.(rollout.Waited)
		if !ok || w.Reason != rollout.ReasonBusy || w.For < 3*h.env.Timing.OutageProbe || w.For > 7*time.Minute || w.For < last*4/5 {
			t.Fatalf("probe after %d: %s after %s", polls, describe(e), last)
		}
		last = w.For
		if err := r.Apply(e); err != nil || r.Target.Tries[rollout.CauseBusy] != 59 {
			t.Errorf("a probe counts: %v, %v", r.Target.Tries, err)
		}
		r.Settle(t.Context(), e)
		same(t, "pool", p.took(), "close commit busy 15s", "settle commit r1/wx1 unused")
	}
	r := runAs(t, h, "wx2", nil)
	r.Assignment.Permit = true
	e := r.decide(t.Context(), rollout.StatusRunning)
	r.Settle(t.Context(), e)
	same(t, "pool after an answer", p.took(), "settle commit r1/wx2 spent")
}

// One app that WeChat is busy for closes nothing, and is busy alone.
func TestOneBusyAppClosesNothing(t *testing.T) {
	t.Parallel()
	p := &fakePermits{}
	h := stubRun(nil, &stubLedger{plan: testPlan()}, p, running(rollout.StageCommit)).h
	for range 30 {
		if e := runAs(t, h, "wx1", refusal(-1)).decide(t.Context(), rollout.StatusRunning); e.Kind() != "stalled" {
			t.Fatalf("%s, want it stalled", describe(e))
		}
	}
	same(t, "pool", p.took())
}

// A lost write is read back, whether or not the stage is closed for everyone.
func TestOutageKeepsLostWrites(t *testing.T) {
	t.Parallel()
	p := &fakePermits{closed: classify.ReasonOutage}
	h := stubRun(nil, &stubLedger{plan: testPlan()}, p, running(rollout.StageCommit)).h
	r := runAs(t, h, "wx1", lostReply())
	r.Assignment.Permit = true
	e := r.decide(t.Context(), rollout.StatusRunning)
	if w, ok := e.(rollout.Waited); !ok || w.Reason != rollout.ReasonUnknown || r.Target.Intent == nil {
		t.Errorf("%s with intent %+v", describe(e), r.Target.Intent)
	}
	r.Settle(t.Context(), e)
	same(t, "pool", p.took(), "close commit busy 15s", "settle commit r1/wx1 unused")
}

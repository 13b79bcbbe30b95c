package tasks

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient"
)

// TestBreaker: six apps in a row without an answer from one endpoint are one too many, and so are
// 24 calls of two apps. An answer of that endpoint begins anew.
func TestBreaker(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		// see is an app without an answer of the commit endpoint, or in capitals of another one;
		// . is an answer of the commit endpoint, ! one of another, | a closing
		see    string
		broken bool
	}{
		{"five apps", "abcde", false},
		{"six apps", "abcdef", true},
		{"one app", strings.Repeat("a", 100), false},
		{"two apps", strings.Repeat("ab", 11) + "a", false},
		{"two apps again and again", strings.Repeat("ab", 12), true},
		{"one app after many calls of another", strings.Repeat("a", 23) + "b", true},
		{"an answer between", "abcde.f", false},
		{"an answer of another endpoint between", "abcde!f", true},
		{"apps at different endpoints", "abcDEF", false},
		{"an answer, then six", "ab.abcdef", true},
		{"closed, then five", "abcdef|abcde", false},
		{"closed, then six", "abcdef|abcdef", true},
	} {
		b := NewBreaker()
		broken := false
		for _, app := range tc.see {
			switch endpoint := "/wxa/commit"; {
			case app == '.':
				b.Saw(t.Context(), wxclient.Call{Endpoint: endpoint})
			case app == '!':
				b.Saw(t.Context(), wxclient.Call{Endpoint: "/wxa/other"})
			case app == '|':
				b.closed(rollout.StageCommit)
			case unicode.IsUpper(app):
				broken = b.busy(rollout.StageCommit, "/wxa/other", string(app))
			default:
				broken = b.busy(rollout.StageCommit, endpoint, string(app))
			}
			if b.suspects(rollout.StageCommit) != (app != '.') {
				t.Errorf("%s: suspects %t after %c", tc.name, b.suspects(rollout.StageCommit), app)
			}
		}
		if broken != tc.broken || b.suspects(rollout.StageCheck) {
			t.Errorf("%s: broken %t, want %t", tc.name, broken, tc.broken)
		}
		b.passed(rollout.StageCommit)
		if b.suspects(rollout.StageCommit) {
			t.Errorf("%s: suspects after an app has passed", tc.name)
		}
	}
}

// An answer is what WeChat says of one app or call; being busy, a lost reply and a fault of the
// platform are none.
func TestBreakerKnowsAnswers(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		err  error
		ends bool
	}{
		"success": {nil, true}, "refused": {refusal(85009), true}, "-1": {refusal(-1), false}, "lost": {lostReply(), false},
		"not sent": {notSent(), false}, "no token": {refusal(40001), false}, "address": {refusal(61004), false},
	} {
		b := NewBreaker()
		b.busy(rollout.StageCommit, "/wxa/commit", "wx1")
		b.Saw(t.Context(), wxclient.Call{Endpoint: "/wxa/commit", Err: tc.err})
		if b.suspects(rollout.StageCommit) == tc.ends {
			t.Errorf("%s: ends the streak: %t, want %t", name, !tc.ends, tc.ends)
		}
	}
}

// outages are what every app gets when WeChat is out.
var outages = map[string]error{
	"-1": refusal(-1), "no connection": notSent(), "refused tokens": refusal(40001),
	"app tokens": &wxclient.NotSentError{Endpoint: "/wxa/x", Err: &wxclient.TokenError{AppID: "wx1", Err: lostReply()}},
}

// runAs is a run of an app at commit, whose commit ends so, on a handler.
func runAs(t *testing.T, h *Handler, app string, err error) *run {
	t.Helper()
	f := happy(t)
	f.commit = func(context.Context, wxclient.CommitRequest) error { return err }
	h.wx = f
	r := stubRun(f, &stubLedger{plan: testPlan()}, h.permits, running(rollout.StageCommit))
	r.Handler, r.t.AppID, r.assignment.AppID = h, app, app
	return r
}

// The last of breakApps apps in a row closes the stage; no app after it counts a try, nor is called for until the
// stage is open.
func TestOutageClosesTheStage(t *testing.T) {
	t.Parallel()
	for name, err := range outages {
		p := &fakePermits{}
		h := stubRun(nil, &stubLedger{plan: testPlan()}, p, running(rollout.StageCommit)).Handler
		for i := range breakApps - 1 {
			if e := runAs(t, h, fmt.Sprint("wx", i), err).decide(t.Context(), rollout.StatusRunning); e.Kind() != "stalled" {
				t.Errorf("%s: app %d: %s, want it busy by itself", name, i, describe(e))
			}
		}
		if did := p.took(); len(did) > 0 {
			t.Fatalf("%s: the pool is %q before the last app", name, did)
		}
		if e := runAs(t, h, "wxlast", err).decide(t.Context(), rollout.StatusRunning); e.Kind() != "yielded" {
			t.Errorf("%s: the last app: %s", name, describe(e))
		}
		same(t, name+": pool", p.took(), "close commit busy 15s")
		p.closed = ReasonOutage
		r := runAs(t, h, "wxnext", errors.New("must not be called"))
		if e := r.decide(t.Context(), rollout.StatusRunning); e.Kind() != "yielded" || len(r.wx.(*fakeWeChat).took()) > 0 {
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
	p := &fakePermits{closed: ReasonOutage}
	h := stubRun(nil, &stubLedger{plan: testPlan()}, p, running(rollout.StageCommit)).Handler
	last := time.Duration(0)
	for polls := range 12 {
		r := runAs(t, h, "wx1", refusal(-1))
		r.assignment.Permit, r.t.Polls, r.t.Tries = true, polls, map[rollout.Cause]int{rollout.CauseBusy: 59}
		e := r.bounded(r.decide(t.Context(), rollout.StatusRunning))
		w, ok := e.(rollout.Waited)
		if !ok || w.Reason != rollout.ReasonBusy || w.For < 3*h.timing.OutageProbe || w.For > 7*time.Minute || w.For < last*4/5 {
			t.Fatalf("probe after %d: %s after %s", polls, describe(e), last)
		}
		last = w.For
		if err := r.apply(e); err != nil || r.t.Tries[rollout.CauseBusy] != 59 {
			t.Errorf("a probe counts: %v, %v", r.t.Tries, err)
		}
		r.settle(t.Context(), e)
		same(t, "pool", p.took(), "close commit busy 15s", "settle commit r1/wx1 unused")
	}
	r := runAs(t, h, "wx2", nil)
	r.assignment.Permit = true
	e := r.decide(t.Context(), rollout.StatusRunning)
	r.settle(t.Context(), e)
	same(t, "pool after an answer", p.took(), "settle commit r1/wx2 spent")
}

// One app that WeChat is busy for closes nothing, and is busy by itself.
func TestOneBusyAppClosesNothing(t *testing.T) {
	t.Parallel()
	p := &fakePermits{}
	h := stubRun(nil, &stubLedger{plan: testPlan()}, p, running(rollout.StageCommit)).Handler
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
	p := &fakePermits{closed: ReasonOutage}
	h := stubRun(nil, &stubLedger{plan: testPlan()}, p, running(rollout.StageCommit)).Handler
	r := runAs(t, h, "wx1", lostReply())
	r.assignment.Permit = true
	e := r.decide(t.Context(), rollout.StatusRunning)
	if w, ok := e.(rollout.Waited); !ok || w.Reason != rollout.ReasonUnknown || r.t.Intent == nil {
		t.Errorf("%s with intent %+v", describe(e), r.t.Intent)
	}
	r.settle(t.Context(), e)
	same(t, "pool", p.took(), "close commit busy 15s", "settle commit r1/wx1 unused")
}

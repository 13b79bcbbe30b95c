package tasks

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/classify"
	"github.com/wxrollout/wxrollout/wxclient"
)

// noToken is a credential that waits for a person.
type noToken struct{ appid string }

func (e *noToken) Error() string        { return "no token of " + e.appid }
func (e *noToken) CredentialOf() string { return e.appid }

// Errors that are no errcode.
func TestOutcomeOfOtherErrors(t *testing.T) {
	t.Parallel()
	everywhere := func(string) string { return "" }
	writes := func(lost, otherwise string) func(string) string {
		return func(name string) string {
			if name == "commit" || name == "submit" || name == "release" {
				return lost
			}
			return otherwise
		}
	}
	for _, tc := range []struct {
		name string
		err  error
		want func(call string) string // "" means also
		also string
	}{
		{"not sent", notSent(), everywhere, "stalled 1s"},
		{"reply lost", lostReply(), writes("waited unknown 1m5s", "stalled 1s"), ""},
		{"wrapped", fmt.Errorf("a: %w", fmt.Errorf("b: %w", lostReply())), writes("waited unknown 1m5s", "stalled 1s"), ""},
		{"no token of the app", &wxclient.NotSentError{Err: &noToken{"wx1"}}, everywhere, "waited merchant 6h0m0s"},
		{"no token of the platform", &wxclient.NotSentError{Err: &noToken{}}, everywhere, "yielded, fault of the platform"},
		{"bad request", &wxclient.InvalidRequestError{Problem: "six items"}, everywhere, "failed plan"},
		{"unheard of", errors.New("?"), everywhere, "stalled 1s"},
		{"assignment lost", &rollout.StaleError{}, everywhere, "nothing"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for i, c := range refusedCalls {
				want := tc.want(c.name)
				if want == "" {
					want = tc.also
				}
				if tc.also == "nothing" { // no event to apply
					f := happy(t)
					c.set(f, tc.err)
					r := stubRun(f, &stubLedger{plan: testPlan()}, &fakePermits{}, running(c.stage))
					if event := r.decide(t.Context(), rollout.StatusRunning); event != nil {
						t.Errorf("%s: %s", c.name, describe(event))
					}
					continue
				}
				if got := refused(t, i, tc.err); got != want {
					t.Errorf("%s: %s, want %s", c.name, got, want)
				}
			}
		})
	}
}

// A worker that stops gives back what it has not begun, and keeps the intent of
// a call whose end it doesn't know.
func TestOutcomeOfStopping(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		err  error
		want string
	}{
		{"a read", notSent(), "yielded"},
		{"a read's reply", lostReply(), "yielded"},
		{"an effect's reply", &classify.LostError{Op: string(rollout.OpSubmit), Err: lostReply()}, "waited unknown 1m5s"},
		{"an answer that came nevertheless", refusal(-1), "yielded"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			r := stubRun(nil, &stubLedger{}, nil, running(rollout.StageSubmit))
			if got := describe(r.h.actor(r.Run).failed(ctx, tc.err)); got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
}

// An errcode of the plan fails the app that met it: the plan is blamed when it fails several alike.
func TestFatalRolloutBlamesTheApp(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		code   int64
		want   string
		pauses int
	}{
		{85013, "failed fatal-rollout", 0},
		{85014, "failed fatal-rollout", 0},
		{85045, "failed fatal-rollout", 0},
		{85048, "failed fatal-rollout", 0},
		{61011, "yielded", 1}, // the platform's set-up
		{61004, "yielded", 0}, // a fault of the platform
	} {
		l := &stubLedger{plan: testPlan()}
		f := happy(t)
		f.commit = func(context.Context, wxclient.CommitRequest) error { return refusal(tc.code) }
		event := stubRun(f, l, &fakePermits{}, running(rollout.StageCommit)).decide(t.Context(), rollout.StatusRunning)
		if got := describe(event); got != tc.want || len(l.paused) != tc.pauses {
			t.Errorf("%d: %s, paused %q; want %s, %d", tc.code, got, l.paused, tc.want, tc.pauses)
		}
		for _, why := range l.paused {
			if !strings.Contains(why, "worker: app wx1 at commit") || !strings.Contains(why, fmt.Sprint(tc.code)) {
				t.Errorf("paused because %q, which names neither app nor errcode", why)
			}
		}
	}
}

// A penalty of the platform stops every submission for a day and the rollout
// until an operator resumes it.
func TestPenaltiesStopEverySubmission(t *testing.T) {
	t.Parallel()
	for _, code := range []int64{86008, 86010} {
		var closed []string
		l, p, f := &stubLedger{plan: testPlan()}, &fakePermits{}, happy(t)
		f.latestAudit = fails[wxclient.Audit](refusal(85012))
		f.submit = func(wxclient.SubmitRequest) (int64, error) { return 0, refusal(code) }
		r := stubRun(f, l, p, running(rollout.StageSubmit))
		r.h.env.Hooks.Closed = func(s rollout.Stage, reason string) { closed = append(closed, string(s)+" "+reason) }
		if got := describe(r.decide(t.Context(), rollout.StatusRunning)); got != "yielded" {
			t.Errorf("%d: %s, want it to keep its place", code, got)
		}
		same(t, "pool", p.took(), fmt.Sprintf("close submit %d 24h0m0s", code))
		same(t, "reported", closed, fmt.Sprintf("submit %d", code))
		if len(l.paused) != 1 || r.Permit.Use != "" {
			t.Errorf("%d: paused %q, permit %q", code, l.paused, r.Permit.Use)
		}
	}
}

// An operator opens the pool while a handler stalls between its refused call and the
// close: the pool stays open, the rollout runs, and the target is tried again.
func TestRefusalFromBeforeAnOperatorOpened(t *testing.T) {
	t.Parallel()
	for _, code := range []int64{86008, 86010, 85085} {
		l, p, f := &stubLedger{plan: testPlan()}, &fakePermits{opening: 1}, happy(t)
		f.latestAudit = fails[wxclient.Audit](refusal(85012))
		f.quota = fails[wxclient.Quota](refusal(-1))
		f.submit = func(wxclient.SubmitRequest) (int64, error) {
			p.opening++
			return 0, refusal(code)
		}
		r := stubRun(f, l, p, running(rollout.StageSubmit))
		r.h.env.Hooks.Closed = func(s rollout.Stage, reason string) { t.Errorf("%d: reported that %s was closed", code, s) }
		if got := describe(r.decide(t.Context(), rollout.StatusRunning)); got != "yielded" {
			t.Errorf("%d: %s, want it to keep its place", code, got)
		}
		same(t, "pool", p.took())
		if len(l.paused) != 0 {
			t.Errorf("%d: paused %q", code, l.paused)
		}
	}
}

// Busy replies are tried again in the queue, then parked, and fail in the end;
// sooner where -1 means a body that WeChat can't read.
func TestBusyEscalates(t *testing.T) {
	t.Parallel()
	submitBusy := &wxclient.Error{Endpoint: "/wxa/submit_audit", Code: -1, Class: wxclient.ClassRetryBusy}
	for _, tc := range []struct {
		name  string
		err   error
		cause rollout.Cause
		tries int
		want  string
	}{
		{"first", refusal(-1), rollout.CauseBusy, 0, "stalled 1s"},
		{"last in the queue", refusal(-1), rollout.CauseBusy, 5, "stalled 1s"},
		{"parked", refusal(-1), rollout.CauseBusy, 6, "waited busy 5m0s"},
		{"still parked", refusal(-1), rollout.CauseBusy, 58, "waited busy 5m0s"},
		{"given up", refusal(-1), rollout.CauseBusy, 59, "failed retry-busy"},
		{"no connection", notSent(), rollout.CauseBusy, 58, "waited busy 5m0s"},
		{"no connection for hours", notSent(), rollout.CauseBusy, 59, "failed network"},
		{"submit, in the queue", submitBusy, rollout.CauseSubmitBusy, 5, "stalled 1s"},
		{"submit, parked", submitBusy, rollout.CauseSubmitBusy, 6, "waited busy 5m0s"},
		{"submit, given up", submitBusy, rollout.CauseSubmitBusy, 19, "failed retry-busy"},
		{"token, first", refusal(40001), rollout.CauseToken, 0, "stalled 1s"},
		{"token, again", refusal(40001), rollout.CauseToken, 1, "waited busy 15m0s"},
		{"token, given up", refusal(40001), rollout.CauseToken, 4, "failed retry-token"},
	} {
		target := running(rollout.StageSubmit)
		target.Tries = map[rollout.Cause]int{tc.cause: tc.tries}
		r := stubRun(nil, &stubLedger{}, &fakePermits{}, target)
		if got := describe(r.Facts().Bounded(r.h.actor(r.Run).failed(t.Context(), tc.err), r.Plan.Deadline)); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}

func TestLastErrorQuotesWeChat(t *testing.T) {
	t.Parallel()
	r := stubRun(nil, &stubLedger{}, nil, running(rollout.StageCommit))
	long := refusal(85013)
	long.Msg = strings.Repeat("很", 400)
	got := r.Facts().LastError(fmt.Errorf("commit: %w", long))
	if n := len([]rune(got.Text)); n != 301 || !strings.HasSuffix(got.Text, "很…") {
		t.Errorf("text of %d runes: %q", n, got.Text)
	}
	got.Text, got.At = "", time.Time{}
	want := rollout.LastError{Stage: rollout.StageCommit, Class: "fatal-rollout", Code: 85013, RID: "rid-1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A plan that can't be read from the ledger says so by its kind: a fault of the
// plan ends the target, a fault of the ledger is waited out.
func TestPlanThatCannotBeRead(t *testing.T) {
	t.Parallel()
	l := &stubLedger{plan: testPlan()}
	l.plan.Ext = `{"a": {{ if }} }`
	r := stubRun(happy(t), l, nil, running(rollout.StageCommit))
	if got := describe(r.decide(t.Context(), rollout.StatusRunning)); got != "failed plan" {
		t.Errorf("an ext template that doesn't parse: %s, want failed plan", got)
	}
}

// An operation that overlaps ours ends in seconds, so that a read waits as long as the
// setting says, and a write is read back once it can't show late any more.
func TestOverlapWaitsSeconds(t *testing.T) {
	t.Parallel()
	const set = 7 * time.Second
	for _, code := range []int64{9402202, 9402205} {
		for _, c := range refusedCalls {
			f := happy(t)
			c.set(f, refusal(code))
			r := stubRun(f, &stubLedger{plan: testPlan()}, &fakePermits{}, running(c.stage))
			r.h.env.Timing.Overlap = set
			waited, ok := r.decide(t.Context(), rollout.StatusRunning).(rollout.Waited)
			reason, least := rollout.ReasonThrottle, set
			if c.name == "commit" || c.name == "submit" || c.name == "release" {
				reason, least = rollout.ReasonUnknown, r.h.env.Timing.Settle
			}
			if !ok || waited.Reason != reason || waited.For < least || waited.For > least*6/5 {
				t.Errorf("%d at %s: %s, want %s for about %s", code, c.name, describe(waited), reason, least)
			}
		}
	}
}

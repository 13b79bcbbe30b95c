package classify

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient/errcode"
)

// A target that WeChat refused up to the limit gets the errcode's next step, not "ask WeChat why it does
// not answer", and the time that it waited.
func TestLimitOfRefusalsNamesTheirNextStep(t *testing.T) {
	t.Parallel()
	for code, want := range map[int64]string{85008: "category", 86002: "avatar", 61007: "permission set 18", 61039: "do not commit again"} {
		f := factsAt(rollout.StageSubmit)
		f.Target.Tries = map[rollout.Cause]int{rollout.CauseRefused: 3, rollout.CauseExternal: 19}
		f.Target.Waits.Merchant = (42 * time.Hour).Milliseconds()
		if code == 61039 {
			f.Target.Waits = rollout.Waits{Stage: (42 * time.Hour).Milliseconds()}
		}
		err := &errcode.Error{Endpoint: "/wxa/submit_audit", Code: code, Class: errcode.ClassOf(code)}
		failed, ok := f.Bounded(Of(f, write(err)).Event, rollout.Deadlines{}).(rollout.Failed)
		if next := failed.LastError.Next; !ok || !strings.Contains(next, want) || !strings.Contains(next, "enqueue retry r1 --app wx1") {
			t.Errorf("errcode %d at its limit: next %q, want %q and the retry", code, next, want)
		}
		if !strings.Contains(failed.LastError.Text, " in 42h0m0s") {
			t.Errorf("errcode %d: %q, want the time that was waited", code, failed.LastError.Text)
		}
	}
	f := factsAt(rollout.StageSubmit)
	f.Target.Tries = map[rollout.Cause]int{rollout.CauseBusy: 59}
	failed, ok := f.Bounded(Of(f, errors.New("no route to host")).Event, rollout.Deadlines{}).(rollout.Failed)
	if !ok || !strings.Contains(failed.LastError.Next, "why it does not answer") {
		t.Errorf("no answer at the limit: %+v, want to ask WeChat why", failed)
	}
}

// A reply that lacks a field is an answer: neither the wait nor the limit says that WeChat gives none.
func TestLimitOfIncompleteReplies(t *testing.T) {
	t.Parallel()
	f := factsAt(rollout.StageCheck)
	f.Target.Tries = map[rollout.Cause]int{rollout.CauseBusy: 59}
	err := &errcode.OutcomeUnknownError{Endpoint: "/wxa/x", Err: errors.New("the reply lacks list"), Raw: `{"errcode": 0}`}
	failed, ok := f.Bounded(Of(f, err).Event, rollout.Deadlines{}).(rollout.Failed)
	if last := failed.LastError; !ok || last.Class != rollout.ClassUnread || strings.Contains(last.Next, "does not answer") {
		t.Errorf("reported as %+v, want unread, and not that WeChat does not answer", last)
	}
	err.Raw = "<html>"
	if failed, _ := f.Bounded(Of(f, err).Event, rollout.Deadlines{}).(rollout.Failed); failed.LastError.Class != "network" {
		t.Errorf("a page is reported as %+v, want network", failed.LastError)
	}
}

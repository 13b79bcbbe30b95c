package operator

import (
	"strings"
	"testing"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/stage"
)

// What a target waits for, and how it ended, is reported as far as it is known and no further.
func TestWordsClaimNoMoreThanIsKnown(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		reason rollout.Reason
		last   *rollout.LastError
		want   string
		next   string
	}{
		{rollout.ReasonInAudit, &rollout.LastError{Class: "wait-external", Text: "version 1.4.2 is in audit"}, "version 1.4.2 is in audit", "wait, or withdraw the other version"},
		{rollout.ReasonInAudit, &rollout.LastError{Class: rollout.ClassUnread, Text: "a version is in audit, and WeChat does not show which"}, "a version is in audit, and WeChat does not show which", "find out"},
		{rollout.ReasonInAudit, nil, "a version of the app is in audit", "wait"},
		{rollout.ReasonUnknown, nil, "the reply to a call was lost", ""},
		{rollout.ReasonUnknown, &rollout.LastError{Class: "network", Text: "no reply"}, "the reply to a call was lost", ""},
		{rollout.ReasonUnknown, &rollout.LastError{Class: rollout.ClassUnshown, Text: "x"}, "WeChat took a call and does not show its effect", ""},
	} {
		parked := rollout.Target{State: rollout.StateParked, Reason: tc.reason, LastError: tc.last}
		waits, next := facts{}.parked(rollout.Rollout{ID: "r1"}, parked)
		if !strings.HasPrefix(waits, tc.want) || !strings.HasPrefix(next, tc.next) || tc.next == "" && next != "" {
			t.Errorf("%s %+v: %q, next %q; want %q, next %q", tc.reason, tc.last, waits, next, tc.want, tc.next)
		}
	}
	released := rollout.Target{State: rollout.StateReleased, Timeline: []rollout.Entry{{What: "released", Note: "WeChat " + stage.NotShown}}}
	if got := endedWords(released); got != "it was released: WeChat does not show which version is live" {
		t.Errorf("a release that is not shown: %q", got)
	}
}

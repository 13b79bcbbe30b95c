package view_test

import (
	"strings"
	"testing"

	"github.com/wxrollout/wxrollout/internal/view"
	"github.com/wxrollout/wxrollout/rollout"
)

// A reply that lacks what was read for is neither lost nor busy, for each reason that it parks a target for.
func TestWaitsForAnIncompleteReply(t *testing.T) {
	t.Parallel()
	for _, reason := range []rollout.Reason{rollout.ReasonBusy, rollout.ReasonExternal, rollout.ReasonUnknown} {
		got := view.WaitsFor(rollout.Target{Reason: reason, LastError: &rollout.LastError{Class: rollout.ClassUnread}})
		if !strings.Contains(got, "lacks what is needed") {
			t.Errorf("%s: %q", reason, got)
		}
	}
}

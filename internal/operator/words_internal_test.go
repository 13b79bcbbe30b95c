package operator

import (
	"strings"
	"testing"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks"
	"github.com/wxrollout/wxrollout/wxclient"
)

// The next step goes by errcode and endpoint, and names the address that WeChat names.
func TestNextStepsByErrcode(t *testing.T) {
	t.Parallel()
	last := func(endpoint string, code int64, msg string) *LastError {
		e := &wxclient.Error{Endpoint: endpoint, Code: code, Msg: msg, Class: wxclient.ClassOf(code)}
		return &LastError{Class: string(e.Class), Code: code, Text: e.Error()}
	}
	for _, tc := range []struct {
		state  rollout.State
		reason rollout.Reason
		last   *LastError
		want   string
	}{
		{rollout.StateFailed, "", last("/wxa/release", 85020, ""), "read the audit; release by hand at mp.weixin.qq.com, or retry with --recommit; then enqueue retry r1 --state failed"},
		{rollout.StateFailed, "", last("/cgi-bin/component/api_component_token", 61004, "not registered, ip 203.0.113.7"), "add 203.0.113.7 to the IP allow-list"},
		{rollout.StateFailed, "", &LastError{Class: "unknown", Text: "x"}, "find and remove the cause; then"},
		{rollout.StateFailed, "", nil, "find and remove the cause; then"},
		{rollout.StateParked, rollout.ReasonMerchant, last("/wxa/submit_audit", 86002, ""), "ask the merchant to set name, avatar and introduction"},
		{rollout.StateParked, rollout.ReasonMerchant, nil, "ask the merchant; it is read again"},
		{rollout.StateParked, rollout.ReasonThrottle, last("/wxa/undocodeaudit", 87013, ""), "wait until tomorrow"},
		{rollout.StateParked, rollout.ReasonVerdict, last("/wxa/commit", -1, ""), ""},
	} {
		got := whatNext("r1", tc.state, tc.reason, tc.last)
		if !strings.HasPrefix(got, tc.want) || tc.want == "" && got != "" {
			t.Errorf("%s %s %+v: %q, want %q", tc.state, tc.reason, tc.last, got, tc.want)
		}
	}
}

// What a target waits for, and how it ended, is told as far as it is known and no further.
func TestWordsClaimNoMoreThanIsKnown(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		reason rollout.Reason
		last   *rollout.LastError
		want   string
		next   string
	}{
		{rollout.ReasonInAudit, &rollout.LastError{Class: "wait-external", Text: "version 1.4.2 is in audit"}, "version 1.4.2 is in audit", "wait, or withdraw the other version"},
		{rollout.ReasonInAudit, &rollout.LastError{Class: rollout.ClassUnread, Text: "a version is in audit, and WeChat does not tell which"}, "a version is in audit, and WeChat does not tell which", "find out"},
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
	released := rollout.Target{State: rollout.StateReleased, Timeline: []rollout.Entry{{What: "released", Note: "WeChat " + tasks.NotShown}}}
	if got := endedWords(released); got != "it was released: WeChat does not show which version is live" {
		t.Errorf("a release that is not shown: %q", got)
	}
}

package view_test

import (
	"strings"
	"testing"

	"github.com/wxrollout/wxrollout/internal/view"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient"
)

// The next step goes by errcode and endpoint, and names the address that WeChat names.
func TestNextStepsByErrcode(t *testing.T) {
	t.Parallel()
	last := func(endpoint string, code int64, msg string) *view.LastError {
		e := &wxclient.Error{Endpoint: endpoint, Code: code, Msg: msg, Class: wxclient.ClassOf(code)}
		return &view.LastError{Class: string(e.Class), Code: code, Text: e.Error()}
	}
	for _, tc := range []struct {
		state  rollout.State
		reason rollout.Reason
		last   *view.LastError
		want   string
	}{
		{rollout.StateFailed, "", last("/wxa/release", 85020, ""), "read the audit; release by hand at mp.weixin.qq.com, or retry with --recommit; then enqueue retry r1 --state failed"},
		{rollout.StateFailed, "", last("/cgi-bin/component/api_component_token", 61004, "not registered, ip 203.0.113.7"), "add 203.0.113.7 to the IP allow-list"},
		{rollout.StateFailed, "", &view.LastError{Class: "unknown", Text: "x"}, "find and remove the cause; then"},
		{rollout.StateFailed, "", nil, "find and remove the cause; then"},
		{rollout.StateParked, rollout.ReasonMerchant, last("/wxa/submit_audit", 86002, ""), "ask the merchant to set name, avatar and introduction"},
		{rollout.StateParked, rollout.ReasonMerchant, nil, "ask the merchant; it is read again"},
		{rollout.StateParked, rollout.ReasonThrottle, last("/wxa/undocodeaudit", 87013, ""), "wait until tomorrow"},
		{rollout.StateParked, rollout.ReasonVerdict, last("/wxa/commit", -1, ""), ""},
	} {
		got := view.Next("r1", tc.state, tc.reason, tc.last)
		if !strings.HasPrefix(got, tc.want) || tc.want == "" && got != "" {
			t.Errorf("%s %s %+v: %q, want %q", tc.state, tc.reason, tc.last, got, tc.want)
		}
	}
}

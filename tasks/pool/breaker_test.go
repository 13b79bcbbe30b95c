package pool

import (
	"context"
	"strings"
	"testing"
	"unicode"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient"
)

// TestBreaker: six apps in a row without an answer from one endpoint are one too many, and so are
// 24 calls of two apps. An answer of that endpoint begins again.
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
				b.Closed(rollout.StageCommit)
			case unicode.IsUpper(app):
				broken = b.Busy(rollout.StageCommit, "/wxa/other", string(app))
			default:
				broken = b.Busy(rollout.StageCommit, endpoint, string(app))
			}
			if b.Suspects(rollout.StageCommit) != (app != '.') {
				t.Errorf("%s: suspects %t after %c", tc.name, b.Suspects(rollout.StageCommit), app)
			}
		}
		if broken != tc.broken || b.Suspects(rollout.StageCheck) {
			t.Errorf("%s: broken %t, want %t", tc.name, broken, tc.broken)
		}
		b.Passed(rollout.StageCommit)
		if b.Suspects(rollout.StageCommit) {
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
		b.Busy(rollout.StageCommit, "/wxa/commit", "wx1")
		b.Saw(t.Context(), wxclient.Call{Endpoint: "/wxa/commit", Err: tc.err})
		if b.Suspects(rollout.StageCommit) == tc.ends {
			t.Errorf("%s: ends the streak: %t, want %t", name, !tc.ends, tc.ends)
		}
	}
}

// refusal is WeChat's answer with an errcode.
func refusal(code int64) *wxclient.Error {
	return &wxclient.Error{Endpoint: "/wxa/x", Code: code, Msg: "m", RID: "rid-1", Class: wxclient.ClassOf(code)}
}

// lostReply is a reply that did not come.
func lostReply() error {
	return &wxclient.OutcomeUnknownError{Endpoint: "/wxa/x", Err: context.DeadlineExceeded}
}

// notSent is a call that certainly did not reach WeChat.
func notSent() error {
	return &wxclient.NotSentError{Endpoint: "/wxa/x", Err: context.DeadlineExceeded}
}

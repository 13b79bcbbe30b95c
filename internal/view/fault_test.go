package view_test

import (
	"strings"
	"testing"

	"github.com/wxrollout/wxrollout/internal/view"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
)

// The next step of a fault without a kind is the advice on its errcode.
func TestFaultNextIsTheErrcodes(t *testing.T) {
	t.Parallel()
	for code, want := range map[int64]string{45009: "after midnight in China", 99999: "ask WeChat's support with the rid"} {
		f := ledger.PlatformFault{Code: code, Endpoint: "/cgi-bin/component/api_authorizer_token", Text: "as the test says"}
		if got := view.FaultNext(f); !strings.Contains(got, want) {
			t.Errorf("errcode %d: %q, want %q", code, got, want)
		}
	}
}

// A rollout that a worker paused for an errcode needs that errcode's step before it is resumed.
func TestPausedNextNamesTheCause(t *testing.T) {
	t.Parallel()
	r := rollout.Rollout{ID: "r1", By: rollout.ByWorker, Why: "app wx1 at commit: wechat /wxa/commit: errcode 86000 (fatal-config: x): m"}
	if got := view.PausedNext(r); !strings.Contains(got, "WXROLLOUT_TOKEN_URL") || !strings.HasSuffix(got, "; then enqueue resume r1") {
		t.Errorf("%q, want the step of 86000, then the resume", got)
	}
	r.By = "li@ops1"
	if got := view.PausedNext(r); got != "enqueue resume r1" {
		t.Errorf("an operator's pause: %q", got)
	}
}

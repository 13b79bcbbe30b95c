package view_test

import (
	"strings"
	"testing"

	"github.com/wxrollout/wxrollout/internal/view"
	"github.com/wxrollout/wxrollout/ledger"
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

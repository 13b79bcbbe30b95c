package operator_test

import (
	"testing"

	"github.com/wxrollout/wxrollout/internal/operator/operatortest"
	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient/errcode"
)

// parkedMerchant waits for the merchant at commit.
var parkedMerchant = operatortest.Parked(rollout.StageCommit, rollout.ReasonMerchant, 61007, "permission set 18 is not granted")

// parkedApproval waits for an operator to approve the release.
var parkedApproval = operatortest.Parked(rollout.StageRelease, rollout.ReasonApproval, 0, "waits for enqueue approve")

func reading(rest, limit int64) ratelimit.Reading {
	return ratelimit.Reading{Rest: rest, Limit: limit}
}

// known is our text for an errcode.
func known(t *testing.T, code int64) string {
	t.Helper()
	text, _ := errcode.Advice(code, "")
	if text == "" {
		t.Fatalf("errcode %d is not in the table", code)
	}
	return text
}

package tasks

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient"
)

// grants are an app's account with or without permission set 18.
func grants(sets ...int64) func() (wxclient.AuthorizerInfo, error) {
	return gives(wxclient.AuthorizerInfo{AppID: "wx1", MiniProgram: true, AccountStatus: 1, PermissionSets: sets})
}

// 48001 in mid-rollout: the merchant may have given permission set 18 to another platform.
func TestPermissionLostInMidRollout(t *testing.T) {
	t.Parallel()
	for _, code := range []int64{48001, 50001} {
		r := atCommit(t)
		commit := r.wx.commit
		r.wx.commit = func(context.Context, wxclient.CommitRequest) error { return refusal(code) }
		r.wx.authorizerInfo = grants()
		r.act()
		r.called("commit", "authorizer-info")
		got := r.parked("commit/parked/merchant", 6*time.Hour).LastError
		if got.Code != code || got.RID != "rid-1" || !strings.Contains(got.Text, "permission set 18") {
			t.Errorf("reported as %+v", got)
		}
		r.act() // still missing: nothing is written
		r.called("authorizer-info")
		r.parked("commit/parked/merchant", 6*time.Hour)
		r.wx.authorizerInfo, r.wx.commit = grants(18), commit
		r.act()
		r.called("authorizer-info", "commit", "version-info")
		r.is("check/pending")
	}
}

// With permission set 18 there, 48001 is the app's own matter; what can't be read blames no one.
func TestPermissionRefusedAllTheSame(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		info func() (wxclient.AuthorizerInfo, error)
		want string
	}{
		{grants(18), "failed fatal-app"},
		{fails[wxclient.AuthorizerInfo](notSent()), "stalled 1s"},
	} {
		f := happy(t)
		f.commit = func(context.Context, wxclient.CommitRequest) error { return refusal(48001) }
		f.authorizerInfo = tc.info
		r := stubRun(f, &stubLedger{plan: testPlan()}, &fakePermits{}, running(rollout.StageCommit))
		if got := describe(r.decide(t.Context(), rollout.StatusRunning)); got != tc.want {
			t.Errorf("%s, want %s", got, tc.want)
		}
	}
}

// 86002: the submission is not repeated before the profile reads as complete, and not for ever then.
func TestMerchantMustActFirst(t *testing.T) {
	t.Parallel()
	r := atSubmit(t)
	r.wx.submit = func(wxclient.SubmitRequest) (int64, error) { return 0, refusal(86002) }
	r.act()
	r.called(wholeSubmit...)
	r.parked("submit/parked/merchant", 6*time.Hour)
	r.pool(settled)
	r.wx.authorizerInfo = grants(18)
	r.act() // no name, avatar or introduction
	r.called("authorizer-info")
	r.parked("submit/parked/merchant", 6*time.Hour)

	r.wx.authorizerInfo = gives(wxclient.AuthorizerInfo{AppID: "wx1", PermissionSets: []int64{18}, NickName: "Shop", HeadImage: "https://a/0", Signature: "A shop."})
	for range 2 {
		got := r.act()
		r.called(append([]string{"authorizer-info"}, wholeSubmit...)...)
		r.is("submit/parked/merchant")
		r.advance(got.Due.Sub(r.now()))
		_, err := r.ledger.WakeDue(t.Context(), 9)
		r.must(err)
	}
	r.act()
	if got := r.is("submit/failed").LastError; got.Code != 86002 || got.Next == "" {
		t.Errorf("reported as %+v", got)
	}
}

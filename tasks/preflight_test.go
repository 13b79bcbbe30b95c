package tasks

import (
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient"
)

func TestPreflight(t *testing.T) {
	t.Parallel()
	info := func(change func(*wxclient.AuthorizerInfo)) func(*fakeWeChat) {
		return func(f *fakeWeChat) {
			i, _ := f.authorizerInfo()
			change(&i)
			f.authorizerInfo = gives(i)
		}
	}
	status := func(n int64) func(*fakeWeChat) {
		return info(func(i *wxclient.AuthorizerInfo) { i.AccountStatus = n })
	}
	all := []string{"authorizer-info", "version-info", "categories"}
	for _, tc := range []struct {
		name  string
		set   func(*fakeWeChat)
		want  string
		calls []string
	}{
		{"nothing blocks", func(*fakeWeChat) {}, "commit/pending", all},
		{"never live", func(f *fakeWeChat) { f.versionInfo = gives(wxclient.VersionInfo{}) }, "commit/pending", all},
		{"account warned", status(18), "commit/pending", all},
		{"status not reported", status(0), "commit/pending", all},
		{"account banned", status(14), "preflight/skipped", all[:1]},
		{"account in an undocumented state", status(77), "preflight/parked/unlisted", all[:1]},
		{"an official account", info(func(i *wxclient.AuthorizerInfo) { i.MiniProgram = false }), "preflight/skipped", all[:1]},
		{"live already", func(f *fakeWeChat) { f.versionInfo = live(ourVersion, "by hand") }, "preflight/up-to-date", all[:2]},
		{"no grant", info(func(i *wxclient.AuthorizerInfo) { i.PermissionSets = []int64{1, 17} }), "preflight/parked/merchant", all[:1]},
		{"no category", func(f *fakeWeChat) { f.categories = gives([]wxclient.Category{}) }, "preflight/parked/merchant", all},
		{"not authorized any more", func(f *fakeWeChat) { f.authorizerInfo = fails[wxclient.AuthorizerInfo](refusal(61003)) }, "preflight/parked/merchant", all[:1]},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			tc.set(r.wx)
			r.act()
			r.called(tc.calls...)
			r.is(tc.want)
			r.pool() // nothing is spent and nothing settled
			if r.target().Reason == rollout.ReasonMerchant {
				r.parked(tc.want, 6*time.Hour)
			}
		})
	}
}

// An app that waits for its merchant goes on when the merchant has acted.
func TestPreflightAfterTheMerchantActed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.wx.categories = gives([]wxclient.Category{})
	r.act()
	if got := r.parked("preflight/parked/merchant", 6*time.Hour); got.LastError == nil || got.LastError.Class != rollout.ClassNoCategory || got.LastError.Code != 0 {
		t.Errorf("last error %+v, want no-category and no errcode: WeChat sent none", got.LastError)
	}
	r.wx.categories = happy(t).categories
	r.act()
	if got := r.is("commit/pending"); got.LastError != nil {
		t.Errorf("last error left behind: %+v", got.LastError)
	}
	same(t, "transitions", r.moves,
		"preflight/running/acting waited preflight/parked/merchant",
		"preflight/running/acting advanced commit/pending")
}

// A rollout that stands still lets no assignment act, and the target keeps its place.
func TestNothingIsCalledWhileTheRolloutStands(t *testing.T) {
	t.Parallel()
	for _, stage := range rollout.Stages()[:6] { // an undo goes on
		t.Run(string(stage), func(t *testing.T) {
			t.Parallel()
			r := newRig(t).at(stage)
			assignment := r.claim()
			r.must(r.ledger.PauseBy(t.Context(), "r1", "op", "lunch"))
			r.must(r.h.Run(t.Context(), assignment))
			r.called()
			r.is(string(stage) + "/pending")
			if stage == rollout.StageSubmit {
				r.pool("settle submit r1/wx1 unused")
			}
		})
	}
}

// An assignment that is over, or that another delivery acts on, is dropped.
func TestAssignmentsThatAreOver(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	assignment := r.claim()
	_, err := r.ledger.Start(t.Context(), assignment, time.Minute)
	r.must(err)
	r.must(r.h.Run(t.Context(), assignment)) // another worker acts on it
	r.advance(2 * time.Minute)
	if n, err := r.ledger.ExpireDue(t.Context(), 9); n != 1 || err != nil {
		t.Fatalf("%d leases expired, %v", n, err)
	}
	r.must(r.h.Run(t.Context(), assignment)) // its lease ended
	r.claim()
	r.must(r.h.Run(t.Context(), assignment)) // it was given to another worker
	r.called()
	same(t, "dropped", r.dropped, "preflight stale", "preflight stale", "preflight stale")
}

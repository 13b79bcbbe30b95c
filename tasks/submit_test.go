package tasks

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient"
)

// noAudit is the answer of an app that was never submitted.
var noAudit = fails[wxclient.Audit](refusal(85012))

// audits is the app's last submission.
func audits(id int64, status wxclient.AuditStatus, version, desc string) func() (wxclient.Audit, error) {
	return gives(wxclient.Audit{ID: id, Status: status, Version: version, Desc: desc})
}

// atSubmit is a target about to be submitted, whose app never was.
func atSubmit(t *testing.T, change ...func(*rollout.Plan)) *rig {
	t.Helper()
	r := newRig(t, change...).at(rollout.StageSubmit)
	r.wx.latestAudit = noAudit
	return r
}

const (
	settled = "settle submit r1/wx1 unused"
	spentOn = "settle submit r1/wx1 spent"

	doubtful = "settle submit r1/wx1 doubtful"
	foundOn  = "settle submit r1/wx1 found"
	deniedOn = "settle submit r1/wx1 denied"
)

// What a whole submission calls, and what it looks at first.
var wholeSubmit = []string{"latest-audit", "version-info", "categories", "pages", "submit"}

func TestSubmit(t *testing.T) {
	t.Parallel()
	r := atSubmit(t, func(p *rollout.Plan) {
		p.Audit.VersionDesc, p.Audit.Feedback, p.Audit.OrderPath = "spring", "sorry", "pages/orders"
	})
	var sent wxclient.SubmitRequest
	r.wx.submit = func(req wxclient.SubmitRequest) (int64, error) {
		sent = req
		if in := r.target().Intent; in == nil || in.Op != rollout.OpSubmit {
			t.Errorf("intent before the call: %+v, want submit", in)
		}
		return 42, nil
	}
	r.act()
	r.called(wholeSubmit...)
	want := wxclient.SubmitRequest{
		Items:       []wxclient.AuditItem{{FirstClass: "A", SecondClass: "B", FirstID: 1, SecondID: 2, Address: "pages/index"}},
		VersionDesc: "spring", OrderPath: "pages/orders", // no feedback: nothing was rejected
	}
	if diff := cmp.Diff(want, sent); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	if got := r.is("verdict/pending"); got.AuditID != 42 || got.Intent != nil {
		t.Errorf("audit %d, intent %+v; want 42 and none", got.AuditID, got.Intent)
	}
	r.pool(spentOn)
}

func TestSubmitWithFixedItemsAfterARejection(t *testing.T) {
	t.Parallel()
	r := atSubmit(t, func(p *rollout.Plan) {
		p.Audit.Feedback, p.Audit.PrivacyAPINotUse = "sorry", true
		p.Audit.Items = []rollout.AuditItem{{FirstClass: "C", SecondClass: "D", ThirdClass: "E", FirstID: 3, SecondID: 4, ThirdID: 5, Address: "a", Tag: "b", Title: "c"}}
	})
	r.at(rollout.StageSubmit, func(t *rollout.Target) { t.PastAuditID = 40 })
	r.wx.latestAudit = audits(40, wxclient.AuditRejected, ourVersion, ourDesc)
	var sent wxclient.SubmitRequest
	r.wx.submit = func(req wxclient.SubmitRequest) (int64, error) { sent = req; return 42, nil }
	r.act()
	r.called("latest-audit", "version-info", "submit")
	want := wxclient.SubmitRequest{
		Items: []wxclient.AuditItem{{
			FirstClass: "C", SecondClass: "D", ThirdClass: "E", FirstID: 3, SecondID: 4, ThirdID: 5, Address: "a", Tag: "b", Title: "c",
		}},
		FeedbackInfo: "sorry", PrivacyAPINotUse: true,
	}
	if diff := cmp.Diff(want, sent); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	r.is("verdict/pending")
}

// After any loss of our data, a submission of ours is never made twice.
func TestSubmittedBefore(t *testing.T) {
	t.Parallel()
	for _, status := range []wxclient.AuditStatus{wxclient.AuditPending, wxclient.AuditDelayed, wxclient.AuditPassed, wxclient.AuditRejected} {
		for _, remembers := range []bool{true, false} {
			r, counted := atSubmit(t), settled
			if remembers { // its worker died before it settled the permit
				r.at(rollout.StageSubmit, r.intent(rollout.OpSubmit, time.Second))
				counted = foundOn
			}
			r.wx.latestAudit = audits(42, status, ourVersion, ourDesc)
			r.act()
			r.called("latest-audit")
			if got := r.is("verdict/pending"); got.AuditID != 42 {
				t.Errorf("%s: audit %d, want 42", status, got.AuditID)
			}
			r.pool(counted)
		}
	}
}

// The reply is lost after WeChat took the submission: it counts as spent, and is
// found.
func TestSubmitReplyLostAfterItTookEffect(t *testing.T) {
	t.Parallel()
	r := atSubmit(t)
	r.wx.submit = func(wxclient.SubmitRequest) (int64, error) {
		r.wx.latestAudit = audits(42, wxclient.AuditPending, ourVersion, ourDesc)
		return 0, lostReply()
	}
	r.act()
	r.pool(doubtful)
	r.parked("submit/parked/unknown", 65*time.Second)
	r.called(wholeSubmit...)
	r.act()
	r.called("latest-audit")
	r.pool(foundOn)
	r.is("verdict/pending")
}

// The submission itself was lost: it is made again, once, when it can't show
// late any more.
func TestSubmitLostBeforeItTookEffect(t *testing.T) {
	t.Parallel()
	for _, code := range []int64{0, 9402202, 9402205} {
		r := atSubmit(t)
		made := 0
		r.wx.submit = func(wxclient.SubmitRequest) (int64, error) {
			if made++; made == 1 && code != 0 {
				return 0, refusal(code)
			} else if made == 1 {
				return 0, lostReply()
			}
			return 42, nil
		}
		r.act()
		got := r.is("submit/parked/unknown")
		r.called(wholeSubmit...)

		// A callback or an operator wakes it too soon.
		woken, err := rollout.Step(got, rollout.Woken{At: r.now()})
		r.must(err)
		_, err = r.ledger.Save(t.Context(), got, woken, rollout.SaveOptions{})
		r.must(err)
		r.advance(30 * time.Second)
		r.act()
		r.called("latest-audit")
		r.parked("submit/parked/unknown", 35*time.Second)

		r.act()
		r.called(wholeSubmit...)
		if got := r.is("verdict/pending"); got.AuditID != 42 || made != 2 {
			t.Errorf("%d: audit %d after %d calls, want 42 after 2", code, got.AuditID, made)
		}
	}
}

// 85085 is looked into with a reading: with nothing left, or without an answer, the pool
// is closed and the target keeps its place; with units left this app alone is refused, and
// waits, also when it is one of several. Its intent is known to be nothing.
func TestSubmitWithoutQuota(t *testing.T) {
	t.Parallel()
	some := gives(wxclient.Quota{Rest: 374, Limit: 500})
	for _, tc := range []struct {
		name  string
		quota func() (wxclient.Quota, error)
		third bool
		want  string
		pool  []string
	}{
		{"none left", gives(wxclient.Quota{Limit: 500}), false, "submit/pending", []string{"refill 0/500", "refused wx1 85085 left=false", "reported", settled}},
		{"not reported", fails[wxclient.Quota](refusal(-1)), false, "submit/pending", []string{"refused wx1 85085 left=false", "reported", settled}},
		{"others are granted", some, false, "submit/parked/quota", []string{"refill 374/500", "refused wx1 85085 left=true", settled}},
		{"others are refused too", some, true, "submit/parked/quota", []string{"refill 374/500", "refused wx1 85085 left=true", "reported", settled}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := atSubmit(t)
			r.permits.third, r.wx.quota = tc.third, tc.quota
			r.wx.submit = func(wxclient.SubmitRequest) (int64, error) { return 0, refusal(85085) }
			r.h.env.Hooks.Closed = func(rollout.Stage, string) { r.permits.note("reported") }
			r.act()
			r.called(append(slices.Clone(wholeSubmit), "quota")...)
			if got := r.is(tc.want); got.Intent != nil || got.Tries[rollout.CauseBusy] != 0 {
				t.Errorf("intent %+v, busy %d; a refusal for certain leaves none", got.Intent, got.Tries[rollout.CauseBusy])
			}
			r.pool(tc.pool...)
		})
	}
}

// An app that WeChat alone refuses is tried again in a growing wait, and fails in the end.
func TestSubmitOfTheAppThatAloneIsRefused(t *testing.T) {
	t.Parallel()
	r := atSubmit(t)
	r.wx.quota = gives(wxclient.Quota{Rest: 374, Limit: 500})
	r.wx.submit = func(wxclient.SubmitRequest) (int64, error) { return 0, refusal(85085) }
	for i := range rollout.CauseQuota.MaxTries() - 1 {
		r.act()
		r.parked("submit/parked/quota", []time.Duration{5 * time.Minute, 15 * time.Minute, 45 * time.Minute, time.Hour}[min(i, 3)])
	}
	r.act()
	if got := r.is("submit/failed"); got.LastError.Code != 85085 || !strings.Contains(got.LastError.Next, "this app alone") {
		t.Errorf("last error %+v", got.LastError)
	}
}

// Without a permit, or with one that was taken back meanwhile, nothing is submitted.
func TestSubmitNeedsItsPermit(t *testing.T) {
	t.Parallel()
	r := atSubmit(t)
	r.permits.gone = true
	r.act()
	r.called(wholeSubmit[:4]...)
	r.is("submit/pending")
	r.pool(settled)

	r.permits.err = errors.New("redis is away")
	r.stalls()
	r.called(wholeSubmit[:4]...)
}

// A busy reply keeps the permit for the next delivery of the task.
func TestSubmitKeepsItsPermitWhileItStalls(t *testing.T) {
	t.Parallel()
	r := atSubmit(t)
	r.wx.latestAudit = fails[wxclient.Audit](refusal(-1))
	assignment := r.stalls()
	r.pool()
	r.wx.latestAudit = noAudit
	r.advance(time.Second)
	r.must(r.h.Run(t.Context(), assignment))
	r.pool(spentOn)
	r.is("verdict/pending")
}

// A submission of ours that was withdrawn before we read it back was made:
// it is followed, and ends as withdrawn, for an operator to retry.
func TestSubmissionWithdrawnBeforeItWasReadBack(t *testing.T) {
	t.Parallel()
	r := atSubmit(t)
	r.at(rollout.StageSubmit, r.intent(rollout.OpSubmit, time.Hour))
	r.wx.latestAudit = audits(42, wxclient.AuditWithdrawn, ourVersion, ourDesc)
	r.act()
	r.called("latest-audit")
	r.is("verdict/pending")
	r.act()
	got := r.is("verdict/failed")
	if got.LastError.Class != "withdrawn" || got.PastAuditID != 42 {
		t.Errorf("last error %+v, past audit %d; want withdrawn and 42", got.LastError, got.PastAuditID)
	}
}

// A lost submission is read back and made again in its time although the clock of Redis
// steps back by 8 hours meanwhile, before the ledger noticed that or after.
func TestSubmitLostWhileTheClockStepsBack(t *testing.T) {
	t.Parallel()
	for _, noticed := range []bool{true, false} {
		r := atSubmit(t)
		made := 0
		r.wx.submit = func(wxclient.SubmitRequest) (int64, error) {
			if made++; made == 1 {
				return 0, lostReply()
			}
			return 42, nil
		}
		beat := func() error { return r.ledger.Heartbeat(t.Context(), "w", map[rollout.QueueName]int{}, time.Minute) }
		r.must(beat())
		r.act()
		got := r.is("submit/parked/unknown")
		r.advance(-8 * time.Hour)
		if noticed {
			if err := beat(); !errors.As(err, new(*ledger.ClockStepError)) {
				t.Errorf("the step was not noticed: %v", err)
			}
			r.parked("submit/parked/unknown", 65*time.Second)
		} else { // a callback wakes it
			woken, err := rollout.Step(got, rollout.Woken{At: r.now()})
			r.must(err)
			_, err = r.ledger.Save(t.Context(), got, woken, rollout.SaveOptions{})
			r.must(err)
		}
		r.act() // the intent is counted from now
		r.parked("submit/parked/unknown", 65*time.Second)
		r.act()
		if got := r.is("verdict/pending"); got.AuditID != 42 || made != 2 {
			t.Errorf("noticed %t: audit %d after %d calls, want 42 after 2", noticed, got.AuditID, made)
		}
	}
}

// An app that lost its last category after preflight waits for its merchant as in preflight: WeChat
// sent no errcode.
func TestSubmitWithoutACategory(t *testing.T) {
	t.Parallel()
	r := atSubmit(t)
	r.wx.categories = gives([]wxclient.Category{})
	r.act()
	r.called("latest-audit", "version-info", "categories")
	got := r.parked("submit/parked/merchant", 6*time.Hour)
	if got.LastError == nil || got.LastError.Class != rollout.ClassNoCategory || got.LastError.Code != 0 {
		t.Errorf("last error %+v, want no-category and no errcode: WeChat sent none", got.LastError)
	}
	r.pool(settled)
	r.wx.categories = happy(t).categories
	r.act()
	r.is("verdict/pending")
}

// A trial version has pages: a list without any shows nothing, and no unit is spent on an item without
// its page.
func TestNoSubmissionWithoutAPage(t *testing.T) {
	t.Parallel()
	for _, pages := range [][]string{{}, {""}} {
		r := atSubmit(t)
		r.wx.pages = gives(pages)
		r.act()
		r.called(wholeSubmit[:len(wholeSubmit)-1]...)
		if got := r.is("submit/parked/external"); got.LastError.Class != rollout.ClassUnread {
			t.Errorf("last error %+v, want unread", got.LastError)
		}
		r.pool(settled)
	}
}

// A retry after a rejection whose audit now has an undocumented state follows that audit: it may go on.
func TestPastAuditInAnUndocumentedState(t *testing.T) {
	t.Parallel()
	r := atSubmit(t)
	r.at(rollout.StageSubmit, func(x *rollout.Target) { x.PastAuditID = 41 })
	r.wx.latestAudit = audits(41, 7, ourVersion, ourDesc)
	r.act()
	r.called("latest-audit")
	r.is("verdict/pending")
}

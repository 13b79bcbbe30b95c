package tasks

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient"
)

// A handler that panics is tried again a few times, at most, then its target fails; the log
// has the stack, and the target the panic's text.
func TestPanicIsBounded(t *testing.T) {
	t.Parallel()
	r := newRig(t).at(rollout.StageCheck)
	var log bytes.Buffer
	r.h.env.Log = zerolog.New(&log)
	r.wx.privacy = func() (wxclient.PrivacyInfo, error) { panic("index out of range") }
	for n := 1; n < panicLimit; n++ {
		r.act()
		got := r.parked("check/parked/busy", r.h.env.Timing.BusyPark)
		if got.Panics != n || got.LastError.Class != rollout.ClassPanic || !strings.Contains(got.LastError.Text, "index out of range") {
			t.Fatalf("after %d: %d panics, %+v", n, got.Panics, got.LastError)
		}
	}
	r.act()
	if got := r.is("check/failed"); !strings.Contains(got.LastError.Text, "panicked 3 times: index out of range") {
		t.Errorf("last error %+v", got.LastError)
	}
	if said := log.String(); !strings.Contains(said, `"level":"error"`) || !strings.Contains(said, "panic_test.go") || !strings.Contains(said, `"message":"handler panicked"`) {
		t.Errorf("the log has no stack: %s", said)
	}
}

// A handler that panicked only once goes on, and the next stage begins without its count.
func TestPanicOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t).at(rollout.StageCheck)
	ask, times := r.wx.privacy, 0
	r.wx.privacy = func() (wxclient.PrivacyInfo, error) {
		if times++; times == 1 {
			panic("once")
		}
		return ask()
	}
	r.act()
	r.parked("check/parked/busy", r.h.env.Timing.BusyPark)
	r.act()
	if got := r.is("submit/pending"); got.Panics != 0 || got.LastError != nil {
		t.Errorf("%d panics, %+v", got.Panics, got.LastError)
	}
}

// A panic after a submission was sent spends no second unit: the intent stays and is read back.
func TestPanicAfterASubmission(t *testing.T) {
	t.Parallel()
	r := newRig(t).at(rollout.StageSubmit)
	r.wx.versionInfo, r.wx.latestAudit = exp(ourVersion, ourDesc), noAudit
	r.wx.submit = func(wxclient.SubmitRequest) (int64, error) {
		r.wx.latestAudit = gives(wxclient.Audit{ID: 77, Status: wxclient.AuditPending, Version: ourVersion, Desc: ourDesc})
		panic("after the call")
	}
	r.act()
	if got := r.is("submit/parked/busy"); got.Intent == nil || got.Intent.Op != rollout.OpSubmit {
		t.Fatalf("intent %v", got.Intent)
	}
	r.pool(doubtful)
	r.advance(10 * time.Minute)
	_, err := r.ledger.WakeDue(t.Context(), 9)
	r.must(err)
	r.wx.submit = nil
	r.act()
	if got := r.is("verdict/pending"); got.AuditID != 77 {
		t.Errorf("audit %d", got.AuditID)
	}
}

// A panic while an outcome is stored leaves the target to its lease.
func TestPanicInAHook(t *testing.T) {
	t.Parallel()
	r := newRig(t).at(rollout.StageCheck)
	r.h.env.Hooks.Transition = func(rollout.Target, string, rollout.Target) { panic("hook") }
	if err := r.h.Run(t.Context(), r.claim()); err == nil || !strings.Contains(err.Error(), "hook") {
		t.Errorf("it returned %v", err)
	}
}

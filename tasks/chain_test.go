package tasks

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/queue"
	"github.com/wxrollout/wxrollout/tasks/run"
	"github.com/wxrollout/wxrollout/wxclient"
)

// onward is a rig whose pools are open: an assignment goes on at the next stage.
func onward(r *rig) *rig {
	r.permits.open = true
	r.moves = nil
	return r
}

// newcomer is a target that has done nothing yet, of an app that has nothing of ours.
func newcomer(t *testing.T, change ...func(*rollout.Plan)) *rig {
	t.Helper()
	r := onward(newRig(t, change...))
	r.wx.versionInfo = exp("3.8.0", "winter")
	r.wx.commit = r.committed
	return r
}

var wholeQueue = []string{"authorizer-info", "version-info", "categories", "commit", "version-info", "privacy"}

func TestAssignmentContinuesInItsQueue(t *testing.T) {
	t.Parallel()
	r := newcomer(t)
	r.wx.commit = func(ctx context.Context, req wxclient.CommitRequest) error {
		if x := r.is("commit/running/acting"); x.Intent == nil || x.Intent.Op != rollout.OpCommit {
			t.Errorf("intent before the call: %+v, want commit", x.Intent)
		}
		return r.committed(ctx, req)
	}
	assignment := r.claim()
	before := r.target().Version
	r.must(r.h.Run(t.Context(), assignment))
	got := r.is("submit/pending")
	r.called(wholeQueue...)
	same(t, "transitions", r.moves,
		"preflight/running/acting advanced commit/running/acting",
		"commit/running/acting advanced check/running/acting",
		"check/running/acting advanced submit/pending")
	if len(got.Timeline) != 3 {
		t.Errorf("timeline %+v, want the end of each stage", got.Timeline)
	}
	if n := got.Version - before; n != 2 {
		t.Errorf("saved %d times, want twice: the intent and the end", n)
	}
}

func TestSubmissionGoesOnToItsVerdict(t *testing.T) {
	t.Parallel()
	r := onward(atSubmit(t))
	r.wx.submit = func(wxclient.SubmitRequest) (int64, error) {
		r.wx.latestAudit = func() (wxclient.Audit, error) {
			if x := r.is("verdict/running/acting"); x.AuditID != 42 {
				t.Errorf("the verdict is read before audit 42 is stored: %+v", x)
			}
			return wxclient.Audit{ID: 42, Status: wxclient.AuditPassed, Version: ourVersion, Desc: ourDesc}, nil
		}
		return 42, nil
	}
	r.act()
	r.is("release/pending") // of another queue
	r.pool(spentOn)
	same(t, "transitions", r.moves,
		"submit/running/acting advanced verdict/running/acting",
		"verdict/running/acting advanced release/pending")
}

// An assignment that stalls at a later stage goes on there: nothing is done twice, and a
// permit is settled once.
func TestStallFurtherOn(t *testing.T) {
	t.Parallel()
	r := onward(atSubmit(t))
	r.wx.submit = func(wxclient.SubmitRequest) (int64, error) {
		r.wx.latestAudit = fails[wxclient.Audit](refusal(-1))
		return 42, nil
	}
	assignment := r.stalls()
	r.is("verdict/running")
	r.called(append(wholeSubmit, "latest-audit")...)
	r.pool(spentOn)
	r.wx.latestAudit = audits(42, wxclient.AuditPassed, ourVersion, ourDesc)
	r.must(r.h.Run(t.Context(), assignment))
	r.is("release/pending")
	r.called("latest-audit")
	r.pool()
}

func TestAssignmentEndsWhere(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(*rig)
		want   string
	}{
		"the next stage's calls need permits": {func(r *rig) { r.permits.open = false }, "commit/pending"},
		"its time is short": {func(r *rig) {
			begun := time.Now()
			r.h.env.Clock = func() run.ProcessTime { begun = begun.Add(2 * time.Second); return run.ProcessTime{T: begun} }
		}, "check/pending"},
		"the rollout is paused meanwhile": {func(r *rig) {
			r.wx.categories = func() ([]wxclient.Category, error) {
				r.must(r.ledger.PauseBy(r.Context(), "r1", "op", "look"))
				return []wxclient.Category{{FirstClass: "A"}}, nil
			}
		}, "commit/pending"},
		"the privacy detection runs": {func(r *rig) { r.wx.privacy = fails[wxclient.PrivacyInfo](refusal(61039)) }, "check/parked/privacy"},
		"the app is up to date":      {func(r *rig) { r.wx.versionInfo = live(ourVersion, "") }, "preflight/up-to-date"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newcomer(t)
			test.change(r)
			r.act()
			r.is(test.want)
		})
	}
}

// The one probe of a closed pool doesn't go on: whether the pool opens is for its
// permit to report.
func TestProbeDoesNotGoOn(t *testing.T) {
	t.Parallel()
	r := newcomer(t)
	assignment := r.claim()
	assignment.Permit = true
	r.must(r.h.Run(t.Context(), assignment))
	r.is("commit/pending")
	r.pool("settle preflight r1/wx1 spent")
}

// A worker that is reported to stop ends what it has begun and stores how far it came.
func TestStoppedFurtherOn(t *testing.T) {
	t.Parallel()
	r := newcomer(t)
	ctx, stop := context.WithCancel(t.Context())
	r.wx.privacy = func() (wxclient.PrivacyInfo, error) {
		stop()
		return wxclient.PrivacyInfo{}, context.Canceled
	}
	r.must(r.h.Run(ctx, r.claim()))
	r.is("check/pending")
	r.called(wholeQueue...)
}

// lateStart is a ledger whose reply to Start is read late: the worker stood still.
type lateStart struct {
	Ledger
	read func()
}

func (l lateStart) Start(ctx context.Context, t rollout.Assignment, lease time.Duration) (rollout.Started, error) {
	started, err := l.Ledger.Start(ctx, t, lease)
	l.read()
	return started, err
}

// The lease runs from when the assignment was asked for, not from when the worker received
// that it has it.
func TestLateAssignment(t *testing.T) {
	t.Parallel()
	for name, late := range map[string]bool{"at once": false, "late": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t).at(rollout.StageCommit)
			now := time.Now()
			r.h.env.Clock = func() run.ProcessTime { return run.ProcessTime{T: now} }
			r.h.ledger = lateStart{r.ledger, func() {
				if late {
					now = now.Add(r.h.env.Timing.Assignment)
				}
			}}
			err := r.h.Run(t.Context(), r.claim())
			if committed := slices.Contains(r.wx.took(), "commit"); committed == late || errors.As(err, new(*queue.Again)) != late {
				t.Errorf("committed %t, then: %v", committed, err)
			}
		})
	}
}

package dispatch_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/dispatch"
)

var errDown = errors.New("the store is down")

func TestControllerDispatchesTheWindow(t *testing.T) {
	t.Parallel()
	plenty := map[rollout.Stage]int{
		rollout.StagePreflight: 100, rollout.StageCommit: 100, rollout.StageCheck: 7,
		rollout.StageVerdict: 4, rollout.StageSubmit: 100, rollout.StageRelease: 2,
	}
	for _, tc := range []struct {
		name     string
		inFlight map[rollout.QueueName]int
		capacity map[rollout.QueueName]int
		want     []string
	}{
		{
			"later stages first, up to three per worker", nil,
			map[rollout.QueueName]int{rollout.QueueCommit: 10, rollout.QueueAudit: 2, rollout.QueueRelease: 1},
			[]string{"claim a check 7", "claim a commit 23", "claim a verdict 4", "claim a submit 2", "claim a release 2"},
		},
		{
			"what is out counts",
			map[rollout.QueueName]int{rollout.QueueCommit: 25, rollout.QueueAudit: 30, rollout.QueueRelease: 99},
			map[rollout.QueueName]int{rollout.QueueCommit: 10, rollout.QueueAudit: 10, rollout.QueueRelease: 10},
			[]string{"claim a check 5"},
		},
		{"no workers, no assignments", nil, nil, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := setup(running("a", plenty))
			s.store.inFlight, s.store.capacity = tc.inFlight, tc.capacity
			p := s.tick(t)
			if diff := cmp.Diff(tc.want, s.store.log); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			if p.Claimed != len(s.queue.assignments) || p.Moved() != (tc.want != nil) {
				t.Errorf("progress %+v, %d assignments in the queue", p, len(s.queue.assignments))
			}
		})
	}
}

func TestControllerSharesAmongRollouts(t *testing.T) {
	t.Parallel()
	older := running("older", map[rollout.Stage]int{rollout.StageCommit: 20})
	older.Created = t0.Add(-time.Hour)
	younger := running("younger", map[rollout.Stage]int{rollout.StageCommit: 20})
	hot := running("hot", map[rollout.Stage]int{rollout.StageCommit: 3})
	hot.Plan.Quota.Pool, hot.Created = "hotfix", t0.Add(time.Hour)
	s := setup(younger, older, hot)
	s.tick(t)
	want := []string{"claim hot commit 3", "claim older commit 20", "claim younger commit 7"}
	if diff := cmp.Diff(want, s.store.log); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestControllerHoldsBackClosedWaves(t *testing.T) {
	t.Parallel()
	r := running("a", map[rollout.Stage]int{rollout.StagePreflight: 2})
	r.Counts[cell(1, rollout.StagePreflight, rollout.StatePending)] = 3
	r.OpenWave = 0
	r.Gates = map[int]rollout.GateState{0: {Decision: rollout.DecisionHold, Why: "0 of 2 judged"}}
	s := setup(r)
	s.store.claim = func(c rollout.Claim) ([]rollout.Assignment, error) {
		if c.N != 2 || c.MaxRank != rollout.Rank(1, 0) {
			t.Errorf("claim of %d up to rank %d; want 2 up to wave 1", c.N, c.MaxRank)
		}
		return nil, nil
	}
	s.tick(t)
	if len(s.store.log) != 1 {
		t.Errorf("calls %q, want one claim", s.store.log)
	}
}

func TestControllerGoesOnPastErrors(t *testing.T) {
	t.Parallel()
	bad := running("bad", map[rollout.Stage]int{rollout.StageCommit: 2})
	bad.Created = t0.Add(-time.Hour)
	gone := rollout.Rollout{ID: "gone", Status: rollout.StatusAborted}
	s := setup(bad, gone, running("good", map[rollout.Stage]int{rollout.StageCommit: 2, rollout.StageRelease: 1}))
	s.store.sweep = func(string, int) (int, error) { return 0, errDown }
	s.store.wakeDue = func(int) (int, error) { return 0, errDown }
	s.store.expireDue = func(int) (int, error) { return 4, nil }
	s.store.listErr = errDown // of one that can't be read
	s.store.claim = func(c rollout.Claim) ([]rollout.Assignment, error) {
		if c.Rollout == "bad" {
			return nil, errDown
		}
		return []rollout.Assignment{{Rollout: c.Rollout, AppID: "wx1", Stage: c.Stage}}, nil
	}
	p, err := s.controller(dispatch.Options{}).Reconcile(t.Context())
	if !cmp.Equal(p, dispatch.Progress{Expired: 4, Claimed: 2}) {
		t.Errorf("progress %+v, want 4 expired and the good rollout's 2 claimed", p)
	}
	for _, want := range []string{"wake parked targets", "list active rollouts", "rollout gone", "stage commit: rollout bad"} {
		if err == nil || !strings.Contains(err.Error(), want) || !errors.Is(err, errDown) {
			t.Errorf("error %v doesn't name %q", err, want)
		}
	}
}

func TestControllerWaitsOutAQuarantine(t *testing.T) {
	t.Parallel()
	pending := map[rollout.Stage]int{rollout.StageCommit: 2, rollout.StageSubmit: 2, rollout.StageRelease: 2}
	s := setup(running("one", pending), running("two", pending))
	s.store.wakeDue = func(int) (int, error) { return 3, nil }
	s.store.claim = func(rollout.Claim) ([]rollout.Assignment, error) {
		return nil, &rollout.QuarantineError{Left: 7 * time.Second}
	}
	p, err := s.controller(dispatch.Options{}).Reconcile(t.Context())
	if want := (dispatch.Progress{Woken: 3, Quarantine: 7 * time.Second}); !cmp.Equal(p, want) || err != nil {
		t.Errorf("progress %+v, error %v; want %+v and none", p, err, want)
	}
	if len(s.store.log) != 1 {
		t.Errorf("calls %q, want one claim", s.store.log)
	}
}

// What is paused or aborted gives assignments to undo, and no others; when all was
// taken back, a paused one is done.
func TestControllerUndoes(t *testing.T) {
	t.Parallel()
	for _, status := range []rollout.Status{rollout.StatusPaused, rollout.StatusAborted} {
		r := running("one", map[rollout.Stage]int{rollout.StageRelease: 2, rollout.StageUndo: 3})
		r.Status = status
		s := setup(r)
		p, err := s.controller(dispatch.Options{}).Reconcile(t.Context())
		if err != nil || p.Claimed != 3 {
			t.Errorf("%s: %+v %v, calls %q; want three assignments", status, p, err, s.store.log)
		}
	}
	for state, want := range map[rollout.State]bool{rollout.StateUndone: true, rollout.StateFailed: false} {
		r := running("one", nil)
		r.Status, r.Counts = rollout.StatusPaused, rollout.Counts{{Stage: rollout.StageUndo, State: state}: 2}
		s := setup(r)
		p, err := s.controller(dispatch.Options{}).Reconcile(t.Context())
		if finished := slices.Contains(s.store.log, "finish one"); err != nil || finished != want || (p.Changed == 1) != want {
			t.Errorf("two %s: %+v %v, calls %q", state, p, err, s.store.log)
		}
	}
}

// What a rollout has to read back is dispatched before all else, in every wave, with any state of the pools
// say: it makes no call that they count. Nothing else of a paused or aborted one is.
func TestControllerReadsBackAborted(t *testing.T) {
	t.Parallel()
	r := running("r1", map[rollout.Stage]int{rollout.StageCommit: 5, rollout.StageSubmit: 5})
	r.Status, r.OpenWave = rollout.StatusAborted, 0
	r.Counts[rollout.Cell{Wave: 2, Stage: rollout.StageSubmit, State: rollout.StatePending, Reason: rollout.ReasonUnknown}] = 2
	r.Counts[rollout.Cell{Wave: 0, Stage: rollout.StageRelease, State: rollout.StatePending, Reason: rollout.ReasonUnknown}] = 40
	s := setup(r)
	s.pools.allow = map[rollout.Stage]rollout.Allowance{rollout.StageSubmit: {N: 0, Permits: true}, rollout.StageRelease: {N: 0}}
	var claims []rollout.Claim
	s.store.claim = func(c rollout.Claim) ([]rollout.Assignment, error) {
		claims = append(claims, c)
		return nil, nil
	}
	s.tick(t)
	want := []string{"sweep r1", "claim r1 submit 2", "claim r1 release 30"} // 30: the queue's window
	if diff := cmp.Diff(want, s.store.log); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if len(claims) == 0 || !claims[0].ReadBack || len(s.pools.taken) > 0 {
		t.Errorf("claims %+v, permits %v", claims, s.pools.taken)
	}
	r.Status = rollout.StatusPaused
	s = setup(r)
	s.tick(t)
	if diff := cmp.Diff(want[1:], s.store.log); diff != "" {
		t.Errorf("calls of a paused one (-want +got):\n%s", diff)
	}
	r.Status, r.OpenWave = rollout.StatusRunning, 0
	s = setup(r)
	s.pools.allow = map[rollout.Stage]rollout.Allowance{rollout.StageSubmit: {N: 0, Permits: true}, rollout.StageRelease: {N: 0}}
	s.tick(t)
	if diff := cmp.Diff([]string{"latch r1 0 hold", "claim r1 commit 5", "claim r1 submit 2", "claim r1 release 30"}, s.store.log); diff != "" {
		t.Errorf("calls of a running one (-want +got):\n%s", diff)
	}
}

func TestControllerReconciles(t *testing.T) {
	t.Parallel()
	codes := func(r rollout.Rollout, code int64, n int) rollout.Rollout {
		r.Codes = map[int64]int{code: n}
		r.Counts[cell(0, rollout.StageCommit, rollout.StateFailed)] = n
		return r
	}
	work := map[rollout.Stage]int{rollout.StageCommit: 1}
	for _, tc := range []struct {
		name string
		r    rollout.Rollout
		want []string
	}{
		{"scheduled for later", rollout.Rollout{ID: "a", Status: rollout.StatusScheduled, StartAt: t0.Add(time.Second)}, nil},
		{"its time has come", rollout.Rollout{ID: "a", Status: rollout.StatusScheduled, StartAt: t0}, []string{"begin a"}},
		{"aborted", rollout.Rollout{ID: "a", Status: rollout.StatusAborted, Counts: rollout.Counts{cell(0, rollout.StageCommit, rollout.StatePending): 3}}, []string{"sweep a"}},
		{"paused", rollout.Rollout{ID: "a", Status: rollout.StatusPaused, Counts: rollout.Counts{cell(0, rollout.StageCommit, rollout.StatePending): 3}}, nil},
		{"all ended", running("a", nil), []string{"finish a"}},
		{"two alike may be chance", codes(running("a", work), 85015, 2), []string{"claim a commit 1"}},
		{"three alike are the plan", codes(running("a", work), 85015, 3), []string{
			"pause a controller: errcode 85015 failed 3 of the 3 targets that came through commit: the plan looks wrong; fix it and retry, or resume to go on",
		}},
		{"more than the last wave may lose", spiked("a", ""), []string{
			"pause a controller: wave w2: 2 of 4 judged were rejected or failed, more than 25%: fix what the auditors name and retry, or resume to go on",
			"latch a 2 fail",
		}},
		{"who resumed has seen it", spiked("a", rollout.DecisionFail), []string{"claim a commit 1"}},
		{"the end comes before the breaker", codes(running("a", nil), 85015, 3), []string{"finish a"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := setup(tc.r)
			s.tick(t)
			if diff := cmp.Diff(tc.want, s.store.log); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	}
}

// spiked is a rollout whose last wave has lost half of what was judged; verdict is
// what is latched about it.
func spiked(id string, verdict rollout.Decision) rollout.Rollout {
	r := running(id, map[rollout.Stage]int{rollout.StageCommit: 1})
	r.Plan.Waves[2].Name, r.Plan.Waves[2].Size, r.Plan.Waves[2].RejectAbove, r.Plan.Waves[2].MinJudged = "w2", 9, 0.25, 4
	r.Counts[cell(2, rollout.StageVerdict, rollout.StateRejected)] = 2
	r.Counts[cell(2, rollout.StageRelease, rollout.StateReleased)] = 2
	r.Gates = map[int]rollout.GateState{2: {Decision: verdict}}
	return r
}

func TestControllerGates(t *testing.T) {
	t.Parallel()
	held := func(judged int, was rollout.GateState) rollout.Rollout {
		r := running("a", map[rollout.Stage]int{rollout.StageCommit: 2 - judged})
		if judged > 0 {
			r.Counts[cell(0, rollout.StageRelease, rollout.StateReleased)] = judged
		}
		r.Counts[cell(1, rollout.StagePreflight, rollout.StatePending)] = 3
		r.OpenWave = 0
		if was.Decision != "" {
			r.Gates = map[int]rollout.GateState{0: was}
		}
		return r
	}
	after := func(gate0 rollout.GateState) rollout.Rollout {
		r := running("a", map[rollout.Stage]int{rollout.StageCommit: 1, rollout.StageVerdict: 1})
		r.Plan.Waves[0].RejectAbove = 0.5
		r.Counts[cell(0, rollout.StageVerdict, rollout.StateRejected)] = 2
		for _, stage := range []rollout.Stage{rollout.StagePreflight, rollout.StageSubmit, rollout.StageRelease} {
			r.Counts[cell(2, stage, rollout.StatePending)] = 3
		}
		r.Gates = map[int]rollout.GateState{0: gate0, 1: {Decision: rollout.DecisionPass}}
		return r
	}
	all := []string{"claim a commit 1", "claim a preflight 3", "claim a verdict 1", "claim a submit 3", "claim a release 3"}
	sequential := func(judged int) rollout.Rollout {
		r := held(judged, rollout.GateState{})
		r.Plan.Waves[0] = rollout.Wave{Name: "canary", Size: 2, Sequential: true}
		return r
	}
	open := held(2, rollout.GateState{})
	open.Plan.Waves[0].Approve, open.Plan.Waves[0].MinJudged = false, 1
	for _, tc := range []struct {
		name string
		r    rollout.Rollout
		want []string
	}{
		// News of a gate must not cost its rollout the assignments of this tick: with
		// verdicts coming in steadily there would be news in every tick.
		{"first look", held(1, rollout.GateState{}), []string{"latch a 0 hold", "claim a commit 1"}},
		{"more judged", held(1, rollout.GateState{Decision: rollout.DecisionHold, Why: "0 of 2 judged"}), []string{"latch a 0 hold", "claim a commit 1"}},
		{"nothing new", held(1, rollout.GateState{Decision: rollout.DecisionHold, Why: "1 of 2 judged"}), []string{"claim a commit 1"}},
		{"a failed gate is not judged again", held(2, rollout.GateState{Decision: rollout.DecisionFail, Why: "2 of 2"}), nil},
		{"it opens", open, []string{"latch a 0 pass"}},
		{"a sequential wave is not done", sequential(1), []string{"latch a 0 hold", "claim a commit 1"}},
		{"a sequential wave is done", sequential(2), []string{"latch a 0 pass"}},
		// In this very tick nothing behind it is begun or submitted; approved ones go live.
		{"it trips after it had opened", after(rollout.GateState{Decision: rollout.DecisionPass}), []string{
			"latch a 0 trip", "claim a commit 1", "claim a verdict 1", "claim a release 3",
		}},
		{"it has tripped", after(rollout.GateState{Decision: rollout.DecisionTrip}), []string{"claim a commit 1", "claim a verdict 1", "claim a release 3"}},
		{"an operator waived it", after(rollout.GateState{Decision: rollout.DecisionPass, Waived: true}), all},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := setup(tc.r)
			p := s.tick(t)
			if diff := cmp.Diff(tc.want, s.store.log); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			reported := slices.ContainsFunc(tc.want, func(call string) bool { return strings.HasPrefix(call, "latch") && !strings.HasSuffix(call, "hold") })
			if len(p.Gates) == 1 != reported || reported && p.Gates[0].Wave != "canary" {
				t.Errorf("reported %+v", p.Gates)
			}
		})
	}
}

func TestControllerOptions(t *testing.T) {
	t.Parallel()
	s := setup(running("a", map[rollout.Stage]int{rollout.StageCommit: 100}))
	s.store.claim = func(c rollout.Claim) ([]rollout.Assignment, error) {
		if c.N != 4 || c.Lease != time.Hour {
			t.Errorf("claim of %d for %v; want a batch of 4 for 1h", c.N, c.Lease)
		}
		return nil, nil
	}
	s.store.wakeDue = func(limit int) (int, error) {
		if limit != 4 {
			t.Errorf("woke up to %d, want a batch of 4", limit)
		}
		return 0, nil
	}
	o := dispatch.Options{Batch: 4, Lease: time.Hour, Window: 9}
	if _, err := s.controller(o).Reconcile(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// A gate without an answer asks once more after its deadline, once, and is unchanged.
func TestGateWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	r := running("a", nil)
	r.OpenWave = 0
	r.Plan.Deadline.Gate = time.Hour
	r.Counts[cell(0, rollout.StageRelease, rollout.StateReleased)] = 2
	r.Counts[cell(1, rollout.StagePreflight, rollout.StatePending)] = 3
	s := setup(r)
	s.store.latch = func(_ string, wave int, g rollout.GateState) error {
		stored := time.UnixMilli(g.Since.UnixMilli()) // as the store reads it back
		g.Since = stored.In(time.FixedZone("x", 3600))
		s.store.active[0].Gates = map[int]rollout.GateState{wave: g}
		return nil
	}
	reported := 0
	for minute := range 180 {
		p := s.tick(t)
		g := s.store.active[0].Gates[0]
		if late := minute >= 60; g.Decision != rollout.DecisionHold || g.Overdue() != late {
			t.Fatalf("minute %d: %+v", minute, g)
		}
		for _, news := range p.Gates {
			if reported++; !strings.Contains(news.Why, "no answer for 1h0m0s") {
				t.Errorf("reported %q", news.Why)
			}
		}
		s.clock.now = s.clock.now.Add(time.Minute)
	}
	same := []string{"latch a 0 hold", "latch a 0 hold"}
	if diff := cmp.Diff(same, s.store.log); diff != "" || reported != 1 {
		t.Errorf("reported %d times, calls (-want +got):\n%s", reported, diff)
	}
}

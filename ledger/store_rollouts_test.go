package ledger_test

import (
	"errors"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/rollout"
)

func (b *bench) status(what, id string, want rollout.Status) {
	b.Helper()
	if r := b.rollout(id); r.Status != want {
		b.Errorf("%s: %s is %s, want %s", what, id, r.Status, want)
	}
}

func testStatuses(b *bench) {
	ctx := b.Context()
	start := time.Now().Add(1000 * time.Hour).Truncate(time.Millisecond)
	b.must(b.Load(ctx, rolloutLoad{ID: "r1", Plan: rollout.Plan{Name: "later", Waves: wavesOf(1)}, StartAt: start, Targets: targetsOf(1)}))
	b.status("loaded for later", "r1", rollout.StatusScheduled)
	if r := b.rollout("r1"); !r.StartAt.Equal(start) || !r.Started.IsZero() {
		b.Errorf("starts at %v, started %v; want %v and not yet", r.StartAt, r.Started, start)
	}
	if got := b.claim("r1", rollout.StagePreflight, 9); len(got) != 0 {
		b.Errorf("claimed %v before the start", got)
	}
	b.must(b.Finish(ctx, "r1")) // not running: nothing changes
	b.must(b.Pause(ctx, "r1", "controller", "last_error"))
	b.status("the controller pauses running ones only", "r1", rollout.StatusScheduled)
	b.must(b.Begin(ctx, "r1"))
	b.must(b.Begin(ctx, "r1"))
	b.status("begun", "r1", rollout.StatusRunning)
	if r := b.rollout("r1"); r.Started.IsZero() {
		b.Error("begun without a time")
	}
	b.must(b.Pause(ctx, "r1", "op", "lunch"))
	if r := b.rollout("r1"); r.Status != rollout.StatusPaused || r.By != "op" || r.Why != "lunch" {
		b.Errorf("paused as %s by %s: %s", r.Status, r.By, r.Why)
	}
	b.must(b.Begin(ctx, "r1"))
	b.status("a paused one doesn't begin", "r1", rollout.StatusPaused)
	b.must(b.Resume(ctx, "r1", "op", "back"))
	b.status("resumed", "r1", rollout.StatusRunning)
	if err := b.Resume(ctx, "r1", "op", "again"); err == nil {
		b.Error("a running rollout was resumed")
	}
	b.must(b.Abort(ctx, "r1", "op", "enough"))
	b.status("aborted", "r1", rollout.StatusAborted)
	if err := b.Abort(ctx, "r1", "op", "again"); err == nil {
		b.Error("an aborted rollout was aborted")
	}
	for what, err := range map[string]error{
		"abort":  b.Abort(ctx, "r9", "op", "x"),
		"resume": b.Resume(ctx, "r9", "op", "x"),
		"latch":  b.Latch(ctx, "r9", 0, rollout.GateState{Decision: rollout.DecisionHold}),
	} {
		if err == nil {
			b.Errorf("%s of a rollout that does not exist was no error", what)
		}
	}
	if _, err := b.Rollout(ctx, "r9"); err == nil {
		b.Error("one of them left a rollout behind")
	}
}

func testFinish(b *bench) {
	b.load("r1", 2)
	_, first := b.begin("r1", rollout.StagePreflight, "wx000")
	_, second := b.begin("r1", rollout.StagePreflight, "wx001")
	b.step(first, rollout.Finished{At: at, End: rollout.StateUpToDate})
	// The controller decides from a snapshot; a retry may have come since.
	b.must(b.Finish(b.Context(), "r1"))
	b.status("one is unfinished", "r1", rollout.StatusRunning)
	b.step(second, rollout.Failed{At: at, LastError: rollout.LastError{Class: "fatal-app", Code: 85015}})
	b.must(b.Finish(b.Context(), "r1"))
	b.status("all ended", "r1", rollout.StatusDone)
	if r := b.rollout("r1"); r.Ended.IsZero() {
		b.Error("done without a time")
	}
	if active := b.active(); len(active) != 0 {
		b.Errorf("active %q", active)
	}
}

func testSweep(b *bench) {
	b.load("r1", 3, 4)
	_, running := b.begin("r1", rollout.StagePreflight, "wx000")
	_, parked := b.begin("r1", rollout.StagePreflight, "wx001")
	b.step(parked, rollout.Waited{At: at, Reason: rollout.ReasonMerchant, For: time.Hour})
	b.moved("a running rollout", 0)(b.Sweep(b.Context(), "r1", 9))
	b.must(b.Abort(b.Context(), "r1", "op", "enough"))
	b.moved("a batch", 2)(b.Sweep(b.Context(), "r1", 2))
	b.moved("all that waits, of all waves, parked ones too", 4)(b.Sweep(b.Context(), "r1", 9))
	b.counts("r1", map[rollout.State]int{rollout.StateAborted: 6, rollout.StateRunning: 1})
	b.moved("again", 0)(b.Sweep(b.Context(), "r1", 9))
	if active := b.active(); !slices.Equal(active, []string{"r1"}) {
		b.Errorf("active %q while targets are unfinished", active)
	}
	b.step(running, rollout.Waited{At: at, Reason: rollout.ReasonBusy, For: time.Hour})
	b.moved("one that parked since", 1)(b.Sweep(b.Context(), "r1", 9))
	b.counts("r1", map[rollout.State]int{rollout.StateAborted: 7})
	if active := b.active(); len(active) != 0 {
		b.Errorf("active %q after the sweep", active)
	}
}

// testReadBack: a target with a call of unknown outcome isn't ended by a sweep. It gets
// assignments in which its handler reads, and makes no call.
func testReadBack(b *bench) {
	ctx := b.Context()
	b.load("r1", 4)
	lose := func(app string) {
		_, t := b.begin("r1", rollout.StagePreflight, app)
		t = b.step(t, rollout.Advanced{At: at, Keep: true})
		t = b.step(t, rollout.Intended{At: at, Op: rollout.OpCommit})
		b.step(t, rollout.Waited{At: at, Reason: rollout.ReasonUnknown, For: time.Minute})
	}
	lose("wx000")
	lose("wx001")
	claim := rollout.Claim{Rollout: "r1", Stage: rollout.StageCommit, ReadBack: true, N: 9, Lease: time.Minute}
	b.must(b.Abort(ctx, "r1", "op", "enough"))
	assignments, err := b.Claim(ctx, claim)
	if err != nil || len(assignments) > 0 {
		b.Errorf("before the sweep: %v %v", assignments, err)
	}
	b.moved("all that waits", 2)(b.Sweep(ctx, "r1", 9))
	r := b.rollout("r1")
	if n := r.Counts.Parked(rollout.ReasonUnknown); n != 2 || r.Counts.State(rollout.StateAborted) != 2 {
		b.Fatalf("counts %v: want 2 that wait for their read-back", r.Counts)
	}
	b.advance(time.Minute)
	b.moved("those that waited", 2)(b.WakeDue(ctx, 9))
	b.moved("nothing", 0)(b.Sweep(ctx, "r1", 9))
	if r := b.rollout("r1"); r.ReadBacks(rollout.StageCommit) != 2 {
		b.Fatalf("%d wait to be read back: %v", r.ReadBacks(rollout.StageCommit), r.Counts)
	}
	assignments, err = b.Claim(ctx, claim)
	if err != nil || len(assignments) != 2 {
		b.Fatalf("claimed %v %v", assignments, err)
	}
	started, err := b.Start(ctx, assignments[0], time.Minute)
	b.must(err)
	_, err = b.Save(ctx, started.Target, started.Target, rollout.SaveOptions{Call: true, Lease: time.Minute})
	if held := (*rollout.HeldError)(nil); !errors.As(err, &held) {
		b.Errorf("a call of an aborted rollout: %v", err)
	}
	b.step(b.step(started.Target, rollout.Resolved{At: at}), rollout.Aborted{At: at, Holder: true})
	b.advance(time.Hour)
	b.moved("the lease of a handler that died", 1)(b.ExpireDue(ctx, 9))
	b.moved("nothing else", 0)(b.Sweep(ctx, "r1", 9))
	if assignments, err = b.Claim(ctx, claim); err != nil || len(assignments) != 1 {
		b.Fatalf("claimed again: %v %v", assignments, err)
	}
	started, err = b.Start(ctx, assignments[0], time.Minute)
	b.must(err)
	b.step(started.Target, rollout.Aborted{At: at, Holder: true})
	b.moved("nothing is left", 0)(b.Sweep(ctx, "r1", 9))
	if active := b.active(); len(active) != 0 {
		b.Errorf("active %q", active)
	}
}

// testReadBackFirst: a target with a call of unknown outcome is claimed to be read back, and for
// nothing else, however its time came: behind any number of others, in a wave that is not open, and
// in a paused rollout.
func testReadBackFirst(b *bench) {
	ctx := b.Context()
	b.load("r1", 1, 3)
	lose := func(app string, end rollout.Event) {
		_, t := b.begin("r1", rollout.StagePreflight, app)
		t = b.step(t, rollout.Advanced{At: at, Keep: true})
		t = b.step(t, rollout.Intended{At: at, Op: rollout.OpCommit})
		if end != nil {
			b.step(t, end)
		}
	}
	_, t := b.begin("r1", rollout.StagePreflight, "wx000")
	b.step(t, rollout.Advanced{At: at})
	lose("wx001", rollout.Waited{At: at, Reason: rollout.ReasonUnknown, For: time.Second})
	lose("wx002", rollout.Yielded{At: at})
	lose("wx003", nil) // its worker dies
	b.advance(time.Hour)
	b.moved("the parked one", 1)(b.WakeDue(ctx, 9))
	b.moved("the lease", 1)(b.ExpireDue(ctx, 9))
	r := b.rollout("r1")
	if back, wants := r.ReadBacks(rollout.StageCommit), r.Wants(rollout.StageCommit); back != 3 || wants != 1 {
		b.Errorf("%d to read back and %d others, want 3 and 1: %v", back, wants, r.Counts)
	}
	b.must(b.Pause(ctx, "r1", "op", "wait"))
	claim := rollout.Claim{Rollout: "r1", Stage: rollout.StageCommit, MaxRank: rollout.Rank(9, 0), N: 9, Lease: time.Minute}
	claims := func(back bool, n int, want ...string) {
		b.Helper()
		c := claim
		c.ReadBack, c.N = back, n
		assignments, err := b.Claim(ctx, c)
		if got := appsOf(assignments); err != nil || !slices.Equal(got, want) {
			b.Errorf("read back %t: claimed %v %v, want %v", back, got, err, want)
		}
	}
	claims(false, 9)
	claims(true, 1, "wx001")
	b.must(b.Resume(ctx, "r1", "op", "go on"))
	claims(true, 9, "wx002", "wx003")
	if next, err := b.Peek(ctx, claim); err != nil || !slices.Equal(next, []string{"wx000"}) {
		b.Errorf("peek: %v %v", next, err)
	}
	claims(false, 9, "wx000")
}

func testGates(b *bench) {
	ctx := b.Context()
	b.load("r1", 1, 1, 1, 1)
	gate := func(v rollout.Decision, why string) rollout.GateState {
		return rollout.GateState{Decision: v, Why: why}
	}
	latch := func(wave int, v rollout.Decision, why string) {
		b.Helper()
		b.must(b.Latch(ctx, "r1", wave, gate(v, why)))
	}
	latch(0, rollout.DecisionHold, "0 of 1")
	latch(0, rollout.DecisionHold, "1 of 1")
	latch(1, rollout.DecisionPass, "too early")
	latch(0, rollout.DecisionPass, "good")
	latch(0, rollout.DecisionFail, "too late")
	latch(1, rollout.DecisionFail, "bad")
	latch(1, rollout.DecisionPass, "changed its mind")
	want := map[int]rollout.GateState{0: gate(rollout.DecisionPass, "good"), 1: gate(rollout.DecisionFail, "bad")}
	r := b.rollout("r1")
	if diff := cmp.Diff(want, r.Gates); diff != "" || r.OpenWave != 1 {
		b.Errorf("open wave %d, gates (-want +got):\n%s", r.OpenWave, diff)
	}
	for _, tc := range []struct {
		wave int
		want bool
	}{{0, false}, {1, true}, {1, false}, {2, true}} { // 2 was never judged
		got, err := b.PromoteSeen(ctx, "r1", tc.wave, rollout.GateState{}, "op", "looked at it")
		b.must(err)
		if got != tc.want {
			b.Errorf("promote past wave %d: %t, want %t", tc.wave, got, tc.want)
		}
	}
	if r := b.rollout("r1"); r.OpenWave != 3 || r.Gates[1].Decision != rollout.DecisionPass {
		b.Errorf("promoted to wave %d with %v", r.OpenWave, r.Gates)
	}
	if _, err := b.PromoteSeen(ctx, "r9", 0, rollout.GateState{}, "op", "x"); err == nil {
		b.Error("a rollout that does not exist was promoted")
	}
}

// testTrips: an open gate may trip, and then holds calls behind it that commit or
// submit, until an operator promotes: then it never trips again.
func testTrips(b *bench) {
	ctx := b.Context()
	b.load("r1", 1, 1, 1, 1)
	latch := func(wave int, v rollout.Decision) {
		b.Helper()
		b.must(b.Latch(ctx, "r1", wave, rollout.GateState{Decision: v, Why: string(v)}))
	}
	gates := func(what string, open int, want ...rollout.GateState) {
		b.Helper()
		r := b.rollout("r1")
		got := make([]rollout.GateState, len(want))
		for i := range want {
			got[i] = r.Gates[i]
			want[i].Why, got[i].Why = "", ""
		}
		if diff := cmp.Diff(want, got); diff != "" || r.OpenWave != open {
			b.Errorf("%s: open wave %d, gates (-want +got):\n%s", what, r.OpenWave, diff)
		}
	}
	open, tripped, waived := rollout.GateState{Decision: rollout.DecisionPass}, rollout.GateState{Decision: rollout.DecisionTrip}, rollout.GateState{Decision: rollout.DecisionPass, Promoted: true, Waived: true}
	latch(0, rollout.DecisionTrip)
	gates("what isn't open can't trip", 0, rollout.GateState{})
	latch(0, rollout.DecisionPass)
	latch(1, rollout.DecisionFail)
	if ok, err := b.PromoteSeen(ctx, "r1", 1, rollout.GateState{}, "op", "seen"); !ok || err != nil {
		b.Fatalf("promoted past a failed gate: %t, %v", ok, err)
	}
	_, before := b.begin("r1", rollout.StagePreflight, "wx000")
	_, behind := b.begin("r1", rollout.StagePreflight, "wx001")
	before = b.step(before, rollout.Advanced{At: at})
	behind = b.step(behind, rollout.Advanced{At: at})
	_, before = b.begin("r1", rollout.StageCommit, before.AppID)
	_, behind = b.begin("r1", rollout.StageCommit, behind.AppID)
	call := func(t rollout.Target) error {
		next, err := rollout.Step(t, rollout.Intended{At: at, Op: rollout.OpCommit})
		b.must(err)
		_, err = b.Save(ctx, t, next, rollout.SaveOptions{Call: true, Lease: lease})
		return err
	}
	latch(1, rollout.DecisionTrip)
	latch(0, rollout.DecisionTrip)
	latch(0, rollout.DecisionTrip)
	latch(0, rollout.DecisionHold)
	latch(0, rollout.DecisionPass)
	gates("an open gate trips and stays so, a waived one doesn't", 2, tripped, waived)
	b.must(call(before))
	if held := (*rollout.HeldError)(nil); !errors.As(call(behind), &held) || !held.Gate {
		b.Errorf("a commit behind a gate that tripped: %v", held)
	}
	for _, want := range []bool{true, false} {
		if ok, err := b.PromoteSeen(ctx, "r1", 0, rollout.GateState{}, "op", "seen"); ok != want || err != nil {
			b.Errorf("promoted past the gate that tripped: %t, %v; want %t", ok, err, want)
		}
	}
	latch(0, rollout.DecisionTrip)
	gates("an operator waived it", 2, waived, waived)
	b.must(call(behind))
	latch(2, rollout.DecisionPass)
	gates("the next one is judged as ever", 3, waived, waived, open)
}

// failOne ends one target as failed with an errcode.
func (b *bench) failOne(id, app string, code int64) rollout.Target {
	b.Helper()
	_, was := b.begin(id, rollout.StagePreflight, app)
	return b.step(was, rollout.Failed{At: at, LastError: rollout.LastError{Class: "fatal-app", Code: code}})
}

func testRetry(b *bench) {
	b.load("r1", 1)
	failed := b.failOne("r1", "wx000", 85015)
	b.must(b.Finish(b.Context(), "r1"))
	got := b.step(failed, rollout.Retried{At: at})
	if got.State != rollout.StatePending || got.Attempt != 2 {
		b.Errorf("retried as %+v", got)
	}
	b.status("a retry brings it back", "r1", rollout.StatusRunning)
	if active := b.active(); !slices.Equal(active, []string{"r1"}) {
		b.Errorf("active %q", active)
	}
	failed = b.failOne("r1", "wx000", 85015)
	b.must(b.Abort(b.Context(), "r1", "op", "enough"))
	next, err := rollout.Step(failed, rollout.Retried{At: at})
	b.must(err)
	var held *rollout.HeldError
	if _, err := b.Save(b.Context(), failed, next, rollout.SaveOptions{}); !errors.As(err, &held) {
		b.Errorf("a retry in an aborted rollout, which moves no target: %v, want a HeldError", err)
	}
	b.counts("r1", map[rollout.State]int{rollout.StateFailed: 1})
}

func testCodes(b *bench) {
	b.load("r1", 4)
	codes := func(what string, want map[int64]int) {
		b.Helper()
		got := b.rollout("r1").Codes
		for code, n := range got {
			if n == 0 {
				delete(got, code)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			b.Errorf("%s: failures by errcode (-want +got):\n%s", what, diff)
		}
	}
	first := b.failOne("r1", "wx000", 85015)
	b.failOne("r1", "wx001", 85015)
	b.failOne("r1", "wx002", 0) // no errcode
	codes("two failed alike", map[int64]int{85015: 2})
	// A retried target doesn't count as failed, or the breaker would trip on it again.
	b.step(first, rollout.Retried{At: at})
	codes("one is tried again", map[int64]int{85015: 1})
	_, first = b.begin("r1", rollout.StagePreflight, "wx000")
	b.step(first, rollout.Finished{At: at, End: rollout.StateUpToDate})
	codes("and ends well", map[int64]int{85015: 1})
	b.must(b.Pause(b.Context(), "r1", "controller", "breaker"))
	b.must(b.Resume(b.Context(), "r1", "op", "seen"))
	codes("seen by a person", map[int64]int{})
	failed := b.target("r1", "wx001")
	b.step(failed, rollout.Retried{At: at})
	codes("retried after it was seen", map[int64]int{})
}

func testWorkers(b *bench) {
	ctx := b.Context()
	capacity := func(what string, commit, audit int) {
		b.Helper()
		got, err := b.Capacity(ctx)
		b.must(err)
		if got[rollout.QueueCommit] != commit || got[rollout.QueueAudit] != audit {
			b.Errorf("%s: capacity %v, want commit %d, audit %d", what, got, commit, audit)
		}
	}
	capacity("no worker", 0, 0)
	b.must(b.Heartbeat(ctx, "w1", map[rollout.QueueName]int{rollout.QueueCommit: 10, rollout.QueueAudit: 4}, 15*time.Second))
	b.must(b.Heartbeat(ctx, "w2", map[rollout.QueueName]int{rollout.QueueCommit: 5}, 30*time.Second))
	capacity("two", 15, 4)
	b.must(b.Heartbeat(ctx, "w2", map[rollout.QueueName]int{rollout.QueueCommit: 6}, 30*time.Second))
	capacity("the second grew", 16, 4)
	b.advance(15 * time.Second)
	capacity("the first fell silent", 6, 0)
	b.must(b.Leave(ctx, "w2"))
	capacity("the second left", 0, 0)
	b.must(b.Leave(ctx, "w2"))
}

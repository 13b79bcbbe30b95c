package ledger_test

import (
	"errors"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/rollout"
)

func testLoad(b *bench) {
	list := targetsOf(2, 3)
	list[1].Columns = map[string]string{"tier": "gold|silver", "note": "a\nb \"c\" 中文"}
	b.must(b.Load(b.Context(), rolloutLoad{
		ID: "r1", Plan: rollout.Plan{Name: "spring", Waves: wavesOf(2, 3), Ext: `{"a":1}`}, Targets: list,
	}))
	r := b.rollout("r1")
	if r.Status != rollout.StatusRunning || r.Total != 5 || r.OpenWave != 0 || r.Name != "spring" || r.Created.IsZero() || r.Started.IsZero() {
		b.Errorf("rollout %+v", r)
	}
	want := rollout.Counts{
		{Wave: 0, Stage: rollout.StagePreflight, State: rollout.StatePending}: 2,
		{Wave: 1, Stage: rollout.StagePreflight, State: rollout.StatePending}: 3,
	}
	if diff := cmp.Diff(want, r.Counts); diff != "" {
		b.Errorf("counts (-want +got):\n%s", diff)
	}
	got := b.target("r1", "wx001")
	wantTarget := list[1]
	wantTarget.Rollout, wantTarget.Stage, wantTarget.State = "r1", rollout.StagePreflight, rollout.StatePending
	wantTarget.Version = got.Version
	if diff := cmp.Diff(wantTarget, got); diff != "" {
		b.Errorf("target (-want +got):\n%s", diff)
	}
	if active := b.active(); !slices.Equal(active, []string{"r1"}) {
		b.Errorf("active %q", active)
	}
	if _, err := b.Rollout(b.Context(), "r2"); err == nil {
		b.Error("a rollout that does not exist was read")
	}
	if _, err := b.Target(b.Context(), "r1", "wx999"); err == nil {
		b.Error("a target that does not exist was read")
	}
}

func (b *bench) active() []string {
	b.Helper()
	list, err := b.Active(b.Context())
	b.must(err)
	var ids []string
	for _, r := range list {
		ids = append(ids, r.ID)
	}
	return ids
}

func testClaimInOrder(b *bench) {
	b.load("r1", 2, 3)
	c := rollout.Claim{Rollout: "r1", Stage: rollout.StagePreflight, MaxRank: rollout.Rank(1, 0), N: 1, Lease: lease}
	var got [][]string
	for range 3 {
		next, err := b.Peek(b.Context(), c)
		b.must(err)
		assignments, err := b.Claim(b.Context(), c)
		b.must(err)
		if !slices.Equal(next, appsOf(assignments)) {
			b.Errorf("peek saw %q, claim gave %q", next, appsOf(assignments))
		}
		got = append(got, appsOf(assignments))
	}
	c.MaxRank, c.N = rollout.Rank(2, 0), 9
	assignments, err := b.Claim(b.Context(), c)
	b.must(err)
	got = append(got, appsOf(assignments))
	want := [][]string{{"wx000"}, {"wx001"}, nil, {"wx002", "wx003", "wx004"}}
	if diff := cmp.Diff(want, got); diff != "" {
		b.Errorf("assignments in order (-want +got):\n%s", diff)
	}
	for i, assignment := range assignments {
		if assignment.Rollout != "r1" || assignment.Stage != rollout.StagePreflight || assignment.Fence <= 0 || (i > 0 && assignment.Fence == assignments[i-1].Fence) {
			b.Errorf("assignment %+v", assignment)
		}
	}
	b.counts("r1", map[rollout.State]int{rollout.StateRunning: 5})
	flight, err := b.InFlight(b.Context())
	b.must(err)
	if flight[rollout.QueueCommit] != 5 || flight[rollout.QueueAudit] != 0 {
		b.Errorf("in flight %v, want 5 in commit", flight)
	}
}

func testClaimOnly(b *bench) {
	b.load("r1", 2, 3)
	c := rollout.Claim{
		Rollout: "r1", Stage: rollout.StagePreflight, MaxRank: rollout.Rank(1, 0), N: 9, Lease: lease,
		Only: []string{"wx004", "wx001", "wx999"},
	}
	assignments, err := b.Claim(b.Context(), c)
	b.must(err)
	if got := appsOf(assignments); !slices.Equal(got, []string{"wx001"}) {
		b.Errorf("claimed %q; want wx001: one is of a closed wave, one is not there", got)
	}
	if got := b.claim("r1", rollout.StageCommit, 9, "wx000"); len(got) != 0 {
		b.Errorf("claimed %v at a stage it isn't at", got)
	}
	if got := b.claim("r1", rollout.StagePreflight, 9, "wx001"); len(got) != 0 {
		b.Errorf("claimed the running %v again", got)
	}
}

func testClaimNeedsRunning(b *bench) {
	b.load("r1", 1)
	for _, tc := range []struct {
		what string
		do   func() error
		want int
	}{
		{"paused", func() error { return b.Pause(b.Context(), "r1", "op", "wait") }, 0},
		{"resumed", func() error { return b.Resume(b.Context(), "r1", "op", "go on") }, 1},
		{"aborted", func() error { return b.Abort(b.Context(), "r1", "op", "enough") }, 0},
	} {
		b.must(tc.do())
		assignments := b.claim("r1", rollout.StagePreflight, 9)
		if len(assignments) != tc.want {
			b.Errorf("%s: claimed %v, want %d", tc.what, assignments, tc.want)
		}
		for _, assignment := range assignments {
			started, err := b.Start(b.Context(), assignment, lease)
			b.must(err)
			b.step(started.Target, rollout.Yielded{At: at})
		}
	}
	if assignments := b.claim("r9", rollout.StagePreflight, 9); len(assignments) != 0 {
		b.Errorf("claimed %v of a rollout that does not exist", assignments)
	}
}

func (b *bench) wantStale(what string, err error) {
	b.Helper()
	var stale *rollout.StaleError
	if !errors.As(err, &stale) {
		b.Errorf("%s: %v, want a StaleError", what, err)
	}
}

func testStartOnce(b *bench) {
	b.load("r1", 2)
	assignments := b.claim("r1", rollout.StagePreflight, 2)
	started, err := b.Start(b.Context(), assignments[0], lease)
	b.must(err)
	if started.Status != rollout.StatusRunning || started.ReleaseApproved || started.Now.IsZero() || started.Target.Reason != rollout.ReasonActing {
		b.Errorf("started %+v", started)
	}
	_, err = b.Start(b.Context(), assignments[0], lease)
	b.wantStale("a second delivery while the first acts", err)

	foreign, unknown := assignments[1], assignments[1]
	foreign.Fence--
	unknown.AppID = "wx999"
	for what, assignment := range map[string]rollout.Assignment{"another fence": foreign, "no target": unknown} {
		_, err := b.Start(b.Context(), assignment, lease)
		b.wantStale(what, err)
	}

	// An assignment may be taken on to the next stage, and stall there.
	began, err := b.Start(b.Context(), assignments[1], lease)
	b.must(err)
	kept := b.step(began.Target, rollout.Advanced{At: began.Now, Keep: true})
	kept = b.step(kept, rollout.Stalled{At: began.Now, For: time.Second})
	again, err := b.Start(b.Context(), assignments[1], lease)
	b.must(err)
	if again.Target.Stage != rollout.StageCommit || again.Target.Version != kept.Version {
		b.Errorf("taken on, the assignment started again with %+v", again.Target)
	}

	// A handler that died is followed by the next delivery of its task.
	b.advance(lease + time.Millisecond)
	_, err = b.Start(b.Context(), assignments[0], lease)
	if err != nil {
		b.Errorf("the first handler's lease is out: %v", err)
	}
}

func testSaveOnce(b *bench) {
	b.load("r1", 1)
	assignment, was := b.begin("r1", rollout.StagePreflight, "wx000")
	saved := b.step(was, rollout.Advanced{At: at, Note: "ok"})
	if saved.Stage != rollout.StageCommit || saved.State != rollout.StatePending || saved.Version <= was.Version {
		b.Errorf("saved %+v", saved)
	}
	if diff := cmp.Diff(saved, b.target("r1", "wx000")); diff != "" {
		b.Errorf("what was saved and what is read (-saved +read):\n%s", diff)
	}
	_, err := b.Save(b.Context(), was, was, rollout.SaveOptions{})
	b.wantStale("a save over a newer version", err)
	_, err = b.Start(b.Context(), assignment, lease)
	b.wantStale("an assignment that is over", err)
	if got := appsOf(b.claim("r1", rollout.StageCommit, 9)); !slices.Equal(got, []string{"wx000"}) {
		b.Errorf("next stage claims %q", got)
	}
}

func testSaveBeforeACall(b *bench) {
	call := rollout.SaveOptions{Call: true, Lease: lease}
	intend := func(x rollout.Target) rollout.Target {
		x.Intent = &rollout.Intent{Op: rollout.OpCommit, At: at}
		return x
	}
	b.load("r1", 1)
	_, was := b.begin("r1", rollout.StagePreflight, "wx000")
	was, err := b.Save(b.Context(), was, intend(was), call)
	if err != nil {
		b.Fatalf("a running rollout: %v", err)
	}
	var held *rollout.HeldError
	b.must(b.Pause(b.Context(), "r1", "op", "wait"))
	if _, err := b.Save(b.Context(), was, was, call); !errors.As(err, &held) || held.Status != rollout.StatusPaused {
		b.Errorf("paused: %v, want a HeldError", err)
	}
	b.must(b.Resume(b.Context(), "r1", "op", "go on"))
	b.advance(lease)
	_, err = b.Save(b.Context(), was, was, call)
	b.wantStale("the lease is out", err)
	b.must(b.Abort(b.Context(), "r1", "op", "enough"))
	if _, err := b.Save(b.Context(), was, was, call); !errors.As(err, &held) || held.Status != rollout.StatusAborted {
		b.Errorf("aborted: %v, want a HeldError", err)
	}
	// The result of a call is stored nevertheless.
	saved := b.step(was, rollout.Resolved{At: at})
	if saved.Intent != nil {
		b.Errorf("the intent %v stayed", saved.Intent)
	}
}

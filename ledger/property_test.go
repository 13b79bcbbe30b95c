package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/ledger/fsck"
	"github.com/wxrollout/wxrollout/rollout"
)

// machine drives two rollouts over the same apps with random moves. What it
// remembers is only what a handler would: its assignments, however old.
type machine struct {
	ctx         context.Context
	l           store
	rdb         redis.UniversalClient
	advance     func(time.Duration)
	assignments []rollout.Assignment
	held        []rollout.Target // as handlers read them, however old
	fences      map[string]int64 // newest by "rollout appid"
}

const apps = 6

func ids() []string { return []string{"r1", "r2"} }

func newMachine(t *rapid.T, ctx context.Context, rdb redis.UniversalClient, advance func(time.Duration)) *machine {
	m := &machine{ctx: ctx, rdb: rdb, advance: advance, fences: make(map[string]int64)}
	m.l = store{ledger.New(rdb, ledger.Options{OwnerRetry: 10 * time.Second})}
	m.must(t, rdb.FlushAll(ctx).Err())
	for _, id := range ids() {
		m.must(t, m.l.Load(ctx, rolloutLoad{ID: id, Plan: plan(id, 2, 4), Targets: targetsOf(2, 4)}))
	}
	return m
}

func (m *machine) must(t *rapid.T, err error) {
	if err != nil {
		t.Fatal(err)
	}
}

// may allows the refusals that late news meet.
func (m *machine) may(t *rapid.T, err error) bool {
	var stale *rollout.StaleError
	var held *rollout.HeldError
	var status *ledger.StatusError
	if errors.As(err, &stale) || errors.As(err, &held) || errors.As(err, &status) {
		return false
	}
	m.must(t, err)
	return true
}

func anyID(t *rapid.T) string { return rapid.SampledFrom(ids()).Draw(t, "rollout") }

func (m *machine) Claim(t *rapid.T) {
	c := rollout.Claim{
		Rollout: anyID(t), Stage: rapid.SampledFrom(rollout.Stages()).Draw(t, "stage"),
		MaxRank: rollout.Rank(rapid.IntRange(0, 2).Draw(t, "waves"), 0), N: rapid.IntRange(1, 4).Draw(t, "n"), Lease: lease,
		ReadBack: rapid.IntRange(0, 2).Draw(t, "read back") == 0,
	}
	assignments, err := m.l.Claim(m.ctx, c)
	m.must(t, err)
	for _, assignment := range assignments {
		key := assignment.Rollout + " " + assignment.AppID
		if assignment.Fence <= m.fences[key] {
			t.Fatalf("fence %d of %s after %d", assignment.Fence, key, m.fences[key])
		}
		m.fences[key] = assignment.Fence
	}
	m.assignments = append(m.assignments, assignments...)
}

func (m *machine) Start(t *rapid.T) {
	if len(m.assignments) == 0 {
		t.Skip("no assignment was given")
	}
	assignment := rapid.SampledFrom(m.assignments).Draw(t, "assignment")
	started, err := m.l.Start(m.ctx, assignment, lease)
	if !m.may(t, err) {
		return
	}
	if started.Target.Fence != m.fences[assignment.Rollout+" "+assignment.AppID] {
		t.Fatalf("an assignment started with fence %d, the newest is %d", assignment.Fence, m.fences[assignment.Rollout+" "+assignment.AppID])
	}
	m.held = append(m.held, started.Target)
}

// Save lets a handler, possibly long dead, store what it believes.
func (m *machine) Save(t *rapid.T) {
	if len(m.held) == 0 {
		t.Skip("no process acts")
	}
	i := rapid.IntRange(0, len(m.held)-1).Draw(t, "handler")
	was := m.held[i]
	at := at.Add(time.Duration(len(m.held)) * time.Second)
	wait := time.Duration(rapid.IntRange(1, 100).Draw(t, "wait")) * time.Second
	lastError := rollout.LastError{Class: "fatal-app", Code: rapid.SampledFrom([]int64{0, 85015}).Draw(t, "code")}
	e := rapid.SampledFrom([]rollout.Event{
		rollout.Advanced{At: at, AuditID: 7}, rollout.Advanced{At: at, AuditID: 8}, rollout.Yielded{At: at},
		rollout.Waited{At: at, Reason: rollout.ReasonBusy, For: wait}, rollout.Stalled{At: at, For: wait},
		rollout.Finished{At: at, End: rollout.StateSkipped}, rollout.Finished{At: at, End: rollout.StateReleased},
		rollout.Failed{At: at, LastError: lastError}, rollout.Rejected{At: at, LastError: lastError},
		rollout.Recommitted{At: at}, rollout.GrayStepped{At: at, For: wait},
		rollout.Intended{At: at, Op: rollout.OpCommit}, rollout.Intended{At: at, Op: rollout.OpSubmit},
	}).Draw(t, "event")
	next, err := rollout.Step(was, e)
	if err != nil {
		return
	}
	o := rollout.SaveOptions{Lease: lease, Call: rapid.Bool().Draw(t, "call")}
	now, err := m.l.Target(m.ctx, was.Rollout, was.AppID)
	m.must(t, err)
	saved, err := m.l.Save(m.ctx, was, next, o)
	if !m.may(t, err) {
		return
	}
	if now.Version != was.Version || now.Fence != was.Fence {
		t.Fatalf("version %d, fence %d was saved over version %d, fence %d", was.Version, was.Fence, now.Version, now.Fence)
	}
	m.held[i] = saved
}

// Operate is a callback or an operator: wake, retry or abort one target.
func (m *machine) Operate(t *rapid.T) {
	app := fmt.Sprintf("wx%03d", rapid.IntRange(0, apps-1).Draw(t, "app"))
	was, err := m.l.Target(m.ctx, anyID(t), app)
	m.must(t, err)
	for _, e := range []rollout.Event{rollout.Woken{At: at, Note: "callback"}, rollout.Retried{At: at}, rollout.Retried{At: at, Recommit: true}} {
		if next, err := rollout.Step(was, e); err == nil && rapid.Bool().Draw(t, e.Kind()) {
			_, err := m.l.Save(m.ctx, was, next, rollout.SaveOptions{})
			m.may(t, err)
			return
		}
	}
}

// Steer is what the controller and operators do to a whole rollout.
func (m *machine) Steer(t *rapid.T) {
	id := anyID(t)
	do := rapid.SampledFrom([]string{"pause", "resume", "resume", "finish", "finish", "finish", "finish", "abort"}).Draw(t, "do")
	switch do {
	case "pause":
		m.may(t, m.l.PauseBy(m.ctx, id, "op", "x"))
	case "resume":
		m.may(t, m.l.Resume(m.ctx, id, "op", "x"))
	case "finish":
		m.must(t, m.l.Finish(m.ctx, id))
	case "abort":
		m.may(t, m.l.Abort(m.ctx, id, "op", "x"))
	}
}

// Tick is what the controller does for time's sake.
func (m *machine) Tick(t *rapid.T) {
	m.advance(time.Duration(rapid.IntRange(0, 90).Draw(t, "seconds")) * time.Second)
	n := rapid.IntRange(1, 5).Draw(t, "limit")
	_, err1 := m.l.WakeDue(m.ctx, n)
	_, err2 := m.l.ExpireDue(m.ctx, n)
	m.must(t, errors.Join(err1, err2))
	for _, id := range ids() {
		_, err := m.l.Sweep(m.ctx, id, n)
		m.must(t, err)
	}
}

// Check is invariants 1 and 3: nothing is lost, and no app has two writers.
func (m *machine) Check(t *rapid.T) {
	running := make(map[string]string)
	for _, id := range ids() {
		in, f, err := checked(m.ctx, m.rdb, fsck.Options{Rollouts: []string{id}})
		m.must(t, err)
		if len(f) > 0 || in.Targets != apps {
			t.Fatalf("check of %s, %d targets: %v", id, in.Targets, f)
		}
		r, err := m.l.Rollout(m.ctx, id)
		m.must(t, err)
		if n := r.Counts.Total(); n != apps || r.Total != apps {
			t.Fatalf("%s counts %d targets of %d", id, n, apps)
		}
		for x, err := range m.l.Targets(m.ctx, id) {
			m.must(t, err)
			if now := m.rdb.Time(m.ctx).Val(); x.State != rollout.StateRunning || !x.Due.After(now) {
				continue
			}
			if other := running[x.AppID]; other != "" {
				t.Fatalf("%s runs in %s and in %s", x.AppID, other, id)
			}
			running[x.AppID] = id
		}
	}
}

// TestNothingIsLost checks the ledger after each of many random moves; rapid
// prints the seed of a failure.
func TestNothingIsLost(t *testing.T) {
	t.Parallel()
	rdb, advance := redistest.Start(t).Virtual(t)
	rapid.Check(t, func(r *rapid.T) {
		m := newMachine(r, t.Context(), rdb, advance)
		r.Repeat(map[string]func(*rapid.T){
			"": m.Check, "claim": m.Claim, "claim2": m.Claim, "start": m.Start, "start2": m.Start, "start3": m.Start,
			"save": m.Save, "save2": m.Save, "save3": m.Save, "operate": m.Operate, "steer": m.Steer, "tick": m.Tick,
		})
	})
}

// TestNothingIsLostToTheEnd drives random rollouts until nothing is left to do:
// after any history, every target can end.
func TestNothingIsLostToTheEnd(t *testing.T) {
	t.Parallel()
	rdb, advance := redistest.Start(t).Virtual(t)
	rapid.Check(t, func(r *rapid.T) {
		m := newMachine(r, t.Context(), rdb, advance)
		for range rapid.IntRange(0, 30).Draw(r, "moves") {
			rapid.SampledFrom([]func(*rapid.T){m.Claim, m.Operate, m.Operate, m.Steer, m.Tick}).Draw(r, "move")(r)
		}
		for round := 0; !m.allEnded(r); round++ {
			if round == 100 {
				r.Fatal("targets are left that nothing moves")
			}
			m.round(r)
		}
		m.Check(r)
	})
}

func (m *machine) allEnded(t *rapid.T) bool {
	return !slices.ContainsFunc(ids(), func(id string) bool {
		r, err := m.l.Rollout(m.ctx, id)
		m.must(t, err)
		return r.Counts.Unfinished() > 0
	})
}

// round resumes everything and ends each target that gets an assignment.
func (m *machine) round(t *rapid.T) {
	m.advance(2 * time.Minute)
	_, err1 := m.l.WakeDue(m.ctx, 100)
	_, err2 := m.l.ExpireDue(m.ctx, 100)
	m.must(t, errors.Join(err1, err2))
	for _, id := range ids() {
		m.may(t, m.l.Resume(m.ctx, id, "op", "x"))
		_, err := m.l.Sweep(m.ctx, id, 100)
		m.must(t, err)
		for _, stage := range rollout.Stages() {
			assignments, err := m.l.Claim(m.ctx, rollout.Claim{Rollout: id, Stage: stage, MaxRank: rollout.Rank(9, 0), N: 100, Lease: lease})
			m.must(t, err)
			for _, assignment := range assignments {
				started, err := m.l.Start(m.ctx, assignment, lease)
				m.must(t, err)
				next, err := rollout.Step(started.Target, rollout.Finished{At: at, End: rollout.StateSkipped})
				m.must(t, err)
				_, err = m.l.Save(m.ctx, started.Target, next, rollout.SaveOptions{})
				m.must(t, err)
			}
		}
	}
}

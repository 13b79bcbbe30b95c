// Package rollouttest holds what the tests of several packages need of rollout:
// one suite that every dispatch.Store must pass, whatever it is made of.
//
// It must never be imported by product code.
//
//	func TestStore(t *testing.T) {
//		rollouttest.RunStore(t, func(t *testing.T) (rollouttest.Store, func(time.Duration)) {
//			clock := newClock()
//			return memory.New(clock), clock.Advance
//		})
//	}
package rollouttest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/dispatch"
)

// Store is a dispatch.Store together with what loads targets and moves them on.
type Store interface {
	dispatch.Store

	// Load stores a whole rollout: it runs at once, or is scheduled if l.StartAt is set.
	Load(ctx context.Context, l Load) error
	// Start begins an assignment; an assignment that is over is a *rollout.StaleError.
	Start(ctx context.Context, t rollout.Assignment, lease time.Duration) (rollout.Started, error)
	// Save stores next if the stored target is still was.
	Save(ctx context.Context, was, next rollout.Target, o rollout.SaveOptions) (rollout.Target, error)
	// Target reads one target.
	Target(ctx context.Context, id, appID string) (rollout.Target, error)
	// Rollout reads one rollout with its counts.
	Rollout(ctx context.Context, id string) (rollout.Rollout, error)
	// Resume lets a paused rollout go on.
	Resume(ctx context.Context, id, by, why string) error
	// Abort ends an unfinished rollout.
	Abort(ctx context.Context, id, by, why string) error
	// Promote opens the wave after the last open one, past its gate.
	Promote(ctx context.Context, id string, wave int, by, why string) (bool, error)
	// Heartbeat says that a worker lives for ttl more.
	Heartbeat(ctx context.Context, worker string, capacity map[rollout.QueueName]int, ttl time.Duration) error
	// Leave takes a worker out at once.
	Leave(ctx context.Context, worker string) error
}

// Load is a rollout to be loaded.
type Load struct {
	ID      string
	Plan    rollout.Plan
	StartAt time.Time // zero: at once
	Targets []rollout.Target
}

// OwnerRetry is at least how long a store parks a target whose app another
// rollout works on; a store that is tested must not wait longer.
const OwnerRetry = 30 * time.Second

// RunStore runs the suite. open makes an empty store and says how to move its
// time; between two moves its time stands still. The subtests run in turn.
func RunStore(t *testing.T, open func(t *testing.T) (Store, func(d time.Duration))) {
	for _, c := range []struct {
		name string
		run  func(*bench)
	}{
		{"Load", testLoad},
		{"ClaimInOrder", testClaimInOrder},
		{"ClaimOnly", testClaimOnly},
		{"ClaimNeedsARunningRollout", testClaimNeedsRunning},
		{"StartOnce", testStartOnce},
		{"SaveOnce", testSaveOnce},
		{"SaveBeforeACall", testSaveBeforeACall},
		{"Wake", testWake},
		{"Expire", testExpire},
		{"StallKeepsTheLease", testStall},
		{"Owner", testOwner},
		{"TakeOver", testTakeOver},
		{"Statuses", testStatuses},
		{"FinishNeedsAllEnded", testFinish},
		{"Sweep", testSweep},
		{"ReadBack", testReadBack},
		{"ReadBackFirst", testReadBackFirst},
		{"Gates", testGates},
		{"GatesTrip", testTrips},
		{"RetryRevives", testRetry},
		{"Codes", testCodes},
		{"Workers", testWorkers},
		{"WholeRollout", testWholeRollout},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, advance := open(t)
			c.run(&bench{T: t, Store: s, advance: advance})
		})
	}
}

// bench is one test's store.
type bench struct {
	*testing.T
	Store
	advance func(time.Duration)
}

// lease is how long the suite's assignments last.
const lease = time.Minute

// Waves makes waves of the given sizes, without gates.
func Waves(sizes ...int) []rollout.Wave {
	all := make([]rollout.Wave, len(sizes))
	for i, n := range sizes {
		all[i] = rollout.Wave{Name: fmt.Sprintf("wave%d", i), Size: n}
	}
	return all
}

// Targets makes the targets wx000, wx001, ... that waves of these sizes cover.
func Targets(sizes ...int) []rollout.Target {
	var all []rollout.Target
	for wave, size := range sizes {
		for n := range size {
			app := fmt.Sprintf("wx%03d", len(all))
			all = append(all, rollout.Target{AppID: app, Rank: rollout.Rank(wave, n), Attempt: 1, Label: "shop " + app})
		}
	}
	return all
}

// load stores a running rollout of waves of these sizes.
func (b *bench) load(id string, sizes ...int) {
	b.Helper()
	l := Load{ID: id, Plan: rollout.Plan{Name: "plan of " + id, Waves: Waves(sizes...)}, Targets: Targets(sizes...)}
	if err := b.Load(b.Context(), l); err != nil {
		b.Fatal(err)
	}
}

// must ends the test on an error.
func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *bench) rollout(id string) rollout.Rollout {
	b.Helper()
	r, err := b.Rollout(b.Context(), id)
	b.must(err)
	return r
}

func (b *bench) target(id, app string) rollout.Target {
	b.Helper()
	x, err := b.Target(b.Context(), id, app)
	b.must(err)
	return x
}

// claim takes up to n assignments of a rollout at a stage, in all waves.
func (b *bench) claim(id string, stage rollout.Stage, n int, only ...string) []rollout.Assignment {
	b.Helper()
	assignments, err := b.Claim(b.Context(), rollout.Claim{
		Rollout: id, Stage: stage, MaxRank: rollout.Rank(1000, 0), N: n, Only: only, Lease: lease,
	})
	b.must(err)
	return assignments
}

// begin claims one app's assignment and starts it.
func (b *bench) begin(id string, stage rollout.Stage, app string) (rollout.Assignment, rollout.Target) {
	b.Helper()
	assignments := b.claim(id, stage, 1, app)
	if len(assignments) != 1 {
		b.Fatalf("claim of %s at %s gave %v", app, stage, assignments)
	}
	started, err := b.Start(b.Context(), assignments[0], lease)
	b.must(err)
	return assignments[0], started.Target
}

// step applies an event to a target as it was read and saves the result.
func (b *bench) step(was rollout.Target, e rollout.Event) rollout.Target {
	b.Helper()
	next, err := rollout.Step(was, e)
	b.must(err)
	saved, err := b.Save(b.Context(), was, next, rollout.SaveOptions{Lease: lease})
	b.must(err)
	return saved
}

// counts checks how many targets are in which state; others must be none.
func (b *bench) counts(id string, want map[rollout.State]int) {
	b.Helper()
	c := b.rollout(id).Counts
	for _, s := range rollout.States() {
		if got := c.State(s); got != want[s] {
			b.Errorf("%s: %d targets are %s, want %d (%v)", id, got, s, want[s], c)
		}
	}
}

// apps lists whose assignments these are.
func apps(assignments []rollout.Assignment) []string {
	var list []string
	for _, t := range assignments {
		list = append(list, t.AppID)
	}
	return list
}

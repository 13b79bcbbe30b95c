package ledger_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/ledger/fsck"
	"github.com/wxrollout/wxrollout/rollout"
)

// call is one method of the ledger; write says that it changes something.
type call struct {
	what  string
	write bool
	do    func(context.Context, *ledger.Ledger) error
}

// calls lists all methods that reach Redis.
func calls(rdb redis.UniversalClient) []call {
	target := rollout.Target{Rollout: "r1", AppID: "wx000", Stage: rollout.StagePreflight, State: rollout.StatePending}
	claim := rollout.Claim{Rollout: "r1", Stage: rollout.StagePreflight, MaxRank: 9, N: 1, Lease: lease}
	never := time.Time{}
	type ctx = context.Context
	type l = *ledger.Ledger
	read := func(what string, do func(ctx, l) error) call { return call{what, false, do} }
	write := func(what string, do func(ctx, l) error) call { return call{what, true, do} }
	return []call{
		write("create rollout", func(c ctx, l l) error {
			return second(l.Create(c, ledger.NewRollout{ID: "r2", Plan: plan("new", 1)}))
		}),
		write("add 1 targets to rollout", func(c ctx, l l) error { return second(l.Add(c, "loading", targetsOf(1))) }),
		write("seal rollout", func(c ctx, l l) error { return l.Seal(c, "loading", 0, false, "op", "x") }),
		write("revise rollout", func(c ctx, l l) error { return second(l.Revise(c, "r1", plan("new", 1))) }),
		write("change rollout r1 to paused", func(c ctx, l l) error { return l.Pause(c, "r1", "op", "x") }),
		write("change rollout r1 to aborted", func(c ctx, l l) error { return l.Abort(c, "r1", "op", "x") }),
		write("latch gate 0 of rollout", func(c ctx, l l) error { return l.Latch(c, "r1", 0, rollout.GateState{}) }),
		write("latch gate 0 of rollout", func(c ctx, l l) error { return second(l.PromoteSeen(c, "r1", 0, rollout.GateState{}, "op", "x")) }),
		write("approve releases", func(c ctx, l l) error { return second(l.ApproveReleases(c, "r1", "op", "x")) }),
		write("claim targets", func(c ctx, l l) error { return second(l.Claim(c, claim)) }),
		write("heartbeat of worker", func(c ctx, l l) error { return l.Heartbeat(c, "w1", nil, lease) }),
		write("take worker w1 out", func(c ctx, l l) error { return l.Leave(c, "w1") }),
		write("store schedule", func(c ctx, l l) error { return second(l.PutSchedule(c, ledger.Schedule{Name: "s2"})) }),
		write("add 1 targets to schedule", func(c ctx, l l) error {
			return second(l.AddScheduleTargets(c, "s1", targetsOf(1)))
		}),
		write("seal schedule", func(c ctx, l l) error { return l.SealSchedule(c, "s1", 0) }),
		write("delete schedule", func(c ctx, l l) error { return l.DeleteSchedule(c, "s1") }),
		write("pause or resume schedule", func(c ctx, l l) error { return l.PauseSchedule(c, "s1") }),
		read("start assignment", func(c ctx, l l) error {
			return second(l.Start(c, rollout.Assignment{Rollout: "r1", AppID: "wx000"}, lease))
		}),
		read("save rollout r1, app wx000", func(c ctx, l l) error { return second(l.Save(c, target, target, rollout.SaveOptions{})) }),
		read("load save script", func(c ctx, l l) error { return second(l.SaveAll(c, []ledger.Edit{{Was: target, Next: target}})) }),
		read("wake parked", func(c ctx, l l) error { return second(l.WakeDue(c, 9)) }),
		read("take back expired leases", func(c ctx, l l) error { return second(l.ExpireDue(c, 9)) }),
		read("sweep rollout", func(c ctx, l l) error { return second(l.Sweep(c, "r1", 9)) }),
		read("fire schedule", func(c ctx, l l) error { return second(l.FireSchedule(c, "s1", "r1", never, never, 0)) }),
		read("look at the next targets", func(c ctx, l l) error { return second(l.Peek(c, claim)) }),
		read("count leases", func(c ctx, l l) error { return second(l.InFlight(c)) }),
		read("read the workers", func(c ctx, l l) error { return second(l.Capacity(c)) }),
		read("read 1 rollouts", func(c ctx, l l) error { return second(l.Rollout(c, "r1")) }),
		read("list rollouts", func(c ctx, l l) error { return second(l.Rollouts(c, 0, 9)) }),
		read("list active rollouts", func(c ctx, l l) error { return second(l.Active(c)) }),
		read("look up rollout", func(c ctx, l l) error { return second(l.ByName(c, "plan of r1")) }),
		read("read plan", func(c ctx, l l) error { return second(l.Plan(c, "r1", 0)) }),
		read("read the actions", func(c ctx, l l) error { return second(l.Actions(c, "r1")) }),
		read("read rollout r1, app wx000", func(c ctx, l l) error { return second(l.Target(c, "r1", "wx000")) }),
		read("read targets of rollout", func(c ctx, l l) error { return lastError(l.Targets(c, "r1")) }),
		read("read the owner", func(c ctx, l l) error { return second(l.Owner(c, "wx000")) }),
		read("read 1 rollouts", func(c ctx, l l) error { return second(fsck.Check(c, rdb, fsck.Options{Rollouts: []string{"r1"}})) }),
		read("list schedules", func(c ctx, l l) error { return second(l.Schedules(c)) }),
		read("list due schedules", func(c ctx, l l) error { return second(l.DueSchedules(c)) }),
		read("read 1 schedules", func(c ctx, l l) error { return second(l.Schedule(c, "s1")) }),
		read("read targets of schedule", func(c ctx, l l) error { return lastError(l.ScheduleTargets(c, "s1")) }),
	}
}

// prepare makes what the calls work on.
func prepare(t *testing.T, rdb *redis.Client) {
	t.Helper()
	l := store{ledger.New(rdb, ledger.Options{})}
	_, err1 := l.Create(t.Context(), ledger.NewRollout{ID: "loading", Plan: plan("loading", 1)})
	_, err2 := l.PutSchedule(t.Context(), ledger.Schedule{Name: "s1", Digest: "d1"})
	err3 := l.Load(t.Context(), rolloutLoad{ID: "r1", Plan: plan("plan of r1", 3), Targets: targetsOf(3)})
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
}

// What Redis refuses says what was being done and what to do about it.
func TestUnavailable(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		spoil func(t *testing.T, rdb *redis.Client)
		hint  string
		all   bool // reads as well
	}{
		{"a replica", func(t *testing.T, rdb *redis.Client) {
			config(t, rdb.ReplicaOf(t.Context(), "127.0.0.1", "1"))
		}, "this server is a replica", false},
		{"too few replicas", func(t *testing.T, rdb *redis.Client) {
			config(t, rdb.ConfigSet(t.Context(), "min-replicas-to-write", "1"))
		}, "min-replicas-to-write", false},
		{"a user who may do nothing", func(t *testing.T, rdb *redis.Client) {
			config(t, rdb.Do(t.Context(), "ACL", "SETUSER", "default", "-@all", "+hello", "+client"))
		}, "let the Redis user run", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			srv := redistest.Start(t)
			o := srv.Options()
			o.MaxRetries = -1 // each refusal is final: no need to ask thrice
			rdb := redis.NewClient(o)
			t.Cleanup(func() { _ = rdb.Close() })
			prepare(t, rdb)
			tc.spoil(t, rdb)
			l := ledger.New(rdb, ledger.Options{})
			for _, c := range calls(rdb) {
				if !c.write && !tc.all {
					continue
				}
				err := c.do(t.Context(), l)
				var u *ledger.UnavailableError
				if !errors.As(err, &u) || !strings.Contains(u.Hint, tc.hint) || !strings.HasPrefix(err.Error(), c.what) {
					t.Errorf("%s: %v; want an UnavailableError that says %q", c.what, err, tc.hint)
				}
			}
		})
	}
}

func config(t *testing.T, cmd interface{ Err() error }) {
	t.Helper()
	if err := cmd.Err(); err != nil {
		t.Fatal(err)
	}
}

// A full Redis takes no new targets, but what came of a call is still saved: a
// script whose first write frees something goes through.
func TestOutOfMemory(t *testing.T) {
	t.Parallel()
	rdb := redistest.Start(t).Client(t)
	prepare(t, rdb)
	l := ledger.New(rdb, ledger.Options{})
	assignments, err := l.Claim(t.Context(), rollout.Claim{Rollout: "r1", Stage: rollout.StagePreflight, MaxRank: 9, N: 1, Lease: lease})
	if err != nil {
		t.Fatal(err)
	}
	config(t, rdb.ConfigSet(t.Context(), "maxmemory", "1"))
	var u *ledger.UnavailableError
	if _, err := l.Add(t.Context(), "loading", targetsOf(1)); !errors.As(err, &u) || !strings.Contains(u.Hint, "maxmemory") {
		t.Errorf("adding targets: %v, want an UnavailableError", err)
	}
	started, err := l.Start(t.Context(), assignments[0], lease)
	if err != nil {
		t.Fatal(err)
	}
	next, err := rollout.Step(started.Target, rollout.Advanced{At: at})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Save(t.Context(), started.Target, next, rollout.SaveOptions{}); err != nil {
		t.Errorf("saving a result: %v", err)
	}
	if _, f, err := checked(t.Context(), rdb, fsck.Options{Rollouts: []string{"r1"}}); err != nil || len(f) > 0 {
		t.Errorf("inspection: %v, %v", f, err)
	}
}

// An absent Redis is a separate error, and so is an ended context.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	o := srv.Options()
	o.MaxRetries, o.DialerRetries = -1, 1
	rdb := redis.NewClient(o)
	t.Cleanup(func() { _ = rdb.Close() })
	prepare(t, rdb)
	l := ledger.New(rdb, ledger.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range calls(rdb) {
		if err := c.do(ctx, l); !errors.Is(err, context.Canceled) || !strings.HasPrefix(err.Error(), c.what) {
			t.Errorf("%s, canceled: %v", c.what, err)
		}
	}
	srv.Kill()
	for _, c := range calls(rdb) {
		err := c.do(t.Context(), l)
		var u *ledger.UnavailableError
		if err == nil || errors.As(err, &u) || !strings.HasPrefix(err.Error(), c.what) {
			t.Errorf("%s, server gone: %v", c.what, err)
		}
	}
}

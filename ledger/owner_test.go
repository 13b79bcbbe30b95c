package ledger_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/ledger/fsck"
	"github.com/wxrollout/wxrollout/rollout"
)

// ranked is a plan of a version with a priority and a policy.
func ranked(name, version string, priority int, on rollout.OnConflict) rollout.Plan {
	p := plan(name, 1)
	p.Template.Version, p.Priority, p.OnConflict = version, &priority, on
	return p
}

// one stores a running rollout of the plan with the target wx000, a second after the last one.
func (b *bench) one(id string, p rollout.Plan) {
	b.Helper()
	b.advance(time.Second)
	b.must(b.Load(b.Context(), rolloutLoad{ID: id, Plan: p, Targets: targetsOf(1)}))
}

const app = "wx000"

// bring moves a target on to a stage, where it is pending.
func (b *bench) bring(id string, to rollout.Stage) {
	b.Helper()
	for _, s := range rollout.Stages() {
		if s == to {
			return
		}
		_, t := b.begin(id, s, app)
		b.step(t, rollout.Advanced{At: at, AuditID: 7})
	}
}

// try claims the app for a rollout's target and says what comes of it.
func (b *bench) try(id string) string {
	b.Helper()
	t, err := b.Target(b.Context(), id, app)
	b.must(err)
	assignments, err := b.Claim(b.Context(), rollout.Claim{Rollout: id, Stage: t.Stage, MaxRank: rollout.Rank(9, 0), ReadBack: t.Reason == rollout.ReasonUnknown, N: 1, Lease: lease})
	b.must(err)
	if len(assignments) == 1 {
		return "takes"
	}
	now, err := b.Target(b.Context(), id, app)
	b.must(err)
	switch left := now.Due.Sub(b.rdb.Time(b.Context()).Val()).Round(time.Second); {
	case now.State == rollout.StateSkipped:
		return "skips"
	case now.Reason != rollout.ReasonOwner:
		return string(now.State)
	case left <= 2*time.Second:
		return "hurries"
	default:
		return "waits"
	}
}

// ownerStates are what the owner's target may be doing.
var ownerStates = map[string]func(b *bench){
	"pending at its first stage": func(b *bench) {
		_, t := b.begin("old", rollout.StagePreflight, app)
		b.step(t, rollout.Yielded{At: at})
	},
	"waits for quota": func(b *bench) {
		b.bring("old", rollout.StageSubmit)
	},
	"waits for its merchant": func(b *bench) {
		b.bring("old", rollout.StageCommit)
		_, t := b.begin("old", rollout.StageCommit, app)
		b.step(t, rollout.Waited{At: at, Reason: rollout.ReasonMerchant, For: 6 * time.Hour})
	},
	"is in audit": func(b *bench) {
		b.bring("old", rollout.StageVerdict)
		_, t := b.begin("old", rollout.StageVerdict, app)
		b.step(t, rollout.Waited{At: at, Reason: rollout.ReasonVerdict, For: time.Hour})
	},
	"waits for its window": func(b *bench) {
		b.bring("old", rollout.StageRelease)
		_, t := b.begin("old", rollout.StageRelease, app)
		b.step(t, rollout.Waited{At: at, Reason: rollout.ReasonWindow, For: time.Hour})
	},
	"is parked in a paused rollout": func(b *bench) {
		b.bring("old", rollout.StageSubmit)
		b.must(b.Pause(b.Context(), "old", "op", "a look"))
	},
	"has an assignment": func(b *bench) {
		b.begin("old", rollout.StagePreflight, app)
	},
	"has an assignment that ran out": func(b *bench) {
		b.begin("old", rollout.StagePreflight, app)
		b.advance(2 * lease)
	},
	"has an unknown reply": func(b *bench) {
		b.bring("old", rollout.StageSubmit)
		_, t := b.begin("old", rollout.StageSubmit, app)
		t = b.step(t, rollout.Intended{At: at, Op: rollout.OpSubmit})
		b.step(t, rollout.Waited{At: at, Reason: rollout.ReasonUnknown, For: time.Hour})
	},
	"is in a gray release": func(b *bench) {
		b.bring("old", rollout.StageRelease)
		_, t := b.begin("old", rollout.StageRelease, app)
		b.step(t, rollout.GrayStepped{At: at, For: 24 * time.Hour})
	},
	"is about to be undone": func(b *bench) {
		b.bring("old", rollout.StageVerdict)
		t, err := b.Target(b.Context(), "old", app)
		b.must(err)
		b.step(t, rollout.Undo{At: at})
	},
	"is parked while it is undone": func(b *bench) {
		b.bring("old", rollout.StageVerdict)
		t, err := b.Target(b.Context(), "old", app)
		b.must(err)
		b.step(t, rollout.Undo{At: at})
		_, t = b.begin("old", rollout.StageUndo, app)
		b.step(t, rollout.Waited{At: at, Reason: rollout.ReasonThrottle, For: time.Hour})
	},
	"has ended": func(b *bench) {
		_, t := b.begin("old", rollout.StagePreflight, app)
		b.step(t, rollout.Finished{At: at, End: rollout.StateUpToDate})
	},
	"waits in an aborted rollout": func(b *bench) {
		b.bring("old", rollout.StageSubmit)
		b.must(b.Abort(b.Context(), "old", "op", "enough"))
	},
	"acts in an aborted rollout": func(b *bench) {
		b.begin("old", rollout.StagePreflight, app)
		b.must(b.Abort(b.Context(), "old", "op", "enough"))
	},
}

// TestContest is the table of docs/priority.md: what a target does about an app that another
// rollout works on.
func TestContest(t *testing.T) {
	t.Parallel()
	onlyWaits := []string{
		"pending at its first stage", "waits for quota", "waits for its merchant", "is in audit", "waits for its window",
		"is parked in a paused rollout", "is parked while it is undone",
	}
	keeps := []string{"has an assignment", "has an assignment that ran out", "has an unknown reply", "is in a gray release", "is about to be undone"}
	for state, prepare := range ownerStates {
		for _, tt := range []struct {
			name     string
			old      rollout.Plan
			new      rollout.Plan
			outranks bool
			other    string
		}{
			{"higher", ranked("a", "2.0.0", 0, ""), ranked("b", "3.0.0", 100, ""), true, ""},
			{"higher, and skips", ranked("a", "2.0.0", 0, ""), ranked("b", "3.0.0", 100, "skip"), true, ""},
			{"the same, and supersedes", ranked("a", "2.0.0", 5, ""), ranked("b", "3.0.0", 5, "supersede"), true, ""},
			{"the same", ranked("a", "2.0.0", 5, "supersede"), ranked("b", "3.0.0", 5, ""), false, "waits"},
			{"lower, and supersedes", ranked("a", "2.0.0", 5, ""), ranked("b", "3.0.0", 4, "supersede"), false, "waits"},
			{"the same, and skips", ranked("a", "2.0.0", 5, ""), ranked("b", "3.0.0", 5, "skip"), false, "skips"},
		} {
			t.Run(state+"/"+tt.name, func(t *testing.T) {
				t.Parallel()
				both(t, func(b *bench) {
					b.one("old", tt.old)
					b.one("new", tt.new)
					prepare(b)
					want := tt.other
					switch {
					case state == "has ended" || state == "waits in an aborted rollout":
						want = "takes"
					case state == "acts in an aborted rollout":
						want = "waits"
					case tt.outranks && slices.Contains(onlyWaits, state):
						want = "takes"
					case tt.outranks && slices.Contains(keeps, state):
						want = "hurries"
					}
					if got := b.try("new"); got != want {
						b.Errorf("it %s, want that it %s", got, want)
					}
					b.sound("old", "new")
					b.ousted(want == "takes" && slices.Contains(onlyWaits, state))
				})
			})
		}
	}
}

// ousted checks the owner and the old rollout's target after a claim.
func (b *bench) ousted(taken bool) {
	b.Helper()
	owner, err := b.Owner(b.Context(), app)
	b.must(err)
	if !taken {
		return
	}
	t, err := b.Target(b.Context(), "old", app)
	b.must(err)
	if owner != "new" || t.State != rollout.StateParked || t.Reason != rollout.ReasonOwner {
		b.Errorf("owner %s, the old target is %s:%s", owner, t.State, t.Reason)
	}
}

// An older rollout of the same priority doesn't take the app back, with any policy of both plans: no
// app goes to and fro.
func TestNoAppGoesToAndFro(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		b.one("old", ranked("a", "2.0.0", 5, "supersede"))
		b.one("new", ranked("b", "3.0.0", 5, "supersede"))
		b.bring("old", rollout.StageSubmit)
		if got := b.try("new"); got != "takes" {
			b.Fatalf("the newer one %s", got)
		}
		cur, err := b.Target(b.Context(), "new", app)
		b.must(err)
		b.step(cur, rollout.Yielded{At: at})
		for range 5 {
			b.advance(ownerRetry)
			n, err := b.WakeDue(b.Context(), 9)
			b.must(err)
			if owner, _ := b.Owner(b.Context(), app); n != 0 || owner != "new" {
				b.Fatalf("%d woken, the owner is %s", n, owner)
			}
		}
	})
}

// released plays a rollout to its end.
func (b *bench) released(id string) {
	b.Helper()
	b.bring(id, rollout.StageRelease)
	_, t := b.begin(id, rollout.StageRelease, app)
	b.step(t, rollout.Finished{At: at, End: rollout.StateReleased})
}

// A target whose app was taken ends as soon as the other rollout has released a newer version:
// without a permit and without an assignment. It waits while that is open, and goes on if nothing
// comes of it.
func TestOustedTargetEnds(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		b.one("old", ranked("a", "2.0.0", 0, ""))
		b.one("new", ranked("b", "3.0.0", 100, ""))
		b.bring("old", rollout.StageSubmit)
		b.bring("new", rollout.StageSubmit)
		b.advance(ownerRetry)
		if n, err := b.WakeDue(b.Context(), 9); err != nil || n != 0 {
			b.Errorf("%d woken (%v) while the hotfix works on the app", n, err)
		}
		for _, s := range []rollout.Stage{rollout.StageSubmit, rollout.StageVerdict} {
			_, t := b.begin("new", s, app)
			b.step(t, rollout.Advanced{At: at, AuditID: 7})
		}
		_, t := b.begin("new", rollout.StageRelease, app)
		b.step(t, rollout.Finished{At: at, End: rollout.StateReleased})
		b.advance(ownerRetry)
		_, err := b.WakeDue(b.Context(), 9)
		b.must(err)
		x, err := b.Target(b.Context(), "old", app)
		b.must(err)
		if note := x.Timeline[len(x.Timeline)-1].Note; x.State != rollout.StateSkipped || note != "superseded by rollout new (version 3.0.0)" {
			b.Errorf("it is %s: %s", x.State, note)
		}
		b.sound("old", "new")
	})
	both(t, func(b *bench) {
		b.one("old", ranked("a", "2.0.0", 0, ""))
		b.one("new", ranked("b", "3.0.0", 100, ""))
		b.bring("old", rollout.StageSubmit)
		_, t := b.begin("new", rollout.StagePreflight, app)
		b.step(t, rollout.Failed{At: at, LastError: rollout.LastError{Text: "no"}})
		b.advance(ownerRetry)
		if n, err := b.WakeDue(b.Context(), 9); err != nil || n != 1 {
			b.Errorf("%d woken (%v) after the hotfix failed, want 1", n, err)
		}
		if got := b.try("old"); got != "takes" {
			b.Errorf("it %s, want that it goes on", got)
		}
	})
}

// Start returns what was released of its app and when its rollout was created; an undo takes
// the release away; the rules of docs/priority.md follow from both.
func TestReleases(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		shown := func(id string) []string {
			b.Helper()
			assignment := b.claimed(id, rollout.StagePreflight)
			if len(assignment) != 1 {
				b.Fatalf("%s gets %v", id, assignment)
			}
			s, err := b.Start(b.Context(), assignment[0], lease)
			b.must(err)
			b.step(s.Target, rollout.Yielded{At: at})
			r, err := b.Rollout(b.Context(), id)
			b.must(err)
			if !s.Created.Equal(r.Created) {
				b.Errorf("created %s, want %s", s.Created, r.Created)
			}
			var list []string
			for _, x := range s.Releases {
				list = append(list, x.Rollout+" "+x.Version)
				if o, err := b.Rollout(b.Context(), x.Rollout); err != nil || !o.Created.Equal(x.Created) {
					b.Errorf("the release of %s counts as of %s (%v)", x.Rollout, x.Created, err)
				}
			}
			return list
		}
		b.one("bulk", ranked("a", "2.0.0", 0, ""))
		b.one("hotfix", ranked("b", "3.0.0", 100, ""))
		b.one("after", ranked("c", "2.5.0", 0, ""))
		b.released("after")
		b.released("hotfix")
		if got := shown("bulk"); !slices.Equal(got, []string{"after 2.5.0", "hotfix 3.0.0"}) {
			b.Errorf("after two: %q", got)
		}
		x, err := b.Target(b.Context(), "hotfix", app)
		b.must(err)
		b.step(x, rollout.Undo{At: at})
		bulk, err := b.Target(b.Context(), "bulk", app)
		b.must(err)
		if _, err := b.Save(b.Context(), bulk, mustStep(b, bulk, rollout.Skipped{At: at}), rollout.SaveOptions{}); err != nil {
			b.Fatal(err)
		}
		_, x = b.begin("hotfix", rollout.StageUndo, app)
		b.step(x, rollout.Finished{At: at, End: rollout.StateUndone})
		b.one("last", ranked("d", "1.0.0", 0, ""))
		if got := shown("last"); !slices.Equal(got, []string{"after 2.5.0"}) {
			b.Errorf("after the undo: %q", got)
		}
	})
}

// A hotfix that is created after the clock stepped back is still the later rollout: what it
// released stays.
func TestReleaseAfterTheClockSteppedBack(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		b.one("bulk", ranked("a", "2.0.0", 0, ""))
		b.advance(-8 * time.Hour)
		b.one("hotfix", ranked("b", "3.0.0", 100, ""))
		b.released("hotfix")
		assignment := b.claimed("bulk", rollout.StagePreflight)
		if len(assignment) != 1 {
			b.Fatalf("bulk gets %v", assignment)
		}
		s, err := b.Start(b.Context(), assignment[0], lease)
		b.must(err)
		if by, ok := rollout.Superseded(ranked("a", "2.0.0", 0, ""), "bulk", s.Created, s.Releases); !ok || by.Rollout != "hotfix" {
			b.Errorf("bulk, created %s, is not superseded by %+v", s.Created, s.Releases)
		}
	})
}

func mustStep(b *bench, t rollout.Target, e rollout.Event) rollout.Target {
	b.Helper()
	next, err := rollout.Step(t, e)
	b.must(err)
	return next
}

// A retried target may have another plan revision's version: what counts is what is live.
func TestReleaseOfARevision(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		b.one("r1", ranked("a", "2.0.0", 0, ""))
		b.bring("r1", rollout.StageRelease)
		_, x := b.begin("r1", rollout.StageRelease, app)
		_, err := b.Save(b.Context(), x, mustStep(b, x, rollout.Finished{At: at, End: rollout.StateReleased}), rollout.SaveOptions{Version: "2.0.1\n|x"})
		b.must(err)
		if got := b.rdb.HGet(b.Context(), "wxr:{ledger}:released", app).Val(); !strings.HasPrefix(got, "r1|") || !strings.HasSuffix(got, "|2.0.1 |x") {
			b.Errorf("stored: %q", got)
		}
	})
}

// Rollouts of an older program have neither priority nor version fields, and no app has
// releases: their plans show it.
func TestRolloutsOfAnOlderProgram(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		bulk, hot := plan("a", 1), plan("b", 1)
		bulk.Template.Version, hot.Template.Version = "2.0.0", "3.0.0"
		hot.Quota.Pool = "hotfix"
		b.one("old", bulk)
		b.one("new", hot)
		for _, id := range []string{"old", "new"} {
			b.must(b.rdb.HDel(b.Context(), "wxr:{ledger}:r:"+id, "priority", "conflict", "version").Err())
		}
		b.bring("old", rollout.StageSubmit)
		if got := b.try("new"); got != "takes" {
			b.Errorf("a separate pool %s, want that it takes the app", got)
		}
		cur, err := b.Target(b.Context(), "new", app)
		b.must(err)
		b.step(cur, rollout.Advanced{At: at})
		for _, s := range []rollout.Stage{rollout.StageCommit, rollout.StageCheck, rollout.StageSubmit, rollout.StageVerdict} {
			_, x := b.begin("new", s, app)
			b.step(x, rollout.Advanced{At: at, AuditID: 7})
		}
		_, x := b.begin("new", rollout.StageRelease, app)
		b.step(x, rollout.Finished{At: at, End: rollout.StateReleased})
		if got := b.rdb.HGet(b.Context(), "wxr:{ledger}:released", app).Val(); !strings.HasSuffix(got, "|3.0.0") {
			b.Errorf("its release is stored as %q", got)
		}
		b.sound("old", "new")
	})
}

// An assignment that ran out in an aborted rollout doesn't begin once the app is another's.
func TestLateTaskOfAnAbortedRollout(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		b.one("old", ranked("a", "2.0.0", 0, ""))
		b.one("new", ranked("b", "3.0.0", 0, ""))
		assignment := b.claimed("old", rollout.StagePreflight)[0]
		b.must(b.Abort(b.Context(), "old", "op", "enough"))
		b.advance(lease)
		if got := b.try("new"); got != "takes" {
			b.Fatalf("it %s", got)
		}
		if _, err := b.Start(b.Context(), assignment, lease); !errors.As(err, new(*rollout.StaleError)) {
			b.Errorf("the late task begins beside the new owner: %v", err)
		}
	})
}

// The check finds a release that was undone, and a repair forgets it.
func TestFsckReleases(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		b.one("r1", ranked("a", "2.0.0", 0, ""))
		b.released("r1")
		b.sound("r1")
		mark := b.rdb.HGet(b.Context(), "wxr:{ledger}:released", app).Val()
		x, err := b.Target(b.Context(), "r1", app)
		b.must(err)
		b.step(x, rollout.Undo{At: at})
		_, x = b.begin("r1", rollout.StageUndo, app)
		b.step(x, rollout.Finished{At: at, End: rollout.StateUndone})
		b.sound("r1")
		b.must(b.rdb.HSet(b.Context(), "wxr:{ledger}:released", app, mark).Err())
		_, found, err := checked(b.Context(), b.rdb, fsck.Options{Rollouts: []string{"r1"}, Repair: true})
		if err != nil || len(found) != 1 || found[0].Fault != fsck.FaultRelease || found[0].Done != "forgot its release" {
			b.Errorf("found %+v", found)
		}
		b.sound("r1")
		if n := b.rdb.HLen(context.WithoutCancel(b.Context()), "wxr:{ledger}:released").Val(); n != 0 {
			b.Errorf("%d releases are left", n)
		}
	})
}

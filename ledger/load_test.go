package ledger_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/ledger/fsck"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/calendar"
)

func (b *bench) create(id, name string) (ledger.Created, error) {
	return b.Create(b.Context(), ledger.NewRollout{ID: id, Plan: plan(name, 3), Digest: id})
}

func (b *bench) add(id string, targets []rollout.Target, want int) {
	b.Helper()
	n, err := b.Add(b.Context(), id, targets)
	b.must(err)
	if n != want {
		b.Errorf("added %d targets, want %d", n, want)
	}
}

func (b *bench) seal(id string, total int) error {
	return b.Seal(b.Context(), id, total, false, "op", "apply")
}

// A load that was interrupted goes on where it stopped when applied again.
func TestLoadTwice(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		targets := targetsOf(3)
		created, err := b.create("r1", "spring")
		b.must(err)
		if want := (ledger.Created{New: true, Status: rollout.StatusLoading}); created != want {
			b.Errorf("first: %+v, want %+v", created, want)
		}
		b.add("r1", targets[:2], 2)
		created, err = b.create("r1", "spring")
		b.must(err)
		if want := (ledger.Created{Status: rollout.StatusLoading}); created != want {
			b.Errorf("again: %+v, want %+v", created, want)
		}
		b.add("r1", targets, 1)
		b.must(b.seal("r1", 3))
		b.must(b.seal("r1", 3))
		created, err = b.create("r1", "spring")
		b.must(err)
		if want := (ledger.Created{Status: rollout.StatusRunning}); created != want {
			b.Errorf("when it runs: %+v, want %+v", created, want)
		}
		var status *ledger.StatusError
		if _, err := b.Add(b.Context(), "r1", targets); !errors.As(err, &status) || status.Status != rollout.StatusRunning {
			b.Errorf("adding to a running rollout: %v, want a StatusError", err)
		}
		b.sound("r1")
	})
}

// Two who apply the same plan at once do no harm.
func TestLoadByTwoAtOnce(t *testing.T) {
	t.Parallel()
	rdb := redistest.Start(t).Client(t)
	l := store{ledger.New(rdb, ledger.Options{})}
	const n = 2345
	apply := func(ctx context.Context) error {
		return l.Load(ctx, rolloutLoad{ID: "r1", Plan: plan("spring", n), Targets: targetsOf(n)})
	}
	for range 3 {
		g, ctx := errgroup.WithContext(t.Context())
		for range 2 {
			g.Go(func() error {
				err := apply(ctx)
				var status *ledger.StatusError
				if errors.As(err, &status) && status.Status == rollout.StatusRunning {
					return nil // the other sealed it while this one still added
				}
				return err
			})
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	r, err := l.Rollout(t.Context(), "r1")
	if err != nil || r.Status != rollout.StatusRunning || r.Total != n || r.Counts.Total() != n {
		t.Errorf("rollout %s with %d of %d targets, %v; want %d", r.Status, r.Counts.Total(), r.Total, err, n)
	}
	actions, err := l.Actions(t.Context(), "r1")
	if err != nil || len(actions) != 1 || actions[0].To != "running" || actions[0].By != "test" {
		t.Errorf("actions %+v, %v; want one seal", actions, err)
	}
	if in, f, err := checked(t.Context(), rdb, fsck.Options{Rollouts: []string{"r1"}}); err != nil || len(f) > 0 || in.Targets != n {
		t.Errorf("inspection: %+v, %v, %v", in, f, err)
	}
}

func TestSealErrors(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		_, err := b.create("r1", "spring")
		b.must(err)
		b.add("r1", targetsOf(2), 2)
		var count *ledger.CountError
		if err := b.seal("r1", 3); !errors.As(err, &count) || *count != (ledger.CountError{Of: "rollout r1", Have: 2, Want: 3}) {
			b.Errorf("sealed with one missing: %v", err)
		}
		r, err := b.Rollout(b.Context(), "r1")
		b.must(err)
		if r.Status != rollout.StatusLoading {
			b.Errorf("then it is %s, want loading", r.Status)
		}
		b.must(b.Abort(b.Context(), "r1", "op", "enough"))
		var status *ledger.StatusError
		if err := b.seal("r1", 2); !errors.As(err, &status) || status.Status != rollout.StatusAborted {
			b.Errorf("sealed after an abort: %v", err)
		}
		if err := b.seal("r9", 2); !errors.Is(err, ledger.ErrNotFound) {
			b.Errorf("sealed an unknown rollout: %v", err)
		}
	})
}

// A name belongs to one unfinished rollout at a time.
func TestName(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		taken := func(what, id, by string, status rollout.Status) {
			b.Helper()
			_, err := b.create(id, "spring")
			var e *ledger.TakenError
			if !errors.As(err, &e) || *e != (ledger.TakenError{Name: "spring", Other: by, Status: status}) {
				b.Errorf("%s: %v, want taken by %s", what, err, by)
			}
		}
		_, err := b.create("r1", "spring")
		b.must(err)
		taken("while it loads", "r2", "r1", rollout.StatusLoading)
		b.add("r1", targetsOf(1), 1)
		b.must(b.seal("r1", 1))
		b.advance(time.Hour)
		taken("while it runs, however long", "r2", "r1", rollout.StatusRunning)
		b.must(b.Pause(b.Context(), "r1", "op", "wait"))
		taken("while it is paused", "r2", "r1", rollout.StatusPaused)
		if _, err := b.Plan(b.Context(), "r2", 0); !errors.Is(err, ledger.ErrNotFound) {
			b.Errorf("the refused one left a plan behind: %v", err)
		}
		b.must(b.Abort(b.Context(), "r1", "op", "enough"))
		_, err = b.create("r2", "spring")
		b.must(err)
		for name, want := range map[string]string{"spring": "r2", "autumn": ""} {
			id, err := b.ByName(b.Context(), name)
			if id != want || (want == "" && !errors.Is(err, ledger.ErrNotFound)) {
				b.Errorf("ByName(%s) = %q, %v; want %q", name, id, err, want)
			}
		}
	})
}

// A load that was silent for long loses its name to another plan.
func TestStaleLoadLosesItsName(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		_, err := b.create("r1", "spring")
		b.must(err)
		b.advance(2 * time.Minute)
		b.add("r1", targetsOf(1), 1) // not silent after all
		b.advance(2 * time.Minute)
		var taken *ledger.TakenError
		if _, err := b.create("r2", "spring"); !errors.As(err, &taken) {
			b.Errorf("two minutes after its last batch: %v, want taken", err)
		}
		b.advance(time.Millisecond)
		_, err = b.create("r2", "spring")
		b.must(err)
		// The first wakes up: it must not run beside the second.
		b.add("r1", targetsOf(1), 0)
		if err := b.seal("r1", 1); !errors.As(err, &taken) || taken.Other != "r2" {
			b.Errorf("seal of the one that lost its name: %v, want taken by r2", err)
		}
		if _, err := b.create("r1", "spring"); !errors.As(err, &taken) || taken.Other != "r2" {
			b.Errorf("apply of the one that lost its name: %v, want taken by r2", err)
		}
		b.must(b.Abort(b.Context(), "r2", "op", "enough"))
		_, err = b.create("r1", "spring")
		b.must(err)
		b.must(b.seal("r1", 1))
		if id, err := b.ByName(b.Context(), "spring"); id != "r1" {
			b.Errorf("the name is %s's, %v; want r1's again", id, err)
		}
	})
}

func TestPlanRevisions(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		first := plan("spring", 2, 3)
		window := calendar.Window{From: time.Hour, To: 2 * time.Hour, Zone: "Asia/Shanghai"}
		first.Release = rollout.ReleasePolicy{When: rollout.ReleaseApproved, Window: &window, Gray: []int{5, 100}, Every: 24 * time.Hour}
		first.Quota.Reserve = map[string]int64{"hotfix": 60}
		_, err := b.Create(b.Context(), ledger.NewRollout{ID: "r1", Plan: first, Digest: "d1"})
		b.must(err)
		second := first
		second.Ext = `{"extEnable":false}`
		n, err := b.Revise(b.Context(), "r1", second)
		if n != 1 || err != nil {
			b.Fatalf("revision %d, %v; want 1", n, err)
		}
		for revision, want := range []rollout.Plan{first, second} {
			got, err := b.Plan(b.Context(), "r1", revision)
			b.must(err)
			if diff := cmp.Diff(want, got); diff != "" {
				b.Errorf("revision %d (-want +got):\n%s", revision, diff)
			}
		}
		r, err := b.Rollout(b.Context(), "r1")
		b.must(err)
		brief := first
		brief.Ext = ""
		if diff := cmp.Diff(brief, r.Plan); diff != "" || r.Revision != 1 || r.Digest != "d1" {
			b.Errorf("revision %d, digest %s, plan without its ext (-want +got):\n%s", r.Revision, r.Digest, diff)
		}
		if _, err := b.Plan(b.Context(), "r1", 2); !errors.Is(err, ledger.ErrNotFound) {
			b.Errorf("revision 2: %v, want not found", err)
		}
		if _, err := b.Revise(b.Context(), "r9", second); !errors.Is(err, ledger.ErrNotFound) {
			b.Errorf("revising an unknown rollout: %v", err)
		}
		if _, err := b.Rollout(b.Context(), "r9"); !errors.Is(err, ledger.ErrNotFound) {
			b.Errorf("it left a rollout behind: %v", err)
		}
	})
}

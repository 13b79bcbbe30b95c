package ledger_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
)

func TestActions(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		b.load("r1", 1)
		b.must(b.PauseBy(b.Context(), "r1", "ann", `look at "wx1" / <b> 中文`))
		b.advance(time.Hour)
		b.must(b.Resume(b.Context(), "r1", "bob", "fine"))
		got, err := b.Actions(b.Context(), "r1")
		b.must(err)
		if len(got) == 3 && got[2].Time().Sub(got[1].Time()) != time.Hour {
			b.Errorf("resumed %v after the pause, want 1h", got[2].Time().Sub(got[1].Time()))
		}
		for i := range got {
			got[i].At = 0
		}
		want := []ledger.Action{
			{Verb: "apply", From: "loading", To: "running", By: "test", Why: "apply"},
			{Verb: "pause", From: "running", To: "paused", By: "ann", Why: `look at "wx1" / <b> 中文`},
			{Verb: "resume", From: "paused", To: "running", By: "bob", Why: "fine"},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			b.Errorf("actions (-want +got):\n%s", diff)
		}
	})
}

// A rollout that is paused before its start waits for it again when resumed.
func TestResumeBeforeTheStart(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		now, err := b.rdb.Time(b.Context()).Result()
		b.must(err)
		b.must(b.Load(b.Context(), rolloutLoad{
			ID: "r1", Plan: plan("later", 1), StartAt: now.Add(time.Hour), Targets: targetsOf(1),
		}))
		resumed := func(what string, want rollout.Status) {
			b.Helper()
			b.must(b.PauseBy(b.Context(), "r1", "op", "wait"))
			b.must(b.Resume(b.Context(), "r1", "op", "go on"))
			r, err := b.Rollout(b.Context(), "r1")
			b.must(err)
			if r.Status != want || r.Started.IsZero() != (want == rollout.StatusScheduled) {
				b.Errorf("%s: %s, started %v; want %s", what, r.Status, r.Started, want)
			}
		}
		resumed("before its start", rollout.StatusScheduled)
		b.advance(time.Hour)
		resumed("at its start", rollout.StatusRunning)
	})
}

func TestApproveReleases(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		b.load("r1", 1)
		for _, want := range []bool{true, false} {
			if first, err := b.ApproveReleases(b.Context(), "r1", "op", "seen"); first != want || err != nil {
				b.Errorf("approve: first %t, %v; want %t", first, err, want)
			}
		}
		_, started := b.begin("r1", rollout.StagePreflight, "wx000")
		b.step(started, rollout.Yielded{At: at})
		assignments, err := b.Claim(b.Context(), rollout.Claim{Rollout: "r1", Stage: rollout.StagePreflight, MaxRank: 9, N: 9, Lease: lease})
		b.must(err)
		s, err := b.Start(b.Context(), assignments[0], lease)
		b.must(err)
		if !s.ReleaseApproved {
			b.Error("a handler doesn't see the approval")
		}
		if r, err := b.Rollout(b.Context(), "r1"); err != nil || !r.ReleaseApproved {
			b.Errorf("released %t, %v", r.ReleaseApproved, err)
		}
		if _, err := b.ApproveReleases(b.Context(), "r9", "op", "x"); !errors.Is(err, ledger.ErrNotFound) {
			b.Errorf("approving an unknown rollout: %v", err)
		}
	})
}

func TestRolloutsPages(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		for _, id := range []string{"r1", "r2", "r3"} {
			b.load(id, 1)
			b.advance(time.Second)
		}
		for _, tc := range []struct {
			offset, n int
			want      []string
		}{{0, 2, []string{"r3", "r2"}}, {2, 2, []string{"r1"}}, {3, 2, nil}} {
			list, err := b.Rollouts(b.Context(), tc.offset, tc.n)
			b.must(err)
			var got []string
			for _, r := range list {
				got = append(got, r.ID)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				b.Errorf("page at %d (-want +got):\n%s", tc.offset, diff)
			}
		}
	})
}

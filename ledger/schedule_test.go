package ledger_test

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
)

func (b *bench) now() time.Time {
	b.Helper()
	now, err := b.rdb.Time(b.Context()).Result()
	b.must(err)
	return now.Truncate(time.Millisecond)
}

// schedule stores a sealed schedule of n targets.
func (b *bench) schedule(name string, n int, next time.Time) ledger.Schedule {
	b.Helper()
	s := ledger.Schedule{
		Name: name, Spec: "0 2 1 * *", Zone: "Asia/Shanghai", Plan: plan(name, n),
		Digest: "digest of " + name, Total: n, By: "ann", NextRun: next,
	}
	_, err := b.PutSchedule(b.Context(), s)
	b.must(err)
	for page := range slices.Chunk(targetsOf(n), ledger.AddBatch) {
		_, err := b.AddScheduleTargets(b.Context(), name, page)
		b.must(err)
	}
	b.must(b.SealSchedule(b.Context(), name, n))
	return s
}

func (b *bench) due() []string {
	b.Helper()
	list, err := b.DueSchedules(b.Context())
	b.must(err)
	var names []string
	for _, s := range list {
		names = append(names, s.Name)
	}
	return names
}

func TestScheduleRoundTrip(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		const n = 1100 // more than two pages
		start := b.now()
		want := b.schedule("monthly", n, start.Add(time.Hour))
		want.Created, want.Sealed = start, true
		got, err := b.Schedule(b.Context(), "monthly")
		b.must(err)
		if diff := cmp.Diff(want, got); diff != "" {
			b.Errorf("schedule (-want +got):\n%s", diff)
		}
		targets := make(map[string]rollout.Target)
		for x, err := range b.ScheduleTargets(b.Context(), "monthly") {
			b.must(err)
			targets[x.AppID] = x
		}
		wantTargets := make(map[string]rollout.Target)
		for _, x := range targetsOf(n) {
			wantTargets[x.AppID] = x
		}
		if diff := cmp.Diff(wantTargets, targets); diff != "" {
			b.Errorf("targets (-want +got):\n%s", diff)
		}
		b.must(b.DeleteSchedule(b.Context(), "monthly"))
		if _, err := b.Schedule(b.Context(), "monthly"); !errors.Is(err, ledger.ErrNotFound) {
			b.Errorf("deleted: %v", err)
		}
		if keys := b.rdb.Keys(b.Context(), "*").Val(); len(keys) != 0 {
			b.Errorf("it left %q behind", keys)
		}
	})
}

func TestScheduleLoad(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		ctx := b.Context()
		s := ledger.Schedule{Name: "s", Spec: "@daily", Digest: "d1", Total: 2, NextRun: b.now()}
		put := func(what string, s ledger.Schedule, want bool) {
			b.Helper()
			sealed, err := b.PutSchedule(ctx, s)
			b.must(err)
			if sealed != want {
				b.Errorf("%s: sealed %t, want %t", what, sealed, want)
			}
		}
		add := func(what string, want int) {
			b.Helper()
			n, err := b.AddScheduleTargets(ctx, "s", targetsOf(2)[:1+want])
			b.must(err)
			if n != 1 {
				b.Errorf("%s: added %d, want 1", what, n)
			}
		}
		put("new", s, false)
		add("one of two", 0)
		var count *ledger.CountError
		if err := b.SealSchedule(ctx, "s", 2); !errors.As(err, &count) || count.Have != 1 || count.Want != 2 {
			b.Errorf("sealed with one missing: %v", err)
		}
		if due := b.due(); due != nil {
			b.Errorf("%q are due before they are sealed", due)
		}
		put("the load goes on", s, false)
		add("both", 1)
		b.must(b.SealSchedule(ctx, "s", 2))
		b.must(b.SealSchedule(ctx, "s", 2))
		if due := b.due(); !slices.Equal(due, []string{"s"}) {
			b.Errorf("due %q", due)
		}
		if _, err := b.AddScheduleTargets(ctx, "s", targetsOf(3)); err == nil || !strings.Contains(err.Error(), "sealed") {
			b.Errorf("adding to a sealed one: %v", err)
		}

		s.Spec, s.By, s.NextRun = "@weekly", "bob", b.now().Add(time.Hour)
		put("the same content at another time", s, true)
		if got, err := b.Schedule(ctx, "s"); err != nil || got.Spec != "@weekly" || got.By != "bob" || !got.NextRun.Equal(s.NextRun) || b.due() != nil {
			b.Errorf("changed to %+v, %v; due %q", got, err, b.due())
		}
		s.Digest = "d2"
		var taken *ledger.ScheduleTakenError
		if _, err := b.PutSchedule(ctx, s); !errors.As(err, &taken) || taken.Name != "s" {
			b.Errorf("other content: %v, want a ScheduleTakenError", err)
		}
	})
}

func TestScheduleFire(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		ctx, start := b.Context(), b.now()
		first, next := start.Add(time.Hour), start.Add(25*time.Hour)
		b.schedule("early", 1, first)
		b.schedule("late", 1, first.Add(time.Minute))
		b.schedule("never", 1, time.Time{})
		fire := func(what string, expected, newNext time.Time, missed int, want bool) {
			b.Helper()
			got, err := b.FireSchedule(ctx, "early", "run of "+what, expected, newNext, missed)
			b.must(err)
			if got != want {
				b.Errorf("%s: fired %t, want %t", what, got, want)
			}
		}
		b.advance(time.Hour - time.Millisecond)
		if due := b.due(); due != nil {
			b.Errorf("%q are due too early", due)
		}
		b.advance(time.Millisecond)
		if due := b.due(); !slices.Equal(due, []string{"early"}) {
			b.Errorf("due %q, want early", due)
		}
		b.advance(time.Minute)
		if due := b.due(); !slices.Equal(due, []string{"early", "late"}) {
			b.Errorf("due %q, want the longest due first", due)
		}
		fire("a leader with an older view", first.Add(-time.Hour), next, 0, false)
		fire("one", first, next, 2, true)
		fire("another at the same time", first, next, 2, false)
		if due := b.due(); !slices.Equal(due, []string{"late"}) {
			b.Errorf("due %q after early was fired", due)
		}
		got, err := b.Schedule(ctx, "early")
		b.must(err)
		if got.LastID != "run of one" || !got.LastRun.Equal(b.now()) || !got.NextRun.Equal(next) || got.Missed != 2 {
			b.Errorf("fired: %+v", got)
		}
		b.must(b.PauseSchedule(ctx, "early"))
		b.advance(48 * time.Hour)
		if due := b.due(); !slices.Equal(due, []string{"late"}) {
			b.Errorf("due %q while early is paused", due)
		}
		fire("a paused one", next, next.Add(time.Hour), 0, false)
		resumed := b.now().Add(time.Hour)
		b.must(b.ResumeSchedule(ctx, "early", resumed))
		b.advance(time.Hour)
		if due := b.due(); !slices.Equal(due, []string{"late", "early"}) {
			b.Errorf("due %q after early was resumed", due)
		}
		fire("the last", resumed, time.Time{}, 1, true)
		if got, err := b.Schedule(ctx, "early"); err != nil || !got.NextRun.IsZero() || got.Missed != 3 || got.Paused {
			b.Errorf("after its last run: %+v, %v", got, err)
		}
		list, err := b.Schedules(ctx)
		b.must(err)
		var names []string
		for _, s := range list {
			names = append(names, s.Name)
		}
		if !slices.Equal(names, []string{"late", "early", "never"}) {
			b.Errorf("listed %q, want those without a next run last", names)
		}
	})
}

// Runs that began, were missed and were skipped are counted apart, each with its last time.
func TestScheduleCounts(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		ctx, first := b.Context(), b.now().Add(time.Hour)
		b.schedule("s", 1, first)
		b.advance(2 * time.Hour)
		began := b.now()
		won, err := b.FireSchedule(ctx, "s", "r1", first, first.Add(2*time.Hour), 0)
		b.must(err)
		b.advance(2 * time.Hour)
		skipped := b.now()
		skip := func(expected, next time.Time, missed int, why string) bool {
			b.Helper()
			won, err := b.SkipSchedule(ctx, "s", expected, next, missed, why)
			b.must(err)
			return won
		}
		if !won || !skip(first.Add(2*time.Hour), first.Add(9*time.Hour), 3, "r1 is running") || skip(first.Add(2*time.Hour), first.Add(9*time.Hour), 3, "again") {
			b.Error("a run that is due is fired or skipped once")
		}
		got, err := b.Schedule(ctx, "s")
		b.must(err)
		want := ledger.Schedule{
			Runs: 1, Missed: 3, Skipped: 1, LastID: "r1", LastRun: began, MissedAt: skipped, SkippedAt: skipped, SkippedWhy: "r1 is running", NextRun: first.Add(9 * time.Hour),
		}
		if diff := cmp.Diff(want, ledger.Schedule{
			Runs: got.Runs, Missed: got.Missed, Skipped: got.Skipped, LastID: got.LastID, LastRun: got.LastRun, MissedAt: got.MissedAt,
			SkippedAt: got.SkippedAt, SkippedWhy: got.SkippedWhy, NextRun: got.NextRun,
		}); diff != "" {
			b.Errorf("schedule (-want +got):\n%s", diff)
		}
		b.advance(9 * time.Hour)
		if won, err := b.FireSchedule(ctx, "s", "r2", first.Add(9*time.Hour), time.Time{}, 0); err != nil || !won {
			b.Errorf("the next run: %t %v", won, err)
		}
		if got, err := b.Schedule(ctx, "s"); err != nil || got.Runs != 2 || got.Skipped != 1 || got.LastID != "r2" || !got.SkippedAt.Equal(skipped) {
			b.Errorf("after the next run: %+v %v", got, err)
		}
	})
}

// Of many workers that see a schedule due, one fires it.
func TestScheduleFiresOnce(t *testing.T) {
	t.Parallel()
	l := ledger.New(redistest.Start(t).Client(t), ledger.Options{})
	ctx, next := t.Context(), at
	if _, err := l.PutSchedule(ctx, ledger.Schedule{Name: "s", Digest: "d1", NextRun: next}); err != nil {
		t.Fatal(err)
	}
	if err := l.SealSchedule(ctx, "s", 0); err != nil {
		t.Fatal(err)
	}
	for run := range 20 {
		var fired atomic.Int32
		g, ctx := errgroup.WithContext(ctx)
		for range 8 {
			g.Go(func() error {
				won, err := l.FireSchedule(ctx, "s", "r", next, next.Add(time.Hour), 0)
				if won {
					fired.Add(1)
				}
				return err
			})
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		if n := fired.Load(); n != 1 {
			t.Fatalf("run %d was fired %d times", run, n)
		}
		next = next.Add(time.Hour)
	}
}

// A schedule that can't be read is a separate error.
func TestScheduleBadRecords(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		b.schedule("s", 2, time.Time{})
		b.must(b.rdb.HSet(b.Context(), "wxr:{ledger}:st:s", "wx001", "nonsense").Err())
		read, failed := 0, 0
		for _, err := range b.ScheduleTargets(b.Context(), "s") {
			if err == nil {
				read++
			} else if failed++; !strings.Contains(err.Error(), "schedule s, app wx001 in the ledger: bad record") {
				b.Errorf("error %v", err)
			}
		}
		if read != 1 || failed != 1 {
			b.Errorf("%d read, %d errors; want 1 and 1", read, failed)
		}
		for field, want := range map[string]string{"next": "soon", "def": "{"} {
			b.must(b.rdb.HSet(b.Context(), "wxr:{ledger}:s:s", field, want).Err())
			if _, err := b.Schedule(b.Context(), "s"); err == nil || !strings.HasPrefix(err.Error(), "schedule s in the ledger: ") {
				b.Errorf("bad %s: %v", field, err)
			}
		}
	})
}

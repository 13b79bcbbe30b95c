package apps_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/registry/apps"
)

func appID(n int) string { return fmt.Sprintf("wx%016d", n) }

func ids(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = appID(i)
	}
	return list
}

func must[T any](t *testing.T) func(T, error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// TestQueues: an authorized app that was never read waits to be read, and one that
// joined waits for the baseline; nothing else does.
func TestQueues(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, _ func(time.Duration)) {
		ctx, s := t.Context(), apps.New(rdb)
		now := time.Unix(10_000, 0)
		one := appID(1)
		for _, step := range []struct {
			name        string
			change      func(*apps.App) bool
			unread, new []string
		}{
			{"joins", func(a *apps.App) bool { return a.Join(100) }, []string{one}, []string{one}},
			{"is read", func(a *apps.App) bool { return a.Learn(110, apps.Facts{Name: "x"}) }, nil, []string{one}},
			{"grants change", func(a *apps.App) bool { return a.Join(120) }, []string{one}, []string{one}},
			{"leaves", func(a *apps.App) bool { return a.Leave(130) }, nil, nil},
			{"comes back", func(a *apps.App) bool { return a.Join(140) }, []string{one}, []string{one}},
			{"is listed", func(a *apps.App) bool { return a.See(150, 140, 1, false) }, []string{one}, []string{one}},
			{"nothing", func(*apps.App) bool { return false }, []string{one}, []string{one}},
		} {
			must[[]apps.Change](t)(s.Change(ctx, []string{one}, step.change))
			unread := must[[]string](t)(s.Unread(ctx, now, 10))
			fresh := must[[]string](t)(s.Newcomers(ctx, 0, 0, 10))
			if !slices.Equal(unread, step.unread) || !slices.Equal(fresh, step.new) {
				t.Errorf("%s: unread %v, new %v; want %v, %v", step.name, unread, fresh, step.unread, step.new)
			}
		}
		if err := s.Later(ctx, one, now.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if got := must[[]string](t)(s.Unread(ctx, now, 10)); len(got) != 0 || must[int](t)(s.CountUnread(ctx)) != 1 {
			t.Errorf("put off, but to be read now: %v", got)
		}
		if got := must[[]string](t)(s.Newcomers(ctx, 141, 0, 10)); len(got) != 0 {
			t.Errorf("newcomers since later: %v", got)
		}
		_, err := s.Get(ctx, "wx2")
		if !errors.Is(err, apps.ErrNotFound) {
			t.Errorf("an unknown app: %v", err)
		}
	})
}

// TestChangesAtOnce: no change is lost to another of the same record.
func TestChangesAtOnce(t *testing.T) {
	t.Parallel()
	rdb := redistest.Start(t).Client(t)
	const writers, rounds = 4, 25
	list := ids(3)
	var wg sync.WaitGroup
	for w := range writers {
		s, key := apps.New(rdb), fmt.Sprintf("w%d", w)
		wg.Go(func() {
			for r := range rounds {
				_, err := s.Change(t.Context(), list, func(a *apps.App) bool {
					return apps.Edit{Set: map[string]string{key: fmt.Sprint(r)}}.Apply(a)
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	want := map[string]string{}
	for w := range writers {
		want[fmt.Sprintf("w%d", w)] = fmt.Sprint(rounds - 1)
	}
	for a, err := range apps.New(rdb).Some(t.Context(), list) {
		if diff := cmp.Diff(want, a.Values); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", a.AppID, err, diff)
		}
	}
}

// TestManyApps: 100,000 records are written and read page by page.
func TestManyApps(t *testing.T) {
	t.Parallel()
	n := 100_000
	if testing.Short() {
		n = 5_000
	}
	s := apps.New(redistest.Start(t).Client(t))
	list := ids(n)
	began := time.Now()
	for page := range slices.Chunk(list, apps.Batch) {
		must[[]apps.Change](t)(s.Change(t.Context(), page, func(a *apps.App) bool {
			apps.Edit{Set: map[string]string{"label": "Shop " + a.AppID, "tier": "gold", "city": "Shanghai"}}.Apply(a)
			return a.See(100, 50, 1, false)
		}))
	}
	wrote := time.Since(began)
	var peak, before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	seen := 0
	for a, err := range s.All(t.Context()) {
		if err != nil || a.Values["tier"] != "gold" {
			t.Fatalf("%+v %v", a, err)
		}
		if seen++; seen%(n/4) == 0 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			if m.HeapAlloc > peak.HeapAlloc {
				peak = m
			}
		}
	}
	if seen != n || must[int](t)(s.Len(t.Context())) != n || must[int](t)(s.CountUnread(t.Context())) != n {
		t.Errorf("%d apps seen, want %d", seen, n)
	}
	grown := int64(peak.HeapAlloc) - int64(before.HeapAlloc)
	t.Logf("%d apps written in %v, read in %v; the heap grew by %d KiB while reading", n, wrote.Round(time.Millisecond), (time.Since(began) - wrote).Round(time.Millisecond), grown>>10)
	if grown > 64<<20 {
		t.Errorf("the heap grew by %d MiB while reading page by page", grown>>20)
	}
}

// TestBaseline: newcomers go into one batch at a time, each app into one.
func TestBaseline(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, _ func(time.Duration)) {
		ctx, s, now := t.Context(), apps.New(rdb), time.Unix(1000, 0)
		must[[]apps.Change](t)(s.Change(ctx, ids(5), func(a *apps.App) bool { return a.Join(500) }))
		gather := func(number, want int, list ...string) {
			t.Helper()
			if got := must[int](t)(s.Gather(ctx, number, "open", now, list)); got != want {
				t.Errorf("batch %d: %d gathered, want %d", number, got, want)
			}
		}
		gather(1, 0, appID(0)) // no baseline is set
		set := apps.Baseline{Def: "plan", Since: 400, Set: 400, By: "li", Why: "new merchants"}
		if err := s.SetBaseline(ctx, set); err != nil {
			t.Fatal(err)
		}
		gather(2, 0, appID(0))           // the first is 1
		gather(1, 2, appID(0), appID(1)) // taken
		gather(2, 0, appID(2))           // the first is open
		gather(1, 0, appID(2))           // and its number taken
		if got := must[[]string](t)(s.Gathered(ctx)); !slices.Equal(got, ids(2)) {
			t.Errorf("batch %v", got)
		}
		for range 2 {
			if err := s.Handed(ctx, 1, "baseline-1"); err != nil {
				t.Fatal(err)
			}
		}
		gather(2, 1, appID(0), appID(2)) // app 0 is taken
		if err := s.Handed(ctx, 1, "late"); err != nil {
			t.Fatal(err)
		}
		got := must[apps.Baseline](t)(s.Baseline(ctx))
		want := set
		want.Number, want.Taken, want.Last, want.Gathered, want.Open = 2, 2, "baseline-1", 1000, "open"
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("baseline (-want +got):\n%s", diff)
		}
		left := must[[]string](t)(s.Newcomers(ctx, 400, 0, 10))
		if len(left) != 2 || !slices.Equal(must[[]string](t)(s.Newcomers(ctx, 400, 1, 10)), left[1:]) || !slices.Equal(must[[]string](t)(s.Newcomers(ctx, 400, 0, 1)), left[:1]) {
			t.Errorf("newcomers left %v, want 2, and by pages the same", left)
		}
		set.Paused = true
		if err := errors.Join(s.Handed(ctx, 2, "baseline-2"), s.SetBaseline(ctx, set)); err != nil {
			t.Fatal(err)
		}
		gather(3, 0, appID(3))
		if err := s.ClearBaseline(ctx); err != nil {
			t.Fatal(err)
		}
		if got := must[apps.Baseline](t)(s.Baseline(ctx)); got.Def != "" || got.Number != 2 {
			t.Errorf("cleared: %+v, want the number to go on", got)
		}
	})
}

// TestErrors: a Redis that doesn't answer is reported with the attempted operation.
func TestErrors(t *testing.T) {
	t.Parallel()
	rdb := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1, DialerRetries: 1})
	t.Cleanup(func() { _ = rdb.Close() })
	s, ctx, now := apps.New(rdb), t.Context(), time.Unix(1, 0)
	for name, f := range map[string]func(context.Context) error{
		"get": func(ctx context.Context) error { _, err := s.Get(ctx, "wx1"); return err },
		"len": func(ctx context.Context) error { _, err := s.Len(ctx); return err },
		"change": func(ctx context.Context) error {
			_, err := s.Change(ctx, ids(1), func(*apps.App) bool { return true })
			return err
		},
		"unread":     func(ctx context.Context) error { _, err := s.Unread(ctx, now, 1); return err },
		"cursor":     func(ctx context.Context) error { _, err := s.Cursor(ctx); return err },
		"set cursor": func(ctx context.Context) error { return s.SetCursor(ctx, apps.Cursor{}) },
		"later":      func(ctx context.Context) error { return s.Later(ctx, "wx1", now) },
		"note":       func(ctx context.Context) error { return s.Note(ctx, apps.Action{}) },
		"actions":    func(ctx context.Context) error { _, err := s.Actions(ctx, 1); return err },
		"baseline":   func(ctx context.Context) error { _, err := s.Baseline(ctx); return err },
		"gather":     func(ctx context.Context) error { _, err := s.Gather(ctx, 1, "x", now, ids(1)); return err },
		"handed":     func(ctx context.Context) error { return s.Handed(ctx, 1, "x") },
		"newcomers":  func(ctx context.Context) error { _, err := s.Newcomers(ctx, 1, 0, 1); return err },
	} {
		if err := f(ctx); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for _, err := range s.All(ctx) {
		if err == nil {
			t.Error("all: no error")
		}
	}
}

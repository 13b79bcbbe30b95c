package app

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestUnwindIsBounded: a teardown that ignores its deadline is named and left behind, and the
// others run.
func TestUnwindIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s stack
		ran := make(chan string, 10) // a teardown that is left behind runs beside the next one
		failed := errors.New("failed")
		release := make(chan struct{})
		add := func(name string, run func(context.Context) error) {
			s.push(name, func(ctx context.Context) error {
				ran <- name
				return run(ctx)
			})
		}
		add("redis", func(context.Context) error { return nil })
		add("fails", func(context.Context) error { return failed })
		add("hangs", func(context.Context) error { <-release; return nil })
		add("drains", func(ctx context.Context) error { <-ctx.Done(); return nil })
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		began := time.Now()
		err := s.unwind(ctx)
		if took, most := time.Since(began), 20*time.Second+teardownGrace; took > most {
			t.Errorf("it took %s, want at most %s", took, most)
		}
		var names []string
		for len(ran) > 0 {
			names = append(names, <-ran)
		}
		if want := []string{"drains", "hangs", "fails", "redis"}; !slices.Equal(names, want) {
			t.Errorf("ran %q, want %q", names, want)
		}
		if !errors.Is(err, failed) || !strings.Contains(err.Error(), "stop hangs: not done 5s after the deadline") {
			t.Errorf("error %v", err)
		}
		if err := s.unwind(ctx); err != nil {
			t.Errorf("the second time: %v", err)
		}
		close(release)
	})
}

// TestJobs: they are bounded in number, and canceled when the time to stop is over.
func TestJobs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := newJobs(2)
		canceled := make(chan struct{}, 2)
		for range 2 {
			if err := j.do(func(ctx context.Context) { <-ctx.Done(); canceled <- struct{}{} }); err != nil {
				t.Fatal(err)
			}
		}
		if err := j.do(func(context.Context) { t.Error("a third job ran") }); !errors.Is(err, errBusy) {
			t.Errorf("a third job: %v", err)
		}
		stopping, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := j.stop(stopping); err != nil {
			t.Error(err)
		}
		if len(canceled) != 2 {
			t.Errorf("%d jobs were canceled, want 2", len(canceled))
		}
	})
}

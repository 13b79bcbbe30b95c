package controller_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/internal/controller"
)

// virtual runs a parallel subtest in virtual time.
func virtual(t *testing.T, name string, f func(*testing.T)) {
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, f)
	})
}

// step is the result of a pass.
type step struct {
	next time.Duration
	err  error
}

// script is a loop that returns its steps in order, the last one forever, and notes when it was run.
type script struct {
	steps []step
	began time.Time
	at    []time.Duration // since the first pass
}

func (s *script) Reconcile(context.Context) (time.Duration, error) {
	if s.began.IsZero() {
		s.began = time.Now()
	}
	s.at = append(s.at, time.Since(s.began))
	now := s.steps[0]
	if len(s.steps) > 1 {
		s.steps = s.steps[1:]
	}
	return now.next, now.err
}

// run runs loops for a span of virtual time and returns the log.
func run(t *testing.T, span time.Duration, loops ...controller.Loop) (log string) {
	t.Helper()
	var out bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), span)
	defer cancel()
	controller.NewRunner(zerolog.New(zerolog.SyncWriter(&out)), loops...).Run(ctx)
	return out.String()
}

var (
	errBusy = errors.New("busy")
	errDown = errors.New("down")
)

func TestRunnerWaits(t *testing.T) {
	t.Parallel()
	const s = time.Second
	for name, tc := range map[string]struct {
		steps []step
		span  time.Duration
		want  []time.Duration
		logs  []string // errors, in order
	}{
		"as long as a pass says": {
			[]step{{next: s}, {next: 3 * s}, {next: time.Hour}}, 10 * time.Minute,
			[]time.Duration{0, s, 4 * s, 304 * s}, nil, // an hour is cut to five minutes
		},
		"longer after each error, within a bound": {
			[]step{{err: errBusy}}, 20 * time.Minute,
			[]time.Duration{0, 2 * s, 6 * s, 14 * s, 30 * s, 62 * s, 126 * s, 254 * s, 510 * s, 810 * s, 1110 * s}, []string{"busy"},
		},
		"no longer than a failed pass says": {
			[]step{{err: errBusy, next: 3 * s}}, 12 * s,
			[]time.Duration{0, 2 * s, 5 * s, 8 * s, 11 * s}, []string{"busy"},
		},
		"from the start again after a success": {
			[]step{{err: errBusy}, {err: errDown}, {err: errDown}, {next: s}, {err: errDown}}, 20 * s,
			[]time.Duration{0, 2 * s, 6 * s, 14 * s, 15 * s, 17 * s}, []string{"busy", "down", "down"},
		},
	} {
		virtual(t, name, func(t *testing.T) {
			loop := &script{steps: tc.steps}
			log := run(t, tc.span, controller.Loop{Name: "it", Reconciler: loop})
			if diff := cmp.Diff(tc.want, loop.at); diff != "" {
				t.Errorf("passes (-want +got):\n%s", diff)
			}
			lines := slices.Collect(strings.Lines(log))
			if len(lines) != len(tc.logs) {
				t.Fatalf("logged %q, want %q", lines, tc.logs)
			}
			for i, line := range lines {
				if !strings.Contains(line, `"error":"`+tc.logs[i]+`"`) || !strings.Contains(line, `"loop":"it"`) {
					t.Errorf("logged %s, want %s", line, tc.logs[i])
				}
			}
		})
	}
}

// TestRunnerNeverSpins: a pass that names no wait still gets one.
func TestRunnerNeverSpins(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		loop := &script{steps: []step{{}}}
		run(t, time.Second, controller.Loop{Name: "it", Reconciler: loop})
		if n := len(loop.at); n < 500 || n > 1001 {
			t.Errorf("%d passes in a second, want one per millisecond", n)
		}
	})
}

// loopFunc is a loop of one function.
type loopFunc func(context.Context) (time.Duration, error)

func (f loopFunc) Reconcile(ctx context.Context) (time.Duration, error) { return f(ctx) }

// TestRunnerLoopsAreIndependent: one that fails, panics or hangs delays no other.
func TestRunnerLoopsAreIndependent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		well := &script{steps: []step{{next: time.Second}}}
		panics := 0
		log := run(t, time.Minute+time.Second/2,
			controller.Loop{Name: "fails", Reconciler: &script{steps: []step{{err: errDown}}}},
			controller.Loop{Name: "hangs", Reconciler: loopFunc(func(ctx context.Context) (time.Duration, error) {
				<-ctx.Done()
				return 0, ctx.Err()
			})},
			controller.Loop{Name: "panics", Reconciler: loopFunc(func(context.Context) (time.Duration, error) {
				panics++
				panic("a bug")
			})},
			controller.Loop{Name: "well", Reconciler: well},
		)
		if len(well.at) != 61 {
			t.Errorf("%d passes of the sound loop in 60 s, want 61", len(well.at))
		}
		if panics != 5 {
			t.Errorf("%d passes of the one that panics, want 5 with backoff", panics)
		}
		for _, want := range []string{`"loop":"fails"`, `"loop":"panics"`, "panic: a bug", "runner_test.go"} {
			if !strings.Contains(log, want) {
				t.Errorf("the log lacks %s:\n%s", want, log)
			}
		}
		if n := strings.Count(log, "\n"); n != 2 { // the end of the context is no error
			t.Errorf("%d log lines, want 2:\n%s", n, log)
		}
	})
}

// TestRunnerWaitsForPasses: Run returns when the passes under way have.
func TestRunnerWaitsForPasses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		ended := false
		run(t, time.Second, controller.Loop{Name: "slow", Reconciler: loopFunc(func(ctx context.Context) (time.Duration, error) {
			<-ctx.Done()
			<-time.After(3 * time.Second) // it cleans up
			mu.Lock()
			defer mu.Unlock()
			ended = true
			return 0, nil
		})})
		mu.Lock()
		defer mu.Unlock()
		if !ended {
			t.Error("Run returned during a pass")
		}
	})
}

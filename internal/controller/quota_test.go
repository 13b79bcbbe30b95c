package controller_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/internal/controller"
	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/wxclient"
)

// world is what the quota loop works with, in virtual time.
type world struct {
	*testing.T
	apps    []string
	busy    map[string]bool  // a worker calls for it
	refuses map[string]error // WeChat's answer through it
	lent    string
	read    bool // the quota is known

	calls    []string
	readings int
	failures []string
}

func newWorld(t *testing.T, apps ...string) *world {
	t.Helper()
	return &world{T: t, apps: apps, busy: map[string]bool{}, refuses: map[string]error{}}
}

func (w *world) ReadingApps(_ context.Context, n int) ([]string, error) {
	return w.apps[:min(n, len(w.apps))], nil
}

func (w *world) Borrow(ctx context.Context, app string, ttl time.Duration, use func(context.Context) error) error {
	if w.lent != "" {
		w.Errorf("app %s is lent beside %s", app, w.lent)
	}
	if ttl <= 0 || ttl > ledger.LoanMax {
		w.Errorf("a loan of %s", ttl)
	}
	if w.busy[app] {
		return &ledger.LentError{AppID: app, Rollout: "r1"}
	}
	w.lent = app
	defer func() { w.lent = "" }()
	return use(ctx)
}

func (w *world) QueryQuota(_ context.Context, app string) (wxclient.Quota, error) {
	if w.lent != app {
		w.Errorf("app %s is asked through, and not lent", app)
	}
	w.calls = append(w.calls, app)
	return wxclient.Quota{Rest: 5, Limit: 9}, w.refuses[app]
}

func (w *world) Unread(context.Context) (bool, error) { return !w.read, nil }

func (w *world) Refill(ctx context.Context, read func(context.Context) (int64, int64, error)) (int64, error) {
	rest, _, err := read(ctx)
	if err == nil {
		w.readings++
		w.read = true
	}
	return rest, err
}

func (w *world) ReadFailed(_ context.Context, why string) error {
	w.failures = append(w.failures, why)
	return nil
}

// every is how old a reading may be in these tests.
const every = time.Minute

func (w *world) loop() *controller.Quota {
	return controller.NewQuota(controller.QuotaOptions{
		Apps: w, Loans: w, WeChat: w, Readings: w, Clock: machineClock{}, Every: every,
		Platform: func(err error) bool { return errors.Is(err, errPlatform) }, Log: zerolog.Nop(),
	})
}

var errPlatform = errors.New("no ticket")

// run repeats the loop for so long.
func (w *world) run(q *controller.Quota, d time.Duration) {
	w.calls, w.readings, w.failures = nil, 0, nil
	run(w.T, d, controller.Loop{Name: "quota", Reconciler: q})
}

func refusal(code int64) error { return &wxclient.Error{Endpoint: "/wxa/queryquota", Code: code} }

// The quota is read on the clock, though nothing waits for it.
func TestReadsOnTheClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "wx1", "wx2")
		q := w.loop()
		w.run(q, 10*every)
		if w.readings < 10 || w.readings > 11 || len(w.failures) > 0 {
			t.Errorf("%d readings in ten times %s, failures %q", w.readings, every, w.failures)
		}
		if slices.Contains(w.calls, "wx2") {
			t.Error("another app is asked though the first one answers")
		}
		w.read = false // an operator opened the pool
		w.run(q, 6*time.Second)
		if w.readings != 1 {
			t.Errorf("%d readings within 6 s of an unread pool, want 1", w.readings)
		}
	})
}

// An app that refuses, for any cause, costs the reading one call: the next one is
// asked, and the one that answered stays the first.
func TestRefusalMovesOn(t *testing.T) {
	t.Parallel()
	for _, code := range []int64{61003, 48001, 61007, 43007, 85085, -1} {
		virtual(t, fmt.Sprint(code), func(t *testing.T) {
			w := newWorld(t, "wx1", "wx2", "wx3", "wx4")
			w.refuses["wx1"], w.busy["wx2"], w.refuses["wx3"] = refusal(code), true, refusal(code)
			w.run(w.loop(), 5*every)
			if w.readings < 5 || len(w.failures) > 0 {
				t.Errorf("%d readings, failures %q", w.readings, w.failures)
			}
			if want := []string{"wx1", "wx3", "wx4", "wx4"}; !slices.Equal(w.calls[:4], want) {
				t.Errorf("asked through %q, want to begin with %q", w.calls, want)
			}
			w.busy["wx4"], w.busy["wx2"] = true, false
			w.run(w.loop(), every/2)
			if w.readings == 0 {
				t.Error("no reading while the app that answered last is busy")
			}
		})
	}
}

// What no app can answer is asked less and less, and its cause is stored.
func TestFailureIsStoredAndSpaced(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		err      error
		perRound int
	}{
		{"every app refuses", refusal(48001), 5},
		{"the platform has no token", errPlatform, 1},
	} {
		virtual(t, tt.name, func(t *testing.T) {
			w := newWorld(t)
			for i := range 30 {
				app := fmt.Sprintf("wx%02d", i)
				w.apps = append(w.apps, app)
				w.refuses[app] = tt.err
			}
			q := w.loop()
			w.run(q, 10*every)
			rounds := len(w.failures)
			if rounds < 10 || rounds > 15 || len(w.calls) != rounds*tt.perRound {
				t.Errorf("%d calls in %d rounds", len(w.calls), rounds)
			}
			if why := w.failures[0]; !strings.Contains(why, "wx0") || !strings.Contains(why, tt.err.Error()) {
				t.Errorf("stored: %q", why)
			}
			clear(w.refuses)
			w.run(q, every+time.Second)
			if w.readings == 0 {
				t.Error("not read within a minute of its healing")
			}
		})
	}
	virtual(t, "no app is known", func(t *testing.T) {
		w := newWorld(t)
		w.run(w.loop(), every)
		if len(w.failures) == 0 || !strings.Contains(w.failures[0], "enqueue apps sync") {
			t.Errorf("stored: %q", w.failures)
		}
	})
}

// While workers call for every app, the loop tries each second, and stores a failure only once the
// reading is old.
func TestBusyAppsAreWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "wx1", "wx2")
		w.busy["wx1"], w.busy["wx2"] = true, true
		q := w.loop()
		w.run(q, every)
		if len(w.failures)+len(w.calls) > 0 {
			t.Errorf("failures %q, calls %q", w.failures, w.calls)
		}
		w.run(q, 2*every)
		if len(w.failures) == 0 || !strings.Contains(w.failures[0], "workers call for each app") {
			t.Errorf("an old reading isn't reported: %q", w.failures)
		}
		w.busy["wx2"] = false
		w.run(q, 2*time.Second)
		if w.readings == 0 {
			t.Error("not read soon after an app came free")
		}
	})
}

// hanging is WeChat that answers when the caller gives up.
type hanging struct{ asked chan struct{} }

func (h hanging) QueryQuota(ctx context.Context, _ string) (wxclient.Quota, error) {
	close(h.asked)
	<-ctx.Done()
	return wxclient.Quota{}, ctx.Err()
}

// A loop that is stopped in the middle of a call gives its app back.
func TestLoanIsReturnedAtShutdown(t *testing.T) {
	t.Parallel()
	_, rdb := redistest.Mini(t)
	l := ledger.New(rdb, ledger.Options{})
	w := newWorld(t, "wx1")
	wx := hanging{asked: make(chan struct{})}
	loop := controller.NewQuota(controller.QuotaOptions{
		Apps: w, Loans: l, WeChat: wx, Readings: w, Clock: machineClock{}, Every: every, Platform: func(error) bool { return false }, Log: zerolog.Nop(),
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = loop.Reconcile(ctx)
	}()
	<-wx.asked
	if _, err := l.Loan(t.Context(), "wx1", time.Second); !errors.As(err, new(*ledger.LentError)) {
		t.Errorf("the app isn't lent during the call: %v", err)
	}
	cancel()
	<-done
	if _, err := l.Loan(t.Context(), "wx1", time.Second); err != nil {
		t.Errorf("the app isn't given back: %v", err)
	}
	if len(w.failures) > 0 {
		t.Errorf("a shutdown is stored as a failure: %q", w.failures)
	}
}

package app_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/app"
	"github.com/wxrollout/wxrollout/internal/launch"
	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/internal/view"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxsim"
)

// TestScheduleRunsOnce: two workers look after a schedule that is due.
func TestScheduleRunsOnce(t *testing.T) {
	t.Parallel()
	const apps = 10
	f := newFleet(t, wxsim.Options{Seed: 9, Apps: apps})
	s, err := f.tools.Launcher.Schedule(t.Context(), f.plan(t, apps, "schedule: \"0 2 1 1 *\"\n"), launch.ApplyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	// Make it due: the test does not wait for New Year.
	if ok, err := f.ledger.FireSchedule(t.Context(), s.Name, "", s.Next, time.Now().Add(-time.Second), 0); err != nil || !ok {
		t.Fatalf("move the next run: %v %v", ok, err)
	}
	one, two := f.worker(t), f.worker(t)
	var id string
	eventually(t, "the schedule ran", func(ctx context.Context) (bool, string) {
		list, err := f.tools.Launcher.Schedules(ctx)
		if err != nil || len(list) != 1 {
			return false, fmt.Sprint(list, err)
		}
		id = list[0].LastID
		return id != "" && list[0].Next.After(time.Now()), fmt.Sprintf("%+v", list[0])
	})
	f.released(t, id, apps)
	first, rest := leads(t, one, two), one
	if first == one {
		rest = two
	}
	stop(t, first) // the other one takes the schedules over
	leads(t, rest)
	runs, err := f.tools.Operator.Rollouts(t.Context(), 0, 10)
	if err != nil || len(runs) != 1 {
		t.Errorf("%d rollouts, want the one run: %v %v", len(runs), runs, err)
	}
	if b := f.sim.Books(); b.Submissions != apps {
		t.Errorf("%d submissions, want %d", b.Submissions, apps)
	}
}

// TestAppliesAtOnce: two operators with the same plan make one rollout.
func TestAppliesAtOnce(t *testing.T) {
	t.Parallel()
	const apps = 30
	f := newFleet(t, wxsim.Options{Seed: 10, Apps: apps})
	f.worker(t)
	other := &testFleet{cfg: f.cfg}
	other.connect(t)
	previews := []*launch.Preview{f.plan(t, apps, ""), other.plan(t, apps, "")}
	applied := make([]launch.Applied, 2)
	errs := make([]error, 2)
	var wg sync.WaitGroup
	for i, l := range []*launch.Launcher{f.tools.Launcher, other.tools.Launcher} {
		wg.Go(func() {
			applied[i], errs[i] = l.Apply(t.Context(), previews[i], launch.ApplyOptions{Why: "at once"})
		})
	}
	wg.Wait()
	if errs[0] != nil || errs[1] != nil || applied[0].ID != applied[1].ID {
		t.Fatalf("applied %+v, %v", applied, errs)
	}
	created := 0
	for _, a := range applied {
		if a.Outcome == launch.OutcomeCreated {
			created++
		}
	}
	if created > 1 {
		t.Errorf("both say that they created it: %+v", applied)
	}
	f.released(t, applied[0].ID, apps)
	if b := f.sim.Books(); b.Submissions != apps {
		t.Errorf("%d submissions, want %d", b.Submissions, apps)
	}
}

// still waits until no assignment is out and the controller has looked a few times since.
func (f *testFleet) still(t *testing.T, leader *app.App) {
	t.Helper()
	eventually(t, "no assignment is out", func(ctx context.Context) (bool, string) {
		out, err := f.ledger.InFlight(ctx)
		return err == nil && out[rollout.QueueCommit]+out[rollout.QueueAudit]+out[rollout.QueueRelease] == 0, fmt.Sprint(out, err)
	})
	const ticks = `wxrollout_controller_passes_total`
	before, err := metric(t.Context(), leader, ticks)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the controller looks again", func(ctx context.Context) (bool, string) {
		now, err := metric(ctx, leader, ticks)
		return err == nil && now >= before+5, fmt.Sprint(before, now, err)
	})
}

// slow is a platform that a rollout can be caught in the middle of.
func slow(apps int) wxsim.Options {
	return wxsim.Options{
		Seed: 11, Apps: apps, Latency: wxsim.Range{Min: 5 * time.Millisecond, Max: 40 * time.Millisecond},
		AuditDelay: wxsim.Range{Min: 200 * time.Millisecond, Max: 2 * time.Second},
	}
}

// middle waits until some apps are released and some not begun to be submitted.
func (f *testFleet) middle(t *testing.T, id string) {
	t.Helper()
	f.until(t, id, "the middle of the rollout", func(r rollout.Rollout) bool {
		return f.sim.Books().Submissions > 6 && !r.Status.Ended()
	})
}

func TestPauseAndResume(t *testing.T) {
	t.Parallel()
	const apps = 60
	f := newFleet(t, slow(apps), "COMMIT_CONCURRENCY=4", "AUDIT_CONCURRENCY=2", "RELEASE_CONCURRENCY=2")
	a := f.worker(t)
	id := f.apply(t, apps, "")
	f.middle(t, id)
	if c, err := f.tools.Operator.Pause(t.Context(), id, "look at it"); err != nil || !c.Done {
		t.Fatalf("pause: %+v %v", c, err)
	}
	f.still(t, leads(t, a))
	before := f.sim.Books()
	f.still(t, a)
	after := f.sim.Books()
	if before.Submissions == apps {
		t.Fatal("all were submitted before the pause, which shows nothing")
	}
	if before.Commits != after.Commits || before.Submissions != after.Submissions || before.Releases != after.Releases {
		t.Errorf("paused, but commits, submissions and releases went from %d %d %d to %d %d %d",
			before.Commits, before.Submissions, before.Releases, after.Commits, after.Submissions, after.Releases)
	}
	f.sound(t, id)
	if c, err := f.tools.Operator.Resume(t.Context(), id, "it is fine"); err != nil || !c.Done {
		t.Fatalf("resume: %+v %v", c, err)
	}
	f.released(t, id, apps)
}

// TestAbortSweeps: what isn't released ends, and nothing is begun any more.
func TestAbortSweeps(t *testing.T) {
	t.Parallel()
	const apps = 60
	f := newFleet(t, slow(apps), "COMMIT_CONCURRENCY=4", "AUDIT_CONCURRENCY=2", "RELEASE_CONCURRENCY=2")
	a := f.worker(t)
	id := f.apply(t, apps, "")
	f.middle(t, id)
	if c, err := f.tools.Operator.Abort(t.Context(), id, "the template is broken"); err != nil || !c.Done {
		t.Fatalf("abort: %+v %v", c, err)
	}
	r := f.until(t, id, "every target is at its end", func(r rollout.Rollout) bool {
		return r.Counts.State(rollout.StatePending)+r.Counts.State(rollout.StateParked)+r.Counts.State(rollout.StateRunning) == 0
	})
	f.still(t, leads(t, a))
	f.sound(t, id)
	if r.Status != rollout.StatusAborted {
		t.Errorf("status %v, want aborted", r.Status)
	}
	b := f.sim.Books()
	if b.Submissions == apps || int64(r.Counts.State(rollout.StateReleased)) != b.Releases {
		t.Errorf("%d submissions and %d releases after an abort: %v", b.Submissions, b.Releases, r.Counts)
	}
	// The apps are free for another rollout.
	next, err := f.tools.Launcher.Apply(t.Context(), f.plan(t, apps, "quota: {pool: again}\n"), launch.ApplyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	f.finished(t, next.ID)
	f.sound(t, next.ID)
}

// TestRecommitAfterRejection: a corrected template goes to the rejected alone.
func TestRecommitAfterRejection(t *testing.T) {
	t.Parallel()
	const apps, rejected = 30, 7
	f := newFleet(t, wxsim.Options{Seed: 12, Apps: apps})
	for i := range rejected {
		f.sim.DecideNext(wxsim.AppID(3*i), true, "the name misleads")
	}
	f.worker(t)
	id := f.apply(t, apps, "")
	r := f.finished(t, id)
	if got := r.Counts.State(rollout.StateRejected); got != rejected {
		t.Fatalf("%d rejected, want %d: %v", got, rejected, r.Counts)
	}
	again := f.sim.PutTemplate(wxsim.Template{ID: -1, Version: "3.9.1", Desc: "corrected"})
	got, err := f.tools.Operator.Retry(t.Context(), id, view.Filter{}, operator.RetryOptions{
		Recommit: true, Template: &rollout.Template{ID: again, Version: "3.9.1", Desc: "corrected"}, Why: "corrected",
	})
	if err != nil || got.Retried != rejected || got.Resubmits != rejected || got.Revision == 0 {
		t.Fatalf("retry: %+v %v", got, err)
	}
	f.until(t, id, "the retried are released", func(r rollout.Rollout) bool {
		return r.Status.Ended() && r.Counts.State(rollout.StateReleased) == apps
	})
	f.released(t, id, apps)
	for i := range apps {
		want := "3.9.0"
		if i%3 == 0 && i < 3*rejected {
			want = "3.9.1"
		}
		if view, _ := f.sim.App(wxsim.AppID(i)); view.Live != want {
			t.Errorf("app %d: version %s is live, want %s", i, view.Live, want)
		}
	}
	if b := f.sim.Books(); b.Submissions != apps+rejected {
		t.Errorf("%d submissions, want %d", b.Submissions, apps+rejected)
	}
}

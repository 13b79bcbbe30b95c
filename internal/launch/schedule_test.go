package launch_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/launch"
	"github.com/wxrollout/wxrollout/internal/operator/operatortest"
	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient"
)

// These run at 02:00 UTC each day.
const (
	daily    = waved + atTwo
	dailyFew = simple + atTwo // for fewer apps than waves
	atTwo    = "schedule: \"0 2 * * *\"\ntimezone: UTC\n"
)

// schedule stores a plan for n apps.
func (b *bench) schedule(text string, n int) launch.Schedule {
	b.T.Helper()
	s, err := b.Launcher.Schedule(b.Ctx, b.Plan(text, n), launch.ApplyOptions{})
	if err != nil {
		b.T.Fatalf("schedule: %v", err)
	}
	return s
}

// fire starts what is due.
func (b *bench) fire() []launch.Fired {
	b.T.Helper()
	fired, err := b.Launcher.FireDue(b.Ctx)
	if err != nil {
		b.T.Fatalf("fire: %v", err)
	}
	return fired
}

func TestScheduleRuns(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, advance func(time.Duration)) {
		b := setup(t, rdb, advance)
		s := b.schedule(daily, 1100)
		two := operatortest.NewYear.Add(2 * time.Hour)
		if s.Name != "spring" || s.Total != 1100 || !s.Next.Equal(two) || len(s.NextRuns) != 5 || s.Loading || s.Spec != "CRON_TZ=UTC 0 2 * * *" {
			t.Errorf("schedule %+v", s)
		}
		if fired := b.fire(); fired != nil {
			t.Errorf("before its time: %+v", fired)
		}
		b.Advance(2 * time.Hour)
		want := []launch.Fired{{Schedule: "spring", ID: "spring-20300101T0200", At: two, Targets: 1100}}
		if diff := cmp.Diff(want, b.fire(), cmp.Comparer(time.Time.Equal)); diff != "" {
			t.Errorf("fired (-want +got):\n%s", diff)
		}
		if fired := b.fire(); fired != nil {
			t.Errorf("a second time: %+v", fired)
		}
		r := b.Rollout("spring")
		if r.ID != "spring-20300101T0200" || r.Status != rollout.StatusRunning || r.Total != 1100 || r.Plan.Waves[2].Size != 1096 {
			t.Errorf("rollout %+v", r)
		}
		target, err := b.Ledger.Target(b.Ctx, r.ID, appID(3))
		if err != nil || target.Wave() != 1 || target.Columns["tier"] != "tin" || target.Attempt != 1 || !target.Since.Equal(two) {
			t.Errorf("target %+v: %v", target, err)
		}
		b.Sound(r.ID)
		list, err := b.Launcher.Schedules(b.Ctx)
		if err != nil || len(list) != 1 || list[0].LastID != r.ID || !list[0].Next.Equal(two.AddDate(0, 0, 1)) {
			t.Errorf("schedules %+v: %v", list, err)
		}
	})
}

func TestScheduleMissedRuns(t *testing.T) {
	t.Parallel()
	b := mini(t)
	b.schedule(dailyFew, 2)
	b.Advance(75 * time.Hour) // runs of days 1 to 4 passed
	fired := b.fire()
	if len(fired) != 1 || fired[0].Missed != 3 || fired[0].ID != "spring-20300101T0200" {
		t.Errorf("fired %+v", fired)
	}
	if list, err := b.Launcher.Schedules(b.Ctx); err != nil || list[0].Missed != 3 || list[0].Skipped != 0 || !list[0].MissedAt.Equal(b.Now()) || list[0].Next.UTC().Day() != 5 {
		t.Errorf("schedules %+v: %v", list, err)
	}
	if all, err := b.Operator.Rollouts(b.Ctx, 0, 10); err != nil || len(all) != 1 {
		t.Errorf("%d rollouts, want one for all the missed runs", len(all))
	}
}

func TestScheduleSkipsWhileLastRuns(t *testing.T) {
	t.Parallel()
	b := mini(t)
	b.schedule(dailyFew, 2)
	b.Advance(3 * time.Hour)
	first := b.fire()[0].ID
	b.Advance(24 * time.Hour)
	fired := b.fire()
	if len(fired) != 1 || fired[0].ID != "" || !strings.Contains(fired[0].Skipped, first+" of this name is still running") {
		t.Errorf("fired %+v", fired)
	}
	list, err := b.Launcher.Schedules(b.Ctx)
	if err != nil || list[0].Missed != 0 || list[0].Skipped != 1 || list[0].Runs != 1 || list[0].LastID != first ||
		!list[0].SkippedAt.Equal(b.Now()) || list[0].SkippedWhy != fired[0].Skipped {
		t.Errorf("schedules %+v: %v", list, err)
	}
	if _, err := b.Operator.Abort(b.Ctx, first, ""); err != nil {
		t.Fatal(err)
	}
	b.Advance(24 * time.Hour)
	if fired := b.fire(); len(fired) != 1 || fired[0].ID != "spring-20300103T0200" {
		t.Errorf("after it ended: %+v", fired)
	}
}

// monthly runs at 02:00 UTC on each first day of a month, in one wave.
const monthly = simple + "schedule: \"0 2 1 * *\"\ntimezone: UTC\n"

// refuse makes app 0 wait for its merchant for another hour, and lets all others be released.
func (b *bench) refuse() {
	b.T.Helper()
	b.Worker.Answer(appID(0), rollout.StageCommit, operatortest.ParkedMerchant)
	b.Work()
}

// until lets the time pass until a moment before which app 0 looks once more.
func (b *bench) until(at time.Time) {
	b.T.Helper()
	b.Advance(at.Add(-30 * time.Minute).Sub(b.Now()))
	b.refuse()
	b.Advance(at.Sub(b.Now()))
}

// TestScheduleRunsBesideAMerchant: a target that waits for its merchant skips no run. The next run
// takes the name and the app, and the target of the run before ends.
func TestScheduleRunsBesideAMerchant(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, advance func(time.Duration)) {
		b := setup(t, rdb, advance)
		due, before := b.schedule(monthly, 3).Next, ""
		for month := range 3 {
			b.until(due)
			fired := b.fire()
			if len(fired) != 1 || fired[0].Skipped != "" || fired[0].ID == "" || fired[0].Missed != 0 {
				t.Fatalf("month %d: fired %+v", month, fired)
			}
			id := fired[0].ID
			b.refuse()
			if r := b.Rollout("spring"); r.ID != id || r.Status != rollout.StatusRunning || r.Counts.Parked(rollout.ReasonMerchant) != 1 || r.Counts.Unfinished() != 1 {
				t.Errorf("month %d: the name is of rollout %s, %s with %v; want %s", month, r.ID, r.Status, r.Counts, id)
			}
			if before != "" {
				b.Advance(time.Minute) // the earlier target looks at its app again
				b.Work()
				if r := b.Rollout(before); r.Status != rollout.StatusDone || r.Counts.State(rollout.StateSkipped) != 1 {
					t.Errorf("month %d: the run before is %s: %v", month, r.Status, r.Counts)
				}
				b.Sound(before)
			}
			b.Sound(id)
			before = id
			s, err := b.Launcher.Schedules(b.Ctx)
			if err != nil || s[0].Runs != month+1 || s[0].Skipped != 0 || s[0].Missed != 0 || s[0].LastID != id {
				t.Fatalf("month %d: schedule %+v: %v", month, s, err)
			}
			due = s[0].Next
		}
	})
}

// TestScheduleWaitsForALook: a target that waits for its merchant, and just looks whether that
// acted, skips no run: the run begins as soon as it waits again.
func TestScheduleWaitsForALook(t *testing.T) {
	t.Parallel()
	b := mini(t)
	due := b.schedule(monthly, 3).Next
	b.Advance(due.Sub(b.Now()))
	first := b.fire()[0].ID
	b.refuse()
	b.Advance(due.AddDate(0, 1, 0).Sub(b.Now()))
	if n, err := b.Ledger.WakeDue(b.Ctx, 9); err != nil || n != 1 {
		t.Fatalf("%d targets look again: %v", n, err)
	}
	if fired := b.fire(); fired != nil {
		t.Errorf("while it looks: %+v", fired)
	}
	b.Advance(20 * time.Second)
	b.refuse()
	if fired := b.fire(); len(fired) != 1 || fired[0].ID == "" || fired[0].ID == first {
		t.Errorf("after it looked: %+v", fired)
	}
}

// TestScheduleWhereAnotherRolloutWaits: a target that waits for another rollout skips the next run
// while that works on the app, but not where it waits for the merchant.
func TestScheduleWhereAnotherRolloutWaits(t *testing.T) {
	t.Parallel()
	for _, stage := range []rollout.Stage{rollout.StageCommit, rollout.StageVerdict} {
		b := mini(t)
		answer := operatortest.ParkedMerchant
		if stage == rollout.StageVerdict {
			answer = operatortest.Parked(stage, rollout.ReasonVerdict, 0, "no verdict")
		}
		look := func(at time.Time) {
			b.Advance(at.Sub(b.Now()))
			b.Worker.Answer(appID(0), stage, answer)
			b.Work()
		}
		b.Apply(strings.Replace(simple, "spring", "hotfix", 1), 1)
		due := b.schedule(monthly, 3).Next
		look(due.Add(-time.Minute))
		b.Advance(time.Minute)
		first := b.fire()[0].ID
		b.Work()
		if r := b.Rollout("spring"); r.Counts.Parked(rollout.ReasonOwner) != 1 || r.Counts.Unfinished() != 1 {
			t.Fatalf("the first run: %v", r.Counts)
		}
		look(due.AddDate(0, 1, 0).Add(-time.Minute))
		b.Advance(2 * time.Minute)
		fired := b.fire()
		if len(fired) != 1 {
			t.Fatalf("fired %+v", fired)
		}
		switch f := fired[0]; {
		case stage == rollout.StageCommit && f.ID == "":
			t.Errorf("skipped: %s", f.Skipped)
		case stage == rollout.StageVerdict && !strings.Contains(f.Skipped, first+" of this name is still running: 1 of 3 targets have not ended"):
			t.Errorf("began %s, skipped %q", f.ID, f.Skipped)
		}
	}
}

// TestFireAfterCrash lets a caller die before each of its writes; the next one
// starts the run once and whole.
func TestFireAfterCrash(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	b := setup(t, srv.Client(t), func(time.Duration) {})
	for at := 1; ; at++ {
		if err := b.Redis.FlushAll(b.Ctx).Err(); err != nil {
			t.Fatal(err)
		}
		b.schedule(strings.Replace(daily, "0 2 * * *", "* * * * *", 1), 700)
		due, err := b.Ledger.Schedule(b.Ctx, "spring")
		if err != nil {
			t.Fatal(err)
		}
		due.NextRun = b.Now().Add(-time.Second).Truncate(time.Second)
		if _, err := b.Ledger.PutSchedule(b.Ctx, due); err != nil {
			t.Fatal(err)
		}
		dying := srv.Client(t)
		dies := dieAfter(at)
		dying.AddHook(dies)
		d := b.LaunchDeps()
		d.Ledger = ledger.New(dying, ledger.Options{})
		_, err = launch.New(d).FireDue(b.Ctx)
		if err == nil {
			if at < 6 {
				t.Errorf("a run takes only %d calls", at)
			}
			break
		}
		if !errors.Is(err, errDied) {
			t.Fatal(err)
		}
		fired, err := b.Launcher.FireDue(b.Ctx)
		if err != nil || len(fired) > 1 {
			t.Fatalf("died at call %d, then %+v %v", at, fired, err)
		}
		list, err := b.Operator.Rollouts(b.Ctx, 0, 10)
		if err != nil || len(list) != 1 || list[0].Status != rollout.StatusRunning || list[0].Total != 700 {
			t.Fatalf("died at call %d: rollouts %+v %v", at, list, err)
		}
		b.Sound(list[0].ID)
		if s, err := b.Launcher.Schedules(b.Ctx); err != nil || s[0].LastID != list[0].ID || !s[0].Next.After(due.NextRun) {
			t.Fatalf("died at call %d: schedule %+v %v", at, s, err)
		}
	}
}

var errDied = errors.New("the process died")

// dieAt lets a client's calls through until the given one, and none after. A load adds batches in
// parallel.
type dieAt struct{ left atomic.Int64 }

func dieAfter(calls int) *dieAt {
	var d dieAt
	d.left.Store(int64(calls))
	return &d
}

func (d *dieAt) DialHook(next redis.DialHook) redis.DialHook { return next }

func (d *dieAt) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if d.left.Add(-1) < 0 {
			cmd.SetErr(errDied)
			return errDied
		}
		return next(ctx, cmd)
	}
}

func (d *dieAt) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if d.left.Add(-1) < 0 {
			return errDied
		}
		return next(ctx, cmds)
	}
}

func TestScheduleLatestTemplate(t *testing.T) {
	t.Parallel()
	b := mini(t)
	s := b.schedule(strings.Replace(dailyFew, "{id: 118, version: 3.9.0}", "{latest: true}", 1), 2)
	if !s.Latest {
		t.Errorf("schedule %+v", s)
	}
	if again := b.schedule(strings.Replace(dailyFew, "{id: 118, version: 3.9.0}", "{latest: true}", 1), 2); again.Name != s.Name {
		t.Errorf("schedule again %+v", again)
	}
	b.WeChat.Library = append(b.WeChat.Library, wxclient.Template{ID: 119, Version: "4.0.0", Desc: "[new]"})
	b.Advance(3 * time.Hour)
	b.WeChat.Errs["Templates"] = &wxclient.Error{Code: -1}
	if _, err := b.Launcher.FireDue(b.Ctx); err == nil {
		t.Error("WeChat is busy, and yet a run began")
	}
	delete(b.WeChat.Errs, "Templates")
	b.fire()
	if got, want := b.Rollout("spring").Plan.Template, (rollout.Template{ID: 119, Version: "4.0.0", Desc: "(new)"}); got != want {
		t.Errorf("template %+v, want %+v", got, want)
	}
}

// TestRunPinsItsTemplate: a run that crashed when its rollout was begun goes on with the
// template that it began with, not the newest by then.
func TestRunPinsItsTemplate(t *testing.T) {
	t.Parallel()
	m, rdb := redistest.Mini(t)
	b := setup(t, rdb, func(d time.Duration) { redistest.Advance(m, d) })
	b.schedule(strings.Replace(dailyFew, "{id: 118, version: 3.9.0}", "{latest: true}", 1), 2)
	b.Advance(3 * time.Hour)
	for left := 1; ; left++ { // one step further each time, until the rollout is there
		dying := redis.NewClient(&redis.Options{Addr: m.Addr()})
		dying.AddHook(dieAfter(left))
		d := b.LaunchDeps()
		d.Ledger = ledger.New(dying, ledger.Options{})
		_, err := launch.New(d).FireDue(b.Ctx)
		if closed := dying.Close(); !errors.Is(err, errDied) || closed != nil {
			t.Fatal(err, closed)
		}
		if _, err := b.Ledger.ByName(b.Ctx, "spring"); err == nil {
			break
		}
	}
	if r := b.Rollout("spring"); r.Status != rollout.StatusLoading {
		t.Fatalf("%s after the crash", r.Status)
	}
	b.WeChat.Library = append(b.WeChat.Library, wxclient.Template{ID: 119, Version: "4.0.0"})
	b.fire()
	if r := b.Rollout("spring"); r.Status != rollout.StatusRunning || r.Plan.Template.ID != 118 {
		t.Errorf("%s with %+v, want template 118", r.Status, r.Plan.Template)
	}
}

func TestScheduleChangeAndDelete(t *testing.T) {
	t.Parallel()
	b := mini(t)
	b.schedule(dailyFew, 2)
	var taken *ledger.ScheduleTakenError
	if _, err := b.Launcher.Schedule(b.Ctx, b.Plan(dailyFew, 3), launch.ApplyOptions{}); !errors.As(err, &taken) {
		t.Errorf("another list: %v", err)
	}
	if _, err := b.Launcher.Schedule(b.Ctx, b.Plan(waved, 5), launch.ApplyOptions{}); !errors.Is(err, launch.ErrNotScheduled) {
		t.Errorf("no schedule: %v", err)
	}
	if s, err := b.Launcher.PauseSchedule(b.Ctx, "spring", "", true); err != nil || !s.Paused {
		t.Errorf("pause in a dry run: %+v %v", s, err)
	}
	if list, err := b.Launcher.Schedules(b.Ctx); err != nil || len(list) != 1 || list[0].Paused || list[0].LastChange != nil {
		t.Errorf("after a dry run: %+v %v", list, err)
	}
	if _, err := b.Launcher.PauseSchedule(b.Ctx, "spring", "holidays", false); err != nil {
		t.Fatal(err)
	}
	b.Advance(75 * time.Hour)
	if fired := b.fire(); fired != nil {
		t.Errorf("paused, and yet %+v", fired)
	}
	if list, err := b.Launcher.Schedules(b.Ctx); err != nil || list[0].LastChange == nil || list[0].LastChange.To != "paused" || list[0].LastChange.Why != "holidays" {
		t.Errorf("the change is not recorded: %+v %v", list, err)
	}
	s, err := b.Launcher.ResumeSchedule(b.Ctx, "spring", "", false)
	if err != nil || s.Paused || s.Next.UTC().Day() != 5 || s.Missed != 0 {
		t.Errorf("resumed %+v: %v", s, err)
	}
	if _, err := b.Launcher.Unschedule(b.Ctx, "spring", "", true); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Launcher.Unschedule(b.Ctx, "spring", "over", false); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Launcher.Unschedule(b.Ctx, "spring", "", false); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("delete twice: %v", err)
	}
	if list, err := b.Launcher.Schedules(b.Ctx); err != nil || len(list) != 0 {
		t.Errorf("schedules %+v: %v", list, err)
	}
}

func TestScheduleInterrupted(t *testing.T) {
	t.Parallel()
	b := mini(t)
	p := b.Plan(daily, 1500)
	ctx, cancel := context.WithCancel(b.Ctx)
	_, err := b.Launcher.Schedule(ctx, p, launch.ApplyOptions{Progress: func(int, int) { cancel() }})
	cancel()
	var stopped *launch.InterruptedError
	if !errors.As(err, &stopped) {
		t.Fatalf("interrupted: %v", err)
	}
	b.Advance(3 * time.Hour)
	if fired := b.fire(); fired != nil {
		t.Errorf("half a schedule ran: %+v", fired)
	}
	s, err := b.Launcher.Schedule(b.Ctx, b.Plan(daily, 1500), launch.ApplyOptions{})
	if err != nil || s.Loading || s.Next.UTC().Day() != 2 {
		t.Errorf("completed %+v: %v", s, err)
	}
}

// TestFireOneOfMany: an error of one schedule doesn't hold up the others.
func TestFireOneOfMany(t *testing.T) {
	t.Parallel()
	b := mini(t)
	b.schedule(strings.Replace(dailyFew, "{id: 118, version: 3.9.0}", "{latest: true}", 1), 2)
	b.schedule(strings.Replace(dailyFew, "spring", "winter", 1), 2)
	b.Advance(3 * time.Hour)
	b.WeChat.Errs["Templates"] = &wxclient.Error{Code: -1}
	fired, err := b.Launcher.FireDue(b.Ctx)
	if err == nil || !strings.Contains(err.Error(), "schedule spring, run of 2030-01-01T02:00:00Z") {
		t.Errorf("error %v", err)
	}
	names := slices.Collect(func(yield func(string) bool) {
		for _, f := range fired {
			yield(f.Schedule)
		}
	})
	if !slices.Equal(names, []string{"winter"}) {
		t.Errorf("fired %q", names)
	}
}

package app_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/app"
	"github.com/wxrollout/wxrollout/internal/view"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxsim"
)

// TestPenaltyStopsEveryRollout: two rollouts on two workers, and one submission
// that is answered with a penalty. Nothing more is submitted by either, the one is
// paused and the other says why it stands; an operator lets both go on.
func TestPenaltyStopsEveryRollout(t *testing.T) {
	t.Parallel()
	const apps = 20
	f := newFleet(t, wxsim.Options{Seed: 13, Apps: 2 * apps, Quota: wxsim.QuotaOptions{Limit: 1000}})
	if err := f.sim.AddFault(wxsim.Fault{Endpoint: "/wxa/submit_audit", Kind: wxsim.FaultCode, Code: 86008, Count: -1}); err != nil {
		t.Fatal(err)
	}
	one := f.apply(t, apps, "")
	two := f.applyFrom(t, apps, apps, "summer")
	workers := []*app.App{f.worker(t), f.worker(t)}
	punished := func(s view.Summary) bool {
		return s.Halted != "" && strings.Contains(s.Halted, "86008") && (s.Status == rollout.StatusPaused || s.Status == rollout.StatusRunning)
	}
	var list []view.Summary
	eventually(t, "all that runs waits at submit, and it is said", func(ctx context.Context) (bool, string) {
		var err error
		list, err = f.tools.Operator.Rollouts(ctx, 0, 9)
		paused := 0
		for _, s := range list {
			waits := s.States[rollout.StatePending] == apps && s.Stages[3].Pending == apps
			if !punished(s) || s.Status == rollout.StatusRunning && !waits {
				return false, fmt.Sprintf("%+v", s)
			}
			if s.Status == rollout.StatusPaused {
				paused++
			}
		}
		return err == nil && paused > 0, fmt.Sprintf("%+v %v", list, err)
	})
	f.still(t, leads(t, workers...)) // or one that was refused could close the pool after the operator
	for _, s := range list {
		if s.Status == rollout.StatusPaused && !strings.Contains(s.Why, "86008") {
			t.Errorf("%s is paused because %q, which names no penalty", s.ID, s.Why)
		}
	}
	if b := f.sim.Books(); b.Submissions != 0 {
		t.Errorf("%d submissions were taken", b.Submissions)
	}
	pools, err := f.tools.Quota.Pools(t.Context())
	if err != nil || !pools[0].Punished || time.Until(pools[0].RetryAt) < 23*time.Hour {
		t.Errorf("the submit pool is %+v, %v; want it closed for a day", pools[0], err)
	}

	f.sim.ClearFaults()
	if _, err := f.tools.Quota.Open(t.Context(), rollout.StageSubmit, "the penalty is over"); err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		if s.Status == rollout.StatusPaused {
			if _, err := f.tools.Operator.Resume(t.Context(), s.ID, "the penalty is over"); err != nil {
				t.Error(err)
			}
		}
	}
	for _, id := range []string{one, two} {
		r := f.finished(t, id)
		if got := r.Counts.State(rollout.StateReleased); got != apps {
			t.Errorf("%s: %d released, want %d: %v", id, got, apps, r.Counts)
		}
		f.sound(t, id)
	}
	if b := f.sim.Books(); b.Submissions != 2*apps {
		t.Errorf("%d submissions, want %d", b.Submissions, 2*apps)
	}
}

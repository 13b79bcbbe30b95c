package app_test

import (
	"strings"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/internal/view"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxsim"
)

// TestDelayedAuditFailsItsGate: WeChat delays the canary's audits. The next wave
// doesn't start, neither then nor when they have passed, until an operator promotes.
func TestDelayedAuditFailsItsGate(t *testing.T) {
	t.Parallel()
	const apps = 6
	audits := wxsim.Range{Min: 30 * time.Second, Max: 30 * time.Second} // delayed in their second half
	f := newFleet(t, wxsim.Options{Seed: 31, Apps: apps, AuditDelay: audits, DelayRate: 1})
	a := f.worker(t)
	id := f.apply(t, apps, "waves: [{name: canary, size: 2, reject_above: 50%, min_judged: 1}, {name: rest}]\n")
	f.until(t, id, "the gate failed", func(r rollout.Rollout) bool { return r.Gates[0].Decision == rollout.DecisionFail })
	f.sim.Change(func(s *wxsim.Settings) { s.DelayRate, s.AuditDelay = 0, wxsim.Range{} })
	f.sim.Approve("")
	f.until(t, id, "the canary is released", func(r rollout.Rollout) bool { return r.Counts.State(rollout.StateReleased) == 2 })
	f.still(t, a)
	r, err := f.tools.Operator.Rollout(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	s := view.Summarize(r)
	if why := "wave canary: WeChat delays the audits of "; s.Good != 2 || !strings.HasPrefix(s.Blocked, why) {
		t.Errorf("%d released, blocked %q; want 2, %q", s.Good, s.Blocked, why)
	}
	e, err := f.tools.Operator.Why(t.Context(), wxsim.AppID(apps-1), "")
	if err != nil || len(e.Places) != 1 || !strings.Contains(e.Places[0].Waits, "WeChat delays") || !strings.HasPrefix(e.Places[0].Next, "enqueue promote "+id+" --wave ") {
		t.Errorf("why: %+v %v", e, err)
	}
	planned, err := operator.PlanPromote(r, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.tools.Operator.PromoteAs(t.Context(), planned, "it was a holiday"); err != nil {
		t.Fatal(err)
	}
	f.released(t, id, apps)
	f.sound(t, id)
}

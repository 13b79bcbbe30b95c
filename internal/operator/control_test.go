package operator_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/internal/operator/operatortest"
	"github.com/wxrollout/wxrollout/internal/view"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
)

func TestPauseResumeAbort(t *testing.T) {
	t.Parallel()
	b := mini(t)
	id := b.Apply(simple, 3)
	steps := []struct {
		name     string
		do       func(id, why string) (operator.Change, error)
		was, now rollout.Status
		done     bool
	}{
		{"pause", b.pause, rollout.StatusRunning, rollout.StatusPaused, true},
		{"pause again", b.pause, rollout.StatusPaused, rollout.StatusPaused, false},
		{"resume", b.resume, rollout.StatusPaused, rollout.StatusRunning, true},
		{"resume again", b.resume, rollout.StatusRunning, rollout.StatusRunning, false},
		{"abort", b.abort, rollout.StatusRunning, rollout.StatusAborted, true},
		{"abort again", b.abort, rollout.StatusAborted, rollout.StatusAborted, false},
	}
	for _, s := range steps {
		c, err := s.do(id, "for "+s.name)
		if ended := c.Pause; (s.name == "resume") != (ended.By == "li@ops1" && ended.Why == "for pause" && ended.At.Equal(b.Now())) {
			t.Errorf("%s: ended the pause %+v", s.name, ended)
		}
		c.Pause = operator.Pause{}
		want := operator.Change{ID: id, Was: s.was, Status: s.now, Done: s.done, Targets: 3}
		if err != nil || c != want {
			t.Errorf("%s: %+v %v, want %+v", s.name, c, err, want)
		}
	}
	if r := b.Rollout(id); r.By != "li@ops1" || r.Why != "for abort" {
		t.Errorf("the ledger says by %q: %q", r.By, r.Why)
	}
	var refused *ledger.StatusError
	if _, err := b.Operator.Resume(b.Ctx, id, ""); !errors.As(err, &refused) {
		t.Errorf("resume an aborted one: %v", err)
	}
	if _, err := b.Operator.Pause(b.Ctx, "unknown", ""); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("pause an unknown one: %v", err)
	}
	actions, err := b.Ledger.Actions(b.Ctx, id)
	if err != nil || len(actions) != 4 || actions[1].Why != "for pause" {
		t.Errorf("actions %+v %v", actions, err)
	}
}

func (b *bench) pause(id, why string) (operator.Change, error) {
	return b.Operator.Pause(b.Ctx, id, why)
}
func (b *bench) resume(id, why string) (operator.Change, error) {
	return b.Operator.Resume(b.Ctx, id, why)
}
func (b *bench) abort(id, why string) (operator.Change, error) {
	return b.Operator.Abort(b.Ctx, id, why)
}

// promote plans and promotes, as the command does after its confirmation.
func (b *bench) promote(id, wave, why string) (operator.Change, error) {
	r, err := b.Operator.Rollout(b.Ctx, id)
	if err != nil {
		return operator.Change{ID: id}, err
	}
	c, err := operator.PlanPromote(r, wave)
	if err != nil || !c.Done {
		return c, err
	}
	return b.Operator.PromoteAs(b.Ctx, c, why)
}

func TestPauseWithoutReason(t *testing.T) {
	t.Parallel()
	b := mini(t)
	id := b.Apply(simple, 1)
	if _, err := b.Operator.Pause(b.Ctx, id, ""); err != nil {
		t.Fatal(err)
	}
	if s := view.Summarize(b.Rollout(id)); s.Blocked != "paused: no reason given" {
		t.Errorf("blocked: %q", s.Blocked)
	}
}

func TestPromote(t *testing.T) {
	t.Parallel()
	b := mini(t)
	id := b.Apply(waved, 6)
	b.Work()
	if s := view.Summarize(b.Rollout(id)); s.Blocked != "wave canary: waits for promote" || s.Good != 2 {
		t.Errorf("before: %+v", s)
	}
	var wrong *operator.WaveError
	for wave, why := range map[string]string{"rest": "early is", "nothing": "no wave nothing"} {
		if _, err := b.promote(id, wave, ""); !errors.As(err, &wrong) || !strings.Contains(err.Error(), why) {
			t.Errorf("promote %s: %v", wave, err)
		}
	}
	c, err := b.promote(id, "early", "looks good")
	if err != nil || !c.Done || c.Wave != "early" || c.Targets != 2 {
		t.Errorf("promote: %+v %v", c, err)
	}
	if c, err := b.promote(id, "early", ""); err != nil || c.Done {
		t.Errorf("promote an open wave: %+v %v", c, err)
	}
	if g := b.Rollout(id).Gates[0]; !strings.Contains(g.Why, "li@ops1: looks good") {
		t.Errorf("gate %+v", g)
	}
	b.Work()
	if r := b.Rollout(id); r.Status != rollout.StatusDone {
		t.Errorf("after: %s", r.Status)
	}
	if _, err := b.promote(id, "", ""); !errors.As(err, &wrong) {
		t.Errorf("promote a done one: %v", err)
	}
	b.Sound(id)
}

// TestPromoteTripped: what waits behind a gate that tripped is reported why and what to
// do, and promote lets it go on, once and for all.
func TestPromoteTripped(t *testing.T) {
	t.Parallel()
	b := mini(t)
	id := b.Apply(waved, 6)
	b.Work()
	if c, err := b.promote(id, "early", "looks good"); err != nil || !c.Done {
		t.Fatalf("promote: %+v %v", c, err)
	}
	trip := rollout.GateState{Decision: rollout.DecisionTrip, Why: "after it had opened: 2 of 2 judged were rejected or failed, more than 8%"}
	if err := b.Ledger.Latch(b.Ctx, id, 0, trip); err != nil {
		t.Fatal(err)
	}
	b.Work() // nothing behind it moves
	s := view.Summarize(b.Rollout(id))
	if want := "wave canary: " + trip.Why; s.Good != 2 || s.Blocked != want {
		t.Errorf("%d good, blocked %q; want 2, %q", s.Good, s.Blocked, want)
	}
	if w := s.Waves[0]; w.Gate != rollout.DecisionTrip || w.GateWhy != trip.Why || s.Waves[1].Open {
		t.Errorf("waves %+v", s.Waves)
	}
	e, err := b.Operator.Why(b.Ctx, appID(2), "")
	if err != nil || len(e.Places) != 1 {
		t.Fatalf("%+v %v", e, err)
	}
	if p := e.Places[0]; p.Waits != "the gate of wave canary has tripped: "+trip.Why || p.Next != "enqueue promote "+id+" --wave early" {
		t.Errorf("waits for %q, do %q", p.Waits, p.Next)
	}
	c, err := b.promote(id, "", "the reviewers erred")
	if err != nil || !c.Done || c.Wave != "early" || c.Targets != 4 {
		t.Errorf("promote: %+v %v", c, err)
	}
	if g := b.Rollout(id).Gates[0]; !g.Waived || g.Decision != rollout.DecisionPass {
		t.Errorf("gate %+v", g)
	}
	b.Work()
	if s := view.Summarize(b.Rollout(id)); s.Good <= 2 {
		t.Errorf("promoted, and still %+v", s)
	}
	b.Sound(id)
}

func TestPromoteLastWave(t *testing.T) {
	t.Parallel()
	b := mini(t)
	id := b.Apply(simple, 1)
	var wrong *operator.WaveError
	if _, err := b.promote(id, "", ""); !errors.As(err, &wrong) || !strings.Contains(err.Error(), "last wave is open") {
		t.Errorf("promote: %v", err)
	}
}

func TestApproveReleases(t *testing.T) {
	t.Parallel()
	b := mini(t)
	var wrong *operator.WaveError
	if _, err := b.Operator.ApproveReleases(b.Ctx, b.Apply(simple, 1), ""); !errors.As(err, &wrong) {
		t.Errorf("a plan that needs no approval: %v", err)
	}
	b.Work()
	id := b.Apply(strings.Replace(simple, "spring", "winter", 1)+"release: {when: manual}\n", 2)
	for i := range 2 {
		b.Worker.Answer(appID(i), rollout.StageRelease, operatortest.ParkedApproval)
	}
	b.Work()
	if s := view.Summarize(b.Rollout(id)); s.Blocked != "releases wait for approval" {
		t.Errorf("blocked: %q", s.Blocked)
	}
	c, err := b.Operator.ApproveReleases(b.Ctx, id, "ok")
	if err != nil || !c.Done || c.Targets != 2 {
		t.Errorf("approve: %+v %v", c, err)
	}
	if c, err := b.Operator.ApproveReleases(b.Ctx, id, "ok"); err != nil || c.Done || c.Targets != 0 {
		t.Errorf("approve again: %+v %v", c, err)
	}
	b.Work()
	if r := b.Rollout(id); r.Status != rollout.StatusDone || !r.ReleaseApproved {
		t.Errorf("after: %s", r.Status)
	}
}

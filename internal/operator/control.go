package operator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/wxrollout/wxrollout/internal/human"
	"github.com/wxrollout/wxrollout/internal/view"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
)

// Change is what an operator's verb did to a rollout.
type Change struct {
	ID string `json:"id"`
	// Was and Status are the statuses before and after.
	Was    rollout.Status `json:"was"`
	Status rollout.Status `json:"status"`
	// Done is false when it was so already.
	Done bool `json:"done"`
	// Targets is how many targets it reaches.
	Targets int `json:"targets"`
	// Pause is the pause that was ended, by Resume.
	Pause Pause `json:"pause,omitzero"`
	// Wave is the wave that was opened, by Promote.
	Wave string `json:"wave,omitempty"`
	// Gate is the verdict that held it, and Why what the gate says, for PlanPromote.
	Gate rollout.Decision `json:"gate,omitempty"`
	Why  string           `json:"why,omitempty"`
}

// Pause is who paused a rollout, when and why: an operator, or a worker for what WeChat
// answered. It is zero if the log of actions does not reach so far back.
type Pause struct {
	By  string    `json:"by"`
	At  time.Time `json:"at"`
	Why string    `json:"why"`
}

// lastPause is the newest pause of these actions.
func lastPause(actions []ledger.Action) Pause {
	for _, a := range slices.Backward(actions) {
		if a.To == string(rollout.StatusPaused) && a.From != a.To {
			return Pause{By: a.By, At: a.Time(), Why: a.Why}
		}
	}
	return Pause{}
}

// endedPause is the pause that the newest resume of these actions ended, whoever paused since.
func endedPause(actions []ledger.Action) Pause {
	for i, a := range slices.Backward(actions) {
		if a.From == string(rollout.StatusPaused) && a.From != a.To {
			return lastPause(actions[:i])
		}
	}
	return Pause{}
}

// PauseOf is the pause of a paused rollout.
func (o *Operator) PauseOf(ctx context.Context, r rollout.Rollout) (Pause, error) {
	actions, err := o.d.Ledger.Actions(ctx, r.ID)
	return lastPause(actions), err
}

// Pause stops a running or scheduled rollout: no assignment is given and no call with
// effect begins until Resume. Pausing a paused one does nothing.
func (o *Operator) Pause(ctx context.Context, id, why string) (Change, error) {
	return o.control(ctx, id, rollout.StatusPaused, func() error {
		return o.d.Ledger.PauseBy(ctx, id, o.d.By, human.Reason(why))
	})
}

// Resume lets a paused rollout go on, and forgets the failures that tripped its
// breaker. Resuming a running one does nothing.
func (o *Operator) Resume(ctx context.Context, id, why string) (Change, error) {
	c, err := o.control(ctx, id, rollout.StatusRunning, func() error {
		return o.d.Ledger.Resume(ctx, id, o.d.By, human.Reason(why))
	})
	if err != nil || !c.Done {
		return c, err
	}
	actions, err := o.d.Ledger.Actions(ctx, id)
	c.Pause = endedPause(actions)
	return c, err
}

// Abort ends an unfinished rollout for good: what was not released stays as it
// is at WeChat, in audit too. Aborting an aborted one does nothing.
func (o *Operator) Abort(ctx context.Context, id, why string) (Change, error) {
	return o.control(ctx, id, rollout.StatusAborted, func() error {
		return o.d.Ledger.Abort(ctx, id, o.d.By, human.Reason(why))
	})
}

// control changes a rollout's status; that it has the status already is no error.
func (o *Operator) control(ctx context.Context, id string, to rollout.Status, change func() error) (Change, error) {
	before, err := o.d.Ledger.Rollout(ctx, id)
	if err != nil {
		return Change{ID: id}, err
	}
	c := Change{ID: id, Was: before.Status, Status: before.Status, Targets: before.Counts.Unfinished()}
	err = change()
	if status := (*ledger.StatusError)(nil); errors.As(err, &status) && status.Status == to {
		c.Status = to
		return c, nil
	}
	if err != nil {
		return c, err
	}
	after, err := o.d.Ledger.Rollout(ctx, id)
	c.Done, c.Status = true, after.Status
	return c, err
}

// PlanPromote returns what PromoteAs would do: open the next wave, past a gate that holds,
// failed or tripped. With a wave's name it opens that one, if it is next, and does nothing
// if it is open. Without one, it opens only a gate that waits for a person: the same command
// twice, or by two operators at once, opens one wave. A *WaveError reports that there is
// nothing to promote.
func PlanPromote(r rollout.Rollout, wave string) (Change, error) {
	c := Change{ID: r.ID, Was: r.Status, Status: r.Status}
	if r.Status.Ended() || r.Status == rollout.StatusLoading {
		return c, &WaveError{ID: r.ID, Why: "it is " + string(r.Status) + ": there is no wave to promote"}
	}
	waves := r.Plan.Waves
	gate, g, closed := r.Gate()
	if wave != "" {
		i := slices.IndexFunc(waves, func(w rollout.Wave) bool { return w.Name == wave })
		switch {
		case i < 0:
			return c, &WaveError{ID: r.ID, Why: "it has no wave " + wave}
		case i <= gate:
			c.Wave = wave
			return c, nil
		case i > gate+1:
			return c, &WaveError{ID: r.ID, Why: fmt.Sprintf("wave %s is not next: %s is", wave, waves[gate+1].Name)}
		}
	}
	switch {
	case !closed:
		return c, &WaveError{ID: r.ID, Why: "its last wave is open already"}
	case wave == "" && !r.AwaitsPerson():
		c.Wave, c.Why = waves[gate].Name, fmt.Sprintf("the gate after it does not wait for a person: %s; to open wave %s anyway: --wave %s", orCounts(g.Why), waves[gate+1].Name, waves[gate+1].Name)
		if gate > 0 && r.Gates[gate-1].Promoted {
			return c, nil // this is what the promote before was for
		}
		return c, &WaveError{ID: r.ID, Why: "wave " + c.Wave + " is open, and " + c.Why}
	}
	c.Wave, c.Targets, c.Done = waves[gate+1].Name, waves[gate+1].Size, true
	c.Gate, c.Why = cmp.Or(g.Decision, rollout.DecisionHold), orCounts(g.Why)
	if gate < r.OpenWave { // a gate that tripped: behind it some have gone past it already
		c.Targets = r.Counts.Sum(func(x rollout.Cell) bool { return !x.State.Ended() && x.Wave > r.Reach(x.Stage) })
	}
	return c, nil
}

// orCounts returns why, or a default for a gate not evaluated yet.
func orCounts(why string) string {
	if why == "" {
		return "it still counts"
	}
	return why
}

// PromoteAs opens the wave that PlanPromote returned, if there is still something to promote: see
// there for errors. If the decision of its gate has changed, the error is a
// *ledger.GateChangedError. A gate that failed or tripped is not evaluated again. Done is false if
// the wave was opened meanwhile.
func (o *Operator) PromoteAs(ctx context.Context, planned Change, why string) (Change, error) {
	r, err := o.d.Ledger.Rollout(ctx, planned.ID)
	if err != nil {
		return planned, err
	}
	c, err := PlanPromote(r, planned.Wave)
	if err != nil || !c.Done {
		return c, err
	}
	gate, g, _ := r.Gate()
	g.Decision = planned.Gate // what the operator saw
	if g.At.IsZero() || g.Decision == rollout.DecisionHold {
		g = r.AtGate(gate, g, o.d.Now())
		g.At = o.d.Now()
	}
	// False means that the gate opened automatically, or was promoted.
	c.Done, err = o.d.Ledger.PromoteSeen(ctx, c.ID, gate, g, o.d.By, human.Reason(why))
	return c, err
}

// ApproveReleases lets approved targets go live (release.when: manual), and wakes
// those that wait for it. Targets is how many were woken.
func (o *Operator) ApproveReleases(ctx context.Context, id, why string) (Change, error) {
	r, err := o.d.Ledger.Rollout(ctx, id)
	if err != nil {
		return Change{ID: id}, err
	}
	c := Change{ID: id, Was: r.Status, Status: r.Status}
	if r.Plan.Release.When != rollout.ReleaseManual {
		return c, &WaveError{ID: id, Why: "its releases need no approval: the plan says release.when: " + string(r.Plan.Release.When)}
	}
	if r.Status.Ended() {
		return c, &WaveError{ID: id, Why: "it is " + string(r.Status)}
	}
	if c.Done, err = o.d.Ledger.ApproveReleases(ctx, id, o.d.By, human.Reason(why)); err != nil {
		return c, err
	}
	woken, err := o.Retry(ctx, id, view.Filter{
		States: []rollout.State{rollout.StateParked}, Reasons: []rollout.Reason{rollout.ReasonApproval},
	}, RetryOptions{Why: "releases approved", approval: true})
	c.Targets = woken.Woken
	return c, err
}

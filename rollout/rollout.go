package rollout

import "time"

// Status is where a rollout as a whole stands.
type Status string

// The statuses of a rollout.
const (
	// StatusLoading: apply is still writing its targets; nothing moves. Sealing
	// moves it on; a load that was interrupted goes on when applied again.
	StatusLoading Status = "loading"
	// StatusScheduled waits for its start time; the controller starts it.
	StatusScheduled Status = "scheduled"
	// StatusRunning: the controller gives its targets their assignments.
	StatusRunning Status = "running"
	// StatusPaused: no call with effect is begun, until an operator resumes it, and no assignment
	// is given but to read back a call of unknown outcome.
	StatusPaused Status = "paused"
	// StatusDone: every target ended. An operator's retry makes it running again.
	StatusDone Status = "done"
	// StatusAborted: an operator ended it; its unfinished targets never move.
	StatusAborted Status = "aborted"
)

// Ended tells whether no target of the rollout will move by itself.
func (s Status) Ended() bool { return s == StatusDone || s == StatusAborted }

// Moves tells whether targets at a stage get assignments and may make calls. Taking an
// upgrade back is what a rollout is paused or aborted for.
func (s Status) Moves(stage Stage) bool {
	return s == StatusRunning || stage == StageUndo && (s == StatusPaused || s == StatusAborted)
}

// Rollout is one plan applied to its targets, as a whole. It is a snapshot.
type Rollout struct {
	ID     string
	Name   string
	Digest string // of plan, app list and ext template; the same content has the same digest
	Status Status
	// Why and By tell of the last change of status.
	Why, By string

	Created time.Time
	StartAt time.Time // zero: at once
	Started time.Time
	Ended   time.Time

	Total    int // targets
	Revision int // newest plan revision
	// OpenWave is the last wave whose targets may start.
	OpenWave int
	// Released is set when an operator approved the releases (release.when: manual).
	Released bool
	// Gates holds the latched verdicts by wave.
	Gates map[int]GateState

	// Plan is revision 0 without its ext text: waves and policies.
	Plan Plan
	// Counts says how many targets are where.
	Counts Counts
	// Codes counts failed targets by errcode.
	Codes map[int64]int
}

// GateState is a latched verdict.
type GateState struct {
	Decision Decision `json:"decision"`
	Why      string   `json:"why,omitempty"`
	// Promoted: an operator opened the gate; it did not pass by itself.
	Promoted bool `json:"promoted,omitempty"`
	// Since is when it began to wait for an operator; zero if it doesn't.
	Since time.Time `json:"since,omitzero"`
	// Waived: an operator opened the gate though it had failed or tripped, so that
	// it is not judged again. The store keeps it beside the verdict.
	Waived bool `json:"-"`
}

// Reach is the last wave whose targets get assignments at a stage. Behind a gate that
// tripped nothing is begun, committed or submitted; what is in audit or approved
// goes on, and so does what is taken back.
func (r Rollout) Reach(s Stage) int {
	if wave, tripped := r.TrippedGate(); tripped && !StageSubmit.Before(s) {
		return wave
	}
	return r.OpenWave
}

// Wants counts the targets that wait for an assignment at a stage and that no gate, pause or
// start time holds back.
func (r Rollout) Wants(stage Stage) int {
	if !r.Status.Moves(stage) {
		return 0
	}
	reach := r.Reach(stage)
	return r.Counts.Sum(func(x Cell) bool {
		return x.Stage == stage && x.State == StatePending && x.Wave <= reach && !x.readsBack()
	})
}

// ReadBacks counts the targets at a stage that wait for an assignment in which a handler reads
// back a call of unknown outcome. A read changes nothing at WeChat: it needs no permit, no gate
// holds it, and it goes on while the rollout is paused, or aborted; see Store.Sweep.
func (r Rollout) ReadBacks(s Stage) int {
	if r.Status != StatusRunning && r.Status != StatusPaused && r.Status != StatusAborted {
		return 0
	}
	return r.Counts.Sum(func(x Cell) bool { return x.Stage == s && x.readsBack() })
}

// readsBack tells whether a cell is of targets to be read back.
func (c Cell) readsBack() bool { return c.State == StatePending && c.Reason == ReasonUnknown }

// MaxRank bounds the ranks that get assignments at a stage; it is exclusive.
func (r Rollout) MaxRank(s Stage) int64 { return Rank(r.Reach(s)+1, 0) }

// Gate is the gate that holds what comes next, or would: the first that tripped,
// else the one after the last open wave. ok is false if no wave comes after it.
func (r Rollout) Gate() (wave int, g GateState, ok bool) {
	wave, tripped := r.TrippedGate()
	if !tripped {
		wave = r.OpenWave
	}
	return wave, r.Gates[wave], wave+1 < len(r.Plan.Waves)
}

// Held tells whether a gate holds targets back, which one, and why.
func (r Rollout) Held() (wave int, why string, held bool) {
	wave, g, ok := r.Gate()
	if !ok || r.Status != StatusRunning || g.Decision == "" {
		return wave, "", false
	}
	return wave, g.Why, g.Decision != DecisionPass
}

// Blocked is a gate, an operator or the plan's policy that must give way before
// anything of the rollout can go on; "" when something still moves by itself.
func (r Rollout) Blocked() string {
	c := r.Counts
	wave, why, held := r.Held()
	waiting := c.Sum(func(x Cell) bool { return x.State == StatePending && x.Wave > r.Reach(x.Stage) && !x.readsBack() })
	approval := c.Parked(ReasonApproval)
	switch {
	case r.Status == StatusPaused:
		return "paused: " + r.Why
	case held && waiting+approval == c.Unfinished():
		return "wave " + r.Plan.Waves[wave].Name + ": " + why
	case approval > 0 && approval == c.Unfinished():
		return "releases wait for approval"
	default:
		return ""
	}
}

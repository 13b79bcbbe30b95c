package rollout

import "time"

// Status is the state of a rollout as a whole.
type Status string

// The statuses of a rollout.
const (
	// StatusLoading: apply is still writing its targets and nothing moves. Sealing ends it. An
	// interrupted load continues when the plan is applied again.
	StatusLoading Status = "loading"
	// StatusScheduled waits for its start time; the controller starts it.
	StatusScheduled Status = "scheduled"
	// StatusRunning: the controller gives its targets their assignments.
	StatusRunning Status = "running"
	// StatusPaused: until an operator resumes it, no call with effect begins, and assignments are
	// made only to read back calls of unknown outcome.
	StatusPaused Status = "paused"
	// StatusDone: every target ended. An operator's retry makes it running again.
	StatusDone Status = "done"
	// StatusAborted: an operator ended it; only read-backs and undo still run.
	StatusAborted Status = "aborted"
)

// Ended reports whether the rollout moves only if an operator acts.
func (s Status) Ended() bool { return s == StatusDone || s == StatusAborted }

// Moves reports whether targets at a stage get assignments and may make calls. Undo goes on in
// paused and aborted rollouts: it is a common reason to pause or abort one.
func (s Status) Moves(stage Stage) bool {
	return s == StatusRunning || stage == StageUndo && (s == StatusPaused || s == StatusAborted)
}

// ByWorker is who paused a rollout that no operator did.
const ByWorker = "worker"

// Rollout is one plan applied to its targets, as a whole. It is a snapshot.
type Rollout struct {
	ID     string
	Name   string
	Digest string // of plan, app list and ext template; the same content has the same digest
	Status Status
	// Why and By are the reason and the actor of the last change of status.
	Why, By string

	Created time.Time
	StartAt time.Time // zero: at once
	Started time.Time
	Ended   time.Time

	Total    int // targets
	Revision int // newest plan revision
	// OpenWave is the last wave whose targets may start.
	OpenWave int
	// ReleaseApproved is set when an operator approved the releases (release.when: manual).
	ReleaseApproved bool
	// Gates holds the latched decisions by wave.
	Gates map[int]GateState

	// Plan is revision 0 without its ext text: waves and policies.
	Plan Plan
	// Counts are the numbers of targets by cell.
	Counts Counts
	// Codes counts failed targets by errcode.
	Codes map[int64]int
}

// GateState is a gate's decision as it is stored.
type GateState struct {
	Decision Decision `json:"decision"`
	Why      string   `json:"why,omitempty"`
	// Promoted: an operator opened the gate.
	Promoted bool `json:"promoted,omitempty"`
	// Since is when it began to wait for an operator; zero if it does not wait.
	Since time.Time `json:"since,omitzero"`
	// Wave is the wave before the gate, Numbers what the decision is based on, At its time.
	Wave    string    `json:"wave,omitempty"`
	Numbers GateBasis `json:"numbers,omitzero"`
	At      time.Time `json:"at,omitzero"`
	// Overruled is the state that an operator's promote replaced; nil without a promote.
	Overruled *GateState `json:"overruled,omitempty"`
	// Waived: an operator opened the gate although it had failed or tripped, so that it is not
	// evaluated again. The store keeps it beside the decision.
	Waived bool `json:"-"`
}

// Reach is the last wave whose targets get assignments at a stage. Behind a tripped gate no target
// is begun, committed or submitted; targets in audit or approved go on, and so does undo.
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
// holds it, and it goes on while the rollout is paused or aborted.
func (r Rollout) ReadBacks(s Stage) int {
	if r.Status != StatusRunning && r.Status != StatusPaused && r.Status != StatusAborted {
		return 0
	}
	return r.Counts.Sum(func(x Cell) bool { return x.Stage == s && x.readsBack() })
}

// readsBack reports whether a cell's targets are to be read back.
func (c Cell) readsBack() bool { return c.State == StatePending && c.Reason == ReasonUnknown }

// MaxRank bounds the ranks that get assignments at a stage; it is exclusive.
func (r Rollout) MaxRank(s Stage) int64 { return Rank(r.Reach(s)+1, 0) }

// Gate is the gate that holds the next wave, or would: the first that tripped, else the one after
// the last open wave. ok is false if no wave comes after it.
func (r Rollout) Gate() (wave int, g GateState, ok bool) {
	wave, tripped := r.TrippedGate()
	if !tripped {
		wave = r.OpenWave
	}
	return wave, r.Gates[wave], wave+1 < len(r.Plan.Waves)
}

// Held reports whether a gate holds targets back, which one, and why.
func (r Rollout) Held() (wave int, why string, held bool) {
	wave, g, ok := r.Gate()
	if !ok || r.Status != StatusRunning || g.Decision == "" {
		return wave, "", false
	}
	return wave, g.Why, g.Decision != DecisionPass
}

// Blocked is the pause, gate or approval that must end before any target of the rollout can go on;
// "" while some target can.
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

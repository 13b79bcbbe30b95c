package rollout

import "time"

// Status is where a rollout as a whole stands.
type Status string

// The statuses of a rollout.
const (
	// StatusLoading: apply is still writing its targets; nothing moves. Sealing
	// moves it on; a load that was interrupted goes on when applied again.
	StatusLoading Status = "loading"
	// StatusScheduled waits for its start time; the conductor starts it.
	StatusScheduled Status = "scheduled"
	// StatusRunning: the conductor gives its targets their turns.
	StatusRunning Status = "running"
	// StatusPaused: no turn is given and no call with effect is begun, until an
	// operator resumes it.
	StatusPaused Status = "paused"
	// StatusDone: every target ended. An operator's retry makes it running again.
	StatusDone Status = "done"
	// StatusAborted: an operator ended it; its unfinished targets never move.
	StatusAborted Status = "aborted"
)

// Ended tells whether no target of the rollout will move by itself.
func (s Status) Ended() bool { return s == StatusDone || s == StatusAborted }

// Moves tells whether targets at a stage get turns and may make calls. Taking an
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
	Verdict Verdict `json:"verdict"`
	Why     string  `json:"why,omitempty"`
}

// MaxRank bounds the ranks whose waves may start; it is exclusive.
func (r Rollout) MaxRank() int64 { return Rank(r.OpenWave+1, 0) }

// Held tells whether a gate holds targets back, and why.
func (r Rollout) Held() (why string, held bool) {
	g, ok := r.Gates[r.OpenWave]
	if !ok || r.Status != StatusRunning || r.OpenWave+1 >= len(r.Plan.Waves) {
		return "", false
	}
	return g.Why, g.Verdict != VerdictOpen
}

// Blocked is a gate, an operator or the plan's policy that must give way before
// anything of the rollout can go on; "" when something still moves by itself.
func (r Rollout) Blocked() string {
	c := r.Counts
	why, held := r.Held()
	waiting := c.Sum(func(x Cell) bool { return x.State == StatePending && x.Wave > r.OpenWave })
	approval := c.Parked(ReasonApproval)
	switch {
	case r.Status == StatusPaused:
		return "paused: " + r.Why
	case held && waiting+approval == c.Unfinished():
		return "wave " + r.Plan.Waves[r.OpenWave].Name + ": " + why
	case approval > 0 && approval == c.Unfinished():
		return "releases wait for approval"
	default:
		return ""
	}
}

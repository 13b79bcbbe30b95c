package view

import (
	"fmt"
	"slices"
	"time"

	"github.com/wxrollout/wxrollout/internal/quota"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/classify"
)

// Summary is the status of one rollout, in numbers.
type Summary struct {
	ID     string         `json:"id"`
	Name   string         `json:"name"`
	Status rollout.Status `json:"status"`
	// By and Why are of the last change of status.
	By       string           `json:"by,omitempty"`
	Why      string           `json:"why,omitempty"`
	Template rollout.Template `json:"template"`
	Created  time.Time        `json:"created"`
	StartAt  time.Time        `json:"start_at,omitzero"`
	Started  time.Time        `json:"started,omitzero"`
	Ended    time.Time        `json:"ended,omitzero"`
	// Total targets; Done of them have ended, Good of those well, Bad were
	// rejected or failed.
	Total int `json:"total"`
	Done  int `json:"done"`
	Good  int `json:"good"`
	Bad   int `json:"bad"`
	// States and Parked split the targets by state and by reason to park.
	States map[rollout.State]int  `json:"states"`
	Parked map[rollout.Reason]int `json:"parked"`
	Stages []StageSummary         `json:"stages"`
	Waves  []WaveSummary          `json:"waves"`
	// Codes counts the failed targets by errcode.
	Codes map[int64]int `json:"codes,omitempty"`
	// Blocked is what must change before anything can continue; "" while something moves.
	Blocked string `json:"blocked,omitempty"`
	// Halted is why a running rollout does not move: a fault of the platform, an outage of WeChat
	// at a stage, or a penalty, during which submitted targets continue.
	Halted string `json:"halted,omitempty"`
	// Limit is what binds the submissions of a running rollout; nil if nothing does or none waits.
	Limit *rollout.Limit `json:"limit,omitempty"`
	// Revision is the newest plan revision, ReleaseApproved whether an operator approved the releases.
	Revision        int  `json:"revision"`
	ReleaseApproved bool `json:"release_approved"`
}

// StageSummary counts the targets of one stage.
type StageSummary struct {
	Stage   rollout.Stage `json:"stage"`
	Pending int           `json:"pending"`
	Running int           `json:"running"`
	Parked  int           `json:"parked"`
	// Bad targets were rejected or failed here. Passed ones went on or ended well, at any stage;
	// undone ones have passed undo alone.
	Bad    int `json:"bad"`
	Passed int `json:"passed"`
}

// WaveSummary counts the targets of one wave.
type WaveSummary struct {
	Name string `json:"name"`
	Size int    `json:"size"`
	// Open reports that its targets may start.
	Open bool `json:"open"`
	Done int  `json:"done"`
	Good int  `json:"good"`
	Bad  int  `json:"bad"`
	// Gate is the decision on the wave after it, GateWhy its reason; "" if that wave has no gate.
	Gate    rollout.Decision `json:"gate,omitempty"`
	GateWhy string           `json:"gate_why,omitempty"`
	// GateNumbers are what the decision is based on, GateAt its time. GateOverruled is the decision
	// that an operator's promote replaced, with its own.
	GateNumbers   *rollout.GateBasis `json:"gate_numbers,omitempty"`
	GateAt        time.Time          `json:"gate_at,omitzero"`
	GateOverruled *rollout.GateState `json:"gate_overruled,omitempty"`
	// GateRepaired reports that the gate failed or tripped, and would not with the present verdicts.
	GateRepaired bool `json:"gate_repaired,omitempty"`
}

// StatusText is the status as people see it: a rollout that was undone is not just done.
func (s Summary) StatusText() string {
	undone := s.States[rollout.StateUndone]
	switch {
	case undone == 0:
		return string(s.Status)
	case s.Good == 0 && s.Status == rollout.StatusDone:
		return "undone"
	default:
		return fmt.Sprintf("%s, %d undone", s.Status, undone)
	}
}

// GateAdvice is what an operator can do about a gate that failed or tripped, the best first; nil if
// none did.
func (s Summary) GateAdvice() []string {
	at := slices.IndexFunc(s.Waves, func(w WaveSummary) bool {
		return w.Gate == rollout.DecisionFail || w.Gate == rollout.DecisionTrip
	})
	if at < 0 || s.Status.Ended() {
		return nil
	}
	w := s.Waves[at]
	if w.GateRepaired {
		return []string{
			fmt.Sprintf("wave %s was repaired: %d of its %d targets are rejected or failed now, which its gate allows", w.Name, w.Bad, w.Size),
			"open the next wave: " + s.Promote(),
		}
	}
	return []string{
		"see the causes: enqueue get failures " + s.ID,
		"repair them, for example with a corrected template: enqueue retry " + s.ID + " --recommit --template N",
		"or take the version back: enqueue undo " + s.ID,
		"only if the rejections don't matter, open the next wave in spite of them: " + s.Promote(),
	}
}

// Promote is the command that opens the next wave.
func (s Summary) Promote() string {
	for _, w := range s.Waves {
		if !w.Open {
			return PromoteCommand(s.ID, w.Name)
		}
	}
	return PromoteCommand(s.ID, "")
}

// PromoteCommand is the command that opens a wave. It names the wave, so that it can be repeated.
func PromoteCommand(id, wave string) string {
	if wave == "" {
		return "enqueue promote " + id
	}
	return "enqueue promote " + id + " --wave " + wave
}

// Summarize counts a rollout.
func Summarize(r rollout.Rollout) Summary {
	s := Summary{
		ID: r.ID, Name: r.Name, Status: r.Status, By: r.By, Why: r.Why, Template: r.Plan.Template,
		Created: r.Created, StartAt: r.StartAt, Started: r.Started, Ended: r.Ended,
		Total: r.Total, Good: r.Counts.Good(), Bad: bad(r.Counts),
		States: make(map[rollout.State]int), Parked: make(map[rollout.Reason]int), Codes: r.Codes,
		Blocked: Blocked(r), Revision: r.Revision, ReleaseApproved: r.ReleaseApproved,
	}
	if s.Total == 0 { // still loading
		s.Total = r.Counts.Total()
	}
	for cell, n := range r.Counts {
		s.States[cell.State] += n
		if cell.State == rollout.StateParked {
			s.Parked[cell.Reason] += n
		}
	}
	s.Done = r.Counts.Total() - r.Counts.Unfinished()
	for _, stage := range rollout.Stages() {
		if stage == rollout.StageUndo && r.Counts.Sum(func(x rollout.Cell) bool { return x.Stage == stage }) == 0 {
			continue // no undo was requested
		}
		s.Stages = append(s.Stages, stageSummary(r.Counts, stage))
	}
	for i, w := range r.Plan.Waves {
		s.Waves = append(s.Waves, waveSummary(r, i, w))
	}
	return s
}

// Halt fills in Halted: the widest cause of those that hold back a running rollout.
func (s *Summary) Halt(pools []quota.Pool, fault *ledger.PlatformFault) {
	if s.Status.Ended() || s.Done == s.Total {
		return
	}
	if fault != nil {
		s.Halted = Fault(*fault)
		return
	}
	submit := pools[0]
	waits := slices.ContainsFunc(s.Stages, func(x StageSummary) bool {
		return !rollout.StageSubmit.Before(x.Stage) && x.Pending+x.Running+x.Parked > 0
	})
	if submit.Punished && waits {
		s.Halted = submit.Words
		return
	}
	for _, p := range pools {
		if p.Reason == classify.ReasonOutage && slices.ContainsFunc(s.Stages, func(x StageSummary) bool { return x.Stage == p.Stage && x.Pending+x.Parked > 0 }) {
			s.Halted = fmt.Sprintf("the %s stage is closed: %s", p.Stage, p.Words)
			return
		}
	}
}

// IsBad reports whether a state is rejected or failed.
func IsBad(s rollout.State) bool { return s == rollout.StateRejected || s == rollout.StateFailed }

func bad(c rollout.Counts) int { return c.Sum(func(x rollout.Cell) bool { return IsBad(x.State) }) }

func stageSummary(c rollout.Counts, stage rollout.Stage) StageSummary {
	return StageSummary{
		Stage:   stage,
		Pending: c.At(stage, rollout.StatePending),
		Running: c.At(stage, rollout.StateRunning),
		Parked:  c.At(stage, rollout.StateParked),
		Bad:     c.Sum(func(x rollout.Cell) bool { return x.Stage == stage && IsBad(x.State) }),
		Passed: c.Sum(func(x rollout.Cell) bool {
			if x.Stage == rollout.StageUndo {
				return x.Stage == stage && x.State == rollout.StateUndone
			}
			return stage != rollout.StageUndo && (stage.Before(x.Stage) || x.State.Good())
		}),
	}
}

func waveSummary(r rollout.Rollout, i int, w rollout.Wave) WaveSummary {
	in := func(match func(rollout.State) bool) int {
		return r.Counts.Sum(func(x rollout.Cell) bool { return x.Wave == i && match(x.State) })
	}
	s := WaveSummary{
		Name: w.Name, Size: w.Size, Open: i <= r.Reach(rollout.StagePreflight),
		Done: in(rollout.State.Ended), Good: in(rollout.State.Good), Bad: in(IsBad),
	}
	if i+1 < len(r.Plan.Waves) && (w.Gated() || r.Gates[i].Decision != "") {
		g := r.Gates[i]
		s.Gate, s.GateWhy, s.GateAt, s.GateOverruled = g.Decision, g.Why, g.At, g.Overruled
		if g.Numbers.Size > 0 {
			s.GateNumbers = &g.Numbers
		}
		s.GateRepaired = (g.Decision == rollout.DecisionFail || g.Decision == rollout.DecisionTrip) && repaired(r, i)
	}
	return s
}

// repaired reports whether the verdicts of a wave are complete again and no longer fail its gate.
func repaired(r rollout.Rollout, wave int) bool {
	decision, _ := rollout.Judge(r.Plan.Waves[wave], wave, r.Counts, false)
	now := r.GateBasis(wave)
	return decision != rollout.DecisionFail && now.Judged >= now.Need
}

// Blocked is rollout.Blocked without what the controller's next pass resolves: a gate that has what
// it waited for.
func Blocked(r rollout.Rollout) string {
	text := r.Blocked()
	at, _, held := r.Held()
	if !held || text == "" {
		return text
	}
	wave := r.Plan.Waves[at]
	if r.Gates[at].Decision == rollout.DecisionHold {
		v, why := rollout.Judge(wave, at, r.Counts, false)
		if v == rollout.DecisionPass {
			return ""
		}
		return "wave " + wave.Name + ": " + why
	}
	return text
}

// StatusUnreadable is the status of a Summary whose rollout can't be read; Blocked is the error.
const StatusUnreadable rollout.Status = "unreadable"

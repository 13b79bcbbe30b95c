package rollout

import (
	"fmt"
	"time"
)

// Decision is the result of a gate's evaluation.
type Decision string

// The decisions. The store latches all but hold: they stay, except that a gate that passed may
// trip, and that an operator may promote past a failed or tripped one.
const (
	// DecisionHold: not enough known yet, or an operator's promote is awaited.
	DecisionHold Decision = "hold"
	// DecisionPass: the next wave may start.
	DecisionPass Decision = "pass"
	// DecisionFail: too many of the wave were rejected, failed or delayed.
	DecisionFail Decision = "fail"
	// DecisionTrip: the gate had passed, and later verdicts of its wave would have failed it. No
	// target behind it begins, commits or submits any more; those in audit or approved go on.
	DecisionTrip Decision = "trip"
)

// Judge evaluates the gate after a wave by the counts of the wave's targets alone, so that a second
// evaluation gives the same decision. A sequential wave without a rule has a gate that only waits
// until the wave is done.
func Judge(w Wave, wave int, c Counts, promoted bool) (Decision, string) {
	if promoted || !w.Gated() {
		return DecisionPass, ""
	}
	if !w.Judges() {
		left, of := c.undone(wave)
		if left > 0 {
			return DecisionHold, fmt.Sprintf("%d of %d done", of-left, of)
		}
		return DecisionPass, fmt.Sprintf("%d of %d done", of, of)
	}
	score := c.score(wave)
	judged, need := score.good+score.bad, w.need()
	why, broken := w.broken(score)
	switch {
	case broken:
		return DecisionFail, why
	case judged < need && c.Sum(func(x Cell) bool { return x.Wave == wave && x.State.Ended() }) >= w.Size:
		return DecisionHold, fmt.Sprintf("%d of %d judged, the others ended without a verdict", judged, need)
	case judged < need:
		return DecisionHold, fmt.Sprintf("%d of %d judged", judged, need)
	case w.Approve:
		return DecisionHold, waitsForPromote
	default:
		return DecisionPass, fmt.Sprintf("%d of %d judged, %d bad", judged, need, score.bad)
	}
}

// waitsForPromote is the reason of a gate that an operator must open.
const waitsForPromote = "waits for promote"

// NextGate evaluates the gate after the last open wave: its new state, and whether that differs
// from the present one. A gate that failed, one behind a tripped gate, and the end of the last
// wave are not evaluated.
func (r Rollout) NextGate(now time.Time) (next GateState, changed bool) {
	was := r.Gates[r.OpenWave]
	if _, tripped := r.TrippedGate(); tripped || r.OpenWave+1 >= len(r.Plan.Waves) || was.Decision == DecisionFail {
		return was, false
	}
	v, why := Judge(r.Plan.Waves[r.OpenWave], r.OpenWave, r.Counts, false)
	next = GateState{Decision: v, Why: why}.asked(was, now, r.Plan.Deadline.WithDefaults().Gate)
	return next, !next.same(was)
}

// asked completes the state of a gate that waits for an operator, given its state before: since
// when it waits, and that it is overdue after the plan's deadline.
func (g GateState) asked(was GateState, now time.Time, limit time.Duration) GateState {
	if g.Decision != DecisionHold || g.Why != waitsForPromote {
		return g
	}
	if g.Since = was.Since; g.Since.IsZero() {
		g.Since = now
	}
	if now.Sub(g.Since) >= limit {
		g.Why += fmt.Sprintf("; no answer for %s (deadline.gate): promote or abort the rollout", limit)
	}
	return g
}

// Overdue reports whether a gate has waited for an operator past its plan's deadline.
func (g GateState) Overdue() bool {
	return g.Decision == DecisionHold && !g.Since.IsZero() && g.Why != waitsForPromote
}

// same compares two states; a stored time has another location.
func (g GateState) same(other GateState) bool {
	return g.Decision == other.Decision && g.Why == other.Why && g.Promoted == other.Promoted && g.Waived == other.Waived && g.Since.Equal(other.Since)
}

// undone counts the targets of a wave and of those before it, and how many of them keep a
// sequential wave from starting. Done is a target that ended, well or not, or that waits for what no
// deadline of a stage bounds: its merchant, an operator's approval of releases, or another rollout
// that works on its app. Every other wait has an end, so a sequential wave starts at last.
func (c Counts) undone(wave int) (left, of int) {
	for x, n := range c {
		if x.Wave > wave {
			continue
		}
		of += n
		if !x.State.Ended() && !x.awaitsOthers() {
			left += n
		}
	}
	return left, of
}

// awaitsOthers reports whether a cell's targets wait for people or for another rollout.
func (c Cell) awaitsOthers() bool {
	return c.State == StateParked && (c.Reason == ReasonMerchant || c.Reason == ReasonApproval || c.Reason == ReasonOwner)
}

// GateBasis is what a gate's decision is based on, with the limits of its plan.
type GateBasis struct {
	// Size is the wave's targets; Judged of them have a result, of the Need that the plan wants.
	Size   int `json:"size"`
	Judged int `json:"judged"`
	Need   int `json:"need"`
	// Bad were rejected or failed. WeChat delays the audits of Delayed.
	Bad     int `json:"bad"`
	Delayed int `json:"delayed"`
	// RejectAbove and DelayAbove are the largest shares that pass; 0 allows any rejection and no delay.
	RejectAbove float64 `json:"reject_above"`
	DelayAbove  float64 `json:"delay_above"`
}

// GateBasis is what the gate after a wave counts at this moment, decided or not.
func (r Rollout) GateBasis(wave int) GateBasis {
	w, s := r.Plan.Waves[wave], r.Counts.score(wave)
	return GateBasis{
		Size: w.Size, Judged: s.good + s.bad, Need: w.need(), Bad: s.bad, Delayed: s.delayed,
		RejectAbove: w.RejectAbove, DelayAbove: w.DelayAbove,
	}
}

// AtGate is the state g of the gate after a wave, with the numbers of this moment.
func (r Rollout) AtGate(wave int, g GateState, now time.Time) GateState {
	g.Wave, g.Numbers = r.Plan.Waves[wave].Name, r.GateBasis(wave)
	if g.Decision != DecisionHold {
		g.At = now
	}
	return g
}

// score counts the verdicts on the targets of a wave.
type score struct{ good, bad, delayed int }

func (c Counts) score(wave int) score {
	in := func(match func(Cell) bool) int {
		return c.Sum(func(x Cell) bool { return x.Wave == wave && match(x) })
	}
	return score{
		bad:  in(func(x Cell) bool { return x.State == StateRejected || x.State == StateFailed }),
		good: in(func(x Cell) bool { return x.State.Good() || (x.Stage == StageRelease && !x.State.Ended()) }),
		// A target whose audit is being polled isn't counted: the gate trips on the first pass that counts too many.
		delayed: in(func(x Cell) bool { return x.State == StateParked && x.Reason == ReasonDelayed }),
	}
}

// need is how many targets must be judged before the wave's gate passes or fails by its share.
func (w Wave) need() int {
	if w.MinJudged <= 0 || w.MinJudged > w.Size {
		return w.Size
	}
	return w.MinJudged
}

// AwaitsPerson reports whether the gate that holds the next wave opens only by a promote: it failed
// or tripped, its plan wants an approval and enough targets are judged, or no target before it moves
// any more. It is false if no wave comes after it.
func (r Rollout) AwaitsPerson() bool {
	wave, g, ok := r.Gate()
	if !ok {
		return false
	}
	if g.Decision == DecisionFail || g.Decision == DecisionTrip {
		return true
	}
	w, s := r.Plan.Waves[wave], r.Counts.score(wave)
	if !w.Judges() {
		return false
	}
	if _, broken := w.broken(s); broken || w.Approve && s.good+s.bad >= w.need() {
		return true
	}
	return r.Counts.Sum(func(x Cell) bool { return x.Wave <= wave && !x.State.Ended() }) == 0
}

// broken reports whether a wave's own numbers are worse than its plan allows, before and after its
// gate has passed.
func (w Wave) broken(s score) (why string, broken bool) {
	judged := s.good + s.bad
	switch {
	case w.RejectAbove > 0 && judged >= w.need() && above(s.bad, w.RejectAbove, judged):
		return fmt.Sprintf("%d of %d judged were rejected or failed, more than %.3g%%", s.bad, judged, w.RejectAbove*100), true
	case !above(s.delayed, w.DelayAbove, w.Size):
		return "", false
	case w.DelayAbove > 0:
		return fmt.Sprintf("WeChat delays the audits of %d of the wave's %d targets, more than %.3g%%", s.delayed, w.Size, w.DelayAbove*100), true
	default:
		return fmt.Sprintf("WeChat delays the audits of %d of the wave's %d targets", s.delayed, w.Size), true
	}
}

// above reports whether n is more than a share of all. The share 0.29 of 100 is 29, in spite of
// rounding.
func above(n int, share float64, all int) bool { return float64(n) > share*float64(all)+1e-9 }

// GateTrip is a gate that had passed and would not pass with the verdicts that came since.
type GateTrip struct {
	Wave int
	Why  string
}

// GateTrips evaluates the gates that have passed once more: a gate passes by the first verdicts of
// its wave, and the last ones may be bad. A gate that tripped, or that an operator opened although
// it had failed or tripped, is not evaluated again.
func (r Rollout) GateTrips() []GateTrip {
	var trips []GateTrip
	for wave := range min(r.OpenWave, len(r.Plan.Waves)) {
		if g := r.Gates[wave]; g.Decision != DecisionPass || g.Waived {
			continue
		}
		w := r.Plan.Waves[wave]
		if why, broken := w.broken(r.Counts.score(wave)); broken && w.Judges() {
			trips = append(trips, GateTrip{Wave: wave, Why: "after it had opened: " + why})
		}
	}
	return trips
}

// TrippedGate is the first gate that tripped.
func (r Rollout) TrippedGate() (wave int, tripped bool) {
	for wave := range min(r.OpenWave, len(r.Plan.Waves)) {
		if r.Gates[wave].Decision == DecisionTrip {
			return wave, true
		}
	}
	return 0, false
}

// Spike reports whether more of the last wave was rejected, failed or delayed than its plan allows:
// no gate follows it.
func (r Rollout) Spike() (why string, spike bool) {
	last := len(r.Plan.Waves) - 1
	if r.OpenWave != last {
		return "", false
	}
	w, s := r.Plan.Waves[last], r.Counts.score(last)
	if w.DelayAbove <= 0 {
		s.delayed = 0
	}
	return w.broken(s)
}

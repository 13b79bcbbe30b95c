package rollout

import (
	"fmt"
	"time"
)

// Decision is the result of a gate's evaluation.
type Decision string

// The decisions. The store latches all but hold: they stay, except that a gate that passed
// may trip, and that an operator promotes past a failed or
// tripped one.
const (
	// DecisionHold: not enough known yet, or an operator's promote is awaited.
	DecisionHold Decision = "hold"
	// DecisionPass: the next wave may start.
	DecisionPass Decision = "pass"
	// DecisionFail: too many of the wave were rejected, failed or delayed.
	DecisionFail Decision = "fail"
	// DecisionTrip: the gate had opened, and what is known of its wave since
	// would have failed it. Nothing behind it is begun, committed or submitted any
	// more; what is in audit or approved goes on.
	DecisionTrip Decision = "trip"
)

// Judge decides the gate after a wave from how the wave's targets stand. It
// looks at counts only, so judging twice gives the same decision.
func Judge(w Wave, wave int, c Counts, promoted bool) (Decision, string) {
	if promoted || !w.Gated() {
		return DecisionPass, ""
	}
	score := c.score(wave)
	judged, need := score.good+score.bad, w.need()
	why, broken := w.broken(score)
	switch {
	case broken:
		return DecisionFail, why
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

// asked completes the state of a gate that waits for an operator, given the one before it: since
// when, and after the plan's deadline that nobody answered. The gate itself decides nothing.
func (g GateState) asked(was GateState, now time.Time, limit time.Duration) GateState {
	if g.Decision != DecisionHold || g.Why != waitsForPromote {
		return g
	}
	if g.Since = was.Since; g.Since.IsZero() {
		g.Since = now
	}
	if now.Sub(g.Since) >= limit {
		g.Why += fmt.Sprintf("; nobody answered for %s (deadline.gate): promote or abort the rollout", limit)
	}
	return g
}

// Overdue tells whether a gate waits for an operator longer than its plan's deadline.
func (g GateState) Overdue() bool {
	return g.Decision == DecisionHold && !g.Since.IsZero() && g.Why != waitsForPromote
}

// same tells whether two states say the same; a time that was stored has another location.
func (g GateState) same(other GateState) bool {
	return g.Decision == other.Decision && g.Why == other.Why && g.Promoted == other.Promoted && g.Waived == other.Waived && g.Since.Equal(other.Since)
}

// score is how the targets of a wave were judged so far.
type score struct{ good, bad, delayed int }

func (c Counts) score(wave int) score {
	in := func(match func(Cell) bool) int {
		return c.Sum(func(x Cell) bool { return x.Wave == wave && match(x) })
	}
	return score{
		bad:  in(func(x Cell) bool { return x.State == StateRejected || x.State == StateFailed }),
		good: in(func(x Cell) bool { return x.State.Good() || (x.Stage == StageRelease && !x.State.Ended()) }),
		// While one is looked at again it isn't counted: a trip is latched at the first look that counts too many.
		delayed: in(func(x Cell) bool { return x.State == StateParked && x.Reason == ReasonDelayed }),
	}
}

// need is how many targets must be judged before the wave's gate opens or fails
// by its share.
func (w Wave) need() int {
	if w.MinJudged <= 0 || w.MinJudged > w.Size {
		return w.Size
	}
	return w.MinJudged
}

// AwaitsPerson tells whether the gate that holds what comes next opens only by a
// promote: it failed or tripped, its plan wants an approval and enough is judged, or
// no target before it moves any more. It is false if no wave comes after it.
func (r Rollout) AwaitsPerson() bool {
	wave, g, ok := r.Gate()
	if !ok {
		return false
	}
	if g.Decision == DecisionFail || g.Decision == DecisionTrip {
		return true
	}
	w, s := r.Plan.Waves[wave], r.Counts.score(wave)
	if _, broken := w.broken(s); broken || w.Approve && s.good+s.bad >= w.need() {
		return true
	}
	return r.Counts.Sum(func(x Cell) bool { return x.Wave <= wave && !x.State.Ended() }) == 0
}

// broken tells whether a wave stands worse than its plan allows. It goes by the
// wave's own numbers alone, before its gate opened and after.
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

// above tells whether n is more than a share of all; a share such as 0.29 of 100 is
// 29, and not a hair less.
func above(n int, share float64, all int) bool { return float64(n) > share*float64(all)+1e-9 }

// GateTrip is a gate that had opened, and that what is known of its wave since would
// not have opened.
type GateTrip struct {
	Wave int
	Why  string
}

// GateTrips judges the gates that have opened once more, by what came after: a wave
// is let go on by its first verdicts, and its last ones may be the bad ones. A gate
// that tripped, or that an operator opened though it had failed or tripped, is not
// judged again.
func (r Rollout) GateTrips() []GateTrip {
	var trips []GateTrip
	for wave := range min(r.OpenWave, len(r.Plan.Waves)) {
		if g := r.Gates[wave]; g.Decision != DecisionPass || g.Waived {
			continue
		}
		w := r.Plan.Waves[wave]
		if why, broken := w.broken(r.Counts.score(wave)); broken && w.Gated() {
			trips = append(trips, GateTrip{Wave: wave, Why: "after it had opened: " + why})
		}
	}
	return trips
}

// TrippedGate is the first gate that tripped after it had opened.
func (r Rollout) TrippedGate() (wave int, tripped bool) {
	for wave := range min(r.OpenWave, len(r.Plan.Waves)) {
		if r.Gates[wave].Decision == DecisionTrip {
			return wave, true
		}
	}
	return 0, false
}

// Spike tells whether more of the last wave was rejected, failed or delayed than its
// plan allows: there is no gate after it that could say so.
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

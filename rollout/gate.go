package rollout

import "fmt"

// Verdict is what a gate says.
type Verdict string

// The verdicts. Open and failed are latched by the store: once given they stay,
// until an operator promotes past a failed gate.
const (
	// VerdictHold: not enough known yet, or an operator's promote is awaited.
	VerdictHold Verdict = "hold"
	// VerdictOpen: the next wave may start.
	VerdictOpen Verdict = "open"
	// VerdictFailed: too many of the wave were rejected or failed.
	VerdictFailed Verdict = "failed"
)

// Judge decides the gate after a wave from how the wave's targets stand. It
// looks at counts only, so judging twice gives the same verdict.
func Judge(w Wave, wave int, c Counts, promoted bool) (Verdict, string) {
	if promoted || !w.Gated() {
		return VerdictOpen, ""
	}
	in := func(match func(Cell) bool) int {
		return c.Sum(func(x Cell) bool { return x.Wave == wave && match(x) })
	}
	bad := in(func(x Cell) bool { return x.State == StateRejected || x.State == StateFailed })
	good := in(func(x Cell) bool { return x.State.Good() || (x.Stage == StageRelease && !x.State.Ended()) })
	judged, need := bad+good, w.MinJudged
	if need <= 0 || need > w.Size {
		need = w.Size
	}
	switch {
	case w.RejectAbove > 0 && judged >= need && float64(bad) > w.RejectAbove*float64(judged):
		return VerdictFailed, fmt.Sprintf("%d of %d judged were rejected or failed, more than %.3g%%", bad, judged, w.RejectAbove*100)
	case judged < need:
		return VerdictHold, fmt.Sprintf("%d of %d judged", judged, need)
	case w.Approve:
		return VerdictHold, "waits for promote"
	default:
		return VerdictOpen, fmt.Sprintf("%d of %d judged, %d bad", judged, need, bad)
	}
}

// Breaker limits: the same fatal errcode on this many of the first ended
// targets, or on this share of all ended ones, says the plan is wrong, not the app.
const (
	breakerFirst = 5
	breakerMin   = 3
	breakerShare = 0.2
)

// Trip tells whether n targets failing alike, of ended targets in all, should
// pause the rollout.
func Trip(n, ended int) bool {
	if n < breakerMin {
		return false
	}
	return ended <= breakerFirst || float64(n) >= breakerShare*float64(ended)
}

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

// Breaker limits: the same errcode on this many of the first targets that came so
// far, or on this share of all that did, says the plan is wrong, not the app.
const (
	breakerFirst = 5
	breakerMin   = 3
	breakerShare = 0.2
)

// Trip tells whether n targets failing alike, of tried targets in all, should
// pause the rollout.
func Trip(n, tried int) bool {
	if n < breakerMin {
		return false
	}
	return tried <= breakerFirst || float64(n) >= breakerShare*float64(tried)
}

// Tripped finds an errcode that so many targets failed with that the plan must be
// wrong; why says so. Targets that failed at a stage are compared with those that
// came past it, ended or not: while audits take days, hardly any but failures have
// ended, and targets that were up to date never tried the plan. The smallest of
// several codes is named.
func Tripped(c Counts, codes map[int64]int) (why string, tripped bool) {
	found := int64(0)
	for code, n := range codes {
		if found != 0 && code > found {
			continue
		}
		for _, stage := range Stages() {
			// Which stage a code came from isn't known; no more than failed there did.
			failed := c.At(stage, StateFailed)
			n := min(n, failed)
			tried := failed + c.Sum(func(x Cell) bool { return stage.Before(x.Stage) })
			if Trip(n, tried) {
				found = code
				why = fmt.Sprintf("errcode %d failed %d of the %d targets that came through %s: the plan looks wrong; fix it and retry, or resume to go on",
					code, n, tried, stage)
			}
		}
	}
	return why, found != 0
}

// Spike tells whether more of the last wave was rejected or failed than its plan
// allows: there is no gate after it that could say so.
func (r Rollout) Spike() (why string, spike bool) {
	last := len(r.Plan.Waves) - 1
	if r.OpenWave != last || r.Plan.Waves[last].RejectAbove <= 0 {
		return "", false
	}
	v, why := Judge(r.Plan.Waves[last], last, r.Counts, false)
	return why, v == VerdictFailed
}

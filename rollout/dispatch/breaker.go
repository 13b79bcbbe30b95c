package dispatch

import (
	"fmt"

	"github.com/wxrollout/wxrollout/rollout"
)

// Limits of the breaker. The same errcode on this many of the first targets, or on this share of
// all that tried, means that the plan is wrong and not the app.
const (
	breakerFirst = 5
	breakerMin   = 3
	breakerShare = 0.2
)

// Trip reports whether n of tried targets that fail alike should pause the rollout.
func Trip(n, tried int) bool {
	if n < breakerMin {
		return false
	}
	return tried <= breakerFirst || float64(n) >= breakerShare*float64(tried)
}

// Tripped finds an errcode that so many targets failed with that the plan must be wrong, the
// smallest of several. Targets that failed at a stage are compared with those that passed it, ended
// or not: while audits take days, hardly any targets but failed ones have ended, and targets that
// were up to date never tried the plan.
func Tripped(c rollout.Counts, codes map[int64]int) (why string, tripped bool) {
	found := int64(0)
	for code, n := range codes {
		if found != 0 && code > found {
			continue
		}
		for _, stage := range rollout.Stages() {
			// The stage of a code isn't known; at most as many as failed there have it.
			failed := c.At(stage, rollout.StateFailed)
			n := min(n, failed)
			tried := failed + c.Sum(func(x rollout.Cell) bool { return stage.Before(x.Stage) })
			if Trip(n, tried) {
				found = code
				why = fmt.Sprintf("errcode %d failed %d of the %d targets that came through %s: the plan looks wrong; fix it and retry, or resume to go on",
					code, n, tried, stage)
			}
		}
	}
	return why, found != 0
}

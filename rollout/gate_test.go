package rollout_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/dispatch"
)

func cell(wave int, stage rollout.Stage, state rollout.State) rollout.Cell {
	return rollout.Cell{Wave: wave, Stage: stage, State: state}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	var (
		released  = cell(0, rollout.StageRelease, rollout.StateReleased)
		upToDate  = cell(0, rollout.StagePreflight, rollout.StateUpToDate)
		approved  = cell(0, rollout.StageRelease, rollout.StatePending) // audit passed, not live yet
		rejected  = cell(0, rollout.StageVerdict, rollout.StateRejected)
		failed    = cell(0, rollout.StageRelease, rollout.StateFailed)
		waiting   = cell(0, rollout.StageVerdict, rollout.StateParked)
		delayed   = rollout.Cell{Stage: rollout.StageVerdict, State: rollout.StateParked, Reason: rollout.ReasonDelayed}
		elsewhere = rollout.Cell{Wave: 1, Stage: rollout.StageVerdict, State: rollout.StateParked, Reason: rollout.ReasonDelayed}
		aborted   = cell(0, rollout.StageVerdict, rollout.StateAborted)
		later     = cell(1, rollout.StageVerdict, rollout.StateRejected)
	)
	parked := func(reason rollout.Reason) rollout.Cell {
		return rollout.Cell{Stage: rollout.StageRelease, State: rollout.StateParked, Reason: reason}
	}
	forMerchant, forApproval, forOther := parked(rollout.ReasonMerchant), parked(rollout.ReasonApproval), parked(rollout.ReasonOwner)
	type counts = rollout.Counts
	approve := rollout.Wave{Size: 20, Approve: true}
	share := rollout.Wave{Size: 100, RejectAbove: 0.08, MinJudged: 30}
	patient := rollout.Wave{Size: 100, DelayAbove: 0.29, MinJudged: 30}
	both := rollout.Wave{Size: 100, RejectAbove: 0.08, MinJudged: 30, Approve: true}
	for _, tc := range []struct {
		name     string
		wave     rollout.Wave
		counts   counts
		promoted bool
		want     rollout.Decision
		why      string
	}{
		{"no rule", rollout.Wave{Size: 20}, counts{waiting: 20}, false, rollout.DecisionPass, ""},
		{"promoted past a bad wave", share, counts{rejected: 100}, true, rollout.DecisionPass, ""},
		{"approve: not all judged", approve, counts{released: 19, waiting: 1}, false, rollout.DecisionHold, "19 of 20 judged"},
		{"approve: all judged", approve, counts{released: 20}, false, rollout.DecisionHold, "waits for promote"},
		{"approve: rejections don't fail it without a share", approve, counts{rejected: 20}, false, rollout.DecisionHold, "waits for promote"},
		{"share: too few judged", share, counts{released: 29, waiting: 71}, false, rollout.DecisionHold, "29 of 30 judged"},
		{"share: too few judged, though all bad", share, counts{rejected: 29}, false, rollout.DecisionHold, "29 of 30 judged"},
		{"share: just enough", share, counts{released: 30}, false, rollout.DecisionPass, "30 of 30 judged, 0 bad"},
		{"share: exactly the share is still good", share, counts{released: 46, rejected: 4}, false, rollout.DecisionPass, "50 of 30 judged, 4 bad"},
		{"share: one above", share, counts{released: 45, rejected: 4, failed: 1}, false, rollout.DecisionFail, "5 of 50 judged were rejected or failed, more than 8%"},
		{"share: approved counts as good", share, counts{approved: 30}, false, rollout.DecisionPass, "30 of 30 judged, 0 bad"},
		{"share: up to date counts as good", share, counts{upToDate: 30}, false, rollout.DecisionPass, "30 of 30 judged, 0 bad"},
		{"share: other waves don't count", share, counts{released: 30, later: 50}, false, rollout.DecisionPass, "30 of 30 judged, 0 bad"},
		{"delayed: one is enough", approve, counts{released: 19, delayed: 1}, false, rollout.DecisionFail, "WeChat delays the audits of 1 of the wave's 20 targets"},
		{"delayed: long before enough are judged", share, counts{delayed: 2, waiting: 98}, false, rollout.DecisionFail, "WeChat delays the audits of 2 of the wave's 100 targets"},
		{"delayed: as many as the plan bears", patient, counts{released: 30, delayed: 29}, false, rollout.DecisionPass, "30 of 30 judged, 0 bad"},
		{"delayed: one more", patient, counts{released: 30, delayed: 30}, false, rollout.DecisionFail, "WeChat delays the audits of 30 of the wave's 100 targets, more than 29%"},
		{"delayed: of another wave", share, counts{released: 30, elsewhere: 9}, false, rollout.DecisionPass, "30 of 30 judged, 0 bad"},
		{"delayed: no rule at all", rollout.Wave{Size: 20}, counts{delayed: 20}, false, rollout.DecisionPass, ""},
		{"delayed: promoted", approve, counts{delayed: 20}, true, rollout.DecisionPass, ""},
		{"both: good, but waits for a person", both, counts{released: 40}, false, rollout.DecisionHold, "waits for promote"},
		{"both: bad fails alone", both, counts{rejected: 40}, false, rollout.DecisionFail, "40 of 40 judged were rejected or failed, more than 8%"},
		{"sequential: some are unfinished", rollout.Wave{Size: 20, Sequential: true}, counts{released: 17, waiting: 3}, false, rollout.DecisionHold, "17 of 20 done"},
		{"sequential: delayed is unfinished", rollout.Wave{Size: 20, Sequential: true}, counts{released: 17, delayed: 3}, false, rollout.DecisionHold, "17 of 20 done"},
		{"sequential: approved is not live yet", rollout.Wave{Size: 20, Sequential: true}, counts{released: 17, approved: 3}, false, rollout.DecisionHold, "17 of 20 done"},
		{"sequential: no result stops it", rollout.Wave{Size: 20, Sequential: true}, counts{rejected: 12, failed: 8}, false, rollout.DecisionPass, "20 of 20 done"},
		{"sequential: people are not waited for", rollout.Wave{Size: 20, Sequential: true}, counts{released: 17, forMerchant: 1, forApproval: 1, forOther: 1}, false, rollout.DecisionPass, "20 of 20 done"},
		{"sequential: the waves behind it don't count", rollout.Wave{Size: 20, Sequential: true}, counts{released: 20, elsewhere: 9}, false, rollout.DecisionPass, "20 of 20 done"},
		{"sequential: promoted", rollout.Wave{Size: 20, Sequential: true}, counts{waiting: 20}, true, rollout.DecisionPass, ""},
		{"share: the rest ended without a verdict", rollout.Wave{Size: 20, RejectAbove: 0.08}, counts{released: 10, aborted: 10}, false, rollout.DecisionHold, "10 of 20 judged, the others ended without a verdict"},
		{"min judged alone", rollout.Wave{Size: 50, MinJudged: 10}, counts{rejected: 10}, false, rollout.DecisionPass, "10 of 10 judged, 10 bad"},
		{"min judged above the size means all", rollout.Wave{Size: 5, MinJudged: 10}, counts{released: 5}, false, rollout.DecisionPass, "5 of 5 judged, 0 bad"},
		{"no min judged means all", rollout.Wave{Size: 5, RejectAbove: 0.5}, counts{rejected: 4, waiting: 1}, false, rollout.DecisionHold, "4 of 5 judged"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, why := rollout.Judge(tc.wave, 0, tc.counts, tc.promoted)
			if got != tc.want || why != tc.why {
				t.Errorf("Judge = %s, %q; want %s, %q", got, why, tc.want, tc.why)
			}
		})
	}
}

// Judging the same counts again gives the same decision, with any map's
// order, and a failed gate never opens by more bad news.
func TestJudgeProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		wave := rollout.Wave{
			Size:        rapid.IntRange(1, 50).Draw(t, "size"),
			Approve:     rapid.Bool().Draw(t, "approve"),
			RejectAbove: rapid.Float64Range(0, 1).Draw(t, "share"),
			MinJudged:   rapid.IntRange(0, 60).Draw(t, "min judged"),
		}
		counts := make(rollout.Counts)
		for range wave.Size {
			counts[cell(
				rapid.IntRange(0, 1).Draw(t, "wave"),
				rapid.SampledFrom(rollout.Stages()).Draw(t, "stage"),
				rapid.SampledFrom(rollout.States()).Draw(t, "state"),
			)]++
		}
		v, why := rollout.Judge(wave, 0, counts, false)
		if v2, why2 := rollout.Judge(wave, 0, counts, false); v != v2 || why != why2 {
			t.Fatalf("%s (%s), then %s (%s)", v, why, v2, why2)
		}
		counts[cell(0, rollout.StageVerdict, rollout.StateRejected)]++
		if v2, _ := rollout.Judge(wave, 0, counts, false); v == rollout.DecisionFail && v2 != v {
			t.Fatalf("failed, then %s after one more rejection", v2)
		}
		if v, _ := rollout.Judge(wave, 0, counts, true); v != rollout.DecisionPass {
			t.Fatalf("promoted, and still %s", v)
		}
	})
}

// TestGateTrips: a gate that has opened is judged again by what came after, until
// it trips or an operator waves it through.
func TestGateTrips(t *testing.T) {
	t.Parallel()
	rejected, approved := cell(0, rollout.StageVerdict, rollout.StateRejected), cell(0, rollout.StageRelease, rollout.StatePending)
	delayed := rollout.Cell{Stage: rollout.StageVerdict, State: rollout.StateParked, Reason: rollout.ReasonDelayed}
	type gates = map[int]rollout.GateState
	open := gates{0: {Decision: rollout.DecisionPass, Why: "30 of 30 judged, 0 bad"}}
	for _, tc := range []struct {
		name   string
		gates  gates
		open   int
		counts rollout.Counts
		want   string // "" = nothing trips
	}{
		{"as it stood when it opened", open, 1, rollout.Counts{approved: 30}, ""},
		{"more of them, exactly the share", open, 1, rollout.Counts{approved: 46, rejected: 4}, ""},
		{"more of them, one above", open, 1, rollout.Counts{approved: 45, rejected: 5}, "after it had opened: 5 of 50 judged were rejected or failed, more than 8%"},
		{"two waves on", open, 2, rollout.Counts{approved: 45, rejected: 5}, "after it had opened: 5 of 50"},
		{"promoted before enough were judged", open, 1, rollout.Counts{approved: 20, rejected: 9}, ""},
		{"still closed: Judge says so", gates{0: {Decision: rollout.DecisionHold}}, 0, rollout.Counts{rejected: 50}, ""},
		{"tripped already", gates{0: {Decision: rollout.DecisionTrip}}, 1, rollout.Counts{rejected: 50}, ""},
		{"an operator waived it", gates{0: {Decision: rollout.DecisionPass, Waived: true}}, 1, rollout.Counts{rejected: 50}, ""},
		{"one is delayed", open, 1, rollout.Counts{approved: 30, delayed: 1}, "after it had opened: WeChat delays the audits of 1 of the wave's 100 targets"},
		{"another wave's rejections", open, 1, rollout.Counts{approved: 30, cell(1, rollout.StageVerdict, rollout.StateRejected): 50}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := rollout.Rollout{OpenWave: tc.open, Gates: tc.gates, Counts: tc.counts, Plan: rollout.Plan{Waves: []rollout.Wave{
				{Size: 100, RejectAbove: 0.08, MinJudged: 30}, {Size: 100}, {Size: 100},
			}}}
			trips := r.GateTrips()
			if tc.want == "" && len(trips) == 0 {
				return
			}
			if len(trips) != 1 || trips[0].Wave != 0 || tc.want == "" || !strings.HasPrefix(trips[0].Why, tc.want) {
				t.Errorf("trips %+v, want %q", trips, tc.want)
			}
		})
	}
}

// TestSpike: the last wave's bounds pause its rollout; a delayed audit does only if
// the plan bounds them.
func TestSpike(t *testing.T) {
	t.Parallel()
	delayed := rollout.Cell{Stage: rollout.StageVerdict, State: rollout.StateParked, Reason: rollout.ReasonDelayed}
	rejected, released := cell(0, rollout.StageVerdict, rollout.StateRejected), cell(0, rollout.StageRelease, rollout.StateReleased)
	for _, tc := range []struct {
		name   string
		wave   rollout.Wave
		counts rollout.Counts
		want   bool
	}{
		{"no rule", rollout.Wave{Size: 9}, rollout.Counts{rejected: 5, delayed: 4}, false},
		{"delayed, no bound for it", rollout.Wave{Size: 9, RejectAbove: 0.5, MinJudged: 1}, rollout.Counts{released: 5, delayed: 4}, false},
		{"delayed above the bound", rollout.Wave{Size: 9, DelayAbove: 0.4}, rollout.Counts{released: 5, delayed: 4}, true},
		{"delayed below it", rollout.Wave{Size: 9, DelayAbove: 0.5}, rollout.Counts{released: 5, delayed: 4}, false},
		{"rejected above the bound", rollout.Wave{Size: 9, RejectAbove: 0.5, MinJudged: 1}, rollout.Counts{rejected: 5, released: 4}, true},
	} {
		r := rollout.Rollout{Plan: rollout.Plan{Waves: []rollout.Wave{tc.wave}}, Counts: tc.counts}
		if why, spike := r.Spike(); spike != tc.want {
			t.Errorf("%s: %t %q, want %t", tc.name, spike, why, tc.want)
		}
		r.OpenWave = 1
		r.Plan.Waves = append(r.Plan.Waves, rollout.Wave{Size: 1})
		if _, spike := r.Spike(); spike {
			t.Errorf("%s: a spike of the last wave, which has no target yet", tc.name)
		}
	}
}

// With any order of verdicts: a gate opens by its wave's first ones, and
// trips as soon as all so far break the plan's bound, not before; what tripped stays
// so and nothing behind it is begun, committed or submitted. Looking twice
// changes nothing.
func TestGateTripsProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		wave := rollout.Wave{
			Size:        rapid.IntRange(1, 40).Draw(t, "size"),
			RejectAbove: rapid.Float64Range(0.01, 0.99).Draw(t, "share"),
			MinJudged:   rapid.IntRange(1, 40).Draw(t, "min judged"),
		}
		r := rollout.Rollout{
			Counts: rollout.Counts{}, Gates: make(map[int]rollout.GateState),
			Plan: rollout.Plan{Waves: []rollout.Wave{wave, {Size: 1}}},
		}
		bad := 0
		for n := 1; n <= wave.Size; n++ {
			end := cell(0, rollout.StageRelease, rollout.StateReleased)
			if rapid.Bool().Draw(t, "bad") {
				end, bad = cell(0, rollout.StageVerdict, rollout.StateRejected), bad+1
			}
			r.Counts[end]++
			was := r.Gates[0].Decision
			for range 2 { // the controller's look, twice
				if r.OpenWave == 0 {
					if v, why := rollout.Judge(wave, 0, r.Counts, false); r.Gates[0].Decision != rollout.DecisionFail {
						r.Gates[0] = rollout.GateState{Decision: v, Why: why}
						if v == rollout.DecisionPass {
							r.OpenWave = 1
						}
					}
				}
				for _, trip := range r.GateTrips() {
					r.Gates[trip.Wave] = rollout.GateState{Decision: rollout.DecisionTrip, Why: trip.Why}
				}
			}
			now, over := r.Gates[0].Decision, float64(bad) > wave.RejectAbove*float64(n)+1e-9
			judged := n >= min(wave.MinJudged, wave.Size)
			switch {
			case was == rollout.DecisionFail || was == rollout.DecisionTrip:
				if now != was {
					t.Fatalf("%s, then %s", was, now)
				}
			case was == rollout.DecisionPass && over != (now == rollout.DecisionTrip):
				t.Fatalf("%d of %d bad after it opened: %s", bad, n, now)
			case was != rollout.DecisionPass && (judged && over) != (now == rollout.DecisionFail):
				t.Fatalf("%d of %d bad: %s", bad, n, now)
			}
			shut := now != rollout.DecisionPass
			for _, stage := range rollout.Stages() {
				if begins := !rollout.StageSubmit.Before(stage); begins && (r.MaxRank(stage) > rollout.Rank(1, 0)) == shut {
					t.Fatalf("gate %s, and stage %s reaches rank %d", now, stage, r.MaxRank(stage))
				}
			}
		}
	})
}

func TestTrip(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		n, ended int
		want     bool
	}{
		{0, 0, false},
		{2, 2, false}, // two may be chance
		{3, 3, true},
		{3, 5, true},
		{3, 15, true},
		{3, 16, false},
		{20, 100, true},
		{19, 100, false},
		{35, 175, true}, // exactly a fifth, where floats round
		{7, 36, false},
	} {
		if got := dispatch.Trip(tc.n, tc.ended); got != tc.want {
			t.Errorf("Trip(%d, %d) = %t, want %t", tc.n, tc.ended, got, tc.want)
		}
	}
}

func TestTripped(t *testing.T) {
	t.Parallel()
	const commit, submit = rollout.StageCommit, rollout.StageSubmit
	at := func(stage rollout.Stage, s rollout.State) rollout.Cell { return cell(0, stage, s) }
	for _, tc := range []struct {
		name   string
		counts rollout.Counts
		codes  map[int64]int
		want   string // part of why; "" = not tripped
	}{
		{"nothing failed", rollout.Counts{at(commit, rollout.StatePending): 9}, nil, ""},
		{"three of the first", rollout.Counts{at(commit, rollout.StateFailed): 3, at(commit, rollout.StatePending): 900}, map[int64]int{85015: 3}, "85015 failed 3 of the 3 targets that came through commit"},
		{"three of many whose audits take days", rollout.Counts{at(commit, rollout.StateFailed): 3, at(submit, rollout.StatePending): 900}, map[int64]int{85015: 3}, ""},
		{"a fifth of those", rollout.Counts{at(commit, rollout.StateFailed): 20, at(rollout.StageVerdict, rollout.StateParked): 80}, map[int64]int{85015: 20}, "20 of the 100"},
		{"at a later stage, where few came", rollout.Counts{at(submit, rollout.StateFailed): 4, at(submit, rollout.StatePending): 900, at(rollout.StageVerdict, rollout.StateParked): 1}, map[int64]int{85023: 4}, "85023 failed 4 of the 5 targets that came through submit"},
		{"what was up to date tried nothing", rollout.Counts{at(commit, rollout.StateFailed): 3, at(rollout.StagePreflight, rollout.StateUpToDate): 900, at(rollout.StagePreflight, rollout.StateSkipped): 50}, map[int64]int{85015: 3}, "3 of the 3"},
		{"three apps, three codes", rollout.Counts{at(commit, rollout.StateFailed): 3}, map[int64]int{85015: 1, 85006: 1, 85007: 1}, ""},
		{"two codes, one of them often", rollout.Counts{at(commit, rollout.StateFailed): 5}, map[int64]int{85015: 2, 85006: 3}, "85006 failed 3 of the 5"},
		{"the same code at two stages", rollout.Counts{at(commit, rollout.StateFailed): 2, at(submit, rollout.StateFailed): 2}, map[int64]int{47001: 4}, ""},
		{"failures without an errcode", rollout.Counts{at(commit, rollout.StateFailed): 9}, nil, ""},
		{"seen by who resumed", rollout.Counts{at(commit, rollout.StateFailed): 5, at(submit, rollout.StatePending): 1}, map[int64]int{}, ""},
		{"two new ones since", rollout.Counts{at(commit, rollout.StateFailed): 7, at(submit, rollout.StatePending): 1}, map[int64]int{85015: 2}, ""},
		{"three new ones since", rollout.Counts{at(commit, rollout.StateFailed): 8, at(submit, rollout.StatePending): 1}, map[int64]int{85015: 3}, "3 of the 9"},
		{"all of them tried again", rollout.Counts{at(commit, rollout.StatePending): 5}, map[int64]int{85015: 0}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			why, tripped := dispatch.Tripped(tc.counts, tc.codes)
			if tripped != (tc.want != "") || !strings.Contains(why, tc.want) {
				t.Errorf("tripped %t: %q, want %q", tripped, why, tc.want)
			}
		})
	}
}

// TestSequentialWaves: in any life of a rollout, the wave behind a sequential one opens only while
// each target before it is done, and it opens once nothing before it moves any more.
func TestSequentialWaves(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		if broken := sequentialWaves(t, func(r rollout.Rollout) rollout.Rollout { return r }); broken != "" {
			t.Fatal(broken)
		}
	})
}

// sequentialWaves plays a life and returns the rule that it broke. The gate is evaluated as view shows
// the rollout: a deliberate bug shows another one.
func sequentialWaves(t *rapid.T, view func(rollout.Rollout) rollout.Rollout) (broken string) {
	plan := rollout.Plan{}
	var targets []rollout.Cell
	for wave := range rapid.IntRange(2, 5).Draw(t, "waves") {
		size := rapid.IntRange(1, 4).Draw(t, "size")
		plan.Waves = append(plan.Waves, rollout.Wave{Size: size, Sequential: rapid.Bool().Draw(t, "sequential")})
		for range size {
			targets = append(targets, cell(wave, rollout.StagePreflight, rollout.StatePending))
		}
	}
	r := rollout.Rollout{Status: rollout.StatusRunning, Plan: plan, Gates: make(map[int]rollout.GateState)}
	pass := func() (changed bool) {
		r.Counts = make(rollout.Counts)
		for _, x := range targets {
			r.Counts[x]++
		}
		g, changed := view(r).NextGate(t0)
		if changed {
			r.Gates[r.OpenWave] = g
		}
		if changed && g.Decision == rollout.DecisionPass {
			r.OpenWave++
		}
		return changed
	}
	done := func(x rollout.Cell) bool {
		return x.State.Ended() || x.State == rollout.StateParked &&
			(x.Reason == rollout.ReasonMerchant || x.Reason == rollout.ReasonApproval || x.Reason == rollout.ReasonOwner)
	}
	for range rapid.IntRange(0, 60).Draw(t, "steps") {
		i := rapid.IntRange(0, len(targets)-1).Draw(t, "target")
		if x := &targets[i]; x.Wave <= r.Reach(x.Stage) && !x.State.Ended() {
			x.Stage = rapid.SampledFrom(rollout.Stages()).Draw(t, "stage")
			x.State = rapid.SampledFrom(rollout.States()).Draw(t, "state")
			x.Reason = ""
			if x.State == rollout.StateParked {
				x.Reason = rapid.SampledFrom(rollout.Reasons()).Draw(t, "reason")
			}
		}
		was := r.OpenWave
		pass()
		if r.OpenWave > was && plan.Waves[was].Sequential {
			for _, x := range targets {
				if x.Wave <= was && !done(x) {
					return fmt.Sprintf("safety: wave %d opened while %v is not done", r.OpenWave, x)
				}
			}
		}
	}
	for i := range targets { // every wait ends in time, except those for people
		if x := &targets[i]; x.Wave <= r.OpenWave && !done(*x) {
			x.State, x.Reason = rapid.SampledFrom([]rollout.State{rollout.StateReleased, rollout.StateFailed, rollout.StateRejected, rollout.StateSkipped, rollout.StateAborted}).Draw(t, "end"), ""
		}
	}
	if was := r.OpenWave; was+1 < len(plan.Waves) {
		if pass(); r.OpenWave == was {
			return fmt.Sprintf("liveness: wave %d is done and the next one is not open: %+v, %v", was, r.Gates[was], r.Counts)
		}
	}
	return ""
}

// TestSequentialWavesFindsBugs: each deliberate bug breaks the rule that it should.
func TestSequentialWavesFindsBugs(t *testing.T) {
	t.Parallel()
	// moved shows all cells of a kind as another kind.
	moved := func(r rollout.Rollout, change func(rollout.Cell) rollout.Cell) rollout.Rollout {
		counts := make(rollout.Counts)
		for x, n := range r.Counts {
			counts[change(x)] += n
		}
		r.Counts = counts
		return r
	}
	for name, tt := range map[string]struct {
		breaks string
		view   func(rollout.Rollout) rollout.Rollout
	}{
		"waves start together": {"safety: ", func(r rollout.Rollout) rollout.Rollout {
			r.Plan.Waves = slices.Clone(r.Plan.Waves)
			for i := range r.Plan.Waves {
				r.Plan.Waves[i].Sequential = false
			}
			return r
		}},
		"only the wave itself counts": {"safety: ", func(r rollout.Rollout) rollout.Rollout {
			return moved(r, func(x rollout.Cell) rollout.Cell {
				if x.Wave < r.OpenWave {
					x.State = rollout.StateReleased
				}
				return x
			})
		}},
		"any park counts as done": {"safety: ", func(r rollout.Rollout) rollout.Rollout {
			return moved(r, func(x rollout.Cell) rollout.Cell {
				if x.State == rollout.StateParked {
					x.Reason = rollout.ReasonMerchant
				}
				return x
			})
		}},
		"a merchant holds the next wave": {"liveness: ", func(r rollout.Rollout) rollout.Rollout {
			return moved(r, func(x rollout.Cell) rollout.Cell {
				if x.Reason == rollout.ReasonMerchant {
					x.Reason = rollout.ReasonVerdict
				}
				return x
			})
		}},
		"a failure holds the next wave": {"liveness: ", func(r rollout.Rollout) rollout.Rollout {
			return moved(r, func(x rollout.Cell) rollout.Cell {
				if x.State == rollout.StateFailed {
					x.State = rollout.StateRunning
				}
				return x
			})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			life := rapid.Custom(func(t *rapid.T) string { return sequentialWaves(t, tt.view) })
			for seed := range 2000 {
				if strings.HasPrefix(life.Example(seed), tt.breaks) {
					return
				}
			}
			t.Errorf("no life of 2000 seeds breaks %q", tt.breaks)
		})
	}
}

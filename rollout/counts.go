package rollout

import (
	"fmt"
	"strconv"
	"strings"
)

// Cell is one combination of wave, stage, state and reason; counts are kept per cell.
type Cell struct {
	Wave   int
	Stage  Stage
	State  State
	Reason Reason
}

// String is the cell's name in the store: "wave|stage|state|reason".
func (c Cell) String() string {
	return fmt.Sprintf("%d|%s|%s|%s", c.Wave, c.Stage, c.State, c.Reason)
}

// ParseCell reads what String wrote.
func ParseCell(s string) (Cell, error) {
	parts := strings.Split(s, "|")
	if len(parts) != 4 {
		return Cell{}, fmt.Errorf("count cell %q: want wave|stage|state|reason", s)
	}
	wave, err := strconv.Atoi(parts[0])
	if err != nil {
		return Cell{}, fmt.Errorf("count cell %q: wave: %w", s, err)
	}
	return Cell{Wave: wave, Stage: Stage(parts[1]), State: State(parts[2]), Reason: Reason(parts[3])}, nil
}

// Counts are the numbers of targets by cell.
type Counts map[Cell]int

// Sum adds up the cells that match.
func (c Counts) Sum(match func(Cell) bool) int {
	n := 0
	for cell, count := range c {
		if match(cell) {
			n += count
		}
	}
	return n
}

// Total is the number of all targets.
func (c Counts) Total() int { return c.Sum(func(Cell) bool { return true }) }

// State is the number of targets in a state, over all stages and waves.
func (c Counts) State(s State) int { return c.Sum(func(x Cell) bool { return x.State == s }) }

// At is the number of targets at a stage in a state.
func (c Counts) At(stage Stage, s State) int {
	return c.Sum(func(x Cell) bool { return x.Stage == stage && x.State == s })
}

// Parked is the number of targets parked for a reason.
func (c Counts) Parked(r Reason) int {
	return c.Sum(func(x Cell) bool { return x.State == StateParked && x.Reason == r })
}

// Unfinished is the number of targets that have not ended.
func (c Counts) Unfinished() int { return c.Sum(func(x Cell) bool { return !x.State.Ended() }) }

// Unsubmitted counts the unfinished targets that are still to be submitted.
func (c Counts) Unsubmitted() int {
	return c.Sum(func(x Cell) bool { return !x.State.Ended() && x.Stage.Before(StageVerdict) })
}

// Good is the number of targets that ended well.
func (c Counts) Good() int { return c.Sum(func(x Cell) bool { return x.State.Good() }) }

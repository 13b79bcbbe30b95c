package ledger

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/wxrollout/wxrollout/rollout"
)

// cells compares the counts with a recount.
func (a *auditor) cells(counts map[string]string, recount map[string]int) {
	off := make(map[string]int)
	for cell, n := range numbers(counts) {
		off[cell] += n
	}
	for cell, n := range recount {
		off[cell] -= n
	}
	for _, cell := range slices.Sorted(maps.Keys(off)) {
		switch _, bad := rollout.ParseCell(cell); {
		case bad != nil:
			a.miscounted("%v", bad)
		case off[cell] != 0:
			a.miscounted("cell %s counts %+d too many", cell, off[cell])
		}
	}
}

// miscounted notes a count that is wrong.
func (a *auditor) miscounted(format string, args ...any) {
	f := Finding{Fault: FaultCount, Text: fmt.Sprintf(format, args...), Repair: "count the targets anew"}
	if a.unreadable > 0 {
		// The target is somewhere: while it counts, its rollout doesn't end without it.
		f.Repair, f.Advice = "", "repair or give up the records that can't be read, and repair again"
	}
	a.add(f)
}

// tally compares what can be compared while targets move.
func (a *auditor) tally(ctx context.Context) error {
	list, err := texts(run(ctx, a.l.rdb, tallyScript, a.id))
	if err != nil {
		return failed(err, "audit rollout %s", a.id)
	}
	for i := 0; i+2 < len(list); i += 3 {
		if list[i+1] != list[i+2] {
			a.miscounted("%s: %s are counted, %s are there", list[i], list[i+1], list[i+2])
		}
	}
	return a.flush(ctx)
}

// recounted is a rollout's counts and what is there, as of one instant.
type recounted struct {
	counts map[string]string
	there  map[string]int
}

// recountAtOnce counts a rollout's targets at one instant, and makes that its counts
// if they are to be repaired; ok is false if it has more than limit.
func (l *Ledger) recountAtOnce(ctx context.Context, id string, limit int, repair bool) (r recounted, ok bool, err error) {
	what := ""
	if repair {
		what = "repair"
	}
	list, err := run(ctx, l.rdb, recountScript, id, limit, what).Slice()
	if err != nil || len(list) != 2 {
		return r, false, failed(err, "count the targets of rollout %s", id)
	}
	return recounted{counts: textMap(list[0]), there: numbers(textMap(list[1]))}, true, nil
}

// repairCounts replaces a rollout's counts if nothing moved since the recount.
func (l *Ledger) repairCounts(ctx context.Context, id, moves string, there map[string]int) (bool, error) {
	args := []any{id, moves}
	for cell, n := range there {
		args = append(args, cell, n)
	}
	n, err := run(ctx, l.rdb, repairCountsScript, args...).Int()
	return n == 1, failed(err, "repair the counts of rollout %s", id)
}

// numbers reads counts by cell; what is no number is 0.
func numbers(counts map[string]string) map[string]int {
	out := make(map[string]int, len(counts))
	for cell, text := range counts {
		out[cell], _ = strconv.Atoi(text)
	}
	return out
}

// unfinished sums the cells of targets that have not ended.
func unfinished(cells map[string]int) int {
	n := 0
	for cell, count := range cells {
		parts := strings.Split(cell, "|")
		if len(parts) == 4 && !rollout.State(parts[2]).Ended() {
			n += count
		}
	}
	return n
}

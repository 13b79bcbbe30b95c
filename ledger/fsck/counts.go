package fsck

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/wxrollout/wxrollout/ledger/internal/db"
	"github.com/wxrollout/wxrollout/rollout"
)

// count counts a target in its cell.
func (r *subject) count(app, record string) {
	if t, err := r.decode(app, record); err == nil {
		r.counted[rollout.Cell{Wave: t.Wave(), Stage: t.Stage, State: t.State, Reason: t.Reason}.String()]++
	} else if record != "" {
		r.unreadable++
	}
}

// compare compares the counts with the targets that are there.
func (r *subject) compare(counts map[string]string, there map[string]int) {
	off := numbers(counts)
	for cell, n := range there {
		off[cell] -= n
	}
	for _, cell := range slices.Sorted(maps.Keys(off)) {
		switch _, bad := rollout.ParseCell(cell); {
		case bad != nil:
			r.miscounted("%v", bad)
		case off[cell] != 0:
			r.miscounted("cell %s counts %+d too many", cell, off[cell])
		}
	}
}

// miscounted notes a count that is wrong.
func (r *subject) miscounted(format string, args ...any) {
	f := Finding{Fault: FaultCount, Text: fmt.Sprintf(format, args...), Repair: "recount the targets"}
	if r.unreadable > 0 {
		// While the unreadable target counts, its rollout doesn't end without it.
		f.Repair, f.Advice = "", "repair or give up the records that can't be read, and repair again"
	}
	r.add(f)
}

var tallyScript = db.Script(sources, "tally.lua")

// tally compares the sums, which can be compared while targets move.
func (r *subject) tally(ctx context.Context) error {
	list, err := db.Texts(db.Run(ctx, r.rdb, tallyScript, r.id))
	if err != nil {
		return db.Failed(err, "check rollout %s", r.id)
	}
	for row := range slices.Chunk(list, 3) {
		if row[1] != row[2] {
			r.miscounted("%s: %s are counted, %s are there", row[0], row[1], row[2])
		}
	}
	return nil
}

var recountScript = db.Script(sources, "recount.lua")

// recount counts the rollout's targets at one instant, and with the mode "repair" stores that as its
// counts; ok is false if it has more than Options.AtOnce.
func (r *subject) recount(ctx context.Context, mode string) (counts map[string]string, there map[string]int, ok bool, err error) {
	list, err := db.Run(ctx, r.rdb, recountScript, r.id, r.o.AtOnce, mode).Slice()
	if err != nil || len(list) != 2 {
		return nil, nil, false, db.Failed(err, "count the targets of rollout %s", r.id)
	}
	return db.TextMap(list[0]), numbers(db.TextMap(list[1])), true, nil
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
	for name, count := range cells {
		if cell, err := rollout.ParseCell(name); err == nil && !cell.State.Ended() {
			n += count
		}
	}
	return n
}

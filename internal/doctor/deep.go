package doctor

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/human"
	"github.com/wxrollout/wxrollout/internal/redisdb"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/ledger/fsck"
	"github.com/wxrollout/wxrollout/wxclient"
)

// The faults outside the ledger.
const (
	// FaultPermit is a permit of a target that is missing or has ended.
	FaultPermit fsck.Fault = "permit"
	// FaultKey is a key that another program made something else.
	FaultKey fsck.Fault = "key"
	// FaultArchived is a task in Asynq's archive, which no worker reads.
	FaultArchived fsck.Fault = "archived"
)

// Finding is one inconsistency, with its repair.
type Finding = fsck.Finding

// DeepOptions say what DeepCheck checks.
type DeepOptions struct {
	// Rollouts are the ids of the only rollouts to check. Without them it checks all unfinished
	// ones, and what belongs to none.
	Rollouts []string
	// Ended includes all targets of ended rollouts.
	Ended bool
	// Repair repairs what it can. Why is for the record.
	Repair bool
	Why    string
	// Grace is how long a permit may stay with a target that has ended: its handler is about to
	// return it. Default 2 s.
	Grace time.Duration
	// Progress receives the number of targets checked.
	Progress func(done, total int)
}

// Deep is what DeepCheck found.
type Deep struct {
	Rollouts int `json:"rollouts"`
	Targets  int `json:"targets"`
	Permits  int `json:"permits"`
	// Tasks is how many tasks Asynq has; Stray of them are for assignments that the ledger lacks,
	// which is harmless: workers drop them.
	Tasks int `json:"tasks"`
	Stray int `json:"stray_tasks"`
	// Moving are rollouts whose counts were compared as sums only, because their targets kept moving.
	Moving []string `json:"moving,omitempty"`
	// Findings is how many there are, Faults how many of each kind; List holds the
	// first fsck.FindingsMax, by rollout, fault and app.
	Findings int                `json:"findings"`
	Faults   map[fsck.Fault]int `json:"faults"`
	List     []Finding          `json:"list"`
	// Repairable is how many of them can be repaired. This repair repaired Repaired and left Left to
	// a person; the rest was in order by then.
	Repairable int `json:"repairable"`
	Repaired   int `json:"repaired"`
	Left       int `json:"left"`

	notes map[string]map[fsck.Fault]int // what was repaired, by rollout
}

// Sound reports whether there was nothing to find.
func (d Deep) Sound() bool { return d.Findings == 0 }

// add counts a finding.
func (d *Deep) add(f Finding) {
	d.Findings++
	d.Faults[f.Fault]++
	if f.Repair != "" {
		d.Repairable++
	}
	switch {
	case f.Done != "":
		d.Repaired++
		if d.notes[f.Rollout] == nil {
			d.notes[f.Rollout] = make(map[fsck.Fault]int)
		}
		d.notes[f.Rollout][f.Fault]++
	case f.Advice != "":
		d.Left++
	}
	if len(d.List) < fsck.FindingsMax {
		d.List = append(d.List, f)
	}
}

// waitClasses are the classes of errcodes that a target only waits for.
var waitClasses = []string{
	string(wxclient.ClassThrottleApp), string(wxclient.ClassThrottlePlatform), string(wxclient.ClassWaitExternal),
}

// DeepCheck proves in one pass over a live ledger that nothing is lost: each target is in the one
// index of its state, counts add up, every unfinished target has a way to continue, and no index,
// owner, permit or archive refers to what is gone. With Repair it repairs what it can.
func (d *Doctor) DeepCheck(ctx context.Context, opt DeepOptions) (Deep, error) {
	found := Deep{Faults: make(map[fsck.Fault]int), notes: make(map[string]map[fsck.Fault]int), List: []Finding{}}
	misplaced, err := redisdb.FindMisplaced(ctx, d.Redis)
	if err != nil {
		return found, err
	}
	for _, m := range misplaced {
		found.add(Finding{Fault: FaultKey, Text: m.String(), Advice: redisdb.Next + "; then check again: what needs the key is not checked"})
	}
	in, err := fsck.Check(ctx, d.Redis, fsck.Options{
		Rollouts: opt.Rollouts, Ended: opt.Ended, Repair: opt.Repair, By: d.By, Why: "repair: " + human.Reason(opt.Why),
		Waits: waitClasses, See: found.add, Progress: opt.Progress,
	})
	found.Rollouts, found.Targets, found.Moving = in.Rollouts, in.Targets, in.Moving
	if err == nil {
		err = d.deepPermits(ctx, &found, opt)
	}
	if err == nil && len(opt.Rollouts) == 0 {
		err = d.deepTasks(ctx, &found, opt.Repair)
	}
	if len(misplaced) > 0 && redis.HasErrorPrefix(err, "WRONGTYPE") {
		err = nil // the findings name the keys
	}
	slices.SortFunc(found.List, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.Rollout, b.Rollout), cmp.Compare(a.Fault, b.Fault), strings.Compare(a.AppID, b.AppID), strings.Compare(a.Text, b.Text))
	})
	return found, cmp.Or(err, d.noteRepairs(ctx, found, opt.Why)) // also after an error
}

// noteRepairs records in the log of each rollout what was repaired.
func (d *Doctor) noteRepairs(ctx context.Context, found Deep, why string) error {
	for _, id := range slices.Sorted(maps.Keys(found.notes)) {
		var parts []string
		for _, fault := range slices.Sorted(maps.Keys(found.notes[id])) {
			parts = append(parts, fmt.Sprintf("%s %d", fault, found.notes[id][fault]))
		}
		text := fmt.Sprintf("repaired %s: %s", strings.Join(parts, ", "), human.Reason(why))
		if err := d.Ledger.Note(context.WithoutCancel(ctx), id, ledger.Action{Verb: "repair", By: d.By, Why: text}); err != nil {
			return err
		}
	}
	return nil
}

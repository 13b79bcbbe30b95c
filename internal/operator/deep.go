package operator

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/wxrollout/wxrollout/ledger/fsck"
	"github.com/wxrollout/wxrollout/wxclient"
)

// The faults that are not the ledger's own.
const (
	// FaultPermit: a pool's permit is out for a target that is not there or has ended.
	FaultPermit fsck.Fault = "permit"
	// FaultArchived: a task is in Asynq's archive, where nobody looks.
	FaultArchived fsck.Fault = "archived"
)

// DeepOptions say what DeepCheck looks at.
type DeepOptions struct {
	// Refs name rollouts as Rollout takes them, to look at nothing else. None
	// means all that are unfinished, and what belongs to none.
	Refs []string
	// Ended looks at all targets of ended rollouts, too.
	Ended bool
	// Repair repairs what can be repaired. Why is for the rollouts' record.
	Repair bool
	Why    string
	// Grace is for how long a permit has to stay with a target that has ended:
	// its handler is about to give it back. Default 2 s.
	Grace time.Duration
	// Progress is told how many targets were looked at.
	Progress func(done, total int)
}

// Deep is what DeepCheck found.
type Deep struct {
	Rollouts int `json:"rollouts"`
	Targets  int `json:"targets"`
	Permits  int `json:"permits"`
	// Tasks is how many tasks Asynq has; Stray how many of them are for assignments
	// that the ledger doesn't know, which is harmless: they are dropped.
	Tasks int `json:"tasks"`
	Stray int `json:"stray_tasks"`
	// Moving are rollouts whose counts were compared as sums only, since their
	// targets moved all the time.
	Moving []string `json:"moving,omitempty"`
	// Findings is how many there are, Faults how many of each kind; List holds the
	// first fsck.FindingsMax, by rollout, fault and app.
	Findings int                `json:"findings"`
	Faults   map[fsck.Fault]int `json:"faults"`
	List     []fsck.Finding     `json:"list"`
	// Repairable is how many of them a repair can repair. Repaired is how many this
	// one did, and Left those that it left to a person. What is in neither was in
	// order by the time it was to be repaired.
	Repairable int `json:"repairable"`
	Repaired   int `json:"repaired"`
	Left       int `json:"left"`

	notes map[string]map[fsck.Fault]int // what was repaired, by rollout
}

// Sound reports whether there was nothing to find.
func (d Deep) Sound() bool { return d.Findings == 0 }

// see takes a finding in.
func (d *Deep) see(f fsck.Finding) {
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

// DeepCheck proves on a live ledger that nothing is lost, in one pass: each
// target is in exactly one place that fits its state, the counts add up, every
// unfinished target has something that holds it, nothing that only waits is
// parked for ever or failed, and no index, owner, permit or archive keeps what
// is gone. With Repair it repairs what it can; see fsck.Check for how.
func (o *Operator) DeepCheck(ctx context.Context, opt DeepOptions) (Deep, error) {
	d := Deep{Faults: make(map[fsck.Fault]int), notes: make(map[string]map[fsck.Fault]int), List: []fsck.Finding{}}
	var ids []string
	for _, ref := range opt.Refs {
		r, err := o.Rollout(ctx, ref)
		if err != nil {
			return d, err
		}
		if !slices.Contains(ids, r.ID) {
			ids = append(ids, r.ID)
		}
	}
	in, err := fsck.Check(ctx, o.rdb, fsck.Options{
		Rollouts: ids, Ended: opt.Ended, Repair: opt.Repair, By: o.by, Why: "repair: " + orNoReason(opt.Why),
		Waits: waitClasses, See: d.see, Progress: opt.Progress,
	})
	d.Rollouts, d.Targets, d.Moving = in.Rollouts, in.Targets, in.Moving
	if err == nil {
		err = o.deepPermits(ctx, &d, ids, opt)
	}
	if err == nil && len(ids) == 0 {
		err = o.deepTasks(ctx, &d, opt)
	}
	slices.SortFunc(d.List, func(a, b fsck.Finding) int {
		return cmp.Or(strings.Compare(a.Rollout, b.Rollout), strings.Compare(string(a.Fault), string(b.Fault)), strings.Compare(a.AppID, b.AppID), strings.Compare(a.Text, b.Text))
	})
	if e := o.noteRepairs(ctx, d, opt.Why); err == nil { // what was done is told, even after an error
		err = e
	}
	return d, err
}

// noteRepairs writes into each rollout's log what was repaired of it.
func (o *Operator) noteRepairs(ctx context.Context, d Deep, why string) error {
	for _, id := range slices.Sorted(maps.Keys(d.notes)) {
		var parts []string
		for _, fault := range slices.Sorted(maps.Keys(d.notes[id])) {
			parts = append(parts, fmt.Sprintf("%s %d", fault, d.notes[id][fault]))
		}
		text := fmt.Sprintf("repaired %s: %s", strings.Join(parts, ", "), orNoReason(why))
		if err := o.ledger.Note(context.WithoutCancel(ctx), id, o.by, text); err != nil {
			return err
		}
	}
	return nil
}

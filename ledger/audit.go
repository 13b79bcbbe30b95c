package ledger

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/rollout"
)

// Fault is a kind of damage that an audit finds.
type Fault string

// The faults.
const (
	// FaultRecord: a target's record can't be read.
	FaultRecord Fault = "record"
	// FaultIndex: a target stands in another index than its state asks for, in
	// several or in none: nobody will move it, or somebody will wrongly.
	FaultIndex Fault = "index"
	// FaultOrphan: an index or the owners name a target that is not there.
	FaultOrphan Fault = "orphan"
	// FaultOwner: an ended target owns its app, or a running one doesn't.
	FaultOwner Fault = "owner"
	// FaultCount: a count differs from the number of targets in its cell.
	FaultCount Fault = "count"
	// FaultTotal: the number of targets is not what was planned.
	FaultTotal Fault = "total"
	// FaultAsleep: targets are unfinished but the conductor doesn't look at the rollout.
	FaultAsleep Fault = "asleep"
)

// Finding is one fault.
type Finding struct {
	Fault Fault
	// AppID is the target; "" if the finding is about the rollout.
	AppID string
	Text  string
}

func (f Finding) String() string {
	if f.AppID == "" {
		return fmt.Sprintf("%s: %s", f.Fault, f.Text)
	}
	return fmt.Sprintf("%s: app %s %s", f.Fault, f.AppID, f.Text)
}

// FindingsMax is how many findings an audit lists; more are only counted.
const FindingsMax = 1000

// Findings is what an audit found.
type Findings struct {
	// Targets is how many were looked at.
	Targets int
	// Moving says that targets moved all the time, so that only the sum of the
	// counts and those of the pending targets were compared, not each cell.
	Moving bool
	// List holds the first FindingsMax findings, Total is how many there were.
	List  []Finding
	Total int
}

// OK tells whether nothing was found.
func (f Findings) OK() bool { return f.Total == 0 }

func (f *Findings) add(fault Fault, appID, format string, args ...any) {
	f.Total++
	if len(f.List) < FindingsMax {
		f.List = append(f.List, Finding{Fault: fault, AppID: appID, Text: fmt.Sprintf(format, args...)})
	}
}

// Audit proves that nothing of a rollout is lost: each target stands in exactly
// the index its state asks for, the counts equal a recount, the owners are
// unfinished targets, and the conductor looks at whatever is unfinished. It only
// reads, a page at a time, and may run beside the workers: each target is seen
// as of one instant, and the cells are compared if nothing moved during a pass.
func (l *Ledger) Audit(ctx context.Context, id string) (Findings, error) {
	a := auditor{l: l, id: id}
	for range auditPasses {
		before, err := a.seen(ctx)
		if err != nil {
			return Findings{}, err
		}
		a.findings, a.recount = Findings{}, make(rollout.Counts)
		for _, walk := range []func(context.Context) error{a.targets, a.indexes, a.owners} {
			if err := walk(ctx); err != nil {
				return Findings{}, err
			}
		}
		after, err := a.seen(ctx)
		if err != nil {
			return Findings{}, err
		}
		a.whole(after)
		if before.moves == after.moves {
			a.cells(after.rollout.Counts)
			return a.findings, nil
		}
	}
	a.findings.Moving = true
	return a.findings, a.tally(ctx)
}

// auditPasses is how often an audit looks for a moment of rest.
const auditPasses = 3

// auditPage is how many targets one script call looks at; the server does
// nothing else meanwhile.
const auditPage = 100

// auditor is one audit under way.
type auditor struct {
	l        *Ledger
	id       string
	recount  rollout.Counts
	findings Findings
}

// snapshot is the rollout as a whole, as of one instant.
type snapshot struct {
	view
	rollout rollout.Rollout
	moves   string // changes with every move of a target
}

func (a *auditor) seen(ctx context.Context) (snapshot, error) {
	views, err := a.l.view(ctx, []string{a.id})
	if err != nil {
		return snapshot{}, failed(err, "audit rollout %s", a.id)
	}
	if len(views) == 0 {
		return snapshot{}, &StatusError{Rollout: a.id}
	}
	r, err := decodeRollout(views[0])
	return snapshot{view: views[0], rollout: r, moves: views[0].fields["moves"]}, err
}

// targets looks at each target.
func (a *auditor) targets(ctx context.Context) error {
	return scan(ctx, func(cursor uint64) *redis.ScanCmd {
		return a.l.rdb.HScan(ctx, keyTargets(a.id), cursor, "", auditPage)
	}, func(appID, _ string) bool { return appID != "" }, func(apps []string) error {
		return a.look(ctx, apps, func(s standing) {
			a.findings.Targets++
			a.target(s)
		})
	})
}

// target checks one target against its places and its owner.
func (a *auditor) target(s standing) {
	if s.record == "" {
		return // nothing takes a target away: found again as a total
	}
	t, err := decodeRecord(a.id, s.app, s.record)
	if err != nil {
		a.findings.add(FaultRecord, s.app, "can't be read: %v", err)
		return
	}
	if !t.Stage.Valid() || !slices.Contains(rollout.States(), t.State) {
		a.findings.add(FaultRecord, s.app, "is %s at %s: no such place", t.State, t.Stage)
		return
	}
	a.recount[rollout.Cell{Wave: t.Wave(), Stage: t.Stage, State: t.State, Reason: t.Reason}]++
	if want := place(t); s.places != want {
		a.findings.add(FaultIndex, s.app, "is %s at %s and stands in %q, not in %q", t.State, t.Stage, s.places, want)
	}
	switch mine := s.owner == a.id; {
	case mine && t.State.Ended():
		a.findings.add(FaultOwner, s.app, "is %s and still owned", t.State)
	case !mine && t.State == rollout.StateRunning && s.status != string(rollout.StatusAborted):
		a.findings.add(FaultOwner, s.app, "is running, but owned by %q", s.owner)
	}
}

// place is the index a target has to stand in, with its score; "" for none.
func place(t rollout.Target) string {
	switch t.State {
	case rollout.StatePending:
		return fmt.Sprintf("ready:%s=%d", t.Stage, t.Rank)
	case rollout.StateRunning:
		return fmt.Sprintf("leases:%s=%d", t.Stage.Lane(), t.Due.UnixMilli())
	case rollout.StateParked:
		return fmt.Sprintf("wake=%d", t.Due.UnixMilli())
	default:
		return ""
	}
}

// whole checks the rollout as one.
func (a *auditor) whole(s snapshot) {
	r := s.rollout
	if r.Total != 0 && int(s.targets) != r.Total {
		a.findings.add(FaultTotal, "", "the plan has %d targets, the ledger %d", r.Total, s.targets)
	}
	if n := r.Counts.Unfinished(); n > 0 && !s.active && r.Status != rollout.StatusLoading {
		a.findings.add(FaultAsleep, "", "it is %s with %d targets unfinished", r.Status, n)
	}
}

// cells compares the counts with the recount.
func (a *auditor) cells(counts rollout.Counts) {
	off := make(map[string]int)
	for c, n := range counts {
		off[c.String()] += n
	}
	for c, n := range a.recount {
		off[c.String()] -= n
	}
	for _, c := range slices.Sorted(maps.Keys(off)) {
		if off[c] != 0 {
			a.findings.add(FaultCount, "", "cell %s counts %+d too many", c, off[c])
		}
	}
}

// tally compares what can be compared while targets move.
func (a *auditor) tally(ctx context.Context) error {
	list, err := texts(run(ctx, a.l.rdb, tallyScript, a.id))
	if err != nil {
		return failed(err, "audit rollout %s", a.id)
	}
	for i := 0; i+2 < len(list); i += 3 {
		if list[i+1] != list[i+2] {
			a.findings.add(FaultCount, "", "%s: %s are counted, %s are there", list[i], list[i+1], list[i+2])
		}
	}
	return nil
}

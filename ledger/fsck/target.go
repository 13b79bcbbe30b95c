package fsck

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wxrollout/wxrollout/ledger/internal/db"
	"github.com/wxrollout/wxrollout/rollout"
)

// decode reads a record whose stage and state exist.
func (r *subject) decode(app, record string) (rollout.Target, error) {
	t, err := db.DecodeRecord(r.id, app, record)
	switch {
	case err != nil:
		return t, fmt.Errorf("can't be read: %w", err)
	case !t.Stage.Valid() || !slices.Contains(rollout.States(), t.State):
		return t, fmt.Errorf("is %s at %s: no such place", t.State, t.Stage)
	}
	return t, nil
}

// lostRecord is the advice for a record that can't be read.
const lostRecord = "no repair can restore its state: restore the field from a backup of Redis, or give the target up " +
	"(redis-cli HDEL %s %s), repair again, and apply a plan for the app again"

// stray checks that an entry of an index, or of the owners, has a target.
func (r *subject) stray(p position, index string) {
	switch {
	case p.record != "":
	case index == owners && p.owner == r.id:
		r.add(Finding{Fault: FaultOrphan, AppID: p.app, Text: "is not there, but owned", Repair: "free the app"})
	case p.first() == index:
		r.add(Finding{Fault: FaultOrphan, AppID: p.app, Text: fmt.Sprintf("is not there, but listed in %q", p.indexes), Repair: "take it out"})
	}
}

// target checks one target against its indexes and its owner.
func (r *subject) target(p position) {
	if p.record == "" {
		return // nothing deletes a target: it shows as a wrong total
	}
	t, err := r.decode(p.app, p.record)
	if err != nil {
		r.add(Finding{Fault: FaultRecord, AppID: p.app, Text: err.Error(), Advice: fmt.Sprintf(lostRecord, db.KeyTargets(r.id), p.app)})
		return
	}
	if want := place(t); p.indexes != want {
		repair := "take it out"
		if index, _, _ := strings.Cut(want, "="); index != "" {
			repair = "put it into " + index + " only"
		}
		r.add(Finding{
			Fault: FaultIndex, AppID: p.app, Repair: repair,
			Text: fmt.Sprintf("is %s at %s and listed in %q, not in %q", t.State, t.Stage, p.indexes, want),
		})
	}
	switch mine := p.owner == r.id; {
	case mine && t.State.Ended():
		r.add(Finding{Fault: FaultOwner, AppID: p.app, Text: fmt.Sprintf("is %s and still owned", t.State), Repair: "free the app"})
	case !mine && t.State == rollout.StateRunning && p.status != string(rollout.StatusAborted):
		r.add(Finding{Fault: FaultOwner, AppID: p.app, Text: fmt.Sprintf("is running, but owned by %q", p.owner), Repair: "make its rollout the owner"})
	}
	if t.State == rollout.StateUndone && p.released != "" {
		r.add(Finding{
			Fault: FaultRelease, AppID: p.app, Repair: "forget its release",
			Text: fmt.Sprintf("is undone, but version %s counts as released by its rollout", p.released),
		})
	}
	r.times(t, p.now)
}

// times checks how long a target waits, and that no target failed with an error that only asks to wait.
func (r *subject) times(t rollout.Target, now time.Time) {
	left := t.Due.Sub(now)
	switch {
	case t.State == rollout.StateParked && left > 0 && !slices.Contains(rollout.Reasons(), t.Reason):
		r.add(Finding{Fault: FaultParking, AppID: t.AppID, Text: fmt.Sprintf("is parked for the unknown reason %q", t.Reason), Repair: "wake it"})
	case t.State == rollout.StateParked && left > r.wakeMax:
		r.add(Finding{
			Fault: FaultParking, AppID: t.AppID, Repair: "wake it: it parks again for as long as it has to",
			Text: fmt.Sprintf("is parked for %s until %s", t.Reason, t.Due.UTC().Format(time.RFC3339)),
		})
	case t.State == rollout.StateRunning && left > leaseMax:
		r.add(Finding{
			Fault: FaultLease, AppID: t.AppID, Repair: "end the assignment in " + leaseRepaired.String(),
			Text: "has an assignment until " + t.Due.UTC().Format(time.RFC3339),
		})
	case t.State == rollout.StateFailed && t.LastError != nil && slices.Contains(r.o.Waits, t.LastError.Class):
		r.add(Finding{
			Fault: FaultParking, AppID: t.AppID, Text: fmt.Sprintf("is failed for %s, which only asks to wait", t.LastError.Class),
			Advice: fmt.Sprintf("enqueue retry %s --app %s", r.id, t.AppID),
		})
	}
}

// readBack is READ_BACK of prelude.lua.
const readBack = 1_000_000_000_000

// place is the index that a target has to be in, with its score; "" for none.
func place(t rollout.Target) string {
	switch t.State {
	case rollout.StatePending:
		score := t.Rank
		if t.Reason == rollout.ReasonUnknown {
			score -= readBack
		}
		return fmt.Sprintf("ready:%s=%d", t.Stage, score)
	case rollout.StateRunning:
		return fmt.Sprintf("leases:%s=%d", t.Stage.QueueName(), db.ToMilli(t.Due))
	case rollout.StateParked:
		return fmt.Sprintf("wake=%d", db.ToMilli(t.Due))
	default:
		return ""
	}
}

package ledger

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/rollout"
)

// auditPasses is how often a repair looks for a moment of rest.
const auditPasses = 3

// auditPage is how many targets one script call looks at; the server does
// nothing else meanwhile.
const auditPage = 100

// auditor looks at one rollout.
type auditor struct {
	l  *Ledger
	id string
	// see is given findings, a page at a time.
	see func(context.Context, []Finding) error
	// tell, if set, hears of each page.
	tell func()
	// limits of times and of what may fail; the zero value has none.
	limits limits

	targets    int
	unreadable int
	recount    map[string]int // by cell
	page       []Finding
}

// limits are what no sound target exceeds.
type limits struct {
	wake, lease time.Duration
	// waits are the classes of last errors that never fail a target.
	waits []string
}

// pass looks at a rollout's targets and its own indexes once. rest tells that
// nothing moved meanwhile, so that the cells were compared with the counts; if
// not, compare what can be compared, and call moved.
func (a *auditor) pass(ctx context.Context) (rest bool, err error) {
	before, err := a.seen(ctx)
	if err != nil {
		return false, err
	}
	a.recount = make(map[string]int)
	if err := a.walk(ctx); err != nil {
		return false, err
	}
	after, err := a.seen(ctx)
	if err != nil || before.fields["moves"] != after.fields["moves"] {
		return false, err
	}
	a.cells(after.counts, a.recount)
	a.whole(after, unfinished(a.recount)+a.unreadable)
	return true, a.flush(ctx)
}

// moved looks at a rollout as one, as of one instant, whose targets move.
func (a *auditor) moved(ctx context.Context) error {
	v, err := a.seen(ctx)
	if err != nil {
		return err
	}
	a.whole(v, unfinished(numbers(v.counts)))
	return a.flush(ctx)
}

// add notes a finding of the page.
func (a *auditor) add(f Finding) {
	f.Rollout = a.id
	a.page = append(a.page, f)
}

// flush hands the page on.
func (a *auditor) flush(ctx context.Context) error {
	page := a.page
	a.page = nil
	if len(page) == 0 {
		return nil
	}
	return a.see(ctx, page)
}

// seen is the rollout as a whole, as of one instant.
func (a *auditor) seen(ctx context.Context) (view, error) {
	views, err := a.l.view(ctx, []string{a.id})
	if err != nil {
		return view{}, failed(err, "audit rollout %s", a.id)
	}
	if len(views) == 0 {
		return view{}, &StatusError{Rollout: a.id}
	}
	return views[0], nil
}

// walk looks at each target, and for entries of the rollout's own indexes
// without one.
func (a *auditor) walk(ctx context.Context) error {
	err := scan(ctx, func(cursor uint64) *redis.ScanCmd {
		return a.l.rdb.HScan(ctx, keyTargets(a.id), cursor, "", auditPage)
	}, fieldName, func(apps []string) error {
		return a.look(ctx, apps, func(s standing) {
			a.targets++
			a.count(s.app, s.record)
			a.target(s)
		})
	})
	for _, stage := range rollout.Stages() {
		if err != nil {
			return err
		}
		err = scan(ctx, func(cursor uint64) *redis.ScanCmd {
			return a.l.rdb.ZScan(ctx, keyReady(a.id, string(stage)), cursor, "", auditPage)
		}, fieldName, func(apps []string) error {
			return a.look(ctx, apps, func(s standing) { a.stray(s, "ready:"+string(stage)) })
		})
	}
	return err
}

// strays looks for entries of shared indexes without a target of the rollout.
// (Those with one were found with it.)
func (a *auditor) strays(ctx context.Context, id, index string, apps []string) error {
	if id != a.id {
		return nil
	}
	return a.look(ctx, apps, func(s standing) { a.stray(s, index) })
}

// stray checks an entry of an index, or of the owners, for its target.
func (a *auditor) stray(s standing, index string) {
	switch {
	case s.record != "":
	case index == owners && s.owner == a.id:
		a.add(Finding{Fault: FaultOrphan, AppID: s.app, Text: "is not there, but owned", Repair: "free the app"})
	case s.first() == index:
		a.add(Finding{Fault: FaultOrphan, AppID: s.app, Text: fmt.Sprintf("is not there, but stands in %q", s.places), Repair: "take it out"})
	}
}

// count adds a target to the recount.
func (a *auditor) count(app, record string) {
	if t, err := decodeRecord(a.id, app, record); err == nil && standable(t) {
		a.recount[rollout.Cell{Wave: t.Wave(), Stage: t.Stage, State: t.State, Reason: t.Reason}.String()]++
	} else if record != "" {
		a.unreadable++
	}
}

// standable reports whether there is such a place.
func standable(t rollout.Target) bool {
	return t.Stage.Valid() && slices.Contains(rollout.States(), t.State)
}

// lostRecord is how to go on with a record that can't be read.
const lostRecord = "no repair can know where it stood: restore the field from a backup of Redis, or give the target up " +
	"(redis-cli HDEL %s %s), repair again, and apply a plan for the app anew"

// target checks one target against its places and its owner.
func (a *auditor) target(s standing) {
	if s.record == "" {
		return // nothing takes a target away: found again as a total
	}
	t, err := decodeRecord(a.id, s.app, s.record)
	if err == nil && !standable(t) {
		err = fmt.Errorf("is %s at %s: no such place", t.State, t.Stage)
	} else if err != nil {
		err = fmt.Errorf("can't be read: %w", err)
	}
	if err != nil {
		a.add(Finding{Fault: FaultRecord, AppID: s.app, Text: err.Error(), Advice: fmt.Sprintf(lostRecord, keyTargets(a.id), s.app)})
		return
	}
	if want := place(t); s.places != want {
		a.add(Finding{
			Fault: FaultIndex, AppID: s.app, Repair: misplaced(want),
			Text: fmt.Sprintf("is %s at %s and stands in %q, not in %q", t.State, t.Stage, s.places, want),
		})
	}
	switch mine := s.owner == a.id; {
	case mine && t.State.Ended():
		a.add(Finding{Fault: FaultOwner, AppID: s.app, Text: fmt.Sprintf("is %s and still owned", t.State), Repair: "free the app"})
	case !mine && t.State == rollout.StateRunning && s.status != string(rollout.StatusAborted):
		a.add(Finding{Fault: FaultOwner, AppID: s.app, Text: fmt.Sprintf("is running, but owned by %q", s.owner), Repair: "make its rollout the owner"})
	}
	if t.State == rollout.StateUndone && s.version != "" {
		a.add(Finding{
			Fault: FaultRelease, AppID: s.app, Repair: "forget its release",
			Text: fmt.Sprintf("is undone, but version %s counts as released by its rollout", s.version),
		})
	}
	a.times(t, s.now)
}

// misplaced says what a repair does about an index.
func misplaced(want string) string {
	if want == "" {
		return "take it out"
	}
	index, _, _ := strings.Cut(want, "=")
	return "put it into " + index + " only"
}

// times checks how long a target waits, and that what only waits didn't fail.
func (a *auditor) times(t rollout.Target, now time.Time) {
	left := t.Due.Sub(now)
	switch {
	case a.limits.wake == 0:
		return
	case t.State == rollout.StateParked && left > 0 && !slices.Contains(rollout.Reasons(), t.Reason):
		a.add(Finding{Fault: FaultParking, AppID: t.AppID, Text: fmt.Sprintf("is parked for no reason there is: %q", t.Reason), Repair: "wake it"})
	case t.State == rollout.StateParked && left > a.limits.wake:
		a.add(Finding{
			Fault: FaultParking, AppID: t.AppID, Repair: "wake it: it parks again for as long as it has to",
			Text: fmt.Sprintf("is parked for %s until %s", t.Reason, t.Due.UTC().Format(time.RFC3339)),
		})
	case t.State == rollout.StateRunning && left > a.limits.lease:
		a.add(Finding{
			Fault: FaultLease, AppID: t.AppID, Repair: "end the assignment in " + leaseRepaired.String(),
			Text: "has an assignment until " + t.Due.UTC().Format(time.RFC3339),
		})
	case t.State == rollout.StateFailed && t.LastError != nil && slices.Contains(a.limits.waits, t.LastError.Class):
		a.add(Finding{
			Fault: FaultParking, AppID: t.AppID, Text: fmt.Sprintf("is failed for %s, which is only to be waited for", t.LastError.Class),
			Advice: fmt.Sprintf("enqueue retry %s --app %s", a.id, t.AppID),
		})
	}
}

// readBack is READ_BACK of prelude.lua.
const readBack = 1_000_000_000_000

// place is the index a target has to stand in, with its score; "" for none.
func place(t rollout.Target) string {
	switch t.State {
	case rollout.StatePending:
		score := t.Rank
		if t.Reason == rollout.ReasonUnknown {
			score -= readBack
		}
		return fmt.Sprintf("ready:%s=%d", t.Stage, score)
	case rollout.StateRunning:
		return fmt.Sprintf("leases:%s=%d", t.Stage.QueueName(), toMilli(t.Due))
	case rollout.StateParked:
		return fmt.Sprintf("wake=%d", toMilli(t.Due))
	default:
		return ""
	}
}

// whole checks the rollout as one, with so many targets unfinished.
func (a *auditor) whole(v view, left int) {
	total, _ := strconv.ParseInt(v.fields["total"], 10, 64)
	status := rollout.Status(v.fields["status"])
	if total != 0 && v.targets != total {
		a.add(Finding{
			Fault: FaultTotal, Text: fmt.Sprintf("the plan has %d targets, the ledger %d", total, v.targets),
			Advice: "find the missing apps by the app list, and apply a plan for them anew",
		})
	}
	if _, err := decodeRollout(view{id: v.id, fields: v.fields, broken: v.broken}); err != nil {
		a.add(Finding{Fault: FaultRecord, Text: "can't be read: " + err.Error(), Advice: "restore " + keyRollout(v.id) + " from a backup of Redis"})
	}
	switch {
	case status == "":
		a.add(Finding{Fault: FaultRecord, Text: "has no status", Advice: "no repair can know it: set the field status of " + keyRollout(v.id) + " to paused, and repair again"})
	case status == rollout.StatusDone && left > 0:
		a.add(Finding{Fault: FaultAsleep, Text: fmt.Sprintf("it is %s with %s unfinished", status, targets(left)), Repair: "pause it; enqueue resume lets it go on"})
	case status == rollout.StatusDone && v.active:
		a.add(Finding{Fault: FaultActive, Text: "it is done, and the controller still looks at it", Repair: "take it out of active"})
	case v.active || status == rollout.StatusLoading || status == rollout.StatusDone:
	case left > 0:
		a.add(Finding{Fault: FaultAsleep, Text: fmt.Sprintf("it is %s with %s unfinished", status, targets(left)), Repair: "put it into active"})
	case status != rollout.StatusAborted:
		a.add(Finding{Fault: FaultAsleep, Text: fmt.Sprintf("it is %s, and the controller doesn't look at it", status), Repair: "put it into active"})
	}
}

// targets counts targets in words.
func targets(n int) string {
	if n == 1 {
		return "1 target"
	}
	return fmt.Sprintf("%d targets", n)
}

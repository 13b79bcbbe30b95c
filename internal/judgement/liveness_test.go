package judgement

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/wxrollout/wxrollout/ledger/fsck"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient"
)

// Bounds of virtual time after the last fault. Our longest wait is that of an app
// that alone was refused for lack of quota: 6 h, and a tenth for the jitter.
const (
	afterFaults = 8 * time.Hour
	afterUnits  = 10 * time.Minute
	afterMonth  = time.Hour
)

// finish ends the faults, and checks that all that can move does: with the units that are left,
// after WeChat has raised the quota, and in a new month.
func (w *world) finish() {
	w.log("faults stop")
	w.calm, w.cloud.refusesAll = true, false
	clear(w.cloud.refuses)
	for _, a := range w.applied {
		if !w.oneIn(4) {
			w.may("resume", a.id, w.ledger.Resume(w.ctx, a.id, "op", "faults have stopped"))
		}
	}
	w.settle(afterFaults)
	w.judge()
	w.cloud.limit += 8
	w.log("WeChat raises the quota to %d; %d are left", w.cloud.limit, w.cloud.rest())
	w.settle(afterUnits)
	w.judge()
	next := w.redisNow().In(china)
	month := time.Date(next.Year(), next.Month()+1, 1, 0, 0, 0, 0, china)
	w.move(max(month.Sub(next), month.Sub(w.now)) + 24*time.Hour)
	w.log("a new month")
	w.promote()
	w.settle(afterMonth)
	w.judge()
	w.move(32 * time.Hour)
	w.log("each audit has ended")
	w.settle(afterMonth)
	w.judge()
	w.inspect()
}

// promote opens the gates that wait for an operator, most of them.
func (w *world) promote() {
	for _, a := range w.applied {
		if !w.oneIn(4) {
			_, err := w.ledger.PromoteSeen(w.ctx, a.id, 0, rollout.GateState{}, "op", "x")
			w.may("promote", a.id, err)
		}
	}
}

// settle lets everybody work for so long. While nothing moves it looks more and more seldom.
func (w *world) settle(d time.Duration) {
	end, least := w.now.Add(d), shortStep
	for {
		moved := false
		for w.once() {
			moved = true
		}
		if !w.now.Before(end) || !w.runs() {
			return
		}
		if least = min(2*least, longStep); moved {
			least = shortStep
		}
		w.move(min(max(w.step(), least), end.Sub(w.now)))
	}
}

// Bounds of a step of settle.
const (
	shortStep = 20 * time.Second
	longStep  = 4 * time.Minute
)

// runs reports whether anything could still move.
func (w *world) runs() bool {
	active, err := w.ledger.Active(w.ctx)
	w.must(err)
	return slices.ContainsFunc(active, func(r rollout.Rollout) bool { return r.Status != rollout.StatusPaused })
}

// once lets a leader and the workers do what is to be done now; false if nothing was.
func (w *world) once() bool {
	l := w.leaders[w.passes%len(w.leaders)]
	w.passes++
	w.read(l)
	moved := w.tick(l)
	for _, d := range w.due() {
		w.work(d, -1)
		moved = true
	}
	return moved
}

// step is how long it is until something may happen automatically.
func (w *world) step() time.Duration {
	d := 20 * time.Minute
	sooner := func(at time.Time, now time.Time) { d = min(d, max(0, at.Sub(now))) }
	for _, l := range w.cloud.late {
		sooner(l.at, w.now)
	}
	for _, q := range w.queue {
		sooner(q.at, w.now)
	}
	for _, key := range []string{"wake", "leases:commit", "leases:audit", "leases:release"} {
		first, err := w.rdb.ZRangeWithScores(w.ctx, "wxr:{ledger}:"+key, 0, 0).Result()
		w.must(err)
		if len(first) > 0 {
			sooner(time.UnixMilli(int64(first[0].Score)), w.redisNow())
		}
	}
	return d
}

// judge checks each target that has not ended: it may wait only for a cause that the model
// confirms. What ended that cause may have happened a moment ago: a wait without a cause counts if
// it lasts.
func (w *world) judge() {
	first := w.stalls()
	if len(first) == 0 {
		return
	}
	w.settle(afterUnits + ownerRetry)
	for place, why := range w.stalls() {
		if first[place] != "" {
			w.breach("stall: %s: %s", place, why)
		}
	}
}

// stalls are the targets that wait without a true cause, by what they are and where, and why.
func (w *world) stalls() map[string]string {
	shares, found := w.shares(), make(map[string]string)
	w.resolve()
	for _, a := range w.applied {
		r, err := w.ledger.Rollout(w.ctx, a.id)
		w.must(err)
		for _, app := range a.apps {
			t, ok := w.target(a.id, app)
			if !ok {
				w.breach("%s %s is lost", a.id, app)
			}
			if why := w.stuck(a, r, t, shares); why != "" {
				found[fmt.Sprintf("%s %s is %s%s", a.id, app, place(t), lastNote(t))] = why
			}
		}
	}
	return found
}

// resolve drops doubts that were read back: their units must be in the books no more.
func (w *world) resolve() {
	for id := range w.books.doubts {
		r, app, _ := rollout.PermitOf(id)
		if t, ok := w.target(r, app); ok && t.Intent == nil {
			delete(w.books.doubts, id)
		}
	}
}

// stuck says why a target's wait is not true; "" if it is.
func (w *world) stuck(a *applied, r rollout.Rollout, t rollout.Target, shares map[string]int64) string {
	switch {
	case t.State.Ended():
		return ""
	case t.Intent != nil && t.Reason == rollout.ReasonUnknown && t.Due.After(w.redisNow()) && w.throttled(t.Stage):
		return "" // until WeChat answers the read again
	case t.Intent != nil && t.Reason != rollout.ReasonOwner:
		return fmt.Sprintf("what its %s of %s did is not read back", t.Intent, t.Intent.At)
	case r.Status == rollout.StatusPaused:
		return ""
	case r.Status != rollout.StatusRunning:
		return "its rollout is " + string(r.Status)
	case t.State == rollout.StatePending && t.Wave() > r.Reach(t.Stage):
		return w.gated(r, t)
	case t.State == rollout.StatePending && t.Stage == rollout.StageSubmit:
		return w.unsubmitted(a, shares)
	case t.State == rollout.StatePending:
		return w.closed(t.Stage)
	case t.State == rollout.StateRunning:
		return "no worker has it"
	case !t.Due.After(w.redisNow()):
		return fmt.Sprintf("it was due at %s", t.Due)
	case t.Reason == rollout.ReasonVerdict:
		if l := w.cloud.apps[t.AppID].latest(); l == nil || l.ID != t.AuditID {
			return "it has no audit"
		} else if l.Status != wxclient.AuditPending && w.now.Sub(l.due) > 3*time.Hour {
			return fmt.Sprintf("its audit was decided at %s", l.due)
		}
		return ""
	case t.Reason == rollout.ReasonInAudit:
		if l := w.cloud.apps[t.AppID].latest(); l == nil || l.Status != wxclient.AuditPending && w.now.Sub(l.due) > time.Hour {
			return "no other version is in audit"
		}
		return ""
	case t.Reason == rollout.ReasonOwner:
		return w.unowned(a, t)
	default:
		return "nothing keeps it"
	}
}

// gated: a gate that holds has a reason that the targets before it show.
func (w *world) gated(r rollout.Rollout, t rollout.Target) string {
	wave, _, ok := r.Gate()
	if !ok || wave >= t.Wave() {
		return "no gate is before it"
	}
	if r.Plan.Waves[wave].Approve {
		return ""
	}
	for _, app := range w.byID[r.ID].apps {
		x, _ := w.target(r.ID, app)
		if r.Plan.Waves[wave].Sequential && x.State == rollout.StateParked &&
			(x.Reason == rollout.ReasonMerchant || x.Reason == rollout.ReasonApproval || x.Reason == rollout.ReasonOwner) {
			continue
		}
		if r.Plan.Waves[wave].Sequential && x.State.Ended() {
			continue
		}
		if x.Wave() <= wave && (!x.State.Ended() || x.State == rollout.StateRejected || x.State == rollout.StateFailed) {
			return ""
		}
	}
	return "the gate holds though all before it went well"
}

// unsubmitted: a target that waits at submit waits for units that its pool can't have, and what
// people are reported that is so.
func (w *world) unsubmitted(a *applied, shares map[string]int64) string {
	l, err := w.leaders[0].pools.Explain(w.ctx, a.plan.Quota.Request(rollout.StageSubmit, shares))
	w.must(err)
	free, kind := w.books.free(a.plan.Quota, shares, w.cloud.rest(), w.cloud.limit)
	switch {
	case l != nil && l.Kind == rollout.LimitClosed && l.Reason == "85085" && w.cloud.rest() == 0:
		return "" // the refusal says so too
	case l != nil && l.Kind == rollout.LimitClosed:
		return w.closed(rollout.StageSubmit)
	case free > 0:
		return fmt.Sprintf("%d units are free (%d left, %v spent, shares %v); it says: %v", free, w.cloud.rest(), w.books.accepted, shares, l)
	case l == nil:
		return fmt.Sprintf("nothing is said to keep it, and it is %s", kind)
	default:
		return w.untrue(a, l, shares)
	}
}

// untrue says what is wrong in the numbers of a limit.
func (w *world) untrue(a *applied, l *rollout.Limit, shares map[string]int64) string {
	pool, b := a.plan.Quota.PoolName(), w.books
	least, _ := b.unmet(shares, pool) // doubted units count as spent in the code's books
	most := least
	for other := range shares {
		most += b.doubted(other)
	}
	wrong := func(what string, got, from, to int64) string {
		if got >= from && got <= to {
			return ""
		}
		return fmt.Sprintf("it says %s %d, and the model %d to %d: %s", what, got, from, to, l)
	}
	rest := w.cloud.rest()
	switch l.Kind {
	case rollout.LimitExhausted:
		return wrong("left", rest, 0, 0)
	case rollout.LimitReserved:
		if s := wrong("left", l.Left, rest, rest); s != "" {
			return s
		}
		return wrong("reserved", l.Reserved, max(least, rest), most)
	case rollout.LimitCap:
		if limit := capOf(a.plan.Quota, w.cloud.limit); l.Bound != limit {
			return fmt.Sprintf("it says a cap of %d, and it is %d", l.Bound, limit)
		}
		return wrong("used", l.Used, b.accepted[pool]-b.hidden[pool], b.accepted[pool]+b.doubted(pool))
	case rollout.LimitPerDay:
		return wrong("used today", l.Used, b.today[pool]-b.hidden[pool], b.today[pool]+b.doubted(pool))
	default:
		return "it says " + l.Kind + ", and faults have stopped"
	}
}

// calls are the calls of a stage that may close its pool.
var calls = map[rollout.Stage][]string{
	rollout.StagePreflight: {"api_get_authorizer_info", "getversioninfo", "get_category", "get_page"},
	rollout.StageCommit:    {"commit", "getversioninfo"},
	rollout.StageCheck:     {"get_code_privacy_info"},
	rollout.StageSubmit:    {"submit_audit", "get_latest_auditstatus", "get_auditstatus", "getversioninfo", "api_get_authorizer_info"},
	rollout.StageVerdict:   {"get_auditstatus", "get_latest_auditstatus"},
	rollout.StageRelease:   {"release", "getversioninfo", "get_latest_auditstatus", "get_auditstatus"},
}

// closed: a stage that is closed was closed by a refusal of the last day, and is tried again.
func (w *world) closed(s rollout.Stage) string {
	state, err := w.leaders[0].pools.Quota(s).State(w.ctx)
	w.must(err)
	if state.State == "open" {
		return "its stage is open"
	}
	if _, err := strconv.Atoi(state.Reason); err == nil && state.RetryAt.After(state.Now) && w.throttled(s) {
		return ""
	}
	return fmt.Sprintf("its stage is %s: %s, tried again at %s", state.State, state.Reason, state.RetryAt)
}

// throttled reports whether WeChat refused a call of a stage to everyone in the last day.
func (w *world) throttled(s rollout.Stage) bool {
	return slices.ContainsFunc(calls[s], func(name string) bool {
		at := w.cloud.throttled[name]
		return !at.IsZero() && w.now.Sub(at) < 26*time.Hour
	})
}

// unowned: a target that waits for its app waits for a rollout that works on it, and that it may
// not take the app from.
func (w *world) unowned(a *applied, t rollout.Target) string {
	id, err := w.ledger.Owner(w.ctx, t.AppID)
	w.must(err)
	owner := w.byID[id]
	if owner == nil || owner == a {
		return fmt.Sprintf("no other rollout works on the app (owner %q)", id)
	}
	r, err := w.ledger.Rollout(w.ctx, id)
	w.must(err)
	x, ok := w.target(id, t.AppID)
	switch {
	case !ok || r.Status.Ended() || x.State.Ended():
		return fmt.Sprintf("rollout %s is %s, its target %s", id, r.Status, place(x))
	case outranks(a, owner) && (x.State == rollout.StatePending || x.State == rollout.StateParked):
		return fmt.Sprintf("inversion: rollout %s (priority %d) only waits (%s), and this one has priority %d", id, owner.priority, place(x), a.priority)
	}
	return ""
}

// outranks is the documented rule.
func outranks(a, b *applied) bool {
	if a.priority != b.priority {
		return a.priority > b.priority
	}
	return a.plan.OnConflict == rollout.OnConflictSupersede && a.nth > b.nth
}

// inspect: each target is in exactly one state, and all counts are right.
func (w *world) inspect() {
	for _, a := range w.applied {
		var found []fsck.Finding
		_, err := fsck.Check(w.ctx, w.rdb, fsck.Options{
			Rollouts: []string{a.id}, Ended: true, See: func(f fsck.Finding) { found = append(found, f) },
		})
		w.must(err)
		if len(found) > 0 {
			w.breach("check of %s: %v", a.id, found)
		}
		r, err := w.ledger.Rollout(w.ctx, a.id)
		w.must(err)
		if r.Counts.Sum(func(rollout.Cell) bool { return true }) != len(a.apps) || slices.Contains([]rollout.Status{rollout.StatusLoading}, r.Status) {
			w.breach("%s counts %v of %d targets", a.id, r.Counts, len(a.apps))
		}
	}
}

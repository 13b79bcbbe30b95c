package judgement

import (
	"errors"
	"time"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
)

// weighted is an action of the random phase and how likely it is.
type weighted struct {
	n  int
	do func(w *world)
}

// actions are what may happen, the engine's own steps most often.
func actions() []weighted {
	return []weighted{
		{30, (*world).round},
		{8, func(w *world) { w.tick(pick(w, w.leaders)) }},
		{10, func(w *world) { w.one(-1) }},
		{3, func(w *world) { w.one(w.between(0, 6)) }}, // it dies on the way
		{2, (*world).lose},
		{12, (*world).pass},
		{8, func(w *world) { w.read(pick(w, w.leaders)) }},
		{5, (*world).apply},
		{3, (*world).external},
		{2, (*world).raise},
		{3, (*world).refuse},
		{6, (*world).operate},
		{1, (*world).open},
		{1, (*world).restart},
		{1, (*world).outage},
		{2, (*world).clockStep},
	}
}

// act does one random thing.
func (w *world) act() {
	all, sum := actions(), 0
	for _, a := range all {
		sum += a.n
	}
	n := w.draw.Below(sum)
	for _, a := range all {
		if n -= a.n; n < 0 {
			a.do(w)
			return
		}
	}
}

// some does n random things.
func (w *world) some(n int) {
	for range n {
		w.act()
	}
}

// round runs a pass and everything that it dispatches.
func (w *world) round() {
	w.read(pick(w, w.leaders))
	w.tick(pick(w, w.leaders))
	for range len(w.queue) {
		if due := w.due(); len(due) > 0 {
			w.work(pick(w, due), -1)
		}
	}
}

// one lets a worker run an assignment; it dies after so many calls, if not below 0.
func (w *world) one(calls int) {
	if due := w.due(); len(due) > 0 {
		w.work(pick(w, due), calls)
	}
}

// lose loses an assignment in the queue.
func (w *world) lose() {
	if len(w.queue) > 0 {
		i := w.draw.Below(len(w.queue))
		w.log("the queue loses %v", w.queue[i].assignment)
		w.queue = append(w.queue[:i:i], w.queue[i+1:]...)
	}
}

// pass lets time pass: seconds, minutes, hours or days, at times into the next month.
func (w *world) pass() {
	var d time.Duration
	switch w.draw.Below(10) {
	case 0, 1, 2:
		d = time.Duration(w.between(1, 90)) * time.Second
	case 3, 4, 5:
		d = time.Duration(w.between(1, 90)) * time.Minute
	case 6, 7, 8:
		d = time.Duration(w.between(1, 30)) * time.Hour
	default:
		d = time.Duration(w.between(2, 20)) * 24 * time.Hour
	}
	w.move(d)
	w.log("%s have passed", d)
}

// raise lets WeChat raise the quota.
func (w *world) raise() {
	w.cloud.limit += int64(w.between(1, 6))
	w.log("WeChat raises the quota to %d; %d are left", w.cloud.limit, w.cloud.rest())
}

// refuse lets WeChat refuse submissions for lack of quota though units are left, or stop that.
func (w *world) refuse() {
	app := pick(w, w.apps)
	switch w.draw.Below(4) {
	case 0:
		w.cloud.refusesAll = !w.cloud.refusesAll
		w.log("WeChat refuses every app: %v", w.cloud.refusesAll)
	case 1, 2:
		w.cloud.refuses[app] = true
		w.log("WeChat refuses %s", app)
	default:
		clear(w.cloud.refuses)
		w.log("WeChat refuses no app")
	}
}

// operate is what operators do to rollouts and targets.
func (w *world) operate() {
	if len(w.applied) == 0 {
		return
	}
	a := pick(w, w.applied)
	switch pick(w, []string{"pause", "pause", "resume", "resume", "resume", "promote", "promote", "abort", "retry", "retry"}) {
	case "pause":
		w.may("pause", a.id, w.ledger.PauseBy(w.ctx, a.id, "op", "x"))
	case "resume":
		w.may("resume", a.id, w.ledger.Resume(w.ctx, a.id, "op", "x"))
	case "promote":
		_, err := w.ledger.PromoteSeen(w.ctx, a.id, 0, rollout.GateState{}, "op", "x")
		w.may("promote", a.id, err)
	case "abort":
		if w.oneIn(2) {
			w.may("abort", a.id, w.ledger.Abort(w.ctx, a.id, "op", "x"))
		}
	case "retry":
		for _, app := range a.apps {
			w.retry(a.id, app)
		}
	}
}

func (w *world) retry(id, app string) {
	was, ok := w.target(id, app)
	if !ok || was.State != rollout.StateFailed && was.State != rollout.StateRejected {
		return
	}
	next, err := rollout.Step(was, rollout.Retried{At: w.redisNow()})
	if err != nil {
		return
	}
	_, err = w.ledger.Save(w.ctx, was, next, rollout.SaveOptions{})
	w.may("retry "+app, id, err)
}

// open is enqueue quota open submit.
func (w *world) open() {
	w.must(w.leaders[0].pools.Quota(rollout.StageSubmit).Open(w.ctx))
	w.books.known = false
	w.log("operator: quota open submit")
}

// restart gives Redis another run_id. Nothing is lost, but the ledger can't know.
func (w *world) restart() {
	const server = "wxr:{ledger}:server"
	if w.rdb.Exists(w.ctx, server).Val() == 1 {
		w.must(w.rdb.HSet(w.ctx, server, "run_id", "another").Err())
		w.log("Redis restarts")
	}
}

// clockStep lets the clock of Redis step: it was wrong and is corrected, or a server takes over whose
// clock is wrong. Workers notice a step back when they say that they live.
func (w *world) clockStep() {
	d := time.Duration(w.between(1, 90)) * pick(w, []time.Duration{time.Second, time.Minute, 5 * time.Minute})
	if w.oneIn(2) {
		d = -d
	}
	before := w.waits()
	_ = w.heartbeat() // the last one before the step
	w.advance(d)
	w.log("the clock of Redis steps by %s", d)
	if err := w.heartbeat(); err != nil && !errors.As(err, new(*ledger.ClockStepError)) {
		w.must(err)
	}
	w.assignment()
	for where, wait := range w.waits() {
		if wait > max(before[where], longestLease)+smallStep {
			w.breach("a clock step: %s waits %s after it, and %s before", where, wait, before[where])
		}
	}
}

// What a step back of Redis's clock may leave: a lease that lasts as long as one may, and what a step
// adds that is too small to be looked for.
const (
	longestLease = 6 * time.Minute
	smallStep    = 10 * time.Second
)

// waits is how long from now each target's lease or wait lasts.
func (w *world) waits() map[string]time.Duration {
	found, now := make(map[string]time.Duration), w.redisNow()
	for _, a := range w.applied {
		for _, app := range a.apps {
			if t, ok := w.target(a.id, app); ok && (t.State == rollout.StateRunning || t.State == rollout.StateParked) {
				found[a.id+" "+app] = t.Due.Sub(now)
			}
		}
	}
	return found
}

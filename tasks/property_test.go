package tasks

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/ledger/fsck"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient"
)

// pick draws one of a list that isn't empty.
func pick[T any](w *world, label string, list []T) T {
	if len(list) == 0 {
		w.t.Skip("no " + label)
	}
	return list[rapid.IntRange(0, len(list)-1).Draw(w.t, label)]
}

// anyCodes are errcodes that any call may get; codesOf belong to one call.
var anyCodes = []int64{-1, -1, 45011, 61003, 40001, 45009, 99999}

var codesOf = map[string][]int64{
	"get_code_privacy_info": {61039}, "submit_audit": {85085, 85009, 86008}, "undocodeaudit": {87013},
	"revertcoderelease": {87012, 40097},
}

// fate draws how a process goes on from where it stands: mostly well.
func (w *world) fate(p *process) order {
	var fates []reply
	well := 0 // how many times likelier than any other fate it is that all goes well
	switch {
	case p.at.kind == writing:
		well, fates = 24, []reply{replyLostBefore, replyLostAfter}
	case p.at.kind == sending && p.at.op != "":
		well, fates = 6, []reply{replyLate, replyLostAfter, replyRunsAlready, replyLostBefore, replyNotSent, replyCode}
	case p.at.kind == sending:
		well, fates = 40, []reply{replyNotSent, replyLostBefore, replyCode}
	default:
		return order{}
	}
	fates = append(make([]reply, well), fates...)
	o := order{reply: rapid.SampledFrom(fates).Draw(w.t, p.at.name)}
	if o.reply == replyCode {
		o.reply = reply(rapid.SampledFrom(append(slices.Clone(anyCodes), codesOf[p.at.name]...)).Draw(w.t, "errcode"))
	}
	if o.reply == replyLate {
		o.delay = time.Duration(rapid.IntRange(1, 60).Draw(w.t, "seconds late")) * time.Second
	}
	if o.reply != replyOK {
		w.log("%s: %s: %s", p.name, p.at.name, o.reply)
	}
	return o
}

// Tick is the controller's.
func (w *world) Tick(t *rapid.T) {
	w.dropping = rapid.IntRange(0, 9).Draw(t, "queue fails") == 9
	p, err := w.cond.Reconcile(w.ctx)
	if err != nil && !w.dropping {
		t.Fatal(err)
	}
	w.dropping = false
	if p.Moved() {
		w.log("tick: %+v", p)
	}
}

// take takes one assignment from the queue that is due.
func (w *world) take() rollout.Assignment {
	d := pick(w, "assignment", w.due())
	w.queue = slices.DeleteFunc(w.queue, func(x sent) bool { return x == d })
	w.past = append(w.past, d.assignment)
	return d.assignment
}

// due lists what is to be delivered now.
func (w *world) due() []sent {
	now := w.now()
	return slices.DeleteFunc(slices.Clone(w.queue), func(d sent) bool { return d.at.After(now) })
}

// Deliver lets a worker have an assignment, and leaves it at its first step.
func (w *world) Deliver(*rapid.T) {
	p := w.spawn(w.take())
	w.log("%s begins", p.name)
}

// Assignment lets a worker have an assignment and run it to its end.
func (w *world) Assignment(*rapid.T) {
	p := w.spawn(w.take())
	w.run(p)
}

// Round gives assignments and runs them all.
func (w *world) Round(t *rapid.T) {
	w.Tick(t)
	n := len(w.queue)
	for range n {
		if due := w.due(); len(due) > 0 {
			w.run(w.spawn(w.take()))
		}
	}
	if n == 0 {
		t.Skip("no assignment")
	}
}

// Redeliver lets a worker have an assignment that was delivered before.
func (w *world) Redeliver(*rapid.T) {
	p := w.spawn(pick(w, "assignment of before", w.past))
	w.log("%s begins, delivered once more", p.name)
}

// Proceed lets a process go on for some steps.
func (w *world) Proceed(t *rapid.T) {
	p := pick(w, "process", w.live)
	for range rapid.IntRange(1, 6).Draw(t, "steps") {
		if p.over {
			break
		}
		p.proceed(w.fate(p))
	}
	w.reported(p)
}

// Finish lets a process run to its end.
func (w *world) Finish(*rapid.T) { w.run(pick(w, "process", w.live)) }

func (w *world) run(p *process) {
	for !p.over {
		p.proceed(w.fate(p))
	}
	w.reported(p)
}

// reported logs how far a process has come.
func (w *world) reported(p *process) {
	if !p.over {
		w.log("%s stands at %s (%d)", p.name, p.at.name, p.at.kind)
		return
	}
	end := "rollout forgotten"
	if slices.Contains(w.ids, p.assignment.Rollout) {
		end = place(w.target(p.assignment.Rollout, p.assignment.AppID))
	}
	if p.err != nil {
		end += ": " + p.err.Error()
	}
	w.log("%s ends: %s", p.name, end)
}

// Kill ends a worker as kill -9 does.
func (w *world) Kill(*rapid.T) {
	p := pick(w, "process", w.live)
	w.log("%s is killed at %s (%d)", p.name, p.at.name, p.at.kind)
	p.proceed(order{kill: true})
}

// Stop stops a worker.
func (w *world) Stop(*rapid.T) {
	p := pick(w, "process", w.live)
	w.log("%s is reported to stop at %s", p.name, p.at.name)
	p.cancel()
}

// Hold pauses the rollout of a process on its way to a call.
func (w *world) Hold(t *rapid.T) {
	p := pick(w, "process", w.live)
	for range rapid.IntRange(1, 8).Draw(t, "steps") {
		if !p.over {
			p.proceed(w.fate(p))
		}
	}
	w.outside()
	if p.over || !w.may(w.ledger.PauseBy(w.ctx, p.assignment.Rollout, "op", "x")) {
		w.reported(p)
		return
	}
	w.log("operator: pause %s, where %s stands at %s (%d)", p.assignment.Rollout, p.name, p.at.name, p.at.kind)
	w.run(p)
	if rapid.Bool().Draw(t, "resume") {
		w.may(w.ledger.Resume(w.ctx, p.assignment.Rollout, "op", "x"))
	}
}

// Forget lets Redis lose its newest writes.
func (w *world) Forget(t *rapid.T) {
	if len(w.live) == 0 {
		t.Skip("no process would notice")
	}
	w.forget()
	w.log("Redis restarts without its newest writes")
	w.Tick(t) // the controller goes on at once
	for len(w.due()) > 0 {
		p := w.spawn(w.take())
		for range 4 {
			if !p.over {
				p.proceed(w.fate(p))
			}
		}
		w.reported(p)
	}
}

// Time passes.
func (w *world) Time(t *rapid.T) {
	d := time.Duration(rapid.SampledFrom([]int{1, 5, 20, 41, 61, 70}).Draw(t, "seconds")) * time.Second
	w.log("%s pass", d)
	w.move(d)
}

// Hours pass.
func (w *world) Hours(t *rapid.T) {
	d := time.Duration(rapid.IntRange(1, 13).Draw(t, "hours")) * time.Hour
	w.log("%s pass", d)
	w.move(d)
}

// Check holds between any two actions.
func (w *world) Check(t *rapid.T) {
	if len(w.faults) > 0 {
		t.Fatalf("%s", w.faults[0])
	}
	if !w.dirty {
		return
	}
	w.dirty = false
	for _, id := range w.ids {
		var found []fsck.Finding
		in, err := fsck.Check(w.ctx, w.rdb, fsck.Options{Rollouts: []string{id}, See: func(f fsck.Finding) { found = append(found, f) }})
		w.must(err)
		if len(found) > 0 || in.Targets != len(worldApps()) {
			t.Fatalf("inspection of %s, %d targets: %v", id, in.Targets, found)
		}
	}
}

// settle lets faults stop and time pass until every target has ended.
func (w *world) settle() {
	w.log("faults stop")
	for _, p := range slices.Clone(w.live) {
		for !p.over {
			p.proceed(order{})
		}
	}
	for round := 0; !w.ended(); round++ {
		if round == 100 {
			w.stuck()
		}
		w.cloud.rest = 100
		for _, app := range worldApps() {
			w.cloud.decide(app, wxclient.AuditPassed)
		}
		for _, id := range w.ids {
			w.may(w.ledger.Resume(w.ctx, id, "op", "x"))
		}
		w.pass(2 * time.Hour)
		for w.round() {
		}
	}
	w.dirty = true
	w.Check(w.t)
}

// round gives assignments and runs them well; false if there were none.
func (w *world) round() bool {
	for range 2 { // the first may offer a pool's only probe to a target that waits for its app's owner
		if _, err := w.cond.Reconcile(w.ctx); len(w.queue) > 0 || err != nil {
			w.must(err)
			break
		}
	}
	queued := w.queue
	w.queue = nil
	for _, d := range queued {
		p := w.spawn(d.assignment)
		for !p.over {
			p.proceed(order{})
		}
	}
	w.pass(2 * time.Second)
	return len(queued) > 0
}

func (w *world) ended() bool {
	return !slices.ContainsFunc(w.ids, func(id string) bool {
		return slices.ContainsFunc(worldApps(), func(app string) bool { return !w.target(id, app).State.Ended() })
	})
}

func (w *world) stuck() {
	for _, id := range w.ids {
		for _, app := range worldApps() {
			x := w.target(id, app)
			w.log("%s %s: %s %+v %+v", id, app, place(x), x.LastError, x.Intent)
		}
	}
	w.t.Fatal("targets are left that don't end")
}

// TestHandlersProperty drives handlers, controller and operators through random
// moves: answers of every kind, crashes at every step, deliveries twice, other
// tools, a Redis that forgets. rapid prints the seed and the shortest trace that
// fails. It holds that
//   - no attempt gets two submissions accepted,
//   - what is released is the target's own version, and what is taken back the
//     rollout's own,
//   - an app has one call in flight at most,
//   - the app configuration of a plan is written before its code is committed,
//   - a call with effect has its intent stored and its assignment running, and is not
//     made while an earlier one may still take effect,
//   - a call is begun only while the rollout lets it,
//   - a verdict counts once: no later attempt goes by it,
//   - nothing is lost: the ledger's audit is clean after each move,
//   - every target ends, when faults stop and time passes.
//
// It finds, within a hundred checks or two, each of these left out: the look for an
// earlier submission (foundAudit), the wait before a read-back is believed
// (unresolved), the intent itself, the acting mark, an app's one owner, the pin of
// a release, the quarantine after a restart, the look at the rollout's status before a
// call, PastAuditID.
func TestHandlersProperty(t *testing.T) {
	t.Parallel()
	rdb, advance := redistest.Start(t).Virtual(t)
	advance(10_000 * time.Hour) // deadlines of the world's clock must not end on the real one
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(r, t.Context(), rdb, advance)
		defer w.end()
		actions := map[string]func(*rapid.T){
			"": w.Check, "tick": w.Tick, "assignment": w.Assignment, "wake": w.Wake, "deliver": w.Deliver, "redeliver": w.Redeliver, "proceed": w.Proceed,
			"finish": w.Finish, "kill": w.Kill, "stop": w.Stop, "hold": w.Hold, "reject": w.Reject, "forget": w.Forget, "time": w.Time, "hours": w.Hours,
			"verdict": w.Verdict, "foreign": w.Foreign, "operate": w.Operate, "apply": w.Apply, "quota": w.Quota,
		}
		for i := range 5 { // what brings targets on is likelier
			actions[fmt.Sprint("round", i)], actions[fmt.Sprint("proceed", i)] = w.Round, w.Proceed
		}
		actions["hold1"], actions["reject1"] = w.Hold, w.Reject
		actions["wake1"], actions["wake2"], actions["deliver1"], actions["deliver2"] = w.Wake, w.Wake, w.Deliver, w.Deliver
		for range rapid.IntRange(0, 6).Draw(r, "rounds before") {
			w.round()
			w.cloud.decide("wx2", wxclient.AuditPassed)
		}
		w.remember()
		w.log("begin")
		r.Repeat(actions)
		w.settle()
	})
}

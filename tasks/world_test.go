package tasks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/dispatch"
	"github.com/wxrollout/wxrollout/tasks/pool"
	"github.com/wxrollout/wxrollout/tasks/queue"
	"github.com/wxrollout/wxrollout/wxclient"
)

// world is a platform with two apps, its ledger, a controller, workers and a
// WeChat, in virtual time and in one thread: only one process moves at a time.
type world struct {
	t       *rapid.T
	ctx     context.Context
	rdb     redis.UniversalClient
	advance func(time.Duration)
	ledger  *ledger.Ledger
	pools   *pool.Pools
	cond    *dispatch.Controller
	cloud   *cloud

	ids      []string
	queue    []sent
	past     []rollout.Assignment // delivered before
	dirty    bool                 // something happened since the last audit
	dropping bool                 // the queue forgets what it is given
	live     []*process
	born     int
	flying   map[string]*process // by app
	units    map[string]bool     // submissions by attempt
	faults   []string            // what processes did that they never may
	shot     snapshot            // of the ledger and the queue, right after time moved
	zombies  map[*process]bool   // that live since before the ledger lost its newest writes
	judged   map[string]bool     // audits, by target, whose verdict the ledger has
}

// sent is an assignment in the queue, to be delivered at a time.
type sent struct {
	assignment rollout.Assignment
	at         time.Time
}

// snapshot is what a Redis that lost its newest writes comes back with.
type snapshot struct {
	keys  []any
	queue []sent
}

func worldApps() []string { return []string{"wx1", "wx2"} }

// newWorld applies rollout r1 to two apps: one that never was live, and one
// that another tool has in audit.
func newWorld(t *rapid.T, ctx context.Context, rdb redis.UniversalClient, advance func(time.Duration)) *world {
	w := &world{
		t: t, ctx: ctx, rdb: rdb, advance: advance,
		ledger: ledger.New(rdb, ledger.Options{OwnerRetry: 10 * time.Second}),
		cloud: &cloud{apps: map[string]*cloudApp{
			"wx1": {},
			"wx2": {
				live:   wxclient.VersionEntry{Version: "1.0.0", Desc: "by hand"},
				trial:  wxclient.VersionEntry{Version: "1.1.0", Desc: "by hand"},
				audits: []wxclient.Audit{{ID: 1, Status: wxclient.AuditPending, Version: "1.1.0", Desc: "by hand"}},
			},
		}, audit: 1, rest: 5},
		flying: make(map[string]*process), units: make(map[string]bool), zombies: make(map[*process]bool), judged: make(map[string]bool),
	}
	w.must(rdb.FlushAll(ctx).Err())
	w.pools = pool.New(func(name string) *ratelimit.Quota {
		return ratelimit.NewQuota(rdb, name, ratelimit.QuotaOptions{Metered: name == string(rollout.StageSubmit)})
	}, pool.Options{LookEvery: 1, Now: w.skewed})
	w.cond = dispatch.New(w.ledger, w, w.pools, w, dispatch.Options{})
	w.must(w.ledger.Heartbeat(ctx, "w1", map[rollout.QueueName]int{
		rollout.QueueCommit: 2, rollout.QueueAudit: 2, rollout.QueueRelease: 2,
	}, 1e5*time.Hour))
	w.apply("r1", "3.9.0")
	w.remember()
	return w
}

// apply brings a rollout of both apps in.
func (w *world) apply(id, version string) {
	plan := testPlan()
	plan.Name, plan.Template.Version, plan.Waves[0].Size = id, version, len(worldApps())
	plan.Audit.InAudit = rapid.SampledFrom([]rollout.InAudit{rollout.InAuditWait, rollout.InAuditWithdraw}).Draw(w.t, "in_audit")
	if rapid.Bool().Draw(w.t, "gray") {
		plan.Release.Gray, plan.Release.Every = []int{5, 50}, time.Minute
	}
	if rapid.Bool().Draw(w.t, "app configuration") {
		plan.Configure = fmt.Sprintf(`{"base_library": {"set": %q}}`, version)
	}
	_, err := w.ledger.Create(w.ctx, ledger.NewRollout{ID: id, Plan: plan, Digest: id})
	w.must(err)
	var targets []rollout.Target
	for i, app := range worldApps() {
		targets = append(targets, rollout.Target{AppID: app, Rank: rollout.Rank(0, i), Attempt: 1})
	}
	_, err = w.ledger.Add(w.ctx, id, targets)
	w.must(err)
	w.must(w.ledger.Seal(w.ctx, id, len(targets), false, "test", ""))
	w.ids = append(w.ids, id)
	w.log("apply %s: version %s, %s, gray %v", id, version, plan.Audit.InAudit, plan.Release.Gray)
}

func (w *world) must(err error) {
	if err != nil {
		w.t.Helper()
		w.t.Fatal(err)
	}
}

func (w *world) log(format string, args ...any) {
	w.dirty = true
	w.t.Logf("%s  %s", w.now().Format("15:04:05"), fmt.Sprintf(format, args...))
}

// now is the servers' time; skewed is the workers', whose clocks are wrong.
func (w *world) now() time.Time    { return w.rdb.Time(w.ctx).Val() }
func (w *world) skewed() time.Time { return w.now().Add(7 * time.Minute) }

// Now implements dispatch.Clock.
func (w *world) Now() time.Time { return w.skewed() }

// Enqueue implements dispatch.Queue.
func (w *world) Enqueue(_ context.Context, assignments []rollout.Assignment) error {
	if w.dropping {
		w.log("the queue loses %d assignments", len(assignments))
		return errNoRedis
	}
	for _, t := range assignments {
		w.queue = append(w.queue, sent{assignment: t, at: w.now()})
	}
	return nil
}

func (w *world) target(id, app string) rollout.Target {
	t, err := w.ledger.Target(w.ctx, id, app)
	w.must(err)
	return t
}

// The rules. They are looked at by processes, so that a breach is noted for the
// world to report.

func (w *world) breach(p *process, format string, args ...any) {
	w.faults = append(w.faults, p.name+" "+fmt.Sprintf(format, args...))
}

// allowed: a call with effect has its intent in the ledger, and its assignment lasts.
func (w *world) allowed(p *process, op rollout.Op) {
	t, err := w.ledger.Target(w.ctx, p.assignment.Rollout, p.assignment.AppID)
	switch {
	case err != nil:
		w.breach(p, "%s: %v", op, err)
	case w.cloud.pending(t.AppID, op):
		w.breach(p, "calls %s while an earlier one may still take effect", op)
	case w.zombies[p]: // the ledger forgot its intent, or its assignment
	case t.Intent == nil || t.Intent.Op != op:
		w.breach(p, "calls %s, and the ledger's intent is %+v", op, t.Intent)
	case t.Fence != p.assignment.Fence || t.State != rollout.StateRunning || !t.Due.After(w.now()):
		w.breach(p, "calls %s without the assignment, which is %s until %s", op, place(t), t.Due)
	}
}

// begun: no call's intent is stored while the rollout is held. (A pause after that
// comes too late for that call.)
func (w *world) begun(p *process, stage rollout.Stage) {
	r, err := w.ledger.Rollout(w.ctx, p.assignment.Rollout)
	if err != nil || !r.Status.Moves(stage) {
		w.breach(p, "begins a call at %s while the rollout is %s, %v", stage, r.Status, err)
	}
}

// believed: an audit that ended without a release is not followed again, by any attempt.
func (w *world) believed(p *process, t rollout.Target) {
	name := func(audit int64) string { return fmt.Sprint(t.Rollout, " ", t.AppID, " ", audit) }
	if t.AuditID != 0 && w.judged[name(t.AuditID)] {
		w.breach(p, "follows audit %d in attempt %d, whose verdict it has had", t.AuditID, t.Attempt)
	}
	w.judged[name(t.PastAuditID)] = true
}

// spent: no attempt gets two submissions accepted.
func (w *world) spent(p *process, attempt string) {
	if w.units[attempt] {
		w.breach(p, "spends a second submission on %s", attempt)
	}
	w.units[attempt] = true
}

// pinned: what is released is the target's own version.
func (w *world) pinned(p *process) {
	t, err := w.ledger.Target(w.ctx, p.assignment.Rollout, p.assignment.AppID)
	if err == nil {
		var plan rollout.Plan
		if plan, err = w.ledger.Plan(w.ctx, t.Rollout, t.Revision); err == nil {
			ok := w.cloud.apps[t.AppID].approved()
			if ok != nil && (ok.Version != plan.Template.Version || ok.Desc != plan.Desc(t.Rollout, t.Revision)) {
				w.breach(p, "releases %s %q, which is not its own", ok.Version, ok.Desc)
			}
		}
	}
	if err != nil {
		w.breach(p, "%v", err)
	}
}

// settled: the app configuration of the plan is written before its code is committed. A lost
// write of another rollout may still come.
func (w *world) settled(p *process, app string) {
	plan, err := w.ledger.Plan(w.ctx, p.assignment.Rollout, 0)
	if err != nil || plan.Configure == "" || len(w.ids) != 1 || w.zombies[p] {
		return
	}
	if got := w.cloud.apps[app].library; got != plan.Template.Version {
		w.breach(p, "commits with the base library %q", got)
	}
}

// own: what is taken back is the rollout's own; what it withdraws before it
// submits is another's.
func (w *world) own(p *process, does, desc string, want bool) {
	if got := strings.Contains(desc, "["+p.assignment.Rollout+"/"); got != want && !w.zombies[p] {
		w.breach(p, "%s %q", does, desc)
	}
}

// fly: one call at a time on an app, over all workers and rollouts.
func (w *world) fly(p *process, app string) {
	if other := w.flying[app]; other != nil {
		w.breach(p, "calls while %s does", other.name)
	}
	w.flying[app] = p
}

func (w *world) land(p *process, app string) {
	if w.flying[app] == p {
		delete(w.flying, app)
	}
}

// died records the end of a process, of any cause.
func (w *world) died(p *process) {
	w.live = slices.DeleteFunc(w.live, func(x *process) bool { return x == p })
	delete(w.zombies, p)
	if ask := (*queue.Again)(nil); errors.As(p.err, &ask) {
		w.queue = append(w.queue, sent{assignment: p.assignment, at: w.now().Add(ask.Delay)})
	}
}

// end kills what still lives, so that no goroutine is left.
func (w *world) end() {
	for _, p := range slices.Clone(w.live) {
		p.proceed(order{kill: true})
	}
}

// move lets time pass, after which Redis has stored what it was reported.
func (w *world) move(d time.Duration) {
	w.pass(d)
	w.remember()
}

// outside lets time pass for what people and WeChat do: longer than the second
// that Redis may forget.
func (w *world) outside() { w.move(2 * time.Second) }

// pass lets time pass. A call whose answer is awaited longer than its process
// has time ends then; a process that stands anywhere else may be a stopped one.
func (w *world) pass(d time.Duration) {
	to := w.now().Add(d)
	for {
		next := to
		var waits *process
		for _, p := range w.live {
			if skew := w.skewed().Sub(w.now()); p.at.kind == replying && !p.deadline.Add(-skew).After(next) {
				waits, next = p, p.deadline.Add(-skew)
			}
		}
		w.advance(max(0, next.Sub(w.now())))
		w.cloud.happen(w.now())
		if waits == nil {
			break
		}
		w.log("%s waited too long for %s", waits.name, waits.at.name)
		waits.proceed(order{})
	}
}

// remember takes the snapshot.
func (w *world) remember() {
	keys, err := dump.Run(w.ctx, w.rdb, nil).Slice()
	w.must(err)
	w.shot = snapshot{keys: keys, queue: slices.Clone(w.queue)}
}

var dump = redis.NewScript(`
local out = {}
for _, k in ipairs(redis.call('KEYS', '*')) do
  out[#out + 1], out[#out + 2], out[#out + 3] = k, redis.call('PTTL', k), redis.call('DUMP', k)
end
return out`)

// A restarted server has another run_id: the ledger is reported so in place of it.
var restore = redis.NewScript(`
for _, k in ipairs(redis.call('KEYS', '*')) do redis.call('DEL', k) end
for i = 1, #ARGV, 3 do redis.call('RESTORE', ARGV[i], math.max(0, tonumber(ARGV[i + 1])), ARGV[i + 2]) end
if redis.call('EXISTS', 'wxr:{ledger}:server') == 1 then
  redis.call('HSET', 'wxr:{ledger}:server', 'run_id', 'another')
end
return 1`)

// forget brings back the ledger and the queue of the last snapshot.
func (w *world) forget() {
	w.must(restore.Run(w.ctx, w.rdb, nil, w.shot.keys...).Err())
	w.queue = slices.Clone(w.shot.queue)
	for _, p := range w.live {
		w.zombies[p] = true
	}
	clear(w.judged)
	var known []string
	for _, id := range w.ids {
		if w.rdb.Exists(w.ctx, "wxr:{ledger}:r:"+id).Val() == 1 {
			known = append(known, id)
		}
	}
	w.ids = known
}

package judgement

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/internal/controller"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/dispatch"
	"github.com/wxrollout/wxrollout/tasks"
	"github.com/wxrollout/wxrollout/tasks/classify"
	"github.com/wxrollout/wxrollout/tasks/pool"
)

// world is a platform with its apps, rollouts, leaders and workers in virtual time and in one
// thread. now is the true time, WeChat's; Redis's clock may be ahead of it, and the processes'
// clocks are wrong by minutes.
type world struct {
	draw    draw
	ctx     context.Context
	rdb     redis.UniversalClient
	advance func(time.Duration)
	now     time.Time
	mutant  mutant

	apps    []string
	cloud   *cloud
	books   *books
	ledger  *ledger.Ledger
	leaders []*leader
	workers []*worker
	queue   []delivery
	applied []*applied
	byID    map[string]*applied
	bounds  map[string]rollout.QuotaPolicy // a pool's cap and per-day bound in all plans

	broken string // the first rule that was broken: a handler recovers from panics
	calm   bool   // no faults are drawn
	depth  int    // of interludes
	passes int    // since faults stopped
}

// applied is a rollout as it was meant.
type applied struct {
	id       string
	nth      int // in order of creation
	plan     rollout.Plan
	priority int
	apps     []string
}

// leader is a controller with its quota loop. Two of them lead at once.
type leader struct {
	*caller
	cond   *dispatch.Controller
	reader *controller.Quota
	readAt time.Time // not before: the last reading failed
	pools  *pool.Pools
}

// worker runs assignments.
type worker struct {
	*caller
	h *tasks.Handler
}

// delivery is an assignment in the queue, to be delivered at a time.
type delivery struct {
	assignment rollout.Assignment
	at         time.Time
}

// breach is a rule that was broken.
type breach struct{ text string }

func (w *world) breach(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.log("BREACH: %s", text)
	if w.broken == "" {
		w.broken = text
	}
	panic(breach{w.broken})
}

func (w *world) must(err error) {
	if err != nil {
		w.breach("unexpected error: %v", err)
	}
}

func (w *world) log(format string, args ...any) {
	w.draw.Logf("%s  %s", w.now.Format("01-02 15:04:05"), fmt.Sprintf(format, args...))
}

// ownerRetry is how long a target waits for its app at most before it looks again.
const ownerRetry = 10 * time.Minute

// permitTTL is when an unsettled permit comes back.
const permitTTL = 2 * time.Minute

const (
	poolBulk   = "bulk"
	poolHotfix = "hotfix"
	poolWeekly = "weekly"
)

// begin is when each world begins: years ahead, so that no deadline of its clock ends on the real
// one.
var begin = time.Date(2060, 1, 10, 3, 0, 0, 0, time.UTC)

// newWorld makes a world in an empty Redis.
func newWorld(ctx context.Context, d draw, rdb redis.UniversalClient, advance func(time.Duration), m mutant) *world {
	w := &world{draw: d, ctx: ctx, rdb: rdb, advance: advance, mutant: m, byID: make(map[string]*applied)}
	w.must(rdb.FlushAll(ctx).Err())
	advance(begin.Sub(rdb.Time(ctx).Val()))
	w.now = begin
	for i := range 12 {
		w.apps = append(w.apps, fmt.Sprintf("wx%02d", i))
	}
	w.cloud, w.books = newCloud(w.apps, int64(w.between(2, 16)), w.now), newBooks()
	w.ledger = ledger.New(rdb, ledger.Options{OwnerRetry: ownerRetry, Lease: time.Minute})
	w.must(w.heartbeat())
	for _, name := range []string{"leader A", "leader B"} {
		w.leaders = append(w.leaders, w.newLeader(name))
	}
	for i := range 3 {
		w.workers = append(w.workers, w.newWorker(fmt.Sprint("worker ", i+1)))
	}
	w.bounds = map[string]rollout.QuotaPolicy{}
	for _, pool := range []string{poolBulk, poolWeekly} {
		switch w.draw.Below(6) {
		case 0:
			w.bounds[pool] = rollout.QuotaPolicy{Cap: int64(w.between(1, 8))}
		case 1:
			w.bounds[pool] = rollout.QuotaPolicy{CapPercent: int64(w.between(10, 90))}
		case 2:
			w.bounds[pool] = rollout.QuotaPolicy{PerDay: int64(w.between(1, 4))}
		}
	}
	w.move(0)
	w.log("WeChat: %d submissions a month; bounds %+v", w.cloud.limit, w.bounds)
	return w
}

// heartbeat is that of the workers, who never stop for long.
func (w *world) heartbeat() error {
	if w.mutant.noHeartbeat && len(w.workers) > 0 {
		return nil
	}
	return w.ledger.Heartbeat(w.ctx, "w", map[rollout.QueueName]int{rollout.QueueCommit: 2, rollout.QueueAudit: 2, rollout.QueueRelease: 2}, 1e6*time.Hour)
}

// clock is a process's clock, wrong by skew.
type clock struct {
	w    *world
	skew time.Duration
}

func (c clock) Now() time.Time { return c.w.now.Add(c.skew) }

func (w *world) newPools(c clock) *pool.Pools {
	return pool.New(func(name string) *ratelimit.Quota {
		return ratelimit.NewQuota(w.rdb, name, ratelimit.QuotaOptions{
			ProbeAfter: time.Minute, PermitTTL: permitTTL, Metered: name == string(rollout.StageSubmit),
		})
	}, pool.Options{Now: c.Now})
}

func (w *world) newLeader(name string) *leader {
	c := clock{w, time.Duration(len(w.leaders)+1) * 7 * time.Minute}
	l := &leader{caller: &caller{w: w, name: name, calls: -1}, pools: w.newPools(c)}
	pools := dispatch.Pools(l.pools)
	if w.mutant.pools != nil {
		pools = w.mutant.pools(l.pools)
	}
	store := dispatch.Store(w.ledger)
	if w.mutant.store != nil {
		store = w.mutant.store(w.ledger, w)
	}
	l.cond = dispatch.New(store, w, till{pools, w}, c, dispatch.Options{})
	l.reader = controller.NewQuota(controller.QuotaOptions{
		Apps: w, Loans: lender{w.ledger}, WeChat: wire{l.caller}, Readings: readings{l.pools, l.caller}, Clock: c, Every: time.Minute,
		Platform: func(error) bool { return w.cloud.out.platform() }, Log: zerolog.Nop(),
	})
	return l
}

func (w *world) newWorker(name string) *worker {
	c := clock{w, -time.Duration(len(w.workers)+1) * 3 * time.Minute}
	k := &worker{caller: &caller{w: w, name: name, calls: -1}}
	store := tasks.Ledger(disk{w.ledger, k.caller})
	if w.mutant.ledger != nil {
		store = w.mutant.ledger(store)
	}
	calls := tasks.WeChat(wire{k.caller})
	if w.mutant.wechat != nil {
		calls = w.mutant.wechat(calls)
	}
	permits := tasks.Permits(counter{w.newPools(c), k.caller})
	if w.mutant.permits != nil {
		permits = w.mutant.permits(permits)
	}
	k.h = tasks.NewHandler(tasks.HandlerOptions{
		WeChat: calls, Ledger: store, Permits: permits,
		Log: zerolog.Nop(), Seed: 1, Now: c.Now, Timing: tasks.Timing{Waits: classify.Waits{Verdict: 20 * time.Minute, VerdictMax: 2 * time.Hour}},
	})
	return k
}

// ReadingApps implements controller.ReadingApps.
func (w *world) ReadingApps(_ context.Context, n int) ([]string, error) {
	return w.apps[:min(n, len(w.apps))], nil
}

// Enqueue implements dispatch.Queue.
func (w *world) Enqueue(_ context.Context, assignments []rollout.Assignment) error {
	for _, t := range assignments {
		w.queue = append(w.queue, delivery{assignment: t, at: w.now})
	}
	return nil
}

// move lets time pass for everybody.
func (w *world) move(d time.Duration) {
	w.advance(d)
	w.now = w.now.Add(d)
	w.cloud.happen(w.now)
	w.assignment()
}

// assignment lets both books turn, at the same time of Redis's clock.
func (w *world) assignment() {
	_, err := w.leaders[0].pools.Quota(rollout.StageSubmit).State(w.ctx)
	w.must(err)
	w.books.assignment(w.redisNow())
}

func (w *world) redisNow() time.Time { return w.rdb.Time(w.ctx).Val() }

// shares are what unfinished rollouts reserve, by the plans as they were meant.
func (w *world) shares() map[string]int64 {
	active, err := w.ledger.Active(w.ctx)
	w.must(err)
	shares := make(map[string]int64)
	for _, r := range active {
		if r.Status.Ended() {
			continue
		}
		for pool, n := range w.byID[r.ID].plan.Quota.Reserve {
			shares[pool] = max(shares[pool], n)
		}
	}
	return shares
}

// submitted receives each submission that WeChat accepted.
func (w *world) submitted(assignment rollout.Assignment, attempt int, reported bool) {
	key := fmt.Sprintf("%s %s attempt %d", assignment.Rollout, assignment.AppID, attempt)
	w.log("WeChat accepts %s; %d are left", key, w.cloud.rest())
	if w.books.attempts[key] {
		w.breach("a second submission of %s", key)
	}
	w.books.attempts[key] = true
	id := rollout.PermitID(assignment.Rollout, assignment.AppID)
	if fault := w.books.spent(id, w.byID[assignment.Rollout], w.cloud.limit, reported); fault != "" {
		w.breach("%s", fault)
	}
}

// released receives each version that goes live.
func (w *world) released(id, app string) {
	a, at := w.byID[id], w.cloud.apps[app]
	w.log("%s releases %s to %s", id, at.live.Version, app)
	if at.live.Version != a.plan.Template.Version {
		w.breach("%s releases %s to %s, which is not its version", id, at.live.Version, app)
	}
	for _, r := range at.releases {
		if r.by.nth > a.nth && older(at.live.Version, r.version) && !a.plan.AllowDowngrade {
			w.breach("downgrade: %s moves %s to %s, and %s, which was created later, has released %s", id, app, at.live.Version, r.by.id, r.version)
		}
	}
	at.releases = append(at.releases, cloudRelease{by: a, version: at.live.Version})
}

// older compares versions of three numbers of one digit.
func older(a, b string) bool { return a < b }

// tick runs a pass of a leader's controller.
func (w *world) tick(l *leader) bool {
	w.probe()
	p, err := l.cond.Reconcile(w.ctx)
	if w.broken != "" {
		panic(breach{w.broken})
	}
	w.must(err)
	if p.Moved() {
		w.log("%s: woken %d, expired %d, claimed %d, changed %d", l.name, p.Woken, p.Expired, p.Claimed, p.Changed)
	}
	return p.Moved()
}

// probe is a leader's probe of a fault of the platform.
func (w *world) probe() {
	f, err := w.ledger.PlatformFault(w.ctx)
	w.must(err)
	if f == nil {
		return
	}
	due, err := w.ledger.BeginProbe(w.ctx, *f)
	w.must(err)
	if due && w.cloud.out == works && !w.mutant.noProbe {
		_, err = w.ledger.ClearPlatformFault(w.ctx, *f)
		w.must(err)
		w.log("the platform works again")
	}
}

// read runs a pass of a leader's quota loop. After a failure it waits as long as the backoff may
// grow.
func (w *world) read(l *leader) {
	if l.busy || w.now.Before(l.readAt) {
		return
	}
	l.busy = true
	if next, err := l.reader.Reconcile(w.ctx); err != nil {
		l.readAt = w.now.Add(next)
	}
	l.busy = false
}

// due are the assignments to be delivered now.
func (w *world) due() []delivery {
	return slices.DeleteFunc(slices.Clone(w.queue), func(d delivery) bool { return d.at.After(w.now) })
}

// work lets an idle worker run an assignment.
func (w *world) work(d delivery, calls int) {
	i := slices.IndexFunc(w.workers, func(k *worker) bool { return !k.busy })
	if i < 0 {
		return
	}
	w.queue = slices.DeleteFunc(w.queue, func(x delivery) bool { return x == d })
	k := w.workers[i]
	out := w.cloud.out
	k.assignment, k.busy, k.calls = d.assignment, true, calls
	err := k.h.Run(w.ctx, d.assignment)
	k.busy = false
	if w.broken != "" {
		panic(breach{w.broken})
	}
	switch wait, again := stalledFor(err); {
	case k.gone:
		w.workers[i] = w.newWorker(k.name)
	case again:
		w.queue = append(w.queue, delivery{assignment: d.assignment, at: w.now.Add(wait)})
	}
	t, found := w.target(d.assignment.Rollout, d.assignment.AppID)
	if found {
		if out != works && t.State == rollout.StateFailed {
			w.breach("%s %s fails in an outage (%s): %s", t.Rollout, t.AppID, out, lastNote(t))
		}
		w.log("%s ran %s %s %s: %s%s", k.name, d.assignment.Rollout, d.assignment.AppID, d.assignment.Stage, place(t), lastNote(t))
	}
}

func lastNote(t rollout.Target) string {
	if len(t.Timeline) == 0 {
		return ""
	}
	return ": " + t.Timeline[len(t.Timeline)-1].Note
}

func (w *world) target(id, app string) (rollout.Target, bool) {
	t, err := w.ledger.Target(w.ctx, id, app)
	return t, err == nil
}

// interlude lets others act while a call's reply is on its way.
func (w *world) interlude() {
	if w.calm || w.depth > 1 || !w.oneIn(12) {
		return
	}
	w.depth++
	defer func() { w.depth-- }()
	switch w.draw.Below(6) {
	case 0:
		w.tick(pick(w, w.leaders))
	case 1, 2:
		if due := w.due(); len(due) > 0 {
			w.work(pick(w, due), -1)
		}
	case 3:
		w.read(pick(w, w.leaders))
	case 4:
		w.external()
	case 5:
		d := time.Duration(w.between(1, 5)) * time.Second
		if dayOf(w.redisNow()) == dayOf(w.redisNow().Add(d)) { // a unit of before midnight counts after it
			w.move(d)
		}
	}
}

// external lets another tool on the platform spend.
func (w *world) external() {
	n := min(w.cloud.rest(), int64(w.between(1, 3)))
	w.cloud.used += n
	w.log("another system spends %d; %d are left", n, w.cloud.rest())
}

// may allows the refusals that an operator meets.
func (w *world) may(what, id string, err error) bool {
	if errors.As(err, new(*rollout.StaleError)) || errors.As(err, new(*rollout.HeldError)) || errors.As(err, new(*ledger.StatusError)) {
		return false
	}
	w.must(err)
	w.log("operator: %s %s", what, id)
	return true
}

package tasks

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/internal/goldentest"
	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/dispatch"
	"github.com/wxrollout/wxrollout/tasks/pool"
	"github.com/wxrollout/wxrollout/tasks/queue"
	"github.com/wxrollout/wxrollout/wxclient"
)

// tripCounter counts the round trips of a client and the commands in them.
type tripCounter struct{ trips, commands atomic.Int64 }

func (c *tripCounter) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (c *tripCounter) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		c.trips.Add(1)
		c.commands.Add(1)
		return next(ctx, cmd)
	}
}

func (c *tripCounter) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		c.trips.Add(1)
		c.commands.Add(int64(len(cmds)))
		return next(ctx, cmds)
	}
}

func (c *tripCounter) take() string {
	return fmt.Sprintf("%d round trips, %d commands", c.trips.Swap(0), c.commands.Swap(0))
}

// heldQueue keeps the assignments it is given, and passes them on to Asynq.
type heldQueue struct {
	*queue.Queue
	assignments []rollout.Assignment
}

func (q *heldQueue) Enqueue(ctx context.Context, assignments []rollout.Assignment) error {
	q.assignments = append(q.assignments, assignments...)
	return q.Queue.Enqueue(ctx, assignments)
}

// What the controller and the handlers cost Redis, counted: a number that grew
// was either meant, or a call slipped into a loop. A tick's round trips must not
// depend on how many targets there are.
func TestRoundTrips(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	out.WriteString("# Round trips to Redis. The first assignment reads the plan, once per process.\n")
	out.WriteString("# Asynq's own, for each assignment to take it and to acknowledge it, are not in.\n")
	line := newTripLine(t)
	// The first one loads the scripts.
	line.run("r0", 1, func(string, string) {})
	for _, n := range []int{1, 200} {
		fmt.Fprintf(&out, "%d target(s):\n", n)
		line.run(fmt.Sprintf("r%d", n), n, func(what, cost string) { fmt.Fprintf(&out, "\t%s: %s\n", what, cost) })
	}
	goldentest.Compare(t, "roundtrips.golden", out.String())
}

// tripLine is a controller and a handler on a Redis whose round trips are counted.
type tripLine struct {
	*testing.T
	count      *tripCounter
	ledger     *ledger.Ledger
	queue      *heldQueue
	controller *dispatch.Controller
	handler    *Handler
}

func newTripLine(t *testing.T) *tripLine {
	t.Helper()
	server, rdb := redistest.Mini(t)
	queueRedis := redis.NewClient(&redis.Options{Addr: server.Addr()})
	t.Cleanup(func() { _ = queueRedis.Close() })
	l := &tripLine{T: t, count: &tripCounter{}, ledger: ledger.New(rdb, ledger.Options{})}
	pools := pool.New(func(name string) *ratelimit.Quota {
		return ratelimit.NewQuota(rdb, name, ratelimit.QuotaOptions{Metered: name == string(rollout.StageSubmit)})
	}, pool.Options{LookEvery: time.Hour}) // five more a second, for the other stages' pools, are not counted
	l.queue = &heldQueue{Queue: queue.New(queueRedis, queue.Options{})}
	l.controller = dispatch.New(l.ledger, l.queue, pools, stillClock{}, dispatch.Options{})
	l.handler = NewHandler(HandlerOptions{
		WeChat: &easyWeChat{apps: make(map[string]*easyApp)}, Ledger: l.ledger, Permits: pools, Log: zerolog.Nop(), Seed: 1,
	})
	hands := map[rollout.QueueName]int{rollout.QueueCommit: 100, rollout.QueueAudit: 100, rollout.QueueRelease: 100}
	l.must(l.ledger.Heartbeat(t.Context(), "w", hands, 24*time.Hour))
	l.must(pools.Quota(rollout.StageSubmit).Refill(t.Context(), ratelimit.Reading{Rest: 1000, Limit: 1000, NextCheck: 24 * time.Hour}))
	rdb.AddHook(l.count)
	queueRedis.AddHook(l.count)
	return l
}

func (l *tripLine) must(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

// load brings a rollout of n targets in.
func (l *tripLine) load(id string, n int) {
	l.Helper()
	targets := make([]rollout.Target, n)
	for i := range targets {
		targets[i] = rollout.Target{AppID: fmt.Sprintf("wx%s%03d", id, i), Attempt: 1, Rank: rollout.Rank(0, i)}
	}
	p := testPlan()
	p.Name, p.Waves[0].Size = id, n
	l.must(second(l.ledger.Create(l.Context(), ledger.NewRollout{ID: id, Plan: p, Digest: "d"})))
	l.must(second(l.ledger.Add(l.Context(), id, targets)))
	l.must(l.ledger.Seal(l.Context(), id, n, false, "test", ""))
}

func (l *tripLine) tick() string {
	l.Helper()
	l.count.take()
	l.must(second(l.controller.Reconcile(l.Context())))
	return l.count.take()
}

// run takes n targets through all stages, a tick and its assignments at a time, and
// report says what each tick cost and what the assignment of a single target did.
func (l *tripLine) run(id string, n int, report func(what, cost string)) {
	l.Helper()
	l.load(id, n)
	for _, stage := range []string{"preflight, commit and check", "submit and verdict", "release"} {
		report("tick that gives out "+stage, l.tick())
		assignments := l.queue.assignments
		l.queue.assignments = nil
		if len(assignments) != n {
			l.Fatalf("%s: %d assignments, want %d", stage, len(assignments), n)
		}
		for _, assignment := range assignments {
			l.must(l.handler.Run(l.Context(), assignment))
			if cost := l.count.take(); n == 1 {
				report("assignment at "+stage, cost)
			}
		}
	}
	report("tick that finishes the rollout", l.tick())
	report("tick with nothing to do", l.tick())
	r, err := l.ledger.Rollout(l.Context(), id)
	l.must(err)
	if got := r.Counts.State(rollout.StateReleased); got != n {
		l.Fatalf("released %d of %d: %v", got, n, r.Counts)
	}
}

// stillClock is a controller's time that doesn't pass.
type stillClock struct{}

func (stillClock) Now() time.Time { return time.Unix(0, 0) }

func second[T any](_ T, err error) error { return err }

// easyWeChat never refuses anything; one goroutine at a time.
type easyWeChat struct {
	WeChat
	apps map[string]*easyApp
}

// easyApp is what it knows of an app.
type easyApp struct {
	versions wxclient.VersionInfo
	audit    wxclient.Audit
}

func (w *easyWeChat) app(appid string) *easyApp {
	if w.apps[appid] == nil {
		w.apps[appid] = &easyApp{}
	}
	return w.apps[appid]
}

func (w *easyWeChat) AuthorizerInfo(_ context.Context, appid string) (wxclient.AuthorizerInfo, error) {
	return wxclient.AuthorizerInfo{AppID: appid, MiniProgram: true, AccountStatus: 1, PermissionSets: []int64{18}}, nil
}

func (w *easyWeChat) VersionInfo(_ context.Context, appid string) (wxclient.VersionInfo, error) {
	return w.app(appid).versions, nil
}

func (w *easyWeChat) Categories(context.Context, string) ([]wxclient.Category, error) {
	return []wxclient.Category{{FirstClass: "tools", FirstID: 1}}, nil
}

func (w *easyWeChat) Pages(context.Context, string) ([]string, error) { return []string{"index"}, nil }

func (w *easyWeChat) Commit(_ context.Context, appid string, r wxclient.CommitRequest) error {
	w.app(appid).versions.Exp = &wxclient.VersionEntry{Version: r.Version, Desc: r.Desc}
	return nil
}

func (w *easyWeChat) CodePrivacyInfo(context.Context, string) (wxclient.PrivacyInfo, error) {
	return wxclient.PrivacyInfo{}, nil
}

func (w *easyWeChat) LatestAudit(_ context.Context, appid string) (wxclient.Audit, error) {
	if audit := w.app(appid).audit; audit.ID != 0 {
		return audit, nil
	}
	return wxclient.Audit{}, refusal(85058)
}

func (w *easyWeChat) SubmitAudit(_ context.Context, appid string, _ wxclient.SubmitRequest) (int64, error) {
	a := w.app(appid)
	a.audit = wxclient.Audit{ID: 7, Status: wxclient.AuditPassed, Version: a.versions.Exp.Version, Desc: a.versions.Exp.Desc}
	return a.audit.ID, nil
}

func (w *easyWeChat) Release(_ context.Context, appid string) error {
	a := w.app(appid)
	a.versions.Release = a.versions.Exp
	return nil
}

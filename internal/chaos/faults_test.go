package chaos

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// fault is a thing that goes wrong.
type fault struct {
	name  string
	about string
	// times is how often it is injected into a rollout; in the cut, once or twice.
	times int
	// setup changes the rollout that it is injected into; nil is fine.
	setup func(*testing.T, *options)
	// begin is called when the plan was applied; nil is fine. It returns how often
	// the fault was injected by that.
	begin func(context.Context, *rig, *rand.Rand) int
	// inject injects it once more and returns when it is over, with how often it
	// struck: 0 if the rollout ended first.
	inject func(context.Context, *rig, *rand.Rand) (int, error)
}

// faults are all there are. Their order is that of the table.
func faults() []fault {
	return []fault{
		{name: "kill-worker", about: "kill -9 of a worker at any moment", times: 12, inject: killWorker},
		{name: "kill-at-wechat", about: "kill -9 as WeChat is called: before the call arrives, or after it took effect", times: 18, inject: killAtWeChat},
		{name: "kill-at-redis", about: "kill -9 as Redis is written: before the write, or before its reply", times: 24, inject: killAtRedis},
		{name: "terminate", about: "SIGTERM and restart", times: 8, inject: terminate},
		{name: "freeze-worker", about: "SIGSTOP of a worker beyond its leases, then SIGCONT", times: 3, inject: freezeWorker},
		{name: "cut-off-worker", about: "a worker can't reach Redis beyond its leases", times: 3, inject: cutOffWorker},
		{name: "delete-queue", about: "every asynq:* key is deleted", times: 6, inject: deleteQueue},
		{name: "redis-crash", about: "kill -9 of Redis, restart from its AOF without the last second", times: 4, inject: redisCrash},
		{name: "failover", about: "a replica is promoted that lacks the last writes", times: 3, inject: failover},
		{name: "redis-pause", about: "CLIENT PAUSE beyond the leases", times: 2, inject: redisPause},
		{name: "redis-freeze", about: "SIGSTOP of Redis beyond the leases", times: 2, inject: redisFreeze},
		{name: "disk-full", about: "the AOF can't be written, Redis refuses writes", times: 3, inject: diskFull},
		{name: "wechat-away", about: "WeChat is unreachable for every worker", times: 5, inject: weChatAway},
		{name: "wechat-loris", about: "replies to calls that took effect trickle until the time limit", times: 40, inject: mishaps(loris)},
		{name: "reply-lost", about: "replies to calls that took effect are lost", times: 100, inject: mishaps(lose)},
		{name: "call-late", about: "calls take effect after they were given up", times: 40, inject: mishaps(late)},
		{name: "two-controllers", about: "the leader's lease is given to a second one", times: 10, inject: twoControllers},
		{name: "two-applies", about: "the same plan is applied by two, at once and again", times: 5, begin: twoApplies, inject: applyAgain},
		{name: "clocks-apart", about: "one worker's clock is 5 minutes ahead, another's 5 behind", times: 2, setup: clocksApart, begin: clocksStruck},
	}
}

// anyone is a worker that runs.
func anyone(ctx context.Context, r *rig, rnd *rand.Rand) *slot {
	s := r.fleet[rnd.IntN(len(r.fleet))]
	s.up(ctx)
	return s
}

// between is a duration from lo to hi.
func between(rnd *rand.Rand, lo, hi time.Duration) time.Duration {
	return lo + time.Duration(rnd.Int64N(int64(hi-lo)+1))
}

func killWorker(ctx context.Context, r *rig, rnd *rand.Rand) (int, error) {
	s := anyone(ctx, r, rnd)
	wait(ctx, between(rnd, 0, 300*time.Millisecond))
	s.kill()
	return 1, nil
}

// leverTimeout is how long a lever waits for what it is to spoil.
const leverTimeout = 10 * time.Second

// struck waits until a lever did its work; it gives up when the workers don't do
// what the lever waits for.
func struck(ctx context.Context, r *rig, fired chan struct{}) bool {
	select {
	case <-fired:
		return true
	case <-r.ended:
	case <-time.After(leverTimeout):
	case <-ctx.Done():
	}
	return false
}

// spoil puts a rule in force for every worker until it has struck.
func (r *rig) spoil(ctx context.Context, rule *rule) int {
	for _, s := range r.fleet {
		s.wechat.suffer(rule)
	}
	if struck(ctx, r, rule.fired) {
		wait(ctx, 100*time.Millisecond) // those that follow at once
	}
	for _, s := range r.fleet {
		s.wechat.lift(rule)
	}
	return rule.struck()
}

func killAtWeChat(ctx context.Context, r *rig, rnd *rand.Rand) (int, error) {
	do, at := killBefore, "before"
	if rnd.IntN(3) > 0 {
		do, at = killAfter, "after"
	}
	n := r.spoil(ctx, newRule([]string{pathCommit, pathSubmit, pathRelease}, rnd.IntN(8), 1, do))
	r.note("kill %s a call: %d", at, n)
	return n, nil
}

// moments are the writes of an assignment, and of the queue that carries it.
func moments() (names []string, match map[string]func(command) bool) {
	script := func(file string) func(command) bool {
		source := read("internal/db/prelude.lua") + read(file)
		sum := sha1.Sum([]byte(source))
		sha := hex.EncodeToString(sum[:])
		return func(c command) bool {
			name := strings.ToLower(c.arg(0))
			return name == "evalsha" && c.arg(1) == sha || name == "eval" && c.arg(1) == source
		}
	}
	save := script("save.lua")
	const mode = 3 + 10 // the script's tenth argument, after name, script, number of keys and key
	return []string{"claim", "enqueue", "dequeue", "start", "intent", "outcome", "permit", "ack"}, map[string]func(command) bool{
		"claim":   script("claim.lua"),
		"start":   script("start.lua"),
		"intent":  func(c command) bool { return save(c) && c.arg(mode) == "call" },
		"outcome": func(c command) bool { return save(c) && c.arg(mode) == "" },
		"enqueue": func(c command) bool {
			return strings.HasPrefix(c.arg(3), "asynq:{") && strings.Contains(c.arg(3), ":t:") && strings.HasSuffix(c.arg(4), ":pending")
		},
		"dequeue": func(c command) bool {
			return strings.HasSuffix(c.arg(3), ":pending") && strings.HasSuffix(c.arg(4), ":paused")
		},
		"permit": func(c command) bool { return strings.Contains(c.arg(3), "{quota:submit}") && c.arg(2) == "2" },
		"ack": func(c command) bool {
			return strings.HasSuffix(c.arg(3), ":active") && strings.HasSuffix(c.arg(4), ":lease")
		},
	}
}

// read is a script of the ledger.
func read(file string) string {
	b, err := os.ReadFile(filepath.Join("..", "..", "ledger", file))
	if err != nil {
		panic(err)
	}
	return string(b)
}

func killAtRedis(ctx context.Context, r *rig, rnd *rand.Rand) (int, error) {
	names, match := moments()
	at := names[rnd.IntN(len(names))]
	t := &trap{match: match[at], skip: rnd.IntN(8), after: rnd.IntN(2) == 0, fired: make(chan struct{})}
	for _, s := range r.fleet {
		s.wire.set(t)
	}
	n := 0
	if struck(ctx, r, t.fired) {
		n = 1
	}
	for _, s := range r.fleet {
		s.wire.unset(t)
	}
	r.note("kill at %s (after it: %v): %d", at, t.after, n)
	return n, nil
}

func terminate(ctx context.Context, r *rig, rnd *rand.Rand) (int, error) {
	s := anyone(ctx, r, rnd)
	s.term()
	wait(ctx, between(rnd, 0, time.Second))
	return 1, nil
}

// beyond is a while longer than a lease.
func (r *rig) beyond(rnd *rand.Rand) time.Duration {
	return between(rnd, r.lease()+500*time.Millisecond, r.lease()+2500*time.Millisecond)
}

func freezeWorker(ctx context.Context, r *rig, rnd *rand.Rand) (int, error) {
	s := anyone(ctx, r, rnd)
	s.signal(syscall.SIGSTOP)
	wait(ctx, r.beyond(rnd))
	s.signal(syscall.SIGCONT)
	return 1, nil
}

func cutOffWorker(ctx context.Context, r *rig, rnd *rand.Rand) (int, error) {
	s := anyone(ctx, r, rnd)
	r.note("%s can't reach Redis", s.name)
	s.wire.interrupt()
	wait(ctx, r.beyond(rnd))
	s.wire.goOn()
	r.note("%s reaches Redis again", s.name)
	return 1, nil
}

func deleteQueue(ctx context.Context, r *rig, _ *rand.Rand) (int, error) {
	n, err := r.store.deleteAsynq(ctx)
	r.note("%d keys of the queue deleted", n)
	return 1, err
}

func redisCrash(ctx context.Context, r *rig, rnd *rand.Rand) (int, error) {
	if err := r.slowCalls(ctx, 15); err != nil { // so that calls are under way
		return 0, err
	}
	wait(ctx, between(rnd, 300*time.Millisecond, 800*time.Millisecond))
	r.note("Redis is killed")
	err := r.store.crash()
	r.note("Redis is back without its last second")
	wait(ctx, between(rnd, r.lease(), r.lease()+2*time.Second)) // its quarantine
	return 1, err
}

func failover(ctx context.Context, r *rig, rnd *rand.Rand) (int, error) {
	if err := r.slowCalls(ctx, 15); err != nil {
		return 0, err
	}
	err := r.store.failover(ctx, between(rnd, 300*time.Millisecond, 1500*time.Millisecond))
	r.note("failover: the replica is %s", r.store.addr())
	for _, s := range r.fleet {
		s.wire.drop()
	}
	wait(ctx, between(rnd, r.lease(), r.lease()+2*time.Second))
	return 1, err
}

func redisPause(ctx context.Context, r *rig, rnd *rand.Rand) (int, error) {
	d := r.beyond(rnd)
	r.note("CLIENT PAUSE %s", d)
	err := r.store.rdb.Do(ctx, "CLIENT", "PAUSE", d.Milliseconds(), "ALL").Err()
	wait(ctx, d)
	return 1, err
}

func redisFreeze(ctx context.Context, r *rig, rnd *rand.Rand) (int, error) {
	if err := r.slowCalls(ctx, 15); err != nil {
		return 0, err
	}
	srv := r.store.server()
	r.note("Redis is frozen")
	srv.Stop()
	wait(ctx, r.beyond(rnd))
	srv.Cont()
	r.note("Redis goes on")
	return 1, nil
}

func diskFull(ctx context.Context, r *rig, rnd *rand.Rand) (int, error) {
	srv := r.store.server()
	_, n := newestAOF(srv)
	if err := fill(srv.PID(), n); err != nil {
		return 0, err
	}
	refused := false
	for until := time.Now().Add(10 * time.Second); !refused && time.Now().Before(until); {
		err := r.store.rdb.Set(ctx, "chaos:write", 1, 0).Err()
		refused = err != nil && strings.Contains(err.Error(), "MISCONF")
		wait(ctx, 50*time.Millisecond)
	}
	r.note("disk full at %d bytes, writes refused: %v", n, refused)
	wait(ctx, between(rnd, time.Second, r.lease()+time.Second))
	err := free(srv.PID())
	r.note("disk free again")
	if !refused {
		return 0, err
	}
	return 1, err
}

func weChatAway(ctx context.Context, r *rig, rnd *rand.Rand) (int, error) {
	r.note("WeChat is away")
	away := newRule(nil, 0, -1, refuse)
	for _, s := range r.fleet {
		s.wechat.suffer(away)
	}
	wait(ctx, between(rnd, time.Second, 5*time.Second))
	for _, s := range r.fleet {
		s.wechat.lift(away)
	}
	r.note("WeChat is back")
	return 1, nil
}

// mishaps makes some calls that change something go wrong.
func mishaps(do func(*wechat, *call)) func(context.Context, *rig, *rand.Rand) (int, error) {
	return func(ctx context.Context, r *rig, rnd *rand.Rand) (int, error) {
		return r.spoil(ctx, newRule([]string{pathSubmit, pathRelease}, rnd.IntN(4), 1+rnd.IntN(4), do)), nil
	}
}

func twoControllers(ctx context.Context, r *rig, rnd *rand.Rand) (int, error) {
	// The holder looks at its lease only every third of its term; until then there
	// are two.
	n, err := r.store.rdb.Del(ctx, "wxrollout:{lease:controller}").Result()
	r.note("the leader's lease is free: %d", n)
	wait(ctx, between(rnd, leaderTTL/3, leaderTTL/2))
	return int(n), err
}

// twoApplies is called before anything was applied.
func twoApplies(_ context.Context, r *rig, _ *rand.Rand) int {
	r.apply("spring", 3)
	return 2
}

func applyAgain(_ context.Context, r *rig, _ *rand.Rand) (int, error) {
	if r.over() {
		return 0, nil
	}
	r.apply("spring", 1)
	return 1, nil
}

func clocksApart(t *testing.T, o *options) {
	buildSkewed(t)
	skewed := program("skewed-worker")
	o.slots[0] = slotOptions{program: skewed, env: []string{skewEnv + "=300"}}
	o.slots[1] = slotOptions{program: skewed, env: []string{skewEnv + "=-300"}}
}

func clocksStruck(context.Context, *rig, *rand.Rand) int { return 2 }

package tasks

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/internal/proctest"
	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/queue"
	"github.com/wxrollout/wxrollout/wxclient"
)

// plant is a worker's servers over a real server, with a rollout of some apps.
type plant struct {
	*testing.T
	redis   *redistest.Server
	rdb     redis.UniversalClient
	ledger  *ledger.Ledger
	queue   *queue.Queue
	servers *queue.Servers
	handler *Handler
	wx      *fakeWeChat
	apps    []string
	dropped atomic.Int32
}

const plantLease = 3 * time.Second

// newPlant loads rollout r1 with n apps; the servers take one assignment at a time.
func newPlant(t *testing.T, n int, o ...redistest.Option) *plant {
	t.Helper()
	srv := redistest.Start(t, o...)
	rdb := srv.Client(t)
	p := &plant{T: t, redis: srv, rdb: rdb, ledger: ledger.New(rdb, ledger.Options{}), queue: queue.New(srv.Client(t), queue.Options{}), wx: happy(t)}
	plan := testPlan()
	plan.Waves[0].Size = n
	_, err := p.ledger.Create(t.Context(), ledger.NewRollout{ID: "r1", Plan: plan, Digest: "d"})
	must(t, err)
	var targets []rollout.Target
	for i := range n {
		p.apps = append(p.apps, fmt.Sprint("wx", i))
		targets = append(targets, rollout.Target{AppID: p.apps[i], Rank: rollout.Rank(0, i), Attempt: 1})
	}
	_, err = p.ledger.Add(t.Context(), "r1", targets)
	must(t, err)
	must(t, p.ledger.Seal(t.Context(), "r1", n, false, "test", ""))
	own := srv.Client(t)
	own.AddHook(queue.AckHook{})
	p.handler = NewHandler(HandlerOptions{
		WeChat: p.wx, Ledger: p.ledger, Permits: &fakePermits{}, Log: zerolog.Nop(), Seed: 1,
		Timing: Timing{Lease: plantLease, Assignment: 2 * time.Second},
		Hooks:  Hooks{Dropped: func(rollout.Stage, string) { p.dropped.Add(1) }},
	})
	p.servers = queue.NewServers(own, p.handler, queue.ServersOptions{
		Dropped:     func(rollout.Stage, string) { p.dropped.Add(1) },
		Concurrency: map[rollout.QueueName]int{rollout.QueueCommit: 1, rollout.QueueRelease: 1}, Drain: 30 * time.Second, Log: zerolog.Nop(),
	})
	return p
}

// give claims assignments at preflight for all that wait and enqueues them.
func (p *plant) give() []rollout.Assignment {
	p.Helper()
	assignments, err := p.ledger.Claim(p.Context(), rollout.Claim{
		Rollout: "r1", Stage: rollout.StagePreflight, MaxRank: rollout.Rank(1, 0), N: len(p.apps), Lease: plantLease,
	})
	must(p.T, err)
	must(p.T, p.queue.Enqueue(p.Context(), assignments))
	return assignments
}

// start lets the servers take tasks until the test ends.
func (p *plant) start() {
	p.Helper()
	must(p.T, p.servers.Start())
	p.Cleanup(func() { must(p.T, p.servers.Shutdown(context.Background())) })
}

func (p *plant) place(app string) string {
	p.Helper()
	t, err := p.ledger.Target(p.Context(), "r1", app)
	must(p.T, err)
	return place(t)
}

// passed waits until all apps are through preflight.
func (p *plant) passed() {
	p.Helper()
	proctest.Eventually(p.T, "all are through preflight", func() (bool, string) {
		var places []string
		for _, app := range p.apps {
			t, err := p.ledger.Target(p.Context(), "r1", app)
			if err != nil {
				return false, err.Error()
			}
			places = append(places, place(t))
		}
		return !slices.ContainsFunc(places, func(s string) bool { return s != "commit/pending" }), fmt.Sprint(places)
	})
}

// gate makes preflight wait: begun receives each call, which goes on when open is closed.
func (p *plant) gate() (begun, open chan struct{}) {
	begun, open = make(chan struct{}, 99), make(chan struct{})
	ask := p.wx.authorizerInfo
	p.wx.authorizerInfo = func() (wxclient.AuthorizerInfo, error) {
		begun <- struct{}{}
		<-open
		return ask()
	}
	return begun, open
}

// asked is how often an app was looked at.
func (p *plant) asked() int {
	n := 0
	for _, call := range p.wx.took() {
		if call == "authorizer-info" {
			n++
		}
	}
	return n
}

// TestServersRunEachAssignmentOnce: an assignment that is enqueued again isn't run again, nor one
// whose task comes twice, nor what is no assignment.
func TestServersRunEachAssignmentOnce(t *testing.T) {
	t.Parallel()
	p := newPlant(t, 5)
	assignments := p.give()
	must(t, p.queue.Enqueue(t.Context(), assignments)) // the same tasks
	client := asynq.NewClientFromRedisClient(p.redis.Client(t))
	for i, assignment := range assignments {
		payload := fmt.Sprintf(`{"r":"r1","a":%q,"s":"preflight","f":"%d"}`, assignment.AppID, assignment.Fence)
		_, err := client.EnqueueContext(t.Context(), asynq.NewTask("wxrollout:preflight", []byte(payload)), asynq.Queue(string(rollout.QueueCommit)), asynq.TaskID(fmt.Sprint("again", i)))
		must(t, err)
	}
	_, err := client.EnqueueContext(t.Context(), asynq.NewTask("wxrollout:commit", []byte("{}")), asynq.Queue(string(rollout.QueueCommit)))
	must(t, err)
	p.start()
	p.passed()
	proctest.Eventually(t, "the others are dropped", func() (bool, string) {
		n := p.dropped.Load()
		return n == int32(len(assignments))+1, fmt.Sprint(n)
	})
	if n := p.asked(); n != len(assignments) {
		t.Errorf("%d apps were looked at %d times", len(assignments), n)
	}
	for q, err := range queue.Tasks(t.Context(), p.rdb) {
		if err != nil || q.Archived {
			t.Errorf("left in the queue: %+v %v", q, err)
		}
	}
}

// TestShutdownDrains: the assignment that runs ends well, and is waited for. What waits in
// the queue is not begun, and the next worker's servers run it.
func TestShutdownDrains(t *testing.T) {
	t.Parallel()
	p := newPlant(t, 3)
	begun, open := p.gate()
	p.give()
	must(t, p.servers.Start())
	<-begun
	over := make(chan struct{})
	go func() {
		defer close(over)
		must(t, p.servers.Shutdown(context.Background()))
	}()
	select {
	case <-over:
		t.Fatal("it didn't wait for the assignment that runs")
	case <-begun:
		t.Fatal("it began another assignment")
	case <-time.After(200 * time.Millisecond): // it goes on waiting
	}
	close(open)
	<-over
	if n := p.asked(); n != 1 {
		t.Errorf("%d assignments were run, want the one that had begun", n)
	}
	if got := p.place(p.apps[0]); got != "commit/pending" {
		t.Errorf("the assignment that ran ended as %s", got)
	}
	next := newServersLike(p)
	must(t, next.Start())
	t.Cleanup(func() { must(t, next.Shutdown(context.Background())) })
	p.reclaimed()
}

// newServersLike are another worker's.
func newServersLike(p *plant) *queue.Servers {
	own := p.redis.Client(p.T)
	own.AddHook(queue.AckHook{})
	return queue.NewServers(own, p.handler, queue.ServersOptions{
		Concurrency: map[rollout.QueueName]int{rollout.QueueCommit: 1}, Drain: 30 * time.Second, Log: zerolog.Nop(),
	})
}

// reclaimed waits until all are through, giving assignments again whose lease ended, as the
// controller does.
func (p *plant) reclaimed() {
	p.Helper()
	proctest.Eventually(p.T, "all are through preflight", func() (bool, string) {
		if _, err := p.ledger.ExpireDue(p.Context(), 99); err != nil {
			return false, err.Error()
		}
		assignments, err := p.ledger.Claim(p.Context(), rollout.Claim{
			Rollout: "r1", Stage: rollout.StagePreflight, MaxRank: rollout.Rank(1, 0), N: 99, Lease: plantLease,
		})
		if err == nil {
			err = p.queue.Enqueue(p.Context(), assignments)
		}
		r, readErr := p.ledger.Rollout(p.Context(), "r1")
		if readErr != nil {
			return false, fmt.Sprint(err, readErr)
		}
		return r.Counts.At(rollout.StageCommit, rollout.StatePending) == len(p.apps), fmt.Sprint(r.Counts, err)
	})
}

// TestShutdownHandsAssignmentsBack: when the time to drain is over, a handler that waits for
// WeChat gives its assignment back, at once and not when the lease ends.
func TestShutdownHandsAssignmentsBack(t *testing.T) {
	t.Parallel()
	p := newPlant(t, 1)
	begun := make(chan struct{})
	p.wx.commit = func(ctx context.Context, _ wxclient.CommitRequest) error {
		close(begun)
		<-ctx.Done()
		return &wxclient.NotSentError{Endpoint: "/wxa/commit", Err: ctx.Err()}
	}
	was, err := p.ledger.Target(t.Context(), "r1", "wx0")
	must(t, err)
	next := was
	next.Stage = rollout.StageCommit
	_, err = p.ledger.Save(t.Context(), was, next, rollout.SaveOptions{})
	must(t, err)
	assignments, err := p.ledger.Claim(t.Context(), rollout.Claim{
		Rollout: "r1", Stage: rollout.StageCommit, MaxRank: rollout.Rank(1, 0), N: 1, Lease: time.Hour,
	})
	must(t, err)
	must(t, p.queue.Enqueue(t.Context(), assignments))
	must(t, p.servers.Start())
	<-begun
	drained, stop := context.WithCancel(context.Background())
	stop()
	must(t, p.servers.Shutdown(drained))
	if got := p.place("wx0"); got != "commit/pending" {
		t.Errorf("the assignment that was cut off is %s", got)
	}
}

// TestServersOutliveRedis: Redis dies while a handler calls WeChat and is away for a
// moment. Its assignment, and those in the queue, are run in the end, and the servers go on.
func TestServersOutliveRedis(t *testing.T) {
	t.Parallel()
	p := newPlant(t, 3, redistest.AOF(), redistest.Config("appendfsync always"))
	begun, open := p.gate()
	p.give()
	p.start()
	<-begun
	p.redis.Kill()
	close(open)
	p.redis.Restart()
	p.reclaimed()
	if n := p.asked(); n < len(p.apps) {
		t.Errorf("%d apps were looked at %d times", len(p.apps), n)
	}
}

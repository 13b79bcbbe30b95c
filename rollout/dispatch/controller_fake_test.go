package dispatch_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/dispatch"
)

var t0 = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// fakeStore is a dispatch.Store of functions. A nil one does what a store with
// nothing to do would; log lists the calls that change something.
type fakeStore struct {
	active   []rollout.Rollout
	inFlight map[rollout.QueueName]int
	capacity map[rollout.QueueName]int

	wakeDue, expireDue func(limit int) (int, error)
	peek               func(rollout.Claim) ([]string, error)
	claim              func(rollout.Claim) ([]rollout.Assignment, error)
	latch              func(id string, wave int, g rollout.GateState) error
	change             func(what, id string) error
	sweep              func(id string, limit int) (int, error)
	listErr            error

	log []string
}

func (s *fakeStore) note(format string, args ...any) {
	s.log = append(s.log, fmt.Sprintf(format, args...))
}

func (s *fakeStore) Active(context.Context) ([]rollout.Rollout, error) { return s.active, s.listErr }

func (s *fakeStore) WakeDue(_ context.Context, limit int) (int, error) {
	if s.wakeDue == nil {
		return 0, nil
	}
	return s.wakeDue(limit)
}

func (s *fakeStore) ExpireDue(_ context.Context, limit int) (int, error) {
	if s.expireDue == nil {
		return 0, nil
	}
	return s.expireDue(limit)
}

// names are n apps of a rollout, in order.
func names(n int) []string {
	apps := make([]string, n)
	for i := range apps {
		apps[i] = fmt.Sprintf("wx%02d", i)
	}
	return apps
}

func (s *fakeStore) Peek(_ context.Context, c rollout.Claim) ([]string, error) {
	if s.peek == nil {
		return names(c.N), nil
	}
	return s.peek(c)
}

func (s *fakeStore) Claim(_ context.Context, c rollout.Claim) ([]rollout.Assignment, error) {
	s.note("claim %s %s %d", c.Rollout, c.Stage, c.N)
	if s.claim != nil {
		return s.claim(c)
	}
	apps := c.Only
	if apps == nil {
		apps = names(c.N)
	}
	assignments := make([]rollout.Assignment, len(apps))
	for i, app := range apps {
		assignments[i] = rollout.Assignment{Rollout: c.Rollout, AppID: app, Stage: c.Stage, Fence: int64(i + 1)}
	}
	return assignments, nil
}

func (s *fakeStore) InFlight(context.Context) (map[rollout.QueueName]int, error) {
	return s.inFlight, nil
}
func (s *fakeStore) Capacity(context.Context) (map[rollout.QueueName]int, error) {
	return s.capacity, nil
}

func (s *fakeStore) Latch(_ context.Context, id string, wave int, g rollout.GateState) error {
	s.note("latch %s %d %s", id, wave, g.Decision)
	if s.latch == nil {
		return nil
	}
	return s.latch(id, wave, g)
}

func (s *fakeStore) changed(what, id string) error {
	s.note("%s %s", what, id)
	if s.change == nil {
		return nil
	}
	return s.change(what, id)
}

func (s *fakeStore) Begin(_ context.Context, id string) error  { return s.changed("begin", id) }
func (s *fakeStore) Finish(_ context.Context, id string) error { return s.changed("finish", id) }

func (s *fakeStore) Pause(_ context.Context, id, by, why string) error {
	return s.changed("pause", id+" "+by+": "+why)
}

func (s *fakeStore) Sweep(_ context.Context, id string, limit int) (int, error) {
	s.note("sweep %s", id)
	if s.sweep == nil {
		return 0, nil
	}
	return s.sweep(id, limit)
}

// fakeQueue remembers the assignments it was given.
type fakeQueue struct {
	assignments []rollout.Assignment
	err         error
}

func (q *fakeQueue) Enqueue(_ context.Context, assignments []rollout.Assignment) error {
	q.assignments = append(q.assignments, assignments...)
	return q.err
}

// fakePools are open without permits for stages that are not listed.
type fakePools struct {
	allow     map[rollout.Stage]rollout.Allowance
	take      func(r rollout.TakeRequest) (int, error) // how many of the ids; nil: all
	returnErr error
	asked     []string // rollouts, in order
	taken     []string
	returned  []string
	last      rollout.TakeRequest
}

func (p *fakePools) Allowances(context.Context) (map[rollout.Stage]rollout.Allowance, error) {
	all := make(map[rollout.Stage]rollout.Allowance)
	for _, s := range rollout.Stages() {
		all[s] = rollout.Allowance{N: rollout.Unlimited}
	}
	for s, a := range p.allow {
		all[s] = a
	}
	return all, nil
}

func (p *fakePools) Take(_ context.Context, r rollout.TakeRequest) (rollout.Taken, error) {
	n, err := len(r.IDs), error(nil)
	if p.take != nil {
		n, err = p.take(r)
	}
	id, _, _ := rollout.PermitOf(r.IDs[0])
	p.asked = append(p.asked, id)
	p.taken = append(p.taken, r.IDs[:n]...)
	p.last = r
	taken := rollout.Taken{Granted: r.IDs[:n]}
	if n < len(r.IDs) {
		taken.Limit = &rollout.Limit{Kind: rollout.LimitReserved, Pool: r.Pool}
	}
	return taken, err
}

func (p *fakePools) Return(_ context.Context, _ rollout.Stage, ids []string) error {
	p.returned = append(p.returned, ids...)
	return p.returnErr
}

// virtualClock moves when a test sets it.
type virtualClock struct{ now time.Time }

func (c *virtualClock) Now() time.Time { return c.now }

// stage is a controller over fakes.
type stage struct {
	store fakeStore
	queue fakeQueue
	pools fakePools
	clock virtualClock
}

func setup(active ...rollout.Rollout) *stage {
	s := &stage{clock: virtualClock{now: t0}}
	s.store.active = active
	s.store.capacity = map[rollout.QueueName]int{rollout.QueueCommit: 10, rollout.QueueAudit: 10, rollout.QueueRelease: 10}
	return s
}

func (s *stage) controller(o dispatch.Options) *dispatch.Controller {
	return dispatch.New(&s.store, &s.queue, &s.pools, &s.clock, o)
}

// tick runs one tick that must not err.
func (s *stage) tick(t *testing.T) dispatch.Progress {
	t.Helper()
	p, err := s.controller(dispatch.Options{Window: 3}).Reconcile(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// running is a rollout of three waves with pending targets, all waves open.
func running(id string, pending map[rollout.Stage]int) rollout.Rollout {
	r := rollout.Rollout{
		ID: id, Status: rollout.StatusRunning, Created: t0, OpenWave: 2,
		Plan: rollout.Plan{Waves: waves(3)}, Counts: make(rollout.Counts),
	}
	for s, n := range pending {
		r.Counts[cell(0, s, rollout.StatePending)] = n
	}
	return r
}

func waves(n int) []rollout.Wave {
	all := []rollout.Wave{{Name: "canary", Size: 2, Approve: true}, {Name: "early", Size: 3}, {Name: "rest", Size: 5}}
	return all[:n]
}

func cell(wave int, stage rollout.Stage, state rollout.State) rollout.Cell {
	return rollout.Cell{Wave: wave, Stage: stage, State: state}
}

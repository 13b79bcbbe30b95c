package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/ledger/fsck"
	"github.com/wxrollout/wxrollout/rollout"
)

// A contest is several rollouts with random priorities and policies over the same apps, their
// controller and their workers, which crash, lose replies and meet aborts, pauses, undos and
// readers. It knows what no script knows: who may still be calling WeChat, and all releases.
type contest struct {
	ctx     context.Context
	rnd     *rand.Rand
	l       store
	rdb     redis.UniversalClient
	advance func(time.Duration)
	now     time.Time // virtual, from an arbitrary beginning

	ids   []string
	plans map[string]rollout.Plan
	made  map[string]time.Time // created
	queue []rollout.Assignment
	calls map[string]caller            // by app: who may be calling
	live  map[string][]rollout.Release // by app: all releases that were not undone
	calm  bool                         // nothing goes wrong any more
}

type caller struct {
	who   string
	until time.Time
}

const contestApps = 2

func newContest(ctx context.Context, seed uint64, rdb redis.UniversalClient, advance func(time.Duration)) (*contest, error) {
	c := &contest{
		ctx: ctx, rnd: rand.New(rand.NewPCG(seed, 1)), rdb: rdb, advance: advance, l: store{ledger.New(rdb, ledger.Options{})},
		plans: map[string]rollout.Plan{}, made: map[string]time.Time{}, calls: map[string]caller{}, live: map[string][]rollout.Release{},
	}
	if err := rdb.FlushAll(ctx).Err(); err != nil {
		return nil, err
	}
	after := ""
	for i := range 2 + c.rnd.IntN(2) {
		id := fmt.Sprintf("r%d", i)
		name := id
		if i == 0 || c.rnd.IntN(2) == 0 { // runs of one schedule
			name = "monthly"
		}
		priority := c.rnd.IntN(3)
		p := plan(name, contestApps)
		p.Priority, p.Template.Version = &priority, fmt.Sprintf("%d.0", 1+c.rnd.IntN(4))
		p.OnConflict = []rollout.OnConflict{"", rollout.OnConflictSupersede, rollout.OnConflictSkip}[c.rnd.IntN(3)]
		p.AllowDowngrade = c.rnd.IntN(5) == 0
		c.sleep(time.Second)
		if err := c.load(id, after, p); err != nil {
			return nil, err
		}
		if name == "monthly" {
			after = id
		}
		c.ids, c.plans[id], c.made[id] = append(c.ids, id), p, c.now
	}
	return c, nil
}

// load stores a running rollout that takes its name from the one before.
func (c *contest) load(id, after string, p rollout.Plan) error {
	if _, err := c.l.Create(c.ctx, ledger.NewRollout{ID: id, Plan: p, Digest: id, After: after}); err != nil {
		return err
	}
	if _, err := c.l.Add(c.ctx, id, targetsOf(contestApps)); err != nil {
		return err
	}
	return c.l.Seal(c.ctx, id, contestApps, false, "test", "apply")
}

func (c *contest) sleep(d time.Duration) {
	c.advance(d)
	c.now = c.now.Add(d)
}

// chance is true once in n times, and never while all is calm.
func (c *contest) chance(n int) bool { return c.rnd.IntN(n) == 0 && !c.calm }

// pass is one look of the controller.
func (c *contest) pass() error {
	if _, err := c.l.WakeDue(c.ctx, 9); err != nil {
		return err
	}
	if _, err := c.l.ExpireDue(c.ctx, 9); err != nil {
		return err
	}
	for _, i := range c.rnd.Perm(len(c.ids)) {
		if _, err := c.l.Sweep(c.ctx, c.ids[i], 9); err != nil {
			return err
		}
		for _, s := range rollout.Stages() {
			assignments, err := c.l.Claim(c.ctx, rollout.Claim{Rollout: c.ids[i], Stage: s, MaxRank: rollout.Rank(1, 0), N: 9, Lease: lease})
			if err != nil {
				return err
			}
			back, err := c.l.Claim(c.ctx, rollout.Claim{Rollout: c.ids[i], Stage: s, ReadBack: true, N: 9, Lease: lease})
			if err != nil {
				return err
			}
			c.queue = append(append(c.queue, assignments...), back...)
		}
	}
	return c.sound()
}

// work lets a worker run one of the assignments.
func (c *contest) work() error {
	if len(c.queue) == 0 {
		return nil
	}
	i := c.rnd.IntN(len(c.queue))
	assignment := c.queue[i]
	c.queue = append(c.queue[:i], c.queue[i+1:]...)
	if c.chance(8) {
		return nil // it is never delivered
	}
	if c.chance(8) {
		c.queue = append(c.queue, assignment) // it is delivered twice
	}
	s, err := c.l.Start(c.ctx, assignment, lease)
	if errors.As(err, new(*rollout.StaleError)) {
		return nil
	}
	if err != nil {
		return err
	}
	if k, ok := c.calls[assignment.AppID]; ok && k.until.After(c.now) {
		return fmt.Errorf("%s starts on %s, and %s may be calling for %s more", assignment.Rollout, assignment.AppID, k.who, k.until.Sub(c.now))
	}
	c.calls[assignment.AppID] = caller{assignment.Rollout, c.now.Add(lease)}
	t := s.Target
	if c.chance(8) {
		return nil // it dies in a call
	}
	return c.act(s, t)
}

// act is what a handler does, with WeChat as luck has it.
func (c *contest) act(s rollout.Started, t rollout.Target) error {
	var err error
	if t.Intent != nil { // read back: it had not taken effect
		if t, err = c.save(t, rollout.Resolved{At: at, Note: "read back"}); err != nil {
			return err
		}
	}
	switch by, superseded := rollout.Superseded(c.plans[t.Rollout], t.Rollout, s.Created, s.Releases); {
	case !s.Status.Moves(t.Stage):
		_, err = c.save(t, rollout.Yielded{At: at})
	case t.Stage == rollout.StageUndo:
		_, err = c.save(t, rollout.Finished{At: at, End: rollout.StateUndone})
	case superseded:
		_, err = c.save(t, rollout.Skipped{At: at, Note: by.Words()})
	case c.chance(4):
		_, err = c.save(t, rollout.Waited{At: at, Reason: rollout.ReasonMerchant, For: 6 * time.Hour})
	case c.chance(10):
		_, err = c.save(t, rollout.Failed{At: at, LastError: rollout.LastError{Text: "no"}})
	case c.chance(4) && t.Stage == rollout.StageSubmit:
		if t, err = c.save(t, rollout.Intended{At: at, Op: rollout.OpSubmit}); err == nil {
			_, err = c.save(t, rollout.Waited{At: at, Reason: rollout.ReasonUnknown, For: time.Minute})
		}
	case c.chance(3) && t.Stage == rollout.StageRelease:
		_, err = c.save(t, rollout.GrayStepped{At: at, For: time.Hour})
	case t.Stage == rollout.StageRelease:
		return c.release(t)
	default:
		_, err = c.save(t, rollout.Advanced{At: at, AuditID: 7})
	}
	return err
}

// release makes the plan's version live.
func (c *contest) release(t rollout.Target) error {
	p := c.plans[t.Rollout]
	if by, ok := rollout.Superseded(p, t.Rollout, c.made[t.Rollout], c.live[t.AppID]); ok {
		return fmt.Errorf("%s moves %s to %s, %s", t.Rollout, t.AppID, p.Template.Version, by.Words())
	}
	c.live[t.AppID] = append(c.live[t.AppID], rollout.Release{Rollout: t.Rollout, Created: c.made[t.Rollout], Version: p.Template.Version})
	_, err := c.save(t, rollout.Finished{At: at, End: rollout.StateReleased})
	return err
}

// save ends a handler's work, if the target still is its own.
func (c *contest) save(t rollout.Target, e rollout.Event) (rollout.Target, error) {
	next, err := rollout.Step(t, e)
	if err != nil {
		return t, err
	}
	saved, err := c.l.Save(c.ctx, t, next, rollout.SaveOptions{Lease: lease})
	if err == nil && saved.State != rollout.StateRunning {
		delete(c.calls, t.AppID)
		if saved.State == rollout.StateUndone {
			c.undone(t)
		}
	}
	return saved, err
}

func (c *contest) undone(t rollout.Target) {
	var left []rollout.Release
	for _, r := range c.live[t.AppID] {
		if r.Rollout != t.Rollout {
			left = append(left, r)
		}
	}
	c.live[t.AppID] = left
}

// operate is a person, or a reader of an app.
func (c *contest) operate() error {
	id, app := c.ids[c.rnd.IntN(len(c.ids))], fmt.Sprintf("wx%03d", c.rnd.IntN(contestApps))
	var err error
	switch c.rnd.IntN(12) {
	case 0:
		err = c.l.Abort(c.ctx, id, "op", "enough")
	case 1:
		err = c.l.Pause(c.ctx, id, "op", "a look")
	case 2:
		err = c.l.Resume(c.ctx, id, "op", "on")
	case 3:
		var t, next rollout.Target
		if t, err = c.l.Target(c.ctx, id, app); err == nil {
			if next, err = rollout.Step(t, rollout.Undo{At: at}); err != nil {
				return nil //nolint:nilerr // it can't be undone now
			}
			if next, err = c.l.Save(c.ctx, t, next, rollout.SaveOptions{}); err == nil && next.State == rollout.StateUndone {
				c.undone(t)
			}
		}
	case 4, 5:
		_, err = c.l.Loan(c.ctx, app, 20*time.Second)
		if err == nil {
			if k, ok := c.calls[app]; ok && k.until.After(c.now) {
				return fmt.Errorf("%s is lent while %s may be calling", app, k.who)
			}
			c.calls[app] = caller{"a reader", c.now.Add(20 * time.Second)}
		}
	default:
		c.sleep([]time.Duration{time.Second, 31 * time.Second, 2 * lease, 7 * time.Hour}[c.rnd.IntN(4)])
	}
	var status *ledger.StatusError
	var lent *ledger.LentError
	if errors.As(err, &status) || errors.As(err, &lent) {
		return nil
	}
	return err
}

// sound looks for two assignments of one app.
func (c *contest) sound() error {
	for n := range contestApps {
		app, running := fmt.Sprintf("wx%03d", n), ""
		for _, id := range c.ids {
			t, err := c.l.Target(c.ctx, id, app)
			if err != nil {
				return err
			}
			if left := t.Due.Sub(c.rdb.Time(c.ctx).Val()); t.State == rollout.StateRunning && left > 0 {
				if running != "" {
					return fmt.Errorf("%s and %s both have an assignment of %s", running, id, app)
				}
				running = id
			}
		}
	}
	return nil
}

// settles lets all that waits go on, without any error, and returns what never ended. A
// target that outranks its app's owner must have the app after one more look.
func (c *contest) settles() error {
	c.calm = true
	for _, id := range c.ids {
		if err := c.l.Resume(c.ctx, id, "op", "on"); err != nil && !errors.As(err, new(*ledger.StatusError)) {
			return err
		}
	}
	c.sleep(2 * lease) // loans and calls of the dead end
	for range 40 {
		c.sleep(7 * time.Hour)
		if err := c.pass(); err != nil {
			return err
		}
		if err := c.overtaken(); err != nil {
			return err
		}
		for len(c.queue) > 0 {
			if err := c.work(); err != nil {
				return err
			}
		}
	}
	var left []string
	for _, id := range c.ids {
		for t, err := range c.l.Targets(c.ctx, id) {
			if err != nil {
				return err
			}
			if !t.State.Ended() {
				left = append(left, fmt.Sprintf("%s %s %s/%s:%s", id, t.AppID, t.Stage, t.State, t.Reason))
			}
		}
	}
	if left != nil {
		return fmt.Errorf("never ends: %s", strings.Join(left, ", "))
	}
	return nil
}

// overtaken finds targets that wait for a rollout that they outrank and that only waits, or that
// has ended. It is looked at after a pass, when all that was due has been looked at.
func (c *contest) overtaken() error {
	for n := range contestApps {
		app := fmt.Sprintf("wx%03d", n)
		owner, err := c.l.Owner(c.ctx, app)
		if err != nil || owner == "" {
			return err
		}
		theirs, err := c.l.Target(c.ctx, owner, app)
		if err != nil {
			return err
		}
		for _, id := range c.ids {
			t, err := c.l.Target(c.ctx, id, app)
			if err != nil {
				return err
			}
			waits := theirs.State == rollout.StateParked && theirs.Intent == nil && theirs.Gray == 0
			higher := c.plans[id].Precedence() > c.plans[owner].Precedence()
			if t.Reason == rollout.ReasonOwner && (theirs.State.Ended() || higher && waits) {
				return fmt.Errorf("%s (priority %d) waits for %s, which is %s for %s", id, c.plans[id].Precedence(), owner, theirs.State, theirs.Reason)
			}
		}
	}
	return nil
}

// play is one whole contest.
func play(ctx context.Context, seed uint64, rdb redis.UniversalClient, advance func(time.Duration)) error {
	c, err := newContest(ctx, seed, rdb, advance)
	if err != nil {
		return err
	}
	for range 60 {
		step := []func() error{c.pass, c.work, c.work, c.work, c.operate}[c.rnd.IntN(5)]
		if err := step(); err != nil {
			return err
		}
	}
	if err := c.settles(); err != nil {
		return err
	}
	_, found, err := checked(ctx, c.rdb, fsck.Options{Rollouts: []string{c.ids[0]}})
	if err == nil && len(found) > 0 {
		err = fmt.Errorf("the check finds %v", found)
	}
	return err
}

// TestContestProperty: in every history, no two act on an app, nothing is downgraded, and when
// the faults end everything ends.
func TestContestProperty(t *testing.T) {
	t.Parallel()
	redistest.Both(t, func(t *testing.T, rdb redis.UniversalClient, advance func(time.Duration)) {
		seed := uint64(time.Now().UnixNano())
		for i := range uint64(8) {
			if err := play(t.Context(), seed+i, rdb, advance); err != nil {
				t.Fatalf("seed %d: %v", seed+i, err)
			}
		}
	})
}

// spoiled is a hook that changes scripts on their way: a deliberate bug.
type spoiled struct{ old, new string }

func (spoiled) DialHook(next redis.DialHook) redis.DialHook { return next }

func (spoiled) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (s spoiled) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		args := cmd.Args()
		switch strings.ToLower(cmd.Name()) {
		case "evalsha":
			args[1] = strings.Repeat("0", 40) // the caller sends the source then
		case "eval":
			args[1] = strings.ReplaceAll(fmt.Sprint(args[1]), s.old, s.new)
		}
		return next(ctx, cmd)
	}
}

// TestContestPropertyCatches: the property fails for each deliberate bug. The search begins at a
// seed that was seen to find it, since each seed takes seconds, and goes on if it doesn't.
func TestContestPropertyCatches(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		bug  spoiled
		from uint64
	}{
		"releases are not reported":   {spoiled{"redis.call('HGET', root .. 'released', appid) or '',", "'',"}, 31},
		"apps are lent to two":        {spoiled{"if t and t.state == 'running' and t.due > now_ms then return { 'rollout'", "if false then return { 'rollout'"}, 6},
		"who waits never looks again": {spoiled{"return now_ms + retry", "return now_ms + 1e11"}, 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, rdb := redistest.Mini(t)
			rdb.AddHook(tc.bug)
			for seed := tc.from; seed < tc.from+400; seed++ {
				if err := play(t.Context(), seed, rdb, func(d time.Duration) { redistest.Advance(m, d) }); err != nil {
					t.Logf("seed %d: %v", seed, err)
					return
				}
			}
			t.Error("the property doesn't notice")
		})
	}
}

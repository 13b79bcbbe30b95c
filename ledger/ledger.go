package ledger

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/ledger/internal/db"
	"github.com/wxrollout/wxrollout/rollout"
)

// Options tune the ledger; the zero value is ready for production.
type Options struct {
	// OwnerRetry is how long a target is parked when another rollout works on
	// its app. Default 30 s.
	OwnerRetry time.Duration
	// LoadStale is how long an apply may be silent before another plan may take
	// its name. Default 2 min.
	LoadStale time.Duration
	// Lease is how long an assignment lasts at most: a loan that is the first to meet a
	// restarted Redis begins its quarantine. 0 if it is not known, as to an operator: then it
	// is the lease that the ledger knew last.
	Lease time.Duration
}

// Ledger is the store. It is safe for concurrent use by many processes.
type Ledger struct {
	rdb  redis.UniversalClient
	opts Options
}

// New makes a ledger on a Redis client, which the caller closes.
func New(rdb redis.UniversalClient, o Options) *Ledger {
	if o.OwnerRetry <= 0 {
		o.OwnerRetry = 30 * time.Second
	}
	if o.LoadStale <= 0 {
		o.LoadStale = 2 * time.Minute
	}
	return &Ledger{rdb: rdb, opts: o}
}

// WakeDue implements dispatch.Store. Those whose app went to another rollout meanwhile are ended.
func (l *Ledger) WakeDue(ctx context.Context, limit int) (int, error) {
	n, left, err := l.due(ctx, limit, "wake")
	if err != nil {
		return n, db.Failed(err, "wake parked targets")
	}
	return n, l.leave(ctx, left)
}

// ExpireDue implements dispatch.Store.
func (l *Ledger) ExpireDue(ctx context.Context, limit int) (int, error) {
	indexes := make([]string, 0, len(rollout.QueueNames()))
	for _, queueName := range rollout.QueueNames() {
		indexes = append(indexes, "leases:"+string(queueName))
	}
	n, _, err := l.due(ctx, limit, indexes...)
	return n, db.Failed(err, "take back expired leases")
}

// due moves what is due in some indexes and names the targets that may have lost their app.
func (l *Ledger) due(ctx context.Context, limit int, indexes ...string) (moved int, left []TargetKey, err error) {
	args := []any{limit, db.Milli(l.opts.OwnerRetry)}
	for _, index := range indexes {
		args = append(args, index)
	}
	list, err := db.Texts(db.Run(ctx, l.rdb, dueScript, args...))
	if err != nil {
		return 0, nil, err
	}
	n, err := db.ParseInt("count", list[0])
	for _, m := range list[1:] {
		if id, app, ok := strings.Cut(m, " "); ok {
			left = append(left, TargetKey{Rollout: id, AppID: app})
		}
	}
	return int(n), left, err
}

// Peek implements dispatch.Store.
func (l *Ledger) Peek(ctx context.Context, c rollout.Claim) ([]string, error) {
	apps, err := l.rdb.ZRangeArgs(ctx, redis.ZRangeArgs{
		Key: db.KeyReady(c.Rollout, string(c.Stage)), ByScore: true,
		Start: 0, Stop: fmt.Sprintf("(%d", c.MaxRank), Count: int64(c.N),
	}).Result()
	return apps, db.Failed(err, "look at the next targets of rollout %s at %s", c.Rollout, c.Stage)
}

// Claim implements dispatch.Store.
func (l *Ledger) Claim(ctx context.Context, c rollout.Claim) ([]rollout.Assignment, error) {
	args := []any{c.Rollout, string(c.Stage), c.MaxRank, c.N, db.Milli(c.Lease), db.Milli(l.opts.OwnerRetry), ""}
	if c.ReadBack {
		args[len(args)-1] = "back"
	}
	for _, app := range c.Only {
		args = append(args, app)
	}
	list, err := db.Texts(db.Run(ctx, l.rdb, claimScript, args...))
	if err != nil {
		return nil, db.Failed(err, "claim targets of rollout %s at %s", c.Rollout, c.Stage)
	}
	n, err := db.ParseInt("count", list[0])
	if err != nil {
		return nil, err
	}
	if n < 0 {
		ms, err := db.ParseInt("quarantine", list[1])
		if ms < 0 {
			return nil, &rollout.PlatformFaultError{}
		}
		return nil, errors.Join(err, &rollout.QuarantineError{Left: time.Duration(ms) * time.Millisecond})
	}
	given, skip := list[1:1+2*n], list[1+2*n:]
	assignments := make([]rollout.Assignment, 0, n)
	for i := 0; i < len(given); i += 2 {
		fence, err := db.ParseInt("fence", given[i+1])
		if err != nil {
			return nil, err
		}
		assignments = append(assignments, rollout.Assignment{Rollout: c.Rollout, AppID: given[i], Stage: c.Stage, Fence: fence})
	}
	left := make([]TargetKey, len(skip))
	for i, app := range skip {
		left[i] = TargetKey{Rollout: c.Rollout, AppID: app}
	}
	return assignments, l.leave(ctx, left)
}

// Quarantine is how long assignments still wait because Redis was restarted or failed
// over; 0 if they don't.
func (l *Ledger) Quarantine(ctx context.Context) (time.Duration, error) {
	var server *redis.SliceCmd
	var now *redis.TimeCmd
	_, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		server, now = p.HMGet(ctx, db.KeyServer, "until", "wait"), p.Time(ctx)
		return nil
	})
	if err != nil {
		return 0, db.Failed(err, "read whether assignments wait after a restart of Redis")
	}
	until, ok := server.Val()[0].(string)
	if !ok {
		return 0, nil // no server gave assignments yet
	}
	ms, err := db.ParseInt("quarantine", until)
	left := max(0, db.FromMilli(ms).Sub(now.Val()))
	if text, ok := server.Val()[1].(string); ok && err == nil { // no longer, if the clock stepped back
		ms, err = db.ParseInt("quarantine", text)
		left = min(left, time.Duration(ms)*time.Millisecond)
	}
	return left, err
}

// InFlight implements dispatch.Store.
func (l *Ledger) InFlight(ctx context.Context) (map[rollout.QueueName]int, error) {
	cmds := make(map[rollout.QueueName]*redis.IntCmd)
	_, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, queueName := range rollout.QueueNames() {
			cmds[queueName] = p.ZCard(ctx, db.KeyLeases(string(queueName)))
		}
		return nil
	})
	if err != nil {
		return nil, db.Failed(err, "count leases")
	}
	out := make(map[rollout.QueueName]int, len(cmds))
	for queueName, cmd := range cmds {
		out[queueName] = int(cmd.Val())
	}
	return out, nil
}

// Latch implements dispatch.Store.
func (l *Ledger) Latch(ctx context.Context, id string, wave int, g rollout.GateState) error {
	_, err := l.latch(ctx, id, wave, g, latching{by: "controller", why: g.Why})
	return err
}

// Begin implements dispatch.Store.
func (l *Ledger) Begin(ctx context.Context, id string) error {
	return l.quiet(l.control(ctx, id, change{verb: "start", from: "scheduled", to: rollout.StatusRunning, by: "controller", why: "its start time has come"}))
}

// Finish implements dispatch.Store.
func (l *Ledger) Finish(ctx context.Context, id string) error {
	return l.quiet(l.control(ctx, id, change{verb: "finish", from: "running,paused", to: rollout.StatusDone, by: "controller", why: "every target has ended"}))
}

// Pause implements dispatch.Store.
func (l *Ledger) Pause(ctx context.Context, id, by, why string) error {
	return l.quiet(l.control(ctx, id, change{verb: "pause", from: "running", to: rollout.StatusPaused, by: by, why: why}))
}

// Sweep implements dispatch.Store.
func (l *Ledger) Sweep(ctx context.Context, id string, limit int) (int, error) {
	list, err := db.Run(ctx, l.rdb, sweepScript, id, limit).Int64Slice()
	if err != nil {
		return 0, db.Failed(err, "sweep rollout %s", id)
	}
	return int(list[0]), nil
}

// quiet ignores *StatusError: another caller changed the status first, and the next
// pass reads it.
func (l *Ledger) quiet(err error) error {
	var s *StatusError
	if errors.As(err, &s) {
		return nil
	}
	return err
}

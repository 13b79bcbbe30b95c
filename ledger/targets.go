package ledger

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/redisdb"
	"github.com/wxrollout/wxrollout/ledger/internal/db"
	"github.com/wxrollout/wxrollout/rollout"
)

// Target reads one target; ErrNotFound if the rollout doesn't have the app.
func (l *Ledger) Target(ctx context.Context, id, appID string) (rollout.Target, error) {
	v, err := l.rdb.HGet(ctx, db.KeyTargets(id), appID).Result()
	if errors.Is(err, redis.Nil) {
		return rollout.Target{}, fmt.Errorf("rollout %s, app %s: %w", id, appID, ErrNotFound)
	}
	if err != nil {
		return rollout.Target{}, db.Failed(err, "read rollout %s, app %s", id, appID)
	}
	return decodeRecord(id, appID, v)
}

// TargetKey names a target.
type TargetKey struct{ Rollout, AppID string }

// Found is what Lookup knows of a target.
type Found struct {
	Target rollout.Target
	// There reports whether the ledger has it; Err is why it can't be read.
	There bool
	Err   error
}

// Lookup reads targets of several rollouts in one round trip, in the order of the
// keys.
func (l *Ledger) Lookup(ctx context.Context, keys []TargetKey) ([]Found, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	cmds := make([]*redis.StringCmd, len(keys))
	_, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, k := range keys {
			cmds[i] = p.HGet(ctx, db.KeyTargets(k.Rollout), k.AppID)
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, db.Failed(err, "read %d targets", len(keys))
	}
	out := make([]Found, len(keys))
	for i, cmd := range cmds {
		record, err := cmd.Result()
		switch {
		case errors.Is(err, redis.Nil):
		case err != nil:
			return nil, db.Failed(err, "read rollout %s, app %s", keys[i].Rollout, keys[i].AppID)
		default:
			out[i].There = true
			out[i].Target, out[i].Err = decodeRecord(keys[i].Rollout, keys[i].AppID, record)
		}
	}
	return out, nil
}

// Targets walks over all targets of a rollout in pages, in no order. A target
// that changes meanwhile is seen before or after its change; each is seen once.
// A record that can't be read is a separate error and the walk goes on; an
// error of Redis ends it. An unknown rollout is ErrNotFound.
func (l *Ledger) Targets(ctx context.Context, id string) iter.Seq2[rollout.Target, error] {
	return func(yield func(rollout.Target, error) bool) {
		found := false
		for f, err := range redisdb.Fields(ctx, l.rdb, db.KeyTargets(id)) {
			if err != nil {
				yield(rollout.Target{}, db.Failed(err, "read targets of rollout %s", id))
				return
			}
			found = true
			if !yield(decodeRecord(id, f.Name, f.Value)) {
				return
			}
		}
		if !found {
			l.missing(ctx, db.KeyRollout(id), "rollout "+id, func(err error) { yield(rollout.Target{}, err) })
		}
	}
}

// missing reports ErrNotFound if a key is not there, or why that isn't known.
func (l *Ledger) missing(ctx context.Context, key, what string, report func(error)) {
	switch n, err := l.rdb.Exists(ctx, key).Result(); {
	case err != nil:
		report(db.Failed(err, "look up %s", what))
	case n == 0:
		report(fmt.Errorf("%s: %w", what, ErrNotFound))
	}
}

// Sample chooses up to n apps of a rollout at random, none twice.
func (l *Ledger) Sample(ctx context.Context, id string, n int) ([]string, error) {
	apps, err := l.rdb.HRandField(ctx, db.KeyTargets(id), n).Result()
	return apps, db.Failed(err, "choose %d apps of rollout %s", n, id)
}

// Edit is one operator's change of a target, as Step decided it.
type Edit struct{ Was, Next rollout.Target }

// SaveAll stores many edits in one round trip and says how many were stored;
// those that moved on meanwhile are left alone.
func (l *Ledger) SaveAll(ctx context.Context, edits []Edit) (int, error) {
	cmds := make([]*redis.Cmd, len(edits))
	if err := saveScript.Load(ctx, l.rdb).Err(); err != nil {
		return 0, db.Failed(err, "load save script")
	}
	_, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, e := range edits {
			args, err := saveArgs(e.Was, e.Next, rollout.SaveOptions{})
			if err != nil {
				return err
			}
			cmds[i] = saveScript.EvalSha(ctx, p, []string{db.Root}, args...)
		}
		return nil
	})
	if err != nil {
		return 0, db.Failed(err, "save %d targets", len(edits))
	}
	stored := 0
	for i, cmd := range cmds {
		list, err := db.Texts(cmd)
		if err != nil {
			return stored, err
		}
		if _, err := saved(edits[i].Was, edits[i].Next, list); err == nil {
			stored++
		}
	}
	return stored, nil
}

// Owners are the rollouts that work on apps, by app, in one round trip; apps without one are absent.
func (l *Ledger) Owners(ctx context.Context, apps []string) (map[string]string, error) {
	if len(apps) == 0 {
		return nil, nil
	}
	values, err := l.rdb.HMGet(ctx, db.KeyOwners, apps...).Result()
	if err != nil {
		return nil, db.Failed(err, "read the owners of %d apps", len(apps))
	}
	out := make(map[string]string)
	for i, v := range values {
		if id, ok := v.(string); ok {
			out[apps[i]] = id
		}
	}
	return out, nil
}

// Owner is the rollout that works on an app; "" if none does.
func (l *Ledger) Owner(ctx context.Context, appID string) (string, error) {
	id, err := l.rdb.HGet(ctx, db.KeyOwners, appID).Result()
	if errors.Is(err, redis.Nil) {
		return "", nil
	}
	return id, db.Failed(err, "read the owner of app %s", appID)
}

package ledger

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/rollout"
)

// leave ends targets that leave their app to another rollout: one that released a newer version,
// or for a plan that skips such apps, one that works on it. Which it is, is read again, and a target
// that moved meanwhile is left alone: it comes up again. Cost: a few round trips, for a batch.
func (l *Ledger) leave(ctx context.Context, keys []TargetKey) error {
	if len(keys) == 0 {
		return nil
	}
	found, err := l.Lookup(ctx, keys)
	if err != nil {
		return err
	}
	rivals, now, err := l.rivals(ctx, keys)
	if err != nil {
		return err
	}
	var edits []Edit
	var errs []error
	plans := make(map[planKey]rollout.Plan)
	for i, f := range found {
		if !f.There || f.Err != nil || f.Target.State.Ended() || f.Target.Stage == rollout.StageUndo {
			continue
		}
		why, err := l.leaves(ctx, f.Target, rivals[i], plans)
		if err != nil || why == "" {
			errs = append(errs, err)
			continue
		}
		if next, err := rollout.Step(f.Target, rollout.Skipped{At: now, Note: why}); err == nil {
			edits = append(edits, Edit{Was: f.Target, Next: next})
		}
	}
	if len(edits) > 0 {
		_, err = l.SaveAll(ctx, edits)
	}
	return errors.Join(append(errs, err)...)
}

// rival is what else is known of a target's app.
type rival struct {
	owner    string
	created  time.Time // of the target's rollout
	releases []rollout.Release
}

type planKey struct {
	rollout  string
	revision int
}

// rivals reads the apps of targets, and the server's time.
func (l *Ledger) rivals(ctx context.Context, keys []TargetKey) ([]rival, time.Time, error) {
	owner, released, created := make([]*redis.StringCmd, len(keys)), make([]*redis.StringCmd, len(keys)), make([]*redis.StringCmd, len(keys))
	var now *redis.TimeCmd
	_, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, k := range keys {
			owner[i], released[i] = p.HGet(ctx, keyOwners, k.AppID), p.HGet(ctx, keyReleased, k.AppID)
			created[i] = p.HGet(ctx, keyRollout(k.Rollout), "created")
		}
		now = p.Time(ctx)
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, time.Time{}, failed(err, "read who works on %d apps", len(keys))
	}
	out := make([]rival, len(keys))
	for i := range keys {
		ms, _ := created[i].Int64()
		out[i] = rival{owner: owner[i].Val(), created: fromMilli(ms), releases: decodeReleases(released[i].Val())}
	}
	return out, now.Val(), nil
}

// leaves says why a target leaves its app to another rollout; "" if it doesn't.
func (l *Ledger) leaves(ctx context.Context, t rollout.Target, r rival, plans map[planKey]rollout.Plan) (string, error) {
	key := planKey{t.Rollout, t.Revision}
	plan, ok := plans[key]
	if !ok {
		var err error
		if plan, err = l.Plan(ctx, t.Rollout, t.Revision); err != nil {
			return "", err
		}
		plans[key] = plan
	}
	if by, ok := rollout.Superseded(plan, t.Rollout, r.created, r.releases); ok {
		return by.Words(), nil
	}
	if plan.OnConflict == rollout.OnConflictSkip && r.owner != "" && r.owner != t.Rollout && t.Reason == rollout.ReasonOwner {
		return "rollout " + r.owner + " works on this app, and the plan skips such apps", nil
	}
	return "", nil
}

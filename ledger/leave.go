package ledger

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/ledger/internal/db"
	"github.com/wxrollout/wxrollout/rollout"
)

// leave ends targets that leave their app to another rollout: one that released a newer version, a
// later run of the same name that works on it, or for a plan that skips such apps, any that works on
// it. Which it is, is read again, and a target
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
	follows  bool      // the owner is a later rollout of the name of the target's
	created  time.Time // of the target's rollout
	releases []rollout.Release
}

type planKey struct {
	rollout  string
	revision int
}

// rivals reads the apps of targets, and the server's time.
func (l *Ledger) rivals(ctx context.Context, keys []TargetKey) ([]rival, time.Time, error) {
	owner, released := make([]*redis.StringCmd, len(keys)), make([]*redis.StringCmd, len(keys))
	ids := make([]string, 0, 2*len(keys))
	var now *redis.TimeCmd
	_, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, k := range keys {
			owner[i], released[i] = p.HGet(ctx, db.KeyOwners, k.AppID), p.HGet(ctx, db.KeyReleased, k.AppID)
		}
		now = p.Time(ctx)
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, time.Time{}, db.Failed(err, "read who works on %d apps", len(keys))
	}
	for i, k := range keys {
		ids = append(ids, k.Rollout, owner[i].Val())
	}
	runs, err := l.runs(ctx, ids)
	if err != nil {
		return nil, time.Time{}, err
	}
	out := make([]rival, len(keys))
	for i, k := range keys {
		own := runs[k.Rollout]
		out[i] = rival{owner: owner[i].Val(), created: own.created, releases: decodeReleases(released[i].Val())}
		out[i].follows = runs[out[i].owner].follows(own)
	}
	return out, now.Val(), nil
}

// nameRun is one of the rollouts that had a name one after another.
type nameRun struct {
	id, name string
	created  time.Time
}

// follows reports whether r is a later rollout of the name of other; as in prelude.lua.
func (r nameRun) follows(other nameRun) bool {
	return r.name != "" && r.name == other.name && cmp.Or(r.created.Compare(other.created), strings.Compare(r.id, other.id)) > 0
}

// runs reads rollouts' names and when they were created; "" is none.
func (l *Ledger) runs(ctx context.Context, ids []string) (map[string]nameRun, error) {
	cmds := make(map[string]*redis.SliceCmd)
	_, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, id := range ids {
			if id != "" && cmds[id] == nil {
				cmds[id] = p.HMGet(ctx, db.KeyRollout(id), "name", "created")
			}
		}
		return nil
	})
	if err != nil {
		return nil, db.Failed(err, "read the names of %d rollouts", len(cmds))
	}
	out := make(map[string]nameRun, len(cmds))
	for id, cmd := range cmds {
		name, _ := cmd.Val()[0].(string)
		created, _ := cmd.Val()[1].(string)
		ms, _ := strconv.ParseInt(created, 10, 64)
		out[id] = nameRun{id: id, name: name, created: db.FromMilli(ms)}
	}
	return out, nil
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
	if r.follows && t.Reason == rollout.ReasonOwner {
		return "superseded by rollout " + r.owner + ", a later run of the same name, which works on this app", nil
	}
	if plan.OnConflict == rollout.OnConflictSkip && r.owner != "" && r.owner != t.Rollout && t.Reason == rollout.ReasonOwner {
		return "rollout " + r.owner + " works on this app, and the plan skips such apps", nil
	}
	return "", nil
}

package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/ledger/internal/db"
	"github.com/wxrollout/wxrollout/rollout"
)

// Rollout reads one rollout with its counts.
func (l *Ledger) Rollout(ctx context.Context, id string) (rollout.Rollout, error) {
	list, err := l.read(ctx, []string{id})
	if err != nil {
		return rollout.Rollout{}, err
	}
	if len(list) == 0 {
		return rollout.Rollout{}, &StatusError{Rollout: id}
	}
	return list[0], nil
}

// ByName is the id of the newest rollout with a name.
func (l *Ledger) ByName(ctx context.Context, name string) (string, error) {
	id, err := l.rdb.HGet(ctx, db.KeyNames, name).Result()
	if errors.Is(err, redis.Nil) {
		return "", fmt.Errorf("rollout %s: %w", name, ErrNotFound)
	}
	return id, db.Failed(err, "look up rollout %s", name)
}

// Rollouts lists rollouts, newest first, a page of n from offset.
func (l *Ledger) Rollouts(ctx context.Context, offset, n int) ([]rollout.Rollout, error) {
	ids, err := l.rdb.ZRevRange(ctx, db.KeyRollouts, int64(offset), int64(offset+n-1)).Result()
	if err != nil {
		return nil, db.Failed(err, "list rollouts")
	}
	return l.read(ctx, ids)
}

// Active implements dispatch.Store. One that can't be read is a *BrokenError.
func (l *Ledger) Active(ctx context.Context) ([]rollout.Rollout, error) {
	views, err := db.ActiveViews(ctx, l.rdb)
	if err != nil {
		return nil, err
	}
	return decodeRollouts(views)
}

// read fetches rollouts that are there.
func (l *Ledger) read(ctx context.Context, ids []string) ([]rollout.Rollout, error) {
	views, err := db.Views(ctx, l.rdb, ids)
	if err != nil {
		return nil, err
	}
	return decodeRollouts(views)
}

// decodeRollouts gives those that can be read, and a *BrokenError for each of the
// others.
func decodeRollouts(views []db.View) ([]rollout.Rollout, error) {
	var out []rollout.Rollout
	var errs []error
	for _, v := range views {
		r, err := v.Rollout()
		if err != nil {
			errs = append(errs, &BrokenError{Rollout: v.ID, Err: err})
			continue
		}
		out = append(out, r)
	}
	return out, errors.Join(errs...)
}

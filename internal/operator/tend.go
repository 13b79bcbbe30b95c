package operator

import (
	"context"
	"errors"
	"time"

	"github.com/wxrollout/wxrollout/registry/apps"
)

// listAgain is how old WeChat's list may be before a worker reads it again: pushes may
// have been lost.
const listAgain = 24 * time.Hour

// ReconcileApps keeps the registry true: it syncs one that was never synced, goes on with a
// sync that was interrupted, reads the list again once a day, and asks about apps that
// pushes told of. The worker's leader calls it every few seconds; synced is false if
// there was nothing to do, or if somebody else does it.
func (o *Operator) ReconcileApps(ctx context.Context, rate int) (done Synced, synced bool, err error) {
	opt := SyncOptions{Rate: rate}
	cursor, err := o.apps.Cursor(ctx)
	if err != nil {
		return done, false, err
	}
	if cursor.Phase == apps.PhaseIdle && o.now().Sub(cursor.Listed.Time()) < listAgain {
		ids, err := o.apps.Unread(ctx, o.now(), 1)
		if err != nil || len(ids) == 0 {
			return done, false, err
		}
		opt.Unread = true
	}
	done, err = o.SyncApps(ctx, opt)
	if errors.As(err, new(*SyncRunningError)) {
		return done, false, nil
	}
	return done, err == nil, err
}

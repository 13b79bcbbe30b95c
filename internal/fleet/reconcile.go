package fleet

import (
	"context"
	"errors"
	"time"

	"github.com/wxrollout/wxrollout/registry/apps"
)

// listAgain is how old WeChat's list may be before a worker reads it again: callbacks may have
// been lost.
const listAgain = 24 * time.Hour

// Reconcile keeps the registry up to date: it syncs one that was never synced, continues an
// interrupted sync, reads the list again once a day, and reads apps that callbacks named. The
// leader calls it every few seconds; synced is false if there was nothing to do or another
// process syncs.
func (f *Fleet) Reconcile(ctx context.Context, rate int) (done Synced, synced bool, err error) {
	opt := SyncOptions{Rate: rate}
	cursor, err := f.apps.Cursor(ctx)
	if err != nil {
		return done, false, err
	}
	if cursor.Phase == apps.PhaseIdle && f.d.Now().Sub(cursor.Listed.Time()) < listAgain {
		ids, err := f.apps.Unread(ctx, f.d.Now(), 1)
		if err != nil || len(ids) == 0 {
			return done, false, err
		}
		opt.Unread = true
	}
	done, err = f.Sync(ctx, opt)
	if errors.As(err, new(*SyncRunningError)) {
		return done, false, nil
	}
	return done, err == nil, err
}

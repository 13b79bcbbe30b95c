package ledger

import (
	"context"
	"errors"
	"time"

	"github.com/wxrollout/wxrollout/ledger/internal/db"
	"github.com/wxrollout/wxrollout/rollout"
)

// wakeTries bounds the repeats for a target that moves meanwhile.
const wakeTries = 8

// Wake makes a parked target pending after an external event, such as a callback, if match accepts it, and
// adds why to its timeline. A running target may have read WeChat just before the event: it is marked, and
// its handler reads once more before it parks for its verdict, for another version's audit or for the
// merchant. An app without a target is no error.
func (l *Ledger) Wake(ctx context.Context, appID, why string, at time.Time, match func(rollout.Target) bool) error {
	owner, err := l.Owner(ctx, appID)
	if err != nil || owner == "" {
		return err
	}
	for range wakeTries {
		t, err := l.Target(ctx, owner, appID)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		done, err := l.wake(ctx, t, why, at, match)
		if err != nil || done {
			return err
		}
	}
	return nil // it moves all the time, so it reads WeChat anyway
}

// wake reports false if the target moved meanwhile.
func (l *Ledger) wake(ctx context.Context, t rollout.Target, why string, at time.Time, match func(rollout.Target) bool) (done bool, err error) {
	switch {
	case t.State == rollout.StateRunning:
		n, err := db.Run(ctx, l.rdb, markScript, t.Rollout, t.AppID, t.Fence).Int()
		return n == 1, db.Failed(err, "mark rollout %s, app %s", t.Rollout, t.AppID)
	case t.State != rollout.StateParked || !match(t):
		return true, nil
	}
	next, err := rollout.Step(t, rollout.Woken{At: at, Note: why})
	if err != nil {
		return false, err
	}
	_, err = l.Save(ctx, t, next, rollout.SaveOptions{})
	if errors.As(err, new(*rollout.StaleError)) {
		return false, nil
	}
	return true, err
}

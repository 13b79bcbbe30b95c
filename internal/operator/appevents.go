package operator

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/wxrollout/wxrollout/registry/apps"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks"
)

// errNoApp refuses news of an app without its appid: no record may have an empty one.
var errNoApp = errors.New("news of an app: the appid is empty")

// AppJoined keeps WeChat's news that an app authorized the platform, or changed what
// it grants, and wakes its target if that waits for the merchant.
func (o *Operator) AppJoined(ctx context.Context, appID string, at time.Time) error {
	if appID == "" {
		return errNoApp
	}
	if _, err := o.apps.Change(ctx, []string{appID}, func(a *apps.App) bool { return a.Join(apps.At(at)) }); err != nil {
		return err
	}
	return o.Wake(ctx, appID, "the merchant authorized the platform", waitsForMerchant)
}

// AppLeft keeps WeChat's news that an app took its authorization back. Its target is
// woken to see for itself: it parks until the merchant comes back.
func (o *Operator) AppLeft(ctx context.Context, appID string, at time.Time) error {
	if appID == "" {
		return errNoApp
	}
	changes, err := o.apps.Change(ctx, []string{appID}, func(a *apps.App) bool { return a.Leave(apps.At(at)) })
	if err != nil || len(changes) == 0 {
		return err // older than what is known
	}
	return o.Wake(ctx, appID, "the merchant took the authorization back", waitsElsewhere)
}

// wakeFor wakes the targets of apps that came back or left. A new app has none that
// waits.
func (o *Operator) wakeFor(ctx context.Context, changes []apps.Change) error {
	for _, c := range changes {
		var err error
		switch {
		case c.Joined() && c.Was.State == apps.StateLeft:
			err = o.Wake(ctx, c.Is.AppID, "WeChat's list has the app again", waitsForMerchant)
		case c.Left():
			err = o.Wake(ctx, c.Is.AppID, "WeChat's list has the app no more", waitsElsewhere)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func waitsForMerchant(t rollout.Target) bool { return t.Reason == rollout.ReasonMerchant }

// waitsElsewhere are the targets that would not notice for long that an app left.
func waitsElsewhere(t rollout.Target) bool {
	return t.Reason != rollout.ReasonMerchant && t.Reason != rollout.ReasonOwner
}

// AppSeen keeps what a worker saw of an app on its way: what it did not look at stays.
// An app that the registry doesn't know stays unknown.
func (o *Operator) AppSeen(ctx context.Context, appID string, seen tasks.Seen) error {
	if appID == "" {
		return errNoApp
	}
	_, err := o.apps.Change(ctx, []string{appID}, func(a *apps.App) bool {
		f, read := a.Facts, a.Read
		if seen.Account != nil {
			f = factsOf(*seen.Account)
		}
		f.Live, f.Privacy = cmp.Or(seen.Live, a.Live), cmp.Or(seen.Privacy, a.Privacy)
		if f.Equal(a.Facts) || !a.Learn(0, f) {
			return false
		}
		a.Read = read // what else there is to read is not
		return true
	})
	return err
}

// Wake makes the target that works on an app look now, if it is parked and match says
// so, or look once more, if it has its assignment. That there is none is no error.
func (o *Operator) Wake(ctx context.Context, appID, why string, match func(rollout.Target) bool) error {
	return o.ledger.Wake(ctx, appID, why, o.now(), match)
}

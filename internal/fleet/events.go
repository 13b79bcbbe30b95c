package fleet

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/wxrollout/wxrollout/registry/apps"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient"
)

// errNoApp refuses an event without an appid: no record may have an empty one.
var errNoApp = errors.New("event of an app: the appid is empty")

// Joined records that an app authorized the platform or changed its grants, and wakes its target
// if that waits for the merchant.
func (f *Fleet) Joined(ctx context.Context, appID string, at time.Time) error {
	if appID == "" {
		return errNoApp
	}
	if _, err := f.apps.Change(ctx, []string{appID}, func(a *apps.App) bool { return a.Join(apps.At(at)) }); err != nil {
		return err
	}
	return f.wake(ctx, appID, "the merchant authorized the platform", waitsForMerchant)
}

// Left records that an app withdrew its authorization, and wakes its target, which then parks
// until the merchant authorizes again.
func (f *Fleet) Left(ctx context.Context, appID string, at time.Time) error {
	if appID == "" {
		return errNoApp
	}
	changes, err := f.apps.Change(ctx, []string{appID}, func(a *apps.App) bool { return a.Leave(apps.At(at)) })
	if err != nil || len(changes) == 0 {
		return err // older than the record
	}
	return f.wake(ctx, appID, "the merchant took the authorization back", waitsElsewhere)
}

// wakeFor wakes the targets of apps that came back or left. A new app has no waiting target.
func (f *Fleet) wakeFor(ctx context.Context, changes []apps.Change) error {
	for _, c := range changes {
		var err error
		switch {
		case c.Joined() && c.Was.State == apps.StateLeft:
			err = f.wake(ctx, c.Is.AppID, "WeChat's list has the app again", waitsForMerchant)
		case c.Left():
			err = f.wake(ctx, c.Is.AppID, "WeChat's list has the app no more", waitsElsewhere)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// wake wakes the target that works on an app, if match selects it; having none is no error.
func (f *Fleet) wake(ctx context.Context, appID, why string, match func(rollout.Target) bool) error {
	return f.d.Rollouts.Wake(ctx, appID, why, f.d.Now(), match)
}

func waitsForMerchant(t rollout.Target) bool { return t.Reason == rollout.ReasonMerchant }

// waitsElsewhere selects targets that would otherwise notice late that their app left.
func waitsElsewhere(t rollout.Target) bool {
	return t.Reason != rollout.ReasonMerchant && t.Reason != rollout.ReasonOwner
}

// Observation is what a worker read of an app while it worked; zero fields were not read.
type Observation struct {
	Account *wxclient.AuthorizerInfo
	// Live is the version users have, Privacy the result of the last commit's detection: "ok" or
	// the apis.
	Live    string
	Privacy string
}

// Observed stores an observation; facts that it lacks stay. An app without a record gets none.
func (f *Fleet) Observed(ctx context.Context, appID string, seen Observation) error {
	if appID == "" {
		return errNoApp
	}
	_, err := f.apps.Change(ctx, []string{appID}, func(a *apps.App) bool {
		facts, read := a.Facts, a.Read
		if seen.Account != nil {
			facts = factsOf(*seen.Account)
		}
		facts.Live, facts.Privacy = cmp.Or(seen.Live, a.Live), cmp.Or(seen.Privacy, a.Privacy)
		if facts.Equal(a.Facts) || !a.Learn(0, facts) {
			return false
		}
		a.Read = read // the worker did not read all facts
		return true
	})
	return err
}

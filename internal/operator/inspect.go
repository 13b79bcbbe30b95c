package operator

import (
	"context"
	"errors"

	"github.com/wxrollout/wxrollout/internal/fleet"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/registry/apps"
)

// AppDetails is everything that is known of one app.
type AppDetails struct {
	fleet.AppView
	// InRegistry is false for an app that the registry has no record of.
	InRegistry bool `json:"in_registry"`
	// Rollouts are its places in rollouts.
	Rollouts []Place `json:"rollouts,omitempty"`
	// Now is WeChat's side, if it was asked.
	Now *Live `json:"wechat,omitempty"`
}

// InspectApp returns everything that is known of an app; live also asks WeChat, and stores the
// account's facts. An app that neither the registry nor a rollout has is an apps.ErrNotFound.
func (o *Operator) InspectApp(ctx context.Context, appID string, live bool) (AppDetails, error) {
	var d AppDetails
	if live {
		if err := o.d.Fleet.Refresh(ctx, appID); err != nil {
			return d, err
		}
	}
	view, notFound := o.d.Fleet.App(ctx, appID)
	if notFound != nil && !errors.Is(notFound, apps.ErrNotFound) {
		return d, notFound
	}
	d.AppView, d.InRegistry = view, notFound == nil
	e, err := o.Why(ctx, appID, "")
	switch {
	case err == nil:
		d.Rollouts = e.Places
	case notFound != nil:
		return d, notFound
	case !IsNotFound(err):
		return d, err
	}
	if live {
		now, err := o.Live(ctx, appID)
		if err != nil {
			return d, err
		}
		d.Now = &now
	}
	return d, nil
}

// IsNotFound reports that the ledger has no such record.
func IsNotFound(err error) bool { return errors.Is(err, ledger.ErrNotFound) }

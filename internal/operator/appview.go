package operator

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/wxrollout/wxrollout/registry/apps"
	"github.com/wxrollout/wxrollout/rollout/selector"
)

// AppView is one app of the registry as lists show it.
type AppView struct {
	AppID  string            `json:"appid"`
	Label  string            `json:"label,omitempty"`
	Values map[string]string `json:"values,omitempty"`
	State  apps.State        `json:"state"`
	// Authorized is when the merchant authorized the platform.
	Authorized time.Time `json:"authorized,omitzero"`
	// Listed is when WeChat's list last had the app, Read when it was last asked about;
	// zero if not yet.
	Listed      time.Time `json:"listed,omitzero"`
	Read        time.Time `json:"read,omitzero"`
	Name        string    `json:"name,omitempty"`
	Principal   string    `json:"principal,omitempty"`
	MiniProgram bool      `json:"mini_program"`
	// AccountStatus is 1 normal, 14 canceled, 16 banned, 18 warned, 19 frozen.
	AccountStatus int64    `json:"account_status,omitempty"`
	ServiceType   int64    `json:"service_type"`
	Permissions   []int64  `json:"permission_sets,omitempty"`
	Categories    []string `json:"categories,omitempty"`
	// Live is the version users have, Privacy what the detection of the last commit
	// found: "ok" or the apis; "" if they were not looked at.
	Live    string `json:"live,omitempty"`
	Privacy string `json:"privacy,omitempty"`
	// Needs is what the merchant must do.
	Needs []apps.Need `json:"needs,omitempty"`
}

func appView(a apps.App) AppView {
	return AppView{
		AppID: a.AppID, Label: a.Label, Values: a.Values, State: a.State, Authorized: a.Authorized.Time(),
		Listed: a.Listed.Time(), Read: a.Read.Time(), Name: a.Name, Principal: a.Principal, MiniProgram: a.MiniProgram,
		AccountStatus: a.Status, ServiceType: a.Service, Permissions: a.Sets, Categories: a.Categories,
		Live: a.Live, Privacy: a.Privacy, Needs: a.Needs(),
	}
}

// AppFilter chooses apps of the registry.
type AppFilter struct {
	// Selector looks at appid, label, values and the registry's own keys (wx.live, ...).
	Selector selector.Selector
	// Left takes the apps that left, too; they are left out otherwise.
	Left bool
	// Needs takes only apps whose merchant must do something.
	Needs bool
}

func (f AppFilter) match(a apps.App) bool {
	return (f.Left || f.Needs || a.State == apps.StateAuthorized) && (!f.Needs || len(a.Needs()) > 0) && f.Selector.Match(a.Get)
}

// Apps walks over the registry's apps that match, in pages and in no order.
func (o *Operator) Apps(ctx context.Context, f AppFilter) iter.Seq2[AppView, error] {
	return func(yield func(AppView, error) bool) {
		for a, err := range o.apps.All(ctx) {
			if err == nil && !f.match(a) {
				continue
			}
			if !yield(appView(a), err) {
				return
			}
		}
	}
}

// AppDetails is all that is known of one app.
type AppDetails struct {
	AppView
	// InRegistry is false for an app that the registry has no record of.
	InRegistry bool `json:"in_registry"`
	// Rollouts are where it stands in rollouts.
	Rollouts []Place `json:"rollouts,omitempty"`
	// Now is WeChat's side, if it was asked.
	Now *Live `json:"wechat,omitempty"`
}

// InspectApp tells all that is known of an app; with live it asks WeChat too, and keeps
// what it says of the account. An app that neither the registry nor a rollout knows is
// an apps.ErrNotFound.
func (o *Operator) InspectApp(ctx context.Context, appID string, live bool) (AppDetails, error) {
	var d AppDetails
	if live {
		if err := o.refresh(ctx, appID); err != nil {
			return d, err
		}
	}
	a, notFound := o.apps.Get(ctx, appID)
	if notFound != nil && !errors.Is(notFound, apps.ErrNotFound) {
		return d, notFound
	}
	d.AppView, d.InRegistry = appView(a), notFound == nil
	e, err := o.Why(ctx, appID, "")
	switch {
	case err == nil:
		d.Rollouts = e.Places
	case notFound != nil:
		return d, notFound
	case !isNotFound(err):
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

// refresh asks WeChat what an app of the registry is.
func (o *Operator) refresh(ctx context.Context, appID string) error {
	wx, err := o.online("ask about the app")
	if err != nil {
		return err
	}
	s := &syncer{o: o, wx: wx, opt: SyncOptions{Versions: true, Progress: func(string, int, int) {}}}
	return s.one(ctx, "", appID)
}

// byAppID sorts apps.
func byAppID(list []AppView) {
	slices.SortFunc(list, func(a, b AppView) int { return cmp.Compare(a.AppID, b.AppID) })
}

// AppList is Apps at once, by appid.
func (o *Operator) AppList(ctx context.Context, f AppFilter) ([]AppView, error) {
	var list []AppView
	for a, err := range o.Apps(ctx, f) {
		if err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	byAppID(list)
	return list, nil
}

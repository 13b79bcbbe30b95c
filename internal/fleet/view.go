package fleet

import (
	"cmp"
	"context"
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
	// Listed is when WeChat's list last had the app, Read when WeChat was last asked about it;
	// zero if never.
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
	// Live is the version users have, Privacy the result of the last commit's detection: "ok" or
	// the apis; "" if they were not read.
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
	// Selector matches appid, label, values and the registry's own keys (wx.live, ...).
	Selector selector.Selector
	// Left includes the apps that left.
	Left bool
	// Needs keeps only apps whose merchant must do something.
	Needs bool
}

func (f AppFilter) match(a apps.App) bool {
	return (f.Left || f.Needs || a.State == apps.StateAuthorized) && (!f.Needs || len(a.Needs()) > 0) && f.Selector.Match(a.Get)
}

// Apps walks over the registry's apps that match, in pages and in no order.
func (f *Fleet) Apps(ctx context.Context, filter AppFilter) iter.Seq2[AppView, error] {
	return func(yield func(AppView, error) bool) {
		for a, err := range f.apps.All(ctx) {
			if err == nil && !filter.match(a) {
				continue
			}
			if !yield(appView(a), err) {
				return
			}
		}
	}
}

// ValueNames returns the names of the values that matching apps have, sorted.
func (f *Fleet) ValueNames(ctx context.Context, filter AppFilter) ([]string, error) {
	names := make(map[string]bool)
	for a, err := range f.apps.All(ctx) {
		if err != nil {
			return nil, err
		}
		if filter.match(a) {
			apps.Names(names, a)
		}
	}
	return apps.SortedNames(names), nil
}

// List returns Apps as a list, by appid.
func (f *Fleet) List(ctx context.Context, filter AppFilter) ([]AppView, error) {
	var list []AppView
	for a, err := range f.Apps(ctx, filter) {
		if err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b AppView) int { return cmp.Compare(a.AppID, b.AppID) })
	return list, nil
}

// App returns the record of one app. An app without one is an apps.ErrNotFound; its view has the
// appid alone.
func (f *Fleet) App(ctx context.Context, appID string) (AppView, error) {
	a, err := f.apps.Get(ctx, appID)
	return appView(a), err
}

// Refresh reads an app's facts from WeChat into the registry.
func (f *Fleet) Refresh(ctx context.Context, appID string) error {
	wx, err := f.online("ask about the app")
	if err != nil {
		return err
	}
	s := &syncer{f: f, wx: wx, opt: SyncOptions{Versions: true, Progress: func(string, int, int) {}}}
	return s.one(ctx, "", appID)
}

// Status reports how complete the registry is.
type Status struct {
	// Apps have a record; Unread of them wait to be read.
	Apps   int `json:"apps"`
	Unread int `json:"unread"`
	// Listed is when WeChat's list was last read completely, Synced when a sync last finished;
	// zero if never.
	Listed time.Time `json:"listed,omitzero"`
	Synced time.Time `json:"synced,omitzero"`
	// Phase is what a sync under way does: list, missing or read.
	Phase apps.Phase `json:"phase,omitempty"`
	// Short is what WeChat's list lacked when it was last read, with the counts; "" if nothing.
	Short string `json:"short,omitempty"`
}

// Status reads how complete the registry is.
func (f *Fleet) Status(ctx context.Context) (Status, error) {
	c, err := f.apps.Cursor(ctx)
	if err != nil {
		return Status{}, err
	}
	s := Status{Listed: c.Listed.Time(), Synced: c.Done.Time(), Phase: c.Phase, Short: c.Short}
	if s.Apps, err = f.apps.Len(ctx); err != nil {
		return s, err
	}
	s.Unread, err = f.apps.CountUnread(ctx)
	return s, err
}

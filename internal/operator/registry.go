package operator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wxrollout/wxrollout/registry/apps"
	"github.com/wxrollout/wxrollout/rollout/planfile"
	"github.com/wxrollout/wxrollout/rollout/selector"
)

// registryName stands for the registry in faults and previews.
const registryName = "the registry of apps"

// listStale is how old WeChat's list may be before a plan warns.
const listStale = 48 * time.Hour

// ErrNotSynced says that the registry has never seen WeChat's list of apps.
var ErrNotSynced = errors.New("the registry has not read WeChat's list of apps yet: run enqueue apps sync, or start a worker, which does it by itself")

// chosen are the registry's apps that a plan takes, in its order. What a person
// should know of them comes as warnings.
func (o *Operator) chosen(ctx context.Context, file *planfile.File) (list *planfile.Apps, warnings []string, err error) {
	cursor, err := o.apps.Cursor(ctx)
	if err != nil {
		return nil, nil, err
	}
	if cursor.Listed == 0 {
		return nil, nil, ErrNotSynced
	}
	if age := o.now().Sub(cursor.Listed.Time()); age > listStale {
		warnings = append(warnings, fmt.Sprintf("WeChat's list of apps was read %d days ago: run enqueue apps sync", int(age.Hours()/24)))
	}
	if cursor.Short != "" {
		warnings = append(warnings, cursor.Short+": the plan may lack apps")
	}
	sel, names := file.Targets.Select, make(map[string]bool)
	var picked []planfile.App
	authorized := 0
	for a, err := range o.apps.All(ctx) {
		if err != nil {
			return nil, nil, err
		}
		if a.State != apps.StateAuthorized {
			continue
		}
		authorized++
		apps.Names(names, a)
		if sel.Match(a.Get) {
			picked = append(picked, planApp(a))
		}
	}
	warnings = append(warnings, unknownKeys(sel, names)...)
	slices.SortFunc(picked, func(a, b planfile.App) int { return cmp.Compare(a.AppID, b.AppID) })
	list, err = file.Choose(registryName, picked, authorized)
	return list, warnings, err
}

// planApp is what a plan sees of an app.
func planApp(a apps.App) planfile.App {
	return planfile.App{AppID: a.AppID, Label: a.Label, Columns: a.Values}
}

// unknownKeys warns of keys that no app has a value of: tire!=test matches them all.
func unknownKeys(sel selector.Selector, names map[string]bool) []string {
	var unknown []string
	for _, key := range sel.Keys() {
		if key != "appid" && key != "label" && !names[key] && !slices.Contains(apps.OwnKeys(), key) {
			unknown = append(unknown, fmt.Sprintf("%q", key))
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	have := append([]string{"appid", "label"}, apps.SortedNames(names)...)
	return []string{fmt.Sprintf("no app has a value %s, which the selector names; there are %s", strings.Join(unknown, ", "), strings.Join(append(have, apps.OwnKeys()...), ", "))}
}

// listed are the apps of WeChat's list itself, for a plan that takes all of them
// before the registry was ever synced.
func (o *Operator) listed(ctx context.Context, file *planfile.File, opt PlanOptions) (*planfile.Apps, []string, error) {
	authorized, err := o.AuthorizedApps(ctx, func(done, total int) { opt.Progress("authorized apps", done, total) })
	if err != nil {
		return nil, nil, err
	}
	list := make([]planfile.App, len(authorized))
	for i, a := range authorized {
		list[i] = planfile.App{AppID: a.AppID}
	}
	apps, err := file.Choose("the authorized apps", list, len(list))
	return apps, []string{"the registry of apps is not synced yet: the apps are WeChat's list, without labels"}, err
}

// AppsStatus tells how complete the registry is.
type AppsStatus struct {
	// Apps have a record; Unread of them wait to be read.
	Apps   int `json:"apps"`
	Unread int `json:"unread"`
	// Listed is when WeChat's list was last read to its end, Synced when a sync last
	// came to its end; zero if never.
	Listed time.Time `json:"listed,omitzero"`
	Synced time.Time `json:"synced,omitzero"`
	// Phase is what a sync under way does: list, missing or read.
	Phase apps.Phase `json:"phase,omitempty"`
	// Short is what WeChat's list lacked when it was read last, with the counts; "" if nothing.
	Short string `json:"short,omitempty"`
}

// AppsStatus reads how complete the registry is.
func (o *Operator) AppsStatus(ctx context.Context) (AppsStatus, error) {
	c, err := o.apps.Cursor(ctx)
	if err != nil {
		return AppsStatus{}, err
	}
	s := AppsStatus{Listed: c.Listed.Time(), Synced: c.Done.Time(), Phase: c.Phase, Short: c.Short}
	if s.Apps, err = o.apps.Len(ctx); err != nil {
		return s, err
	}
	s.Unread, err = o.apps.CountUnread(ctx)
	return s, err
}

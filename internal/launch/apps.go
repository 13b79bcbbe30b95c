package launch

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wxrollout/wxrollout/internal/fleet"
	"github.com/wxrollout/wxrollout/registry/apps"
	"github.com/wxrollout/wxrollout/rollout/applist"
	"github.com/wxrollout/wxrollout/rollout/planfile"
	"github.com/wxrollout/wxrollout/rollout/selector"
)

// registryName names the registry in faults and previews.
const registryName = "the registry of apps"

// listStale is how old WeChat's list may be before a plan warns.
const listStale = 48 * time.Hour

// chosen are the registry's apps that a plan takes, in its order, with warnings for a person.
func (l *Launcher) chosen(ctx context.Context, file *planfile.File) (list *applist.Apps, warnings []string, err error) {
	cursor, err := l.apps.Cursor(ctx)
	if err != nil {
		return nil, nil, err
	}
	if cursor.Listed == 0 {
		return nil, nil, fleet.ErrNotSynced
	}
	if age := l.d.Now().Sub(cursor.Listed.Time()); age > listStale {
		warnings = append(warnings, fmt.Sprintf("WeChat's list of apps was read %d days ago: run enqueue apps sync", int(age.Hours()/24)))
	}
	if cursor.Short != "" {
		warnings = append(warnings, cursor.Short+": the plan may lack apps")
	}
	sel, names := file.Targets.Select, make(map[string]bool)
	var picked []applist.App
	authorized := 0
	for a, err := range l.apps.All(ctx) {
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
	slices.SortFunc(picked, func(a, b applist.App) int { return cmp.Compare(a.AppID, b.AppID) })
	list, err = file.Choose(registryName, picked, authorized)
	return list, warnings, err
}

// planApp is an app as plans take it.
func planApp(a apps.App) applist.App {
	return applist.App{AppID: a.AppID, Label: a.Label, Columns: a.Values}
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
func (l *Launcher) listed(ctx context.Context, file *planfile.File, opt PlanOptions) (*applist.Apps, []string, error) {
	authorized, err := l.d.List.AuthorizedApps(ctx, func(done, total int) { opt.Progress("authorized apps", done, total) })
	if err != nil {
		return nil, nil, err
	}
	list := make([]applist.App, len(authorized))
	for i, appID := range authorized {
		list[i] = applist.App{AppID: appID}
	}
	apps, err := file.Choose("the authorized apps", list, len(list))
	return apps, []string{"the registry of apps is not synced yet: the apps are WeChat's list, without labels"}, err
}

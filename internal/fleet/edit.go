package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wxrollout/wxrollout/registry/apps"
	"github.com/wxrollout/wxrollout/rollout/applist"
	"github.com/wxrollout/wxrollout/rollout/filefault"
)

// Edit changes the values of an app.
type Edit = apps.Edit

// ParseEdit reads words such as tier=gold, which sets a value, and note-, which removes one.
func ParseEdit(words []string) (Edit, error) { return apps.ParseEdit(words) }

// Action is a change that an operator made to the registry.
type Action struct {
	At   time.Time `json:"at"`
	By   string    `json:"by"`
	What string    `json:"what"`
	Why  string    `json:"why,omitempty"`
}

// EditOptions say how to change the registry.
type EditOptions struct {
	// DryRun counts, and changes nothing.
	DryRun bool
	// Why is the operator's reason.
	Why string
	// Replace removes the values that an imported list does not name.
	Replace bool
	// SkipUnknown skips apps without a record; they are faults otherwise.
	SkipUnknown bool
	// AllowDamaged takes values that a spreadsheet program seems to have changed.
	AllowDamaged bool
	// Faults of reading the list are reported with those that Import finds.
	Faults filefault.Faults
	// Progress receives the number of apps written; nil is fine.
	Progress func(done, total int)
}

// Edited is what a change of the registry did, or with DryRun would do.
type Edited struct {
	// Apps were chosen; Changed of them got other values.
	Apps    int `json:"apps"`
	Changed int `json:"changed"`
	// Unknown apps were skipped.
	Unknown int `json:"unknown,omitempty"`
}

// Import gives the apps of a list its label and values. If the list has faults
// (filefault.Faults), nothing is changed.
func (f *Fleet) Import(ctx context.Context, list *applist.Apps, opt EditOptions) (Edited, error) {
	faults := append(slices.Clone(opt.Faults), list.Without(f.d.Component, "is the third-party platform's own appid: want the apps that authorized it")...)
	for _, name := range list.Columns() {
		if err := apps.CheckName(name); err != nil && name != "" { // reading reported a column without a name
			faults = append(faults, filefault.Fault{File: list.Name(), Line: list.HeaderLine(), Key: name, Msg: err.Error()})
		}
	}
	if !opt.AllowDamaged {
		for _, x := range list.Damage() {
			x.Msg += ": " + applist.Advice + ", or add --allow-damaged"
			faults = append(faults, x)
		}
	}
	edits := make([]string, 0, list.Len())
	place := make(map[string]int, list.Len())
	for i, a := range list.All() {
		place[a.AppID] = i
		edits = append(edits, a.AppID)
	}
	out := Edited{}
	known := make([]string, 0, len(edits))
	for a, err := range f.apps.Some(ctx, edits) {
		switch {
		case err != nil:
			return out, err
		case a.AppID == f.d.Component: // reported above
		case a.State != apps.StateUnknown:
			known = append(known, a.AppID)
			row := list.At(place[a.AppID])
			if _, err := applyEdit(editOfRow(row, list.HasLabel(), opt.Replace), &a); err != nil {
				faults = append(faults, filefault.Fault{File: list.Name(), Line: row.Line, Key: "appid", Value: a.AppID, Msg: err.Error()})
			}
		case opt.SkipUnknown:
			out.Unknown++
		default:
			row := list.At(place[a.AppID])
			faults = append(faults, filefault.Fault{
				File: list.Name(), Line: row.Line, Key: "appid", Value: a.AppID,
				Msg: "is not in the registry: run enqueue apps sync first, or add --skip-unknown to leave it out",
			})
		}
	}
	if len(faults) > 0 {
		faults.Sort(list.Name())
		return out, faults
	}
	edited, err := f.edit(ctx, known, opt, "import "+list.Name(), func(appID string) apps.Edit {
		return editOfRow(list.At(place[appID]), list.HasLabel(), opt.Replace)
	})
	edited.Unknown = out.Unknown
	return edited, err
}

// editOfRow is the edit of one row: a blank cell removes the value.
func editOfRow(row applist.App, hasLabel, replace bool) apps.Edit {
	e := apps.Edit{Set: make(map[string]string), Replace: replace}
	if hasLabel {
		row.Columns["label"] = row.Label // At returns a new map on each call
	}
	for name, value := range row.Columns {
		if value == "" {
			e.Remove = append(e.Remove, name)
		} else {
			e.Set[name] = value
		}
	}
	return e
}

// Label edits the values of the named apps, or of those that the filter chooses when none is
// named. A named app without a record is an *UnknownAppsError, and nothing is changed.
func (f *Fleet) Label(ctx context.Context, ids []string, filter AppFilter, e apps.Edit, opt EditOptions) (Edited, error) {
	var err error
	if len(ids) == 0 {
		ids, err = f.matching(ctx, filter)
	} else {
		err = f.checkKnown(ctx, ids)
	}
	if err != nil {
		return Edited{}, err
	}
	return f.edit(ctx, ids, opt, "label", func(string) apps.Edit { return e })
}

// matching returns the appids that a filter chooses.
func (f *Fleet) matching(ctx context.Context, filter AppFilter) ([]string, error) {
	var ids []string
	for a, err := range f.Apps(ctx, filter) {
		if err != nil {
			return nil, err
		}
		ids = append(ids, a.AppID)
	}
	return ids, nil
}

// UnknownAppsError names apps that the registry has no record of.
type UnknownAppsError struct{ AppIDs []string }

func (e *UnknownAppsError) Error() string {
	return fmt.Sprintf("not in the registry: %s; is the appid right? enqueue apps sync reads WeChat's list", strings.Join(e.AppIDs, ", "))
}

// checkKnown returns an *UnknownAppsError unless all apps are in the registry.
func (f *Fleet) checkKnown(ctx context.Context, ids []string) error {
	var unknown []string
	for a, err := range f.apps.Some(ctx, ids) {
		if err != nil {
			return err
		}
		if a.State == apps.StateUnknown {
			unknown = append(unknown, a.AppID)
		}
	}
	if len(unknown) > 0 {
		return &UnknownAppsError{AppIDs: unknown}
	}
	return nil
}

// editFaults bounds how many apps that can't take an edit an error names.
const editFaults = 20

// edit checks every app first, so that one that can't take its edit leaves all unchanged, and
// then changes them in batches.
func (f *Fleet) edit(ctx context.Context, ids []string, opt EditOptions, what string, editOf func(appID string) apps.Edit) (Edited, error) {
	out := Edited{Apps: len(ids)}
	var faults []error
	for a, err := range f.apps.Some(ctx, ids) {
		if err != nil {
			return out, err
		}
		changed, fault := applyEdit(editOf(a.AppID), &a)
		if changed {
			out.Changed++
		}
		if fault != nil && len(faults) < editFaults {
			faults = append(faults, fault)
		}
	}
	if err := errors.Join(faults...); err != nil || opt.DryRun || out.Changed == 0 {
		return out, err
	}
	out.Changed = 0
	seen := 0
	for batch := range slices.Chunk(ids, apps.Batch) {
		n, err := f.editBatch(ctx, batch, editOf)
		out.Changed += n
		if err != nil {
			return out, fmt.Errorf("%s: stopped after %d of %d apps, do it again to go on: %w", what, seen, len(ids), err)
		}
		if seen += len(batch); opt.Progress != nil {
			opt.Progress(seen, len(ids))
		}
	}
	return out, f.apps.Note(ctx, apps.Action{At: apps.At(f.d.Now()), By: f.d.By, What: fmt.Sprintf("%s: %d apps", what, out.Changed), Why: opt.Why})
}

// applyEdit applies an edit, unless the app would have too many values.
func applyEdit(e apps.Edit, a *apps.App) (changed bool, err error) {
	if !e.Apply(a) {
		return false, nil
	}
	if len(a.Values) > apps.ValuesMax {
		return false, fmt.Errorf("app %s would have %d values, want at most %d: remove some first", a.AppID, len(a.Values), apps.ValuesMax)
	}
	return true, nil
}

func (f *Fleet) editBatch(ctx context.Context, ids []string, editOf func(string) apps.Edit) (int, error) {
	var full error
	changes, err := f.apps.Change(ctx, ids, func(a *apps.App) bool {
		changed, fault := applyEdit(editOf(a.AppID), a)
		full = cmp.Or(full, fault) // another process added values since the check
		return changed
	})
	return len(changes), cmp.Or(err, full)
}

// Actions lists what operators did to the registry, newest first.
func (f *Fleet) Actions(ctx context.Context, n int) ([]Action, error) {
	list, err := f.apps.Actions(ctx, n)
	out := make([]Action, len(list))
	for i, a := range list {
		out[i] = Action{a.At.Time(), a.By, a.What, a.Why}
	}
	return out, err
}

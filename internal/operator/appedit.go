package operator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/wxrollout/wxrollout/registry/apps"
	"github.com/wxrollout/wxrollout/rollout/planfile"
)

// EditOptions say how to change the registry.
type EditOptions struct {
	// DryRun counts, and changes nothing.
	DryRun bool
	// Why is the operator's reason.
	Why string
	// Replace takes away what an imported list does not name.
	Replace bool
	// SkipUnknown leaves apps out that the registry has no record of; without it they
	// are faults.
	SkipUnknown bool
	// Progress hears of apps written; nil is fine.
	Progress func(done, total int)
}

// Edited is what a change of the registry did, or with DryRun would do.
type Edited struct {
	// Apps were chosen; Changed of them got other values.
	Apps    int `json:"apps"`
	Changed int `json:"changed"`
	// Unknown apps were left out.
	Unknown int `json:"unknown,omitempty"`
}

// ImportApps gives the apps of a list its label and values. Every fault is told first
// (planfile.Faults), and then nothing is changed.
func (o *Operator) ImportApps(ctx context.Context, list *planfile.Apps, opt EditOptions) (Edited, error) {
	var faults planfile.Faults
	for _, name := range list.Columns() {
		if err := apps.CheckName(name); err != nil {
			faults = append(faults, planfile.Fault{File: list.Name(), Line: 1, Key: name, Msg: err.Error()})
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
	for a, err := range o.apps.Some(ctx, edits) {
		switch {
		case err != nil:
			return out, err
		case a.State != apps.StateUnknown:
			known = append(known, a.AppID)
		case opt.SkipUnknown:
			out.Unknown++
		default:
			row := list.At(place[a.AppID])
			faults = append(faults, planfile.Fault{
				File: list.Name(), Line: row.Line, Key: "appid", Value: a.AppID,
				Msg: "is not in the registry: run enqueue apps sync first, or add --skip-unknown to leave it out",
			})
		}
	}
	if len(faults) > 0 {
		return out, faults
	}
	edited, err := o.edit(ctx, known, opt, "import "+list.Name(), func(appID string) apps.Edit {
		return editOfRow(list.At(place[appID]), list.HasLabel(), opt.Replace)
	})
	edited.Unknown = out.Unknown
	return edited, err
}

// editOfRow is what a row of a list asks for: a blank value is taken away.
func editOfRow(row planfile.App, hasLabel, replace bool) apps.Edit {
	e := apps.Edit{Set: make(map[string]string), Replace: replace}
	if hasLabel {
		row.Columns["label"] = row.Label // At makes the map anew
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

// LabelApps gives apps values, or takes them away: the apps named, or those a filter
// chooses when none is. An app that is named and not in the registry is an
// *UnknownAppsError, and nothing is changed.
func (o *Operator) LabelApps(ctx context.Context, ids []string, f AppFilter, e apps.Edit, opt EditOptions) (Edited, error) {
	var err error
	if len(ids) == 0 {
		ids, err = o.matching(ctx, f)
	} else {
		ids, err = o.known(ctx, ids)
	}
	if err != nil {
		return Edited{}, err
	}
	return o.edit(ctx, ids, opt, "label", func(string) apps.Edit { return e })
}

// matching are the appids that a filter chooses.
func (o *Operator) matching(ctx context.Context, f AppFilter) ([]string, error) {
	var ids []string
	for a, err := range o.Apps(ctx, f) {
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

// known checks that all apps are in the registry.
func (o *Operator) known(ctx context.Context, ids []string) ([]string, error) {
	var unknown []string
	for a, err := range o.apps.Some(ctx, ids) {
		if err != nil {
			return nil, err
		}
		if a.State == apps.StateUnknown {
			unknown = append(unknown, a.AppID)
		}
	}
	if len(unknown) > 0 {
		return nil, &UnknownAppsError{AppIDs: unknown}
	}
	return ids, nil
}

// editFaults is how many apps that can't take an edit are told.
const editFaults = 20

// edit looks at every app first, so that one that can't take its edit leaves all as they
// are, and then changes them a batch at a time.
func (o *Operator) edit(ctx context.Context, ids []string, opt EditOptions, what string, editOf func(appID string) apps.Edit) (Edited, error) {
	out := Edited{Apps: len(ids)}
	var faults []error
	for a, err := range o.apps.Some(ctx, ids) {
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
		n, err := o.editBatch(ctx, batch, editOf)
		out.Changed += n
		if err != nil {
			return out, fmt.Errorf("%s: stopped after %d of %d apps, do it again to go on: %w", what, seen, len(ids), err)
		}
		if seen += len(batch); opt.Progress != nil {
			opt.Progress(seen, len(ids))
		}
	}
	return out, o.apps.Note(ctx, apps.Action{At: apps.At(o.now()), By: o.by, What: fmt.Sprintf("%s: %d apps", what, out.Changed), Why: opt.Why})
}

// applyEdit makes an edit, unless the app would have too many values then.
func applyEdit(e apps.Edit, a *apps.App) (changed bool, err error) {
	if !e.Apply(a) {
		return false, nil
	}
	if len(a.Values) > apps.ValuesMax {
		return false, fmt.Errorf("app %s would have %d values, want at most %d: take some away first", a.AppID, len(a.Values), apps.ValuesMax)
	}
	return true, nil
}

func (o *Operator) editBatch(ctx context.Context, ids []string, editOf func(string) apps.Edit) (int, error) {
	var full error
	changes, err := o.apps.Change(ctx, ids, func(a *apps.App) bool {
		changed, fault := applyEdit(editOf(a.AppID), a)
		full = cmp.Or(full, fault) // somebody else gave it values meanwhile
		return changed
	})
	return len(changes), cmp.Or(err, full)
}

// AppActions lists what operators did to the registry, newest first.
func (o *Operator) AppActions(ctx context.Context, n int) ([]apps.Action, error) {
	return o.apps.Actions(ctx, n)
}

package operator

import (
	"context"
	"fmt"

	"github.com/wxrollout/wxrollout/internal/library"
	"github.com/wxrollout/wxrollout/internal/view"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/applist"
	"github.com/wxrollout/wxrollout/rollout/extjson"
	"github.com/wxrollout/wxrollout/rollout/filefault"
	"github.com/wxrollout/wxrollout/rollout/planfile"
)

// revise makes the plan revision for a recommit and gives its number; in a dry
// run, the number it would get; 0 if the filter chooses none. A fault of the template or of the ext at any of
// the chosen targets changes nothing.
func (o *Operator) revise(ctx context.Context, r rollout.Rollout, f view.Filter, opt RetryOptions) (int, error) {
	plan, err := o.d.Ledger.Plan(ctx, r.ID, r.Revision)
	if err != nil {
		return 0, err
	}
	if plan.Template, err = o.recommitted(ctx, plan.Template, opt.Template); err != nil {
		return 0, err
	}
	if opt.Ext != nil {
		plan.Ext = *opt.Ext
	}
	some, err := o.checkExt(ctx, r, f, plan.Ext)
	if err != nil {
		return 0, err
	}
	if !some {
		return 0, nil
	}
	if opt.DryRun {
		return r.Revision + 1, nil
	}
	// Always a new revision: its number is in the marker by which a committed
	// version is known, so that the old one counts as not ours.
	return o.d.Ledger.Revise(ctx, r.ID, plan)
}

// recommitted is the template that a recommit commits: the plan's own, also of a plan
// that asked for the newest when it was applied, unless the operator names another.
// What another one leaves out comes from the library, or from the plan.
func (o *Operator) recommitted(ctx context.Context, was rollout.Template, other *rollout.Template) (rollout.Template, error) {
	t := was
	if other != nil {
		t = *other
	}
	if o.d.WeChat != nil {
		list, err := o.d.Library.Templates(ctx)
		if err != nil {
			return t, err
		}
		newest, some := library.Newest(list)
		if !some {
			return t, &library.TemplateError{Empty: true}
		}
		found := false
		for _, entry := range list {
			if entry.ID != t.ID || entry.Standard {
				continue
			}
			found = true
			if t.Version == "" {
				t.Version = entry.Version
			}
		}
		if !found {
			return t, &library.TemplateError{ID: t.ID, Newest: newest.Pinned()}
		}
	}
	if t.Version == "" {
		t.Version = was.Version
	}
	if t.Desc == "" {
		t.Desc = was.Desc
	}
	return t, nil
}

// checkExt renders an ext template for every target a filter chooses; some says
// whether there is one. The error is filefault.Faults.
func (o *Operator) checkExt(ctx context.Context, r rollout.Rollout, f view.Filter, text string) (some bool, err error) {
	ext, err := extjson.Parse(text)
	if err != nil {
		return false, err
	}
	var faults filefault.Faults
	_, err = o.each(ctx, r, f, func(t rollout.Target) error { // Retry names those that can't be read
		some = true
		app := applist.App{AppID: t.AppID, Label: t.Label, Columns: t.Columns}
		faults = append(faults, planfile.CheckExt(ext, applist.New(fmt.Sprintf("%s of %s", t.AppID, r.ID), []applist.App{app}))...)
		return nil
	})
	if err != nil {
		return some, err
	}
	if len(faults) > 0 {
		return some, faults
	}
	return some, nil
}

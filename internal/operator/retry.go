package operator

import (
	"context"
	"errors"
	"fmt"

	"github.com/wxrollout/wxrollout/internal/human"
	"github.com/wxrollout/wxrollout/internal/view"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
)

// RetryOptions say how to retry.
type RetryOptions struct {
	// Recommit begins again at commit, with a new revision of the plan. It leaves
	// parked targets alone: only ended ones can be committed again.
	Recommit bool
	// Template and Ext replace the plan's in that revision; nil keeps them. Both
	// need Recommit.
	Template *rollout.Template
	Ext      *string
	// DryRun counts and checks, and changes nothing.
	DryRun bool
	// Why is the operator's reason.
	Why string
	// approval: the retry is part of an approval, which has its own entry in the record.
	approval bool
}

// Retried is what a retry did, or with DryRun would do.
type Retried struct {
	ID string `json:"id"`
	// Matched is how many targets the filter chose.
	Matched int `json:"matched"`
	// Retried ended targets got a new attempt, Woken parked ones their assignment.
	Retried int `json:"retried"`
	Woken   int `json:"woken"`
	// Going are matched targets that nothing was done to: they go on by
	// themselves or are live.
	Going int `json:"going"`
	// Undone are matched targets that were taken back: only Recommit begins them again.
	Undone int `json:"undone,omitempty"`
	// Moved changed in the moment between the look and the write: look again.
	Moved int `json:"moved"`
	// Resubmits is how many of the retried ones will spend a submission, Unsure how many may:
	// a submission of theirs may exist, and could not be looked up.
	Resubmits int `json:"resubmits"`
	Unsure    int `json:"unsure"`
	// Follows is how many have a submission that goes on or has passed: they
	// take it up and spend nothing.
	Follows int `json:"follows"`
	// Revision is the plan's that they are committed with; 0 without Recommit.
	Revision int `json:"revision,omitempty"`
}

// editBatch is how many targets one round trip writes.
const editBatch = 200

// retried are the states that a retry is about: a filter that names none means the
// rejected and the failed, or the parked if it names reasons. Apps that are named
// are taken in any state.
func retried(f view.Filter) []rollout.State {
	switch {
	case len(f.States) > 0 || len(f.AppIDs) > 0:
		return f.States
	case len(f.Reasons) > 0:
		return []rollout.State{rollout.StateParked}
	default:
		return []rollout.State{rollout.StateRejected, rollout.StateFailed}
	}
}

// Retry gives targets that ended badly a new attempt, and wakes parked ones. A
// filter that names no states means the rejected and the failed. With Recommit everything is
// checked for every target first; a fault (filefault.Faults, *TemplateError)
// changes nothing, and so does an app that the rollout lacks (*UnknownTargetsError). Targets that
// can't be read are left out, and are a partial error, see Partial.
func (o *Operator) Retry(ctx context.Context, id string, f view.Filter, opt RetryOptions) (Retried, error) {
	f.States = retried(f)
	out := Retried{ID: id}
	r, err := o.d.Ledger.Rollout(ctx, id)
	if err != nil {
		return out, err
	}
	switch {
	case r.Status == rollout.StatusAborted:
		return out, fmt.Errorf("retry: rollout %s was aborted and stays so: apply its plan again with --again", id)
	case r.Status == rollout.StatusLoading:
		return out, fmt.Errorf("retry: rollout %s is still being written", id)
	case !opt.Recommit && (opt.Template != nil || opt.Ext != nil):
		return out, &view.FilterError{Why: "another template or ext needs a recommit"}
	}
	if err := o.checkNamed(ctx, "retry", r, f); err != nil {
		return out, err
	}
	e := edit{o: o, r: r, opt: opt, out: &out}
	if opt.Recommit {
		if e.revision, err = o.revise(ctx, r, f, opt); err != nil {
			return out, err
		}
		out.Revision = e.revision
	}
	broken, err := o.each(ctx, r, f, func(t rollout.Target) error { return e.add(ctx, t) })
	if err == nil {
		err = e.flush(ctx)
	}
	if n := out.Retried + out.Woken; !opt.DryRun && !opt.approval && n > 0 { // also after an error
		note := ledger.Action{Verb: "retry", By: o.d.By, Why: human.Reason(opt.Why), Targets: n, Apps: f.AppIDs}
		if opt.Recommit {
			note.Why += fmt.Sprintf(" (recommit, plan revision %d)", out.Revision)
		}
		err = errors.Join(err, o.d.Ledger.Note(context.WithoutCancel(ctx), id, note))
	}
	if err != nil {
		return out, fmt.Errorf("retry: stopped after %d targets, run it again to go on: %w", out.Retried+out.Woken, err)
	}
	return out, broken
}

// edit collects an operator's changes of targets and writes them in batches.
type edit struct {
	o        *Operator
	r        rollout.Rollout
	opt      RetryOptions
	revision int
	out      *Retried
	batch    []ledger.Edit
	looked   int // latest audits that were read
}

// event is what a retry means for a target; nil for nothing.
func (e *edit) event(t rollout.Target) rollout.Event {
	at, note := e.o.d.Now(), "by "+e.o.d.By
	if e.opt.Why != "" {
		note += ": " + human.Reason(e.opt.Why)
	}
	switch {
	case t.State == rollout.StateParked && !e.opt.Recommit:
		return rollout.Woken{At: at, Note: note}
	case t.State == rollout.StateUndone && !e.opt.Recommit:
		return nil
	case t.State.Ended() && t.State != rollout.StateReleased && t.State != rollout.StateUpToDate:
		return rollout.Retried{At: at, Recommit: e.opt.Recommit, Revision: e.revision, Note: note}
	default:
		return nil
	}
}

func (e *edit) add(ctx context.Context, t rollout.Target) error {
	e.out.Matched++
	event := e.event(t)
	switch {
	case event == nil && t.State == rollout.StateUndone:
		e.out.Undone++
		return nil
	case event == nil:
		e.out.Going++
		return nil
	}
	next, err := rollout.Step(t, event)
	if err != nil {
		return err
	}
	if t.State.Ended() {
		*e.cost(ctx, t, next)++
	}
	e.batch = append(e.batch, ledger.Edit{Was: t, Next: next})
	if len(e.batch) < editBatch {
		return nil
	}
	return e.flush(ctx)
}

// flush writes the batch.
func (e *edit) flush(ctx context.Context) error {
	if len(e.batch) == 0 {
		return nil
	}
	var retried, woken []ledger.Edit
	for _, x := range e.batch {
		if x.Was.State.Ended() {
			retried = append(retried, x)
		} else {
			woken = append(woken, x)
		}
	}
	e.batch = e.batch[:0]
	for _, part := range []struct {
		edits []ledger.Edit
		count *int
	}{{retried, &e.out.Retried}, {woken, &e.out.Woken}} {
		stored := len(part.edits)
		if !e.opt.DryRun && stored > 0 {
			var err error
			if stored, err = e.o.d.Ledger.SaveAll(ctx, part.edits); err != nil {
				return err
			}
		}
		*part.count += stored
		e.out.Moved += len(part.edits) - stored
	}
	return nil
}

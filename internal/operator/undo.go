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

// Undone is what an undo did, or in a dry run would do.
type Undone struct {
	ID string `json:"id"`
	// Matched is how many targets the filter chose.
	Matched int `json:"matched"`
	// Queued may have something live, in gray release or in audit: workers look and
	// take it back. Ended had nothing at WeChat, and are undone at once.
	Queued int `json:"queued"`
	Ended  int `json:"ended"`
	// Left were not upgraded by this rollout, or are undone already or about to be.
	Left int `json:"left"`
	// Acting are a worker's at this moment, and Moved changed between the look and
	// the write: undo again for those.
	Acting int `json:"acting"`
	Moved  int `json:"moved"`
}

// Reaches is how many targets are taken back.
func (u Undone) Reaches() int { return u.Queued + u.Ended }

// Undo takes the upgrade of targets back: what is live goes back to the version
// before, what is in audit is withdrawn (5 a day and 10 a month per app, and its
// unit of quota stays spent), what was never submitted ends. A running rollout
// would upgrade others meanwhile: it must be paused or aborted first, or be done,
// unless the filter names its apps. An app that the rollout lacks is an *UnknownTargetsError, and
// nothing is changed. Targets that can't be read are left out, and are a partial error, see Partial.
func (o *Operator) Undo(ctx context.Context, id string, f view.Filter, why string, dryRun bool) (Undone, error) {
	out := Undone{ID: id}
	r, err := o.d.Ledger.Rollout(ctx, id)
	if err != nil {
		return out, err
	}
	switch {
	case r.Status == rollout.StatusLoading || r.Status == rollout.StatusScheduled:
		return out, fmt.Errorf("undo: rollout %s is %s: nothing was upgraded yet; enqueue abort %s ends it", id, r.Status, id)
	case r.Status == rollout.StatusRunning && len(f.AppIDs) == 0:
		return out, fmt.Errorf("undo: rollout %s is running and would upgrade more meanwhile: enqueue pause %s or enqueue abort %s first, or name the apps", id, id, id)
	}
	if err := o.checkNamed(ctx, "undo", r, f); err != nil {
		return out, err
	}
	note := "by " + o.d.By + ": " + human.Reason(why)
	var batch []ledger.Edit
	flush := func() error {
		stored := len(batch)
		if stored > 0 && !dryRun {
			if stored, err = o.d.Ledger.SaveAll(ctx, batch); err != nil {
				return err
			}
		}
		out.Moved += len(batch) - stored
		out.count(batch, stored)
		batch = batch[:0]
		return nil
	}
	broken, err := o.each(ctx, r, f, func(t rollout.Target) error {
		out.Matched++
		next, refused := rollout.Step(t, rollout.Undo{At: o.d.Now(), Note: note})
		switch {
		case refused == nil:
			batch = append(batch, ledger.Edit{Was: t, Next: next})
		case t.State == rollout.StateRunning:
			out.Acting++
		default:
			out.Left++
		}
		if len(batch) < editBatch {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	if !dryRun && out.Reaches() > 0 { // also after an error
		note := ledger.Action{Verb: "undo", By: o.d.By, Why: human.Reason(why), Targets: out.Reaches(), Apps: f.AppIDs}
		err = errors.Join(err, o.d.Ledger.Note(context.WithoutCancel(ctx), id, note))
	}
	if err != nil {
		return out, fmt.Errorf("undo: stopped after %d targets, run it again to go on: %w", out.Reaches(), err)
	}
	return out, broken
}

// count adds what a batch did; of a batch that was not stored whole, which ones
// were is not known, and those that end at once are counted first.
func (u *Undone) count(batch []ledger.Edit, stored int) {
	ended := 0
	for _, e := range batch {
		if e.Next.State == rollout.StateUndone {
			ended++
		}
	}
	ended = min(ended, stored)
	u.Ended += ended
	u.Queued += stored - ended
}

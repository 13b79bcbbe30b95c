package operator

import (
	"context"
	"fmt"
	"slices"

	"github.com/wxrollout/wxrollout/internal/view"
	"github.com/wxrollout/wxrollout/rollout"
)

// ownersAtOnce is how many apps one call looks the owner up of.
const ownersAtOnce = 1000

// NoteOwners adds the owning rollout to rows with ReasonOwner.
func (o *Operator) NoteOwners(ctx context.Context, r rollout.Rollout, rows []view.Row) error {
	var waiting []int
	for i, row := range rows {
		if row.Reason == rollout.ReasonOwner {
			waiting = append(waiting, i)
		}
	}
	known := make(map[string]rollout.Rollout)
	for page := range slices.Chunk(waiting, ownersAtOnce) {
		apps := make([]string, len(page))
		for n, i := range page {
			apps[n] = rows[i].AppID
		}
		owners, err := o.d.Ledger.Owners(ctx, apps)
		if err != nil {
			return err
		}
		for _, i := range page {
			owner := owners[rows[i].AppID]
			if _, ok := known[owner]; !ok {
				known[owner] = o.ownerOf(ctx, owner)
			}
			rows[i].Note = waitsForOwner(r.ID, known[owner])
		}
	}
	return nil
}

// ownerOf reads a rollout that works on an app; one that can't be read has nothing but its id.
func (o *Operator) ownerOf(ctx context.Context, id string) rollout.Rollout {
	if id == "" {
		return rollout.Rollout{}
	}
	r, err := o.d.Ledger.Rollout(ctx, id)
	if err != nil {
		return rollout.Rollout{ID: id}
	}
	return r
}

// waitsForOwner says which rollout a target of rollout id waits for.
func waitsForOwner(id string, owner rollout.Rollout) string {
	switch {
	case owner.ID == "" || owner.ID == id || owner.Status.Ended():
		return "another rollout worked on this app and is done with it: it goes on when it wakes"
	case owner.Status == "":
		return "it waits for rollout " + owner.ID + ", which works on this app"
	default:
		return fmt.Sprintf("it waits for rollout %s (priority %d), which works on this app", owner.ID, owner.Plan.Precedence())
	}
}

// ownerNext is what a person should do about a target that waits for another rollout.
func ownerNext(owner rollout.Rollout) string {
	switch owner.Status {
	case rollout.StatusPaused:
		return fmt.Sprintf("rollout %s is paused: enqueue resume %s, or enqueue abort %s gives its apps up", owner.ID, owner.ID, owner.ID)
	case rollout.StatusScheduled:
		return fmt.Sprintf("rollout %s starts at its time; enqueue abort %s gives its apps up", owner.ID, owner.ID)
	default:
		return ""
	}
}

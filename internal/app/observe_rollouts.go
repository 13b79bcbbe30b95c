package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/metrics"
	"github.com/wxrollout/wxrollout/rollout"
)

// recentRollouts is how many of the rollouts created last are searched for finished ones.
const recentRollouts = 2 * metrics.MaxFinished

// Rollouts implements metrics.Source. A rollout that ended within a day is shown if it is among the
// 40 created last.
func (s source) Rollouts(ctx context.Context) (metrics.Rollouts, error) {
	active, err := readable(s.ledger.Active(ctx))
	if err != nil {
		return metrics.Rollouts{}, err
	}
	recent, err := readable(s.ledger.Rollouts(ctx, 0, recentRollouts))
	if err != nil {
		return metrics.Rollouts{}, err
	}
	return shown(active, recent, time.Now()), nil
}

// readable drops the error of rollouts that can't be read: the controller logs it, and the others
// are shown.
func readable(list []rollout.Rollout, err error) ([]rollout.Rollout, error) {
	if errors.As(err, new(*ledger.BrokenError)) {
		err = nil
	}
	return list, err
}

// shown picks the rollouts that get a label: the newest unfinished ones, and the last of those that
// ended within metrics.FinishedFor. The unfinished rest is added up.
func shown(active, recent []rollout.Rollout, now time.Time) metrics.Rollouts {
	ended := func(r rollout.Rollout) bool { return r.Status.Ended() }
	active = slices.DeleteFunc(slices.Clone(active), ended)
	slices.SortFunc(active, func(a, b rollout.Rollout) int { return b.Created.Compare(a.Created) })
	finished := slices.DeleteFunc(slices.Clone(recent), func(r rollout.Rollout) bool {
		return !ended(r) || now.Sub(r.Ended) > metrics.FinishedFor
	})
	slices.SortFunc(finished, func(a, b rollout.Rollout) int { return b.Ended.Compare(a.Ended) })
	out := metrics.Rollouts{Others: make(map[metrics.Place]int)}
	// A rollout that ended between the two reads is in both.
	active = slices.DeleteFunc(active, func(r rollout.Rollout) bool {
		return slices.ContainsFunc(finished, func(f rollout.Rollout) bool { return f.ID == r.ID })
	})
	for i, r := range active {
		if i < metrics.MaxRollouts {
			out.Shown = append(out.Shown, numbersOf(r))
			continue
		}
		for cell, n := range r.Counts {
			out.Others[placeOf(cell)] += n
		}
	}
	for _, r := range finished[:min(len(finished), metrics.MaxFinished)] {
		out.Shown = append(out.Shown, numbersOf(r))
	}
	return out
}

func placeOf(c rollout.Cell) metrics.Place {
	return metrics.Place{Stage: string(c.Stage), State: string(c.State)}
}

// numbersOf is a rollout as metrics shows it.
func numbersOf(r rollout.Rollout) metrics.Rollout {
	out := metrics.Rollout{
		ID: r.ID, Name: r.Name, Template: strconv.FormatInt(r.Plan.Template.ID, 10), Version: r.Plan.Template.Version,
		Status: string(r.Status), Created: r.Created, Started: r.Started, Reserved: r.Plan.Quota.Reserved(),
	}
	if r.Status.Ended() {
		out.Ended = r.Ended
	}
	for i, w := range r.Plan.Waves {
		wave := metrics.Wave{Name: cmp.Or(w.Name, fmt.Sprint("wave ", i+1)), At: make(map[metrics.Place]int), Parked: make(map[string]int)}
		for cell, n := range r.Counts {
			if cell.Wave != i {
				continue
			}
			wave.At[placeOf(cell)] += n
			if cell.State == rollout.StateParked {
				wave.Parked[string(cell.Reason)] += n
			}
		}
		if w.Gated() && i+1 < len(r.Plan.Waves) {
			g := r.GateBasis(i)
			wave.Gate = &metrics.Gate{
				Decision: string(cmp.Or(r.Gates[i].Decision, rollout.DecisionHold)),
				Limit:    g.RejectAbove, Judged: g.Judged, Bad: g.Bad, Needed: g.Need,
			}
		}
		out.Waves = append(out.Waves, wave)
	}
	return out
}

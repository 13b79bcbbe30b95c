package operator

import (
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/wxrollout/wxrollout/internal/view"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
)

// Partial reports whether err only names single rollouts or targets that can't be read: the result
// that came with it has all others.
func Partial(err error) bool {
	broken, rest := ledger.Broken(err)
	return len(broken) > 0 && rest == nil
}

// Rollouts lists rollouts, newest first, a page of n from offset. Rollouts that can't be read come
// last, as view.StatusUnreadable, and are a partial error, see Partial.
func (o *Operator) Rollouts(ctx context.Context, offset, n int) ([]view.Summary, error) {
	list, err := o.d.Ledger.Rollouts(ctx, offset, n)
	broken, err := ledger.Broken(err)
	if err != nil {
		return nil, err
	}
	pools, err := o.d.Quota.Pools(ctx)
	if err != nil {
		return nil, err
	}
	fault, err := o.d.Ledger.PlatformFault(ctx)
	if err != nil {
		return nil, err
	}
	limits, err := o.d.Quota.Limits(ctx, list...)
	if err != nil {
		return nil, err
	}
	out := make([]view.Summary, len(list), len(list)+len(broken))
	for i, r := range list {
		out[i] = view.Summarize(r)
		out[i].Halt(pools, fault)
		out[i].Limit = limits[i]
	}
	for _, b := range broken {
		out = append(out, view.Summary{ID: b.Rollout, Status: view.StatusUnreadable, Blocked: b.Error()})
	}
	return out, ledger.JoinBroken(broken)
}

// Targets walks over the targets of a rollout that match, in pages and in no order. A record that
// can't be read is an error in the walk, which continues.
func (o *Operator) Targets(ctx context.Context, r rollout.Rollout, f view.Filter) iter.Seq2[rollout.Target, error] {
	return func(yield func(rollout.Target, error) bool) {
		if err := f.Check(r); err != nil {
			yield(rollout.Target{}, err)
			return
		}
		for t, err := range o.candidates(ctx, r, f) {
			if err == nil && !f.Match(r, t) {
				continue
			}
			if !yield(t, err) {
				return
			}
		}
	}
}

// candidates are the targets that a filter may match: all, or the ones it names.
func (o *Operator) candidates(ctx context.Context, r rollout.Rollout, f view.Filter) iter.Seq2[rollout.Target, error] {
	if len(f.AppIDs) == 0 {
		return o.d.Ledger.Targets(ctx, r.ID)
	}
	return func(yield func(rollout.Target, error) bool) {
		for _, appID := range f.AppIDs {
			t, err := o.d.Ledger.Target(ctx, r.ID, appID)
			if errors.Is(err, ledger.ErrNotFound) {
				continue
			}
			if !yield(t, err) {
				return
			}
		}
	}
}

// Rows lists the targets of a rollout that match, in the order of dispatch. Targets that can't be
// read are a partial error, see Partial.
func (o *Operator) Rows(ctx context.Context, r rollout.Rollout, f view.Filter) ([]view.Row, error) {
	return o.rows(ctx, r, f, func(rollout.Target) bool { return true })
}

// Failures lists what needs a person, grouped by cause. Targets that can't be read are a partial
// error, see Partial.
func (o *Operator) Failures(ctx context.Context, r rollout.Rollout) (view.Failures, error) {
	rows, err := o.rows(ctx, r, view.Filter{}, view.NeedsPerson)
	return view.FailuresOf(r.ID, rows), err
}

func (o *Operator) rows(ctx context.Context, r rollout.Rollout, f view.Filter, match func(rollout.Target) bool) ([]view.Row, error) {
	var rows []view.Row
	var broken []error
	for t, err := range o.Targets(ctx, r, f) {
		switch {
		case errors.As(err, new(*ledger.BrokenError)):
			broken = append(broken, err)
		case err != nil:
			return nil, err
		case match(t):
			rows = append(rows, view.RowOf(r, t))
		}
	}
	slices.SortFunc(rows, view.CompareRows)
	return rows, errors.Join(broken...)
}

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

// Partial reports whether err only names single rollouts or targets that can't be read or don't
// exist: the result that came with it has all others.
func Partial(err error) bool {
	broken, rest := ledger.Broken(err)
	if unknown := (*UnknownTargetsError)(nil); errors.As(rest, &unknown) {
		return unknown.Verb == ""
	}
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
		for _, appID := range slices.Compact(slices.Sorted(slices.Values(f.AppIDs))) {
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

// checkNamed returns an *UnknownTargetsError unless the rollout has every app that a filter names.
// verb is "" for a list.
func (o *Operator) checkNamed(ctx context.Context, verb string, r rollout.Rollout, f view.Filter) error {
	keys := make([]ledger.TargetKey, len(f.AppIDs))
	for i, appID := range f.AppIDs {
		keys[i] = ledger.TargetKey{Rollout: r.ID, AppID: appID}
	}
	found, err := o.d.Ledger.Lookup(ctx, keys)
	if err != nil {
		return err
	}
	var unknown []string
	for i, target := range found {
		if !target.There && !slices.Contains(unknown, f.AppIDs[i]) {
			unknown = append(unknown, f.AppIDs[i])
		}
	}
	if len(unknown) > 0 {
		return &UnknownTargetsError{Verb: verb, ID: r.ID, AppIDs: unknown}
	}
	return nil
}

// Rows lists the targets of a rollout that match, in the order of dispatch. Targets that can't be
// read, and named apps that the rollout lacks, are a partial error, see Partial.
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
	unknown := o.checkNamed(ctx, "", r, f)
	if unknown != nil && !Partial(unknown) {
		return nil, unknown
	}
	broken, err := o.each(ctx, r, f, func(t rollout.Target) error {
		if match(t) {
			rows = append(rows, view.RowOf(r, t))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(rows, view.CompareRows)
	return rows, errors.Join(unknown, broken)
}

// each calls do with every target that matches. Targets that can't be read are skipped and named in
// broken, a partial error.
func (o *Operator) each(ctx context.Context, r rollout.Rollout, f view.Filter, do func(rollout.Target) error) (broken, err error) {
	var errs []error
	for t, err := range o.Targets(ctx, r, f) {
		if errors.As(err, new(*ledger.BrokenError)) {
			errs = append(errs, err)
			continue
		}
		if err == nil {
			err = do(t)
		}
		if err != nil {
			return nil, err
		}
	}
	return errors.Join(errs...), nil
}

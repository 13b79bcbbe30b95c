package operator

import (
	"context"
	"errors"
	"strings"

	"github.com/wxrollout/wxrollout/internal/archive"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
)

// searchMax is how many of the newest rollouts are searched for a prefix.
const searchMax = 500

// searchPage is how many rollouts are read at a time.
const searchPage = 100

// Rollout finds a rollout by its id, by its name (the newest of that name), or by
// the beginning of its id if no other of the last 500 begins so. "" is the only
// unfinished one, or the newest if all have ended. The error is an
// *UnknownRolloutError, an *archive.PrunedError or an *AmbiguousError.
func (o *Operator) Rollout(ctx context.Context, ref string) (rollout.Rollout, error) {
	if ref == "" {
		return o.only(ctx)
	}
	r, err := o.d.Ledger.Rollout(ctx, ref)
	if !errors.Is(err, ledger.ErrNotFound) {
		return r, err
	}
	id, err := o.d.Ledger.ByName(ctx, ref)
	if err == nil {
		return o.d.Ledger.Rollout(ctx, id)
	}
	if !errors.Is(err, ledger.ErrNotFound) {
		return r, err
	}
	return o.byPrefix(ctx, ref)
}

// only is the rollout that is meant when none is named.
func (o *Operator) only(ctx context.Context) (rollout.Rollout, error) {
	active, err := o.d.Ledger.Active(ctx)
	if _, err := ledger.Broken(err); err != nil { // one that can't be read is not meant
		return rollout.Rollout{}, err
	}
	var open []rollout.Rollout
	for _, r := range active {
		if !r.Status.Ended() {
			open = append(open, r)
		}
	}
	switch len(open) {
	case 1:
		return open[0], nil
	case 0:
		newest, err := o.d.Ledger.Rollouts(ctx, 0, 1)
		if err != nil {
			return rollout.Rollout{}, err
		}
		if len(newest) == 0 {
			return rollout.Rollout{}, &UnknownRolloutError{}
		}
		return newest[0], nil
	default:
		return rollout.Rollout{}, &AmbiguousError{IDs: ids(open)}
	}
}

// byPrefix searches the newest rollouts.
func (o *Operator) byPrefix(ctx context.Context, ref string) (rollout.Rollout, error) {
	var found, newest []rollout.Rollout
	for offset := 0; offset < searchMax; offset += searchPage {
		page, err := o.d.Ledger.Rollouts(ctx, offset, searchPage)
		broken, err := ledger.Broken(err)
		if err != nil {
			return rollout.Rollout{}, err
		}
		for _, b := range broken {
			if strings.HasPrefix(b.Rollout, ref) {
				return rollout.Rollout{}, b
			}
		}
		for _, r := range page {
			if strings.HasPrefix(r.ID, ref) {
				found = append(found, r)
			}
		}
		if offset == 0 {
			newest = page[:min(5, len(page))]
		}
		if len(page)+len(broken) < searchPage {
			break
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return rollout.Rollout{}, o.orPruned(ctx, ref, &UnknownRolloutError{Ref: ref, Newest: ids(newest)})
	default:
		return rollout.Rollout{}, &AmbiguousError{Ref: ref, IDs: ids(found)}
	}
}

// orPruned replaces unknown if the newest archived rollouts have one of that id,
// name or beginning of an id.
func (o *Operator) orPruned(ctx context.Context, ref string, unknown error) error {
	if err := archive.OrPruned(ctx, o.d.Ledger, ref, unknown); err != unknown { //nolint:errorlint // the very same
		return err
	}
	archives, err := o.d.Ledger.Archives(ctx, 0, searchPage)
	if err != nil {
		return err
	}
	for _, a := range archives {
		if a.Name == ref || strings.HasPrefix(a.ID, ref) {
			return &archive.PrunedError{Archived: a}
		}
	}
	return unknown
}

func ids(rollouts []rollout.Rollout) []string {
	out := make([]string, len(rollouts))
	for i, r := range rollouts {
		out[i] = r.ID
	}
	return out
}

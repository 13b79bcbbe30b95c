package operator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/registry/apps"
)

// readLoan is how long a look at an app may take: longer than one call.
const readLoan = 30 * time.Second

// borrow makes reading calls for an app while no worker calls for it. One that a worker calls
// for is a *ledger.LentError.
func (o *Operator) borrow(ctx context.Context, appID string, use func(context.Context) error) error {
	return o.ledger.Borrow(ctx, appID, readLoan, use)
}

// askedMost is how many apps are asked for what any app can tell: one may have withdrawn its
// authorization.
const askedMost = 3

// askThrough asks through the first of the apps that no worker calls for and that answers.
func (o *Operator) askThrough(ctx context.Context, what string, apps []string, ask func(ctx context.Context, app string) error) (asked string, err error) {
	var errs []error
	var busy error
	for _, app := range apps {
		err := o.borrow(ctx, app, func(ctx context.Context) error { return ask(ctx, app) })
		if err == nil {
			return app, nil
		}
		if err = fmt.Errorf("ask %s through %s: %w", what, app, err); errors.As(err, new(*ledger.LentError)) {
			busy = err
			continue
		}
		if errs = append(errs, err); len(errs) == askedMost {
			break
		}
	}
	if len(errs) == 0 {
		return "", busy
	}
	return "", errors.Join(errs...)
}

// candidates is how many apps are tried for what any app can tell.
const candidates = 20

// anyApps finds apps to ask WeChat through: those of ReadingApps, or the first that WeChat lists.
func (o *Operator) anyApps(ctx context.Context) ([]string, error) {
	found, err := o.ReadingApps(ctx, candidates)
	if err != nil || len(found) > 0 {
		return found, err
	}
	page, err := o.wx.AuthorizerList(ctx, 0, candidates)
	if err != nil {
		return nil, fmt.Errorf("find an app to ask through: %w", err)
	}
	for _, a := range page.List {
		found = append(found, a.AppID)
	}
	if len(found) == 0 {
		return nil, errors.New("find an app to ask through: no app has authorized the platform")
	}
	return found, nil
}

// ReadingApps chooses up to n apps to ask WeChat through: apps of the registry that should
// answer, then those of unfinished rollouts, then apps of the registry that nobody has looked at
// yet. Cost: O(n + rollouts).
func (o *Operator) ReadingApps(ctx context.Context, n int) ([]string, error) {
	sample, err := o.apps.Sample(ctx, 2*n)
	if err != nil {
		return nil, err
	}
	var list, unsure, unfit []string
	for _, a := range sample {
		switch {
		case a.State == apps.StateAuthorized && a.MiniProgram && a.Has(apps.CodeSet) && len(a.Needs()) == 0:
			list = append(list, a.AppID)
		case a.State == apps.StateAuthorized && a.Read == 0:
			unsure = append(unsure, a.AppID)
		default:
			unfit = append(unfit, a.AppID)
		}
	}
	if len(list) < n {
		more, err := o.rolloutApps(ctx, n)
		if err != nil {
			return nil, err
		}
		for _, app := range append(more, unsure...) {
			if !slices.Contains(list, app) && !slices.Contains(unfit, app) {
				list = append(list, app)
			}
		}
	}
	return list[:min(n, len(list))], nil
}

// rolloutApps chooses up to n apps of unfinished rollouts. One that can't be read is left out.
func (o *Operator) rolloutApps(ctx context.Context, n int) ([]string, error) {
	active, err := o.ledger.Active(ctx)
	if err != nil && !errors.As(err, new(*ledger.BrokenError)) {
		return nil, err
	}
	var list []string
	for _, r := range active {
		if len(list) >= n {
			break
		}
		more, err := o.ledger.Sample(ctx, r.ID, n-len(list))
		if err != nil {
			return nil, err
		}
		list = append(list, more...)
	}
	return list, nil
}

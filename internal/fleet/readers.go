package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/registry/apps"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient"
)

// Lender lends apps that no worker calls for and samples those of rollouts. *ledger.Ledger
// implements it.
type Lender interface {
	Borrow(ctx context.Context, appID string, d time.Duration, use func(context.Context) error) error
	Active(ctx context.Context) ([]rollout.Rollout, error)
	Sample(ctx context.Context, id string, n int) ([]string, error)
}

// Lister reads WeChat's list of authorized apps.
type Lister interface {
	AuthorizerList(ctx context.Context, offset, count int) (wxclient.AuthorizerPage, error)
}

// Readers chooses and borrows apps for reading calls, so that no read crosses a worker's call.
type Readers struct {
	lender Lender
	apps   *apps.Store
	list   Lister
}

// NewReaders returns readers on the registry in rdb. list may be nil offline: then Any needs an
// app that the registry or a rollout knows.
func NewReaders(lender Lender, rdb redis.UniversalClient, list Lister) *Readers {
	return &Readers{lender: lender, apps: apps.New(rdb), list: list}
}

// readLoan bounds the reads through one app: longer than one call.
const readLoan = 30 * time.Second

// Borrow runs reading calls for an app while no worker calls for it. The error is a
// *ledger.LentError if one does.
func (r *Readers) Borrow(ctx context.Context, appID string, use func(context.Context) error) error {
	return r.lender.Borrow(ctx, appID, readLoan, use)
}

// askedMost is how many apps may refuse a question that any app can answer: one may have
// withdrawn its authorization.
const askedMost = 3

// Ask asks through the first of the apps that no worker calls for and that answers.
func (r *Readers) Ask(ctx context.Context, what string, apps []string, ask func(ctx context.Context, app string) error) (asked string, err error) {
	var errs []error
	var busy error
	for _, app := range apps {
		err := r.Borrow(ctx, app, func(ctx context.Context) error { return ask(ctx, app) })
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

// Candidates is how many apps are tried for a question that any app can answer.
const Candidates = 20

// Any returns apps to ask WeChat through: those of ReadingApps, or else the first that WeChat lists.
func (r *Readers) Any(ctx context.Context) ([]string, error) {
	found, err := r.ReadingApps(ctx, Candidates)
	if err != nil || len(found) > 0 {
		return found, err
	}
	page, err := r.list.AuthorizerList(ctx, 0, Candidates)
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

// ReadingApps chooses up to n apps to ask WeChat through: first apps of the registry that should
// answer, then those of unfinished rollouts, then apps of the registry that were never read.
// Cost: O(n + rollouts).
func (r *Readers) ReadingApps(ctx context.Context, n int) ([]string, error) {
	sample, err := r.apps.Sample(ctx, 2*n)
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
		more, err := r.rolloutApps(ctx, n)
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

// rolloutApps chooses up to n apps of unfinished rollouts, without those that can't be read.
func (r *Readers) rolloutApps(ctx context.Context, n int) ([]string, error) {
	active, err := r.lender.Active(ctx)
	if err != nil && !errors.As(err, new(*ledger.BrokenError)) {
		return nil, err
	}
	var list []string
	for _, ro := range active {
		if len(list) >= n {
			break
		}
		more, err := r.lender.Sample(ctx, ro.ID, n-len(list))
		if err != nil {
			return nil, err
		}
		list = append(list, more...)
	}
	return list, nil
}

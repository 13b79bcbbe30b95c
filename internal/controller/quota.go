package controller

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout/dispatch"
	"github.com/wxrollout/wxrollout/wxclient"
)

// ReadingApps chooses apps to read through.
type ReadingApps interface {
	// ReadingApps lists up to n apps, the most likely to answer first.
	ReadingApps(ctx context.Context, n int) ([]string, error)
}

// Lender lends apps that no worker calls for. *ledger.Ledger implements it.
type Lender interface {
	// Borrow lends an app for the calls of use. A busy app is a *ledger.LentError.
	Borrow(ctx context.Context, appID string, ttl time.Duration, use func(context.Context) error) error
}

// QuotaSource answers queryquota. *wxclient.Client implements it.
type QuotaSource interface {
	QueryQuota(ctx context.Context, appid string) (wxclient.Quota, error)
}

// Readings stores the reading of the quota. *tasks.Pools implements it.
type Readings interface {
	// Unread reports whether the quota is unknown.
	Unread(ctx context.Context) (bool, error)
	// Refill stores what read returns.
	Refill(ctx context.Context, read func(context.Context) (rest, limit int64, err error)) (int64, error)
	// ReadFailed stores why the quota could not be read.
	ReadFailed(ctx context.Context, why string) error
}

// QuotaOptions are what the loop of the quota works with; all are required.
type QuotaOptions struct {
	Apps     ReadingApps
	Loans    Lender
	WeChat   QuotaSource
	Readings Readings
	Clock    dispatch.Clock
	// Every is how old a reading may be.
	Every time.Duration
	// Platform reports whether an error is the platform's own, so that no other app would answer.
	Platform func(error) bool
	Log      zerolog.Logger
}

const (
	// quotaCandidates is how many apps are tried to be borrowed, quotaTries how many of them are
	// asked.
	quotaCandidates = 20
	quotaTries      = 5
	// quotaLoan bounds a loan: longer than one call.
	quotaLoan = 30 * time.Second
	// quotaEvery is how often the loop checks whether the quota is unknown, and the wait when workers
	// call for every app that it tried.
	quotaEvery = time.Second
	// quotaRest is the least wait after a reading.
	quotaRest = 5 * time.Second
)

// Quota is the loop that keeps the reading of the platform's submission quota fresh, whether or not
// a target waits to be submitted. queryquota needs the token of some app, and WeChat takes one call
// per app at a time: the loop borrows an app that no worker calls for, and goes on to the next app
// when one refuses.
type Quota struct {
	o QuotaOptions
	// last is the app that answered last.
	last string
	// due is when the next reading is due, soonest when it may be made if the quota is unknown.
	due, soonest time.Time
	// good is when the last reading was made, or the first pass.
	good time.Time
}

// NewQuota returns the loop.
func NewQuota(o QuotaOptions) *Quota { return &Quota{o: o} }

// Reconcile implements Reconciler. It stores a failure; that workers call for every app is one only
// once the reading is old.
func (q *Quota) Reconcile(ctx context.Context) (next time.Duration, err error) {
	next = min(quotaEvery, q.o.Every)
	now := q.o.Clock.Now()
	if q.good.IsZero() {
		q.good = now
	}
	if !q.isDue(ctx, now) {
		return next, nil
	}
	app, got, err := q.read(ctx)
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	now = q.o.Clock.Now()
	if err == nil {
		q.o.Log.Debug().Str("target", app).Int64("rest", got.Rest).Int64("limit", got.Limit).Msg("quota read")
		q.last, q.good, q.due, q.soonest = app, now, now.Add(q.o.Every), now.Add(min(quotaRest, q.o.Every))
		return next, nil
	}
	q.due, q.soonest = now, now
	if !errors.As(err, new(*busyError)) {
		next = q.o.Every
	} else if now.Sub(q.good) <= 2*q.o.Every {
		return next, nil
	}
	return next, errors.Join(err, q.o.Readings.ReadFailed(ctx, err.Error()))
}

// isDue reports whether a reading has to be made now.
func (q *Quota) isDue(ctx context.Context, now time.Time) bool {
	if now.Before(q.soonest) {
		return false
	}
	if !now.Before(q.due) {
		return true
	}
	unread, err := q.o.Readings.Unread(ctx)
	return err == nil && unread
}

// busyError reports that no app could be borrowed.
type busyError struct{ last error }

func (e *busyError) Error() string {
	return fmt.Sprintf("read the quota: workers call for each app that was tried, the last: %v", e.last)
}

func (e *busyError) Unwrap() error { return e.last }

// read reads through the first app that is idle and answers.
func (q *Quota) read(ctx context.Context) (app string, got wxclient.Quota, err error) {
	apps, err := q.apps(ctx)
	if err != nil {
		return "", got, fmt.Errorf("read the quota: choose an app: %w", err)
	}
	if len(apps) == 0 {
		return "", got, errors.New("read the quota: no authorized app is known: run enqueue apps sync, or wait until a merchant authorizes the platform")
	}
	var busy, failed error
	asked := 0
	for _, app := range apps {
		got, err := q.ask(ctx, app)
		if err == nil {
			return app, got, nil
		}
		if errors.As(err, new(*ledger.LentError)) {
			busy = err
			continue
		}
		failed = fmt.Errorf("read the quota through app %s: %w", app, err)
		if asked++; asked == quotaTries || ctx.Err() != nil || q.o.Platform(err) {
			break
		}
	}
	if failed == nil {
		failed = &busyError{busy}
	}
	return "", got, failed
}

// apps are the apps to read through, the one that answered last first.
func (q *Quota) apps(ctx context.Context) ([]string, error) {
	found, err := q.o.Apps.ReadingApps(ctx, quotaCandidates)
	if err != nil || q.last == "" {
		return found, err
	}
	list := []string{q.last}
	for _, app := range found {
		if app != q.last {
			list = append(list, app)
		}
	}
	return list, nil
}

// ask reads through one app.
func (q *Quota) ask(ctx context.Context, app string) (got wxclient.Quota, err error) {
	err = q.o.Loans.Borrow(ctx, app, quotaLoan, func(ctx context.Context) error {
		_, err := q.o.Readings.Refill(ctx, func(ctx context.Context) (int64, int64, error) {
			got, err = q.o.WeChat.QueryQuota(ctx, app)
			return got.Rest, got.Limit, err
		})
		return err
	})
	return got, err
}

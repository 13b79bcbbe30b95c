// Package quotareader keeps the reading of the platform's submission quota fresh, whether or
// not something waits to be submitted. queryquota needs the token of some app, and WeChat
// takes one call per app at a time: the reader borrows an app that no worker calls for, and
// goes on to the next app when one refuses.
package quotareader

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout/dispatch"
	"github.com/wxrollout/wxrollout/wxclient"
)

// Apps chooses apps to read through; *operator.Operator implements it.
type Apps interface {
	// ReadingApps lists up to n apps, those that should answer first.
	ReadingApps(ctx context.Context, n int) ([]string, error)
}

// Lender lends apps that no worker calls for; *ledger.Ledger implements it.
type Lender interface {
	// Borrow lends an app for the calls of use. A busy app is a *ledger.LentError.
	Borrow(ctx context.Context, appID string, ttl time.Duration, use func(context.Context) error) error
}

// WeChat answers queryquota; *wxclient.Client implements it.
type WeChat interface {
	QueryQuota(ctx context.Context, appid string) (wxclient.Quota, error)
}

// Pools keep the reading; *pool.Pools implements it.
type Pools interface {
	// Unread tells whether nothing is known of the quota.
	Unread(ctx context.Context) (bool, error)
	// Refill stores what read answers.
	Refill(ctx context.Context, read func(context.Context) (rest, limit int64, err error)) (int64, error)
	// ReadFailed stores why nothing could be read.
	ReadFailed(ctx context.Context, why string) error
}

// Options are what a Reader works with. All but Report are required.
type Options struct {
	Apps   Apps
	Loans  Lender
	WeChat WeChat
	Pools  Pools
	Clock  dispatch.Clock
	// Every is how old a reading may be.
	Every time.Duration
	// Platform tells whether an error is the platform's own, so that no other app would answer.
	Platform func(error) bool
	// Report is given the outcome of each reading.
	Report func(Outcome)
}

// Outcome is what a reading brought.
type Outcome struct {
	// Quota was read through AppID if Err is nil.
	Quota wxclient.Quota
	AppID string
	Err   error
}

// Bounds of one reading.
const (
	// candidates is how many apps are tried to be lent, tries how many of them are asked.
	candidates = 20
	tries      = 5
	// loan is how long an app is lent: longer than a call lasts.
	loan = 30 * time.Second
)

// Waits of the loop.
const (
	// look is how often it looks whether nothing is known, and how soon it tries again when
	// workers call for every app it tried.
	look = time.Second
	// again is the first wait after a failed reading; it doubles up to Options.Every.
	again = 5 * time.Second
)

// Reader reads the quota on a clock. Use one at a time.
type Reader struct {
	o Options
	// last is the app that answered last.
	last string
	// next is when the reading is due whatever is known, soonest when it may be made at all.
	next, soonest time.Time
	wait          time.Duration // after the last failure
	good          time.Time     // when something was read last, or the reader began
}

// New makes a reader.
func New(o Options) *Reader {
	if o.Report == nil {
		o.Report = func(Outcome) {}
	}
	return &Reader{o: o}
}

// Run reads until ctx ends. An app that is lent then is given back.
func (r *Reader) Run(ctx context.Context) {
	for ctx.Err() == nil {
		if r.good.IsZero() {
			r.good = r.o.Clock.Now()
		}
		if r.due(ctx) {
			out := r.read(ctx)
			if ctx.Err() != nil {
				return
			}
			r.after(ctx, out)
			r.o.Report(out)
		}
		if r.o.Clock.Sleep(ctx, min(look, r.o.Every)) != nil {
			return
		}
	}
}

// due tells whether a reading is to be made now.
func (r *Reader) due(ctx context.Context) bool {
	now := r.o.Clock.Now()
	if now.Before(r.soonest) {
		return false
	}
	if !now.Before(r.next) {
		return true
	}
	unread, err := r.o.Pools.Unread(ctx)
	return err == nil && unread
}

// after decides when to read again, and stores a failure. That workers call for every app is
// one only once the reading is old.
func (r *Reader) after(ctx context.Context, out Outcome) {
	now := r.o.Clock.Now()
	busy := errors.As(out.Err, new(*busyError))
	switch {
	case out.Err == nil:
		r.last, r.good, r.wait = out.AppID, now, 0
		r.next, r.soonest = now.Add(r.o.Every), now.Add(min(again, r.o.Every))
		return
	case busy:
		r.soonest = now.Add(min(look, r.o.Every))
	default:
		r.wait = min(max(again, 2*r.wait), r.o.Every)
		r.soonest = now.Add(r.wait)
	}
	r.next = r.soonest
	if busy && now.Sub(r.good) <= 2*r.o.Every {
		return
	}
	if err := r.o.Pools.ReadFailed(ctx, out.Err.Error()); err != nil {
		r.o.Report(Outcome{Err: err})
	}
}

// busyError says that no app could be lent.
type busyError struct{ last error }

func (e *busyError) Error() string {
	return fmt.Sprintf("read the quota: workers call for each app that was tried, the last: %v", e.last)
}

func (e *busyError) Unwrap() error { return e.last }

// read asks through the first app that is idle and answers.
func (r *Reader) read(ctx context.Context) Outcome {
	apps, err := r.apps(ctx)
	if err != nil {
		return Outcome{Err: fmt.Errorf("read the quota: choose an app: %w", err)}
	}
	if len(apps) == 0 {
		return Outcome{Err: errors.New("read the quota: no authorized app is known: enqueue apps sync, or wait until a merchant authorizes the platform")}
	}
	var busy, failed error
	asked := 0
	for _, app := range apps {
		q, err := r.ask(ctx, app)
		if err == nil {
			return Outcome{Quota: q, AppID: app}
		}
		if errors.As(err, new(*ledger.LentError)) {
			busy = err
			continue
		}
		failed = fmt.Errorf("read the quota through app %s: %w", app, err)
		if asked++; asked == tries || ctx.Err() != nil || r.o.Platform(err) {
			break
		}
	}
	if failed == nil {
		failed = &busyError{busy}
	}
	return Outcome{Err: failed}
}

// apps are whom to ask, the one that answered last first.
func (r *Reader) apps(ctx context.Context) ([]string, error) {
	found, err := r.o.Apps.ReadingApps(ctx, candidates)
	if err != nil || r.last == "" {
		return found, err
	}
	list := []string{r.last}
	for _, app := range found {
		if app != r.last {
			list = append(list, app)
		}
	}
	return list, nil
}

// ask reads through one app.
func (r *Reader) ask(ctx context.Context, app string) (q wxclient.Quota, err error) {
	err = r.o.Loans.Borrow(ctx, app, loan, func(ctx context.Context) error {
		_, err := r.o.Pools.Refill(ctx, func(ctx context.Context) (int64, int64, error) {
			q, err = r.o.WeChat.QueryQuota(ctx, app)
			return q.Rest, q.Limit, err
		})
		return err
	})
	return q, err
}

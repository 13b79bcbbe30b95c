package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/wxrollout/wxrollout/ledger/internal/db"
)

// LoanMax is the longest loan.
const LoanMax = time.Minute

// Loan is a short lease on an app for a reader that is no rollout: no worker calls WeChat for
// the app while it lasts.
type Loan struct {
	AppID string
	// Until is its end by the server's clock.
	Until time.Time
}

// LentError reports that an app can't be lent now. Nothing was changed.
type LentError struct {
	AppID string
	// Rollout has an assignment for the app; "" if another reader has it, or if Quarantine is set.
	Rollout string
	// Quarantine: Redis was restarted and may have forgotten who calls for the app.
	Quarantine bool
	// Left is how long that lasts at most.
	Left time.Duration
}

func (e *LentError) Error() string {
	switch {
	case e.Quarantine:
		return fmt.Sprintf("app %s: Redis was restarted or failed over, and may have forgotten who calls for the app: try again in %s", e.AppID, e.Left.Round(time.Second))
	case e.Rollout != "":
		return fmt.Sprintf("app %s: a worker is calling for it (rollout %s): try again", e.AppID, e.Rollout)
	default:
		return fmt.Sprintf("app %s: another reader borrows it: try again", e.AppID)
	}
}

// Loan lends an app for ttl, at most LoanMax. An app that has an assignment, or is lent, is a
// *LentError. Give it back with Return.
func (l *Ledger) Loan(ctx context.Context, appID string, ttl time.Duration) (Loan, error) {
	list, err := db.Texts(db.Run(ctx, l.rdb, loanScript, appID, db.Milli(min(ttl, LoanMax)), db.Milli(l.opts.Lease)))
	if err != nil {
		return Loan{}, db.Failed(err, "lend app %s", appID)
	}
	ms, err := db.ParseInt("time", list[len(list)-1])
	if err != nil || list[0] == "ok" {
		return Loan{AppID: appID, Until: db.FromMilli(ms)}, err
	}
	return Loan{}, &LentError{
		AppID: appID, Rollout: list[1], Quarantine: list[0] == "quarantine", Left: time.Duration(ms) * time.Millisecond,
	}
}

// Return gives an app back. One whose loan has run out is left alone.
func (l *Ledger) Return(ctx context.Context, loan Loan) error {
	return db.Failed(db.Run(ctx, l.rdb, loanReturnScript, loan.AppID, db.ToMilli(loan.Until)).Err(), "give app %s back", loan.AppID)
}

// Borrow lends an app for use's calls, whose context ends before the loan does, and gives it back
// after any outcome, also when ctx has ended.
func (l *Ledger) Borrow(ctx context.Context, appID string, ttl time.Duration, use func(context.Context) error) (err error) {
	ttl = min(ttl, LoanMax)
	bounded, cancel := context.WithTimeout(ctx, ttl) // the server counts from later on
	defer cancel()
	loan, err := l.Loan(bounded, appID, ttl)
	if err != nil {
		return err
	}
	defer func() {
		returning, done := context.WithTimeout(context.WithoutCancel(ctx), returnTimeout)
		defer done()
		err = errors.Join(err, l.Return(returning, loan))
	}()
	return use(bounded)
}

// returnTimeout bounds a return; after it the loan runs out.
const returnTimeout = 2 * time.Second

package ledger_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
)

// lend takes a loan that has to be given.
func (b *bench) lend(app string, ttl time.Duration) ledger.Loan {
	b.Helper()
	loan, err := b.Loan(b.Context(), app, ttl)
	b.must(err)
	return loan
}

// refused is why an app is not lent.
func (b *bench) refused(app string) *ledger.LentError {
	b.Helper()
	var lent *ledger.LentError
	if _, err := b.Loan(b.Context(), app, time.Second); !errors.As(err, &lent) {
		b.Fatalf("a loan of %s is not refused: %v", app, err)
	}
	return lent
}

// claimed are the apps that a claim of a rollout's next targets gives.
func (b *bench) claimed(id string, stage rollout.Stage) []rollout.Assignment {
	b.Helper()
	assignments, err := b.Claim(b.Context(), rollout.Claim{Rollout: id, Stage: stage, MaxRank: rollout.Rank(99, 0), N: 10, Lease: lease})
	b.must(err)
	return assignments
}

// An app has a reader or a worker, never both, and neither keeps it for good.
func TestLoan(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		b.load("r1", 2)
		loan := b.lend("wx000", 20*time.Second)
		if lent := b.refused("wx000"); lent.Rollout != "" || lent.Quarantine || lent.Left != 20*time.Second {
			b.Errorf("a second loan is refused for %+v", lent)
		}
		if assignments := b.claimed("r1", rollout.StagePreflight); len(assignments) != 1 || assignments[0].AppID != "wx001" {
			b.Fatalf("a claim beside the loan gives %v, want wx001 alone", assignments)
		}
		if target, err := b.Target(b.Context(), "r1", "wx000"); err != nil || target.State != rollout.StatePending {
			b.Errorf("a lent app is %s (%v), want pending", target.State, err)
		}
		if lent := b.refused("wx001"); lent.Rollout != "r1" || lent.Left != lease {
			b.Errorf("a loan of an app with an assignment is refused for %+v", lent)
		}
		b.must(b.Return(b.Context(), loan))
		if assignments := b.claimed("r1", rollout.StagePreflight); len(assignments) != 1 || assignments[0].AppID != "wx000" {
			b.Errorf("after the return a claim gives %v", assignments)
		}
		b.sound("r1")
	})
}

// A reader that died keeps the app for the length of its loan, and what it gives back
// later is not the next reader's loan.
func TestLoanRunsOut(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		b.load("r1", 1)
		dead := b.lend("wx000", time.Hour) // cut to LoanMax
		b.advance(ledger.LoanMax - time.Second)
		if assignments := b.claimed("r1", rollout.StagePreflight); len(assignments) != 0 {
			b.Fatalf("a lent app gets %v", assignments)
		}
		b.advance(time.Second)
		next := b.lend("wx000", 20*time.Second)
		b.must(b.Return(b.Context(), dead))
		if assignments := b.claimed("r1", rollout.StagePreflight); len(assignments) != 0 {
			b.Fatalf("the dead reader's return ended the next loan: %v", assignments)
		}
		b.must(b.Return(b.Context(), next))
		b.lend("wx009", time.Second)
		b.advance(time.Minute)
		b.lend("wx008", time.Second)
		if n := b.rdb.ZCard(b.Context(), "wxr:{ledger}:loans").Val(); n != 1 {
			b.Errorf("%d loans are kept, want the one that runs", n)
		}
	})
}

// An assignment whose lease ran out may be lent away: its task, delivered late, doesn't begin.
func TestLateTaskMeetsLoan(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		b.load("r1", 1)
		assignments := b.claimed("r1", rollout.StagePreflight)
		b.advance(lease)
		loan := b.lend("wx000", 10*time.Second)
		if _, err := b.Start(b.Context(), assignments[0], lease); !errors.As(err, new(*rollout.StaleError)) {
			b.Errorf("a late task begins beside a reader: %v", err)
		}
		b.must(b.Return(b.Context(), loan))
		if _, err := b.Start(b.Context(), assignments[0], lease); err != nil {
			b.Errorf("after the loan: %v", err)
		}
	})
}

// A clock that went back doesn't lend an app for hours.
func TestLoanOfAClockAhead(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		b.load("r1", 1)
		b.lend("wx000", 10*time.Second)
		now := b.rdb.Time(b.Context()).Val()
		b.must(b.rdb.ZAdd(b.Context(), "wxr:{ledger}:loans", z(float64(now.Add(8*time.Hour).UnixMilli()), "wx000")).Err())
		if assignments := b.claimed("r1", rollout.StagePreflight); len(assignments) != 0 {
			b.Fatalf("a lent app gets %v", assignments)
		}
		b.advance(ledger.LoanMax)
		if assignments := b.claimed("r1", rollout.StagePreflight); len(assignments) != 1 {
			b.Error("the loan doesn't end")
		}
	})
}

// Borrow returns the app after any outcome of the calls, and bounds them.
func TestBorrow(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		oops := errors.New("oops")
		ctx, cancel := context.WithCancel(b.Context())
		err := b.Borrow(ctx, "wx000", 10*time.Second, func(ctx context.Context) error {
			if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) > 10*time.Second {
				b.Error("calls may outlast the loan")
			}
			if b.refused("wx000").Left <= 0 {
				b.Error("the app isn't lent")
			}
			cancel() // shutdown
			return oops
		})
		if !errors.Is(err, oops) {
			b.Errorf("the reader's error is %v", err)
		}
		b.must(b.Return(b.Context(), b.lend("wx000", time.Second)))
		if err := b.Borrow(b.Context(), "wx000", time.Second, func(context.Context) error { return nil }); err != nil {
			b.Error(err)
		}
	})
}

// After a restart no reader is lent an app that a forgotten assignment may still call for, and
// the first loan begins the quarantine, so that it ends though no rollout wants anything.
func TestLoanAfterRestart(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.AOF(), redistest.Config("appendfsync always"))
	rdb, advance := server.Virtual(t)
	b := &bench{T: t, store: store{ledger.New(rdb, ledger.Options{})}, rdb: rdb, advance: advance}
	b.load("r1", 1)
	b.claimed("r1", rollout.StagePreflight)

	server.Restart()

	if lent := b.refused("wx001"); !lent.Quarantine || lent.Left != lease {
		t.Errorf("refused for %+v, want a quarantine of the lease that the ledger knew", lent)
	}
	advance(lease)
	b.lend("wx001", time.Second)
}

package launch

import (
	"context"
	"errors"
	"iter"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
)

// Outcome is what writing a rollout did.
type Outcome string

// The outcomes.
const (
	// OutcomeCreated: the rollout is new.
	OutcomeCreated Outcome = "created"
	// OutcomeResumed: a write that was interrupted is complete now.
	OutcomeResumed Outcome = "resumed"
	// OutcomeExists: the rollout was complete before; nothing was changed.
	OutcomeExists Outcome = "exists"
)

// Rollout is a rollout to be written.
type Rollout struct {
	ledger.NewRollout
	// Targets are iterated twice if Prepare does; Total is their number. Since is set to Now.
	Targets iter.Seq2[rollout.Target, error]
	Total   int
	Now     time.Time
	// Prepare, if set, runs when all targets are stored and before any may move.
	Prepare func(context.Context) error
	// By and Why are noted when the rollout begins.
	By, Why string
	// Progress, if set, is called after each batch. Calls don't overlap.
	Progress func(done, total int)
}

// Written is what Write did. Outcome is "" if the rollout could not be created.
type Written struct {
	Outcome Outcome
	// Done targets are stored, Added of them by this call.
	Done, Added int
}

// Store keeps rollouts. *ledger.Ledger implements it.
type Store interface {
	Create(ctx context.Context, r ledger.NewRollout) (ledger.Created, error)
	Add(ctx context.Context, id string, targets []rollout.Target) (added int, err error)
	Seal(ctx context.Context, id string, total int, scheduled bool, by, why string) error
}

// Write is the one way to make a rollout: create it, add its targets, seal it. Nothing of it moves
// before it is sealed. The same write again, after an interruption or beside this one, completes
// the same rollout.
func Write(ctx context.Context, s Store, r Rollout) (Written, error) {
	created, err := s.Create(ctx, r.NewRollout)
	if err != nil {
		return Written{}, err
	}
	w := Written{Outcome: OutcomeCreated}
	switch {
	case created.New:
	case created.Status == rollout.StatusLoading:
		w.Outcome = OutcomeResumed
	default:
		w.Outcome = OutcomeExists
		return w, nil
	}
	l := load{total: r.Total, progress: r.Progress, add: func(ctx context.Context, batch []rollout.Target) (int, error) {
		for i := range batch {
			batch[i].Since = r.Now
		}
		return s.Add(ctx, r.ID, batch)
	}}
	err = l.run(ctx, r.Targets)
	w.Done, w.Added = l.done, l.added
	if err == nil && r.Prepare != nil {
		err = r.Prepare(ctx)
	}
	if err == nil {
		err = s.Seal(ctx, r.ID, r.Total, !r.StartAt.IsZero(), r.By, r.Why)
	}
	if status, ok := movedOn(err); ok && !status.Ended() { // another call sealed it first
		w.Outcome, err = OutcomeExists, nil
	}
	return w, err
}

// movedOn is the status that a rollout got from another call while it was written.
func movedOn(err error) (rollout.Status, bool) {
	var status *ledger.StatusError
	if !errors.As(err, &status) {
		return "", false
	}
	return status.Status, status.Status != ""
}

// loaders is how many batches of targets are written at a time.
const loaders = 4

// load writes targets in batches, several at a time.
type load struct {
	total    int
	add      func(context.Context, []rollout.Target) (added int, err error)
	progress func(done, total int)

	mu          sync.Mutex
	done, added int
}

// run writes targets. On an error, or when ctx ends, it waits for the batches under way and stops.
func (l *load) run(ctx context.Context, targets iter.Seq2[rollout.Target, error]) error {
	g, running := errgroup.WithContext(ctx)
	g.SetLimit(loaders)
	var batch []rollout.Target
	flush := func() {
		if full := batch; len(full) > 0 {
			g.Go(func() error { return l.write(running, full) })
		}
		batch = nil
	}
	var failed error
	for t, err := range targets {
		if failed = err; err != nil || running.Err() != nil {
			break
		}
		if batch = append(batch, t); len(batch) == ledger.AddBatch {
			flush()
		}
	}
	if failed == nil && running.Err() == nil {
		flush()
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return errors.Join(failed, ctx.Err())
}

func (l *load) write(ctx context.Context, batch []rollout.Target) error {
	added, err := l.add(ctx, batch)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done += len(batch)
	l.added += added
	if l.progress != nil {
		l.progress(l.done, l.total)
	}
	return nil
}

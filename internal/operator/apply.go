package operator

import (
	"cmp"
	"context"
	"errors"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
)

// ApplyOptions say how to apply a plan.
type ApplyOptions struct {
	// Again makes a new rollout although one of the same content ended already.
	Again bool
	// Expect refuses to apply anything but the preview of this id; "" takes any.
	Expect string
	// Why is the operator's reason.
	Why string
	// Progress hears of targets written; nil is fine. Calls don't overlap.
	Progress func(done, total int)
}

// Outcome is what applying did.
type Outcome string

// The outcomes of applying.
const (
	// OutcomeCreated: the rollout is new.
	OutcomeCreated Outcome = "created"
	// OutcomeResumed: an apply that had been interrupted is complete now.
	OutcomeResumed Outcome = "resumed"
	// OutcomeExists: the same content was applied before and has not ended;
	// nothing was changed.
	OutcomeExists Outcome = "exists"
)

// Applied is what applying did.
type Applied struct {
	ID      string         `json:"id"`
	Outcome Outcome        `json:"outcome"`
	Status  rollout.Status `json:"status"`
	Total   int            `json:"total"`
	// Added is how many targets this call wrote.
	Added int `json:"added"`
}

// loaders is how many batches of targets are on their way at a time.
const loaders = 4

// Apply makes the rollout of a preview. Doing it twice, at once or one after the
// other, makes one rollout. When it is interrupted, the error is an
// *InterruptedError and the same apply again completes it. Content that ended
// already is an *EndedError without Again; a name in use is a *ledger.TakenError.
func (o *Operator) Apply(ctx context.Context, p *Preview, opt ApplyOptions) (Applied, error) {
	if p.Schedule != "" {
		return Applied{}, ErrScheduled
	}
	if opt.Expect != "" && opt.Expect != p.ID {
		return Applied{}, &DifferentError{Want: opt.Expect, Have: p.ID}
	}
	id, err := o.place(ctx, p, opt.Again)
	if err != nil {
		return Applied{}, err
	}
	applied := Applied{ID: id, Total: p.Total}
	created, err := o.ledger.Create(ctx, ledger.NewRollout{ID: id, Plan: p.full, Digest: p.Digest, StartAt: p.StartAt})
	if err != nil {
		if ctx.Err() != nil {
			err = &InterruptedError{ID: id, Total: p.Total, Err: err}
		}
		return applied, err
	}
	switch {
	case created.New:
		applied.Outcome = OutcomeCreated
	case created.Status == rollout.StatusLoading:
		applied.Outcome = OutcomeResumed
	default:
		return o.exists(ctx, applied)
	}
	l := &load{total: p.Total, tell: opt.Progress, add: func(ctx context.Context, batch []rollout.Target) (int, error) {
		return o.ledger.Add(ctx, id, batch)
	}}
	now := o.now()
	err = l.run(ctx, func(n int) rollout.Target { return p.target(n, now) })
	if err == nil { // before it may move: its apps need them
		err = o.addToPlatform(ctx, p.full, p.targets())
	}
	if err == nil {
		err = o.ledger.Seal(ctx, id, p.Total, !p.StartAt.IsZero(), o.by, cmp.Or(opt.Why, "applied"))
	}
	applied.Added = l.added
	if err != nil {
		return o.unsealed(ctx, applied, l, err)
	}
	return o.status(ctx, applied)
}

// place is the id to apply a preview under.
func (o *Operator) place(ctx context.Context, p *Preview, again bool) (string, error) {
	last, err := o.lastOf(ctx, p.ID)
	switch {
	case err != nil:
		return "", err
	case last == nil:
		return p.ID, nil
	case !last.Status.Ended():
		return last.ID, nil
	case !again:
		return "", &EndedError{ID: last.ID, Status: last.Status, Next: next(p.ID, last.ID)}
	default:
		return next(p.ID, last.ID), nil
	}
}

// unsealed explains why a load didn't end well. That somebody else who applied
// the same plan sealed it first is no fault.
func (o *Operator) unsealed(ctx context.Context, a Applied, l *load, err error) (Applied, error) {
	var status *ledger.StatusError
	if errors.As(err, &status) && status.Status != "" && !status.Status.Ended() {
		return o.exists(ctx, a)
	}
	var taken *ledger.TakenError
	if errors.As(err, &taken) || errors.As(err, &status) {
		return a, err
	}
	return a, &InterruptedError{ID: a.ID, Done: l.done, Total: a.Total, Err: err}
}

// exists reports a rollout that was there already.
func (o *Operator) exists(ctx context.Context, a Applied) (Applied, error) {
	a.Outcome = OutcomeExists
	return o.status(ctx, a)
}

func (o *Operator) status(ctx context.Context, a Applied) (Applied, error) {
	r, err := o.ledger.Rollout(ctx, a.ID)
	a.Status = r.Status
	return a, err
}

// load writes targets in batches, several at a time.
type load struct {
	total int
	add   func(context.Context, []rollout.Target) (int, error)
	tell  func(done, total int)

	mu          sync.Mutex
	done, added int
}

// run writes targets 0 to total-1. On an error, or when ctx ends, it waits for
// the batches on their way and stops.
func (l *load) run(ctx context.Context, target func(n int) rollout.Target) error {
	g, running := errgroup.WithContext(ctx)
	g.SetLimit(loaders)
	for from := 0; from < l.total && running.Err() == nil; from += ledger.AddBatch {
		batch := make([]rollout.Target, min(ledger.AddBatch, l.total-from))
		for i := range batch {
			batch[i] = target(from + i)
		}
		g.Go(func() error { return l.write(running, batch) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return ctx.Err()
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
	if l.tell != nil {
		l.tell(l.done, l.total)
	}
	return nil
}

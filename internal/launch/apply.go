package launch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
)

// ApplyOptions say how to store a preview.
type ApplyOptions struct {
	// Again makes a new rollout although one of the same content ended already.
	Again bool
	// AllowDamaged takes a list with values that a spreadsheet program seems to have changed.
	AllowDamaged bool
	// Expect refuses to apply anything but the preview of this id; "" takes any.
	Expect string
	// Why is the operator's reason.
	Why string
	// Progress is called with the number of targets written; nil is fine. Calls don't overlap.
	Progress func(done, total int)
}

// Applied is what applying did.
type Applied struct {
	ID      string         `json:"id"`
	Outcome Outcome        `json:"outcome"`
	Status  rollout.Status `json:"status"`
	Total   int            `json:"total"`
	// Added is how many targets this call wrote.
	Added int `json:"added"`
}

// Apply makes the rollout of a preview. Doing it twice, at once or one after the other, makes one
// rollout. An interruption is an *InterruptedError, and the same apply again completes the rollout.
// Content that ended already is an *EndedError without Again; a name in use is a *ledger.TakenError.
func (l *Launcher) Apply(ctx context.Context, p *Preview, opt ApplyOptions) (Applied, error) {
	if p.Schedule != "" {
		return Applied{}, ErrScheduled
	}
	if err := p.refuse(opt); err != nil {
		return Applied{}, err
	}
	id, err := l.place(ctx, p, opt.Again)
	if err != nil {
		return Applied{}, err
	}
	applied := Applied{ID: id, Total: p.Total}
	w, err := l.write(ctx, Rollout{
		NewRollout: ledger.NewRollout{ID: id, Plan: p.compiled.Plan, Digest: p.Digest, StartAt: p.StartAt},
		Targets:    p.compiled.Targets(), Total: p.Total, By: l.d.By, Why: cmp.Or(opt.Why, "applied"), Progress: opt.Progress,
	})
	applied.Outcome, applied.Added = w.Outcome, w.Added
	if err != nil {
		created := w.Outcome != ""
		refused := errors.As(err, new(*ledger.TakenError)) || errors.As(err, new(*ledger.StatusError))
		if created && !refused || ctx.Err() != nil {
			err = &InterruptedError{ID: id, Done: w.Done, Total: p.Total, Err: err}
		}
		return applied, err
	}
	r, err := l.d.Ledger.Rollout(ctx, id)
	applied.Status = r.Status
	return applied, err
}

// write writes a rollout and prepares WeChat for it.
func (l *Launcher) write(ctx context.Context, r Rollout) (Written, error) {
	r.Now = l.d.Now()
	r.Prepare = func(ctx context.Context) error { return l.addToPlatform(ctx, r.Plan, r.Targets) }
	return Write(ctx, l.d.Ledger, r)
}

// refuse returns an error for a preview that must not be applied with these options.
func (p *Preview) refuse(opt ApplyOptions) error {
	if len(p.Damaged) > 0 && !opt.AllowDamaged {
		return &DamagedError{Faults: p.Damaged}
	}
	return p.expect(opt.Expect)
}

// expect returns an error unless the preview has the id that was reviewed; "" takes any.
func (p *Preview) expect(id string) error {
	if id != "" && id != p.ID {
		return &DifferentError{Want: id, Have: p.ID}
	}
	return nil
}

// place is the id to apply a preview under.
func (l *Launcher) place(ctx context.Context, p *Preview, again bool) (string, error) {
	last, err := l.lastOf(ctx, p.ID)
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

// lastOf is the newest rollout of one content: base, or its last repetition base-2, base-3, ...;
// nil if there is none. An archived one counts: WeChat may still have versions with its id.
func (l *Launcher) lastOf(ctx context.Context, base string) (*rollout.Rollout, error) {
	var last *rollout.Rollout
	for n := 1; ; n++ {
		r, err := l.d.Ledger.Rollout(ctx, repetition(base, n))
		if errors.Is(err, ledger.ErrNotFound) {
			a, e := l.d.Ledger.Archived(ctx, repetition(base, n))
			r, err = rollout.Rollout{ID: a.ID, Name: a.Name, Status: a.Status, Total: a.Total}, e
		}
		if errors.Is(err, ledger.ErrNotFound) {
			return last, nil
		}
		if err != nil {
			return nil, err
		}
		last = &r
	}
}

// repetition is the id of the n-th rollout of one content, from 1.
func repetition(base string, n int) string {
	if n <= 1 {
		return base
	}
	return fmt.Sprintf("%s-%d", base, n)
}

// next is the id after that of a rollout of the same content.
func next(base, last string) string {
	n := 1
	if tail, ok := strings.CutPrefix(last, base+"-"); ok {
		_, _ = fmt.Sscanf(tail, "%d", &n) // repetition wrote it
	}
	return repetition(base, n+1)
}

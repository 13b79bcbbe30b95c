package tasks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/wxrollout/wxrollout/appconfig"
	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient"
)

// readBackLimit is how often a target of an aborted rollout waits until the outcome of its
// call can be read: with the usual waits about an hour.
const readBackLimit = 8

// readBackMax is the longest of these waits.
const readBackMax = 30 * time.Minute

// readBack ends a target whose rollout was aborted while the outcome of a call was unknown.
// It only reads: a release that is live ends the target as released, anything else as
// aborted, with what is left at WeChat in its note.
func (r *run) readBack(ctx context.Context) (rollout.Event, error) {
	op := r.t.Intent.Op
	took, err := r.took(ctx)
	if err != nil {
		return nil, fmt.Errorf("read back the %s: %w", r.t.Intent, err)
	}
	if took == nil {
		event, err := r.unresolved()
		if _, over := event.(rollout.Failed); err != nil || event != nil && !over { // nothing is repeated here
			return event, err
		}
		return rollout.Aborted{At: r.now(), Holder: true, Note: fmt.Sprintf("its %s had not taken effect", op)}, nil
	}
	if err := r.apply(rollout.Resolved{At: r.now(), Note: "read back: it took effect"}); err != nil {
		return nil, err
	}
	if took.live {
		return rollout.Finished{At: r.now(), End: rollout.StateReleased, Note: took.note}, nil
	}
	return rollout.Aborted{At: r.now(), Holder: true, AuditID: took.auditID, Note: took.note}, nil
}

// notTold is a reply that does not tell what is asked.
func notTold(what string) error { return errors.New("WeChat's reply does not tell " + what) }

// effect is what a call of an open intent left at WeChat.
type effect struct {
	note    string
	auditID int64 // of a submission
	live    bool  // our version is live
}

// took reads the effect of the open intent; nil if there is none yet.
func (r *run) took(ctx context.Context) (*effect, error) {
	switch r.t.Intent.Op {
	case rollout.OpCommit:
		there, err := r.trial(ctx)
		if err != nil || there == unknown {
			return nil, cmp.Or(err, notTold(whichTrial))
		}
		if there != ours {
			return nil, nil
		}
		return &effect{note: "its commit took effect: the trial version is this rollout's"}, nil
	case rollout.OpSubmit:
		latest, exists, err := r.latestAudit(ctx)
		if err != nil {
			return nil, err
		}
		switch whose := r.submitted(latest, exists); {
		case whose == unknown || whose == ours && latest.ID == 0:
			return nil, notTold("whose the last audit is")
		case whose != ours:
			return nil, nil
		}
		r.use = ratelimit.Found
		return &effect{auditID: latest.ID, note: fmt.Sprintf("its submission took effect: audit %d is %s at WeChat", latest.ID, latest.Status)}, nil
	case rollout.OpUndo:
		latest, exists, err := r.latestAudit(ctx)
		if err != nil || !exists || latest.Status != wxclient.AuditWithdrawn {
			return nil, err
		}
		return &effect{note: "its withdrawal of another version's audit took effect"}, nil
	case rollout.OpRelease:
		return r.tookRelease(ctx)
	case rollout.OpConfigure:
		return r.tookChange(ctx)
	default:
		return nil, fmt.Errorf("no reading shows what a %s did", r.t.Intent.Op)
	}
}

func (r *run) tookRelease(ctx context.Context) (*effect, error) {
	live, _, err := r.live(ctx)
	if err != nil || live == unknown {
		return nil, cmp.Or(err, notTold(whichLive))
	}
	if live == ours {
		return &effect{live: true, note: "version " + r.plan.Template.Version + " is live: it was released before the abort"}, nil
	}
	if len(r.plan.Release.Gray) == 0 {
		return nil, nil
	}
	plan, err := r.wx.GrayPlan(ctx, r.assignment.AppID)
	if err != nil || !plan.Exists || plan.Status != wxclient.GrayRunning && plan.Status != wxclient.GrayPaused {
		return nil, err
	}
	return &effect{note: fmt.Sprintf("a gray release to %d%% of the users runs", plan.Percentage)}, nil
}

func (r *run) tookChange(ctx context.Context) (*effect, error) {
	if k := appconfig.KindOfChange(r.t.Intent.What); k != nil && k.Unreadable != "" {
		return nil, &untoldError{k.Unreadable}
	}
	want, err := r.wanted()
	if err != nil {
		return nil, err
	}
	changed, err := r.changed(ctx, want, r.t.Intent.What)
	if err != nil || !changed {
		return nil, err
	}
	return &effect{note: "its write of " + r.t.Intent.What + " took effect"}, nil
}

// untoldError says that no reading will ever show an outcome.
type untoldError struct{ why string }

func (e *untoldError) Error() string { return e.why }

// unreadable waits until an outcome can be read, and after readBackLimit waits ends the
// target with its intent open.
func (r *run) unreadable(ctx context.Context, err error) rollout.Event {
	if errors.As(err, new(*rollout.StaleError)) {
		return nil
	}
	if ctx.Err() != nil {
		return r.unbegun("the worker is stopping")
	}
	lastError, in := r.lastError(err), r.t.Intent
	// What is known to be the platform's fault counts for nobody.
	if j := judge(err); j.scope == ScopePlatform && !j.confirm {
		if event, ok := r.platformFault(ctx, j, lastError).(rollout.Yielded); ok {
			return event
		}
	}
	if in.Waits < readBackLimit && !errors.As(err, new(*untoldError)) {
		return rollout.Waited{
			At: r.now(), Reason: rollout.ReasonUnknown, For: backingOff(r.timing.Settle, readBackMax, in.Waits),
			Note: "the rollout was aborted; reading back failed", LastError: &lastError,
		}
	}
	lastError.Text = clip(fmt.Sprintf("what its %s did is unknown: %s", in, lastError.Text))
	return rollout.Aborted{At: r.now(), Holder: true, LastError: &lastError, Note: "what its " + in.String() + " did is unknown"}
}

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
	"github.com/wxrollout/wxrollout/tasks/classify"
	"github.com/wxrollout/wxrollout/wxclient"
)

// readBackLimit is how often a target of an aborted rollout waits until the outcome of its call is
// readable: about an hour with the default waits.
const readBackLimit = 8

// readBackMax is the longest of these waits.
const readBackMax = 30 * time.Minute

// readBackAPI are the calls of a read-back.
type readBackAPI interface {
	VersionInfo(ctx context.Context, appid string) (wxclient.VersionInfo, error)
	LatestAudit(ctx context.Context, appid string) (wxclient.Audit, error)
	GrayPlan(ctx context.Context, appid string) (wxclient.GrayPlan, error)
}

// readBack ends a target whose rollout was aborted while the outcome of a call was unknown. It only
// reads: a release that is live ends the target as released, anything else as aborted, with what is
// left at WeChat in its note.
type readBack struct {
	*run
	wx    readBackAPI
	actor actor
}

func (r readBack) act(ctx context.Context) (rollout.Event, error) {
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

// notShown is a reply without what was read for.
func notShown(what string) error { return errors.New("WeChat's reply does not tell " + what) }

// effect is what the call of an open intent left at WeChat.
type effect struct {
	note    string
	auditID int64 // of a submission
	live    bool  // our version is live
}

// took reads the effect of the open intent; nil if there is none yet.
func (r readBack) took(ctx context.Context) (*effect, error) {
	switch r.t.Intent.Op {
	case rollout.OpCommit:
		there, err := r.readTrial(ctx, r.wx)
		if err != nil || there == unknown {
			return nil, cmp.Or(err, notShown(whichTrial))
		}
		if there != ours {
			return nil, nil
		}
		return &effect{note: "its commit took effect: the trial version is this rollout's"}, nil
	case rollout.OpSubmit:
		latest, exists, err := r.readAudit(ctx, r.wx)
		if err != nil {
			return nil, err
		}
		switch whose := r.submitted(latest, exists); {
		case whose == unknown || whose == ours && latest.ID == 0:
			return nil, notShown(whoseAudit)
		case whose != ours:
			return nil, nil
		}
		r.permit.use = ratelimit.Found
		return &effect{auditID: latest.ID, note: fmt.Sprintf("its submission took effect: audit %d is %s at WeChat", latest.ID, latest.Status)}, nil
	case rollout.OpUndo:
		latest, exists, err := r.readAudit(ctx, r.wx)
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

func (r readBack) tookRelease(ctx context.Context) (*effect, error) {
	live, _, err := r.readLive(ctx, r.wx)
	if err != nil || live == unknown {
		return nil, cmp.Or(err, notShown(whichLive))
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

func (r readBack) tookChange(ctx context.Context) (*effect, error) {
	if k := appconfig.KindOfChange(r.t.Intent.What); k != nil && k.Unreadable != "" {
		return nil, &unreadableError{k.Unreadable}
	}
	want, err := r.configurer().wanted()
	if err != nil {
		return nil, err
	}
	changed, err := r.configurer().changed(ctx, want, r.t.Intent.What)
	if err != nil || !changed {
		return nil, err
	}
	return &effect{note: "its write of " + r.t.Intent.What + " took effect"}, nil
}

// unreadableError is an outcome that no read ever shows.
type unreadableError struct{ why string }

func (e *unreadableError) Error() string { return e.why }

// failed waits until the outcome is readable, and after readBackLimit waits ends the target with its
// intent open.
func (r readBack) failed(ctx context.Context, err error) rollout.Event {
	if errors.As(err, new(*rollout.StaleError)) {
		return nil
	}
	if ctx.Err() != nil {
		return r.facts().Unbegun("the worker is stopping")
	}
	lastError, in := r.facts().LastError(err), r.t.Intent
	// A proven fault of the platform counts for no target.
	o := classify.Of(r.facts(), err)
	if o.Fault != nil && !o.Fault.Fault.Confirm && r.actor.record(ctx, o.Fault.Fault) != rollout.FaultAlone {
		return o.Event
	}
	if in.Waits < readBackLimit && !errors.As(err, new(*unreadableError)) {
		return rollout.Waited{
			At: r.now(), Reason: rollout.ReasonUnknown, For: classify.BackingOff(r.h.timing.Settle, readBackMax, in.Waits),
			Note: "the rollout was aborted; reading back failed", LastError: &lastError,
		}
	}
	lastError.Text = classify.Clip(fmt.Sprintf("what its %s did is unknown: %s", in, lastError.Text))
	return rollout.Aborted{At: r.now(), Holder: true, LastError: &lastError, Note: "what its " + in.String() + " did is unknown"}
}

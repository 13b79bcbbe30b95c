package stage

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
	"github.com/wxrollout/wxrollout/tasks/run"
	"github.com/wxrollout/wxrollout/tasks/whose"
	"github.com/wxrollout/wxrollout/wxclient"
)

// ReadBackLimit is how often a target of an aborted rollout waits until the outcome of its call is
// readable: about an hour with the default waits.
const ReadBackLimit = 8

// readBackMax is the longest of these waits.
const readBackMax = 30 * time.Minute

// readBackAPI are the calls of a read-back.
type readBackAPI interface {
	VersionInfo(ctx context.Context, appid string) (wxclient.VersionInfo, error)
	LatestAudit(ctx context.Context, appid string) (wxclient.Audit, error)
	GrayPlan(ctx context.Context, appid string) (wxclient.GrayPlan, error)
}

// ReadBack ends a target whose rollout was aborted while the outcome of a call was unknown. It only
// reads: a release that is live ends the target as released, anything else as aborted, with what is
// left at WeChat in its note.
type ReadBack struct {
	*run.Run
	wx     readBackAPI
	record Record
}

// Record records a fault of the platform that an app met.
type Record func(ctx context.Context, f rollout.PlatformFault) rollout.FaultReport

// NewReadBack is the read-back of a run.
func NewReadBack(r *run.Run, wx API, record Record) ReadBack { return ReadBack{r, wx, record} }

// Act reads back.
func (r ReadBack) Act(ctx context.Context) (rollout.Event, error) {
	op := r.Target.Intent.Op
	took, err := r.took(ctx)
	if err != nil {
		return nil, fmt.Errorf("read back the %s: %w", r.Target.Intent, err)
	}
	if took == nil {
		event, err := r.Unresolved()
		if _, over := event.(rollout.Failed); err != nil || event != nil && !over { // nothing is repeated here
			return event, err
		}
		return rollout.Aborted{At: r.Now(), Holder: true, Note: fmt.Sprintf("its %s had not taken effect", op)}, nil
	}
	if err := r.Apply(rollout.Resolved{At: r.Now(), Note: "read back: it took effect"}); err != nil {
		return nil, err
	}
	if took.live {
		return rollout.Finished{At: r.Now(), End: rollout.StateReleased, Note: took.note}, nil
	}
	return rollout.Aborted{At: r.Now(), Holder: true, AuditID: took.auditID, Note: took.note}, nil
}

// notShown is a reply without what was read for.
func notShown(what string) error { return errors.New("WeChat's reply does not show " + what) }

// effect is what the call of an open intent left at WeChat.
type effect struct {
	note    string
	auditID int64 // of a submission
	live    bool  // our version is live
}

// took reads the effect of the open intent; nil if there is none yet.
func (r ReadBack) took(ctx context.Context) (*effect, error) {
	switch r.Target.Intent.Op {
	case rollout.OpCommit:
		there, err := r.ReadTrial(ctx, r.wx)
		if err != nil || there == whose.Unknown {
			return nil, cmp.Or(err, notShown(run.WhichTrial))
		}
		if there != whose.Ours {
			return nil, nil
		}
		return &effect{note: "its commit took effect: the trial version is this rollout's"}, nil
	case rollout.OpSubmit:
		latest, exists, err := r.ReadAudit(ctx, r.wx)
		if err != nil {
			return nil, err
		}
		switch owner := submitted(r.Run, latest, exists); {
		case owner == whose.Unknown || owner == whose.Ours && latest.ID == 0:
			return nil, notShown(run.WhoseAudit)
		case owner != whose.Ours:
			return nil, nil
		}
		r.Permit.Use = ratelimit.Found
		return &effect{auditID: latest.ID, note: fmt.Sprintf("its submission took effect: audit %d is %s at WeChat", latest.ID, latest.Status)}, nil
	case rollout.OpUndo:
		latest, exists, err := r.ReadAudit(ctx, r.wx)
		if err != nil || !exists || latest.Status != wxclient.AuditWithdrawn {
			return nil, err
		}
		return &effect{note: "its withdrawal of another version's audit took effect"}, nil
	case rollout.OpRelease:
		return r.tookRelease(ctx)
	case rollout.OpConfigure:
		return r.tookChange(ctx)
	default:
		return nil, fmt.Errorf("no reading shows what a %s did", r.Target.Intent.Op)
	}
}

func (r ReadBack) tookRelease(ctx context.Context) (*effect, error) {
	live, _, err := r.ReadLive(ctx, r.wx)
	if err != nil || live == whose.Unknown {
		return nil, cmp.Or(err, notShown(run.WhichLive))
	}
	if live == whose.Ours {
		return &effect{live: true, note: "version " + r.Plan.Template.Version + " is live: it was released before the abort"}, nil
	}
	if len(r.Plan.Release.Gray) == 0 {
		return nil, nil
	}
	plan, err := r.wx.GrayPlan(ctx, r.Assignment.AppID)
	if err != nil || !plan.Exists || plan.Status != wxclient.GrayRunning && plan.Status != wxclient.GrayPaused {
		return nil, err
	}
	return &effect{note: fmt.Sprintf("a gray release to %d%% of the users runs", plan.Percentage)}, nil
}

func (r ReadBack) tookChange(ctx context.Context) (*effect, error) {
	if k := appconfig.KindOfChange(r.Target.Intent.What); k != nil && k.Unreadable != "" {
		return nil, &unreadableError{k.Unreadable}
	}
	want, err := configurer{r.Run}.wanted()
	if err != nil {
		return nil, err
	}
	changed, err := configurer{r.Run}.changed(ctx, want, r.Target.Intent.What)
	if err != nil || !changed {
		return nil, err
	}
	return &effect{note: "its write of " + r.Target.Intent.What + " took effect"}, nil
}

// unreadableError is an outcome that no read ever shows.
type unreadableError struct{ why string }

func (e *unreadableError) Error() string { return e.why }

// Failed waits until the outcome is readable, and after ReadBackLimit waits ends the target with its
// intent open.
func (r ReadBack) Failed(ctx context.Context, err error) rollout.Event {
	if errors.As(err, new(*rollout.StaleError)) {
		return nil
	}
	if ctx.Err() != nil {
		return r.Facts().Unbegun("the worker is stopping")
	}
	lastError, in := r.Facts().LastError(err), r.Target.Intent
	// A proven fault of the platform counts for no target.
	o := classify.Of(r.Facts(), err)
	if o.Fault != nil && !o.Fault.Fault.Confirm && r.record(ctx, o.Fault.Fault) != rollout.FaultAlone {
		return o.Event
	}
	if in.Waits < ReadBackLimit && !errors.As(err, new(*unreadableError)) {
		return rollout.Waited{
			At: r.Now(), Reason: rollout.ReasonUnknown, For: classify.BackingOff(r.Timing.Settle, readBackMax, in.Waits),
			Note: "the rollout was aborted; reading back failed", LastError: &lastError,
		}
	}
	lastError.Text = classify.Clip(fmt.Sprintf("what its %s did is unknown: %s", in, lastError.Text))
	return rollout.Aborted{At: r.Now(), Holder: true, LastError: &lastError, Note: "what its " + in.String() + " did is unknown"}
}

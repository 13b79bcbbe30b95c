package tasks

import (
	"context"
	"fmt"
	"time"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient"
)

// verdict reads how our submission stands. A push only wakes the target: it
// names no version, so the verdict is always read.
func (r *run) verdict(ctx context.Context) (rollout.Event, error) {
	audit, err := r.ourAudit(ctx)
	if err != nil {
		return nil, err
	}
	switch audit.Status {
	case wxclient.AuditPassed:
		return rollout.Advanced{At: r.now(), Note: fmt.Sprintf("audit %d passed", audit.ID)}, nil
	case wxclient.AuditRejected:
		return rollout.Rejected{At: r.now(), LastError: rollout.LastError{
			Stage: r.assignment.Stage, Class: "rejected", Text: clip(plain(audit.Reason)), Screenshots: audit.Screenshot, At: r.now(),
		}}, nil
	case wxclient.AuditWithdrawn:
		return r.failed(rollout.LastError{
			Stage: r.assignment.Stage, Class: rollout.ClassWithdrawn, At: r.now(),
			Text: fmt.Sprintf("audit %d was withdrawn by somebody: retry to submit again", audit.ID),
		}), nil
	case wxclient.AuditPending:
		return rollout.Waited{At: r.now(), Reason: rollout.ReasonVerdict, For: r.nextPoll()}, nil
	case wxclient.AuditDelayed: // no verdict; its gate wants to know
		lastError := rollout.LastError{Stage: r.assignment.Stage, Class: "delayed", Text: clip(plain(audit.Reason)), At: r.now()}
		return rollout.Waited{At: r.now(), Reason: rollout.ReasonDelayed, Note: lastError.Text, For: r.nextPoll(), LastError: &lastError}, nil
	default:
		return r.wait(rollout.ReasonUnlisted, r.timing.InAudit, rollout.LastError{
			Stage: r.assignment.Stage, Class: string(wxclient.ClassUnknown), At: r.now(),
			Text: fmt.Sprintf("audit %d has the undocumented status %d", audit.ID, audit.Status),
		}), nil
	}
}

// nextPoll is when to look at the audit again.
func (r *run) nextPoll() time.Duration {
	return backingOff(r.timing.Verdict, r.timing.VerdictMax, r.t.Polls)
}

// ourAudit is the submission that this target follows, whatever was submitted since. Where the last
// one's id is not told, ours is asked for by its id.
func (r *run) ourAudit(ctx context.Context) (wxclient.Audit, error) {
	latest, exists, err := r.latestAudit(ctx)
	if err != nil {
		return latest, fmt.Errorf("read the verdict: %w", err)
	}
	if exists && latest.ID == r.t.AuditID {
		return latest, nil
	}
	audit, err := r.wx.AuditStatus(ctx, r.assignment.AppID, r.t.AuditID)
	if err != nil {
		return audit, fmt.Errorf("read the verdict of audit %d: %w", r.t.AuditID, err)
	}
	audit.ID = r.t.AuditID
	return audit, nil
}

// backingOff is the n-th wait of a poll: first, growing by half each time, at
// most largest.
func backingOff(first, largest time.Duration, n int) time.Duration {
	d := first
	for range min(n, 32) {
		if d += d / 2; d >= largest {
			return largest
		}
	}
	return min(d, largest)
}

package stage

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/classify"
	"github.com/wxrollout/wxrollout/tasks/run"
	"github.com/wxrollout/wxrollout/wxclient"
)

// verdictAPI are the calls of verdict.
type verdictAPI interface {
	LatestAudit(ctx context.Context, appid string) (wxclient.Audit, error)
	AuditStatus(ctx context.Context, appid string, auditID int64) (wxclient.Audit, error)
}

// verdict reads the result of our submission. A callback only wakes the target: it names no version,
// so the verdict is always read.
type verdict struct {
	*run.Run
	wx verdictAPI
}

func (r verdict) act(ctx context.Context) (rollout.Event, error) {
	audit, err := r.ourAudit(ctx)
	if err != nil {
		return nil, err
	}
	switch audit.Status {
	case wxclient.AuditPassed:
		return rollout.Advanced{At: r.Now(), Note: fmt.Sprintf("audit %d passed", audit.ID)}, nil
	case wxclient.AuditRejected:
		return rollout.Rejected{At: r.Now(), LastError: rollout.LastError{
			Stage: r.Assignment.Stage, Class: "rejected", Text: classify.Clip(r.reason(ctx, &audit)), Screenshots: audit.Screenshot, At: r.Now(),
		}}, nil
	case wxclient.AuditWithdrawn:
		return r.Facts().Failed(rollout.LastError{
			Stage: r.Assignment.Stage, Class: rollout.ClassWithdrawn, At: r.Now(),
			Text: fmt.Sprintf("audit %d was withdrawn at WeChat: retry to submit again", audit.ID),
		}), nil
	case wxclient.AuditPending:
		return rollout.Waited{At: r.Now(), Reason: rollout.ReasonVerdict, For: r.nextPoll()}, nil
	case wxclient.AuditDelayed: // no verdict; the gate counts it
		lastError := rollout.LastError{Stage: r.Assignment.Stage, Class: "delayed", Text: classify.Clip(plain(audit.Reason)), At: r.Now()}
		return rollout.Waited{At: r.Now(), Reason: rollout.ReasonDelayed, Note: lastError.Text, For: r.nextPoll(), LastError: &lastError}, nil
	default:
		return r.Wait(rollout.ReasonUnlisted, r.Timing.InAudit, rollout.LastError{
			Stage: r.Assignment.Stage, Class: string(wxclient.ClassUnknown), At: r.Now(),
			Text: fmt.Sprintf("audit %d has the undocumented status %d", audit.ID, audit.Status),
		}), nil
	}
}

// reason is why the audit was rejected. A reply without it leaves it to get_auditstatus, and then to
// the operator: the rejection stands without a reason.
func (r verdict) reason(ctx context.Context, audit *wxclient.Audit) string {
	if plain(audit.Reason) == "" {
		if own, err := r.wx.AuditStatus(ctx, r.Assignment.AppID, audit.ID); err == nil && own.Status == wxclient.AuditRejected {
			audit.Reason, audit.Screenshot = own.Reason, cmp.Or(audit.Screenshot, own.Screenshot)
		}
	}
	return cmp.Or(plain(audit.Reason), fmt.Sprintf("WeChat names no reason: read it at mp.weixin.qq.com, audit %d", audit.ID))
}

// nextPoll is the wait before the audit is read again.
func (r verdict) nextPoll() time.Duration {
	return classify.BackingOff(r.Timing.Verdict, r.Timing.VerdictMax, r.Target.Polls)
}

// ourAudit is the submission that this target follows, not a later one. It is read by its
// id unless the app's last submission carries that id.
func (r verdict) ourAudit(ctx context.Context) (wxclient.Audit, error) {
	latest, exists, err := r.ReadAudit(ctx, r.wx)
	if err != nil {
		return latest, fmt.Errorf("read the verdict: %w", err)
	}
	if exists && latest.ID == r.Target.AuditID {
		return latest, nil
	}
	audit, err := r.wx.AuditStatus(ctx, r.Assignment.AppID, r.Target.AuditID)
	if err != nil {
		return audit, fmt.Errorf("read the verdict of audit %d: %w", r.Target.AuditID, err)
	}
	audit.ID = r.Target.AuditID
	return audit, nil
}

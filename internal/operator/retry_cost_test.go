package operator_test

import (
	"errors"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/internal/operator/operatortest"
	"github.com/wxrollout/wxrollout/internal/view"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient"
)

// TestRetryReportsWhatItSpends: a failed target whose own submission is in audit or has passed
// takes it up, and the retry counts only the submissions that will be made.
func TestRetryReportsWhatItSpends(t *testing.T) {
	t.Parallel()
	const app = 1
	fails := func(now time.Time) rollout.Event {
		return rollout.Failed{At: now, LastError: rollout.LastError{Class: "fatal-app", Code: 85015, Text: "no", At: now}}
	}
	withdrawn := func(now time.Time) rollout.Event {
		return rollout.Failed{At: now, LastError: rollout.LastError{Class: rollout.ClassWithdrawn, Text: "withdrawn", At: now}}
	}
	own := func(id string) wxclient.Audit {
		return wxclient.Audit{ID: 501, Status: wxclient.AuditPending, Version: "3.9.0", Desc: "spring " + rollout.Marker(id, 0)}
	}
	lost := func(x *rollout.Target) { x.Intent = &rollout.Intent{Op: rollout.OpSubmit, At: time.Now()} }
	type found struct {
		audit func(id string) wxclient.Audit
		err   error
	}
	for name, tt := range map[string]struct {
		stage  rollout.Stage
		event  operatortest.Reply
		edit   func(*rollout.Target)
		wechat found
		opt    operator.RetryOptions
		want   operator.Retried
		next   rollout.Stage
	}{
		"at verdict":                 {stage: rollout.StageVerdict, event: fails, want: operator.Retried{Follows: 1}, next: rollout.StageVerdict},
		"at release":                 {stage: rollout.StageRelease, event: fails, want: operator.Retried{Follows: 1}, next: rollout.StageRelease},
		"withdrawn":                  {stage: rollout.StageVerdict, event: withdrawn, want: operator.Retried{Resubmits: 1}, next: rollout.StageSubmit},
		"rejected":                   {stage: rollout.StageVerdict, event: operatortest.Rejected("no"), want: operator.Retried{Resubmits: 1}, next: rollout.StageSubmit},
		"at commit":                  {stage: rollout.StageCommit, event: fails, want: operator.Retried{Resubmits: 1}, next: rollout.StageCommit},
		"at submit, none there":      {stage: rollout.StageSubmit, event: fails, wechat: found{err: &wxclient.Error{Code: 85058}}, want: operator.Retried{Resubmits: 1}, next: rollout.StageSubmit},
		"at submit, own there":       {stage: rollout.StageSubmit, event: fails, wechat: found{audit: own}, want: operator.Retried{Follows: 1}, next: rollout.StageSubmit},
		"at submit, another's there": {stage: rollout.StageSubmit, event: fails, wechat: found{audit: func(string) wxclient.Audit { return own("other") }}, want: operator.Retried{Resubmits: 1}, next: rollout.StageSubmit},
		"reply lost, unreadable":     {stage: rollout.StageSubmit, event: fails, edit: lost, wechat: found{err: errors.New("no connection")}, want: operator.Retried{Unsure: 1}, next: rollout.StageSubmit},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := mini(t)
			id := b.Apply(simple, 2)
			b.Worker.Answer(appID(app), tt.stage, tt.event)
			b.Work()
			if tt.edit != nil {
				was, err := b.Ledger.Target(b.Ctx, id, appID(app))
				next := was
				tt.edit(&next)
				if err == nil {
					_, err = b.Ledger.Save(b.Ctx, was, next, rollout.SaveOptions{})
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if tt.wechat.audit != nil {
				b.WeChat.Audit = tt.wechat.audit(id)
			}
			if tt.wechat.err != nil {
				b.WeChat.Errs["LatestAudit"] = tt.wechat.err
			}
			tt.want.ID, tt.want.Matched, tt.want.Retried = id, 1, 1
			got, err := b.Operator.Retry(b.Ctx, id, view.Filter{}, tt.opt)
			if err != nil || got != tt.want {
				t.Errorf("%+v %v, want %+v", got, err, tt.want)
			}
			x, err := b.Ledger.Target(b.Ctx, id, appID(app))
			if err != nil || x.Stage != tt.next || x.State != rollout.StatePending {
				t.Errorf("it goes on at %s/%s, %v", x.Stage, x.State, err)
			}
		})
	}
}

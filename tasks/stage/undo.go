package stage

import (
	"context"
	"fmt"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/classify"
	"github.com/wxrollout/wxrollout/tasks/run"
	"github.com/wxrollout/wxrollout/tasks/whose"
	"github.com/wxrollout/wxrollout/wxclient"
)

// undoAPI are the reads of undo.
type undoAPI interface {
	VersionInfo(ctx context.Context, appid string) (wxclient.VersionInfo, error)
	LatestAudit(ctx context.Context, appid string) (wxclient.Audit, error)
	GrayPlan(ctx context.Context, appid string) (wxclient.GrayPlan, error)
}

// revertAPI are the writes of undo.
type revertAPI interface {
	RevertGray(ctx context.Context, appid string) error
	RevertRelease(ctx context.Context, appid string, appVersion *int64) error
	UndoAudit(ctx context.Context, appid string) error
}

// codeNoRevert is the answer to a withdrawal when nothing is in audit.
const codeNoRevert = 87012

// undo takes back this rollout's upgrade of an app, step by step: a gray release ends, the version
// before goes live again, a submission in audit is withdrawn. Each step is decided by a read, and read
// back before the next; undo changes only what is this rollout's own.
type undo struct {
	*run.Run
	wx         undoAPI
	revertPort revertAPI
}

func (r undo) act(ctx context.Context) (rollout.Event, error) {
	for {
		s, err := r.read(ctx)
		if err != nil {
			return nil, err
		}
		if s.strange != "" {
			return r.Facts().Failed(rollout.LastError{Stage: r.Assignment.Stage, Class: "pin", At: r.Now(), Text: s.strange}), nil
		}
		if s.unread != "" {
			return r.Facts().Unread(s.unread), nil
		}
		op := s.step()
		if in := r.Target.Intent; in != nil && s.shows(in.Op, op) {
			if err := r.Apply(rollout.Resolved{At: r.Now(), Note: "read back: it took effect"}); err != nil {
				return nil, err
			}
		}
		// An earlier submission or release whose reply was lost may still take effect, too.
		if event, err := r.Unresolved(); event != nil || err != nil {
			return event, err
		}
		if op == "" {
			return rollout.Finished{At: r.Now(), End: rollout.StateUndone, Note: s.note()}, nil
		}
		err = r.Attempt(ctx, op, func(ctx context.Context) error { return r.takeBack(ctx, op) })
		if op == rollout.OpUndo && classify.Code(err) == codeNoRevert {
			// Its verdict may have come since our read: read again, a few times.
			return r.Facts().Contradicted(err, "WeChat says that nothing is in audit, and get_latest_auditstatus shows our audit", ""), nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", op, err)
		}
	}
}

// leftover is what an app has of this rollout at WeChat.
type leftover struct {
	version string         // that is live; "" for none
	live    bool           // it is ours
	latest  wxclient.Audit // the last submission
	audited bool           // it is ours
	gray    bool           // a gray release of ours runs
	unread  string         // what the replies do not show: no call may follow
	strange string         // why no call may follow
}

// read fetches the versions, audit and gray release of the app.
func (r undo) read(ctx context.Context) (leftover, error) {
	var s leftover
	versions, err := r.wx.VersionInfo(ctx, r.Assignment.AppID)
	if err != nil {
		return s, fmt.Errorf("read the live version: %w", err)
	}
	latest, exists, err := r.ReadAudit(ctx, r.wx)
	if err != nil {
		return s, fmt.Errorf("read the last submission: %w", err)
	}
	s.latest = latest
	audited := whose.None
	if exists {
		audited = r.everSubmitted(latest)
	}
	s.audited = audited == whose.Ours
	live := whose.None
	if v := versions.Release; v != nil {
		s.version, live = v.Version, r.Mark().Ever(v.Version, v.Desc)
		// The version that passed last, and that we submitted, is live under its name.
		if live == whose.Unknown && v.Version == r.Plan.Template.Version && s.audited && latest.Status == wxclient.AuditPassed {
			live = whose.Ours
		}
	}
	s.live = live == whose.Ours
	switch {
	case live == whose.Unknown:
		s.unread = run.WhichLive
	case !s.live && (s.audited || audited == whose.Unknown) && !run.Documented(latest):
		s.unread = run.AuditState
	case audited == whose.Unknown && (run.Undecided(latest) || latest.Status == wxclient.AuditPassed && !s.live && len(r.Plan.Release.Gray) > 0):
		s.unread = run.WhoseAudit
	case !s.live && len(r.Plan.Release.Gray) > 0:
		return s, r.readGray(ctx, &s, audited)
	}
	return s, nil
}

// everSubmitted is whose a submission is, of any attempt and revision.
func (r undo) everSubmitted(a wxclient.Audit) whose.Fact {
	if a.ID != 0 && (a.ID == r.Target.AuditID || a.ID == r.Target.PastAuditID) {
		return whose.Ours
	}
	owner := r.Mark().Ever(a.Version, a.Desc)
	if owner == whose.Unknown && a.ID != 0 && r.Target.AuditID != 0 {
		return whose.Anothers
	}
	return owner
}

// readGray reads whether a gray release runs.
func (r undo) readGray(ctx context.Context, s *leftover, audited whose.Fact) error {
	plan, err := r.wx.GrayPlan(ctx, r.Assignment.AppID)
	if err != nil {
		return fmt.Errorf("read the gray plan: %w", err)
	}
	passed := audited != whose.None && s.latest.Status == wxclient.AuditPassed
	began := r.Target.Gray > 0 || r.Target.Intent != nil && r.Target.Intent.Op == rollout.OpRelease
	switch whose.Gray(plan, audited, passed, began) {
	case whose.Ours:
		s.gray = true
	case whose.Anothers, whose.Unknown:
		s.strange = fmt.Sprintf("a gray release to %d%% of the users runs, and it is not known to be this rollout's: end it at mp.weixin.qq.com, then undo again", plan.Percentage)
	}
	return nil
}

// step takes back what is left of ours; "" if nothing is.
func (s leftover) step() rollout.Op {
	switch {
	case s.gray:
		return rollout.OpRevertGray
	case s.live:
		return rollout.OpRevert
	case s.audited && run.Undecided(s.latest):
		return rollout.OpUndo
	default:
		return ""
	}
}

// takeBack makes the call of a step.
func (r undo) takeBack(ctx context.Context, op rollout.Op) error {
	switch op {
	case rollout.OpRevertGray:
		return r.revertPort.RevertGray(ctx, r.Assignment.AppID)
	case rollout.OpRevert:
		return r.revertPort.RevertRelease(ctx, r.Assignment.AppID, nil)
	default:
		return r.revertPort.UndoAudit(ctx, r.Assignment.AppID)
	}
}

// shows reports whether an earlier call has taken effect; next is the step that follows now.
func (s leftover) shows(op, next rollout.Op) bool {
	switch op {
	case rollout.OpSubmit:
		return s.audited && run.Undecided(s.latest)
	case rollout.OpRelease:
		return s.live || s.gray
	case rollout.OpConfigure:
		return false // app configuration stays; what may still take effect is waited out
	default:
		return op != next
	}
}

// note describes the app after the undo.
func (s leftover) note() string {
	note := "nothing is live"
	if s.version != "" {
		note = "version " + s.version + " is live"
	}
	if s.audited && s.latest.Status == wxclient.AuditPassed {
		note += fmt.Sprintf("; audit %d stays approved at WeChat", s.latest.ID)
	}
	return note
}

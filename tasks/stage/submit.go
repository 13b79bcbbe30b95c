package stage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/classify"
	"github.com/wxrollout/wxrollout/tasks/run"
	"github.com/wxrollout/wxrollout/tasks/whose"
	"github.com/wxrollout/wxrollout/wxclient"
)

// submitAPI are the calls of submit.
type submitAPI interface {
	LatestAudit(ctx context.Context, appid string) (wxclient.Audit, error)
	VersionInfo(ctx context.Context, appid string) (wxclient.VersionInfo, error)
	SubmitAudit(ctx context.Context, appid string, r wxclient.SubmitRequest) (int64, error)
	UndoAudit(ctx context.Context, appid string) error
}

// itemsAPI reads what a submission's item_list is made of.
type itemsAPI interface {
	Categories(ctx context.Context, appid string) ([]wxclient.Category, error)
	Pages(ctx context.Context, appid string) ([]string, error)
}

// Errcodes of submit_audit that send the target back.
const (
	codeInAudit      = 85009
	codeNotCommitted = 85086
)

// submit spends one unit of the platform's quota, at most once per attempt: it always reads first
// whether a submission of ours exists, and holds a permit for the call.
type submit struct {
	*run.Run
	wx        submitAPI
	itemsPort itemsAPI
}

func (r submit) act(ctx context.Context) (rollout.Event, error) {
	latest, exists, err := r.ReadAudit(ctx, r.wx)
	if err != nil {
		return nil, fmt.Errorf("look for an earlier submission: %w", err)
	}
	if event, err := r.foundAudit(ctx, latest, exists); event != nil || err != nil {
		return event, err
	}
	if event, err := r.Unresolved(); event != nil || err != nil {
		return event, err
	}
	// Another tool may have committed since: what is submitted must be ours.
	there, err := r.ReadTrial(ctx, r.wx)
	if err != nil {
		return nil, fmt.Errorf("read the trial version before submitting: %w", err)
	}
	switch there {
	case whose.Ours:
	case whose.Unknown:
		return r.Facts().Unread(run.WhichTrial), nil
	case whose.None:
		return r.recommit("WeChat shows no trial version", rollout.LastError{
			Class: rollout.ClassUnshown, Text: "committed again, and again WeChat shows no trial version",
			Next: "compare the app at mp.weixin.qq.com; then " + r.Facts().Retry("--recommit"),
		}), nil
	default:
		return r.recommit("the trial version is not this rollout's", rollout.LastError{
			Class: "pin", Text: "committed again, and again the trial version is not this rollout's: another system commits to this app",
			Next: "stop the other system's commits; then " + r.Facts().Retry("--recommit"),
		}), nil
	}
	items, event, err := r.items(ctx)
	if event != nil || err != nil {
		return event, err
	}
	if err := r.permitted(ctx); err != nil {
		return nil, err
	}
	return r.submitOnce(ctx, items)
}

// submitOnce makes the call.
func (r submit) submitOnce(ctx context.Context, items []wxclient.AuditItem) (rollout.Event, error) {
	req := wxclient.SubmitRequest{
		Items: items, VersionDesc: r.Plan.Audit.VersionDesc,
		PrivacyAPINotUse: r.Plan.Audit.PrivacyAPINotUse, OrderPath: r.Plan.Audit.OrderPath,
	}
	if r.Target.PastAuditID != 0 {
		req.FeedbackInfo = r.Plan.Audit.Feedback
	}
	var auditID int64
	err := r.Attempt(ctx, rollout.OpSubmit, func(ctx context.Context) (err error) {
		auditID, err = r.wx.SubmitAudit(ctx, r.Assignment.AppID, req)
		return err
	})
	switch {
	case err == nil:
		r.Permit.Use = ratelimit.Spent
		return rollout.Advanced{At: r.Now(), AuditID: auditID, Note: fmt.Sprintf("audit %d", auditID)}, nil
	case classify.Code(err) == codeInAudit:
		// Another system may have submitted since our read: read again, a few times.
		return r.Facts().Contradicted(err, "WeChat says that a version is in audit, and get_latest_auditstatus shows none",
			"look for an audit of this app at mp.weixin.qq.com and end it; then "+r.Facts().Retry("")), nil
	case classify.Code(err) == codeNotCommitted || classify.Code(err) == run.CodeNoTrial:
		twice := r.Facts().LastError(err)
		twice.Text = classify.Clip("committed again, and getversioninfo shows our trial version, but WeChat refuses it: " + err.Error())
		twice.Next = "ask WeChat with the rid why it does not take the committed code; then " + r.Facts().Retry("--recommit")
		return r.recommit(err.Error(), twice), nil
	default:
		if errors.As(err, new(*classify.LostError)) {
			r.Permit.Use = ratelimit.Doubtful // counts as spent until a read-back
		}
		return nil, err
	}
}

// recommit goes back to commit once; a second time it fails the target. The plan is not to blame.
func (r submit) recommit(why string, twice rollout.LastError) rollout.Event {
	if r.Target.Redone > 0 {
		twice.Stage, twice.At = r.Assignment.Stage, r.Now()
		return r.Facts().Failed(twice)
	}
	return rollout.Recommitted{At: r.Now(), Note: why}
}

// foundAudit decides by the app's last submission; nil if ours is still to be made.
func (r submit) foundAudit(ctx context.Context, latest wxclient.Audit, exists bool) (rollout.Event, error) {
	owner := submitted(r.Run, latest, exists)
	// If the audit ended otherwise, a withdrawal on its way would withdraw the next one, ours:
	// unresolved waits that out.
	if r.Target.Intent != nil && r.Target.Intent.Op == rollout.OpUndo && exists && latest.Status == wxclient.AuditWithdrawn {
		if err := r.Apply(rollout.Resolved{At: r.Now(), Note: "read back: the other version is withdrawn"}); err != nil {
			return nil, err
		}
	}
	switch {
	case owner == whose.None:
		return nil, nil
	case owner == whose.Ours && latest.ID == 0:
		return r.Facts().Unread("the id of our submission"), nil
	case owner == whose.Ours:
		// Made by a call whose reply was lost, or whose record Redis lost.
		if r.made() {
			r.Permit.Use = ratelimit.Found
		}
		return rollout.Advanced{At: r.Now(), AuditID: latest.ID, Note: fmt.Sprintf("audit %d found: it was submitted before", latest.ID)}, nil
	case owner == whose.Unknown && run.Undecided(latest):
		return r.inAudit(latest), nil
	case owner == whose.Unknown:
		return r.Facts().Unread("which version was submitted last"), nil
	case !run.Undecided(latest):
		return nil, nil
	}
	switch r.Plan.Audit.InAudit {
	case rollout.InAuditSkip:
		return rollout.Finished{At: r.Now(), End: rollout.StateSkipped, Note: "version " + latest.Version + " is in audit"}, nil
	case rollout.InAuditWithdraw:
		return r.withdraw(ctx)
	default:
		return r.inAudit(latest), nil
	}
}

// inAudit waits for the end of an audit that is not known to be ours.
func (r submit) inAudit(latest wxclient.Audit) rollout.Event {
	lastError := rollout.LastError{Stage: r.Assignment.Stage, Class: string(wxclient.ClassWaitExternal), At: r.Now()}
	if latest.Version != "" {
		lastError.Text = "version " + latest.Version + " is in audit"
	} else {
		lastError.Class, lastError.Text = rollout.ClassUnread, "a version is in audit, and WeChat does not show which"
	}
	return r.Wait(rollout.ReasonInAudit, r.Timing.InAudit, lastError)
}

// submitted is whose the app's last submission is: ours if this attempt made it, none if it stops no
// other submission. A withdrawn one is of this attempt if a call is still to be read back: it took
// effect first.
func submitted(r *run.Run, a wxclient.Audit, exists bool) whose.Fact {
	if !exists {
		return whose.None
	}
	lost := r.Target.Intent != nil && r.Target.Intent.Op == rollout.OpSubmit
	owner := whose.Audit(r.Mark(), 0, a)
	switch {
	case owner == whose.Anothers:
		return whose.Anothers
	case a.ID != 0 && a.ID == r.Target.PastAuditID && run.Documented(a) && !run.Undecided(a) && a.Status != wxclient.AuditPassed:
		return whose.None // it is over; one that goes on or passed is worth no second unit
	case owner == whose.Ours && !lost && a.Status == wxclient.AuditWithdrawn:
		return whose.None
	case owner == whose.Unknown && a.SubmittedAt > 0 && time.Unix(a.SubmittedAt, 0).Before(r.Target.Since.Add(-clockMargin)):
		return whose.Anothers // from before this target came to its stage
	default:
		return owner
	}
}

// clockMargin is how far WeChat's clock may be from Redis's.
const clockMargin = 10 * time.Minute

// made reports whether a call of this target made the submission that was found, so that its unit
// counts: a call that is still to be read back, or that took effect after it was denied.
func (r submit) made() bool {
	i := r.Target.Intent
	return i != nil && i.Op == rollout.OpSubmit || r.Target.Tries[rollout.CauseUnshown] > 0
}

// withdraw withdraws another version's audit. A read has shown before that the other version is in
// audit, so that a lost call is never repeated blindly.
func (r submit) withdraw(ctx context.Context) (rollout.Event, error) {
	if event, err := r.Unresolved(); event != nil || err != nil {
		return event, err
	}
	if err := r.Attempt(ctx, rollout.OpUndo, func(ctx context.Context) error {
		return r.wx.UndoAudit(ctx, r.Assignment.AppID)
	}); err != nil {
		return nil, fmt.Errorf("withdraw the audit of another version: %w", err)
	}
	return nil, r.Apply(rollout.Resolved{At: r.Now(), Note: "withdrew another version's audit"})
}

// permitted is the last check before a submission: the pool may have closed since the permit was
// taken.
func (r submit) permitted(ctx context.Context) error {
	if !r.Assignment.Permit { // of a read-back; a permit of a dead worker may still be out
		return &classify.YieldError{Why: "waits for quota"}
	}
	id := rollout.PermitID(r.Assignment.Rollout, r.Assignment.AppID)
	ok, opening, err := r.Permits.Holds(ctx, r.Assignment.Stage, id)
	if err != nil {
		return fmt.Errorf("check the permit: %w", err)
	}
	if !ok {
		return &classify.YieldError{Why: "waits for quota"}
	}
	r.Permit.Opening = opening
	return nil
}

// items is the plan's item_list, or the app's first category with its first page. It returns an event
// if the app has no category, or if its trial version, which has pages, is shown without any.
func (r submit) items(ctx context.Context) ([]wxclient.AuditItem, rollout.Event, error) {
	if fixed := r.Plan.Audit.Items; len(fixed) > 0 {
		out := make([]wxclient.AuditItem, len(fixed))
		for i, it := range fixed {
			out[i] = wxclient.AuditItem{
				FirstClass: it.FirstClass, SecondClass: it.SecondClass, ThirdClass: it.ThirdClass,
				FirstID: it.FirstID, SecondID: it.SecondID, ThirdID: it.ThirdID,
				Address: it.Address, Tag: it.Tag, Title: it.Title,
			}
		}
		return out, nil, nil
	}
	categories, err := r.itemsPort.Categories(ctx, r.Assignment.AppID)
	if err != nil {
		return nil, nil, fmt.Errorf("read the app's categories: %w", err)
	}
	if len(categories) == 0 {
		return nil, noCategory(r.Run), nil
	}
	pages, err := r.itemsPort.Pages(ctx, r.Assignment.AppID)
	if err != nil {
		return nil, nil, fmt.Errorf("read the app's pages: %w", err)
	}
	if len(pages) == 0 || pages[0] == "" {
		return nil, r.Facts().Unread("the pages of the trial version"), nil
	}
	return []wxclient.AuditItem{categories[0].Item(pages[0], "", "")}, nil, nil
}

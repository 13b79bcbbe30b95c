package tasks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient"
)

// submit spends one unit of the platform's quota, at most once per attempt: it
// looks for a submission of ours first, always, and holds a permit for the call.
func (r *run) submit(ctx context.Context) (rollout.Event, error) {
	latest, exists, err := r.latestAudit(ctx)
	if err != nil {
		return nil, fmt.Errorf("look for an earlier submission: %w", err)
	}
	if event, err := r.foundAudit(ctx, latest, exists); event != nil || err != nil {
		return event, err
	}
	if event, err := r.unresolved(); event != nil || err != nil {
		return event, err
	}
	// Another tool may have committed since: what is submitted must be ours.
	there, err := r.trial(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the trial version before submitting: %w", err)
	}
	switch there {
	case ours:
	case unknown:
		return r.unread(whichTrial), nil
	default:
		return r.recommit("the trial version is not this rollout's")
	}
	items, err := r.items(ctx)
	if err != nil {
		return nil, err
	}
	if len(items) == 0 {
		return r.noCategory(), nil
	}
	if err := r.permitted(ctx); err != nil {
		return nil, err
	}
	return r.submitOnce(ctx, items)
}

// submitOnce makes the call.
func (r *run) submitOnce(ctx context.Context, items []wxclient.AuditItem) (rollout.Event, error) {
	req := wxclient.SubmitRequest{
		Items: items, VersionDesc: r.plan.Audit.VersionDesc,
		PrivacyAPINotUse: r.plan.Audit.PrivacyAPINotUse, OrderPath: r.plan.Audit.OrderPath,
	}
	if r.t.PastAuditID != 0 {
		req.FeedbackInfo = r.plan.Audit.Feedback
	}
	var auditID int64
	err := r.attempt(ctx, rollout.OpSubmit, func(ctx context.Context) (err error) {
		auditID, err = r.wx.SubmitAudit(ctx, r.assignment.AppID, req)
		return err
	})
	switch {
	case err == nil:
		r.use = ratelimit.Spent
		return rollout.Advanced{At: r.now(), AuditID: auditID, Note: fmt.Sprintf("audit %d", auditID)}, nil
	case code(err) == codeInAudit:
		// Somebody may have submitted since we looked: look again, a few times.
		return r.contradicted(err, "WeChat says that a version is in audit, and get_latest_auditstatus shows none",
			"look for an audit of this app at mp.weixin.qq.com and end it; then "+r.retry("")), nil
	case code(err) == codeNotCommitted || code(err) == codeNoTrial:
		return r.recommit(err.Error())
	default:
		if errors.As(err, new(*lostError)) {
			r.use = ratelimit.Doubtful // spent, until a read-back tells
		}
		return nil, err
	}
}

// recommit goes back to commit once; a second time it is a failure.
func (r *run) recommit(why string) (rollout.Event, error) {
	if r.t.Redone > 0 {
		return nil, &planError{fmt.Errorf("committed again, and still: %s", why)}
	}
	return rollout.Recommitted{At: r.now(), Note: why}, nil
}

// latestAudit is the app's last submission, if there is one. What its reply does not tell is zero.
func (r *run) latestAudit(ctx context.Context) (latest wxclient.Audit, exists bool, err error) {
	latest, err = r.wx.LatestAudit(ctx, r.assignment.AppID)
	switch code(err) {
	case codeBadAuditID, codeNoAuditID, codeNoTrial:
		return wxclient.Audit{}, false, nil
	default:
		return latest, err == nil, err
	}
}

// foundAudit decides by the app's last submission: nil if ours is still to be made.
func (r *run) foundAudit(ctx context.Context, latest wxclient.Audit, exists bool) (rollout.Event, error) {
	whose := r.submitted(latest, exists)
	// Of an audit that ended otherwise, a withdrawal on its way would take the next
	// one with it, ours: unresolved waits that out.
	if r.t.Intent != nil && r.t.Intent.Op == rollout.OpUndo && exists && latest.Status == wxclient.AuditWithdrawn {
		if err := r.apply(rollout.Resolved{At: r.now(), Note: "read back: the other version is withdrawn"}); err != nil {
			return nil, err
		}
	}
	switch {
	case whose == none:
		return nil, nil
	case whose == ours && latest.ID == 0:
		return r.unread("the id of our submission"), nil
	case whose == ours:
		// Made by a call whose reply we lost, or whose record Redis lost.
		if r.made() {
			r.use = ratelimit.Found
		}
		return rollout.Advanced{At: r.now(), AuditID: latest.ID, Note: fmt.Sprintf("audit %d found: it was submitted before", latest.ID)}, nil
	case whose == unknown && undecided(latest):
		return r.inAudit(latest), nil
	case whose == unknown:
		return r.unread("which version was submitted last"), nil
	case !undecided(latest):
		return nil, nil
	}
	switch r.plan.Audit.InAudit {
	case rollout.InAuditSkip:
		return rollout.Finished{At: r.now(), End: rollout.StateSkipped, Note: "version " + latest.Version + " is in audit"}, nil
	case rollout.InAuditWithdraw:
		return r.withdraw(ctx)
	default:
		return r.inAudit(latest), nil
	}
}

// inAudit waits for the end of an audit that is not known to be ours. WeChat sent no errcode.
func (r *run) inAudit(latest wxclient.Audit) rollout.Event {
	lastError := rollout.LastError{Stage: r.assignment.Stage, Class: string(wxclient.ClassWaitExternal), At: r.now()}
	if latest.Version != "" {
		lastError.Text = "version " + latest.Version + " is in audit"
	} else {
		lastError.Class, lastError.Text = rollout.ClassUnread, "a version is in audit, and WeChat does not tell which"
	}
	return r.wait(rollout.ReasonInAudit, r.timing.InAudit, lastError)
}

// submitted is whose the app's last submission is: ours if it is one of this attempt, none if
// another one may be made after it as far as its owner goes. One that was withdrawn is of this
// attempt, if a call is still to be read back: it took effect first.
func (r *run) submitted(a wxclient.Audit, exists bool) fact {
	if !exists {
		return none
	}
	lost := r.t.Intent != nil && r.t.Intent.Op == rollout.OpSubmit
	whose := auditFact(r.mark(), 0, a)
	switch {
	case whose == anothers:
		return anothers
	case a.ID != 0 && a.ID == r.t.PastAuditID && !undecided(a) && a.Status != wxclient.AuditPassed:
		return none // it is over; one that goes on or passed is worth no second unit
	case whose == ours && !lost && a.Status == wxclient.AuditWithdrawn:
		return none
	case whose == unknown && a.SubmittedAt > 0 && time.Unix(a.SubmittedAt, 0).Before(r.t.Since.Add(-clockMargin)):
		return anothers // from before this target came to its stage
	default:
		return whose
	}
}

// clockMargin is how far WeChat's clock may be from Redis's.
const clockMargin = 10 * time.Minute

// made tells whether a call of this target made a submission that was found, so that its unit counts:
// one that is still to be read back, or one that was denied and took effect after all.
func (r *run) made() bool {
	i := r.t.Intent
	return i != nil && i.Op == rollout.OpSubmit || r.t.Tries[rollout.CauseUnshown] > 0
}

// undecided tells whether a submission is in audit.
func undecided(a wxclient.Audit) bool {
	return a.Status == wxclient.AuditPending || a.Status == wxclient.AuditDelayed
}

// withdraw undoes another version's audit. It is only done after reading that
// the other version is in audit, so that a lost reply is never repeated blindly.
func (r *run) withdraw(ctx context.Context) (rollout.Event, error) {
	if event, err := r.unresolved(); event != nil || err != nil {
		return event, err
	}
	if err := r.attempt(ctx, rollout.OpUndo, func(ctx context.Context) error {
		return r.wx.UndoAudit(ctx, r.assignment.AppID)
	}); err != nil {
		return nil, fmt.Errorf("withdraw the audit of another version: %w", err)
	}
	return nil, r.apply(rollout.Resolved{At: r.now(), Note: "withdrew another version's audit"})
}

// permitted is the last look before a submission: the pool may have closed
// since the permit was taken.
func (r *run) permitted(ctx context.Context) error {
	if !r.assignment.Permit { // of a read-back; a permit of its worker that died may still be out
		return &yieldError{why: "waits for quota"}
	}
	id := rollout.PermitID(r.assignment.Rollout, r.assignment.AppID)
	ok, opening, err := r.permits.Holds(ctx, r.assignment.Stage, id)
	if err != nil {
		return fmt.Errorf("check the permit: %w", err)
	}
	if !ok {
		return &yieldError{why: "waits for quota"}
	}
	r.opening = opening
	return nil
}

// quotaRefused decides what an 85085 means. A reading made through the same app says
// whether the platform has units left: then this app alone is refused, and waits, so that
// others go on and the next probe is another app's.
func (r *run) quotaRefused(ctx context.Context, e *wxclient.Error, lastError rollout.LastError) rollout.Event {
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), r.deadline)
	defer cancel()
	rest, err := r.permits.Refill(ctx, func(ctx context.Context) (int64, int64, error) {
		q, err := r.wx.QueryQuota(ctx, r.assignment.AppID)
		if err == nil && r.hooks.Quota != nil {
			r.hooks.Quota(q.Rest, q.Limit)
		}
		return q.Rest, q.Limit, err
	})
	if err != nil {
		r.log.Warn().Err(err).Msg("quota not read after a submission was refused for lack of it")
	}
	f := r.refusal(codeText(e.Code))
	f.Left = err == nil && rest > 0
	closed, err := r.permits.Refused(context.WithoutCancel(ctx), f)
	switch {
	case errors.As(err, new(*ratelimit.ReopenedError)):
		return r.overruled(e)
	case err != nil:
		r.log.Error().Err(err).Msg("refusal for lack of quota not noted")
	case closed && r.hooks.Closed != nil:
		r.hooks.Closed(r.assignment.Stage, f.Reason)
	}
	if closed && !f.Left {
		return r.closedForAll(e)
	}
	cause := rollout.CauseQuota
	if closed {
		cause = "" // not this app's fault
	}
	return r.waitFor(cause, rollout.ReasonQuota, r.growing(rollout.CauseQuota, r.timing.BusyPark), lastError)
}

// items is the plan's item_list, or the app's first category with its first page; none if the app
// has no category.
func (r *run) items(ctx context.Context) ([]wxclient.AuditItem, error) {
	if fixed := r.plan.Audit.Items; len(fixed) > 0 {
		out := make([]wxclient.AuditItem, len(fixed))
		for i, it := range fixed {
			out[i] = wxclient.AuditItem{
				FirstClass: it.FirstClass, SecondClass: it.SecondClass, ThirdClass: it.ThirdClass,
				FirstID: it.FirstID, SecondID: it.SecondID, ThirdID: it.ThirdID,
				Address: it.Address, Tag: it.Tag, Title: it.Title,
			}
		}
		return out, nil
	}
	categories, err := r.wx.Categories(ctx, r.assignment.AppID)
	if err != nil {
		return nil, fmt.Errorf("read the app's categories: %w", err)
	}
	if len(categories) == 0 {
		return nil, nil
	}
	pages, err := r.wx.Pages(ctx, r.assignment.AppID)
	if err != nil {
		return nil, fmt.Errorf("read the app's pages: %w", err)
	}
	address := ""
	if len(pages) > 0 {
		address = pages[0]
	}
	return []wxclient.AuditItem{categories[0].Item(address, "", "")}, nil
}

// code is the errcode in err; 0 if there is none.
func code(err error) int64 {
	var api *wxclient.Error
	if errors.As(err, &api) {
		return api.Code
	}
	return 0
}

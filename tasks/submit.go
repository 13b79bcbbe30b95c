package tasks

import (
	"context"
	"errors"
	"fmt"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient"
)

// submit spends one unit of the platform's quota, at most once per attempt: it
// looks for a submission of ours first, always, and holds a permit for the call.
func (r *run) submit(ctx context.Context) (rollout.Event, error) {
	if event, err := r.readQuota(ctx); event != nil || err != nil {
		return event, err
	}
	latest, err := r.latestAudit(ctx)
	if err != nil {
		return nil, fmt.Errorf("look for an earlier submission: %w", err)
	}
	if event, err := r.foundAudit(ctx, latest); event != nil || err != nil {
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
	if !there {
		return r.recommit("the trial version is not this rollout's")
	}
	items, err := r.items(ctx)
	if err != nil {
		return nil, err
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
		auditID, err = r.wx.SubmitAudit(ctx, r.turn.AppID, req)
		return err
	})
	switch {
	case err == nil:
		r.spent = true
		return rollout.Advanced{At: r.now(), AuditID: auditID, Note: fmt.Sprintf("audit %d", auditID)}, nil
	case code(err) == codeInAudit:
		// Somebody submitted since we looked: look again.
		return r.busy(err, r.trouble(err)), nil
	case code(err) == codeNotCommitted || code(err) == codeNoTrial:
		return r.recommit(err.Error())
	default:
		r.spent = errors.As(err, new(*lostError)) // count it as spent until queryquota tells
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

// latestAudit is the app's last submission; the zero Audit if it has none.
func (r *run) latestAudit(ctx context.Context) (wxclient.Audit, error) {
	latest, err := r.wx.LatestAudit(ctx, r.turn.AppID)
	switch code(err) {
	case codeBadAuditID, codeNoAuditID, codeNoTrial:
		return wxclient.Audit{}, nil
	default:
		return latest, err
	}
}

// foundAudit decides by the app's last submission: nil if ours is still to be made.
func (r *run) foundAudit(ctx context.Context, latest wxclient.Audit) (rollout.Event, error) {
	inAudit := undecided(latest)
	// Of an audit that ended otherwise, a withdrawal on its way would take the next
	// one with it, ours: unresolved waits that out.
	if r.t.Intent != nil && r.t.Intent.Op == rollout.OpUndo && latest.ID != 0 && latest.Status == wxclient.AuditWithdrawn {
		if err := r.apply(rollout.Resolved{At: r.now(), Note: "read back: the other version is withdrawn"}); err != nil {
			return nil, err
		}
	}
	switch {
	case latest.ID == 0:
		return nil, nil
	case r.madeNow(latest):
		// Made by a call whose reply we lost, or whose record Redis lost.
		return rollout.Advanced{At: r.now(), AuditID: latest.ID, Note: fmt.Sprintf("audit %d found: it was submitted before", latest.ID)}, nil
	case !inAudit:
		return nil, nil
	}
	switch r.plan.Audit.InAudit {
	case rollout.InAuditSkip:
		return rollout.Finished{At: r.now(), End: rollout.StateSkipped, Note: "version " + latest.Version + " is in audit"}, nil
	case rollout.InAuditWithdraw:
		return r.withdraw(ctx)
	default:
		return r.wait(rollout.ReasonInAudit, r.timing.InAudit, rollout.Trouble{
			Stage: r.turn.Stage, Class: string(wxclient.ClassWaitExternal), Code: codeInAudit,
			Text: "version " + latest.Version + " is in audit", At: r.now(),
		}), nil
	}
}

// undecided tells whether a submission is in audit.
func undecided(a wxclient.Audit) bool {
	return a.ID != 0 && (a.Status == wxclient.AuditPending || a.Status == wxclient.AuditDelayed)
}

// madeNow tells whether a submission is one of this attempt. One that was
// withdrawn is, if a call is still to be read back: it took effect first.
func (r *run) madeNow(a wxclient.Audit) bool {
	if !r.ours(a.Version, a.Desc) || a.ID == r.t.PastAuditID {
		return false
	}
	lost := r.t.Intent != nil && r.t.Intent.Op == rollout.OpSubmit
	return lost || a.Status != wxclient.AuditWithdrawn
}

// withdraw undoes another version's audit. It is only done after reading that
// the other version is in audit, so that a lost reply is never repeated blindly.
func (r *run) withdraw(ctx context.Context) (rollout.Event, error) {
	if event, err := r.unresolved(); event != nil || err != nil {
		return event, err
	}
	if err := r.attempt(ctx, rollout.OpUndo, func(ctx context.Context) error {
		return r.wx.UndoAudit(ctx, r.turn.AppID)
	}); err != nil {
		return nil, fmt.Errorf("withdraw the audit of another version: %w", err)
	}
	return nil, r.apply(rollout.Resolved{At: r.now(), Note: "withdrew another version's audit"})
}

// permitted is the last look before a submission: the pool may have closed
// since the permit was taken.
func (r *run) permitted(ctx context.Context) error {
	id := rollout.PermitID(r.turn.Rollout, r.turn.AppID)
	ok, opening, err := r.permits.Holds(ctx, r.turn.Stage, id)
	if err != nil {
		return fmt.Errorf("check the permit: %w", err)
	}
	if !ok {
		return &yieldError{why: "waits for quota"}
	}
	r.opening = opening
	return nil
}

// readQuota asks queryquota when the pool wants to know. It is called with this
// turn's app, so that it can't cross another call on the same app.
func (r *run) readQuota(ctx context.Context) (rollout.Event, error) {
	want, err := r.permits.Reading(ctx)
	if err != nil || !want {
		return nil, err
	}
	rest, err := r.permits.Refill(ctx, func(ctx context.Context) (int64, int64, error) {
		q, err := r.wx.QueryQuota(ctx, r.turn.AppID)
		if err == nil && r.hooks.Quota != nil {
			r.hooks.Quota(q.Rest, q.Limit)
		}
		return q.Rest, q.Limit, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the quota: %w", err)
	}
	if rest <= 0 {
		return rollout.Yielded{At: r.now(), Note: "waits for quota"}, nil
	}
	return nil, nil
}

// items is the plan's item_list, or the app's first category with its first page.
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
	categories, err := r.wx.Categories(ctx, r.turn.AppID)
	if err != nil {
		return nil, fmt.Errorf("read the app's categories: %w", err)
	}
	if len(categories) == 0 {
		return nil, &wxclient.Error{Endpoint: "/wxa/get_category", Code: 85008, Msg: "no category", Class: wxclient.ClassFatalApp}
	}
	pages, err := r.wx.Pages(ctx, r.turn.AppID)
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

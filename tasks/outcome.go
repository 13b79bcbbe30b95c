package tasks

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/wxrollout/wxrollout/appconfig"
	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient"
)

// Errcodes that mean more than their class.
const (
	codeBusy            = -1
	codeQuotaUsed       = 85085 // the platform's submissions of the month are used up
	codePunished        = 86008 // provider punished: no submission of any app
	codeNoUpdates       = 86010 // provider may not submit updates
	codePrivacyChecking = 61039
	codeInAudit         = 85009
	codeBadAuditID      = 85012
	codeNoAuditID       = 85058
	codeNoCategory      = 85008
	codeNoVersion       = 85019
	codeNotReleasable   = 85020
	codeReleased        = 85052
	codeNoRevert        = 87012
	codeUndoQuota       = 87013
	codeNotCommitted    = 85086
	codeNoTrial         = 86001
	codeNoProfile       = 86002
	codeNoApproved      = 85080 // gray release: no approved version
	codeDayUsed         = 45009
	codeNotRegistered   = 85018
	codeDomainQuota     = 86102 // 50 changes of an app's domains a month
	codeMonthQuota      = 89030
	codeOperationRuns   = 9402202 // an earlier operation on the app still runs: it ends in seconds
	codeOperationRuns2  = 9402205
)

// merchantCodes wait for the merchant: nothing of ours is wrong, and trying
// again by itself doesn't help until the merchant acts.
var merchantCodes = []int64{
	42007, // owner changed the password: authorize again
	43007, // authorization needed
	61003, // no longer authorized
	61007, // permission set 18 not granted
	61023, // refresh token invalid: authorize again
	85008, // no usable category
	86002, // profile not complete
}

// permissionCodes may mean that the merchant took back what every code call needs.
var permissionCodes = []int64{48001, 50001}

// outcome is the one place that maps an error to what it means for the target.
func (r *run) outcome(ctx context.Context, err error) rollout.Event {
	lastError := r.lastError(err)
	var (
		stale *rollout.StaleError
		held  *rollout.HeldError
		yield *yieldError
		bad   *planError
		inval *wxclient.InvalidRequestError
		lost  *lostError
		owner *ownerError
		items *appconfig.RefusedError
		drops *dropsError
		cred  credentialError
		newer *supersededError
		api   *wxclient.Error
	)
	j := judge(err)
	if ctx.Err() == nil {
		if event := r.unanswered(ctx, j, err, lastError); event != nil {
			return event
		}
	}
	switch {
	case errors.As(err, &stale):
		return nil
	case ctx.Err() == nil && j.scope == ScopePlatform:
		return r.platformFault(ctx, j, lastError)
	case errors.As(err, &cred):
		return r.noCredential(cred.CredentialOf(), lastError)
	case errors.As(err, &held):
		return r.unbegun(held.Why())
	case errors.As(err, &newer):
		return rollout.Skipped{At: r.now(), Note: newer.by.Words()}
	case errors.As(err, &yield):
		return rollout.Yielded{At: r.now(), Note: yield.why}
	case errors.As(err, &bad), errors.As(err, &inval):
		lastError.Class = "plan"
		return r.failed(lastError)
	case errors.As(err, &items):
		return r.refusedItems(err, lastError)
	case errors.As(err, &lost):
		return rollout.Waited{
			At: r.now(), Reason: rollout.ReasonUnknown, For: r.growing(rollout.CauseUnshown, r.timing.Settle),
			Note: "the reply to " + lost.op + " was lost; reads it back", LastError: &lastError,
		}
	case errors.As(err, &owner):
		return r.wait(rollout.ReasonMerchant, r.ownerWait(), lastError)
	case errors.As(err, &drops):
		e := &wxclient.Error{Code: codeNotRegistered, Class: wxclient.ClassFatalConfig}
		lastError.Class, lastError.Code = string(e.Class), e.Code
		return r.pause(ctx, e, lastError)
	case ctx.Err() != nil:
		return r.unbegun("the worker is stopping")
	case errors.As(err, &api):
		return r.answered(ctx, api, wrote(err), lastError)
	default: // never reached WeChat, or a read whose reply was lost
		lastError.Class = "network"
		return r.busy(err, lastError)
	}
}

// credentialError is a token that can't be had until a person acts: the
// merchant of the app it names, or the platform's operator if it names none.
type credentialError interface {
	error
	CredentialOf() (appid string)
}

// noCredential parks: an app without a token is its merchant's matter. The platform's own missing
// credential is a fault of the platform, judged before.
func (r *run) noCredential(appid string, lastError rollout.LastError) rollout.Event {
	if appid == "" { // the worker is stopping
		return r.unbegun(lastError.Text)
	}
	lastError.Class = "credential"
	return r.wait(rollout.ReasonMerchant, r.timing.Merchant, lastError)
}

// unbegun gives the assignment back without having called.
func (r *run) unbegun(why string) rollout.Event {
	return rollout.Yielded{At: r.now(), Note: why}
}

// answered maps an errcode's class. write tells that it is the answer to a write.
func (r *run) answered(ctx context.Context, e *wxclient.Error, write bool, lastError rollout.LastError) rollout.Event {
	if e.Code == codeOperationRuns || e.Code == codeOperationRuns2 { // a read: a write's outcome is unknown
		return r.wait(rollout.ReasonThrottle, r.growing(rollout.CauseThrottle, r.timing.Overlap), lastError)
	}
	if slices.Contains(permissionCodes, e.Code) && r.assignment.Stage != rollout.StagePreflight {
		return r.permission(ctx, write, lastError)
	}
	switch e.Class {
	case wxclient.ClassRetryBusy:
		return r.busy(e, lastError)
	case wxclient.ClassRetryToken:
		return r.refusedToken(lastError)
	case wxclient.ClassOK, wxclient.ClassAlreadyDone:
		// What "already done" means to a stage that doesn't know it is only found by reading.
		return r.contradicted(e, "WeChat says that it is done already, and the reads deny it", "")
	case wxclient.ClassThrottlePlatform:
		if e.Code == codeQuotaUsed {
			if r.assignment.Stage == rollout.StageSubmit {
				return r.quotaRefused(ctx, e, lastError)
			}
			return r.contradicted(e, "WeChat refuses this call for the quota of submissions, which it does not spend", "")
		}
		return r.closed(ctx, e)
	case wxclient.ClassThrottleApp:
		return r.throttled(e.Code, lastError)
	case wxclient.ClassWaitExternal:
		return r.external(e, write, lastError)
	case wxclient.ClassFatalConfig:
		return r.pause(ctx, e, lastError)
	case wxclient.ClassFatalApp, wxclient.ClassFatalRollout:
		// The plan is to blame when it fails several apps alike, which rollout.Tripped finds.
		if slices.Contains(merchantCodes, e.Code) {
			return r.merchant(write, lastError)
		}
		return r.failed(lastError)
	default:
		return r.unlisted(write, lastError)
	}
}

// external waits for something else at WeChat.
func (r *run) external(e *wxclient.Error, write bool, lastError rollout.LastError) rollout.Event {
	switch {
	case e.Code != codePrivacyChecking:
		return r.wait(rollout.ReasonExternal, r.timing.InAudit, lastError)
	case write: // the detection read as ended
		return r.waitFor(rollout.CauseExternal, rollout.ReasonPrivacy, r.timing.InAudit, lastError)
	default:
		return r.wait(rollout.ReasonPrivacy, r.timing.InAudit, lastError)
	}
}

// unlisted is an errcode that our table lacks: a read is repeated a few times, a write never.
func (r *run) unlisted(write bool, lastError rollout.LastError) rollout.Event {
	if !write {
		return r.wait(rollout.ReasonUnlisted, r.timing.InAudit, lastError)
	}
	lastError.Next = "look the errcode up at WeChat, with its rid; then " + r.retry("")
	return r.failed(lastError)
}

// merchant waits for what only the merchant can change. A write that was refused for it is counted,
// and the next one is made when that reads otherwise: see merchantActed.
func (r *run) merchant(write bool, lastError rollout.LastError) rollout.Event {
	if !write {
		return r.wait(rollout.ReasonMerchant, r.timing.Merchant, lastError)
	}
	d := r.timing.Merchant
	for range r.t.Tries[rollout.CauseRefused] {
		d *= 2
	}
	return r.waitFor(rollout.CauseRefused, rollout.ReasonMerchant, d, lastError)
}

// permission finds out what a refusal for lack of rights means: the merchant may have given
// permission set 18 to another platform since preflight.
func (r *run) permission(ctx context.Context, write bool, lastError rollout.LastError) rollout.Event {
	timed, cancel := context.WithDeadline(ctx, r.deadline)
	defer cancel()
	info, err := r.wx.AuthorizerInfo(timed, r.assignment.AppID)
	switch {
	case slices.Contains(permissionCodes, code(err)) && ScopeOf(err) != ScopePlatform:
		return r.failed(lastError)
	case err != nil:
		return r.outcome(ctx, fmt.Errorf("read the app's permissions after errcode %d: %w", lastError.Code, err))
	}
	r.saw(ctx, Seen{Account: &info})
	if info.Has(permissionSet) {
		return r.failed(lastError)
	}
	lastError.Text = clip("permission set 18 is not granted any more: the merchant must authorize it again: " + lastError.Text)
	return r.merchant(write, lastError)
}

// merchantActed looks, before a write that was refused for the merchant's matter is made again,
// whether that has changed: nil if so.
func (r *run) merchantActed(ctx context.Context) (rollout.Event, error) {
	last := r.t.LastError
	if r.t.Tries[rollout.CauseRefused] == 0 || last == nil ||
		!slices.Contains(merchantCodes, last.Code) && !slices.Contains(permissionCodes, last.Code) {
		return nil, nil
	}
	acted := false
	if last.Code == codeNoCategory {
		categories, err := r.wx.Categories(ctx, r.assignment.AppID)
		if err != nil {
			return nil, fmt.Errorf("read whether the merchant acted: %w", err)
		}
		acted = len(categories) > 0
	} else {
		info, err := r.wx.AuthorizerInfo(ctx, r.assignment.AppID)
		if err != nil {
			return nil, fmt.Errorf("read whether the merchant acted: %w", err)
		}
		acted = info.Has(permissionSet)
		if last.Code == codeNoProfile {
			acted = info.NickName != "" && info.HeadImage != "" && info.Signature != ""
		}
	}
	if acted {
		return nil, nil
	}
	e := r.wait(rollout.ReasonMerchant, r.timing.Merchant, *last)
	return e, nil
}

func (r *run) failed(lastError rollout.LastError) rollout.Event {
	return rollout.Failed{At: r.now(), LastError: lastError}
}

// closed shuts the stage's pool for everyone; the target keeps its place.
func (r *run) closed(ctx context.Context, e *wxclient.Error) rollout.Event {
	retry := time.Duration(0)
	switch e.Code {
	case 45011: // per minute: the next one is free
		retry = time.Minute
	case codeDayUsed:
		retry = untilTomorrow(r.now())
	}
	if !r.shut(ctx, e, retry) {
		return r.readLater(retry, r.lastError(e), r.overruled(e))
	}
	return r.readLater(retry, r.lastError(e), r.closedForAll(e))
}

// closedForAll keeps the target's place.
func (r *run) closedForAll(e *wxclient.Error) rollout.Event {
	return rollout.Yielded{At: r.now(), Note: "the stage is closed for everyone: errcode " + codeText(e.Code)}
}

// shut closes the stage's pool. It is false if an operator opened the pool after the
// call that was refused had begun: they know better.
func (r *run) shut(ctx context.Context, e *wxclient.Error, retry time.Duration) bool {
	reason := codeText(e.Code)
	err := r.permits.Close(context.WithoutCancel(ctx), r.assignment.Stage, r.refusal(reason), retry)
	switch reopened := (*ratelimit.ReopenedError)(nil); {
	case errors.As(err, &reopened):
		r.log.Warn().Int64("errcode", e.Code).Str("rid", e.RID).Msg("pool not closed: an operator opened it after this call had begun")
		return false
	case err != nil:
		r.log.Error().Err(err).Msg("pool not closed")
	case r.hooks.Closed != nil:
		r.hooks.Closed(r.assignment.Stage, reason)
	}
	return true
}

// refusal is this app's, as of the opening that its call began in.
func (r *run) refusal(reason string) ratelimit.Refusal {
	return ratelimit.Refusal{App: r.assignment.AppID, Reason: reason, Opening: r.opening}
}

// overruled tries again: what WeChat refused before an operator opened the pool, it
// may grant now.
func (r *run) overruled(e *wxclient.Error) rollout.Event {
	return rollout.Yielded{At: r.now(), Note: "errcode " + codeText(e.Code) + " is from before an operator opened the pool: tried again"}
}

// penaltyProbe is when a punished platform tries one submission again.
const penaltyProbe = 24 * time.Hour

// Penalty tells whether an errcode means that WeChat punishes the platform: no
// app of any rollout is submitted.
func Penalty(code int64) bool { return code == codePunished || code == codeNoUpdates }

// pause stops the rollout for an operator: the plan or the platform is at fault,
// not this app, which keeps its place. An undo is not the plan's: it
// fails, or waits for the platform's set-up to be fixed.
func (r *run) pause(ctx context.Context, e *wxclient.Error, lastError rollout.LastError) rollout.Event {
	if Penalty(e.Code) {
		if !r.shut(ctx, e, penaltyProbe) {
			return r.readLater(0, lastError, r.overruled(e))
		}
		r.log.Error().Int64("errcode", e.Code).Str("rid", e.RID).Dur("for", penaltyProbe).
			Msg("WeChat punishes the platform: no app of any rollout is submitted until one is tried again, or enqueue quota open submit")
	}
	why := "app " + r.assignment.AppID + " at " + string(r.assignment.Stage) + ": " + lastError.Text
	if r.assignment.Stage == rollout.StageUndo { // a pause doesn't stop it: it would try again at once, for ever
		if e.Class == wxclient.ClassFatalConfig {
			return r.wait(rollout.ReasonUnlisted, r.timing.InAudit, lastError)
		}
		return r.failed(lastError)
	}
	if err := r.ledger.Pause(context.WithoutCancel(ctx), r.assignment.Rollout, "worker", why); err != nil {
		r.log.Error().Err(err).Msg("rollout not paused")
	}
	r.log.Error().Int64("errcode", e.Code).Str("rid", e.RID).Str("class", string(e.Class)).Msg("rollout paused")
	return r.readLater(0, lastError, rollout.Yielded{At: r.now(), Note: "rollout paused: " + lastError.Text})
}

// throttled waits for a limit of this app, until its reset where that is known.
func (r *run) throttled(code int64, lastError rollout.LastError) rollout.Event {
	var reset time.Duration
	switch code {
	case codeUndoQuota:
		reset = untilTomorrow(r.now())
	case codeDomainQuota, codeMonthQuota:
		reset = untilNextMonth(r.now())
	default:
		return r.wait(rollout.ReasonThrottle, r.timing.Throttle, lastError)
	}
	e := rollout.Waited{At: r.now(), Reason: rollout.ReasonThrottle, For: reset, Note: lastError.Text, LastError: &lastError}
	e.For += r.jitter(func(rnd *rand.Rand) time.Duration { return time.Duration(rnd.Int64N(int64(resetSpread))) })
	return e
}

// resetSpread keeps apps from coming back together at a reset.
const resetSpread = 10 * time.Minute

// last error describes an error for the ledger.
func (r *run) lastError(err error) rollout.LastError {
	t := rollout.LastError{Stage: r.assignment.Stage, Text: clip(err.Error()), At: r.now()}
	var api *wxclient.Error
	if errors.As(err, &api) {
		t.Class, t.Code, t.RID = string(api.Class), api.Code, api.RID
	}
	return t
}

// codeText is an errcode as text.
func codeText(code int64) string { return strconv.FormatInt(code, 10) }

// clip keeps an error's text short enough for a record.
func clip(s string) string { return clipTo(s, 300) }

func clipTo(s string, limit int) string {
	if r := []rune(s); len(r) > limit {
		return string(r[:limit]) + "…"
	}
	return s
}

// yieldError gives the assignment back without having called.
type yieldError struct{ why string }

func (e *yieldError) Error() string { return "assignment given back: " + e.why }

// planError is a fault of the plan that shows at one app.
type planError struct{ err error }

func (e *planError) Error() string { return e.err.Error() }
func (e *planError) Unwrap() error { return e.err }

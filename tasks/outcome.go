package tasks

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient"
)

// Errcodes that mean more than their class.
const (
	codeQuotaUsed       = 85085 // the platform's submissions of the month are used up
	codePunished        = 86008 // provider punished: no submission of any app
	codeNoUpdates       = 86010 // provider may not submit updates
	codePrivacyChecking = 61039
	codeInAudit         = 85009
	codeBadAuditID      = 85012
	codeNoAuditID       = 85058
	codeNoVersion       = 85019
	codeNotReleasable   = 85020
	codeReleased        = 85052
	codeNoRevert        = 87012
	codeUndoQuota       = 87013
	codeNotCommitted    = 85086
	codeNoTrial         = 86001
	codeNotRegistered   = 85018
	codeNoUser          = 85001 // the WeChat id is nobody's, or no tester
	codeNoTester        = 89034
	codeIsTester        = 85004
	codeNoQRFile        = 85069
	codeNoFiling        = 85076
	codeNoWebFile       = 86103
	codeDomainQuota     = 86102 // 50 changes of an app's domains a month
	codeMonthQuota      = 89030
	codeOperationRuns   = 9402202 // an earlier operation on the app still runs: it ends in seconds
	codeOperationRuns2  = 9402205
)

// merchantCodes wait for the merchant: nothing of ours is wrong, and trying
// again by itself doesn't help until the merchant acts.
var merchantCodes = []int64{
	42007, // owner changed the password: authorise again
	43007, // authorisation needed
	61003, // no longer authorised
	61007, // permission set 18 not granted
	61023, // refresh token invalid: authorise again
	85008, // no usable category
	86002, // profile not complete
}

// perAppLater are plan errors that blame the app instead, once the same plan
// worked for another one: only this app's ext values or items differ.
var perAppLater = []int64{47001, 85006, 85007, 85011, 85013, 85045, 85046, 85047, 85048}

// outcome is the one place that maps an error to what it means for the target.
func (r *run) outcome(ctx context.Context, err error) rollout.Event {
	trouble := r.trouble(err)
	var (
		stale *rollout.StaleError
		held  *rollout.HeldError
		yield *yieldError
		bad   *planError
		inval *wxclient.InvalidRequestError
		lost  *lostError
		owner *ownerError
		drops *dropsError
		cred  credentialError
		api   *wxclient.Error
	)
	switch {
	case errors.As(err, &stale):
		return nil
	case errors.As(err, &cred):
		return r.noCredential(cred.CredentialOf(), trouble)
	case errors.As(err, &held):
		return r.unbegun(held.Why())
	case errors.As(err, &yield):
		return rollout.Yielded{At: r.now(), Note: yield.why}
	case errors.As(err, &bad), errors.As(err, &inval):
		trouble.Class = "plan"
		return r.failed(trouble)
	case errors.As(err, &lost):
		return rollout.Waited{
			At: r.now(), Reason: rollout.ReasonUnknown, For: r.timing.Settle,
			Note: "the reply to " + lost.op + " was lost; reads it back", Trouble: &trouble,
		}
	case errors.As(err, &owner):
		return r.wait(rollout.ReasonMerchant, r.timing.Merchant, trouble)
	case errors.As(err, &drops):
		e := &wxclient.Error{Code: codeNotRegistered, Class: wxclient.ClassFatalConfig}
		trouble.Class, trouble.Code = string(e.Class), e.Code
		return r.pause(ctx, e, trouble)
	case ctx.Err() != nil:
		return r.unbegun("the worker is stopping")
	case errors.As(err, &api):
		return r.answered(ctx, api, trouble)
	default: // never reached WeChat, or a read whose reply was lost
		trouble.Class = "network"
		return r.busy(err, trouble)
	}
}

// credentialError is a token that can't be had until a person acts: the
// merchant of the app it names, or the platform's operator if it names none.
type credentialError interface {
	error
	CredentialOf() (appid string)
}

// noCredential parks: an app without a token is its merchant's matter, and the
// platform's own missing credential is no app's fault.
func (r *run) noCredential(appid string, trouble rollout.Trouble) rollout.Event {
	trouble.Class = "credential"
	if appid != "" {
		return r.wait(rollout.ReasonMerchant, r.timing.Merchant, trouble)
	}
	return r.wait(rollout.ReasonBusy, r.timing.BusyPark, trouble)
}

// unbegun gives the turn back without having called.
func (r *run) unbegun(why string) rollout.Event {
	return rollout.Yielded{At: r.now(), Note: why}
}

// answered maps an errcode's class.
func (r *run) answered(ctx context.Context, e *wxclient.Error, trouble rollout.Trouble) rollout.Event {
	if e.Code == codeOperationRuns || e.Code == codeOperationRuns2 { // a read: a write's outcome is unknown
		return r.wait(rollout.ReasonThrottle, r.timing.Overlap, trouble)
	}
	switch e.Class {
	case wxclient.ClassRetryToken, wxclient.ClassRetryBusy, wxclient.ClassOK, wxclient.ClassAlreadyDone:
		// A token was renewed once already; "already done" that a stage doesn't
		// know is read back by running the stage again.
		return r.busy(e, trouble)
	case wxclient.ClassThrottlePlatform:
		return r.closed(ctx, e)
	case wxclient.ClassThrottleApp:
		return r.wait(rollout.ReasonThrottle, r.throttleFor(e.Code), trouble)
	case wxclient.ClassWaitExternal:
		return r.wait(waitReason(e.Code), r.timing.InAudit, trouble)
	case wxclient.ClassFatalConfig:
		return r.pause(ctx, e, trouble)
	case wxclient.ClassFatalRollout:
		if slices.Contains(perAppLater, e.Code) && r.othersPassed(ctx) {
			return r.failed(trouble)
		}
		return r.pause(ctx, e, trouble)
	case wxclient.ClassFatalApp:
		if slices.Contains(merchantCodes, e.Code) {
			return r.wait(rollout.ReasonMerchant, r.timing.Merchant, trouble)
		}
		return r.failed(trouble)
	default:
		return r.wait(rollout.ReasonUnlisted, r.timing.InAudit, trouble)
	}
}

// busyLimit is when even a patient target gives up: hours of busy replies.
const busyLimit = 60

// submitBusyLimit is lower: -1 for ever on submit_audit is a known sign of a body
// that WeChat can't read. The busy replies to the reads before it count too, so that
// it is well above the five retries that would do for the call alone.
const submitBusyLimit = 20

// busy tries again in Asynq after a jittered delay; a target that stays busy is
// parked, and fails only when it has for hours.
func (r *run) busy(err error, trouble rollout.Trouble) rollout.Event {
	n := r.t.Busy
	limit := busyLimit
	if api := (*wxclient.Error)(nil); errors.As(err, &api) && api.Code == -1 && api.Endpoint == "/wxa/submit_audit" {
		limit = submitBusyLimit
	}
	switch {
	case n >= limit:
		return r.failed(trouble)
	case n >= r.timing.BusyTries && limit == busyLimit:
		return r.wait(rollout.ReasonBusy, r.timing.BusyPark, trouble)
	default:
		delay := r.jitter(func(rnd *rand.Rand) time.Duration { return r.timing.Busy.Delay(n, rnd) })
		return rollout.Stalled{At: r.now(), For: delay, Trouble: trouble}
	}
}

func (r *run) wait(reason rollout.Reason, d time.Duration, trouble rollout.Trouble) rollout.Event {
	d = r.jitter(func(rnd *rand.Rand) time.Duration { return spread(d, rnd) })
	return rollout.Waited{At: r.now(), Reason: reason, For: d, Note: trouble.Text, Trouble: &trouble}
}

func (r *run) failed(trouble rollout.Trouble) rollout.Event {
	return rollout.Failed{At: r.now(), Trouble: trouble}
}

// closed shuts the stage's pool for everyone; the target keeps its place.
func (r *run) closed(ctx context.Context, e *wxclient.Error) rollout.Event {
	retry := time.Duration(0)
	if e.Code == 45011 { // per minute: the next one is free
		retry = time.Minute
	}
	if !r.shut(ctx, e, retry) {
		return r.overruled(e)
	}
	return rollout.Yielded{At: r.now(), Note: "the stage is closed for everyone: errcode " + codeText(e.Code)}
}

// shut closes the stage's pool. It is false if an operator opened the pool after the
// call that was refused had begun: they know better.
func (r *run) shut(ctx context.Context, e *wxclient.Error, retry time.Duration) bool {
	reason := codeText(e.Code)
	err := r.permits.Close(context.WithoutCancel(ctx), r.turn.Stage, r.opening, reason, retry)
	switch reopened := (*ratelimit.ReopenedError)(nil); {
	case errors.As(err, &reopened):
		r.log.Warn().Int64("errcode", e.Code).Str("rid", e.RID).Msg("pool not closed: an operator opened it after this call had begun")
		return false
	case err != nil:
		r.log.Error().Err(err).Msg("pool not closed")
	case r.hooks.Closed != nil:
		r.hooks.Closed(r.turn.Stage, reason)
	}
	return true
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
// fails, or waits for the platform's set-up to be mended.
func (r *run) pause(ctx context.Context, e *wxclient.Error, trouble rollout.Trouble) rollout.Event {
	if Penalty(e.Code) {
		if !r.shut(ctx, e, penaltyProbe) {
			return r.overruled(e)
		}
		r.log.Error().Int64("errcode", e.Code).Str("rid", e.RID).Dur("for", penaltyProbe).
			Msg("WeChat punishes the platform: no app of any rollout is submitted until one is tried again, or enqueue quota open submit")
	}
	why := "app " + r.turn.AppID + " at " + string(r.turn.Stage) + ": " + trouble.Text
	if r.turn.Stage == rollout.StageUndo { // a pause doesn't stop it: it would try again at once, for ever
		if e.Class == wxclient.ClassFatalConfig {
			return r.wait(rollout.ReasonUnlisted, r.timing.InAudit, trouble)
		}
		return r.failed(trouble)
	}
	if err := r.ledger.Pause(context.WithoutCancel(ctx), r.turn.Rollout, "worker", why); err != nil {
		r.log.Error().Err(err).Msg("rollout not paused")
	}
	r.log.Error().Int64("errcode", e.Code).Str("rid", e.RID).Str("class", string(e.Class)).Msg("rollout paused: " + string(e.Class))
	return rollout.Yielded{At: r.now(), Note: "rollout paused: " + trouble.Text}
}

// othersPassed tells whether the plan worked for another target at this stage.
func (r *run) othersPassed(ctx context.Context) bool {
	ro, err := r.ledger.Rollout(context.WithoutCancel(ctx), r.turn.Rollout)
	if err != nil {
		return false
	}
	return ro.Counts.Sum(func(c rollout.Cell) bool {
		return c.State == rollout.StateReleased || r.turn.Stage.Before(c.Stage)
	}) > 0
}

func (r *run) throttleFor(code int64) time.Duration {
	switch code {
	case codeUndoQuota, codeDomainQuota, codeMonthQuota:
		return 12 * time.Hour // by the day or month: the next one begins within that, or later
	}
	return r.timing.Throttle
}

// waitReason names what a wait-external code waits for.
func waitReason(code int64) rollout.Reason {
	if code == codePrivacyChecking {
		return rollout.ReasonPrivacy
	}
	return rollout.ReasonInAudit
}

// trouble describes an error for the ledger.
func (r *run) trouble(err error) rollout.Trouble {
	t := rollout.Trouble{Stage: r.turn.Stage, Text: clip(err.Error()), At: r.now()}
	var api *wxclient.Error
	if errors.As(err, &api) {
		t.Class, t.Code, t.RID = string(api.Class), api.Code, api.RID
	}
	return t
}

// codeText is an errcode as text.
func codeText(code int64) string { return strconv.FormatInt(code, 10) }

// clip keeps an error's text short enough for a record.
func clip(s string) string {
	const limit = 300
	if r := []rune(s); len(r) > limit {
		return string(r[:limit]) + "…"
	}
	return s
}

// yieldError gives the turn back without having called.
type yieldError struct{ why string }

func (e *yieldError) Error() string { return "turn given back: " + e.why }

// planError is a fault of the plan that shows at one app.
type planError struct{ err error }

func (e *planError) Error() string { return e.err.Error() }
func (e *planError) Unwrap() error { return e.err }

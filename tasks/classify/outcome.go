package classify

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wxrollout/wxrollout/appconfig"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient/errcode"
)

// Outcome is what an error means. The fields after Spread are acted on in their order, nil ones not
// at all; Read, if set, comes instead of all others.
type Outcome struct {
	// Event is what happens to the target; nil if the assignment is another worker's by now.
	Event rollout.Event
	// Spread is the exclusive bound of what chance adds to the wait of the event; see [Outcome.Drawn].
	Spread time.Duration

	Outage *Outage
	Fault  *Fault
	Close  *Close
	Pause  *Pause
	Read   Read
}

// Outage closes the stage until its next probe: WeChat answers no app.
type Outage struct {
	LastError rollout.LastError
	// Probe is set if the assignment was the probe of the closed stage.
	Probe bool
}

// Fault records a fault of the platform.
type Fault struct {
	Fault rollout.PlatformFault
	// Alone is the event if other apps prove that the fault is this app's.
	Alone rollout.Event
}

// Close closes the pool of the stage for everyone.
type Close struct {
	LastError rollout.LastError
	Reason    string
	Retry     time.Duration // 0 leaves the wait to the pool
	Penalty   bool
	// Reopened is the event if an operator has reopened the pool since the refused call began; the
	// other actions of the outcome are then skipped.
	Reopened rollout.Event
}

// Pause pauses the rollout until an operator resumes it.
type Pause struct {
	LastError rollout.LastError
	Why       string
}

// Read is what must be read before the outcome is known.
type Read string

// The readings.
const (
	ReadQuota      Read = "quota"       // then AfterQuota
	ReadPermission Read = "permissions" // then AfterPermission
)

// Drawn is the event with its wait drawn; draw returns a random number in [0, n).
func (o Outcome) Drawn(draw func(n int64) int64) rollout.Event {
	if o.Spread <= 0 {
		return o.Event
	}
	more := time.Duration(draw(int64(o.Spread)))
	switch e := o.Event.(type) {
	case rollout.Waited:
		e.For += more
		return e
	case rollout.Stalled:
		e.For = wholeSeconds(e.For + more)
		return e
	default:
		return e
	}
}

// ReasonOutage is why the pool of a stage is closed at which WeChat answers no app: -1, no
// connection, no reply, a status of 5xx.
const ReasonOutage = "busy"

// OutageNote explains an outage in a target's timeline.
const OutageNote = "WeChat answers no app at this stage: one app at a time probes it"

// Of is what an error means for the target that met it, and beyond it.
func Of(f Facts, err error) Outcome {
	j, lastError := Judge(err), f.LastError(err)
	var outage Outcome
	if !f.Stopping && j.Scope == ScopeStage {
		outage = f.unanswered(err, lastError)
		if outage.Event != nil {
			return outage
		}
	}
	o := f.own(j, err, lastError)
	o.Outage = outage.Outage
	return o
}

// unanswered is the outcome of a call without an answer; its event is nil if the error's own rule
// decides. While the stage is closed for an outage the target keeps its place, and no try counts.
func (f Facts) unanswered(err error, lastError rollout.LastError) (o Outcome) {
	probe := f.Closed == ReasonOutage && f.Assignment.Permit
	if f.Closed == "" && f.Broken || probe {
		o.Outage = &Outage{LastError: lastError, Probe: probe}
	}
	if f.Closed != ReasonOutage && o.Outage == nil || errors.As(err, new(*LostError)) {
		return o // a lost reply is read back
	}
	d := BackingOff(3*f.Waits.OutageProbe, 20*f.Waits.OutageProbe, f.Target.Polls)
	switch {
	case probe: // another app probes next: one that alone gets no answer would hold up all others
		o.Event = rollout.Waited{At: f.Now, Reason: rollout.ReasonBusy, For: d, Again: true, Note: OutageNote, LastError: &lastError}
		o.Spread = fifth(d)
	case f.Target.Intent != nil: // no closed stage holds it, so that it would return at once
		o.Event = rollout.Waited{At: f.Now, Reason: rollout.ReasonUnknown, For: d, Again: true, Note: OutageNote, LastError: &lastError}
	default:
		o.Event = f.Unbegun(OutageNote)
	}
	return o
}

// own is the outcome of an error by its own rule.
func (f Facts) own(j Judged, err error, lastError rollout.LastError) Outcome {
	var (
		held    *rollout.HeldError
		yield   *YieldError
		lost    *LostError
		cred    credentialError
		newer   *SupersededError
		refused *appconfig.RefusedError
		api     *errcode.Error
	)
	switch {
	case errors.As(err, new(*rollout.StaleError)):
		return Outcome{}
	case !f.Stopping && j.Scope == ScopePlatform:
		return f.platformFault(j, lastError)
	case errors.As(err, &cred):
		return f.noCredential(cred.CredentialOf(), lastError)
	case errors.As(err, &held):
		return Outcome{Event: f.Unbegun(held.Why())}
	case errors.As(err, &newer):
		return Outcome{Event: rollout.Skipped{At: f.Now, Note: newer.By.Words()}}
	case errors.As(err, &yield):
		return Outcome{Event: f.Unbegun(yield.Why)}
	case errors.As(err, new(*PlanError)), errors.As(err, new(*errcode.InvalidRequestError)):
		lastError.Class = "plan"
		return Outcome{Event: f.Failed(lastError)}
	case errors.As(err, &refused):
		return Outcome{Event: f.refusedItems(err, lastError)}
	case errors.As(err, &lost):
		return Outcome{Event: rollout.Waited{
			At: f.Now, Reason: rollout.ReasonUnknown, For: f.Growing(rollout.CauseUnshown, f.Waits.Settle),
			Note: "the reply to " + lost.Op + " was lost; reads it back", LastError: &lastError,
		}}
	case errors.As(err, new(*OwnerError)):
		return f.Wait(rollout.ReasonMerchant, f.ownerWait(), lastError)
	case errors.As(err, new(*DropsError)):
		lastError.Class, lastError.Code = string(errcode.ClassFatalConfig), codeNotListed
		return f.pause(errcode.ClassFatalConfig, lastError)
	case f.Stopping:
		return Outcome{Event: f.Unbegun("the worker is stopping")}
	case errors.As(err, &api):
		return f.answered(api, OfWrite(err), lastError)
	default: // never reached WeChat, or a read whose reply was lost or lacks something
		lastError.Class = "network"
		if incomplete(err) {
			lastError.Class = rollout.ClassUnread
		}
		return f.busy(rollout.CauseBusy, lastError)
	}
}

// incomplete reports whether WeChat answered with an object that does not contain what was read for.
func incomplete(err error) bool {
	var unknown *errcode.OutcomeUnknownError
	return errors.As(err, &unknown) && strings.HasPrefix(unknown.Raw, "{")
}

// faultText is the longest text of a fault in runes: its cause, with WeChat's own words at the end.
const faultText = 800

// platformFault records a fault of the platform and gives the assignment back: no try counts, and no
// app is to blame.
func (f Facts) platformFault(j Judged, lastError rollout.LastError) Outcome {
	fault := rollout.PlatformFault{Text: clipTo(j.Cause.Error(), faultText), Endpoint: j.Endpoint, Confirm: j.Confirm}
	if j.API != nil {
		fault.Code, fault.RID, fault.IP = j.API.Code, j.API.RID, addressIn(j.API.Msg)
	}
	alone := lastError
	alone.Text = Clip("for this app alone, while other apps work: " + alone.Text)
	return Outcome{
		Event: f.Unbegun("a fault of the platform: " + lastError.Text),
		Fault: &Fault{Fault: fault, Alone: f.Failed(alone)},
	}
}

// noCredential parks an app without a token until its merchant acts. A missing credential of the
// platform is a fault of the platform, unless the worker stops.
func (f Facts) noCredential(appid string, lastError rollout.LastError) Outcome {
	if appid == "" {
		return Outcome{Event: f.Unbegun(lastError.Text)}
	}
	lastError.Class = "credential"
	return f.Wait(rollout.ReasonMerchant, f.Waits.Merchant, lastError)
}

// refusedTextMax bounds the text of refused entries, in runes: up to ten are named.
const refusedTextMax = 900

// refusedItems fails the target at once: each write of an entry that stays refused would spend one of
// the month's changes.
func (f Facts) refusedItems(err error, lastError rollout.LastError) rollout.Event {
	if lastError.Class == "" {
		lastError.Class = "plan"
	}
	lastError.Text = clipTo(err.Error(), refusedTextMax)
	lastError.Next = "file or fix the refused domains, or take them out of the plan (--recommit with a fixed one); then " + f.Retry("")
	return f.Failed(lastError)
}

// ownerWait is the wait for a site's owner: only the write itself shows whether the file is there, so
// that each wait is longer, up to two days.
func (f Facts) ownerWait() time.Duration {
	const longest = 48 * time.Hour
	d := f.Waits.Merchant
	for range min(f.Target.Polls, 8) {
		d *= 2
	}
	return max(f.Waits.Merchant, min(d, longest))
}

// answered is the outcome of an errcode; write is set if it answers a write.
func (f Facts) answered(e *errcode.Error, write bool, lastError rollout.LastError) Outcome {
	if e.Code == codeOperationRuns || e.Code == codeOperationRuns2 { // a read: a write's outcome is unknown
		return f.Wait(rollout.ReasonThrottle, f.Growing(rollout.CauseThrottle, f.Waits.Overlap), lastError)
	}
	if NoPermission(e.Code) && f.Assignment.Stage != rollout.StagePreflight {
		return Outcome{Read: ReadPermission}
	}
	switch e.Class {
	case errcode.ClassRetryBusy:
		return f.busy(busyCause(e), lastError)
	case errcode.ClassRetryToken:
		return f.refusedToken(lastError)
	case errcode.ClassOK, errcode.ClassAlreadyDone:
		// A stage without a rule for "already done" learns only from reads what it means.
		return Outcome{Event: f.Contradicted(e, "WeChat says that it is done already, and the reads deny it", "")}
	case errcode.ClassThrottlePlatform:
		return f.platformThrottled(e)
	case errcode.ClassThrottleApp:
		return f.throttled(e.Code, lastError)
	case errcode.ClassWaitExternal:
		return f.external(e, write, lastError)
	case errcode.ClassFatalConfig:
		return f.pause(e.Class, lastError)
	case errcode.ClassFatalApp, errcode.ClassFatalRollout:
		// The plan is to blame when it fails several apps alike, which rollout.Tripped finds.
		if slices.Contains(merchantCodes, e.Code) {
			return f.merchant(write, lastError)
		}
		return Outcome{Event: f.Failed(lastError)}
	default:
		return f.unlisted(write, lastError)
	}
}

// busyCause is what a busy answer counts for.
func busyCause(e *errcode.Error) rollout.Cause {
	if e.Code == codeBusy && e.Endpoint == "/wxa/submit_audit" {
		return rollout.CauseSubmitBusy
	}
	return rollout.CauseBusy
}

// busy tries again in the queue after a jittered delay; a target that stays busy is parked.
func (f Facts) busy(cause rollout.Cause, lastError rollout.LastError) Outcome {
	n := f.Target.Tries[cause]
	if n >= f.Waits.BusyTries {
		return f.WaitFor(cause, rollout.ReasonBusy, f.Waits.BusyPark, lastError)
	}
	return f.stalled(cause, n, lastError)
}

// stalled tries again in the queue after the n-th delay of the backoff.
func (f Facts) stalled(cause rollout.Cause, n int, lastError rollout.LastError) Outcome {
	return Outcome{Event: rollout.Stalled{At: f.Now, LastError: lastError, Cause: cause}, Spread: f.Waits.Busy.longest(n)}
}

// refusedToken tries again at once, then less and less often: each try costs renewals, and spends a
// call twice.
func (f Facts) refusedToken(lastError rollout.LastError) Outcome {
	if f.Target.Tries[rollout.CauseToken] == 0 {
		return f.stalled(rollout.CauseToken, 0, lastError)
	}
	return f.WaitFor(rollout.CauseToken, rollout.ReasonBusy, f.Growing(rollout.CauseToken, f.Waits.BusyPark), lastError)
}

// platformThrottled closes the stage for everyone; the target keeps its place.
func (f Facts) platformThrottled(e *errcode.Error) Outcome {
	if e.Code == codeQuotaUsed {
		if f.Assignment.Stage == rollout.StageSubmit {
			return Outcome{Read: ReadQuota}
		}
		return Outcome{Event: f.Contradicted(e, "WeChat refuses this call for the quota of submissions, which it does not spend", "")}
	}
	var retry time.Duration
	switch e.Code {
	case codeMinuteUsed:
		retry = time.Minute
	case codeDayUsed:
		retry = untilTomorrow(f.Now)
	}
	lastError := f.LastError(e)
	return Outcome{
		Event: f.readLater(retry, lastError, f.closedForAll(e.Code)),
		Close: &Close{LastError: lastError, Reason: codeText(e.Code), Retry: retry, Reopened: f.readLater(retry, lastError, f.overruled(e.Code))},
	}
}

// closedForAll keeps the target's place.
func (f Facts) closedForAll(code int64) rollout.Event {
	return f.Unbegun("the stage is closed for everyone: errcode " + codeText(code))
}

// overruled tries again: WeChat may grant now what it refused before an operator opened the pool.
func (f Facts) overruled(code int64) rollout.Event {
	return f.Unbegun("errcode " + codeText(code) + " is from before an operator opened the pool: tried again")
}

// AfterQuota is the outcome of a submission that was refused for lack of quota. left is set if a
// reading through the same app showed units: then this app alone is refused and waits, so that others
// go on and the next probe is another app's. closed is the pool's state after the refusal was
// recorded; reopened is set if an operator opened the pool after the call had begun.
func AfterQuota(f Facts, err error, left, closed, reopened bool) Outcome {
	switch {
	case reopened:
		return Outcome{Event: f.overruled(Code(err))}
	case closed && !left:
		return Outcome{Event: f.closedForAll(Code(err))}
	}
	cause := rollout.CauseQuota
	if closed {
		cause = "" // not this app's fault
	}
	return f.WaitFor(cause, rollout.ReasonQuota, f.Growing(rollout.CauseQuota, f.Waits.BusyPark), f.LastError(err))
}

// throttled waits for a limit of this app, until its reset where that is known.
func (f Facts) throttled(code int64, lastError rollout.LastError) Outcome {
	var reset time.Duration
	switch {
	case code == codeUndoQuota:
		reset = untilTomorrow(f.Now)
	case code == codeMonthUsed || appconfig.MonthSpent(code):
		reset = untilNextMonth(f.Now)
	default:
		return f.Wait(rollout.ReasonThrottle, f.Waits.Throttle, lastError)
	}
	return Outcome{
		Event:  rollout.Waited{At: f.Now, Reason: rollout.ReasonThrottle, For: reset, Note: lastError.Text, LastError: &lastError},
		Spread: resetSpread,
	}
}

// external waits for something else at WeChat.
func (f Facts) external(e *errcode.Error, write bool, lastError rollout.LastError) Outcome {
	switch {
	case e.Code != codePrivacyChecking:
		return f.Wait(rollout.ReasonExternal, f.Waits.InAudit, lastError)
	case write: // the detection read as ended
		return f.WaitFor(rollout.CauseExternal, rollout.ReasonPrivacy, f.Waits.InAudit, lastError)
	default:
		return f.Wait(rollout.ReasonPrivacy, f.Waits.InAudit, lastError)
	}
}

// penaltyProbe is the wait of a punished platform before it tries one submission.
const penaltyProbe = 24 * time.Hour

// pause stops the rollout for an operator: the plan or the platform is at fault, not this app, which
// keeps its place. An undo is not the plan's: it fails, or waits until the platform's set-up is fixed.
func (f Facts) pause(class errcode.Class, lastError rollout.LastError) Outcome {
	var o Outcome
	if code := lastError.Code; Penalty(code) {
		o.Close = &Close{
			LastError: lastError, Reason: codeText(code), Retry: penaltyProbe, Penalty: true,
			Reopened: f.readLater(0, lastError, f.overruled(code)),
		}
	}
	if f.Assignment.Stage == rollout.StageUndo { // a pause does not stop it: it would repeat at once, without end
		if class == errcode.ClassFatalConfig {
			wait := f.Wait(rollout.ReasonUnlisted, f.Waits.InAudit, lastError)
			o.Event, o.Spread = wait.Event, wait.Spread
		} else {
			o.Event = f.Failed(lastError)
		}
		return o
	}
	o.Pause = &Pause{LastError: lastError, Why: "app " + f.Assignment.AppID + " at " + string(f.Assignment.Stage) + ": " + lastError.Text}
	o.Event = f.readLater(0, lastError, f.Unbegun("rollout paused: "+lastError.Text))
	return o
}

// unlisted is the outcome of an errcode that our table lacks: a read is repeated a few times, a write
// never.
func (f Facts) unlisted(write bool, lastError rollout.LastError) Outcome {
	if !write {
		return f.Wait(rollout.ReasonUnlisted, f.Waits.InAudit, lastError)
	}
	lastError.Next = "look the errcode up at WeChat, with its rid; then " + f.Retry("")
	return Outcome{Event: f.Failed(lastError)}
}

// merchant waits for what only the merchant can change. A refused write is counted; it is repeated
// only when a read shows that the merchant acted.
func (f Facts) merchant(write bool, lastError rollout.LastError) Outcome {
	if !write {
		return f.Wait(rollout.ReasonMerchant, f.Waits.Merchant, lastError)
	}
	d := f.Waits.Merchant
	for range f.Target.Tries[rollout.CauseRefused] {
		d *= 2
	}
	return f.WaitFor(rollout.CauseRefused, rollout.ReasonMerchant, d, lastError)
}

// NoPermission reports whether an errcode is a refusal for lack of rights.
func NoPermission(code int64) bool { return slices.Contains(permissionCodes, code) }

// AfterPermission is the outcome of a refusal for lack of rights; lacks is set if the app has taken
// permission set 18 from the platform since preflight.
func AfterPermission(f Facts, err error, lacks bool) Outcome {
	lastError := f.LastError(err)
	if !lacks {
		return Outcome{Event: f.Failed(lastError)}
	}
	lastError.Text = Clip("permission set 18 is not granted any more: the merchant must authorize it again: " + lastError.Text)
	return f.merchant(OfWrite(err), lastError)
}

// Proof is what shows that a merchant acted.
type Proof string

// The proofs.
const (
	ProofCategory   Proof = "category"
	ProofProfile    Proof = "profile"
	ProofPermission Proof = "permission"
)

// MerchantProof is what must show that the merchant acted before the refused write is repeated; "" if
// no write was refused for the merchant's matter.
func (f Facts) MerchantProof() Proof {
	last := f.Target.LastError
	switch {
	case f.Target.Tries[rollout.CauseRefused] == 0 || last == nil:
		return ""
	case last.Code == codeNoCategory:
		return ProofCategory
	case last.Code == codeNoProfile:
		return ProofProfile
	case slices.Contains(merchantCodes, last.Code) || NoPermission(last.Code):
		return ProofPermission
	default:
		return ""
	}
}

func codeText(code int64) string { return strconv.FormatInt(code, 10) }

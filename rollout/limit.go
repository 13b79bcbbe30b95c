package rollout

import (
	"fmt"
	"slices"
	"time"
)

// Cause groups failed tries of a target. Each has one limit for all stages, counted per target,
// stage and attempt: docs/limits.md.
type Cause string

// The causes that are counted.
const (
	// CauseBusy: WeChat was busy (-1), or was not reached, or the reply to a read was lost.
	CauseBusy Cause = "busy"
	// CauseSubmitBusy: -1 from submit_audit, which may also mean a body that WeChat can't read.
	CauseSubmitBusy Cause = "submit-busy"
	// CauseToken: WeChat refused a token that was just renewed.
	CauseToken Cause = "token"
	// CauseThrottle: a limit of this app.
	CauseThrottle Cause = "throttle"
	// CauseQuota: a submission refused for lack of quota (85085) while the platform has some.
	CauseQuota Cause = "quota"
	// CauseUnshown: a write was accepted, or its reply was lost, and a read-back denies it. The
	// read-back counts it.
	CauseUnshown Cause = "unshown"
	// CauseContradicted: WeChat refused a write because of a state that reads deny.
	CauseContradicted Cause = "contradicted"
	// CauseUnread: a reply does not contain what was asked for.
	CauseUnread Cause = "unread"
	// CauseUnlisted: a read got an undocumented errcode or status. A write that gets one is never
	// repeated.
	CauseUnlisted Cause = "unlisted"
	// CauseExternal: something else at WeChat must end first.
	CauseExternal Cause = "external"
	// CauseRefused: a write refused for what only the merchant can change.
	CauseRefused Cause = "refused"
)

// triesMax is how often a target may meet a cause at a stage; the last one fails it.
var triesMax = map[Cause]int{
	CauseBusy: 60, CauseSubmitBusy: 20, CauseToken: 5, CauseThrottle: 20, CauseQuota: 10, CauseUnshown: 4,
	CauseContradicted: 4, CauseUnread: 10, CauseUnlisted: 10, CauseExternal: 20, CauseRefused: 4,
}

// MaxTries is how often a target may meet the cause at one stage and in one attempt.
func (c Cause) MaxTries() int { return triesMax[c] }

// causeOf is the cause that a wait for a reason has if its event names none. Waits that another
// party ends (an auditor, a merchant, an operator, a window) are bounded by time alone.
var causeOf = map[Reason]Cause{
	ReasonBusy: CauseBusy, ReasonThrottle: CauseThrottle, ReasonQuota: CauseQuota, ReasonUnlisted: CauseUnlisted,
	ReasonExternal: CauseExternal,
}

func (e Waited) cause() Cause {
	switch {
	case e.Again:
		return ""
	case e.Cause != "":
		return e.Cause
	default:
		return causeOf[e.Reason]
	}
}

func (e Stalled) cause() Cause {
	if e.Cause != "" {
		return e.Cause
	}
	return CauseBusy
}

// timed are the waits that count against a stage's deadline. Windows, approvals, apps of other
// rollouts and intervals of gray steps are intended by plans.
var timed = []Reason{
	ReasonBusy, ReasonThrottle, ReasonPrivacy, ReasonVerdict, ReasonDelayed, ReasonUnknown, ReasonInAudit,
	ReasonUnlisted, ReasonExternal,
}

// Waits adds up how long a target was parked at its stage, in milliseconds. Pauses, closed pools,
// gates and outages of the platform don't count.
type Waits struct {
	// Stage and Merchant are the waits before the last one: for WeChat, and for the merchant.
	Stage    int64 `json:"s,omitempty"`
	Merchant int64 `json:"m,omitempty"`
	// At (unix) and For are the begin and the length of the last wait.
	At  int64 `json:"t,omitempty"`
	For int64 `json:"f,omitempty"`
	// ForMerchant: the last wait was for the merchant.
	ForMerchant bool `json:"fm,omitempty"`
}

// at adds the last wait, as of a time. A target that was woken early has waited less than planned.
func (w Waits) at(now time.Time) Waits {
	last := max(0, min(now.UnixMilli()-w.At, w.For))
	if w.ForMerchant {
		w.Merchant += last
	} else {
		w.Stage += last
	}
	w.At, w.For, w.ForMerchant = 0, 0, false
	return w
}

// begin begins a wait.
func (w Waits) begin(now time.Time, d time.Duration, merchant bool) Waits {
	w = w.at(now)
	w.At, w.For, w.ForMerchant = now.UnixMilli(), d.Milliseconds(), merchant
	return w
}

// count records a failed try.
func (t *Target) count(c Cause) {
	if c == "" {
		return
	}
	tries := make(map[Cause]int, len(t.Tries)+1)
	for k, n := range t.Tries {
		tries[k] = n
	}
	tries[c]++
	t.Tries = tries
}

// answered clears the count of busy replies, since WeChat answered a poll. Stages that write keep it.
func (t *Target) answered() {
	if t.Tries[CauseBusy] == 0 {
		return
	}
	t.count(CauseBusy) // a separate map
	delete(t.Tries, CauseBusy)
}

// Deadlines bound how long a target waits at a stage. Zero is the default.
type Deadlines struct {
	// Commit is for preflight and commit. Default 168 h.
	Commit time.Duration `json:"commit,omitempty"`
	// Check is for the privacy detection. Default 24 h.
	Check time.Duration `json:"check,omitempty"`
	// Submit is mostly for another version that is in audit. Default 720 h.
	Submit time.Duration `json:"submit,omitempty"`
	// Verdict is for WeChat's auditors. Default 504 h.
	Verdict time.Duration `json:"verdict,omitempty"`
	// Release is for release and undo, without window, approval and gray steps. Default 168 h.
	Release time.Duration `json:"release,omitempty"`
	// Merchant is for the merchant, at any stage. Default 720 h.
	Merchant time.Duration `json:"merchant,omitempty"`
	// Gate is how long a gate waits for an operator before it is reported as overdue. It decides
	// nothing. Default 72 h.
	Gate time.Duration `json:"gate,omitempty"`
}

// WithDefaults fills what is zero.
func (d Deadlines) WithDefaults() Deadlines {
	def := func(d *time.Duration, hours int) {
		if *d <= 0 {
			*d = time.Duration(hours) * time.Hour
		}
	}
	def(&d.Commit, 168)
	def(&d.Check, 24)
	def(&d.Submit, 720)
	def(&d.Verdict, 504)
	def(&d.Release, 168)
	def(&d.Merchant, 720)
	def(&d.Gate, 72)
	return d
}

// of is a stage's deadline and its key in a plan.
func (d Deadlines) of(s Stage) (key string, limit time.Duration) {
	switch s {
	case StageCheck:
		return "check", d.Check
	case StageSubmit:
		return "submit", d.Submit
	case StageVerdict:
		return "verdict", d.Verdict
	case StageRelease, StageUndo:
		return "release", d.Release
	default:
		return "commit", d.Commit
	}
}

// Over reports that a target has waited long enough or tried often enough.
type Over struct {
	// Cause and Tries are set if it is the tries.
	Cause Cause
	Tries int
	// Key is the plan's deadline that passed; "" if it is the tries.
	Key string
	// Waited is how long the target waited in all.
	Waited time.Duration
}

// String is the limit in words.
func (o Over) String() string {
	waited := o.Waited.Round(time.Second)
	if o.Key != "" {
		return fmt.Sprintf("gave up after %s of waiting (deadline.%s)", waited, o.Key)
	}
	return fmt.Sprintf("gave up after %d tries in %s", o.Tries, waited)
}

// Bound is the one rule that ends repeats and waits, for all stages. It returns the event, its wait
// cut to the target's deadline, or the limit that was reached. A call of unknown outcome is always
// read back first: see Repeatable.
func Bound(t Target, e Event, d Deadlines) (Event, *Over) {
	switch w := e.(type) {
	case Waited:
		wait, over := bound(t, w.At, w.For, w.Reason, w.cause(), d.WithDefaults())
		w.For = wait
		return w, over
	case Stalled:
		wait, over := bound(t, w.At, w.For, ReasonBusy, w.cause(), d.WithDefaults())
		w.For = wait
		return w, over
	default:
		return e, nil
	}
}

func bound(t Target, at time.Time, wait time.Duration, r Reason, c Cause, d Deadlines) (time.Duration, *Over) {
	was := t.Waits.at(at)
	waited := time.Duration(was.Stage) * time.Millisecond
	if r == ReasonMerchant {
		waited = time.Duration(was.Merchant) * time.Millisecond
	}
	if n := t.Tries[c] + 1; c != "" && n >= c.MaxTries() {
		return wait, &Over{Cause: c, Tries: n, Waited: waited}
	}
	key, limit := d.of(t.Stage)
	switch {
	case r == ReasonMerchant:
		key, limit = "merchant", d.Merchant
	case r == ReasonUnknown || !slices.Contains(timed, r):
		return wait, nil
	}
	left := limit - waited
	if left <= 0 {
		return wait, &Over{Key: key, Waited: waited}
	}
	return min(wait, left), nil
}

// Repeatable reports whether a write that a read-back denies may be made once more, or why not.
func (t Target) Repeatable(at time.Time) *Over {
	if n := t.Tries[CauseUnshown]; n >= CauseUnshown.MaxTries() {
		return &Over{Cause: CauseUnshown, Tries: n, Waited: time.Duration(t.Waits.at(at).Stage) * time.Millisecond}
	}
	return nil
}

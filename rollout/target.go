package rollout

import "time"

// Target is one app in one rollout. The store changes its assignment (State, Fence, Due) in
// batches; Step decides everything else.
type Target struct {
	// Rollout and AppID name the target.
	Rollout string `json:"-"`
	AppID   string `json:"-"`
	// Rank orders targets of a rollout: wave*RankPerWave + place in the list.
	Rank int64 `json:"-"`

	Stage Stage `json:"-"`
	State State `json:"-"`
	// Reason is why it is parked. Of a pending target it is ReasonUnknown while a call is to be
	// read back, of a running one ReasonActing once its handler has begun; "" otherwise.
	Reason Reason `json:"-"`
	// Fence is the fencing token of the newest assignment. A handler with an older one has lost
	// its lease and must not call WeChat.
	Fence int64 `json:"-"`
	// Version grows with every write; a save names the version it read.
	Version int64 `json:"-"`
	// Due is the wake time when parked, the end of the lease when running (the
	// store's clock). A save sets it from Wait.
	Due time.Time `json:"-"`
	// Wait is how long from the save the target is to be parked, or its lease
	// is to last beyond the usual; the store turns it into Due.
	Wait time.Duration `json:"-"`

	// Revision is the plan revision to commit; a recommit moves it on.
	Revision int `json:"rev,omitempty"`
	// Attempt counts tries asked for: 1, and one more per operator's retry.
	Attempt int `json:"att"`
	// Columns are the app list's values, for selectors and the ext template.
	Columns map[string]string `json:"cols,omitempty"`
	// Label is the app list's label column.
	Label string `json:"label,omitempty"`

	// Intent is a call that was about to be made and whose outcome is unknown.
	Intent *Intent `json:"intent,omitempty"`
	// AuditID is our submission in audit or approved; 0 before.
	AuditID int64 `json:"audit,omitempty"`
	// PastAuditID is our last submission that ended without approval; a read-back must not take
	// it for a new one.
	PastAuditID int64 `json:"past,omitempty"`
	// Spent counts its submissions by their results.
	Spent Spent `json:"spent,omitzero"`
	// Tries counts the failed tries at this stage by cause, waits and stalls alike.
	Tries map[Cause]int `json:"tries,omitempty"`
	// Waits adds up the waits at this stage.
	Waits Waits `json:"waits,omitzero"`
	// Polls counts how often the target was parked at this stage without a change.
	Polls int `json:"polls,omitempty"`
	// Panics counts how often a handler panicked at this stage.
	Panics int `json:"panics,omitempty"`
	// Redone counts commits repeated because WeChat had no trial version.
	Redone int `json:"redone,omitempty"`
	// Gray counts gray steps taken.
	Gray int `json:"gray,omitempty"`
	// Since is when the target came to its stage.
	Since time.Time `json:"since,omitzero"`
	// LastError is why the target failed, was rejected or is parked.
	LastError *LastError `json:"last_error,omitempty"`
	// Timeline holds at most TimelineMax entries, oldest first.
	Timeline []Entry `json:"log,omitempty"`
}

// clockSlack is how far a stamp may be ahead of the store's clock: workers extrapolate it.
const clockSlack = time.Minute

// NotAfter moves stamps that lie in the future to now. The store's clock stepped back after they
// were made, and waits that count from them would take that much longer.
func (t Target) NotAfter(now time.Time) Target {
	ahead := func(at time.Time) bool { return at.After(now.Add(clockSlack)) }
	if ahead(t.Since) {
		t.Since = now
	}
	if t.Intent != nil && ahead(t.Intent.At) {
		in := *t.Intent
		in.At = now
		t.Intent = &in
	}
	return t
}

// RankPerWave separates waves in a rank; a rollout has fewer targets than this.
const RankPerWave = 10_000_000

// Rank is the place of the n-th target of a wave in the order of assignments.
func Rank(wave, n int) int64 { return int64(wave)*RankPerWave + int64(n) }

// Wave is the number of the target's wave, from 0.
func (t Target) Wave() int { return int(t.Rank / RankPerWave) }

// Op names a call that must not be repeated blindly.
type Op string

// The operations that leave an intent.
const (
	OpCommit  Op = "commit"
	OpSubmit  Op = "submit"
	OpRelease Op = "release"
	// OpUndo withdraws the running audit: another version's before a submission,
	// ours at the undo stage.
	OpUndo Op = "undo"
	// OpRevert puts the version before ours live again.
	OpRevert Op = "revert"
	// OpRevertGray ends our gray release.
	OpRevertGray Op = "revert-gray"
	// OpConfigure writes a kind of app configuration; Intent.What names it.
	OpConfigure Op = "configure"
)

// Intent is written before a call of its kind and cleared when the outcome is known.
type Intent struct {
	// Waits counts how often the target was parked before its outcome could be read.
	Waits int       `json:"waits,omitempty"`
	Op    Op        `json:"op"`
	At    time.Time `json:"at"`
	// What is the kind of an OpConfigure; "" for other calls.
	What string `json:"what,omitempty"`
}

// String is the call in words: submit, or configure domains.
func (i Intent) String() string {
	if i.What == "" {
		return string(i.Op)
	}
	return string(i.Op) + " " + i.What
}

// Our own classes that rules refer to.
const (
	// ClassWithdrawn: the target's submission was withdrawn, so that its audit is over.
	ClassWithdrawn = "withdrawn"
	// ClassPanic: the handler panicked.
	ClassPanic = "panic"
)

// LastError is what went wrong, in WeChat's words and ours.
type LastError struct {
	Stage Stage  `json:"stage"`
	Class string `json:"class"`          // class of the errcode, or ours: rejected, delayed, withdrawn, pin, plan, no-category, no-permission
	Code  int64  `json:"code,omitempty"` // errcode that WeChat sent; 0 if it sent none
	RID   string `json:"rid,omitempty"`
	Text  string `json:"text"`
	// Next is what a person should do; "" means the advice of the class.
	Next string `json:"next,omitempty"`
	// Screenshots are the audit's media ids, joined by "|".
	Screenshots string    `json:"shots,omitempty"`
	At          time.Time `json:"at"`
}

// Classes of facts that were read from an app, without an errcode from WeChat.
const (
	// ClassUnread: a reply does not contain what was asked for.
	ClassUnread = "unread"
	// ClassUnshown: WeChat accepted a call and does not show its effect.
	ClassUnshown = "unshown"
	// ClassNoCategory: the app has no approved category.
	ClassNoCategory = "no-category"
	// ClassNoPermission: the merchant did not grant permission set 18.
	ClassNoPermission = "no-permission"
)

// Entry is one line of a target's timeline.
type Entry struct {
	At    time.Time `json:"t"`
	Stage Stage     `json:"s"`
	What  string    `json:"w"`
	Code  int64     `json:"c,omitempty"`
	Note  string    `json:"n,omitempty"`
}

// TimelineMax bounds a target's timeline. When it is full, the fifth entry is dropped, so that the
// beginning and the end stay.
const TimelineMax = 16

// note appends to the timeline, merging a repetition of the last entry.
func (t *Target) note(e Entry) {
	if n := len(t.Timeline); n > 0 {
		last := t.Timeline[n-1]
		if last.Stage == e.Stage && last.What == e.What && last.Note == e.Note && last.Code == e.Code {
			t.Timeline = append(t.Timeline[:n-1:n-1], e)
			return
		}
	}
	const keep = 4
	if len(t.Timeline) >= TimelineMax {
		kept := append([]Entry(nil), t.Timeline[:keep]...)
		t.Timeline = append(kept, t.Timeline[keep+1:]...)
	}
	t.Timeline = append(t.Timeline[:len(t.Timeline):len(t.Timeline)], e)
}

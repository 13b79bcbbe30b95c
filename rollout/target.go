package rollout

import "time"

// Target is one mini program in one rollout. The store moves its assignment (State,
// Fence, Due) in batches; Step decides everything else.
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
	// Fence is the number of the newest assignment given out; a handler that carries
	// an older one has lost its lease and must not call WeChat.
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

	// Intent is the call that was about to be made and whose end is not known.
	Intent *Intent `json:"intent,omitempty"`
	// AuditID is our submission in audit or approved; 0 before.
	AuditID int64 `json:"audit,omitempty"`
	// PastAuditID is our last submission that ended without approval, so that a
	// read-back tells it from a new one.
	PastAuditID int64 `json:"past,omitempty"`
	// Tries counts, by cause, what came to nothing at this stage; waits and stalls alike.
	Tries map[Cause]int `json:"tries,omitempty"`
	// Waits adds up the waits at this stage.
	Waits Waits `json:"waits,omitzero"`
	// Polls counts how often the target was parked at this stage without news.
	Polls int `json:"polls,omitempty"`
	// Panics counts how often a handler panicked at this stage.
	Panics int `json:"panics,omitempty"`
	// Redone counts commits repeated because WeChat had no trial version.
	Redone int `json:"redone,omitempty"`
	// Gray counts gray steps taken.
	Gray int `json:"gray,omitempty"`
	// Since is when the target came to its stage.
	Since time.Time `json:"since,omitzero"`
	// Last error is the last thing that went wrong: why it failed, was rejected or is parked.
	LastError *LastError `json:"last_error,omitempty"`
	// Timeline is what happened, oldest first, at most TimelineMax entries.
	Timeline []Entry `json:"log,omitempty"`
}

// clockSlack is how far a stamp may be ahead of the store's clock: workers count on from
// it by themselves.
const clockSlack = time.Minute

// NotAfter brings stamps to now that lie in the future, since the store's clock stepped
// back after they were made: what is counted from them would wait for that long.
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
	// OpConfigure writes a setting of the plan; Intent.What says which.
	OpConfigure Op = "configure"
)

// Intent is written before a call of its kind and cleared when its end is known.
type Intent struct {
	// Waits counts how often the target was parked until its outcome can be read.
	Waits int       `json:"waits,omitempty"`
	Op    Op        `json:"op"`
	At    time.Time `json:"at"`
	// What is the setting of an OpConfigure; "" for other calls.
	What string `json:"what,omitempty"`
}

// String is the call in words: submit, or configure domains.
func (i Intent) String() string {
	if i.What == "" {
		return string(i.Op)
	}
	return string(i.Op) + " " + i.What
}

// Classes of our own that rules ask for.
const (
	// ClassWithdrawn: the target's submission was withdrawn, so that its audit is over.
	ClassWithdrawn = "withdrawn"
	// ClassPanic: the handler panicked.
	ClassPanic = "panic"
)

// LastError says what went wrong, in WeChat's words and ours.
type LastError struct {
	Stage Stage  `json:"stage"`
	Class string `json:"class"`          // class of the errcode, or ours: rejected, delayed, withdrawn, pin, plan, no-category, no-permission
	Code  int64  `json:"code,omitempty"` // errcode that WeChat sent; 0 if it sent none, whatever was found
	RID   string `json:"rid,omitempty"`
	Text  string `json:"text"`
	// Next is what a person should do; "" leaves it to the class.
	Next string `json:"next,omitempty"`
	// Screenshots are the audit's media ids, joined by "|".
	Screenshots string    `json:"shots,omitempty"`
	At          time.Time `json:"at"`
}

// Classes of what was found by reading an app, without an errcode from WeChat.
const (
	// ClassUnread: a reply does not tell what is there.
	ClassUnread = "unread"
	// ClassUnshown: WeChat took a call and does not show its effect.
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

// TimelineMax bounds a target's timeline; when it is full, the entries after
// the first four give way, so that the beginning and the end stay.
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

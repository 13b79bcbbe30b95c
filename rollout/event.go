package rollout

import "time"

// Event is something that happened to a target. Handlers, the controller and operators produce
// events; Step decides what they mean.
type Event interface {
	// Kind is the event's name in the transition table and in metrics.
	Kind() string
	// apply makes the event part of a target, or returns why the target can't take it.
	apply(t *Target) (why string)
}

type (
	// Intended is written before a call that must not be repeated blindly.
	Intended struct {
		At time.Time
		Op Op
		// What is the kind of an OpConfigure.
		What string
	}
	// Resolved clears the intent: WeChat refused the call, it was never sent, or
	// a read-back long enough after it found nothing.
	Resolved struct {
		At   time.Time
		Note string
		// Denied: a read-back long enough after the call found no effect. It is counted.
		Denied bool
	}
	// Advanced ends a stage well; the target is pending at the next one.
	Advanced struct {
		At   time.Time
		Note string
		// Keep keeps the assignment for the next stage, which must be of the same queue. It saves a
		// round trip through the queue.
		Keep bool
		// AuditID is set by the submit stage.
		AuditID int64
	}
	// Finished ends the target well: released, up-to-date or skipped; or, at the
	// undo stage, undone.
	Finished struct {
		At   time.Time
		End  State
		Note string
	}
	// Waited parks the target; no attempt is spent. An open intent stays.
	Waited struct {
		At     time.Time
		Reason Reason
		For    time.Duration
		Note   string
		// LastError is set when a reply of WeChat made it wait.
		LastError *LastError
		// Cause is counted; "" means the cause of the reason.
		Cause Cause
		// Again: a wait that was counted continues; there was no new try.
		Again bool
	}
	// Stalled is a busy reply, or a connection that failed before the call was sent. The same task
	// tries again after For, and the lease lasts as long. An open intent stays.
	Stalled struct {
		At        time.Time
		For       time.Duration
		LastError LastError
		// Cause is counted; "" means CauseBusy.
		Cause Cause
	}
	// Yielded returns the assignment unused: shutdown, a closed pool, a paused rollout. An open
	// intent stays.
	Yielded struct {
		At   time.Time
		Note string
	}
	// GrayStepped is one more gray step; the next is due after For.
	GrayStepped struct {
		At   time.Time
		Note string
		For  time.Duration
	}
	// Recommitted sends the target back to commit because WeChat has no trial
	// version of ours to submit (85086, 86001, or a foreign one).
	Recommitted struct {
		At   time.Time
		Note string
	}
	// Rejected is the audit's refusal.
	Rejected struct {
		At        time.Time
		LastError LastError
	}
	// Failed is an error that waiting doesn't fix.
	Failed struct {
		At        time.Time
		LastError LastError
	}
	// Woken makes a parked target pending before its time, by a callback or an operator.
	Woken struct {
		At   time.Time
		Note string
	}
	// Retried is an operator's new attempt for an ended target.
	Retried struct {
		At time.Time
		// Recommit starts again at commit, with the plan's newest Revision.
		Recommit bool
		Revision int
		Note     string
	}
	// Undo is an operator's request to take a target's upgrade back.
	Undo struct {
		At   time.Time
		Note string
	}
	// Skipped leaves an unfinished target's app to another rollout, without a call.
	Skipped struct {
		At   time.Time
		Note string
	}
	// Aborted ends an unfinished target of an aborted rollout.
	Aborted struct {
		At   time.Time
		Note string
		// Holder: the event is from the handler that holds the assignment, after it read
		// back the call of unknown outcome. An intent that is still open stays.
		Holder bool
		// AuditID is a submission of ours that the read-back found; 0 for none.
		AuditID int64
		// LastError is why the outcome could not be read back; nil otherwise.
		LastError *LastError
	}
)

// Kind implements Event.
func (Intended) Kind() string { return "intended" }

// Kind implements Event.
func (Resolved) Kind() string { return "resolved" }

// Kind implements Event.
func (Advanced) Kind() string { return "advanced" }

// Kind implements Event.
func (Finished) Kind() string { return "finished" }

// Kind implements Event.
func (Waited) Kind() string { return "waited" }

// Kind implements Event.
func (Stalled) Kind() string { return "stalled" }

// Kind implements Event.
func (Yielded) Kind() string { return "yielded" }

// Kind implements Event.
func (GrayStepped) Kind() string { return "gray-stepped" }

// Kind implements Event.
func (Recommitted) Kind() string { return "recommitted" }

// Kind implements Event.
func (Rejected) Kind() string { return "rejected" }

// Kind implements Event.
func (Failed) Kind() string { return "failed" }

// Kind implements Event.
func (Woken) Kind() string { return "woken" }

// Kind implements Event.
func (Retried) Kind() string { return "retried" }

// Kind implements Event.
func (Undo) Kind() string { return "undo" }

// Kind implements Event.
func (Skipped) Kind() string { return "skipped" }

// Kind implements Event.
func (Aborted) Kind() string { return "aborted" }

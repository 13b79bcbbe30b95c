package rollout

// Stage is where a target is on its way to being released.
type Stage string

// The stages, in the order a target passes through the first six of them.
const (
	// StagePreflight reads account, version and categories; it writes nothing at WeChat.
	StagePreflight Stage = "preflight"
	// StageCommit uploads the template with the app's ext values (wxa/commit).
	StageCommit Stage = "commit"
	// StageCheck waits for WeChat's privacy detection of the committed code.
	StageCheck Stage = "check"
	// StageSubmit submits the committed code to audit; the only stage that spends quota.
	StageSubmit Stage = "submit"
	// StageVerdict waits for the audit's verdict, by callback or by poll.
	StageVerdict Stage = "verdict"
	// StageRelease publishes the approved version.
	StageRelease Stage = "release"
	// StageUndo takes an upgrade back. Only an operator sends a target there.
	StageUndo Stage = "undo"
)

// Stages lists all stages in order, undo last.
func Stages() []Stage {
	return []Stage{StagePreflight, StageCommit, StageCheck, StageSubmit, StageVerdict, StageRelease, StageUndo}
}

// Valid reports whether s is one of the stages.
func (s Stage) Valid() bool { return s.index() >= 0 }

// Next is the stage after s; ok is false at release, which ends, and at undo.
func (s Stage) Next() (next Stage, ok bool) {
	if i := s.index(); i >= 0 && s.Before(StageRelease) {
		return Stages()[i+1], true
	}
	return "", false
}

// Before reports whether s comes before other.
func (s Stage) Before(other Stage) bool { return s.index() < other.index() }

func (s Stage) index() int {
	for i, x := range Stages() {
		if x == s {
			return i
		}
	}
	return -1
}

// QueueName is the Asynq queue that carries a stage's tasks.
type QueueName string

// The three queues; each has its own Asynq server and concurrency.
const (
	QueueCommit  QueueName = "commit"
	QueueAudit   QueueName = "audit"
	QueueRelease QueueName = "release"
)

// QueueNames lists the three queues.
func QueueNames() []QueueName { return []QueueName{QueueCommit, QueueAudit, QueueRelease} }

// QueueName is the queue that carries s.
func (s Stage) QueueName() QueueName {
	switch s {
	case StageSubmit, StageVerdict:
		return QueueAudit
	case StageRelease, StageUndo:
		return QueueRelease
	default:
		return QueueCommit
	}
}

// State is what a target does at its stage, or how it ended.
type State string

// The states of a target. The first three are unfinished; the rest are ends
// that only an operator's retry leaves again.
const (
	// StatePending waits in its stage's index for an assignment.
	StatePending State = "pending"
	// StateRunning has a lease: a worker acts on it, or soon will. If the handler dies, the
	// controller makes the target pending again when the lease expires.
	StateRunning State = "running"
	// StateParked waits for its wake time, which the controller watches. A callback or an
	// operator may wake it earlier. Parking is not failing.
	StateParked State = "parked"
	// StateReleased is live with the plan's version.
	StateReleased State = "released"
	// StateUpToDate was live with the plan's version before this rollout touched it.
	StateUpToDate State = "up-to-date"
	// StateSkipped was left alone on purpose: a banned account, or a plan's policy.
	StateSkipped State = "skipped"
	// StateRejected was refused by WeChat's audit; an operator may retry it.
	StateRejected State = "rejected"
	// StateFailed met an error that waiting doesn't fix; an operator may retry it.
	StateFailed State = "failed"
	// StateAborted was unfinished when its rollout was aborted.
	StateAborted State = "aborted"
	// StateUndone was taken back by an operator: nothing of the rollout is live or in audit.
	StateUndone State = "undone"
)

// States lists all states, unfinished ones first.
func States() []State {
	return []State{
		StatePending, StateRunning, StateParked,
		StateReleased, StateUpToDate, StateSkipped, StateRejected, StateFailed, StateAborted, StateUndone,
	}
}

// Ended reports whether only an operator can move a target out of s.
func (s State) Ended() bool {
	return s != StatePending && s != StateRunning && s != StateParked
}

// Good reports whether s is an end that needs no attention.
func (s State) Good() bool {
	return s == StateReleased || s == StateUpToDate || s == StateSkipped
}

// Reason is why a target is parked. The set is closed: it is a metric label.
type Reason string

// ReasonActing marks a running target whose handler has begun; without it the
// assignment still waits in its queue. It is no reason to park.
const ReasonActing Reason = "acting"

// The reasons to park.
const (
	// ReasonBusy waits out replies of -1 and broken connections past Asynq's short retries.
	ReasonBusy Reason = "busy"
	// ReasonThrottle waits out a limit of this one app (or of an endpoint).
	ReasonThrottle Reason = "throttle"
	// ReasonPrivacy waits for the privacy detection of committed code (61039).
	ReasonPrivacy Reason = "privacy"
	// ReasonVerdict waits for the audit's verdict.
	ReasonVerdict Reason = "verdict"
	// ReasonDelayed waits for the verdict of an audit that WeChat says takes longer.
	// It is no verdict, but a gate counts it: see Wave.DelayAbove.
	ReasonDelayed Reason = "delayed"
	// ReasonUnknown waits before a read-back of a call whose reply was lost. A pending target has
	// it too: its next assignment reads back.
	ReasonUnknown Reason = "unknown"
	// ReasonInAudit waits for another version that is in audit.
	ReasonInAudit Reason = "in-audit"
	// ReasonOwner waits for another rollout that works on this app.
	ReasonOwner Reason = "owner"
	// ReasonMerchant waits for the merchant: a grant, a category, an account matter.
	ReasonMerchant Reason = "merchant"
	// ReasonWindow waits for the plan's release window to open.
	ReasonWindow Reason = "window"
	// ReasonApproval waits for an operator to approve the release (release.when: manual).
	ReasonApproval Reason = "approval"
	// ReasonGray waits between two steps of a gray release.
	ReasonGray Reason = "gray"
	// ReasonQuota waits since WeChat refused this app for lack of quota (85085) while the
	// platform has some.
	ReasonQuota Reason = "quota"
	// ReasonUnlisted waits for a person: our table doesn't list the errcode.
	ReasonUnlisted Reason = "unlisted"
	// ReasonExternal waits for something else at WeChat, which the last error names.
	ReasonExternal Reason = "external"
)

// Reasons lists all park reasons.
func Reasons() []Reason {
	return []Reason{
		ReasonBusy, ReasonThrottle, ReasonPrivacy, ReasonVerdict, ReasonDelayed, ReasonUnknown, ReasonInAudit,
		ReasonOwner, ReasonMerchant, ReasonWindow, ReasonApproval, ReasonGray, ReasonQuota, ReasonUnlisted,
		ReasonExternal,
	}
}

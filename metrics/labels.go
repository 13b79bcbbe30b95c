package metrics

import "slices"

// Classes of a WeChat call that got no errcode, beside those of the errcode table.
const (
	// ClassNotSent is a call that certainly did not reach WeChat.
	ClassNotSent = "not-sent"
	// ClassNoAnswer is a call without a readable answer: it may have taken effect.
	ClassNoAnswer = "no-answer"
)

// Other is the label value of everything outside a closed set. Seeing it means
// that [Labels] lacks a value.
const Other = "other"

// AllEndpoints stands for all endpoints together.
const AllEndpoints = "all"

// Set is a closed set of label values.
type Set []string

// of is v, or Other if the set lacks it.
func (s Set) of(v string) string {
	if slices.Contains(s, v) {
		return v
	}
	return Other
}

// Labels are the closed sets of label values. The packages that own the values provide them, so that
// metrics restates and imports none of them.
type Labels struct {
	// Stages and States are where a target can be, Queues the queues of the stages.
	Stages, States, Queues Set
	// ParkReasons are why a target waits, Gates the decisions of a gate that hold a rollout back.
	ParkReasons, Gates Set
	// Decisions are all that a gate can decide.
	Decisions Set
	// Statuses are those of a rollout.
	Statuses Set
	// Classes are those of an errcode; metrics adds ClassNotSent and ClassNoAnswer.
	Classes Set
	// Endpoints are the paths at WeChat with series from the start.
	Endpoints Set
	// Closings are the reasons that close a pool: errcodes, and an outage.
	Closings Set
	// Faults are the causes of a fault of the platform.
	Faults Set
	// Callbacks are WeChat's names of callbacks, Refusals the reasons to refuse one.
	Callbacks, Refusals Set
	// Renewals are the results of renewing a token.
	Renewals Set
}

// withOwn returns the sets with the values that this package adds.
func (l Labels) withOwn() Labels {
	l.Classes = slices.Concat(l.Classes, Set{ClassNotSent, ClassNoAnswer})
	l.Callbacks = slices.Concat(l.Callbacks, Set{Other})
	return l
}

// The sets that only metrics has.
var (
	verdicts = Set{"passed", "rejected", "withdrawn"}
	dropped  = Set{"stale", "lost", "payload", "acting"}
	results  = Set{"moved", "idle", "error"}
	tokens   = Set{"component", "app"}

	// outcomes are the states that each event can lead to, at any stage.
	outcomes = map[string]Set{
		"advanced":     {"pending", "running"}, // running: the assignment goes on
		"finished":     {"released", "up-to-date", "skipped", "undone"},
		"waited":       {"parked"},
		"stalled":      {"running"},
		"yielded":      {"pending"},
		"gray-stepped": {"parked"},
		"recommitted":  {"pending"},
		"rejected":     {"rejected"},
		"failed":       {"failed"},
		"woken":        {"pending"},
		"retried":      {"pending"},
		"undo":         {"pending", "undone"},
		"aborted":      {"aborted"},
		"skipped":      {"skipped"},
	}

	// watchedCodes start at 0, because alerts compute their increase.
	watchedCodes = Set{"-1", "45009", "45011", "85085", "86008", "86010", Other}
	// runResults are the results of a schedule's run.
	runResults = Set{"began", "missed", "skipped"}

	collectors  = Set{"targets", "rollouts", "pools", "rates", "workers", "schedules", "credentials", "queues"}
	queueStates = Set{"pending", "active", "scheduled", "retry", "archived", "completed"}
)

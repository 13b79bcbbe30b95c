// Package rollout holds the rules of a rollout: plans, states of targets, events
// that move them, gates, and the shares of scarce submissions.
//
// The package is pure: no clock, no Redis, no logs, no goroutines. A rule takes
// values and returns values, so that the same code decides in a worker, in a test
// and in a forecast in virtual time.
//
//	next, err := rollout.Step(target, rollout.Advanced{At: now})
//
// Package dispatch runs the rules. The package must never import an adapter
// (ledger, tasks, wxclient): they import it.
package rollout

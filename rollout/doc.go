// Package rollout holds the rules of a rollout: what a plan is, where a target
// stands, which event moves it where, when a gate opens and who gets the scarce
// submissions. It also holds the controller, which runs those rules over ports.
//
// Everything but the controller is pure: no clock, no Redis, no logs, no
// goroutines. A rule takes values and returns values, so that the same code
// decides in a worker, in a test and in a forecast in virtual time.
//
//	next, err := rollout.Step(target, rollout.Advanced{At: now})
//
// The package must never import an adapter (ledger, tasks, wxclient): they
// import it.
package rollout

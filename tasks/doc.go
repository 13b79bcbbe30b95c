// Package tasks makes the calls of each stage. It has four rooms:
//
//   - tasks: the [Handler], one type per stage, and the one place that acts on outcomes;
//   - tasks/classify: whose fault an error is and what follows, as pure functions;
//   - tasks/pool: the permits of the stages, and the breaker that finds outages;
//   - tasks/queue: assignments through Asynq, from the controller to the handler.
//
// A handler may run twice and may die at any line. It starts its assignment in the ledger, reads back
// what an earlier try may have done, stores its intent before a call that must not be repeated, and
// saves what rollout.Step makes of the answer. A stage gathers facts; it does not decide what a class
// of error means.
package tasks

// Package tasks makes the calls of each stage. Its subpackages, from the ground up:
//
//   - tasks/queue: assignments through Asynq, from the controller to the handler;
//   - tasks/classify: whose fault an error is and what follows, as pure functions;
//   - tasks/pool: the permits of the stages, and the breaker that finds outages;
//   - tasks/whose: whose a version or a submission is, as pure functions;
//   - tasks/run: what the stages of one assignment share;
//   - tasks/stage: the stages, one file each;
//   - tasks: the [Handler], which runs the stages, and the one place that acts on outcomes.
//
// A handler may run twice and may die at any line. It starts its assignment in the ledger, reads back
// what an earlier try may have done, stores its intent before a call that must not be repeated, and
// saves what rollout.Step makes of the answer. A stage gathers facts; it does not decide what a class
// of error means.
package tasks

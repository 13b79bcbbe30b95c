// Package dispatch holds the controller of rollouts: it runs the rules of package
// rollout over ports and hands assignments to the queues.
//
// It uses no Redis, logging or goroutines, so that the same code runs in a worker, in
// tests and in forecasts in virtual time.
package dispatch

// Package chaos proves under faults that nothing is lost and nothing is doubled:
// real redis-server children with AOF everysec, real workers, wxsim, and things
// that go wrong at seeded moments while a rollout runs. It has only tests.
//
//	make chaos                                          # all of it, at most 10 minutes
//	make chaos SEED=7                                   # the same moments and choices again
//	go test ./internal/chaos                            # the cut that CI runs, about a minute
//	go test ./internal/chaos -faults redis-crash -v     # some faults (or deliberate bugs) by name
//	go test ./internal/chaos -faults failover -journal -v   # and print what happened when
//
// The programs have no levers for this: faults come from outside. Between each
// worker and WeChat a proxy loses, delays or trickles a call's reply, or
// kills the worker before the call arrives or after it took effect; between each
// worker and Redis another kills it before a given write or after it. Moments and
// choices come from the seed; what the processes make of them is up to the machine,
// so that a seed gives the same faults but not the same run.
//
// After each rollout: every target is released or rejected, the simulator's books
// balance, each unit of quota is an audit that the ledger knows, the consistency
// check finds nothing, the queue is empty, workers have no more goroutines than idle
// ones, and end well on SIGTERM.
//
// That the suite can fail is shown by deliberate bugs: workers built with a changed
// source (go build -overlay), each with the fault that must reveal it. For faults that no other test
// injects, the suite also shows that the real worker withstands them.
package chaos

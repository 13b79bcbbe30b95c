// Package tasks makes the calls of each stage: Asynq kinds and payloads, the
// handlers, the one function that maps an error's class to an outcome, and the
// queue and pool ports of the controller.
//
// A handler may run twice and may die at any line. It starts its assignment in the
// ledger, reads back what an earlier try may have done, writes its intent before
// a call that must not be repeated, and saves what Step made of the answer. It
// never decides by itself what a class of error means: see outcome.go.
//
//	q := tasks.NewQueue(rdb, tasks.QueueOptions{})     // controller's side
//	h := tasks.NewHandler(tasks.HandlerOptions{...})   // worker's side
//	s := tasks.NewServers(rdb, h, tasks.ServerOptions{...})
package tasks

// Package queue carries assignments through Asynq: the controller enqueues them in batches, one
// server per queue delivers them to a [Runner]. A task holds IDs only; the ledger holds the truth,
// so a lost task costs no more than its lease.
package queue

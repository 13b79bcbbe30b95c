// Package controller holds the work that one worker at a time does: leader election, and the loops
// that compare wanted with actual state and act on the difference.
//
// A loop is a [Reconciler]: one pass, without goroutines or separate waits. The [Runner] repeats
// all loops while the [Leader] holds the lease.
package controller

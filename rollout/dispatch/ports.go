package dispatch

import (
	"context"
	"time"

	"github.com/wxrollout/wxrollout/rollout"
)

// Store is what the controller needs of the ledger. Each method is one atomic
// step or a read; none is O(all targets).
type Store interface {
	// Active lists the rollouts that have not ended and are not loading, and the
	// aborted ones whose targets are not swept yet. An error may come with those of
	// them that can be read.
	Active(ctx context.Context) ([]rollout.Rollout, error)
	// WakeDue makes up to limit parked targets pending whose wake time has come.
	WakeDue(ctx context.Context, limit int) (int, error)
	// ExpireDue makes up to limit running targets of each queue pending whose lease ran out.
	ExpireDue(ctx context.Context, limit int) (int, error)
	// Peek lists the next n apps that wait for an assignment at a stage, in order.
	Peek(ctx context.Context, c rollout.Claim) ([]string, error)
	// Claim gives assignments to the next targets at a stage, in order; none, and a
	// *rollout.QuarantineError, for one lease after the store may have lost writes; none, and a
	// *rollout.PlatformFaultError, during a fault of the platform.
	Claim(ctx context.Context, c rollout.Claim) ([]rollout.Assignment, error)
	// InFlight counts leases by queue.
	InFlight(ctx context.Context) (map[rollout.QueueName]int, error)
	// Capacity adds up the concurrency of the live workers by queue.
	Capacity(ctx context.Context) (map[rollout.QueueName]int, error)
	// Latch stores a gate's decision; DecisionPass opens the next wave. A decision
	// that is latched already stays.
	Latch(ctx context.Context, rolloutID string, wave int, g rollout.GateState) error
	// Begin moves a scheduled rollout whose start time has come to running.
	Begin(ctx context.Context, rolloutID string) error
	// Finish moves a running or paused rollout without unfinished targets to done.
	Finish(ctx context.Context, rolloutID string) error
	// Sweep ends up to limit pending or parked targets of an aborted rollout, less those
	// at the undo stage. One with an open intent it makes pending with ReasonUnknown, as WakeDue
	// and ExpireDue do: Claim gives it an assignment to read back. It returns how many it ended
	// or made pending.
	Sweep(ctx context.Context, rolloutID string, limit int) (int, error)
	// Pause stops a running rollout.
	Pause(ctx context.Context, rolloutID, by, why string) error
}

// Queue carries assignments to the workers. Enqueueing an assignment twice is harmless.
type Queue interface {
	Enqueue(ctx context.Context, assignments []rollout.Assignment) error
}

// Pools hands out the platform's permission to make a stage's calls.
type Pools interface {
	// Allowances is how many assignments each stage may get now.
	Allowances(ctx context.Context) (map[rollout.Stage]rollout.Allowance, error)
	// Take takes a permit for each id, in order, as far as the pool's quota, the shares of
	// others and the request's own bounds allow, and names the limit that binds.
	Take(ctx context.Context, r rollout.TakeRequest) (rollout.Taken, error)
	// Return gives unused permits back.
	Return(ctx context.Context, stage rollout.Stage, ids []string) error
}

// Clock is the controller's time; the store keeps its own for leases and wakes.
type Clock interface{ Now() time.Time }

package rollout

import (
	"context"
	"strings"
	"time"
)

// Assignment is a target's permission to act at one stage: what the queue carries.
type Assignment struct {
	Rollout string
	AppID   string
	Stage   Stage
	Fence   int64
	// Permit says that a permit of the stage's pool was taken for this assignment and
	// has to be settled.
	Permit bool
}

// PermitID names the permit of a target's assignment in its stage's pool.
func PermitID(rolloutID, appID string) string { return rolloutID + "/" + appID }

// PermitOf is whose permit it is; ok is false if it is no assignment's.
func PermitOf(id string) (rolloutID, appID string, ok bool) {
	i := strings.LastIndexByte(id, '/')
	if i <= 0 || i+1 == len(id) {
		return "", "", false
	}
	return id[:i], id[i+1:], true
}

// permitApp is the app of a permit.
func permitApp(id string) string {
	_, app, _ := PermitOf(id)
	return app
}

// Claim asks the store for assignments.
type Claim struct {
	Rollout string
	Stage   Stage
	// MaxRank excludes waves that may not start yet.
	MaxRank int64
	// N bounds the number of assignments.
	N int
	// Only, if set, claims just these apps.
	Only []string
	// ReadBack claims the targets that have a call of unknown outcome to read back, whatever their
	// rank, and no others; without it they are left out.
	ReadBack bool
	// Lease is how long an assignment lasts before it goes back to its index.
	Lease time.Duration
}

// Store is what the controller needs of the ledger. Each method is one atomic
// step or a read; none is O(all targets).
type Store interface {
	// Active lists the rollouts that have not ended and are not loading, and the
	// aborted ones whose targets are not swept yet. An error may come with those of
	// them that can be read.
	Active(ctx context.Context) ([]Rollout, error)
	// WakeDue makes up to limit parked targets pending whose wake time has come.
	WakeDue(ctx context.Context, limit int) (int, error)
	// ExpireDue makes up to limit running targets of each queue pending whose lease ran out.
	ExpireDue(ctx context.Context, limit int) (int, error)
	// Peek lists the next n apps that wait for an assignment at a stage, in order.
	Peek(ctx context.Context, c Claim) ([]string, error)
	// Claim gives assignments to the next targets at a stage, in order; none, and a
	// *QuarantineError, for one lease after the store may have lost writes; none, and a
	// *PlatformFaultError, while a fault of the platform stands.
	Claim(ctx context.Context, c Claim) ([]Assignment, error)
	// InFlight counts leases by queue.
	InFlight(ctx context.Context) (map[QueueName]int, error)
	// Capacity adds up the concurrency of the live workers by queue.
	Capacity(ctx context.Context) (map[QueueName]int, error)
	// Latch stores a gate's decision; VerdictOpen opens the next wave. A verdict
	// that is latched already stays.
	Latch(ctx context.Context, rolloutID string, wave int, g GateState) error
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
	Enqueue(ctx context.Context, assignments []Assignment) error
}

// Pools hands out the platform's permission to make a stage's calls.
type Pools interface {
	// Allowances says how many assignments each stage may get now.
	Allowances(ctx context.Context) (map[Stage]Allowance, error)
	// Take takes a permit for each id, in order, as far as the pool's quota, the shares of
	// others and the request's own bounds allow, and says what binds.
	Take(ctx context.Context, r TakeRequest) (Taken, error)
	// Return gives unused permits back.
	Return(ctx context.Context, stage Stage, ids []string) error
}

// Allowance is what a stage's pool would give.
type Allowance struct {
	// N is the number of assignments at most; Unlimited if the pool is open without a known
	// end. How many a rollout gets of permits, Take decides.
	N int64
	// Mark changes when the pool does: what Take refused, it may grant then.
	Mark string
	// Permits says that assignments must take a permit: always at submit, elsewhere
	// while the stage's calls are throttled.
	Permits bool
	// Probe says that the pool is not open: one permit at a time, for an app that is to
	// find out whether WeChat grants again. Tried are the apps that did, or were refused,
	// since it closed, the newest last.
	Probe bool
	Tried []string
}

// Clock is the controller's time; the store keeps its own for leases and wakes.
type Clock interface {
	Now() time.Time
	// Sleep waits for d or until ctx ends, whose error it returns.
	Sleep(ctx context.Context, d time.Duration) error
}

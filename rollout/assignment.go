package rollout

import (
	"fmt"
	"time"
)

// Started is a target whose turn has begun, as its handler sees it.
type Started struct {
	Target Target
	Status Status
	// Released says that an operator approved the rollout's releases.
	Released bool
	// Now is the store's time at the start.
	Now time.Time
	// Fault says that a fault of the platform stands: no call can work.
	Fault bool
	// Created is when the rollout was created.
	Created time.Time
	// Releases are what rollouts made live of the app, as far as it is known.
	Releases []Release
}

// SaveOptions say what a save is for.
type SaveOptions struct {
	// Call says that a call with effect follows at once: refused with a
	// *HeldError unless the rollout is running and no gate tripped that holds it,
	// and with a *StaleError if the lease has run out.
	Call bool
	// Lease is how long the target stays leased if it is still running.
	Lease time.Duration
	// Version is what is live if the target is released or up to date; "" for the plan's.
	Version string
}

// StaleError says that a target moved on since it was read: another worker has
// the assignment, or an operator changed it. Nothing was written.
type StaleError struct {
	Rollout, AppID string
	Fence          int64
}

func (e *StaleError) Error() string {
	return fmt.Sprintf("rollout %s, app %s: the assignment with fence %d is over", e.Rollout, e.AppID, e.Fence)
}

// QuarantineError says that no assignments are given for a while: the store was
// restarted or failed over, may have forgotten who has which assignment, and waits
// until everybody who calls WeChat by one is done.
type QuarantineError struct{ Left time.Duration }

func (e *QuarantineError) Error() string {
	return fmt.Sprintf("Redis was restarted or failed over: no assignments for another %s, until calls of assignments that it may have forgotten are over", e.Left.Round(time.Second))
}

// HeldError says that the rollout's status, or a gate that tripped, lets no call
// begin. Nothing was written.
type HeldError struct {
	Rollout, AppID string
	Status         Status
	// Gate: a gate before the target's wave tripped.
	Gate bool
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("rollout %s, app %s: no call while %s", e.Rollout, e.AppID, e.Why())
}

// Why says what holds the call.
func (e *HeldError) Why() string {
	if e.Gate {
		return "a gate before its wave has tripped"
	}
	return "the rollout is " + string(e.Status)
}

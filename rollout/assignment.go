package rollout

import (
	"fmt"
	"time"
)

// Started is a target whose assignment has begun, as its handler sees it.
type Started struct {
	Target Target
	Status Status
	// ReleaseApproved: an operator approved the rollout's releases.
	ReleaseApproved bool
	// Now is the store's time at the start.
	Now time.Time
	// Fault: a fault of the platform is present, and no call can work.
	Fault bool
	// Created is when the rollout was created.
	Created time.Time
	// Releases are the versions of the app that rollouts made live, as far as they are known.
	Releases []Release
}

// SaveOptions are the conditions of a save.
type SaveOptions struct {
	// Call: a call with effect follows at once. The save is refused with a *HeldError unless the
	// rollout is running and no tripped gate holds the target, and with a *StaleError if the lease
	// has expired.
	Call bool
	// Lease is how long the target stays leased if it is still running.
	Lease time.Duration
	// Version is what is live if the target is released or up to date; "" for the plan's.
	Version string
}

// StaleError reports that a target has moved on since it was read: another worker has the
// assignment, or an operator changed it. Nothing was written.
type StaleError struct {
	Rollout, AppID string
	Fence          int64
}

func (e *StaleError) Error() string {
	return fmt.Sprintf("rollout %s, app %s: the assignment with fence %d is over", e.Rollout, e.AppID, e.Fence)
}

// QuarantineError reports that no assignments are made for a while: the store was restarted or
// failed over, may have lost assignments, and waits until calls under lost ones have ended.
type QuarantineError struct{ Left time.Duration }

func (e *QuarantineError) Error() string {
	return fmt.Sprintf("Redis was restarted or failed over: no assignments for another %s, until calls of assignments that it may have forgotten are over", e.Left.Round(time.Second))
}

// HeldError reports that the rollout's status, or a tripped gate, lets no call begin. Nothing was
// written.
type HeldError struct {
	Rollout, AppID string
	Status         Status
	// Gate: a gate before the target's wave tripped.
	Gate bool
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("rollout %s, app %s: no call while %s", e.Rollout, e.AppID, e.Why())
}

// Why returns the reason the call is blocked.
func (e *HeldError) Why() string {
	if e.Gate {
		return "a gate before its wave has tripped"
	}
	return "the rollout is " + string(e.Status)
}

package operator

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
)

// UnknownRolloutError says that nothing is called so. It is a ledger.ErrNotFound.
type UnknownRolloutError struct {
	// Ref is the id, name or prefix that was asked for; "" when there is no rollout at all.
	Ref string
	// Newest are ids of the newest rollouts, for a hint.
	Newest []string
}

func (e *UnknownRolloutError) Error() string {
	switch {
	case e.Ref == "":
		return "there is no rollout yet: apply a plan first"
	case len(e.Newest) == 0:
		return fmt.Sprintf("rollout %q: not found, and there is no rollout yet", e.Ref)
	default:
		return fmt.Sprintf("rollout %q: not found; the newest are %s", e.Ref, strings.Join(e.Newest, ", "))
	}
}

// Is makes it a ledger.ErrNotFound.
func (e *UnknownRolloutError) Is(target error) bool { return target == ledger.ErrNotFound }

// AmbiguousError says that several rollouts could be meant.
type AmbiguousError struct {
	Ref string
	IDs []string
}

func (e *AmbiguousError) Error() string {
	ids := strings.Join(e.IDs, ", ")
	if e.Ref == "" {
		return "several rollouts are unfinished, name one: " + ids
	}
	return fmt.Sprintf("rollout %q: several begin so: %s", e.Ref, ids)
}

// EndedError says that a rollout of the same content ended already. Applying
// again makes a new one.
type EndedError struct {
	ID     string
	Status rollout.Status
	// Next is the id that applying again would use.
	Next string
}

func (e *EndedError) Error() string {
	return fmt.Sprintf("rollout %s of the same plan and apps is %s already; to run it once more as %s, apply it again with --again", e.ID, e.Status, e.Next)
}

// InterruptedError says that an apply stopped before the rollout was complete.
// Nothing of it runs; applying the same plan again completes it.
type InterruptedError struct {
	ID          string
	Done, Total int
	Err         error
}

func (e *InterruptedError) Error() string {
	cause := e.Err.Error()
	if errors.Is(e.Err, context.Canceled) {
		cause = "interrupted"
	}
	return fmt.Sprintf("%s: %s after %d of %d targets: nothing of it runs yet; do the same again to complete it", e.ID, cause, e.Done, e.Total)
}

func (e *InterruptedError) Unwrap() error { return e.Err }

// DifferentError says that a plan is no longer what was reviewed.
type DifferentError struct{ Want, Have string }

func (e *DifferentError) Error() string {
	return fmt.Sprintf("the plan is now %s, not %s as reviewed: the plan, the app list, the ext template or the newest template changed; look at it again", e.Have, e.Want)
}

// WaveError says that no wave waits to be promoted, or not the one that was named.
type WaveError struct {
	ID, Why string
}

func (e *WaveError) Error() string { return fmt.Sprintf("rollout %s: %s", e.ID, e.Why) }

// FilterError is a filter that can't mean anything.
type FilterError struct{ Why string }

func (e *FilterError) Error() string { return "filter: " + e.Why }

// ErrScheduled says that a plan with a schedule was applied.
var ErrScheduled = errors.New("the plan has a schedule: enqueue schedule -f makes it run at those times; take the schedule out to apply it now")

// ErrNotScheduled says that a plan without a schedule was to be scheduled.
var ErrNotScheduled = errors.New(`the plan has no schedule: add one, such as schedule: "0 2 1 * *", or use enqueue apply`)

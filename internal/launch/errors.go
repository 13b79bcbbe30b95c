package launch

import (
	"context"
	"errors"
	"fmt"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/applist"
	"github.com/wxrollout/wxrollout/rollout/filefault"
)

// EndedError reports that a rollout of the same content has ended. Applying again makes a new one.
type EndedError struct {
	ID     string
	Status rollout.Status
	// Next is the id that applying again would use.
	Next string
}

func (e *EndedError) Error() string {
	return fmt.Sprintf("rollout %s of the same plan and apps is %s already; to run it once more as %s, apply it again with --again", e.ID, e.Status, e.Next)
}

// InterruptedError reports an apply that stopped before the rollout was complete. None of it runs;
// applying the same plan again completes it.
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

// DifferentError reports that a plan is no longer what was reviewed.
type DifferentError struct{ Want, Have string }

func (e *DifferentError) Error() string {
	return fmt.Sprintf("the plan is now %s, not %s as reviewed: the plan, the app list, the ext template or the newest template changed; look at it again", e.Have, e.Want)
}

// DamagedError reports values of an app list that a spreadsheet program seems to have changed.
type DamagedError struct{ Faults filefault.Faults }

func (e *DamagedError) Error() string {
	return e.Faults.Error() + "\n" + applist.Advice + "; to take the values as they are: --allow-damaged"
}

// ErrScheduled reports that a plan with a schedule was applied.
var ErrScheduled = errors.New("the plan has a schedule: enqueue schedule -f makes it run at those times; take the schedule out to apply it now")

// ErrNotScheduled reports that a plan without a schedule was to be scheduled.
var ErrNotScheduled = errors.New(`the plan has no schedule: add one, such as schedule: "0 2 1 * *", or use enqueue apply`)

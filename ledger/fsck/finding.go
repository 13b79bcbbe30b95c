package fsck

import "fmt"

// Fault is a kind of damage.
type Fault string

// The faults.
const (
	// FaultRecord: a target's or a rollout's record can't be read.
	FaultRecord Fault = "record"
	// FaultIndex: a target is in another index than its state asks for, in several or in none.
	FaultIndex Fault = "index"
	// FaultOrphan: an index or the owners name a target, a rollout or a schedule that is not there.
	FaultOrphan Fault = "orphan"
	// FaultOwner: an ended target owns its app, or a running one doesn't.
	FaultOwner Fault = "owner"
	// FaultRelease: an undone target's version still counts as released, and supersedes others.
	FaultRelease Fault = "release"
	// FaultCount: a count differs from the number of targets in its cell.
	FaultCount Fault = "count"
	// FaultTotal: the number of targets is not what was planned.
	FaultTotal Fault = "total"
	// FaultAsleep: the controller doesn't reconcile a rollout whose targets are unfinished.
	FaultAsleep Fault = "asleep"
	// FaultActive: the controller reconciles a rollout that is done.
	FaultActive Fault = "active"
	// FaultParking: a target is parked without a reason or for longer than any
	// reason asks, or failed for what it should only have waited for.
	FaultParking Fault = "parking"
	// FaultLease: an assignment lasts longer than any assignment does.
	FaultLease Fault = "lease"
	// FaultUnlisted: a rollout is there, but not in the list of rollouts.
	FaultUnlisted Fault = "unlisted"
	// FaultSchedule: a schedule is not due at its next run.
	FaultSchedule Fault = "schedule"
)

// Finding is one fault.
type Finding struct {
	Fault Fault `json:"fault"`
	// Rollout is "" if the finding belongs to none.
	Rollout string `json:"rollout,omitempty"`
	// AppID is the target; "" if the finding is not about a single one.
	AppID string `json:"app,omitempty"`
	// Text is what is wrong.
	Text string `json:"text"`
	// Repair is what a repair does about it; "" if it takes a person.
	Repair string `json:"repair,omitempty"`
	// Advice is the next step for a person, where a repair can't help or failed to.
	Advice string `json:"advice,omitempty"`
	// Done is what a repair did; "" without one, or if all was well by then.
	Done string `json:"done,omitempty"`
}

func (f Finding) String() string {
	if f.AppID == "" {
		return fmt.Sprintf("%s: %s", f.Fault, f.Text)
	}
	return fmt.Sprintf("%s: app %s %s", f.Fault, f.AppID, f.Text)
}

// FindingsMax is how many findings are listed; more are only counted.
const FindingsMax = 1000

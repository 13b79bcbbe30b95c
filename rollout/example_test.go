package rollout_test

import (
	"fmt"

	"github.com/wxrollout/wxrollout/rollout"
)

// Step is the state machine of a target: each event of a handler or an operator gives the next target.
func ExampleStep() {
	t := rollout.Target{AppID: "wx1", Stage: rollout.StageSubmit, State: rollout.StateRunning, Attempt: 1}
	t, err := rollout.Step(t, rollout.Advanced{AuditID: 5_000_000_001})
	fmt.Println(t.Stage, t.State, t.AuditID, err)

	_, err = rollout.Step(t, rollout.Advanced{})
	fmt.Println(err != nil)
	// Output:
	// verdict pending 5000000001 <nil>
	// true
}

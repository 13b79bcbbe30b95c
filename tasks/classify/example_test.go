package classify_test

import (
	"fmt"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/classify"
	"github.com/wxrollout/wxrollout/wxclient/errcode"
)

// Of maps an error to an event of the target. This errcode is a fault of the plan.
func ExampleOf() {
	err := &errcode.Error{Endpoint: "/wxa/commit", Code: 85310, Class: errcode.ClassOf(85310)}
	fmt.Println(classify.ScopeOf(err))
	outcome := classify.Of(classify.Facts{Target: rollout.Target{AppID: "wx1", Stage: rollout.StageCommit, State: rollout.StateRunning, Attempt: 1}}, err)
	fmt.Printf("%T\n", outcome.Event)
	// Output:
	// plan
	// rollout.Failed
}

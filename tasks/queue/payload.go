package queue

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/hibiken/asynq"

	"github.com/wxrollout/wxrollout/rollout"
)

// kindPrefix begins the Asynq type of every task; the stage follows.
const kindPrefix = "wxrollout:"

// payload is an assignment on the wire: IDs only, never a token or a value of an app. The fence is
// text because other JSON readers round large numbers.
type payload struct {
	Rollout string        `json:"r"`
	AppID   string        `json:"a"`
	Stage   rollout.Stage `json:"s"`
	Fence   string        `json:"f"`
	Permit  bool          `json:"p,omitempty"`
}

// taskID names an assignment in Asynq: a second enqueue of it conflicts, which is success.
func taskID(a rollout.Assignment) string {
	return fmt.Sprintf("%s:%s:%s:%d", a.Rollout, a.AppID, a.Stage, a.Fence)
}

// newTask is the Asynq task that carries an assignment.
func newTask(a rollout.Assignment) (*asynq.Task, error) {
	b, err := json.Marshal(payload{
		Rollout: a.Rollout, AppID: a.AppID, Stage: a.Stage,
		Fence: strconv.FormatInt(a.Fence, 10), Permit: a.Permit,
	})
	if err != nil {
		return nil, fmt.Errorf("encode task %s: %w", taskID(a), err)
	}
	return asynq.NewTask(kindPrefix+string(a.Stage), b), nil
}

// payloadMax bounds a payload in bytes. An assignment takes about 120; a larger payload is not ours,
// and no error quotes it.
const payloadMax = 1024

// PayloadError is a task without a readable assignment: another program or version wrote it. The
// lease brings the assignment back.
type PayloadError struct {
	Kind string
	Why  string
}

func (e *PayloadError) Error() string {
	return fmt.Sprintf("task of kind %.100q carries no assignment: %s", e.Kind, e.Why)
}

// parseTask decodes the assignment of a task.
func parseTask(kind string, body []byte) (rollout.Assignment, error) {
	bad := func(why string) (rollout.Assignment, error) {
		return rollout.Assignment{}, &PayloadError{Kind: kind, Why: why}
	}
	var p payload
	if len(body) > payloadMax {
		return bad(fmt.Sprintf("%d bytes, want at most %d", len(body), payloadMax))
	}
	if err := json.Unmarshal(body, &p); err != nil {
		return bad(err.Error())
	}
	fence, err := strconv.ParseInt(p.Fence, 10, 64)
	switch {
	case err != nil || fence <= 0:
		return bad("bad fence")
	case !p.Stage.Valid() || kind != kindPrefix+string(p.Stage):
		return bad("bad stage")
	case p.Rollout == "" || p.AppID == "":
		return bad("no rollout or app")
	}
	return rollout.Assignment{Rollout: p.Rollout, AppID: p.AppID, Stage: p.Stage, Fence: fence, Permit: p.Permit}, nil
}

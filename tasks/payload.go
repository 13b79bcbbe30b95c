package tasks

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/hibiken/asynq"

	"github.com/wxrollout/wxrollout/rollout"
)

// kindPrefix starts the Asynq type of every stage's task.
const kindPrefix = "wxrollout:"

// payload is a turn on the wire: IDs only, never a token or a value of an app.
// The fence is text, since JSON readers elsewhere round large numbers.
type payload struct {
	Rollout string        `json:"r"`
	AppID   string        `json:"a"`
	Stage   rollout.Stage `json:"s"`
	Fence   string        `json:"f"`
	Permit  bool          `json:"p,omitempty"`
}

// taskID names an assignment in Asynq: a second enqueue of it conflicts, which is success.
func taskID(t rollout.Assignment) string {
	return fmt.Sprintf("%s:%s:%s:%d", t.Rollout, t.AppID, t.Stage, t.Fence)
}

// newTask is the Asynq task that carries an assignment.
func newTask(t rollout.Assignment) (*asynq.Task, error) {
	b, err := json.Marshal(payload{
		Rollout: t.Rollout, AppID: t.AppID, Stage: t.Stage,
		Fence: strconv.FormatInt(t.Fence, 10), Permit: t.Permit,
	})
	if err != nil {
		return nil, fmt.Errorf("encode task %s: %w", taskID(t), err)
	}
	return asynq.NewTask(kindPrefix+string(t.Stage), b), nil
}

// payloadMax bounds a payload in bytes. An assignment takes some 120; what is larger is
// not ours, and isn't kept in an error either.
const payloadMax = 1024

// PayloadError says that a task doesn't carry an assignment: it was not ours, or was
// written by another version. The ledger gives the assignment again.
type PayloadError struct {
	Kind string
	Why  string
}

func (e *PayloadError) Error() string {
	return fmt.Sprintf("task of kind %.100q carries no assignment: %s", e.Kind, e.Why)
}

// parseTask reads the assignment that a task carries.
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

package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/wxrollout/wxrollout/ledger/internal/db"
	"github.com/wxrollout/wxrollout/rollout"
)

// change is one change of a rollout's status.
type change struct {
	from    string // comma separated
	to      rollout.Status
	by, why string
}

// control applies a change; a status that doesn't allow it is a *StatusError.
func (l *Ledger) control(ctx context.Context, id string, c change) error {
	list, err := db.Texts(db.Run(ctx, l.rdb, controlScript, id, c.from, string(c.to), c.by, c.why))
	if err != nil {
		return db.Failed(err, "change rollout %s to %s", id, c.to)
	}
	if list[0] != "ok" {
		return &StatusError{Rollout: id, Status: rollout.Status(list[1]), Want: c.to}
	}
	return nil
}

// PauseBy pauses a running or scheduled rollout for an operator.
func (l *Ledger) PauseBy(ctx context.Context, id, by, why string) error {
	return l.control(ctx, id, change{from: "running,scheduled", to: rollout.StatusPaused, by: by, why: why})
}

// Resume lets a paused rollout go on, its failures forgotten by the breaker; one
// that was paused before its start waits for it again.
func (l *Ledger) Resume(ctx context.Context, id, by, why string) error {
	return l.control(ctx, id, change{from: "paused", to: rollout.StatusRunning, by: by, why: why})
}

// Abort ends an unfinished rollout; its targets are swept by the controller.
func (l *Ledger) Abort(ctx context.Context, id, by, why string) error {
	return l.control(ctx, id, change{from: "loading,scheduled,running,paused", to: rollout.StatusAborted, by: by, why: why})
}

// PromoteSeen opens the wave after the last open one, past a failed or waiting gate, or
// opens a gate before it that tripped. A gate that had failed or tripped is not
// evaluated again. It is false if the gate was open already or another comes first.
// seen is the decision that the operator saw; "" is any. If the gate is not open and its
// decision has changed, the error is a *GateChangedError.
func (l *Ledger) PromoteSeen(ctx context.Context, id string, wave int, seen rollout.Decision, by, why string) (bool, error) {
	g := rollout.GateState{Decision: rollout.DecisionPass, Why: fmt.Sprintf("promoted by %s: %s", by, why), Promoted: true}
	return l.latch(ctx, id, wave, g, "promote", string(seen))
}

// GateChangedError reports that a gate's decision has changed since the operator saw it.
type GateChangedError struct {
	Rollout string
	Wave    int
}

func (e *GateChangedError) Error() string {
	return fmt.Sprintf("promote rollout %s: the gate after wave %d changed since it was looked at: look again (enqueue watch %s), and promote if it is still right", e.Rollout, e.Wave+1, e.Rollout)
}

// ApproveReleases lets approved targets of a rollout with release.when manual go live.
// It is false if they were approved before; that name and reason stay.
func (l *Ledger) ApproveReleases(ctx context.Context, id, by, why string) (bool, error) {
	n, err := l.rdb.Exists(ctx, db.KeyRollout(id)).Result()
	if err != nil {
		return false, db.Failed(err, "approve releases of rollout %s", id)
	}
	if n == 0 {
		return false, &StatusError{Rollout: id}
	}
	first, err := l.rdb.HSetNX(ctx, db.KeyRollout(id), "release_approved", by+": "+why).Result()
	return first, db.Failed(err, "approve releases of rollout %s", id)
}

func (l *Ledger) latch(ctx context.Context, id string, wave int, g rollout.GateState, mode, seen string) (bool, error) {
	b, err := json.Marshal(g)
	if err != nil {
		return false, err
	}
	n, err := db.Run(ctx, l.rdb, latchScript, id, wave, string(g.Decision), string(b), mode, seen).Int()
	if err != nil {
		return false, db.Failed(err, "latch gate %d of rollout %s", wave, id)
	}
	switch n {
	case -1:
		return false, &StatusError{Rollout: id}
	case -2:
		return false, &GateChangedError{Rollout: id, Wave: wave}
	}
	return n == 1, nil
}

// Action is one operator's or controller's change of a rollout.
type Action struct {
	At   int64  `json:"at"` // unix ms
	From string `json:"from"`
	To   string `json:"to"`
	By   string `json:"by"`
	Why  string `json:"why"`
}

// Time is when the action was taken.
func (a Action) Time() time.Time { return time.UnixMilli(a.At) }

// TimedAction is an action in the JSON of commands, with its time as RFC 3339.
type TimedAction struct {
	At   time.Time `json:"at"`
	From string    `json:"from"`
	To   string    `json:"to"`
	By   string    `json:"by"`
	Why  string    `json:"why"`
}

// Timed returns the action with its time.
func (a Action) Timed() TimedAction { return TimedAction{a.Time(), a.From, a.To, a.By, a.Why} }

// NotePlatform remembers what was done to the platform and not to one rollout,
// such as opening a pool; from and to say what changed.
func (l *Ledger) NotePlatform(ctx context.Context, from, to, by, why string) error {
	return db.Failed(db.Run(ctx, l.rdb, platformNoteScript, from, to, by, why).Err(), "note that %s became %s", from, to)
}

// PlatformActions lists what NotePlatform remembers, oldest first, the last thousand.
func (l *Ledger) PlatformActions(ctx context.Context) ([]Action, error) { return l.Actions(ctx, "") }

// Actions lists a rollout's changes, oldest first, the last thousand.
func (l *Ledger) Actions(ctx context.Context, id string) ([]Action, error) {
	list, err := l.rdb.LRange(ctx, db.KeyLog(id), 0, -1).Result()
	if err != nil {
		return nil, db.Failed(err, "read the actions of rollout %s", id)
	}
	return decodeActions(id, list)
}

func decodeActions(id string, list []string) ([]Action, error) {
	out := make([]Action, len(list))
	for i, s := range list {
		if err := json.Unmarshal([]byte(s), &out[i]); err != nil {
			return nil, fmt.Errorf("rollout %s: action log: %w", id, err)
		}
	}
	return out, nil
}

// Note writes into a rollout's log what changed something of it, but not its status.
func (l *Ledger) Note(ctx context.Context, id, by, why string) error {
	return db.Failed(db.Run(ctx, l.rdb, noteScript, id, by, why).Err(), "write into the log of rollout %s", id)
}

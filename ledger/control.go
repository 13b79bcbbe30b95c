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
	verb    string
	from    string // comma separated
	to      rollout.Status
	by, why string
}

// control applies a change; a status that doesn't allow it is a *StatusError.
func (l *Ledger) control(ctx context.Context, id string, c change) error {
	list, err := db.Texts(db.Run(ctx, l.rdb, controlScript, id, c.from, string(c.to), c.by, c.why, c.verb))
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
	return l.control(ctx, id, change{verb: "pause", from: "running,scheduled", to: rollout.StatusPaused, by: by, why: why})
}

// Resume lets a paused rollout go on, its failures forgotten by the breaker; one
// that was paused before its start waits for it again.
func (l *Ledger) Resume(ctx context.Context, id, by, why string) error {
	return l.control(ctx, id, change{verb: "resume", from: "paused", to: rollout.StatusRunning, by: by, why: why})
}

// Abort ends an unfinished rollout; its targets are swept by the controller.
func (l *Ledger) Abort(ctx context.Context, id, by, why string) error {
	return l.control(ctx, id, change{verb: "abort", from: "loading,scheduled,running,paused", to: rollout.StatusAborted, by: by, why: why})
}

// PromoteSeen opens the wave after the last open one, past a failed or waiting gate, or
// opens a gate before it that tripped. A gate that had failed or tripped is not
// evaluated again. It is false if the gate was open already or another comes first.
// seen is the gate that the operator saw, which stays in the record; its decision "" is any. If the
// gate is not open and its decision has changed, the error is a *GateChangedError.
func (l *Ledger) PromoteSeen(ctx context.Context, id string, wave int, seen rollout.GateState, by, why string) (bool, error) {
	seen.Overruled = nil
	g := rollout.GateState{
		Decision: rollout.DecisionPass, Why: fmt.Sprintf("promoted by %s: %s", by, why), Promoted: true, Wave: seen.Wave,
	}
	if seen != (rollout.GateState{}) {
		g.Overruled = &seen
	}
	return l.latch(ctx, id, wave, g, latching{mode: "promote", seen: string(seen.Decision), by: by, why: why})
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
	n, err := db.Run(ctx, l.rdb, approveScript, id, by, why).Int()
	if err != nil {
		return false, db.Failed(err, "approve releases of rollout %s", id)
	}
	if n < 0 {
		return false, &StatusError{Rollout: id}
	}
	return n == 1, nil
}

// latching says who latches a gate, and what an operator saw.
type latching struct{ mode, seen, by, why string }

func (l *Ledger) latch(ctx context.Context, id string, wave int, g rollout.GateState, how latching) (bool, error) {
	b, err := json.Marshal(g)
	if err != nil {
		return false, err
	}
	n, err := db.Run(ctx, l.rdb, latchScript, id, wave, string(g.Decision), string(b), how.mode, how.seen, how.by, how.why).Int()
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

// Action is an entry of a rollout's record: what an operator or the controller did.
type Action struct {
	At int64 `json:"at"` // unix ms
	// Verb is the operator's verb, or the controller's start, gate, pause or finish. Entries of older
	// versions have none.
	Verb string `json:"verb,omitempty"`
	// From and To are statuses of the rollout, or decisions of a gate.
	From string `json:"from"`
	To   string `json:"to"`
	By   string `json:"by"`
	Why  string `json:"why"`
	// Gate is the gate that a decision or a promote is about.
	Gate *rollout.GateState `json:"gate,omitempty"`
	// Targets is how many targets a retry or undo reached, Apps the first of them if they were named.
	Targets int      `json:"targets,omitempty"`
	Apps    []string `json:"apps,omitempty"`
}

// ActionsMax is how many entries the record of a rollout keeps: the newest.
const ActionsMax = 1000

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

// noteApps is how many appids an entry of the record names.
const noteApps = 10

// Note adds what a verb did to targets of a rollout to its record; its status stays.
func (l *Ledger) Note(ctx context.Context, id string, a Action) error {
	args := []any{id, a.By, a.Why, a.Verb, a.Targets}
	for _, app := range a.Apps[:min(len(a.Apps), noteApps)] {
		args = append(args, app)
	}
	return db.Failed(db.Run(ctx, l.rdb, noteScript, args...).Err(), "write into the record of rollout %s", id)
}

package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/rollout"
)

// StatusError says that a rollout's status doesn't allow a change. Status is ""
// if there is no such rollout.
type StatusError struct {
	Rollout string
	Status  rollout.Status
	Want    rollout.Status
}

func (e *StatusError) Error() string {
	if e.Status == "" {
		return fmt.Sprintf("rollout %s: not found", e.Rollout)
	}
	return fmt.Sprintf("rollout %s is %s: it can't become %s", e.Rollout, e.Status, e.Want)
}

// Is lets errors.Is(err, ErrNotFound) see a missing rollout.
func (e *StatusError) Is(target error) bool { return target == ErrNotFound && e.Status == "" }

// change is one change of a rollout's status.
type change struct {
	from    string // comma separated
	to      rollout.Status
	by, why string
	total   string // number of targets it must hold, or ""
}

// control applies a change; a status that doesn't allow it is a *StatusError.
func (l *Ledger) control(ctx context.Context, id string, c change) error {
	list, err := texts(run(ctx, l.rdb, controlScript, id, c.from, string(c.to), c.by, c.why, c.total))
	if err != nil {
		return fmt.Errorf("change rollout %s to %s: %w", id, c.to, err)
	}
	switch {
	case len(list) == 2 && list[0] == "ok":
		return nil
	case len(list) == 2 && list[0] == "count":
		return &CountError{Rollout: id, Have: list[1], Want: c.total}
	default:
		return &StatusError{Rollout: id, Status: rollout.Status(list[len(list)-1]), Want: c.to}
	}
}

// PauseBy pauses a running or scheduled rollout for an operator.
func (l *Ledger) PauseBy(ctx context.Context, id, by, why string) error {
	return l.control(ctx, id, change{from: "running,scheduled", to: rollout.StatusPaused, by: by, why: why})
}

// Resume lets a paused rollout go on.
func (l *Ledger) Resume(ctx context.Context, id, by, why string) error {
	if err := l.control(ctx, id, change{from: "paused", to: rollout.StatusRunning, by: by, why: why}); err != nil {
		return err
	}
	// The failures that tripped the breaker were seen by a person: count anew.
	return l.rdb.Del(ctx, keyCodes(id)).Err()
}

// Abort ends an unfinished rollout; its targets are swept by the conductor.
func (l *Ledger) Abort(ctx context.Context, id, by, why string) error {
	return l.control(ctx, id, change{from: "loading,scheduled,running,paused", to: rollout.StatusAborted, by: by, why: why})
}

// Promote opens the wave after the last open one, past a failed or waiting gate.
// It returns the name-less number of the wave that may now start, or false if
// the gate was open already.
func (l *Ledger) Promote(ctx context.Context, id string, wave int, by, why string) (bool, error) {
	return l.latch(ctx, id, wave, rollout.GateState{Verdict: rollout.VerdictOpen, Why: fmt.Sprintf("promoted by %s: %s", by, why)}, "promote")
}

// ApproveReleases lets approved targets of a rollout with release.when manual go live.
func (l *Ledger) ApproveReleases(ctx context.Context, id, by, why string) error {
	n, err := l.rdb.Exists(ctx, keyRollout(id)).Result()
	if err != nil {
		return err
	}
	if n == 0 {
		return &StatusError{Rollout: id}
	}
	return l.rdb.HSet(ctx, keyRollout(id), "released", by+": "+why).Err()
}

func (l *Ledger) latch(ctx context.Context, id string, wave int, g rollout.GateState, mode string) (bool, error) {
	b, err := json.Marshal(g)
	if err != nil {
		return false, err
	}
	n, err := run(ctx, l.rdb, latchScript, id, wave, string(g.Verdict), string(b), mode).Int()
	return n == 1, err
}

// Rollout reads one rollout with its counts.
func (l *Ledger) Rollout(ctx context.Context, id string) (rollout.Rollout, error) {
	list, err := l.read(ctx, []string{id})
	if err != nil {
		return rollout.Rollout{}, err
	}
	if len(list) == 0 {
		return rollout.Rollout{}, &StatusError{Rollout: id}
	}
	return list[0], nil
}

// ByName is the id of the newest rollout with a name.
func (l *Ledger) ByName(ctx context.Context, name string) (string, error) {
	id, err := l.rdb.HGet(ctx, keyNames, name).Result()
	if errors.Is(err, redis.Nil) {
		return "", fmt.Errorf("rollout %s: %w", name, ErrNotFound)
	}
	return id, err
}

// Rollouts lists rollouts, newest first, a page of n from offset.
func (l *Ledger) Rollouts(ctx context.Context, offset, n int) ([]rollout.Rollout, error) {
	ids, err := l.rdb.ZRevRange(ctx, keyRollouts, int64(offset), int64(offset+n-1)).Result()
	if err != nil {
		return nil, err
	}
	return l.read(ctx, ids)
}

// Active implements rollout.Store.
func (l *Ledger) Active(ctx context.Context) ([]rollout.Rollout, error) {
	ids, err := l.rdb.ZRange(ctx, keyActive, 0, -1).Result()
	if err != nil {
		return nil, err
	}
	return l.read(ctx, ids)
}

// read fetches rollouts with their counts in one round trip.
func (l *Ledger) read(ctx context.Context, ids []string) ([]rollout.Rollout, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	type reply struct{ fields, counts, codes *redis.MapStringStringCmd }
	replies := make([]reply, len(ids))
	_, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, id := range ids {
			replies[i] = reply{p.HGetAll(ctx, keyRollout(id)), p.HGetAll(ctx, keyCounts(id)), p.HGetAll(ctx, keyCodes(id))}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var out []rollout.Rollout
	for i, id := range ids {
		if len(replies[i].fields.Val()) == 0 {
			continue
		}
		r, err := decodeRollout(id, replies[i].fields.Val(), replies[i].counts.Val(), replies[i].codes.Val())
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

func decodeRollout(id string, f, counts, codes map[string]string) (rollout.Rollout, error) {
	num := func(key string) int64 { n, _ := strconv.ParseInt(f[key], 10, 64); return n } // absent is 0
	r := rollout.Rollout{
		ID: id, Name: f["name"], Digest: f["digest"], Status: rollout.Status(f["status"]), Why: f["why"], By: f["by"],
		Created: fromMilli(num("created")), StartAt: fromMilli(num("start")), Started: fromMilli(num("started")), Ended: fromMilli(num("ended")),
		Total: int(num("total")), Revision: int(num("revision")), OpenWave: int(num("wave")), Released: f["released"] != "",
		Gates: make(map[int]rollout.GateState), Counts: make(rollout.Counts, len(counts)), Codes: make(map[int64]int, len(codes)),
	}
	if err := json.Unmarshal([]byte(f["plan"]), &r.Plan); err != nil {
		return r, fmt.Errorf("rollout %s: plan in the ledger: %w", id, err)
	}
	for key, v := range f {
		wave, ok := strings.CutPrefix(key, "gate:")
		if !ok {
			continue
		}
		n, err := strconv.Atoi(wave)
		var g rollout.GateState
		if err == nil {
			err = json.Unmarshal([]byte(v), &g)
		}
		if err != nil {
			return r, fmt.Errorf("rollout %s: gate %q in the ledger: %w", id, key, err)
		}
		r.Gates[n] = g
	}
	for key, v := range counts {
		cell, err := rollout.ParseCell(key)
		if err != nil {
			return r, fmt.Errorf("rollout %s: %w", id, err)
		}
		n, _ := strconv.Atoi(v)
		r.Counts[cell] = n
	}
	for key, v := range codes {
		code, _ := strconv.ParseInt(key, 10, 64)
		n, _ := strconv.Atoi(v)
		r.Codes[code] = n
	}
	return r, nil
}

// Action is one operator's or conductor's change of a rollout.
type Action struct {
	At   int64  `json:"at"` // unix ms
	From string `json:"from"`
	To   string `json:"to"`
	By   string `json:"by"`
	Why  string `json:"why"`
}

// Time is when the action was taken.
func (a Action) Time() time.Time { return time.UnixMilli(a.At) }

// Actions lists a rollout's changes, oldest first, the last thousand.
func (l *Ledger) Actions(ctx context.Context, id string) ([]Action, error) {
	list, err := l.rdb.LRange(ctx, keyLog(id), 0, -1).Result()
	if err != nil {
		return nil, err
	}
	out := make([]Action, len(list))
	for i, s := range list {
		if err := json.Unmarshal([]byte(s), &out[i]); err != nil {
			return nil, fmt.Errorf("rollout %s: action log: %w", id, err)
		}
	}
	return out, nil
}

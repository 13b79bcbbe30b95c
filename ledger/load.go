package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/rollout"
)

// Created tells what Create found.
type Created struct {
	// New: this call made it. Otherwise the same content was there already,
	// with Status.
	New    bool
	Status rollout.Status
}

// TakenError says that another unfinished rollout has the plan's name.
type TakenError struct {
	Name, Other string
	Status      rollout.Status
}

func (e *TakenError) Error() string {
	return fmt.Sprintf("the name %q belongs to rollout %s, which is %s and has other content: let it end, abort it, or choose another name", e.Name, e.Other, e.Status)
}

// CountError says that a load ended with another number of targets than planned.
type CountError struct{ Rollout, Have, Want string }

func (e *CountError) Error() string {
	return fmt.Sprintf("rollout %s holds %s targets, the plan has %s: apply it again to complete it", e.Rollout, e.Have, e.Want)
}

// NewRollout is what Create stores.
type NewRollout struct {
	ID      string
	Plan    rollout.Plan
	Digest  string
	StartAt time.Time // zero: at once
}

// Create makes a rollout that is loading. The same id again is no error: the
// load goes on, or is over. Another unfinished rollout of the name is a *TakenError.
func (l *Ledger) Create(ctx context.Context, n NewRollout) (Created, error) {
	full, err := json.Marshal(n.Plan)
	if err != nil {
		return Created{}, fmt.Errorf("encode plan: %w", err)
	}
	view := n.Plan
	view.Ext = ""
	brief, err := json.Marshal(view)
	if err != nil {
		return Created{}, fmt.Errorf("encode plan: %w", err)
	}
	// The full plan first: a rollout that is seen has one.
	if err := l.rdb.HSetNX(ctx, keyPlans(n.ID), "0", full).Err(); err != nil {
		return Created{}, fmt.Errorf("store plan of rollout %s: %w", n.ID, err)
	}
	start := int64(0)
	if !n.StartAt.IsZero() {
		start = n.StartAt.UnixMilli()
	}
	list, err := texts(run(ctx, l.rdb, createScript, n.ID, n.Plan.Name, milli(l.opts.LoadStale),
		"plan", brief, "digest", n.Digest, "start", start, "revision", 0))
	if err != nil {
		return Created{}, fmt.Errorf("create rollout %s: %w", n.ID, err)
	}
	switch list[0] {
	case "created":
		return Created{New: true, Status: rollout.StatusLoading}, nil
	case "exists":
		return Created{Status: rollout.Status(list[1])}, nil
	default:
		return Created{}, &TakenError{Name: n.Plan.Name, Other: list[1], Status: rollout.Status(list[2])}
	}
}

// AddBatch is how many targets one Add call should carry.
const AddBatch = 500

// Add writes new targets of a loading rollout (AppID, Rank, Label, Columns);
// those that are there stay. A rollout that is no longer loading is a *StatusError.
func (l *Ledger) Add(ctx context.Context, id string, targets []rollout.Target) (added int, err error) {
	args := make([]any, 0, 1+3*len(targets))
	args = append(args, id)
	for _, t := range targets {
		body, err := encodeBody(t)
		if err != nil {
			return 0, err
		}
		args = append(args, t.AppID, t.Rank, body)
	}
	list, err := texts(run(ctx, l.rdb, addScript, args...))
	if err != nil {
		return 0, fmt.Errorf("add targets to rollout %s: %w", id, err)
	}
	if list[0] != "ok" {
		return 0, &StatusError{Rollout: id, Status: rollout.Status(list[1]), Want: rollout.StatusLoading}
	}
	n, err := parseInt("count", list[1])
	return int(n), err
}

// Seal ends a load with total targets: the rollout is scheduled or running from
// here on. Sealing twice is harmless.
func (l *Ledger) Seal(ctx context.Context, id string, total int, startLater bool, by, why string) error {
	to := rollout.StatusRunning
	if startLater {
		to = rollout.StatusScheduled
	}
	err := l.control(ctx, id, change{from: "loading", to: to, by: by, why: why, total: fmt.Sprint(total)})
	if s, ok := err.(*StatusError); ok && s.Status != "" && s.Status != rollout.StatusAborted {
		return nil // somebody who applied the same plan sealed it first
	}
	return err
}

// Plan reads a full plan revision.
func (l *Ledger) Plan(ctx context.Context, id string, revision int) (rollout.Plan, error) {
	var p rollout.Plan
	b, err := l.rdb.HGet(ctx, keyPlans(id), fmt.Sprint(revision)).Bytes()
	if err == redis.Nil {
		return p, fmt.Errorf("rollout %s, plan revision %d: %w", id, revision, ErrNotFound)
	}
	if err != nil {
		return p, fmt.Errorf("read plan of rollout %s: %w", id, err)
	}
	if err := json.Unmarshal(b, &p); err != nil {
		return p, fmt.Errorf("rollout %s, plan revision %d in the ledger: %w", id, revision, err)
	}
	return p, nil
}

// Revise stores a new revision of a plan, for targets that are committed again,
// and returns its number. Targets keep theirs until they are retried with it.
func (l *Ledger) Revise(ctx context.Context, id string, p rollout.Plan) (int, error) {
	full, err := json.Marshal(p)
	if err != nil {
		return 0, fmt.Errorf("encode plan: %w", err)
	}
	n, err := l.rdb.HIncrBy(ctx, keyRollout(id), "revision", 1).Result()
	if err != nil {
		return 0, fmt.Errorf("revise rollout %s: %w", id, err)
	}
	if err := l.rdb.HSet(ctx, keyPlans(id), fmt.Sprint(n), full).Err(); err != nil {
		return 0, fmt.Errorf("store plan revision %d of rollout %s: %w", n, id, err)
	}
	return int(n), nil
}

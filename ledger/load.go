package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/ledger/internal/db"
	"github.com/wxrollout/wxrollout/rollout"
)

// Created is the result of Create.
type Created struct {
	// New: this call made it. Otherwise the same content was there already,
	// with Status.
	New    bool
	Status rollout.Status
}

// NewRollout is what Create stores.
type NewRollout struct {
	ID      string
	Plan    rollout.Plan
	Digest  string
	StartAt time.Time // zero: at once
	// After is an unfinished rollout of the same name that gives the name up to this one,
	// such as a schedule's last run that waits only for a merchant; "" for none.
	After string
}

// Create makes a rollout that is loading. The same id again is no error: the
// load goes on, or is over. Another unfinished rollout of the name is a *TakenError.
func (l *Ledger) Create(ctx context.Context, n NewRollout) (Created, error) {
	full, err := json.Marshal(n.Plan)
	if err != nil {
		return Created{}, fmt.Errorf("encode plan: %w", err)
	}
	view := n.Plan
	view.Ext, view.Configure = "", ""
	brief, err := json.Marshal(view)
	if err != nil {
		return Created{}, fmt.Errorf("encode plan: %w", err)
	}
	list, err := db.Texts(db.Run(ctx, l.rdb, createScript, n.ID, n.Plan.Name, db.Milli(l.opts.LoadStale), full, n.After,
		"plan", brief, "digest", n.Digest, "start", db.ToMilli(n.StartAt), "revision", 0,
		"priority", n.Plan.Precedence(), "conflict", string(n.Plan.OnConflict), "version", n.Plan.Template.Version))
	if err != nil {
		return Created{}, db.Failed(err, "create rollout %s", n.ID)
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

// AddBatch is how many targets one script call carries, and one Add call should.
const AddBatch = 500

// Add writes new targets of a loading rollout (AppID, Rank, Label, Columns);
// those that are there stay. A rollout that is no longer loading is a *StatusError.
func (l *Ledger) Add(ctx context.Context, id string, targets []rollout.Target) (added int, err error) {
	for len(targets) > AddBatch && err == nil {
		var n int
		n, err = l.add(ctx, id, targets[:AddBatch])
		added, targets = added+n, targets[AddBatch:]
	}
	if err != nil {
		return added, err
	}
	n, err := l.add(ctx, id, targets)
	return added + n, err
}

func (l *Ledger) add(ctx context.Context, id string, targets []rollout.Target) (added int, err error) {
	args := make([]any, 0, 1+3*len(targets))
	args = append(args, id)
	for _, t := range targets {
		body, err := db.EncodeBody(t)
		if err != nil {
			return 0, err
		}
		args = append(args, t.AppID, t.Rank, body)
	}
	list, err := db.Texts(db.Run(ctx, l.rdb, addScript, args...))
	if err != nil {
		return 0, db.Failed(err, "add %d targets to rollout %s", len(targets), id)
	}
	if list[0] != "ok" {
		return 0, &StatusError{Rollout: id, Status: rollout.Status(list[1]), Want: rollout.StatusLoading}
	}
	n, err := db.ParseInt("count", list[1])
	return int(n), err
}

// Seal ends a load with total targets: the rollout is scheduled or running from
// here on. Sealing twice is harmless. Another number of targets is a
// *CountError; a name that another rollout took during a long silence is a
// *TakenError; a rollout that was aborted meanwhile is a *StatusError.
func (l *Ledger) Seal(ctx context.Context, id string, total int, startLater bool, by, why string) error {
	to := rollout.StatusRunning
	if startLater {
		to = rollout.StatusScheduled
	}
	list, err := db.Texts(db.Run(ctx, l.rdb, sealScript, id, total, string(to), by, why, db.Milli(l.opts.LoadStale)))
	if err != nil {
		return db.Failed(err, "seal rollout %s", id)
	}
	switch list[0] {
	case "ok":
		return nil
	case "count":
		have, err := db.ParseInt("count", list[1])
		return errors.Join(err, &CountError{Of: "rollout " + id, Have: int(have), Want: total})
	case "taken":
		r, err := l.Rollout(ctx, id)
		return errors.Join(err, &TakenError{Name: r.Name, Other: list[1], Status: rollout.Status(list[2])})
	}
	if s := rollout.Status(list[1]); s == "" || s == rollout.StatusAborted {
		return &StatusError{Rollout: id, Status: s, Want: to}
	}
	return nil // another apply of the same plan sealed it first
}

// Plan reads a full plan revision.
func (l *Ledger) Plan(ctx context.Context, id string, revision int) (rollout.Plan, error) {
	var p rollout.Plan
	b, err := l.rdb.HGet(ctx, db.KeyPlans(id), fmt.Sprint(revision)).Bytes()
	if errors.Is(err, redis.Nil) {
		return p, fmt.Errorf("rollout %s, plan revision %d: %w", id, revision, ErrNotFound)
	}
	if err != nil {
		return p, db.Failed(err, "read plan of rollout %s", id)
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
	n, err := db.Run(ctx, l.rdb, reviseScript, id, full).Int()
	if err != nil {
		return 0, db.Failed(err, "revise rollout %s", id)
	}
	if n == 0 {
		return 0, &StatusError{Rollout: id}
	}
	return n, nil
}

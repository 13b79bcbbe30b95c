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

// ArchivedMax is how many pruned rollouts are remembered, the newest ones: so that
// they are found by name, and their content isn't applied under the same id again.
const ArchivedMax = 10_000

// Finished is what the ledger holds of a finished rollout, but for its targets.
type Finished struct {
	Rollout rollout.Rollout
	// Stamp changes whenever something of the rollout does.
	Stamp string
	// Fields, Counts, Codes and Plans are as stored: by field, cell, errcode and
	// revision.
	Fields, Counts, Codes, Plans map[string]string
	Actions                      []Action
}

// Archived is what stays of a rollout that was pruned.
type Archived struct {
	ID      string         `json:"id"`
	Name    string         `json:"name"`
	Status  rollout.Status `json:"status"`
	Total   int            `json:"total"`
	Good    int            `json:"good"`
	Created time.Time      `json:"created"`
	Ended   time.Time      `json:"ended,omitzero"`
	// At is when it was archived, File where to, Sum the file's checksum.
	At   time.Time `json:"at"`
	File string    `json:"file"`
	Sum  string    `json:"sha256"`
	By   string    `json:"by"`
	Why  string    `json:"why,omitempty"`
}

// UnfinishedError reports that a rollout can't be archived: something of it may move yet.
type UnfinishedError struct {
	Rollout string
	Status  rollout.Status
	// Targets is how many have not ended.
	Targets int
}

func (e *UnfinishedError) Error() string {
	return fmt.Sprintf("rollout %s is %s with %d targets unfinished: only one that is done, or aborted with every target ended, can be archived", e.Rollout, e.Status, e.Targets)
}

// ChangedError reports that a rollout changed while it was archived. Nothing was pruned.
type ChangedError struct{ Rollout string }

func (e *ChangedError) Error() string {
	return fmt.Sprintf("rollout %s changed while it was archived: targets were retried or undone; nothing was pruned", e.Rollout)
}

// Finished reads a rollout that has ended: an *UnfinishedError if it hasn't, a
// *StatusError if it isn't there.
func (l *Ledger) Finished(ctx context.Context, id string) (Finished, error) {
	list, err := db.Run(ctx, l.rdb, archiveReadScript, id).Slice()
	if err != nil {
		return Finished{}, db.Failed(err, "read rollout %s", id)
	}
	f := Finished{Stamp: fmt.Sprint(list[0]), Fields: db.TextMap(list[1]), Counts: db.TextMap(list[2]), Codes: db.TextMap(list[3]), Plans: db.TextMap(list[4])}
	if len(f.Fields) == 0 {
		return f, &StatusError{Rollout: id}
	}
	if f.Rollout, err = (db.View{ID: id, Fields: f.Fields, Counts: f.Counts, Codes: f.Codes}).Rollout(); err != nil {
		return f, err
	}
	actions, _ := list[5].([]any)
	texts := make([]string, len(actions))
	for i, a := range actions {
		texts[i] = fmt.Sprint(a)
	}
	if f.Actions, err = decodeActions(id, texts); err != nil {
		return f, err
	}
	if left := f.Rollout.Counts.Unfinished(); left > 0 || !f.Rollout.Status.Ended() {
		return f, &UnfinishedError{Rollout: id, Status: f.Rollout.Status, Targets: left}
	}
	return f, nil
}

// Prune takes a finished rollout out of the ledger and remembers a, if it is still as
// Finished read it; its targets are freed in the background. One that was pruned
// before is no error. The errors are those of Finished, and *ChangedError.
func (l *Ledger) Prune(ctx context.Context, stamp string, a Archived) error {
	remember, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("encode what stays of rollout %s: %w", a.ID, err)
	}
	list, err := db.Texts(db.Run(ctx, l.rdb, pruneScript, a.ID, stamp, remember, ArchivedMax, a.By, a.Why))
	if err != nil {
		return db.Failed(err, "prune rollout %s", a.ID)
	}
	switch list[0] {
	case "ok":
		return nil
	case "gone":
		if _, err := l.Archived(ctx, a.ID); !errors.Is(err, ErrNotFound) {
			return err
		}
		return &StatusError{Rollout: a.ID}
	case "changed":
		return &ChangedError{Rollout: a.ID}
	default:
		left, err := db.ParseInt("count", list[2])
		return errors.Join(err, &UnfinishedError{Rollout: a.ID, Status: rollout.Status(list[1]), Targets: int(left)})
	}
}

// Archived is what stays of a pruned rollout; ErrNotFound if none has that id.
func (l *Ledger) Archived(ctx context.Context, id string) (Archived, error) {
	var a Archived
	text, err := l.rdb.HGet(ctx, db.KeyArchived, id).Bytes()
	if errors.Is(err, redis.Nil) {
		return a, fmt.Errorf("archived rollout %s: %w", id, ErrNotFound)
	}
	if err != nil {
		return a, db.Failed(err, "look up archived rollout %s", id)
	}
	if err := json.Unmarshal(text, &a); err != nil {
		return a, fmt.Errorf("archived rollout %s in the ledger: %w", id, err)
	}
	return a, nil
}

// Archives lists what stays of pruned rollouts, newest first, a page of n from offset.
func (l *Ledger) Archives(ctx context.Context, offset, n int) ([]Archived, error) {
	ids, err := l.rdb.ZRevRange(ctx, db.KeyArchives, int64(offset), int64(offset+n-1)).Result()
	if err != nil {
		return nil, db.Failed(err, "list archived rollouts")
	}
	var out []Archived
	for _, id := range ids {
		a, err := l.Archived(ctx, id)
		if errors.Is(err, ErrNotFound) {
			continue // forgotten since
		}
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

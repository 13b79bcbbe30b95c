package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"strings"

	"github.com/wxrollout/wxrollout/internal/redisdb"
	"github.com/wxrollout/wxrollout/ledger/internal/db"
	"github.com/wxrollout/wxrollout/rollout"
)

// AddScheduleTargets writes targets of a schedule that is loading (AppID, Rank,
// Label, Columns); those that are there stay. At most AddBatch at a time.
func (l *Ledger) AddScheduleTargets(ctx context.Context, name string, targets []rollout.Target) (added int, err error) {
	args, err := prototypes(targets, name)
	if err != nil {
		return 0, err
	}
	n, err := db.Run(ctx, l.rdb, scheduleAddScript, args...).Int()
	switch {
	case err != nil:
		return 0, db.Failed(err, "add %d targets to schedule %s", len(targets), name)
	case n == -1:
		return 0, scheduleNotFound(name)
	case n < 0:
		return 0, fmt.Errorf("add targets to schedule %s: it is sealed: delete it to change its targets", name)
	default:
		return n, nil
	}
}

// DraftRun writes targets that the next run of a schedule may take, under the caller's
// token; FreezeRun makes them the run's. At most AddBatch at a time.
func (l *Ledger) DraftRun(ctx context.Context, name, token string, targets []rollout.Target) error {
	args, err := prototypes(targets, name, token)
	if err != nil {
		return err
	}
	return db.Failed(db.Run(ctx, l.rdb, scheduleDraftScript, args...).Err(), "draft %d targets of schedule %s", len(targets), name)
}

// FreezeRun makes a draft the targets of the schedule's next run, with its Plan and
// Total: of several drafts for one run, the first. Whoever fires the run then, and
// after a crash again, reads the same. A draft of another size is a *CountError.
func (l *Ledger) FreezeRun(ctx context.Context, s Schedule, token string) error {
	def, err := s.define()
	if err != nil {
		return err
	}
	n, err := db.Run(ctx, l.rdb, scheduleFreezeScript, s.Name, token, db.ToMilli(s.NextRun), s.Total, def).Int()
	if err != nil {
		return db.Failed(err, "freeze the next run of schedule %s", s.Name)
	}
	if n < 0 {
		return &CountError{Of: "draft of schedule " + s.Name, Want: s.Total}
	}
	return nil
}

// ScheduleTargets walks over the targets of a schedule in pages, in no order,
// ready to be added to a rollout. An unknown schedule is ErrNotFound.
func (l *Ledger) ScheduleTargets(ctx context.Context, name string) iter.Seq2[rollout.Target, error] {
	return func(yield func(rollout.Target, error) bool) {
		found := false
		for f, err := range redisdb.Fields(ctx, l.rdb, db.KeyPrototype(name)) {
			if err != nil {
				yield(rollout.Target{}, db.Failed(err, "read targets of schedule %s", name))
				return
			}
			found = true
			if !yield(decodePrototype(name, f)) {
				return
			}
		}
		if !found {
			l.missing(ctx, db.KeySchedule(name), "schedule "+name, func(err error) { yield(rollout.Target{}, err) })
		}
	}
}

// prototypes appends targets to the arguments of a script.
func prototypes(targets []rollout.Target, args ...any) ([]any, error) {
	for _, t := range targets {
		body, err := db.EncodeBody(t)
		if err != nil {
			return nil, err
		}
		args = append(args, t.AppID, fmt.Sprintf("%d|%s", t.Rank, body))
	}
	return args, nil
}

func decodePrototype(name string, f redisdb.Field) (rollout.Target, error) {
	rank, body, ok := strings.Cut(f.Value, "|")
	n, err := db.ParseInt("rank", rank)
	var t rollout.Target
	if err == nil {
		err = json.Unmarshal([]byte(body), &t)
	}
	if err != nil || !ok {
		return rollout.Target{}, fmt.Errorf("schedule %s, app %s in the ledger: bad record %.80q", name, f.Name, f.Value)
	}
	t.AppID, t.Rank = f.Name, n
	return t, nil
}

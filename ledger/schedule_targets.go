package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"strings"

	"github.com/wxrollout/wxrollout/rollout"
)

// AddScheduleTargets writes targets of a schedule that is loading (AppID, Rank,
// Label, Columns); those that are there stay. At most AddBatch at a time.
func (l *Ledger) AddScheduleTargets(ctx context.Context, name string, targets []rollout.Target) (added int, err error) {
	args := make([]any, 0, 1+2*len(targets))
	args = append(args, name)
	for _, t := range targets {
		body, err := encodeBody(t)
		if err != nil {
			return 0, err
		}
		args = append(args, t.AppID, fmt.Sprintf("%d|%s", t.Rank, body))
	}
	n, err := run(ctx, l.rdb, scheduleAddScript, args...).Int()
	switch {
	case err != nil:
		return 0, failed(err, "add %d targets to schedule %s", len(targets), name)
	case n == -1:
		return 0, scheduleNotFound(name)
	case n < 0:
		return 0, fmt.Errorf("add targets to schedule %s: it is sealed: delete it to change its targets", name)
	default:
		return n, nil
	}
}

// ScheduleTargets walks over the targets of a schedule in pages, in no order,
// ready to be added to a rollout. An unknown schedule is ErrNotFound.
func (l *Ledger) ScheduleTargets(ctx context.Context, name string) iter.Seq2[rollout.Target, error] {
	return func(yield func(rollout.Target, error) bool) {
		found := false
		for f, err := range l.fields(ctx, keyPrototype(name)) {
			if err != nil {
				yield(rollout.Target{}, failed(err, "read targets of schedule %s", name))
				return
			}
			found = true
			if !yield(decodePrototype(name, f)) {
				return
			}
		}
		if !found {
			l.missing(ctx, keySchedule(name), "schedule "+name, func(err error) { yield(rollout.Target{}, err) })
		}
	}
}

func decodePrototype(name string, f field) (rollout.Target, error) {
	rank, body, ok := strings.Cut(f.value, "|")
	n, err := parseInt("rank", rank)
	var t rollout.Target
	if err == nil {
		err = json.Unmarshal([]byte(body), &t)
	}
	if err != nil || !ok {
		return rollout.Target{}, fmt.Errorf("schedule %s, app %s in the ledger: bad record %.80q", name, f.name, f.value)
	}
	t.AppID, t.Rank = f.name, n
	return t, nil
}

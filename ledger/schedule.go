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

// Schedule is a named prototype of rollouts: what to run, on which targets, and
// when. The ledger stores the cron text but doesn't read it: the caller works
// out each next run.
type Schedule struct {
	// Name identifies it.
	Name string
	// Spec is the cron text, Zone the IANA zone it is meant in.
	Spec, Zone string
	// Plan is what each run applies.
	Plan rollout.Plan
	// Digest identifies the content: plan and app list. Total is the number of targets.
	Digest string
	Total  int
	// Recipe is text by which the caller chooses the targets at each run, see
	// FreezeRun; "" means that they are always those stored with the schedule.
	Recipe string
	// By is who made or last changed it.
	By string

	// Created, LastRun and NextRun are server times in whole milliseconds; zero
	// if there was or will be none.
	Created, LastRun, NextRun time.Time
	// LastID is the rollout of the last run.
	LastID string
	// Runs counts the runs that began, Missed those that were not fired before the next one was due, and
	// Skipped those that were left out on purpose, SkippedWhy with the last reason. MissedAt and
	// SkippedAt are when that was found last, server times.
	Runs, Missed, Skipped int
	MissedAt, SkippedAt   time.Time
	SkippedWhy            string
	// Paused keeps it from running until an operator resumes it.
	Paused bool
	// Frozen reports that the next run's targets are chosen and stored.
	Frozen bool
	// Sealed is set when all targets are stored; before, it never runs.
	Sealed bool
}

// definition is the part of a schedule that scripts never read.
type definition struct {
	Spec   string       `json:"spec"`
	Zone   string       `json:"zone"`
	Plan   rollout.Plan `json:"plan"`
	Total  int          `json:"total"`
	By     string       `json:"by"`
	Recipe string       `json:"recipe,omitempty"`
}

// define is the definition of a schedule.
func (s Schedule) define() (string, error) {
	def, err := json.Marshal(definition{Spec: s.Spec, Zone: s.Zone, Plan: s.Plan, Total: s.Total, By: s.By, Recipe: s.Recipe})
	if err != nil {
		return "", fmt.Errorf("encode schedule %s: %w", s.Name, err)
	}
	return string(def), nil
}

// ScheduleTakenError reports that a schedule of the name has other content.
type ScheduleTakenError struct{ Name string }

func (e *ScheduleTakenError) Error() string {
	return fmt.Sprintf("schedule %s exists with another plan or app list: delete it first, or choose another name", e.Name)
}

// PutSchedule stores a schedule without its targets (Name, Spec, Zone, Plan,
// Digest, Total, Recipe, By, NextRun); AddScheduleTargets and SealSchedule complete it.
// With the digest of the one that is there, it only changes when and by whom it
// runs, and sealed reports that the targets are there already. With another digest
// it is a *ScheduleTakenError.
func (l *Ledger) PutSchedule(ctx context.Context, s Schedule) (sealed bool, err error) {
	def, err := s.define()
	if err != nil {
		return false, err
	}
	list, err := db.Texts(db.Run(ctx, l.rdb, schedulePutScript, s.Name, s.Digest, def, db.ToMilli(s.NextRun)))
	if err != nil {
		return false, db.Failed(err, "store schedule %s", s.Name)
	}
	if list[0] == "taken" {
		return false, &ScheduleTakenError{Name: s.Name}
	}
	return len(list) > 1 && list[1] == "1", nil
}

// SealSchedule ends the load of a schedule with total targets: it runs from here
// on. Sealing twice is harmless; another number of targets is a *CountError.
func (l *Ledger) SealSchedule(ctx context.Context, name string, total int) error {
	n, err := db.Run(ctx, l.rdb, scheduleSealScript, name, total).Int()
	switch {
	case err != nil:
		return db.Failed(err, "seal schedule %s", name)
	case n < 0:
		return scheduleNotFound(name)
	case n != total:
		return &CountError{Of: "schedule " + name, Have: n, Want: total}
	default:
		return nil
	}
}

// FireSchedule moves a schedule from its next run expected on to newNext, zero
// for none, and remembers runID as its last run and missed more runs that were not fired in time.
// Of several callers with the same expected one gets true. It is false as well
// if the schedule is gone, paused or not sealed.
//
// Fire after the run's rollout is sealed, under an id made from the schedule's
// name and expected: loading it twice is harmless, but a run that was fired and
// then lost in a crash never comes back.
func (l *Ledger) FireSchedule(ctx context.Context, name, runID string, expected, newNext time.Time, missed int) (bool, error) {
	n, err := db.Run(ctx, l.rdb, scheduleFireScript, name, db.ToMilli(expected), db.ToMilli(newNext), missed, runID, "").Int()
	return n == 1, db.Failed(err, "fire schedule %s", name)
}

// SkipSchedule moves a schedule on like FireSchedule, past a run that is left out; why is not
// empty. The last run stays what it was.
func (l *Ledger) SkipSchedule(ctx context.Context, name string, expected, newNext time.Time, missed int, why string) (bool, error) {
	n, err := db.Run(ctx, l.rdb, scheduleFireScript, name, db.ToMilli(expected), db.ToMilli(newNext), missed, "", why).Int()
	return n == 1, db.Failed(err, "skip a run of schedule %s", name)
}

// PauseSchedule keeps a schedule from running.
func (l *Ledger) PauseSchedule(ctx context.Context, name string) error {
	return l.pauseSchedule(ctx, name, "1", "")
}

// ResumeSchedule lets a paused schedule run again, next at the given time: what
// came due meanwhile is not made up for.
func (l *Ledger) ResumeSchedule(ctx context.Context, name string, next time.Time) error {
	return l.pauseSchedule(ctx, name, "0", fmt.Sprint(db.ToMilli(next)))
}

func (l *Ledger) pauseSchedule(ctx context.Context, name, paused, next string) error {
	n, err := db.Run(ctx, l.rdb, schedulePauseScript, name, paused, next).Int()
	if err != nil {
		return db.Failed(err, "pause or resume schedule %s", name)
	}
	if n == 0 {
		return scheduleNotFound(name)
	}
	return nil
}

// DeleteSchedule takes a schedule away; rollouts it started stay.
func (l *Ledger) DeleteSchedule(ctx context.Context, name string) error {
	n, err := db.Run(ctx, l.rdb, scheduleDeleteScript, name).Int()
	if err != nil {
		return db.Failed(err, "delete schedule %s", name)
	}
	if n == 0 {
		return scheduleNotFound(name)
	}
	return nil
}

func scheduleNotFound(name string) error { return fmt.Errorf("schedule %s: %w", name, ErrNotFound) }

// Schedules lists all schedules by their next run, those without one last. One that
// can't be read is part of the error; the others are listed.
func (l *Ledger) Schedules(ctx context.Context) ([]Schedule, error) {
	names, err := l.rdb.ZRange(ctx, db.KeySchedules, 0, -1).Result()
	if err != nil {
		return nil, db.Failed(err, "list schedules")
	}
	return l.readSchedules(ctx, names)
}

// DueSchedules lists the schedules whose next run has come by the server's
// clock, the longest due first. One that can't be read is part of the error.
func (l *Ledger) DueSchedules(ctx context.Context) ([]Schedule, error) {
	names, err := db.Run(ctx, l.rdb, scheduleDueScript).StringSlice()
	if err != nil {
		return nil, db.Failed(err, "list due schedules")
	}
	return l.readSchedules(ctx, names)
}

// Schedule reads one schedule; ErrNotFound if there is none.
func (l *Ledger) Schedule(ctx context.Context, name string) (Schedule, error) {
	list, err := l.readSchedules(ctx, []string{name})
	if err != nil {
		return Schedule{}, err
	}
	if len(list) == 0 {
		return Schedule{}, scheduleNotFound(name)
	}
	return list[0], nil
}

func (l *Ledger) readSchedules(ctx context.Context, names []string) ([]Schedule, error) {
	if len(names) == 0 {
		return nil, nil
	}
	replies := make([]*redis.MapStringStringCmd, len(names))
	_, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, name := range names {
			replies[i] = p.HGetAll(ctx, db.KeySchedule(name))
		}
		return nil
	})
	if err != nil && !redis.HasErrorPrefix(err, "WRONGTYPE") { // that is one schedule's own
		return nil, db.Failed(err, "read %d schedules", len(names))
	}
	var out []Schedule
	var errs []error
	for i, name := range names {
		if err := replies[i].Err(); err != nil {
			errs = append(errs, fmt.Errorf("schedule %s in the ledger: %w", name, err))
			continue
		}
		if len(replies[i].Val()) == 0 {
			continue // deleted meanwhile
		}
		s, err := decodeSchedule(name, replies[i].Val())
		if err != nil {
			errs = append(errs, err)
			continue
		}
		out = append(out, s)
	}
	return out, errors.Join(errs...)
}

func decodeSchedule(name string, f map[string]string) (Schedule, error) {
	var def definition
	if err := json.Unmarshal([]byte(f["def"]), &def); err != nil {
		return Schedule{}, fmt.Errorf("schedule %s in the ledger: %w", name, err)
	}
	n := make(map[string]int64)
	for _, key := range []string{"created", "last", "next", "runs", "missed", "missed_at", "skipped", "skipped_at"} {
		if f[key] == "" {
			continue
		}
		v, err := db.ParseInt(key, f[key])
		if err != nil {
			return Schedule{}, fmt.Errorf("schedule %s in the ledger: %w", name, err)
		}
		n[key] = v
	}
	return Schedule{
		Name: name, Spec: def.Spec, Zone: def.Zone, Plan: def.Plan, Digest: f["digest"], Total: def.Total, Recipe: def.Recipe, By: def.By,
		Frozen:  f["frozen"] != "" && f["frozen"] == f["next"],
		Created: db.FromMilli(n["created"]), LastRun: db.FromMilli(n["last"]), NextRun: db.FromMilli(n["next"]),
		LastID: f["run"], Runs: int(n["runs"]), Missed: int(n["missed"]), Skipped: int(n["skipped"]),
		MissedAt: db.FromMilli(n["missed_at"]), SkippedAt: db.FromMilli(n["skipped_at"]), SkippedWhy: f["skipped_why"],
		Paused: f["paused"] == "1", Sealed: f["sealed"] == "1",
	}, nil
}

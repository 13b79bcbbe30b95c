// Package archive writes finished rollouts to files, reads such files, and removes archived rollouts
// from Redis.
package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/wxrollout/wxrollout/internal/human"
	"github.com/wxrollout/wxrollout/internal/outfile"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
)

// Suffix ends the names of archive files.
const Suffix = ".jsonl.gz"

// Archived is what Redis keeps of a pruned rollout, of the newest Max.
type Archived = ledger.Archived

// Max is how many pruned rollouts Redis remembers.
const Max = ledger.ArchivedMax

// Archiver carries out the use cases. It is safe for concurrent use.
type Archiver struct {
	Ledger *ledger.Ledger
	Now    func() time.Time
	// By names the operator in archives and in the ledger.
	By string
}

// Options say how to archive a rollout.
type Options struct {
	// File is written; "" is the rollout's id with Suffix.
	File string
	// Prune removes the rollout from Redis once the file is verified.
	Prune bool
	Why   string
}

// Done is what Archive did.
type Done struct {
	ID      string         `json:"id"`
	Status  rollout.Status `json:"status"`
	File    string         `json:"file"`
	Targets int            `json:"targets"`
	Bytes   int64          `json:"bytes"`
	Sum     string         `json:"sha256"`
	// Found reports that the file existed and was complete.
	Found  bool `json:"found"`
	Pruned bool `json:"pruned"`
}

// PrunedError reports a rollout that was archived and removed from Redis. It is a
// ledger.ErrNotFound.
type PrunedError struct{ Archived }

func (e *PrunedError) Error() string {
	return fmt.Sprintf("rollout %s was archived on %s: enqueue archive show %s", e.ID, e.At.Format(time.DateOnly), e.File)
}

// Is makes it a ledger.ErrNotFound.
func (e *PrunedError) Is(target error) bool { return target == ledger.ErrNotFound }

// CheckFinished returns a *ledger.UnfinishedError for a rollout that can't be archived yet.
func CheckFinished(r rollout.Rollout) error {
	if left := r.Counts.Unfinished(); !r.Status.Ended() || left > 0 {
		return &ledger.UnfinishedError{Rollout: r.ID, Status: r.Status, Targets: left}
	}
	return nil
}

// page is how many rollouts are read at a time.
const page = 100

// Archivable lists the finished rollouts that ended at least olderThan ago, newest first. Rollouts
// that can't be read are a *ledger.BrokenError each; the others are listed.
func (a Archiver) Archivable(ctx context.Context, olderThan time.Duration) ([]rollout.Rollout, error) {
	var out []rollout.Rollout
	var unreadable []*ledger.BrokenError
	for offset := 0; ; offset += page {
		list, err := a.Ledger.Rollouts(ctx, offset, page)
		broken, err := ledger.Broken(err)
		if err != nil {
			return nil, err
		}
		unreadable = append(unreadable, broken...)
		for _, r := range list {
			if CheckFinished(r) == nil && !r.Ended.After(a.Now().Add(-olderThan)) {
				out = append(out, r)
			}
		}
		if len(list)+len(broken) < page {
			return out, ledger.JoinBroken(unreadable)
		}
	}
}

// Archive writes a finished rollout to a file, verifies the file by reading it, and removes the
// rollout from Redis if opt says so. A file that holds the rollout already is not written again, so
// that an interrupted archive can be repeated; any other file is left alone.
func (a Archiver) Archive(ctx context.Context, id string, opt Options) (Done, error) {
	done := Done{ID: id, File: cmp.Or(opt.File, id+Suffix)}
	f, err := a.Ledger.Finished(ctx, id)
	if err != nil {
		return done, OrPruned(ctx, a.Ledger, id, err)
	}
	done.Status = f.Rollout.Status
	if err := outfile.Check(done.File); err != nil {
		return done, fmt.Errorf("archive rollout %s: %w", id, err)
	}
	read, err := Check(done.File)
	switch {
	case err == nil && read.Head.ID == id && read.Head.Stamp == f.Stamp:
		done.Found = true
		if err := outfile.Sync(done.File); err != nil { // an interrupted archive may not have
			return done, fmt.Errorf("archive rollout %s: %w", id, err)
		}
	case err == nil || !errors.Is(err, fs.ErrNotExist):
		return done, errors.Join(fmt.Errorf("%s is there and holds something else: archive rollout %s to another file", done.File, id), err)
	default:
		if read, err = a.write(ctx, done.File, f); err != nil {
			return done, err
		}
	}
	done.Targets, done.Bytes, done.Sum = read.Targets, read.Bytes, read.Sum
	if !opt.Prune {
		return done, nil
	}
	if err := a.Ledger.Prune(ctx, f.Stamp, a.archived(f.Rollout, done, opt.Why)); err != nil {
		return done, err
	}
	done.Pruned = true
	return done, nil
}

// archived is what the ledger keeps.
func (a Archiver) archived(r rollout.Rollout, done Done, why string) ledger.Archived {
	file := done.File
	if abs, err := filepath.Abs(file); err == nil {
		file = abs
	}
	return ledger.Archived{
		ID: r.ID, Name: r.Name, Status: r.Status, Total: r.Total, Good: r.Counts.Good(), Created: r.Created, Ended: r.Ended,
		At: a.Now().Truncate(time.Millisecond), File: file, Sum: done.Sum, By: a.By, Why: human.Reason(why),
	}
}

// write writes a file, and verifies it before it appears under its name.
func (a Archiver) write(ctx context.Context, path string, f ledger.Finished) (read Content, err error) {
	file, err := outfile.Create(path)
	if err != nil {
		return read, fmt.Errorf("archive rollout %s: %w", f.Rollout.ID, err)
	}
	n, err := encode(file, headOf(f, a.Now(), a.By), a.Ledger.Targets(ctx, f.Rollout.ID))
	if err == nil && n != f.Rollout.Total {
		err = fmt.Errorf("the ledger has %d targets and the rollout %d: see enqueue check --deep --all", n, f.Rollout.Total)
	}
	if err == nil {
		read, err = Check(file.Name())
	}
	if err == nil && (read.Head.Stamp != f.Stamp || read.Targets != f.Rollout.Total) {
		err = fmt.Errorf("%s holds %d of %d targets when read back", path, read.Targets, f.Rollout.Total)
	}
	if err == nil {
		err = file.Commit()
	} else {
		err = errors.Join(err, file.Discard())
	}
	if err != nil {
		return read, fmt.Errorf("archive rollout %s: %w", f.Rollout.ID, err)
	}
	return read, nil
}

// List lists pruned rollouts, newest first.
func (a Archiver) List(ctx context.Context, limit int) ([]Archived, error) {
	return a.Ledger.Archives(ctx, 0, limit)
}

// OrPruned replaces a not-found error if the rollout of that id was pruned.
func OrPruned(ctx context.Context, l *ledger.Ledger, id string, err error) error {
	if !errors.Is(err, ledger.ErrNotFound) {
		return err
	}
	archived, missing := l.Archived(ctx, id)
	switch {
	case missing == nil:
		return &PrunedError{archived}
	case errors.Is(missing, ledger.ErrNotFound):
		return err
	default:
		return missing
	}
}

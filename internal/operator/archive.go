package operator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
)

// ArchiveOptions say where a rollout is archived to, and what becomes of it.
type ArchiveOptions struct {
	// File is written; "" is the rollout's id with ArchiveSuffix.
	File string
	// Prune takes the rollout out of Redis when the file was read back and is whole.
	Prune bool
	Why   string
}

// ArchiveSuffix ends the names of archive files.
const ArchiveSuffix = ".jsonl.gz"

// ArchiveDone tells what Archive did.
type ArchiveDone struct {
	ID      string         `json:"id"`
	Status  rollout.Status `json:"status"`
	File    string         `json:"file"`
	Targets int            `json:"targets"`
	Bytes   int64          `json:"bytes"`
	Sum     string         `json:"sha256"`
	// Found: the file was there already, and whole.
	Found  bool `json:"found"`
	Pruned bool `json:"pruned"`
}

// ArchivedError says that a rollout was archived and taken out of Redis. It is a
// ledger.ErrNotFound.
type ArchivedError struct{ ledger.Archived }

func (e *ArchivedError) Error() string {
	return fmt.Sprintf("rollout %s was archived on %s: enqueue archive show %s", e.ID, e.At.Format(time.DateOnly), e.File)
}

// Is makes it a ledger.ErrNotFound.
func (e *ArchivedError) Is(target error) bool { return target == ledger.ErrNotFound }

// Archivable lists the finished rollouts that ended at least olderThan ago, the
// newest first, without those that can't be archived yet. Those that can't be read are
// a *ledger.BrokenError each; the others are listed.
func (o *Operator) Archivable(ctx context.Context, olderThan time.Duration) ([]rollout.Rollout, error) {
	var out []rollout.Rollout
	var unreadable []*ledger.BrokenError
	for offset := 0; ; offset += searchPage {
		page, err := o.ledger.Rollouts(ctx, offset, searchPage)
		broken, err := ledger.Broken(err)
		if err != nil {
			return nil, err
		}
		unreadable = append(unreadable, broken...)
		for _, r := range page {
			if r.Status.Ended() && r.Counts.Unfinished() == 0 && !r.Ended.After(o.now().Add(-olderThan)) {
				out = append(out, r)
			}
		}
		if len(page)+len(broken) < searchPage {
			return out, ledger.JoinBroken(unreadable)
		}
	}
}

// Archive writes a finished rollout with everything that is known of it to a file,
// reads that back, and then takes the rollout out of Redis if that is asked. A file
// that holds the rollout as it is already is not written again, so that an archive
// that was interrupted can be repeated; any other file is left alone.
func (o *Operator) Archive(ctx context.Context, id string, opt ArchiveOptions) (ArchiveDone, error) {
	done := ArchiveDone{ID: id, File: cmp.Or(opt.File, id+ArchiveSuffix)}
	f, err := o.ledger.Finished(ctx, id)
	if err != nil {
		return done, o.orArchived(ctx, id, err)
	}
	done.Status = f.Rollout.Status
	read, err := CheckArchive(done.File)
	switch {
	case err == nil && read.Head.ID == id && read.Head.Stamp == f.Stamp:
		done.Found = true
	case err == nil || !errors.Is(err, fs.ErrNotExist):
		return done, errors.Join(fmt.Errorf("%s is there and holds something else: archive rollout %s to another file", done.File, id), err)
	default:
		if read, err = o.writeArchive(ctx, done.File, f); err != nil {
			return done, err
		}
	}
	done.Targets, done.Bytes, done.Sum = read.Targets, read.Bytes, read.Sum
	if !opt.Prune {
		return done, nil
	}
	if err := o.ledger.Prune(ctx, f.Stamp, o.archived(f.Rollout, done, opt.Why)); err != nil {
		return done, err
	}
	done.Pruned = true
	return done, nil
}

// archived is what the ledger remembers.
func (o *Operator) archived(r rollout.Rollout, done ArchiveDone, why string) ledger.Archived {
	file := done.File
	if abs, err := filepath.Abs(file); err == nil {
		file = abs
	}
	return ledger.Archived{
		ID: r.ID, Name: r.Name, Status: r.Status, Total: r.Total, Good: r.Counts.Good(), Created: r.Created, Ended: r.Ended,
		At: o.now().Truncate(time.Millisecond), File: file, Sum: done.Sum, By: o.by, Why: orNoReason(why),
	}
}

// writeArchive writes the file beside its place, reads it back and puts it there.
func (o *Operator) writeArchive(ctx context.Context, path string, f ledger.Finished) (ArchiveRead, error) {
	part := path + ".part"
	err := o.writePart(ctx, part, f)
	var read ArchiveRead
	if err == nil {
		read, err = CheckArchive(part)
	}
	if err == nil && (read.Head.Stamp != f.Stamp || read.Targets != f.Rollout.Total) {
		err = fmt.Errorf("%s holds %d of %d targets when read back", part, read.Targets, f.Rollout.Total)
	}
	if err == nil {
		err = os.Rename(part, path)
	}
	if err != nil {
		if e := os.Remove(part); !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
		return read, fmt.Errorf("archive rollout %s: %w", f.Rollout.ID, err)
	}
	return read, nil
}

func (o *Operator) writePart(ctx context.Context, path string, f ledger.Finished) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	n, err := writeArchive(file, archiveHead(f, o.now(), o.by), o.ledger.Targets(ctx, f.Rollout.ID))
	if err == nil && n != f.Rollout.Total {
		err = fmt.Errorf("the ledger has %d targets and the rollout %d: see enqueue check --deep --ended", n, f.Rollout.Total)
	}
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// Archives lists what is remembered of pruned rollouts, newest first.
func (o *Operator) Archives(ctx context.Context, limit int) ([]ledger.Archived, error) {
	return o.ledger.Archives(ctx, 0, limit)
}

// orArchived replaces a not-found error if the rollout of that id was pruned.
func (o *Operator) orArchived(ctx context.Context, id string, err error) error {
	if !errors.Is(err, ledger.ErrNotFound) {
		return err
	}
	a, e := o.ledger.Archived(ctx, id)
	if e == nil {
		return &ArchivedError{a}
	}
	if errors.Is(e, ledger.ErrNotFound) {
		return err
	}
	return e
}

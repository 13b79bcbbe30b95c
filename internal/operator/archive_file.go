package operator

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"os"
	"time"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
)

// An archive is gzip of JSON lines: an ArchiveHead, an ArchiveTarget for each target in
// no order, and an archiveEnd. Fields may be added; a change that an older reader would
// get wrong raises archiveVersion.
const (
	archiveFormat  = "wxrollout-archive"
	archiveVersion = 1
	// archiveLineMax bounds a line: the head holds the plan with its ext text, and its revisions.
	archiveLineMax = 64 << 20
)

// ArchiveHead is the first line of an archive: all of the rollout but its targets.
type ArchiveHead struct {
	Format  string    `json:"format"`
	Version int       `json:"version"`
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	By      string    `json:"by"`
	// Stamp tells this state of the rollout from any other.
	Stamp   string  `json:"stamp"`
	Summary Summary `json:"summary"`
	// Fields, Counts, Codes and Plans are as the ledger had them: by field, by
	// "wave|stage|state|reason", by errcode and by revision.
	Fields  map[string]string          `json:"fields"`
	Counts  map[string]string          `json:"counts"`
	Codes   map[string]string          `json:"codes"`
	Plans   map[string]json.RawMessage `json:"plans"`
	Actions []ledger.Action            `json:"actions"`
}

// ArchiveTarget is one target in an archive, with its timeline.
type ArchiveTarget struct {
	AppID  string         `json:"appid"`
	Stage  rollout.Stage  `json:"stage"`
	State  rollout.State  `json:"state"`
	Rank   int64          `json:"rank"`
	Target rollout.Target `json:"target"`
}

// archiveEnd is the last line.
type archiveEnd struct {
	Targets int `json:"targets"`
	// Sum is the SHA-256 of all lines before, with their line ends.
	Sum string `json:"sha256"`
}

// ArchiveRead tells what was read.
type ArchiveRead struct {
	Head    ArchiveHead
	Targets int
	Sum     string
	Bytes   int64 // of the file
}

// ArchiveFileError says that a file is no archive, or not a whole one.
type ArchiveFileError struct {
	// Line is where, from 1.
	Line int
	Why  string
	Err  error
}

func (e *ArchiveFileError) Error() string {
	text := fmt.Sprintf("line %d of the archive: %s", e.Line, e.Why)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

func (e *ArchiveFileError) Unwrap() error { return e.Err }

// Rollout is the rollout as far as rows need it.
func (h ArchiveHead) Rollout() rollout.Rollout {
	r := rollout.Rollout{ID: h.ID, Name: h.Summary.Name, Status: h.Summary.Status, Total: h.Summary.Total}
	_ = json.Unmarshal([]byte(h.Fields["plan"]), &r.Plan) // without it rows have no wave's name
	return r
}

func archiveHead(f ledger.Finished, now time.Time, by string) ArchiveHead {
	plans := make(map[string]json.RawMessage, len(f.Plans))
	for revision, text := range f.Plans {
		plans[revision] = json.RawMessage(text)
	}
	return ArchiveHead{
		Format: archiveFormat, Version: archiveVersion, ID: f.Rollout.ID, At: now, By: by, Stamp: f.Stamp,
		Summary: Summarize(f.Rollout), Fields: f.Fields, Counts: f.Counts, Codes: f.Codes, Plans: plans, Actions: f.Actions,
	}
}

// writeArchive writes a whole archive and says how many targets it holds.
func writeArchive(w io.Writer, head ArchiveHead, targets iter.Seq2[rollout.Target, error]) (int, error) {
	zip := gzip.NewWriter(w)
	sum := sha256.New()
	lines := json.NewEncoder(io.MultiWriter(zip, sum))
	lines.SetEscapeHTML(false)
	if err := lines.Encode(head); err != nil {
		return 0, err
	}
	n := 0
	for t, err := range targets {
		if err == nil {
			err = lines.Encode(ArchiveTarget{AppID: t.AppID, Stage: t.Stage, State: t.State, Rank: t.Rank, Target: t})
		}
		if err != nil {
			return n, err
		}
		n++
	}
	err := json.NewEncoder(zip).Encode(archiveEnd{Targets: n, Sum: hex.EncodeToString(sum.Sum(nil))})
	return n, errors.Join(err, zip.Close())
}

// CheckArchive reads a file to its end.
func CheckArchive(path string) (ArchiveRead, error) {
	return ReadArchive(path, func(ArchiveHead, rollout.Target) error { return nil })
}

// ReadArchive reads an archive and hands on each target. That the file is whole is
// only known at its end: an *ArchiveFileError says that it isn't.
func ReadArchive(path string, each func(ArchiveHead, rollout.Target) error) (ArchiveRead, error) {
	var read ArchiveRead
	file, err := os.Open(path)
	if err != nil {
		return read, err
	}
	defer func() { _ = file.Close() }() // read only
	if info, err := file.Stat(); err == nil {
		read.Bytes = info.Size()
	}
	zip, err := gzip.NewReader(file)
	if err != nil {
		return read, &ArchiveFileError{Line: 1, Why: "is not gzip", Err: err}
	}
	r := &archiveReader{sum: sha256.New(), each: each, read: &read}
	lines := bufio.NewScanner(zip)
	lines.Buffer(nil, archiveLineMax)
	for lines.Scan() {
		if err := r.line(lines.Bytes()); err != nil {
			return read, err
		}
	}
	return read, r.end(lines.Err())
}

// archiveReader takes an archive line by line.
type archiveReader struct {
	n     int
	ended bool
	sum   hash.Hash
	each  func(ArchiveHead, rollout.Target) error
	read  *ArchiveRead
}

func (r *archiveReader) bad(why string, err error) error {
	return &ArchiveFileError{Line: r.n, Why: why, Err: err}
}

func (r *archiveReader) line(text []byte) error {
	r.n++
	switch {
	case r.ended:
		return r.bad("goes on after its end", nil)
	case r.n == 1:
		if err := json.Unmarshal(text, &r.read.Head); err != nil || r.read.Head.Format != archiveFormat {
			return r.bad("is not the head of a wxrollout archive", err)
		}
		if v := r.read.Head.Version; v != archiveVersion {
			return r.bad(fmt.Sprintf("has format version %d; this program reads %d", v, archiveVersion), nil)
		}
	case bytes.HasPrefix(text, []byte(`{"targets":`)):
		return r.last(text)
	default:
		var t ArchiveTarget
		if err := json.Unmarshal(text, &t); err != nil || t.AppID == "" {
			return r.bad("is not a target", err)
		}
		t.Target.Rollout, t.Target.AppID, t.Target.Rank = r.read.Head.ID, t.AppID, t.Rank
		t.Target.Stage, t.Target.State = t.Stage, t.State
		r.read.Targets++
		if err := r.each(r.read.Head, t.Target); err != nil {
			return err
		}
	}
	r.sum.Write(text)
	r.sum.Write([]byte{'\n'})
	return nil
}

func (r *archiveReader) last(text []byte) error {
	var end archiveEnd
	if err := json.Unmarshal(text, &end); err != nil {
		return r.bad("is not the end of an archive", err)
	}
	r.read.Sum = hex.EncodeToString(r.sum.Sum(nil))
	if end.Sum != r.read.Sum || end.Targets != r.read.Targets {
		return r.bad(fmt.Sprintf("promises %d targets and sum %s; there are %d with %s", end.Targets, end.Sum, r.read.Targets, r.read.Sum), nil)
	}
	r.ended = true
	return nil
}

// end reports whether the file was whole.
func (r *archiveReader) end(err error) error {
	r.n++
	switch {
	case err != nil:
		return r.bad("can't be read", err)
	case !r.ended:
		return r.bad("is missing: the file is not whole", nil)
	default:
		return nil
	}
}

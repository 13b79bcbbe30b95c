package archive

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

	"github.com/wxrollout/wxrollout/internal/view"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
)

// An archive is gzip of JSON lines: a Head, a Target for each target in no order, and a trailer.
// Fields may be added; a change that an older reader would misread raises version.
const (
	format  = "wxrollout-archive"
	version = 1
	// lineMax bounds a line: the head holds the plan with its ext text, and its revisions.
	lineMax = 64 << 20
)

// Head is the first line of an archive: all of the rollout but its targets.
type Head struct {
	Format  string    `json:"format"`
	Version int       `json:"version"`
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	By      string    `json:"by"`
	// Stamp identifies this state of the rollout.
	Stamp   string       `json:"stamp"`
	Summary view.Summary `json:"summary"`
	// Fields, Counts, Codes and Plans are as the ledger had them: by field, by
	// "wave|stage|state|reason", by errcode and by revision.
	Fields  map[string]string          `json:"fields"`
	Counts  map[string]string          `json:"counts"`
	Codes   map[string]string          `json:"codes"`
	Plans   map[string]json.RawMessage `json:"plans"`
	Actions []ledger.Action            `json:"actions"`
}

// Target is one target in an archive, with its timeline.
type Target struct {
	AppID  string         `json:"appid"`
	Stage  rollout.Stage  `json:"stage"`
	State  rollout.State  `json:"state"`
	Rank   int64          `json:"rank"`
	Target rollout.Target `json:"target"`
}

// trailer is the last line.
type trailer struct {
	Targets int `json:"targets"`
	// Sum is the SHA-256 of all lines before, with their line ends.
	Sum string `json:"sha256"`
}

// Content is what was read.
type Content struct {
	Head    Head
	Targets int
	Sum     string
	Bytes   int64 // of the file
}

// FileError reports that a file is no archive, or an incomplete one.
type FileError struct {
	// Line is where, from 1.
	Line int
	Why  string
	Err  error
}

func (e *FileError) Error() string {
	text := fmt.Sprintf("line %d of the archive: %s", e.Line, e.Why)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

func (e *FileError) Unwrap() error { return e.Err }

// Rollout has the parts of the rollout that rows need.
func (h Head) Rollout() rollout.Rollout {
	r := rollout.Rollout{ID: h.ID, Name: h.Summary.Name, Status: h.Summary.Status, Total: h.Summary.Total}
	_ = json.Unmarshal([]byte(h.Fields["plan"]), &r.Plan) // without it rows have no wave's name
	return r
}

func headOf(f ledger.Finished, now time.Time, by string) Head {
	plans := make(map[string]json.RawMessage, len(f.Plans))
	for revision, text := range f.Plans {
		plans[revision] = json.RawMessage(text)
	}
	return Head{
		Format: format, Version: version, ID: f.Rollout.ID, At: now, By: by, Stamp: f.Stamp,
		Summary: view.Summarize(f.Rollout), Fields: f.Fields, Counts: f.Counts, Codes: f.Codes, Plans: plans, Actions: f.Actions,
	}
}

// encode writes an archive and returns the number of its targets.
func encode(w io.Writer, head Head, targets iter.Seq2[rollout.Target, error]) (int, error) {
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
			err = lines.Encode(Target{AppID: t.AppID, Stage: t.Stage, State: t.State, Rank: t.Rank, Target: t})
		}
		if err != nil {
			return n, err
		}
		n++
	}
	err := json.NewEncoder(zip).Encode(trailer{Targets: n, Sum: hex.EncodeToString(sum.Sum(nil))})
	return n, errors.Join(err, zip.Close())
}

// Check reads a file to its end.
func Check(path string) (Content, error) {
	return Read(path, func(Head, rollout.Target) error { return nil })
}

// Read reads an archive and calls each with every target. An incomplete file is a *FileError, after
// its last target.
func Read(path string, each func(Head, rollout.Target) error) (Content, error) {
	var read Content
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
		return read, &FileError{Line: 1, Why: "is not gzip", Err: err}
	}
	r := &reader{sum: sha256.New(), each: each, read: &read}
	lines := bufio.NewScanner(zip)
	lines.Buffer(nil, lineMax)
	for lines.Scan() {
		if err := r.line(lines.Bytes()); err != nil {
			return read, err
		}
	}
	return read, r.end(lines.Err())
}

// reader reads an archive line by line.
type reader struct {
	n     int
	ended bool
	sum   hash.Hash
	each  func(Head, rollout.Target) error
	read  *Content
}

func (r *reader) bad(why string, err error) error {
	return &FileError{Line: r.n, Why: why, Err: err}
}

func (r *reader) line(text []byte) error {
	r.n++
	switch {
	case r.ended:
		return r.bad("goes on after its end", nil)
	case r.n == 1:
		if err := json.Unmarshal(text, &r.read.Head); err != nil || r.read.Head.Format != format {
			return r.bad("is not the head of a wxrollout archive", err)
		}
		if v := r.read.Head.Version; v != version {
			return r.bad(fmt.Sprintf("has format version %d; this program reads %d", v, version), nil)
		}
	case bytes.HasPrefix(text, []byte(`{"targets":`)):
		return r.last(text)
	default:
		var t Target
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

func (r *reader) last(text []byte) error {
	var t trailer
	if err := json.Unmarshal(text, &t); err != nil {
		return r.bad("is not the end of an archive", err)
	}
	r.read.Sum = hex.EncodeToString(r.sum.Sum(nil))
	if t.Sum != r.read.Sum || t.Targets != r.read.Targets {
		return r.bad(fmt.Sprintf("promises %d targets and sum %s; there are %d with %s", t.Targets, t.Sum, r.read.Targets, r.read.Sum), nil)
	}
	r.ended = true
	return nil
}

// end returns an error unless the file is complete.
func (r *reader) end(err error) error {
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

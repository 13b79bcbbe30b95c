package ledger_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
)

// end lets every target of a rollout fail, and the rollout be done.
func (b *bench) end(id string, apps ...string) {
	b.Helper()
	for _, app := range apps {
		_, t := b.begin(id, rollout.StagePreflight, app)
		b.step(t, rollout.Failed{At: at, LastError: rollout.LastError{Class: "plan", Code: 85013, Text: "x"}})
	}
	b.must(b.Finish(b.Context(), id))
}

func (b *bench) keys() []string {
	b.Helper()
	keys, err := b.rdb.Keys(b.Context(), "*").Result()
	b.must(err)
	return keys
}

// A pruned rollout leaves no key behind but what is remembered of it.
func TestPrune(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		b.load("r1", 2)
		b.load("r2", 3)
		_, err := b.Finished(b.Context(), "r1")
		if want := (&ledger.UnfinishedError{Rollout: "r1", Status: "running", Targets: 2}); !cmp.Equal(err, error(want)) {
			b.Errorf("running: %v, want %v", err, want)
		}
		b.end("r1", "wx000", "wx001")
		f, err := b.Finished(b.Context(), "r1")
		b.must(err)
		if f.Rollout.Total != 2 || len(f.Actions) != 2 || f.Plans["0"] == "" || f.Codes["85013"] != "2" {
			b.Errorf("finished: %+v", f)
		}
		a := ledger.Archived{ID: "r1", Name: f.Rollout.Name, Status: f.Rollout.Status, Total: 2, File: "r1.jsonl.gz", By: "op", Why: "old"}
		b.must(b.Prune(b.Context(), f.Stamp, a))
		b.must(b.Prune(b.Context(), f.Stamp, a)) // again does nothing
		for _, key := range b.keys() {
			if len(key) > 3 && key[len(key)-3:] == ":r1" {
				b.Errorf("%s stays", key)
			}
		}
		if _, err := b.Rollout(b.Context(), "r1"); !errors.Is(err, ledger.ErrNotFound) {
			b.Errorf("pruned, it is %v", err)
		}
		if _, err := b.ByName(b.Context(), "plan of r1"); !errors.Is(err, ledger.ErrNotFound) {
			b.Errorf("pruned, its name is %v", err)
		}
		list, err := b.Archives(b.Context(), 0, 9)
		b.must(err)
		if diff := cmp.Diff([]ledger.Archived{a}, list); diff != "" {
			b.Errorf("archived (-want +got):\n%s", diff)
		}
		b.sound("r2")
		if err := b.Prune(b.Context(), "", ledger.Archived{ID: "r9"}); !errors.Is(err, ledger.ErrNotFound) {
			b.Errorf("an unknown one: %v", err)
		}
	})
}

// What changed since it was read is not pruned.
func TestPruneOnlyWhatWasRead(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		b.load("r1", 1)
		b.end("r1", "wx000")
		f, err := b.Finished(b.Context(), "r1")
		b.must(err)
		was, err := b.Target(b.Context(), "r1", "wx000")
		b.must(err)
		again := b.step(was, rollout.Retried{At: at})
		err = b.Prune(b.Context(), f.Stamp, ledger.Archived{ID: "r1"})
		if !errors.As(err, new(*ledger.UnfinishedError)) {
			b.Errorf("retried: %v", err)
		}
		b.step(again, rollout.Aborted{At: at})
		b.must(b.Finish(b.Context(), "r1"))
		if err := b.Prune(b.Context(), f.Stamp, ledger.Archived{ID: "r1"}); !errors.As(err, new(*ledger.ChangedError)) {
			b.Errorf("ended otherwise: %v", err)
		}
		b.sound("r1")
	})
}

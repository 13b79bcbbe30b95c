package archive_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/internal/archive"
	"github.com/wxrollout/wxrollout/internal/launch"
	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/internal/operator/operatortest"
	"github.com/wxrollout/wxrollout/internal/view"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
)

// finished is a bench with a rollout of three apps that is done, one rejected.
func finished(t *testing.T) (b *bench, id, file string) {
	t.Helper()
	b = mini(t)
	id = b.Apply(simple, 3)
	b.Worker.Answer(appID(1), rollout.StageVerdict, operatortest.Rejected("1: no login page"))
	b.Work()
	return b, id, filepath.Join(t.TempDir(), "spring"+archive.Suffix)
}

// targets are a rollout's, by appid.
func (b *bench) targets(id string) map[string]rollout.Target {
	b.T.Helper()
	all := make(map[string]rollout.Target)
	for t, err := range b.Ledger.Targets(b.Ctx, id) {
		if err != nil {
			b.T.Fatal(err)
		}
		all[t.AppID] = t
	}
	return all
}

func TestArchiveKeepsEverything(t *testing.T) {
	t.Parallel()
	b, id, file := finished(t)
	want := b.targets(id)
	done, err := b.Archiver.Archive(b.Ctx, id, archive.Options{File: file, Prune: true, Why: "old"})
	if err != nil || !done.Pruned || done.Found || done.Targets != 3 {
		t.Fatalf("archived %+v, %v", done, err)
	}
	got := make(map[string]rollout.Target)
	read, err := archive.Read(file, func(_ archive.Head, x rollout.Target) error {
		got[x.AppID] = x
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for app, x := range want { // the ledger's own numbers of assignments and writes mean nothing elsewhere
		x.Fence, x.Version = 0, 0
		want[app] = x
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("targets (-stored +archived):\n%s", diff)
	}
	h := read.Head
	if h.Summary.Good != 2 || h.Summary.Bad != 1 || len(h.Actions) != 2 || !strings.Contains(string(h.Plans["0"]), "3.9.0") || h.Rollout().Plan.Waves[0].Size != 3 {
		t.Errorf("head %+v", h)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 || info.Size() != done.Bytes {
		t.Errorf("file %v, %v", info, err)
	}
}

// An archived rollout is found no more, by no name, and its content isn't applied
// again under the id that WeChat's versions carry.
func TestArchivedIsReported(t *testing.T) {
	t.Parallel()
	b, id, file := finished(t)
	if _, err := b.Archiver.Archive(b.Ctx, id, archive.Options{File: file, Prune: true}); err != nil {
		t.Fatal(err)
	}
	for _, ref := range []string{id, "spring", id[:9]} {
		_, err := b.Operator.Rollout(b.Ctx, ref)
		if a := (*archive.PrunedError)(nil); !errors.As(err, &a) || a.File != file || !errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("%s: %v, want an ArchivedError", ref, err)
		}
	}
	if _, err := b.Operator.Rollout(b.Ctx, "winter"); errors.As(err, new(*archive.PrunedError)) {
		t.Errorf("another name: %v", err)
	}
	_, err := b.Launcher.Apply(b.Ctx, b.Plan(simple, 3), launch.ApplyOptions{})
	if e := (*launch.EndedError)(nil); !errors.As(err, &e) || e.Next != id+"-2" {
		t.Errorf("applied again: %v, want an EndedError with %s-2", err, id)
	}
	again, err := b.Launcher.Apply(b.Ctx, b.Plan(simple, 3), launch.ApplyOptions{Again: true})
	if err != nil || again.ID != id+"-2" {
		t.Errorf("applied once more: %+v, %v", again, err)
	}
}

func TestArchiveCanBeRepeated(t *testing.T) {
	t.Parallel()
	b, id, file := finished(t)
	first, err := b.Archiver.Archive(b.Ctx, id, archive.Options{File: file})
	if err != nil || first.Pruned {
		t.Fatalf("archived %+v, %v", first, err)
	}
	second, err := b.Archiver.Archive(b.Ctx, id, archive.Options{File: file, Prune: true})
	if err != nil || !second.Found || !second.Pruned || second.Sum != first.Sum {
		t.Errorf("again %+v, %v", second, err)
	}
	_, err = b.Archiver.Archive(b.Ctx, id, archive.Options{File: file, Prune: true})
	if !errors.As(err, new(*archive.PrunedError)) {
		t.Errorf("after it was pruned: %v, want an ArchivedError", err)
	}
}

// Nothing is pruned unless its file is whole, and no file is overwritten.
func TestArchiveTouchesNothingElse(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		before func(b *bench, id, file string)
		want   string
	}{
		"another rollout's file": {func(b *bench, _, file string) {
			other := b.Apply(strings.Replace(simple, "spring", "winter", 1), 2)
			b.Work()
			if _, err := b.Archiver.Archive(b.Ctx, other, archive.Options{File: file}); err != nil {
				b.T.Fatal(err)
			}
		}, "holds something else"},
		"any other file": {func(b *bench, _, file string) {
			if err := os.WriteFile(file, []byte("my only copy"), 0o600); err != nil {
				b.T.Fatal(err)
			}
		}, "is not gzip"},
		"an older state": {func(b *bench, id, file string) {
			if _, err := b.Archiver.Archive(b.Ctx, id, archive.Options{File: file}); err != nil {
				b.T.Fatal(err)
			}
			if _, err := b.Operator.Retry(b.Ctx, id, view.Filter{}, operator.RetryOptions{}); err != nil {
				b.T.Fatal(err)
			}
			b.Work()
		}, "holds something else"},
		"unfinished": {func(b *bench, id, _ string) {
			if _, err := b.Operator.Retry(b.Ctx, id, view.Filter{}, operator.RetryOptions{}); err != nil {
				b.T.Fatal(err)
			}
		}, "can be archived"},
		"a target is missing": {func(b *bench, id, _ string) {
			if err := b.Redis.HDel(b.Ctx, "wxr:{ledger}:t:"+id, appID(0)).Err(); err != nil {
				b.T.Fatal(err)
			}
		}, "the ledger has 2 targets and the rollout 3"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, id, file := finished(t)
			test.before(b, id, file)
			before, _ := os.ReadFile(file)
			_, err := b.Archiver.Archive(b.Ctx, id, archive.Options{File: file, Prune: true})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
			b.Rollout(id)
			after, _ := os.ReadFile(file)
			if !bytes.Equal(before, after) {
				t.Error("the file was changed")
			}
			if left, err := filepath.Glob(filepath.Join(filepath.Dir(file), ".*.tmp")); err != nil || len(left) > 0 {
				t.Errorf("left beside it: %v %v", left, err)
			}
		})
	}
}

func TestDamagedArchives(t *testing.T) {
	t.Parallel()
	b, id, file := finished(t)
	if _, err := b.Archiver.Archive(b.Ctx, id, archive.Options{File: file}); err != nil {
		t.Fatal(err)
	}
	lines := slices.Collect(strings.Lines(unzip(t, file)))
	tests := map[string]struct {
		text []string
		want string
	}{
		"the end is missing":     {lines[:4], "line 5 of the archive: is missing"},
		"a target is missing":    {slices.Concat(lines[:2], lines[3:]), "promises 3 targets"},
		"a target twice":         {slices.Concat(lines[:2], lines[1:]), "promises 3 targets"},
		"more behind the end":    {slices.Concat(lines, lines[1:2]), "goes on after its end"},
		"no head":                {lines[1:], "line 1 of the archive: is not the head"},
		"a newer format":         {slices.Concat([]string{strings.Replace(lines[0], `"version":1`, `"version":9`, 1)}, lines[1:]), "format version 9"},
		"something else between": {slices.Concat(lines[:2], []string{"[]\n"}, lines[2:]), "line 3 of the archive: is not a target"},
		"nothing":                {nil, "is missing"},
		"a number was changed":   {slices.Concat(lines[:1], []string{strings.Replace(lines[1], `"att":1`, `"att":2`, 1)}, lines[2:]), "promises"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bad := filepath.Join(t.TempDir(), "bad")
			zip(t, bad, strings.Join(test.text, ""))
			_, err := archive.Check(bad)
			if e := (*archive.FileError)(nil); !errors.As(err, &e) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

func TestArchivable(t *testing.T) {
	t.Parallel()
	b, id, _ := finished(t)
	b.Advance(48 * time.Hour)
	b.Apply(strings.Replace(simple, "spring", "winter", 1), 2)
	for age, want := range map[time.Duration]int{0: 1, 47 * time.Hour: 1, 49 * time.Hour: 0} {
		list, err := b.Archiver.Archivable(b.Ctx, age)
		if err != nil || len(list) != want || want == 1 && list[0].ID != id {
			t.Errorf("older than %s: %d, %v, want %d", age, len(list), err, want)
		}
	}
}

func unzip(t *testing.T, file string) string {
	t.Helper()
	f, err := os.Open(file)
	must(t, err)
	defer func() { must(t, f.Close()) }()
	z, err := gzip.NewReader(f)
	must(t, err)
	text, err := io.ReadAll(z)
	must(t, err)
	return string(text)
}

func zip(t *testing.T, file, text string) {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write([]byte(text))
	must(t, err)
	must(t, z.Close())
	must(t, os.WriteFile(file, b.Bytes(), 0o600))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

package outfile_test

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/wxrollout/wxrollout/internal/outfile"
)

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

// names lists a directory.
func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

func TestWrite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "a.csv")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil { //nolint:gosec // an earlier file that all can read
		t.Fatal(err)
	}
	err := outfile.Write(path, func(w io.Writer) error {
		if got, err := os.ReadFile(path); string(got) != "old" || err != nil {
			t.Errorf("%q %v while it is written", got, err)
		}
		return text("new")(w)
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if string(got) != "new" || err != nil {
		t.Errorf("%q %v", got, err)
	}
	if info, err := os.Lstat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v %v", info.Mode(), err)
	}
	if err := outfile.Sync(path); err != nil {
		t.Error(err)
	}
	if got := names(t, dir); got != "a.csv" {
		t.Errorf("the directory has %s", got)
	}
}

// TestFailureLeavesNothing: neither a failed write nor a failed commit changes the file or leaves
// a temporary one.
func TestFailureLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "a.csv")
	if err := outfile.Write(path, text("old")); err != nil {
		t.Fatal(err)
	}
	full := errors.New("full")
	if err := outfile.Write(path, func(io.Writer) error { return full }); !errors.Is(err, full) {
		t.Error(err)
	}
	f, err := outfile.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(path), os.Symlink("elsewhere", path)); err != nil {
		t.Fatal(err)
	}
	if err := f.Commit(); err == nil || !strings.Contains(err.Error(), "symbolic link") {
		t.Errorf("commit over a link: %v", err)
	}
	if got := names(t, dir); got != "a.csv" {
		t.Errorf("the directory has %s", got)
	}
}

// TestOnlyRegularFiles: nothing else is opened, replaced or followed.
func TestOnlyRegularFiles(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "out") //nolint:usetesting // the path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	in := func(name string) string { return filepath.Join(dir, name) }
	var lc net.ListenConfig
	socket, err := lc.Listen(t.Context(), "unix", in("socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close() //nolint:errcheck // the test is over
	if err := errors.Join(syscall.Mkfifo(in("fifo"), 0o600), os.Mkdir(in("dir"), 0o700), os.WriteFile(in("file"), nil, 0o600),
		os.Symlink(in("file"), in("link")), os.Symlink(in("none"), in("dangling")), os.Symlink("/dev/null", in("null"))); err != nil {
		t.Fatal(err)
	}
	before := names(t, dir)
	for path, want := range map[string]string{
		in("socket"): "a socket", in("fifo"): "a FIFO", in("dir"): "a directory", in("link"): "a symbolic link",
		in("dangling"): "a symbolic link", in("null"): "a symbolic link", "/dev/null": "a device", in("new") + "/": "no file name", "": "no file name",
		in("none/file"): "no such file",
	} {
		if _, err := outfile.Create(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", path, err, want)
		}
		if path != "" && outfile.Sync(path) == nil {
			t.Errorf("%q: synced", path)
		}
	}
	if after := names(t, dir); after != before {
		t.Errorf("the directory has %s, was %s", after, before)
	}
	if info, err := os.Lstat("/dev/null"); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		t.Errorf("/dev/null is %v %v", info.Mode(), err)
	}
}

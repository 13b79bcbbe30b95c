//go:build unix

package filefault_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/wxrollout/wxrollout/rollout/filefault"
)

// TestReadFile: what has no end, may block or does not fit is refused unread.
func TestReadFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := syscall.Mkfifo(at("pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, size := range map[string]int64{"fits": 2048, "large": 2049, "huge": 8 << 30} {
		if err := os.WriteFile(at(name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(at(name), size); err != nil { // sparse
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/dev/zero", at("link")); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/dev/zero":   "is a device: want a file",
		at("link"):    "is a device: want a file",
		at("pipe"):    "is a pipe: write its text to a file first",
		dir:           "is a directory: want a file",
		at("huge"):    "is larger than 2 KiB",
		at("large"):   "is larger than 2 KiB",
		at("missing"): "no such file or directory",
		at("fits"):    "",
	} {
		data, err := filefault.ReadFile(path, 2048)
		switch {
		case want == "" && (err != nil || len(data) != 2048):
			t.Errorf("%s: %d bytes, %v", path, len(data), err)
		case want != "" && (err == nil || err.Error() != want):
			t.Errorf("%s: got %v, want %s", path, err, want)
		}
	}
}

// Package outfile writes files that appear under their name only when they are complete and on disk.
package outfile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// File is a file that is being written. It has a temporary name in the directory of its target
// until Commit. Permissions are 0600, also if the target existed with others.
type File struct {
	*os.File
	root *os.Root
	path string
}

// Create begins to write a file. An existing target must be a regular file, which Commit replaces:
// a device, FIFO, socket, directory or symbolic link is refused.
func Create(path string) (*File, error) {
	if err := Check(path); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", path, err)
	}
	// A Root opens without following links (O_NOFOLLOW); O_EXCL refuses any file that is there.
	temp, err := root.OpenFile("."+filepath.Base(path)+"."+rand.Text()[:8]+".tmp", os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", path, errors.Join(err, root.Close()))
	}
	return &File{File: temp, root: root, path: path}, nil
}

// Check returns an error unless path is a regular file or doesn't exist.
func Check(path string) error {
	if path == "" || os.IsPathSeparator(path[len(path)-1]) {
		return fmt.Errorf("write %q: it is no file name", path)
	}
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	what := ""
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		what = "a directory"
	case mode&fs.ModeSymlink != 0:
		what = "a symbolic link"
	case mode&fs.ModeNamedPipe != 0:
		what = "a FIFO"
	case mode&fs.ModeSocket != 0:
		what = "a socket"
	default:
		what = "a device"
	}
	return fmt.Errorf("write %s: it is %s: name a regular file, or one that doesn't exist", path, what)
}

// Commit puts the file under its name. On success, content and name are on disk.
func (f *File) Commit() error {
	err := errors.Join(f.Sync(), f.Close())
	if err == nil {
		err = Check(f.path)
	}
	temp := filepath.Base(f.Name())
	if err == nil {
		err = f.root.Rename(temp, filepath.Base(f.path))
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", f.path, errors.Join(err, f.root.Remove(temp), f.root.Close()))
	}
	return errors.Join(syncDir(f.root), f.root.Close())
}

// Discard removes a file that is not to be committed.
func (f *File) Discard() error {
	return errors.Join(f.Close(), f.root.Remove(filepath.Base(f.Name())), f.root.Close())
}

// Write writes a file by a function. If that fails, nothing changes under path.
func Write(path string, write func(io.Writer) error) error {
	f, err := Create(path)
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		return errors.Join(err, f.Discard())
	}
	return f.Commit()
}

// Sync puts an existing regular file and its name on disk.
func Sync(path string) error {
	if err := Check(path); err != nil {
		return err
	}
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }() // only read
	f, err := root.Open(filepath.Base(path))
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close(), syncDir(root))
}

// syncDir puts the names in a directory on disk, where its file system can.
func syncDir(root *os.Root) error {
	dir, err := root.Open(".")
	if err != nil {
		return err
	}
	err = dir.Sync()
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINVAL) {
		err = nil
	}
	return errors.Join(err, dir.Close())
}

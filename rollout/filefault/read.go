package filefault

import (
	"fmt"
	"io"
	"io/fs"
	"os"
)

// ReadFile reads a regular file of at most limit bytes. It refuses anything else before it reads: a
// device may have no end, opening a pipe may wait for ever, and a disk image would fill the memory.
// The error does not name the file.
func ReadFile(path string, limit int64) ([]byte, error) {
	f, err := OpenFile(path, limit)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit { // it grew
		return nil, tooLarge(limit)
	}
	return data, nil
}

// OpenFile opens a regular file of at most limit bytes: see ReadFile. The file may grow while it is
// read.
func OpenFile(path string, limit int64) (*os.File, error) {
	info, err := os.Stat(path) // before opening: to open a pipe waits for its writer
	if err != nil {
		return nil, reason(err)
	}
	if err := regular(info, limit); err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, reason(err)
	}
	if info, err = f.Stat(); err == nil { // another file may have its name now
		err = regular(info, limit)
	}
	if err != nil {
		f.Close() //nolint:errcheck,gosec // only read
		return nil, err
	}
	return f, nil
}

func regular(info fs.FileInfo, limit int64) error {
	switch mode := info.Mode(); {
	case mode.IsDir():
		return fmt.Errorf("is a directory: want a file")
	case mode&fs.ModeNamedPipe != 0:
		return fmt.Errorf("is a pipe: write its text to a file first")
	case !mode.IsRegular():
		return fmt.Errorf("is a device: want a file")
	case info.Size() > limit:
		return tooLarge(limit)
	}
	return nil
}

func tooLarge(limit int64) error {
	if limit >= 1<<20 {
		return fmt.Errorf("is larger than %d MiB", limit>>20)
	}
	return fmt.Errorf("is larger than %d KiB", limit>>10)
}

// reason is why a file can't be read, without its path, which callers have in their own words.
func reason(err error) error {
	if path, ok := err.(*fs.PathError); ok { //nolint:errorlint // as the package os returns it
		return path.Err
	}
	return err
}

// Workbook says which workbook of a spreadsheet program begins with head; "" for none.
func Workbook(head []byte) string {
	switch {
	case hasPrefix(head, "PK\x03\x04"), hasPrefix(head, "PK\x05\x06"):
		return "is a workbook (.xlsx or .ods) or another zip file"
	case hasPrefix(head, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
		return "is a workbook of an old Excel (.xls)"
	default:
		return ""
	}
}

func hasPrefix(data []byte, prefix string) bool {
	return len(data) >= len(prefix) && string(data[:len(prefix)]) == prefix
}

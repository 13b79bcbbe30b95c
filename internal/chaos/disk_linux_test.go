package chaos

import (
	"fmt"
	"math"
	"os/signal"
	"syscall"
	"unsafe"
)

// ignoreFileLimit lets children see a full file as an error of write, not as a
// signal that ends them.
func ignoreFileLimit() { signal.Ignore(syscall.SIGXFSZ) }

// fill lets a process append to no file beyond a size: to redis-server the same as
// a full disk (write fails, AOF errors, MISCONF), and it needs no mount.
func fill(pid int, bytes int64) error { return limitFiles(pid, uint64(bytes)) }

// free undoes fill.
func free(pid int) error { return limitFiles(pid, math.MaxUint64) }

func limitFiles(pid int, bytes uint64) error {
	limit := syscall.Rlimit{Cur: bytes, Max: math.MaxUint64}
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(pid), syscall.RLIMIT_FSIZE, uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
	if errno != 0 {
		return fmt.Errorf("limit the files of process %d to %d bytes: %w", pid, bytes, errno)
	}
	return nil
}

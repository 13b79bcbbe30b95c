package app

import (
	"fmt"
	"io"
	"io/fs"
	"math"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/wxrollout/wxrollout/internal/config"
)

// memoryMin is what a worker needs: an idle one holds about 30 MiB, and the garbage collector needs room above.
const memoryMin = 64 << 20

// memoryFiles hold the memory limit of a container, by the version of Linux's control groups.
var memoryFiles = []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}

// CheckMemory returns an error if GOMEMLIMIT or the container leaves a worker less memory than it needs. With
// less, the garbage collector would take all CPU time before the kernel ends the process.
func CheckMemory(open config.Opener) error {
	limit, name := debug.SetMemoryLimit(-1), "GOMEMLIMIT"
	for _, file := range memoryFiles {
		if n := readLimit(open, file); n < limit {
			limit, name = n, file
		}
	}
	if limit >= memoryMin {
		return nil
	}
	return fmt.Errorf("start worker: the memory limit is %d MiB (%s): give it at least %d MiB", limit>>20, name, memoryMin>>20)
}

// readLimit reads a limit in bytes; a file without one has no limit.
func readLimit(open config.Opener, file string) int64 {
	f, err := open(file)
	if err != nil {
		return math.MaxInt64
	}
	defer func(f fs.File) { _ = f.Close() }(f) // only read
	text, err := io.ReadAll(io.LimitReader(f, 64))
	if err != nil {
		return math.MaxInt64
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil { // max
		return math.MaxInt64
	}
	return n
}
